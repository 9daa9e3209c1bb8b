//! Readings: an outcome at a time.

use core::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use crate::{NoData, Quantity, Trust};

/// Wall-clock time: nanoseconds since 1970-01-01T00:00:00 UTC. May step back or forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole microseconds since the Unix epoch, rounded down.
    pub const fn as_micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

/// Time since boot in nanoseconds. Never steps; means nothing without the boot it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(u64);

impl Monotonic {
    /// From nanoseconds since boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since boot.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since boot, rounded down.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    /// Saturates after 584 years of uptime.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Monotonic {
    type Output = Self;

    /// Stops at boot.
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// One instant on both clocks: the wall clock for people, the monotonic one for truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// What the wall clock said.
    pub wall: WallTime,
    /// What the monotonic clock said at the same instant.
    pub monotonic: Monotonic,
    /// How far the wall clock can be trusted.
    pub trust: Trust,
}

impl Timestamp {
    /// An instant on both clocks, of which nobody knows how right the wall clock is.
    pub const fn new(wall: WallTime, monotonic: Monotonic) -> Self {
        Self { wall, monotonic, trust: Trust::UNKNOWN }
    }

    /// The instant `age` before this one.
    #[must_use]
    pub fn before(self, age: Duration) -> Self {
        let nanos = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        let wall = WallTime(self.wall.0.saturating_sub(nanos));
        Self { wall, monotonic: self.monotonic - age, ..self }
    }
}

/// How far a quantity can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// Measured, or derived from complete inputs that are good themselves.
    #[default]
    Good,
    /// Derived from what is incomplete or uncertain: a window with gaps or not yet full, an input that
    /// is uncertain, a formula outside of the range for which its source vouches.
    Uncertain,
}

impl Quality {
    /// The quality of what follows from both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// Good if `holds`.
    pub const fn good_if(holds: bool) -> Self {
        if holds { Self::Good } else { Self::Uncertain }
    }
}

/// The outcome of asking a sensor at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// When the quantity was taken, or found missing.
    pub at: Timestamp,
    /// The quantity, or why there is none.
    pub outcome: Result<Quantity, NoData>,
    /// How far to trust it. Of a gap: always good.
    pub quality: Quality,
}

impl Reading {
    /// What was measured, or found missing.
    pub const fn measured(at: Timestamp, outcome: Result<Quantity, NoData>) -> Self {
        Self { at, outcome, quality: Quality::Good }
    }
}

impl fmt::Display for Monotonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s after boot", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_boot_and_at_the_end_of_time_instead_of_wrapping() {
        let boot = Monotonic::from_nanos(5);
        assert_eq!(boot - Duration::from_secs(1), Monotonic::default());
        assert_eq!(boot + Duration::MAX, Monotonic::from_nanos(u64::MAX));
        assert_eq!(boot.saturating_since(Monotonic::from_nanos(9)), Duration::ZERO);
    }

    #[test]
    fn microseconds_round_down_before_the_epoch_too() {
        assert_eq!(WallTime::from_nanos(-1).as_micros(), -1);
        assert_eq!(WallTime::from_nanos(1_999).as_micros(), 1);
    }
}
