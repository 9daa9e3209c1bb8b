//! Where durations are counted: fixed memory, any range, 3 % off at most.
//!
//! Buckets are log-linear: 16 to each power of two, so a bucket is at most 1/16 of its value wide
//! and its middle at most 1/32 off. One thread writes, any number read.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::clock;

const SUB_BITS: u32 = 4;
const SUB: u64 = 1 << SUB_BITS;
/// Values below 16 have a bucket each; above, 16 buckets for each of the 60 remaining powers.
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) << SUB_BITS;

#[expect(clippy::cast_possible_truncation, reason = "bounded by BUCKETS")]
const fn bucket(ticks: u64) -> usize {
    if ticks < SUB {
        return ticks as usize;
    }
    let shift = ticks.ilog2() - SUB_BITS;
    (shift as usize + 1) * SUB as usize + ((ticks >> shift) - SUB) as usize
}

/// The middle of a bucket, in ticks.
const fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB {
        return bucket;
    }
    let shift = bucket / SUB - 1;
    ((SUB + bucket % SUB) << shift) + ((1 << shift) >> 1)
}

/// One thread's counts of durations in ticks.
pub(crate) struct Histogram {
    counts: Box<[AtomicU64]>,
    max: AtomicU64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        let counts = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self { counts, max: AtomicU64::new(0) }
    }

    /// Counts one duration. Only one thread at a time may call this: it adds without a lock.
    #[inline]
    pub(crate) fn record(&self, ticks: u64) {
        let count = &self.counts[bucket(ticks)];
        count.store(count.load(Relaxed) + 1, Relaxed);
        if ticks > self.max.load(Relaxed) {
            self.max.store(ticks, Relaxed);
        }
    }

    /// Adds what is counted here to `sum`.
    pub(crate) fn add_to(&self, sum: &mut Latency) {
        sum.counts.resize(BUCKETS, 0);
        for (total, count) in sum.counts.iter_mut().zip(&self.counts) {
            *total += count.load(Relaxed);
        }
        sum.max = sum.max.max(self.max.load(Relaxed));
    }
}

/// How long something took, over all jobs counted: a count, quantiles within 3 %, the maximum.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Latency {
    counts: Vec<u64>,
    max: u64,
}

/// By hand, because nobody reads a thousand buckets.
impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latency")
            .field("count", &self.count())
            .field("p50", &self.p50())
            .field("p99", &self.p99())
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

impl Latency {
    /// How many were timed.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The duration that a share `q` (0 to 1) of them did not exceed; zero if none was timed.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among fewer than 2^53; a float cast saturates"
    )]
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = ((self.count() as f64 * q).ceil() as u64).max(1);
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= rank {
                return clock::duration(middle(bucket).min(self.max));
            }
        }
        Duration::ZERO
    }

    /// The median.
    pub fn p50(&self) -> Duration {
        self.quantile(0.5)
    }

    /// Not exceeded by 99 %.
    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    /// Not exceeded by 99.9 %.
    pub fn p999(&self) -> Duration {
        self.quantile(0.999)
    }

    /// The longest, exactly; since the start, even in a difference of snapshots.
    pub fn max(&self) -> Duration {
        clock::duration(self.max)
    }

    /// What was counted after `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = earlier.counts.iter().chain(std::iter::repeat(&0));
        let counts = self.counts.iter().zip(before).map(|(now, then)| now.saturating_sub(*then));
        Self { counts: counts.collect(), max: self.max }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_stands_for_its_values_within_three_percent(ticks: u64) {
            let middle = middle(bucket(ticks));
            prop_assert!(middle.abs_diff(ticks) <= ticks / 32 + 1, "{ticks} became {middle}");
        }
    }

    #[test]
    fn buckets_cover_every_value_without_a_gap() {
        for bucket_number in 0..BUCKETS {
            assert_eq!(bucket(middle(bucket_number)), bucket_number);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_a_known_distribution() {
        let histogram = Histogram::new();
        for microseconds in 1..=1000 {
            histogram.record(clock::to_ticks(Duration::from_micros(microseconds)));
        }
        let mut latency = Latency::default();
        histogram.add_to(&mut latency);
        assert_eq!(latency.count(), 1000);
        for (quantile, expected) in [(latency.p50(), 500), (latency.p99(), 990)] {
            let expected = Duration::from_micros(expected);
            assert!(quantile.abs_diff(expected) < expected / 25, "{quantile:?} for {expected:?}");
        }
        assert!(latency.max().abs_diff(Duration::from_millis(1)) < Duration::from_nanos(5));
    }

    #[test]
    fn the_difference_of_snapshots_holds_only_the_new_ones() {
        let histogram = Histogram::new();
        histogram.record(5);
        let (mut before, mut after) = (Latency::default(), Latency::default());
        histogram.add_to(&mut before);
        histogram.record(7_000);
        histogram.add_to(&mut after);
        assert_eq!(after.since(&before).count(), 1);
        assert!(after.since(&before).p50() > clock::duration(6_000));
    }
}
