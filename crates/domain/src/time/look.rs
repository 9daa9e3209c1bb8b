//! A look at the clocks and at what disciplines them.

use core::time::Duration;

use crate::{Monotonic, Timestamp, WallTime};

/// What a look at the clocks found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The wall clock,
    pub wall: WallTime,
    /// and the monotonic clock, at the same instant,
    pub monotonic: Monotonic,
    /// but for this much.
    pub width: Duration,
    /// The most that the wall clock is wrong by; none while nobody vouches for it.
    pub vouched: Option<Duration>,
    /// A leap second is being told, is due today, or was a moment ago.
    pub is_leap_near: bool,
    /// A battery-backed clock set the wall clock at boot.
    pub has_rtc: bool,
}

impl Look {
    /// Wall time less monotonic time, in nanoseconds.
    pub fn offset(&self) -> i64 {
        offset(self.wall, self.monotonic)
    }
}

impl Timestamp {
    /// Wall time less monotonic time, in nanoseconds.
    pub(super) fn offset(&self) -> i64 {
        offset(self.wall, self.monotonic)
    }
}

fn offset(wall: WallTime, monotonic: Monotonic) -> i64 {
    wall.as_nanos().saturating_sub(i64::try_from(monotonic.as_nanos()).unwrap_or(i64::MAX))
}
