//! What is on its way into the spool of one class.

use core::time::Duration;
use std::{collections::VecDeque, sync::Arc};

use domain::{Backoff, Monotonic, StreamClass, StreamReading};
use ports::{Spool, SpoolError};

use super::cause;
use crate::telemetry::Counters;

/// Waits between attempts to append to a spool that fails.
const RETRY_FIRST: Duration = Duration::from_millis(100);
pub(super) const RETRY_MOST: Duration = Duration::from_secs(5);

/// How many readings wait at most for a spool that fails while those of other classes do not.
const WAITING_MAX: usize = 16_384;

/// The spool of one class, and the readings that it has not taken yet.
pub(super) struct Shelf {
    class: StreamClass,
    pub(super) spool: Arc<dyn Spool>,
    /// The readings of one append each, oldest first.
    waiting: VecDeque<Vec<StreamReading>>,
    backoff: Backoff,
    /// When it is to be tried again, if it failed.
    due: Option<Monotonic>,
    /// Readings were given up since it failed: the first are news, the thousandth are not.
    is_overfull: bool,
}

impl Shelf {
    pub(super) fn new(class: StreamClass, spool: Arc<dyn Spool>) -> Self {
        let backoff = Backoff::new(RETRY_FIRST, RETRY_MOST, 0);
        Self { class, spool, waiting: VecDeque::new(), backoff, due: None, is_overfull: false }
    }

    /// Takes readings that are to be appended together; but not too many, for a spool that fails.
    pub(super) fn take(&mut self, readings: Vec<StreamReading>, counters: &Counters) {
        let waiting: usize = self.waiting.iter().map(Vec::len).sum();
        if waiting > 0 && waiting + readings.len() > WAITING_MAX {
            counters.readings_lost.add(readings.len() as u64);
            if !core::mem::replace(&mut self.is_overfull, true) {
                let class = self.class.name();
                tracing::error!(class, waiting, "spool fails, and readings are lost from now on");
            }
            return;
        }
        if !readings.is_empty() {
            self.waiting.push_back(readings);
        }
    }

    /// Appends what waits, until the spool fails. True if it took anything.
    pub(super) fn put_away(&mut self, now: Monotonic, counters: &Counters) -> bool {
        let mut took = false;
        if self.due.is_some_and(|due| due > now) {
            return false;
        }
        while let Some(readings) = self.waiting.pop_front() {
            match self.spool.append(&readings) {
                Ok(_) => {
                    self.recovers();
                    took = true;
                }
                Err(error) if error.is_transient() => {
                    self.waiting.push_front(readings);
                    self.fails(&error, now, counters);
                    break;
                }
                Err(error) => self.lose(&readings, &error.to_string(), counters),
            }
        }
        took
    }

    fn recovers(&mut self) {
        if self.backoff.failures() > 0 {
            let (class, attempts) = (self.class.name(), self.backoff.failures());
            tracing::info!(class, attempts, "spool takes readings again");
        }
        (self.backoff, self.due) = (Backoff::new(RETRY_FIRST, RETRY_MOST, 0), None);
        self.is_overfull = false;
    }

    fn fails(&mut self, error: &SpoolError, now: Monotonic, counters: &Counters) {
        if self.backoff.failures() == 0 {
            let class = self.class.name();
            tracing::error!(class, %error, cause = cause(error), "spool fails; trying on");
        }
        counters.spool_retries.add(1);
        self.due = Some(now + self.backoff.fail());
    }

    fn lose(&self, readings: &[StreamReading], why: &str, counters: &Counters) {
        counters.readings_lost.add(readings.len() as u64);
        let class = self.class.name();
        tracing::error!(class, readings = readings.len(), error = why, "readings lost");
    }

    /// Gives up what waits.
    pub(super) fn give_up(&mut self, counters: &Counters) {
        for readings in core::mem::take(&mut self.waiting) {
            self.lose(&readings, "there is no more time", counters);
        }
        self.due = None;
    }

    /// Whether anything waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// When it is to be tried again, if it failed.
    pub(super) fn due(&self) -> Option<Monotonic> {
        self.due.filter(|_| self.is_waiting())
    }
}
