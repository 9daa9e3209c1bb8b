//! When the samples of a burst were taken, of a device whose own clock is not exact.
//!
//! The newest was taken at its age before now. The others are spread evenly back to the newest of the
//! burst before. Only if that was longer ago than the device's slowest clock takes for one sample more,
//! something was lost in between: then they are as far apart as by that clock, and the hole stays.
//!
//! So the times of a stream grow, and keep the device's pace on the average, whichever way its clock is
//! off. A single one is wrong by no more than about a period, for so long may the newest have waited.

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
        let newest = now.before(last.age);
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let Some(before) = self.before.replace(newest.monotonic) else {
            return found.iter().map(|measurement| now.before(measurement.age)).collect();
        };
        let since = newest.monotonic.saturating_since(before);
        let is_whole = since <= self.period_max * count.saturating_add(1);
        let step = if is_whole { since / count } else { self.period_max };
        (0..count).rev().map(|younger| newest.before(step * younger)).collect()
    }
}
