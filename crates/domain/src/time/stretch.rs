//! Stretches: where wall time is anchored, and what follows for other times of the same boot.

use core::time::Duration;

use super::Look;
use crate::{Monotonic, TimeSource, Timestamp, Trust, WallTime};

/// What is less than this is no step: two readings of two clocks, and rounding.
const STEP_MIN: Duration = Duration::from_millis(10);

/// How much a leap second takes or gives.
const LEAP: Duration = Duration::from_secs(1);

/// The offset at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When.
    pub monotonic: Monotonic,
    /// Wall time less monotonic time, in nanoseconds.
    pub offset: i64,
    /// The most that it is wrong by.
    pub error: Duration,
}

/// A span in which the clock was synchronised and not stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where it begins.
    pub first: Point,
    /// How far it is known to reach.
    pub last: Point,
    /// The most that the offset was wrong by in it.
    pub worst: Duration,
}

/// What the offset was, as far as can be told.
pub(super) type Estimate = Point;

impl Point {
    /// What `look` found, if somebody vouches for the clock. While a leap second is near, nobody knows
    /// which side of it the clock is on until it is looked at again.
    pub(super) fn of(look: &Look) -> Option<Self> {
        let leap = if look.is_leap_near { LEAP } else { Duration::ZERO };
        let error = look.vouched?.saturating_add(look.width).saturating_add(leap);
        Some(Self { monotonic: look.monotonic, offset: look.offset(), error })
    }

    /// What it tells of `monotonic`.
    fn at(self, monotonic: Monotonic) -> Estimate {
        let far = distance(self.monotonic, monotonic);
        Estimate { monotonic, error: self.error.saturating_add(drift(far)), ..self }
    }

    /// The wall time, wrong by at most [`error`](Self::error).
    pub(super) fn wall(self) -> WallTime {
        let monotonic = i64::try_from(self.monotonic.as_nanos()).unwrap_or(i64::MAX);
        WallTime::from_nanos(monotonic.saturating_add(self.offset))
    }

    /// The time that it stands for.
    pub(super) fn stamp(self) -> Timestamp {
        let trust = Trust::found(TimeSource::Ntp, Some(self.error)).corrected();
        Timestamp { wall: self.wall(), monotonic: self.monotonic, trust }
    }
}

impl Stretch {
    pub(super) const fn beginning(first: Point) -> Self {
        Self { first, last: first, worst: first.error }
    }

    /// Goes on to `point`. False, and nothing changes, if the clock was stepped meanwhile.
    pub(super) fn extend(&mut self, point: Point) -> bool {
        if is_step((self.last.monotonic, self.last.offset), (point.monotonic, point.offset)) {
            return false;
        }
        let far = distance(self.last.monotonic, point.monotonic);
        let between = self.last.error.max(point.error).saturating_add(drift(far / 2));
        self.worst = self.worst.max(between);
        self.last = point;
        true
    }

    /// What it tells of `monotonic`.
    pub(super) fn estimate(&self, monotonic: Monotonic) -> Estimate {
        if monotonic <= self.first.monotonic {
            return self.first.at(monotonic);
        }
        if monotonic >= self.last.monotonic {
            return self.last.at(monotonic);
        }
        let whole = i128::from(self.last.monotonic.as_nanos() - self.first.monotonic.as_nanos());
        let part = i128::from(monotonic.as_nanos() - self.first.monotonic.as_nanos());
        let change = i128::from(self.last.offset) - i128::from(self.first.offset);
        let offset = i128::from(self.first.offset) + change * part / whole;
        let change = Duration::from_nanos(u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX));
        Estimate {
            monotonic,
            offset: i64::try_from(offset).unwrap_or(self.first.offset),
            error: self.worst.saturating_add(change),
        }
    }
}

/// Whether the offset changed by more between two times than a clock drifts.
pub(super) fn is_step(before: (Monotonic, i64), after: (Monotonic, i64)) -> bool {
    let most = drift(distance(before.0, after.0)).saturating_add(STEP_MIN);
    Duration::from_nanos(before.1.abs_diff(after.1)) > most
}

/// 500 ppm.
pub(super) fn drift(span: Duration) -> Duration {
    span / 2_000
}

fn distance(one: Monotonic, other: Monotonic) -> Duration {
    Duration::from_nanos(one.as_nanos().abs_diff(other.as_nanos()))
}
