//! Holds: the streams that the broker refuses, and from where in the spool.
//!
//! # Invariants
//!
//! 1. Of a held stream at most one message, its *probe*, is on its way.
//! 2. A hold never begins after a sample of its stream that is not acknowledged.
//!
//! # Deliberately absent
//!
//! The samples themselves: they are in the spool.

use core::time::Duration;
use std::collections::BTreeMap;

use domain::{Backoff, Monotonic, SequenceNumber, StreamName};
use ports::{Position, Token};

use super::flight::Run;

/// The streams that are held, by name.
#[derive(Debug)]
pub(super) struct Holds {
    streams: BTreeMap<StreamName, Hold>,
    /// The waits between probes of one stream go from about the first to the second.
    waits: (Duration, Duration),
    seed: u64,
    /// Grows when a stream is held or set free.
    changes: u64,
}

/// Where a stream goes on when the broker takes it again.
#[derive(Debug)]
pub(super) struct Hold {
    /// No sample of the stream before this waits,
    pub(super) from: Position,
    /// nor one with a number before this.
    pub(super) seq: SequenceNumber,
    /// When the next probe is due.
    due: Monotonic,
    backoff: Backoff,
    probe: Option<Probe>,
    /// The newest probe that was answered was acknowledged.
    is_taken: bool,
    reason: String,
}

/// A message of a held stream on its way, and where the hold begins once it is acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) token: Token,
    pub(super) from: Position,
    pub(super) seq: SequenceNumber,
}

impl Holds {
    /// Waits between probes of one stream go from about `first` to `most`.
    pub(super) const fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { streams: BTreeMap::new(), waits: (first, most), seed, changes: 0 }
    }

    pub(super) fn holds(&self, stream: &StreamName) -> bool {
        self.streams.contains_key(stream)
    }

    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    /// What the broker says of each stream.
    pub(super) fn reasons(&self) -> BTreeMap<StreamName, String> {
        let reason = |(name, hold): (&StreamName, &Hold)| (name.clone(), hold.reason.clone());
        self.streams.iter().map(reason).collect()
    }

    /// How many probes are on their way.
    pub(super) fn probes(&self) -> usize {
        self.streams.values().filter(|hold| hold.probe.is_some()).count()
    }

    /// Where the first sample that is held may be.
    pub(super) fn first(&self) -> Option<Position> {
        self.streams.values().map(|hold| hold.from).min()
    }

    /// When the next probe is due; `None` if there is none, or all are on their way.
    pub(super) fn next_due(&self) -> Option<Monotonic> {
        let waiting = self.streams.values().filter(|hold| hold.probe.is_none());
        waiting.map(|hold| hold.due).min()
    }

    /// The streams of which a probe is due.
    pub(super) fn due(&self, now: Monotonic) -> Vec<StreamName> {
        let is_due = |hold: &Hold| hold.probe.is_none() && hold.due <= now;
        let due = self.streams.iter().filter(|(_, hold)| is_due(hold));
        due.map(|(stream, _)| stream.clone()).collect()
    }

    /// The streams that begin before `limit` and have no probe on its way.
    pub(super) fn before(&self, limit: Position) -> Vec<StreamName> {
        let is_old = |hold: &Hold| hold.probe.is_none() && hold.from < limit;
        let old = self.streams.iter().filter(|(_, hold)| is_old(hold));
        old.map(|(stream, _)| stream.clone()).collect()
    }

    pub(super) fn get_mut(&mut self, stream: &StreamName) -> Option<&mut Hold> {
        self.streams.get_mut(stream)
    }

    /// A message with `run`, of a flight that began at `from`, was refused: holds the stream, or
    /// sets its hold back if that begins later. True if the stream was not held before.
    pub(super) fn hold(&mut self, run: Run, from: Position, reason: &str, now: Monotonic) -> bool {
        if let Some(hold) = self.streams.get_mut(&run.stream) {
            if run.first < hold.seq {
                hold.set_begin(from.min(hold.from), run.first);
                (hold.probe, hold.is_taken) = (None, false);
            }
            return false;
        }
        // Each has a seed of its own, so that they do not all come due at one time.
        let seed = self.seed.wrapping_add(self.changes);
        let mut backoff = Backoff::new(self.waits.0, self.waits.1, seed);
        let due = now + backoff.fail();
        let hold = Hold {
            from,
            seq: run.first,
            due,
            backoff,
            probe: None,
            is_taken: false,
            reason: reason.to_owned(),
        };
        self.streams.insert(run.stream, hold);
        self.changes += 1;
        true
    }

    /// A message was acknowledged. False if it was no probe.
    pub(super) fn land(&mut self, token: Token, now: Monotonic) -> bool {
        let Some((hold, probe)) = self.of_probe(token) else { return false };
        hold.set_begin(probe.from, probe.seq);
        hold.backoff.succeed();
        hold.is_taken = true;
        hold.due = now;
        true
    }

    /// A message was refused. False if it was no probe.
    pub(super) fn refuse(&mut self, token: Token, reason: &str, now: Monotonic) -> bool {
        let Some((hold, _)) = self.of_probe(token) else { return false };
        hold.due = now + hold.backoff.fail();
        hold.is_taken = false;
        reason.clone_into(&mut hold.reason);
        true
    }

    fn of_probe(&mut self, token: Token) -> Option<(&mut Hold, Probe)> {
        let is_it = |hold: &&mut Hold| hold.probe.is_some_and(|probe| probe.token == token);
        let hold = self.streams.values_mut().find(is_it)?;
        let probe = hold.probe.take()?;
        Some((hold, probe))
    }

    /// The broker takes the stream again, and has all that was held.
    pub(super) fn set_free(&mut self, stream: &StreamName) {
        self.changes += u64::from(self.streams.remove(stream).is_some());
    }

    /// The epoch is over, and with it what was on its way: each of these may be why.
    pub(super) fn lose_probes(&mut self, now: Monotonic) {
        for hold in self.streams.values_mut() {
            if hold.probe.take().is_some() {
                hold.due = now + hold.backoff.fail();
            }
        }
    }

    /// No probe is due before `due`.
    pub(super) fn put_off(&mut self, due: Monotonic) {
        self.streams.values_mut().for_each(|hold| hold.put_off(due));
    }
}

impl Hold {
    /// Begins at `from`, with the number `seq`.
    pub(super) const fn set_begin(&mut self, from: Position, seq: SequenceNumber) {
        self.from = from;
        self.seq = seq;
    }

    /// Whether the broker takes the stream again.
    pub(super) const fn is_taken(&self) -> bool {
        self.is_taken
    }

    /// No probe is due before `due`.
    pub(super) fn put_off(&mut self, due: Monotonic) {
        self.due = self.due.max(due);
    }

    /// A probe is on its way.
    pub(super) const fn send(&mut self, probe: Probe) {
        self.probe = Some(probe);
    }
}
