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

/// How often it is said that samples go for want of room while they do.
const LOSSES_TOLD_EVERY: Duration = Duration::from_secs(600);

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
    /// How many samples were evicted or refused when it was last looked.
    missed: Option<u64>,
    /// Before when it is not told again that there are more.
    told_until: Option<Monotonic>,
}

impl Shelf {
    pub(super) fn new(class: StreamClass, spool: Arc<dyn Spool>) -> Self {
        let backoff = Backoff::new(RETRY_FIRST, RETRY_MOST, 0);
        Self {
            class,
            spool,
            waiting: VecDeque::new(),
            backoff,
            due: None,
            is_overfull: false,
            missed: None,
            told_until: None,
        }
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

    /// Says that samples are evicted or readings refused for want of room: when that begins, and from time
    /// to time while it goes on. True if it did.
    pub(super) fn tell_losses(&mut self, now: Monotonic) -> bool {
        let count = self.spool.count();
        if count.appended == 0 {
            return false; // It may not be open yet, and have a past.
        }
        let missed = count.evicted + count.refused;
        let is_more = self.missed.replace(missed).is_some_and(|before| missed > before);
        let is_news = is_more && self.told_until.is_none_or(|until| until <= now);
        if is_news {
            self.told_until = Some(now + LOSSES_TOLD_EVERY);
            let (class, evicted, refused) = (self.class.name(), count.evicted, count.refused);
            tracing::warn!(
                class,
                evicted,
                refused,
                "no room: undelivered samples are evicted, or new ones refused"
            );
        }
        is_news
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

#[cfg(test)]
mod tests {
    use ports::{MockSpool, SpoolCount};

    use super::*;

    #[test]
    fn that_samples_go_for_want_of_room_is_said_once_and_again_after_a_while() {
        let mut spool = MockSpool::new();
        let counts =
            [(0, 9, 9), (5, 9, 9), (5, 9, 9), (6, 9, 9), (7, 10, 9), (8, 11, 9), (9, 11, 10)];
        let mut counts = counts.into_iter();
        spool.expect_count().returning(move || {
            let (appended, evicted, refused) = counts.next().unwrap();
            SpoolCount { appended, evicted, refused, ..SpoolCount::default() }
        });
        let mut shelf = Shelf::new(StreamClass::Normal, Arc::new(spool));
        let at = |seconds: u64| Monotonic::from_nanos(seconds * 1_000_000_000);
        let said = [0, 1, 2, 3, 4, 5, 605].map(|seconds| shelf.tell_losses(at(seconds)));
        let old = "what was evicted before we came is no news";
        assert_eq!(said, [false, false, false, false, true, false, true], "{old}");
    }
}
