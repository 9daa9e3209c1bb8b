//! When the samples of a burst were taken, of a device whose own clock is not exact.
//!
//! The newest was taken at its age before now. The others are spread evenly back to the newest of the
//! burst before. Only if that was longer ago than the device's slowest clock takes for one sample more,
//! something was lost in between: then they are as far apart as by that clock, and the hole stays.
//!
//! So the times of its samples grow, and keep the device's pace on the average, whichever way its clock is
//! off. A single one is wrong by no more than about a period, for so long may the newest have waited; by several
//! in a burst after samples were lost. A gap has the time at which it was told, and so may stand before samples
//! that are older.

use core::time::Duration;

use domain::{Monotonic, Timestamp};
use ports::Measurement;

/// What is known of the bursts so far.
pub(super) struct Spread {
    /// The longest from one sample to the next.
    period_max: Duration,
    /// When the newest sample of the burst before was taken.
    before: Option<Monotonic>,
}

impl Spread {
    pub(super) const fn new(period_max: Duration) -> Self {
        Self { period_max, before: None }
    }

    /// When each of a burst that ended at `now` was taken. In the first burst that is by their ages.
    pub(super) fn times(&mut self, found: &[Measurement], now: Timestamp) -> Vec<Timestamp> {
        let Some(last) = found.last() else { return Vec::new() };
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let newest = now.before(last.age);
        // A bus that is faster than its age says: it was not taken before the one before.
        let is_later = self.before.is_none_or(|before| before < newest.monotonic);
        let newest = if is_later { newest } else { now };
        let Some(before) = self.before.replace(newest.monotonic) else {
            return found.iter().map(|measurement| now.before(measurement.age)).collect();
        };
        let since = newest.monotonic.saturating_since(before);
        let is_whole = since <= self.period_max * count.saturating_add(1);
        let step = if is_whole { since / count } else { self.period_max };
        (0..count).rev().map(|younger| newest.before(step * younger)).collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::WallTime;

    use super::*;

    /// A burst of so many, of which the newest is so old, that was over at `now`; all in milliseconds.
    fn burst(spread: &mut Spread, now: u64, count: usize, age: u64) -> Vec<u128> {
        let at = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(now * 1_000_000));
        let age = Duration::from_millis(age);
        let found = vec![Measurement { age, outcomes: Vec::new() }; count];
        let start = Monotonic::default();
        let times = spread.times(&found, at).into_iter();
        times.map(|at| at.monotonic.saturating_since(start).as_millis()).collect()
    }

    /// A long one has a great age, as if it came at 100 kHz; the bus may be faster.
    #[test]
    fn times_grow_though_a_burst_came_sooner_than_its_age_says() {
        let mut spread = Spread::new(Duration::from_millis(11));
        assert_eq!(burst(&mut spread, 1_000, 1, 1), [999]);
        let times = burst(&mut spread, 1_019, 4, 30);
        assert_eq!(times, [1_004, 1_009, 1_014, 1_019]);
    }
}
