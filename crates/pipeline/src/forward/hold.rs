//! Holds: the streams of one class that the broker refuses, and what is owed to each.
//!
//! # Terms
//!
//! * **Owed** — the numbers of a stream that are to be sent when the broker takes it again: samples
//!   of flights that have landed.
//! * **Place** — where in the spool what is owed is found. Places may hold more than what is owed.
//!
//! # Invariants
//!
//! 1. Of a held stream at most one message, its *probe*, is on its way.
//! 2. Every sample that is owed lies in a place of its hold, as long as the spool has it.
//!
//! # Deliberately absent
//!
//! The samples themselves: they are in the spool.

use core::{ops::Range, time::Duration};
use std::collections::BTreeMap;

use domain::{Backoff, Monotonic, Ranges, Sample, StreamName};
use ports::{AHEAD_RUNS_MAX, Token};

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
    /// Where anything is owed, and more where that `is_stale`: with thousands of streams it is not asked of
    /// each of them at every answer.
    places: Ranges,
    is_stale: bool,
}

/// What is owed to one stream.
#[derive(Debug)]
pub(super) struct Hold {
    /// Numbers of samples.
    owed: Ranges,
    places: Ranges,
    /// When the next probe is due.
    due: Monotonic,
    backoff: Backoff,
    probe: Option<Probe>,
    /// The newest probe that was answered was acknowledged.
    is_taken: bool,
    reason: String,
}

/// A message of a held stream on its way.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub(super) token: Token,
    /// What it carries.
    pub(super) run: Run,
    /// Where nothing is owed any more once it is acknowledged.
    pub(super) emptied: Range<u64>,
}

impl Holds {
    /// Waits between probes of one stream go from about `first` to `most`.
    pub(super) const fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self {
            streams: BTreeMap::new(),
            waits: (first, most),
            seed,
            changes: 0,
            places: Ranges::EMPTY,
            is_stale: false,
        }
    }

    pub(super) fn holds(&self, stream: &StreamName) -> bool {
        self.streams.contains_key(stream)
    }

    /// Whether the sample is owed to its stream.
    pub(super) fn owes(&self, sample: &Sample) -> bool {
        self.streams.get(&sample.stream.name).is_some_and(|hold| hold.owes(sample))
    }

    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    /// What the broker says of each stream.
    pub(super) fn reasons(&self) -> impl Iterator<Item = (StreamName, String)> + '_ {
        self.streams.iter().map(|(name, hold)| (name.clone(), hold.reason.clone()))
    }

    /// Where anything is owed; with many holds, some more.
    pub(super) fn places(&mut self) -> &Ranges {
        if self.is_stale {
            self.places = Ranges::EMPTY;
            for run in self.streams.values().flat_map(|hold| hold.places.runs()) {
                self.places.insert_all(*run.start()..run.end().saturating_add(1));
            }
            self.places.bridge(AHEAD_RUNS_MAX);
            self.is_stale = false;
        }
        &self.places
    }

    /// When the next probe is due; `None` if there is none, or all are on their way.
    pub(super) fn next_due(&self) -> Option<Monotonic> {
        let waiting = self.streams.values().filter(|hold| hold.probe.is_none());
        waiting.map(|hold| hold.due).min()
    }

    /// The streams of which a probe is due.
    pub(super) fn due(&self, now: Monotonic) -> Vec<StreamName> {
        self.at_rest(|hold| hold.due <= now)
    }

    /// The streams to which something is owed before `limit`, and that have no probe on its way.
    pub(super) fn before(&self, limit: u64) -> Vec<StreamName> {
        self.at_rest(|hold| hold.places.runs().next().is_some_and(|run| *run.start() < limit))
    }

    fn at_rest(&self, is_it: impl Fn(&Hold) -> bool) -> Vec<StreamName> {
        let those = self.streams.iter().filter(|(_, hold)| hold.probe.is_none() && is_it(hold));
        those.map(|(stream, _)| stream.clone()).collect()
    }

    pub(super) fn get_mut(&mut self, stream: &StreamName) -> Option<&mut Hold> {
        self.is_stale = true;
        self.streams.get_mut(stream)
    }

    /// Holds the stream. True if it was not held before.
    pub(super) fn hold(&mut self, stream: &StreamName, reason: &str, now: Monotonic) -> bool {
        if self.holds(stream) {
            return false;
        }
        // Each has a seed of its own, so that they do not all come due at one time.
        let seed = self.seed.wrapping_add(self.changes);
        let mut backoff = Backoff::new(self.waits.0, self.waits.1, seed);
        let hold = Hold {
            owed: Ranges::EMPTY,
            places: Ranges::EMPTY,
            due: now + backoff.fail(),
            backoff,
            probe: None,
            is_taken: false,
            reason: reason.to_owned(),
        };
        self.streams.insert(stream.clone(), hold);
        self.changes += 1;
        true
    }

    /// `run`, of a flight in `place` that has landed, is owed.
    pub(super) fn owe(&mut self, run: &Run, place: Range<u64>, now: Monotonic) {
        self.hold(&run.stream, "", now);
        let Some(hold) = self.streams.get_mut(&run.stream) else { return };
        hold.owed.insert_all(run.numbers());
        self.places.insert_all(place.clone());
        self.places.bridge(AHEAD_RUNS_MAX);
        hold.places.insert_all(place);
        hold.places.bridge(AHEAD_RUNS_MAX);
        // What the probe's place was searched for is not all that is owed there now.
        if let Some(probe) = &mut hold.probe {
            probe.emptied = 0..0;
        }
        if hold.is_taken {
            hold.due = now;
        }
    }

    /// A message was acknowledged. Says how many samples it had, if it was a probe.
    pub(super) fn land(&mut self, token: Token, now: Monotonic) -> Option<u64> {
        let (hold, probe) = self.of_probe(token)?;
        hold.owed.remove_all(probe.run.numbers());
        hold.pass(probe.emptied);
        hold.backoff.succeed();
        hold.is_taken = true;
        hold.due = now;
        Some(probe.run.samples)
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
        let is_it =
            |hold: &&mut Hold| hold.probe.as_ref().is_some_and(|probe| probe.token == token);
        let hold = self.streams.values_mut().find(is_it)?;
        self.is_stale = true;
        let probe = hold.probe.take()?;
        Some((hold, probe))
    }

    /// The broker takes the stream again, and has all that was held.
    pub(super) fn set_free(&mut self, stream: &StreamName) {
        self.changes += u64::from(self.streams.remove(stream).is_some());
        self.is_stale = true;
    }

    /// The epoch is over, and with it what was on its way: each of these may be why.
    pub(super) fn lose_probes(&mut self, now: Monotonic) {
        for hold in self.streams.values_mut() {
            if hold.probe.take().is_some() {
                hold.due = now + hold.backoff.fail();
            }
        }
    }
}

impl Hold {
    /// The places, in order.
    pub(super) fn places(&self) -> Vec<Range<u64>> {
        self.places.runs().map(|run| *run.start()..run.end().saturating_add(1)).collect()
    }

    /// Whether the sample is owed.
    pub(super) fn owes(&self, sample: &Sample) -> bool {
        self.owed.contains(sample.seq.0)
    }

    /// `run` is owed no more.
    pub(super) fn forget(&mut self, run: &Run) {
        self.owed.remove_all(run.numbers());
    }

    /// Nothing is owed in `place` any more. What is owed nowhere is not owed.
    pub(super) fn pass(&mut self, place: Range<u64>) {
        self.places.remove_all(place);
        if self.owed.is_empty() {
            self.places = Ranges::EMPTY;
        }
        if self.places.is_empty() {
            self.owed = Ranges::EMPTY;
        }
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
    pub(super) fn send(&mut self, probe: Probe) {
        self.probe = Some(probe);
    }
}

#[cfg(test)]
mod tests;
