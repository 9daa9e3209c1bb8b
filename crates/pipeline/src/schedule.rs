//! When a device is due: at `start + n × period`, however long the reading takes.
//!
//! Deadlines are absolute, so lateness of one slot never shifts the next, and after a year the *n*-th
//! sample is still due where the first day put it.

use core::time::Duration;

use domain::Monotonic;

/// The slots of one device.
#[derive(Clone, Debug)]
pub struct Schedule {
    next: Monotonic,
    period: Duration,
}

/// A slot that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it was due.
    pub due: Monotonic,
    /// How many slots before it passed without being taken.
    pub missed: u64,
}

impl Schedule {
    /// The first slot is at `start`. A period of zero is taken as one nanosecond.
    pub fn new(start: Monotonic, period: Duration) -> Self {
        Self { next: start, period: period.max(Duration::from_nanos(1)) }
    }

    /// When the next slot is due.
    pub const fn next_due(&self) -> Monotonic {
        self.next
    }

    /// Takes the newest slot that has come by `now`; those before it are missed.
    pub fn take(&mut self, now: Monotonic) -> Option<Slot> {
        if now < self.next {
            return None;
        }
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
        let missed = (now.as_nanos() - self.next.as_nanos()) / period;
        let due = Monotonic::from_nanos(self.next.as_nanos().saturating_add(missed * period));
        self.next = due + self.period;
        Some(Slot { due, missed })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_late_reading_does_not_shift_the_next_slot() {
        let mut schedule = Schedule::new(at(500), SECOND);
        assert_eq!(schedule.take(at(499)), None);
        assert_eq!(schedule.take(at(900)), Some(Slot { due: at(500), missed: 0 }));
        assert_eq!(schedule.next_due(), at(1_500));
    }

    #[test]
    fn slots_that_passed_are_missed_and_counted_not_caught_up() {
        let mut schedule = Schedule::new(at(0), SECOND);
        assert_eq!(schedule.take(at(3_200)), Some(Slot { due: at(3_000), missed: 3 }));
        assert_eq!(schedule.take(at(3_300)), None);
    }

    proptest! {
        /// After any history of lateness: taken + missed slots = all slots that came, on the grid.
        #[test]
        fn every_slot_is_taken_or_missed(period_ms in 1..5_000_u64, waits in proptest::collection::vec(0..20_000_u64, 1..50)) {
            let mut schedule = Schedule::new(at(0), Duration::from_millis(period_ms));
            let (mut now, mut accounted) = (0, 0);
            for wait in waits {
                now += wait;
                if let Some(slot) = schedule.take(at(now)) {
                    accounted += 1 + slot.missed;
                    prop_assert_eq!(slot.due.as_nanos() % (period_ms * 1_000_000), 0);
                }
                prop_assert_eq!(accounted, if accounted == 0 { 0 } else { now / period_ms + 1 });
            }
        }
    }
}
