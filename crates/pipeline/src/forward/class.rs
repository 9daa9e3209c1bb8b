//! Classes: one spool each, its two lanes, and what of it is acknowledged.
//!
//! # What is history
//!
//! When an epoch begins, what waits in the spool is history if it is more than `history_min` samples; and
//! so is what a spool holds that opens later than that.
//! What is appended from then on is live. Less than that goes as live, so that a short outage keeps
//! the order of the numbers. When history is drained there is only the live lane; what the spool has
//! meanwhile forgotten to be acknowledged (see [`Spool`], 10) becomes history then.
//!
//! # Invariants
//!
//! 1. A range is acknowledged only when all its samples are: delivered, set aside or unsendable.
//! 2. What waits in the spool is to be read, in a flight, or withheld, from the beginning of an epoch
//!    to its end.
//!
//! # Deliberately absent
//!
//! The connection, and which class is served first.

use core::{
    mem,
    ops::{Range, RangeInclusive},
};
use std::sync::Arc;

use domain::{BootId, Monotonic, Ranges, Sample, SequenceNumber, StreamName};
use ports::{Message, Position, Spool, SpoolError, Token};

use super::{
    FLIGHT_SAMPLES_MAX, SPOOL_RETRY,
    hold::Holds,
    lane::{Lane, Which},
};
use crate::time::Times;

/// One class of streams.
pub(super) struct Class {
    pub(super) spool: Arc<dyn Spool>,
    /// The streams that the broker refuses.
    pub(super) holds: Holds,
    pub(super) live: Lane,
    pub(super) history: Lane,
    /// Probes made and not yet taken by the publisher.
    pub(super) probes: Vec<(Token, Message)>,
    /// Landed, and not acknowledged for the sake of what is owed.
    pub(super) withheld: Ranges,
    /// The spool could not be read, and is left alone until then.
    pub(super) read_not_before: Option<Monotonic>,
    /// By what the times of samples are corrected.
    times: Option<Times>,
    /// Up to where the spool is in one of the lanes.
    seen: u64,
    is_in_epoch: bool,
}

impl Class {
    /// Nothing is to be read before an epoch begins.
    pub(super) fn new(spool: Arc<dyn Spool>, holds: Holds) -> Self {
        Self {
            spool,
            holds,
            live: Lane::default(),
            history: Lane::default(),
            probes: Vec::new(),
            withheld: Ranges::EMPTY,
            read_not_before: None,
            times: None,
            seen: 0,
            is_in_epoch: false,
        }
    }

    /// Corrects times by `times` from now on.
    pub(super) fn correct_by(&mut self, times: Times) {
        self.times = Some(times);
    }

    /// Until when it waits for the clock to be synchronised, if it does.
    pub(super) fn waiting_until(&self, now: Monotonic) -> Option<Monotonic> {
        self.times.as_ref()?.waiting_until(now)
    }

    /// Splits what waits into the lanes.
    pub(super) fn begin_epoch(&mut self, history_min: u64) {
        (self.live, self.history) = (Lane::default(), Lane::default());
        (self.read_not_before, self.is_in_epoch) = (None, true);
        self.split(history_min);
    }

    /// Puts what waits, while no lane has anything, into one of them.
    fn split(&mut self, history_min: u64) {
        self.seen = self.spool.end().0;
        let waiting = self.unclaimed();
        let count: u64 = waiting.iter().map(|range| range.end - range.start).sum();
        let lane = Lane::over(waiting);
        if count > history_min { self.history = lane } else { self.live = lane }
    }

    /// Forgets what was on its way.
    pub(super) fn end_epoch(&mut self, now: Monotonic) {
        self.holds.lose_probes(now);
        self.probes.clear();
        self.is_in_epoch = false;
        (self.live, self.history) = (Lane::default(), Lane::default());
    }

    /// What was appended since the last look is live. Where nothing was ever seen, the spool may have opened
    /// only now, with all that it holds.
    pub(super) fn notice_appended(&mut self, history_min: u64) {
        let end = self.spool.end().0;
        if self.seen == 0 && end > 0 {
            self.split(history_min);
        } else if end > self.seen {
            self.live.extend(self.seen..end);
            self.seen = end;
        }
    }

    /// What waits in the spool and has not landed.
    pub(super) fn unlanded(&self) -> Ranges {
        let mut waiting = Ranges::EMPTY;
        for run in self.spool.waiting() {
            waiting.insert_all(run.start.0..run.end.0);
        }
        for run in self.withheld.runs() {
            waiting.remove_all(*run.start()..run.end().saturating_add(1));
        }
        waiting
    }

    /// What waits in the spool, has been seen, and is in no lane.
    fn unclaimed(&self) -> Vec<Range<u64>> {
        let mut waiting = self.unlanded();
        waiting.remove_all(self.seen..u64::MAX);
        for claimed in self.live.ranges().chain(self.history.ranges()) {
            waiting.remove_all(claimed.clone());
        }
        waiting.runs().map(|run| *run.start()..run.end().saturating_add(1)).collect()
    }

    pub(super) const fn lane(&mut self, which: Which) -> &mut Lane {
        match which {
            Which::Live => &mut self.live,
            Which::History => &mut self.history,
        }
    }

    /// How many messages are made and not taken by the publisher.
    pub(super) fn queued(&self) -> usize {
        self.live.outbox.len() + self.history.outbox.len() + self.probes.len()
    }

    /// Whether anything of `stream` is owed in a flight that has not landed.
    pub(super) fn will_owe(&self, stream: &StreamName) -> bool {
        self.live.flights.owes(stream) || self.history.flights.owes(stream)
    }

    /// A message was acknowledged: of which lane, and how many samples. What was held is late, too.
    pub(super) fn unload(&mut self, token: Token, now: Monotonic) -> Option<(Which, u64)> {
        let live = self.live.flights.unload(token).map(|run| (Which::Live, run.samples));
        live.or_else(|| self.history.flights.unload(token).map(|run| (Which::History, run.samples)))
            .or_else(|| self.holds.land(token, now).map(|samples| (Which::History, samples)))
    }

    /// Acknowledges what has landed, as far as nothing is owed there. True if anything has landed.
    pub(super) fn settle(&mut self, now: Monotonic) -> bool {
        let had_history = self.history.waiting(0) > 0;
        let mut has_landed = false;
        for lane in [&mut self.live, &mut self.history] {
            while let Some(flight) = lane.flights.landed() {
                has_landed = true;
                for run in &flight.owed {
                    self.holds.owe(run, flight.range.clone(), now);
                }
                self.withheld.insert_all(flight.range);
            }
        }
        has_landed |= self.acknowledge();
        self.withhold_forgotten();
        if had_history && self.history.waiting(0) == 0 {
            self.history = Lane::over(self.unclaimed());
        }
        has_landed
    }

    /// What the spool has forgotten to be acknowledged, where something is owed: it has landed, and is
    /// acknowledged again when nothing is owed there any more.
    fn withhold_forgotten(&mut self) {
        if self.holds.places().is_empty() || !self.is_in_epoch {
            return;
        }
        let places = self.holds.places().clone();
        for forgotten in self.unclaimed() {
            for place in places.runs() {
                let end = place.end().saturating_add(1).min(forgotten.end);
                self.withheld.insert_all(forgotten.start.max(*place.start())..end);
            }
        }
    }

    /// Whether the spool is not left alone.
    pub(super) fn may_read(&self, now: Monotonic) -> bool {
        self.read_not_before.is_none_or(|at| at <= now)
    }

    /// The spool is left alone for a while.
    pub(super) fn note_unreadable(&mut self, error: &SpoolError, now: Monotonic) {
        tracing::error!(%error, "spool cannot be read");
        self.read_not_before = Some(now + SPOOL_RETRY);
    }

    /// True if there was anything to acknowledge.
    fn acknowledge(&mut self) -> bool {
        let mut free = mem::take(&mut self.withheld);
        let places = self.holds.places();
        if !places.is_empty() {
            self.withheld = free.clone();
            for place in places.runs() {
                free.remove_all(*place.start()..place.end().saturating_add(1));
            }
        }
        for run in free.runs() {
            let run = *run.start()..run.end().saturating_add(1);
            self.withheld.remove_all(run.clone());
            let delivered = Position(run.start)..Position(run.end);
            if let Err(error) = self.spool.acknowledge_ahead(delivered) {
                // The samples are delivered; not knowing it can only deliver them once more.
                tracing::error!(%error, "cursor not stored");
            }
        }
        if !self.withheld.is_empty() {
            self.withheld.remove_below(self.spool.cursor().0);
        }
        !free.is_empty()
    }

    /// The samples of `stream` with these numbers, at most `limit`, and whether each waits for delivery. This
    /// is the one place where the forwarder reads samples again; their times are corrected.
    pub(super) fn replay(
        &self,
        stream: &StreamName,
        boot: Option<BootId>,
        numbers: &RangeInclusive<u64>,
        limit: usize,
    ) -> Result<Vec<(Sample, bool)>, SpoolError> {
        let numbers = SequenceNumber(*numbers.start())..=SequenceNumber(*numbers.end());
        let mut found = self.spool.replay(stream, boot, numbers, limit)?;
        if let Some(times) = &self.times {
            times.correct(found.iter_mut().map(|(_, sample)| sample));
        }
        let unlanded = self.unlanded();
        let waits =
            |at: Position, sample: &Sample| unlanded.contains(at.0) || self.holds.owes(sample);
        let told = |(at, sample)| {
            let waits = waits(at, &sample);
            (sample, waits)
        };
        Ok(found.into_iter().map(told).collect())
    }

    /// Reads a flight: the samples at the beginning of `range`, at most [`FLIGHT_SAMPLES_MAX`], and where
    /// in it they are. This is the one place where the forwarder reads samples to deliver them; their times
    /// are corrected.
    pub(super) fn read(&self, range: &Range<u64>) -> Result<(Vec<Sample>, Range<u64>), SpoolError> {
        let Range { start, end } = *range;
        // What was evicted meanwhile need not be looked for.
        let from = start.max(self.spool.cursor().0);
        let length = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut limit = length.min(FLIGHT_SAMPLES_MAX);
        while limit > 0 {
            let mut backlog = self.spool.backlog(Position(from), limit)?;
            let next = backlog.next.0;
            if next <= end {
                let is_end = backlog.samples.is_empty() || next <= from;
                if let Some(times) = &self.times {
                    times.correct(&mut backlog.samples);
                }
                return Ok((backlog.samples, start..if is_end { end } else { next }));
            }
            // The medium lost samples, or they were evicted: what follows is not of this range.
            limit /= 2;
        }
        Ok((Vec::new(), start..end))
    }
}
