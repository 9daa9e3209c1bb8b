//! What the pool did, in numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A snapshot of an executor's counters. Counts run from its start and never go back.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// Jobs that have ended, by returning or by panicking.
    pub processed: u64,
    /// Jobs that ended by panicking; counted in `processed` too.
    pub panicked: u64,
    /// Submissions refused, whether full or closed.
    pub rejected: u64,
    /// Jobs accepted and not yet started, at this moment.
    pub queued: u64,
    /// Worker threads, at this moment.
    pub workers: usize,
}

/// The live counters behind [`Metrics`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) processed: AtomicU64,
    pub(crate) panicked: AtomicU64,
    pub(crate) rejected: AtomicU64,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn snapshot(&self, queued: usize, workers: usize) -> Metrics {
        Metrics {
            processed: self.processed.load(Relaxed),
            panicked: self.panicked.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            queued: queued as u64,
            workers,
        }
    }
}
