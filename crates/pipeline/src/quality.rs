//! How well a device is sampled: lateness and time on the bus, in fixed memory.
//!
//! # Terms
//!
//! * **Lateness** — from the time a device was due to the time its transaction began.
//! * **Time on bus** — from the beginning of a transaction to its end, as its worker sees it.
//!
//! # Deliberately absent
//!
//! Devices that speak unasked: they are never late, and listening does not occupy a bus.

use core::time::Duration;

const SUB_BITS: u32 = 4;
const SUB: u64 = 1 << SUB_BITS;
/// Times from 2^40 ns (18 minutes) up share the last bucket.
const POWERS: u32 = 40;
const BUCKETS: usize = ((POWERS - SUB_BITS + 1) << SUB_BITS) as usize;

/// Counts spans of time in log-linear buckets: quantiles are at most 1/32 off, the maximum is exact.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), count: 0, max: 0 }
    }
}

/// Values below 16 have a bucket each; above, each power of two has 16.
fn bucket(nanos: u64) -> usize {
    let index = if nanos < SUB {
        nanos
    } else {
        let shift = nanos.ilog2() - SUB_BITS;
        u64::from(shift + 1) * SUB + ((nanos >> shift) - SUB)
    };
    usize::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The middle of a bucket.
const fn middle(bucket: u64) -> u64 {
    if bucket < SUB {
        return bucket;
    }
    let shift = bucket / SUB - 1;
    ((SUB + bucket % SUB) << shift) + ((1 << shift) >> 1)
}

impl Histogram {
    /// Counts one span.
    pub fn record(&mut self, span: Duration) {
        let nanos = nanos(span);
        self.counts[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    /// How many were counted.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The longest, in nanoseconds; zero if none was counted.
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// What `percent` of all counted did not exceed, in nanoseconds; zero if none was counted.
    pub fn percentile(&self, percent: u8) -> u64 {
        let rank = self.count.saturating_mul(percent.into()).div_ceil(100).max(1);
        let mut below = 0;
        for (bucket, count) in (0..).zip(&self.counts) {
            below += count;
            if below >= rank {
                return middle(bucket).min(self.max);
            }
        }
        self.max
    }
}

/// What is known of one device's sampling since its gateway started.
#[derive(Clone, Debug, Default)]
pub struct Quality {
    /// How late its transactions began.
    pub lateness: Histogram,
    /// Slots that passed unserved.
    pub missed: u64,
    /// Slots not taken because the queue was filling up.
    pub shed: u64,
    /// The time on the bus of all its transactions.
    pub on_bus: Duration,
    /// That of the longest.
    pub on_bus_max: Duration,
}

impl Quality {
    /// Counts one transaction's time on the bus.
    pub fn occupied(&mut self, span: Duration) {
        self.on_bus = self.on_bus.saturating_add(span);
        self.on_bus_max = self.on_bus_max.max(span);
    }
}

/// Whole nanoseconds; 584 years at most.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_counted_is_zero_and_one_span_is_every_percentile() {
        let mut histogram = Histogram::default();
        assert_eq!([50, 99].map(|percent| histogram.percentile(percent)), [0, 0]);
        histogram.record(Duration::from_nanos(7));
        assert_eq!([0, 50, 99, 100].map(|percent| histogram.percentile(percent)), [7; 4]);
    }

    #[test]
    fn a_day_of_lateness_and_more_share_the_last_bucket_and_the_maximum_is_exact() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_secs(86_400));
        histogram.record(Duration::MAX);
        assert_eq!((histogram.count(), histogram.max()), (2, u64::MAX));
        assert!(histogram.percentile(50) >= 1 << (POWERS - 1));
    }

    proptest! {
        /// Against sorting: no percentile is off by more than a half bucket.
        #[test]
        fn percentiles_are_those_of_the_sorted_list(
            mut spans in proptest::collection::vec(0..1_u64 << 39, 1..300),
            percent in 1..=100_u8,
        ) {
            let mut histogram = Histogram::default();
            for &span in &spans {
                histogram.record(Duration::from_nanos(span));
            }
            spans.sort_unstable();
            let rank = (spans.len() * usize::from(percent)).div_ceil(100).max(1);
            let exact = spans[rank - 1];
            let told = histogram.percentile(percent);
            prop_assert!(told.abs_diff(exact) <= exact / 32 + 1, "{} for {}", told, exact);
            prop_assert_eq!(histogram.max(), *spans.last().unwrap());
        }
    }
}
