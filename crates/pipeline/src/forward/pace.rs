//! How fast history goes: the rate it is given, and how long it will take.
//!
//! # Terms
//!
//! * **Credit** — what history may send now under its rate: grows with time, up to one burst.
//! * **Speed** — what history really delivered of late, in samples per time: both sums lose an eighth
//!   with each measurement, of which there is one a second at most.
//!
//! # Deliberately absent
//!
//! A clock: whoever calls says what time it is.

use core::{num::NonZeroU64, time::Duration};

use domain::Monotonic;

const NANOS: u128 = 1_000_000_000;

/// One measurement covers at least so much time.
const MEASURED: Duration = Duration::from_secs(1);

/// Fractions of samples in the sums of [`Speed`].
const FINE: u128 = 1 << 16;

/// The credit of history, for one rate over all classes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Samples per second; without one there is no limit.
    rate: Option<NonZeroU64>,
    /// The most that it may send at once, in samples.
    burst: u64,
    /// In samples times nanoseconds.
    credit: u128,
    since: Monotonic,
}

impl Pace {
    /// A burst is what a second brings, but at most `burst_max` samples. The first is there at once.
    pub(super) fn new(rate: Option<NonZeroU64>, burst_max: u64, now: Monotonic) -> Self {
        let burst = rate.map_or(burst_max, NonZeroU64::get).clamp(1, burst_max.max(1));
        Self { rate, burst, credit: u128::from(burst) * NANOS, since: now }
    }

    /// How many of `wanted` samples may go now: a burst, or all of them if they are fewer; or none.
    pub(super) fn grant(&mut self, wanted: u64, now: Monotonic) -> u64 {
        let Some(rate) = self.rate else { return wanted };
        let elapsed = now.saturating_since(self.since).as_nanos();
        let full = u128::from(self.burst) * NANOS;
        self.credit = (self.credit + elapsed.saturating_mul(rate.get().into())).min(full);
        self.since = now;
        let wanted = wanted.min(self.burst);
        if u128::from(wanted) * NANOS <= self.credit { wanted } else { 0 }
    }

    /// `samples` of what was granted are on their way.
    pub(super) fn spend(&mut self, samples: u64) {
        self.credit = self.credit.saturating_sub(u128::from(samples) * NANOS);
    }

    /// When `wanted` samples are granted, or a burst if that is less.
    pub(super) fn due(&self, wanted: u64) -> Monotonic {
        let Some(rate) = self.rate else { return self.since };
        let wanted = u128::from(wanted.min(self.burst)) * NANOS;
        let nanos = wanted.saturating_sub(self.credit).div_ceil(rate.get().into());
        self.since + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 2))
    }
}

/// How fast history goes in the present epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speed {
    since: Monotonic,
    /// Delivered since then.
    fresh: u64,
    /// Of what was measured: samples, in [`FINE`] parts, and nanoseconds.
    samples: u128,
    nanos: u128,
}

impl Speed {
    /// Nothing is known yet.
    pub(super) const fn new(now: Monotonic) -> Self {
        Self { since: now, fresh: 0, samples: 0, nanos: 0 }
    }

    /// The broker acknowledged `samples` of history.
    pub(super) const fn delivered(&mut self, samples: u64) {
        self.fresh += samples;
    }

    /// How long `waiting` samples will take, in whole seconds, rounded up; `None` if nothing shows.
    pub(super) fn drained_in(&mut self, waiting: u64, now: Monotonic) -> Option<u64> {
        let elapsed = now.saturating_since(self.since);
        if waiting == 0 {
            *self = Self::new(now);
            return Some(0);
        }
        if elapsed >= MEASURED {
            self.samples = self.samples - self.samples / 8 + u128::from(self.fresh) * FINE;
            self.nanos = self.nanos - self.nanos / 8 + elapsed.as_nanos();
            (self.since, self.fresh) = (now, 0);
        }
        let nanos = (u128::from(waiting) * FINE).saturating_mul(self.nanos);
        let seconds = nanos.checked_div(self.samples)?.div_ceil(NANOS);
        u64::try_from(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_nanos(0) + Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_is_kept_to_the_sample_and_says_when_the_next_burst_is_due() {
        let mut pace = Pace::new(NonZeroU64::new(100), 1_024, at(0));
        let mut sent = 0;
        for millis in (0..=10_000).step_by(7) {
            let granted = pace.grant(30, at(millis));
            pace.spend(granted);
            sent += granted;
            assert!(sent <= 100 + millis / 10, "{sent} after {millis} ms");
        }
        assert!(sent >= 100 + 1_000 - 30, "{sent}");
        pace.grant(0, at(10_000));
        pace.spend(1_000);
        assert_eq!(pace.grant(30, at(10_000)), 0);
        assert_eq!(pace.due(30), at(10_300));
        assert_eq!((pace.grant(30, at(10_299)), pace.grant(30, at(10_300))), (0, 30));
    }

    #[test]
    fn more_than_a_burst_is_granted_in_bursts_and_without_a_rate_all_at_once() {
        let mut pace = Pace::new(NonZeroU64::new(100_000), 1_024, at(0));
        assert_eq!(pace.grant(5_000, at(0)), 1_024);
        let mut free = Pace::new(None, 1_024, at(0));
        assert_eq!((free.grant(5_000, at(0)), free.due(5_000)), (5_000, at(0)));
    }

    #[test]
    fn the_estimate_follows_what_is_delivered_and_is_absent_while_nothing_is() {
        let mut speed = Speed::new(at(0));
        assert_eq!(speed.drained_in(1_000, at(500)), None, "not measured yet");
        assert_eq!(speed.drained_in(1_000, at(2_000)), None, "nothing was delivered");
        for second in 3..200 {
            speed.delivered(50);
            speed.drained_in(1_000, at(second * 1_000));
        }
        assert_eq!(speed.drained_in(1_000, at(199_000)), Some(20));
        assert_eq!(speed.drained_in(0, at(199_000)), Some(0));
        assert_eq!(speed.drained_in(1_000, at(199_500)), None, "another history, another speed");
    }
}
