//! What the pool did, in numbers.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{clock, histogram::Latency, recorder::Recorder};

/// A snapshot of an executor's counters. Counts run from its start and never go back.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// Jobs that have ended, by returning or by panicking.
    pub processed: u64,
    /// Panics caught: those of jobs, which are counted in `processed` too, and those of callbacks, and
    /// of the drop of a closure or a result that a worker drops.
    pub panicked: u64,
    /// Submissions refused, whether full or closed.
    pub rejected: u64,
    /// Accepted jobs evicted by `WhenFull::DropOldest` or `DropLowest`.
    pub dropped: u64,
    /// Jobs whose deadline passed before they started, whether then dropped or run.
    pub expired: u64,
    /// Jobs that ran longer than `slow_after`, whether or not they have ended.
    pub timed_out: u64,
    /// Jobs given up before they started: by handle (counted when their place in the queue comes
    /// up), by token, or by a shutdown that did not wait.
    pub cancelled: u64,
    /// Jobs accepted and not yet started, at this moment: those in the queue, and those that a worker
    /// has taken and not begun, in its batch or of its strand.
    pub queued: u64,
    /// Of those, the ones in the queue proper, by [`Priority::index`](crate::Priority::index).
    /// The rest wait for a job of their key, or have been taken by a worker.
    pub queued_by_priority: [u64; 4],
    /// Worker threads, at this moment.
    pub workers: usize,
    /// Of those, the ones declared blocked, or found so by the watchdog.
    pub blocked: usize,
    /// Of those, the ones asleep.
    pub idle: usize,
    /// Keys that have a job running or waiting.
    pub keys: usize,
    /// Since the executor started.
    pub uptime: Duration,
    /// Exponential moving average (alpha 0.1) of run times, over workers by their counts.
    pub average_run: Duration,
    /// From submission to start.
    pub queue_wait: Latency,
    /// From start to end.
    pub run_time: Latency,
    /// How long each worker's place has been running jobs.
    pub busy: Vec<Duration>,
}

impl Metrics {
    /// What happened after `earlier`, a snapshot of the same executor: counts, times and
    /// histograms are differences; what holds at one moment is as in `self`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let busy = self.busy.iter().zip(&earlier.busy).map(|(now, then)| now.saturating_sub(*then));
        Self {
            processed: self.processed.saturating_sub(earlier.processed),
            panicked: self.panicked.saturating_sub(earlier.panicked),
            rejected: self.rejected.saturating_sub(earlier.rejected),
            dropped: self.dropped.saturating_sub(earlier.dropped),
            expired: self.expired.saturating_sub(earlier.expired),
            timed_out: self.timed_out.saturating_sub(earlier.timed_out),
            cancelled: self.cancelled.saturating_sub(earlier.cancelled),
            uptime: self.uptime.saturating_sub(earlier.uptime),
            queue_wait: self.queue_wait.since(&earlier.queue_wait),
            run_time: self.run_time.since(&earlier.run_time),
            busy: busy.collect(),
            ..self.clone()
        }
    }

    /// The share of its time, 0 to 1, that the worker in place `worker` has been running jobs.
    pub fn busy_share(&self, worker: usize) -> f64 {
        let busy = self.busy.get(worker).map_or(0.0, Duration::as_secs_f64);
        if self.uptime.is_zero() { 0.0 } else { (busy / self.uptime.as_secs_f64()).min(1.0) }
    }

    /// Adds up what the workers have written down.
    #[expect(clippy::cast_precision_loss, reason = "weights of an average")]
    pub(crate) fn add<'a>(&mut self, recorders: impl Iterator<Item = &'a Recorder>) {
        let (mut weighted, mut weights) = (0.0, 0.0);
        for recorder in recorders {
            let processed = recorder.processed.load(Relaxed);
            self.processed += processed;
            self.panicked += recorder.panicked.load(Relaxed);
            self.timed_out += recorder.timed_out.load(Relaxed);
            recorder.wait.add_to(&mut self.queue_wait);
            recorder.run.add_to(&mut self.run_time);
            weighted += recorder.average() * processed as f64;
            weights += processed as f64;
        }
        if weights > 0.0 {
            self.average_run = ticks_duration(weighted / weights);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and an average is not negative"
)]
fn ticks_duration(ticks: f64) -> Duration {
    clock::duration(ticks.round() as u64)
}

/// The counters that any thread may move, all of them rare.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) panicked: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) cancelled: AtomicU64,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_to(&self, metrics: &mut Metrics) {
        metrics.panicked += self.panicked.load(Relaxed);
        metrics.rejected += self.rejected.load(Relaxed);
        metrics.dropped += self.dropped.load(Relaxed);
        metrics.expired += self.expired.load(Relaxed);
        metrics.timed_out += self.timed_out.load(Relaxed);
        metrics.cancelled += self.cancelled.load(Relaxed);
    }
}
