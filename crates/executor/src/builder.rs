//! How an executor is set up.

use std::{fmt, io, num::NonZeroUsize, thread, time::Duration};

use crate::{
    Executor, Priority, Timing, clock,
    monitor::{OnSlow, SlowJob, Watch},
    pool::{Settings, Warn},
    system::{Scheduling, ThreadOptions},
};

/// The most threads that a pool may come to.
const THREADS_MAX: usize = 1 << 16;

/// The most trace records that all workers together may keep: 640 MiB.
const TRACE_MAX: usize = 1 << 24;

/// Jobs that wait at most, unless the builder is told otherwise.
const DEFAULT_CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// When the number of workers changes, and how far.
///
/// It grows by one when for `grow_after` there were never fewer than `grow_above` queued jobs to
/// each worker, and shrinks by one when nothing was queued for `shrink_after`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scaling {
    /// No fewer workers than this; it starts with as many.
    pub min: NonZeroUsize,
    /// No more workers than this, not counting those that stand in for blocked ones.
    pub max: NonZeroUsize,
    /// Queued jobs to each worker.
    pub grow_above: usize,
    /// How long the queue must have been that long.
    pub grow_after: Duration,
    /// How long the queue must have been empty.
    pub shrink_after: Duration,
}

impl Default for Scaling {
    /// From one worker per core to two, after 5 s of ten jobs to each; back after 30 s of none.
    fn default() -> Self {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            min: cores,
            max: cores.saturating_mul(NonZeroUsize::MIN.saturating_add(1)),
            grow_above: 10,
            grow_after: Duration::from_secs(5),
            shrink_after: Duration::from_secs(30),
        }
    }
}

/// Sets up an [`Executor`].
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    scaling: Scaling,
    capacity: NonZeroUsize,
    compensation: usize,
    coalesce: [Duration; 4],
    timing: Timing,
    trace: usize,
    slow_after: Option<(Duration, OnSlow)>,
    warn: Option<(usize, Warn)>,
    threads: ThreadOptions,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let scaling = Scaling::default();
        Self {
            scaling: Scaling { max: scaling.min, ..scaling },
            capacity: DEFAULT_CAPACITY,
            compensation: 16,
            coalesce: [Duration::ZERO; 4],
            timing: Timing::Exact,
            trace: 0,
            slow_after: None,
            warn: None,
            threads: ThreadOptions { name: "worker".to_owned(), ..ThreadOptions::default() },
        }
    }

    /// How many threads run jobs. Default: one per available core.
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        (self.scaling.min, self.scaling.max) = (workers, workers);
        self
    }

    /// Lets the number of workers follow the load. Needs a thread of its own, which sleeps while
    /// nothing is to be done. Default: it does not change.
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// How many workers more there may be at most while others are blocked. Each has its books, some
    /// 20 KiB, from the start. Default: 16.
    pub fn compensation(mut self, workers: usize) -> Self {
        self.compensation = workers;
        self
    }

    /// How many accepted jobs may wait to start. Default: 4096.
    ///
    /// Beside them each worker holds at most 64 that it has taken and not begun, those it can
    /// expect to start within 10 µs, and at most 31 more of a key. Memory: 64 bytes for each job, in blocks of 4 KiB that are made
    /// when first needed and then kept, and may be half empty.
    pub fn capacity(mut self, capacity: NonZeroUsize) -> Self {
        self.capacity = capacity;
        self
    }

    /// What the threads are called: `name-0`, `name-1`, … Default: `worker`. Linux shows the
    /// first 15 bytes.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.threads.name = name.into();
        self
    }

    /// The workers' stack size in bytes. Default: that of `std`.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.threads.stack_size = Some(bytes);
        self
    }

    /// The cores to pin the workers to, in turn. Default: none. Linux only.
    pub fn affinity(mut self, cores: impl Into<Vec<usize>>) -> Self {
        self.threads.affinity = cores.into();
        self
    }

    /// How the system schedules the workers. Default: like any thread. Linux only.
    pub fn scheduling(mut self, scheduling: Scheduling) -> Self {
        self.threads.scheduling = scheduling;
        self
    }

    /// Lets jobs of `priority` without a handle wait up to `window` for others, to be woken for
    /// together: less CPU at high rates, later starts. Only jobs that come within the window after
    /// a worker ran out of work wait; after a longer silence the first one wakes at once. Where
    /// windows differ, the shortest counts. Default: no waiting.
    ///
    /// `Critical` and `High` jobs, and those with a handle, never wait; for those priorities this
    /// does nothing.
    pub fn coalesce(mut self, priority: Priority, window: Duration) -> Self {
        if !priority.is_urgent() {
            self.coalesce[priority.index()] = window;
        }
        self
    }

    /// Which jobs are timed. Default: every one. With a watchdog, always every one.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Keeps the last `records` jobs of each worker for [`Executor::take_trace`]. The memory, 40
    /// bytes a record, is provided at the start. Default: none.
    pub fn trace(mut self, records: usize) -> Self {
        self.trace = records;
        self
    }

    /// Watches for jobs that run longer than `limit`: each is counted, and reported to `report`
    /// while it runs, by a thread of its own. A slow job found asleep is counted as blocked and
    /// another worker stands in for it. A job that is over before the thread looks (it does
    /// each quarter of `limit`, but within 1 ms to 1 s) is counted only. A panic of `report` is
    /// counted and goes no further. Default: no watchdog.
    pub fn slow_after(
        mut self,
        limit: Duration,
        report: impl Fn(&SlowJob) + Send + Sync + 'static,
    ) -> Self {
        self.slow_after = Some((limit, Box::new(report)));
        self
    }

    /// Calls `warn` with the queue's length when it reaches `jobs`; again only after it has been
    /// below half of that. It runs in the submitter's thread, after the job was accepted; its
    /// panic is counted and goes no further. Default: no warning.
    pub fn warn_at(
        mut self,
        jobs: NonZeroUsize,
        warn: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        self.warn = Some((jobs.get(), Box::new(warn)));
        self
    }

    /// Starts the workers.
    ///
    /// # Errors
    ///
    /// [`BuildError::Thread`] when the system refuses a thread, or its name for a NUL in it; those
    /// already started are joined. [`BuildError::TooMany`] for more than 65,536 threads,
    /// [`BuildError::Scaling`] for a maximum below the minimum, [`BuildError::Trace`] for more than
    /// 2^24 trace records on all workers together.
    pub fn build(self) -> Result<Executor, BuildError> {
        let name = &self.threads.name;
        if name.contains('\0') {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "a name has no NUL in it");
            return Err(BuildError::Thread { name: name.clone(), source });
        }
        let Scaling { min, max, .. } = self.scaling;
        if max < min {
            return Err(BuildError::Scaling { min, max });
        }
        let places = self.scaling.max.get().saturating_add(self.compensation);
        if places > THREADS_MAX {
            return Err(BuildError::TooMany { asked: places, most: THREADS_MAX });
        }
        let most = TRACE_MAX / (places + 1);
        if self.trace > most {
            return Err(BuildError::Trace { asked: self.trace, most });
        }
        clock::warm_up();
        let windows = self.coalesce.iter().copied().filter(|window| !window.is_zero());
        let settings = Settings {
            capacity: self.capacity.get(),
            workers: self.scaling.min.get(),
            places,
            nap: windows.min().unwrap_or_default(),
            patient: self.coalesce.map(|window| !window.is_zero()),
            timing: if self.slow_after.is_some() { Timing::Exact } else { self.timing },
            slow: self.slow_after.as_ref().map_or(u64::MAX, |(limit, _)| clock::to_ticks(*limit)),
            trace: self.trace,
            warn_at: self.warn.as_ref().map_or(usize::MAX, |(jobs, _)| *jobs),
        };
        let scaling = (self.scaling.max > self.scaling.min).then_some(self.scaling);
        let watch = Watch { scaling, slow: self.slow_after };
        Executor::start(settings, self.threads, self.warn.map(|(_, warn)| warn), watch)
    }
}

/// By hand, because what it is to call is no `Debug`.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("scaling", &self.scaling)
            .field("capacity", &self.capacity)
            .field("compensation", &self.compensation)
            .finish_non_exhaustive()
    }
}

/// The executor did not start. What the system said is the error's `source()`, not part of its text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A thread could not be created.
    #[error("could not start thread {name:?}")]
    Thread {
        /// The thread's intended name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The most workers and those that may stand in for them are too many together.
    #[error("a pool of up to {asked} threads is too large: {most} at most, with those standing in")]
    TooMany {
        /// How many there might have been.
        asked: usize,
        /// How many there may be.
        most: usize,
    },
    /// The most workers are fewer than the fewest.
    #[error("a pool of no fewer than {min} and no more than {max} workers cannot be")]
    Scaling {
        /// As in [`Scaling::min`].
        min: NonZeroUsize,
        /// As in [`Scaling::max`].
        max: NonZeroUsize,
    },
    /// Memory for so many trace records is not provided.
    #[error(
        "a trace of {asked} records a worker is too long: {most} at most, with so many workers"
    )]
    Trace {
        /// How many each worker was to keep.
        asked: usize,
        /// How many it may keep.
        most: usize,
    },
}
