//! When a device is due: at `start + n × period`, however long the reading takes.
//!
//! Deadlines are absolute, so lateness of one slot never shifts the next, and after a year the *n*-th
//! sample is still due where the first day put it.
//!
//! # Terms
//!
//! * **Slot** — a time at which a device is due.
//! * **Phase** — how long after the common start the first slot of a device is. Phases spread the
//!   devices of one bus, so that they do not all want it at the same instant; see [`phases`].

use core::time::Duration;

use domain::Monotonic;

/// The slots of one device.
#[derive(Clone, Debug)]
pub struct Schedule {
    next: Monotonic,
    period: Duration,
    /// Slots that passed at an earlier period and have not been told of.
    passed: u64,
}

/// A slot that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it was due.
    pub due: Monotonic,
    /// How many slots before it passed without being taken.
    pub missed: u64,
}

/// Phases spread over no more than this: a device that is due once a day is not first heard of in the
/// evening.
const SPREAD_MAX: Duration = Duration::from_secs(60);

/// The phase of each device of one bus, given their periods. It depends on nothing else.
///
/// Device *k* of *n* that have the same period is at *k*/*n* of it, or of a minute if that is less.
/// Where periods differ, the shortest one is cut into as many parts as there are devices, and each
/// device has a part of its own, the shortest periods first; those with longer periods are spread over
/// the repetitions of the shortest that fit into theirs. So devices whose periods are multiples of the
/// shortest are never due at the same time.
pub fn phases(periods: &[Duration]) -> Vec<Duration> {
    let shortest = periods.iter().min().map_or(Duration::ZERO, |&period| period.min(SPREAD_MAX));
    let shortest = shortest.as_nanos().max(1);
    let mut order: Vec<_> = (0..periods.len()).collect();
    order.sort_by_key(|&device| periods[device]);
    let mut phases = vec![Duration::ZERO; periods.len()];
    for (part, &device) in order.iter().enumerate() {
        let alike = |&&other: &&usize| periods[other] == periods[device];
        let size = order.iter().filter(alike).count() as u128;
        let index = order[..part].iter().filter(alike).count() as u128;
        let repetitions = periods[device].min(SPREAD_MAX).as_nanos() / shortest;
        let fine = shortest * part as u128 / periods.len() as u128;
        let phase = fine + shortest * (index * repetitions / size);
        phases[device] = Duration::from_nanos(u64::try_from(phase).unwrap_or(u64::MAX));
    }
    phases
}

impl Schedule {
    /// The first slot is at `start`. A period of zero is taken as one nanosecond.
    pub fn new(start: Monotonic, period: Duration) -> Self {
        Self { next: start, period: period.max(Duration::from_nanos(1)), passed: 0 }
    }

    /// When the next slot is due.
    pub const fn next_due(&self) -> Monotonic {
        self.next
    }

    /// From `now` on slots are `period` apart: the next one is due when it was, or a period from now if
    /// that is sooner. A slot that has come and was not taken is due now; those before it are missed.
    pub fn set_period(&mut self, period: Duration, now: Monotonic) {
        if now >= self.next {
            let earlier = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
            self.passed += (now.as_nanos() - self.next.as_nanos()) / earlier;
            self.next = now;
        }
        self.period = period.max(Duration::from_nanos(1));
        self.next = self.next.min(now + self.period);
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
        Some(Slot { due, missed: missed + std::mem::take(&mut self.passed) })
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

    #[test]
    fn a_new_period_counts_from_now_or_from_the_next_slot_whichever_is_sooner() {
        let mut schedule = Schedule::new(at(0), 3_600 * SECOND);
        assert!(schedule.take(at(0)).is_some());
        schedule.set_period(SECOND, at(250));
        assert_eq!(schedule.take(at(1_250)), Some(Slot { due: at(1_250), missed: 0 }));
        schedule.set_period(3_600 * SECOND, at(1_300));
        assert_eq!(schedule.take(at(2_250)), Some(Slot { due: at(2_250), missed: 0 }));
        assert_eq!(schedule.next_due(), at(2_250) + 3_600 * SECOND);
    }

    #[test]
    fn slots_that_passed_before_the_period_changed_are_missed_by_the_old_count() {
        let mut schedule = Schedule::new(at(0), SECOND);
        schedule.set_period(MILLI, at(2_500));
        assert_eq!(schedule.take(at(2_500)), Some(Slot { due: at(2_500), missed: 2 }));
        assert_eq!(schedule.take(at(2_501)), Some(Slot { due: at(2_501), missed: 0 }));
    }

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn devices_with_one_period_are_spread_evenly_over_it() {
        let quarters = [0, 250, 500, 750].map(|millis| millis * MILLI);
        assert_eq!(phases(&[SECOND; 4]), quarters);
        assert_eq!(phases(&[SECOND]), [Duration::ZERO]);
        assert_eq!(phases(&[]), []);
        let day = Duration::from_secs(86_400);
        assert_eq!(phases(&[day, day]), [Duration::ZERO, SPREAD_MAX / 2]);
    }

    #[test]
    fn longer_periods_are_spread_over_the_repetitions_of_the_shortest() {
        let periods = [4 * SECOND, SECOND, 4 * SECOND, SECOND];
        assert_eq!(phases(&periods), [500, 0, 2_750, 250].map(|millis| millis * MILLI));
    }

    /// Rates from 1 kHz to one a day: after an hour, and after a year, the grid is where it was.
    #[test]
    fn the_nth_slot_is_due_at_start_plus_n_periods_after_a_year_of_lateness() {
        let year = 365 * 86_400;
        for (period, slots) in [(MILLI, 3_600_000), (SECOND, year), (86_400 * SECOND, 365)] {
            let mut schedule = Schedule::new(at(7), period);
            let mut last = None;
            for n in 0..slots {
                // A different lateness in each slot, always less than a period.
                let late = Duration::from_nanos(n * 7_919 % 1_000_000);
                last = schedule.take(schedule.next_due() + late);
                assert_eq!(last.map(|slot| slot.missed), Some(0));
            }
            let due = 7_000_000 + (slots - 1) * u64::try_from(period.as_nanos()).unwrap();
            assert_eq!(last.map(|slot| slot.due.as_nanos()), Some(due));
        }
    }

    proptest! {
        /// Where each period is a multiple of the shortest, no two devices are ever due at once.
        #[test]
        fn commensurate_devices_never_meet(
            shortest in 1..120_000_u32,
            multiples in proptest::collection::vec(1..50_u32, 0..20),
        ) {
            let mut periods: Vec<_> = multiples.iter().map(|n| shortest * MILLI * *n).collect();
            periods.push(shortest * MILLI);
            let phases = phases(&periods);
            prop_assert!(phases.iter().zip(&periods).all(|(phase, period)| phase < period));
            let mut rests: Vec<_> =
                phases.iter().map(|phase| phase.as_nanos() % (shortest * MILLI).as_nanos()).collect();
            rests.sort_unstable();
            prop_assert!(rests.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", phases);
        }

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
