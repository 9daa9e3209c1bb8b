//! The executor: a pool, its threads, and how they end.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    BuildError, Builder, JobHandle, Metrics, SubmitError, Submitter, Timing, TraceRecord, clock,
    error::Abandoned,
    metrics::Counters,
    monitor::{Monitor, Watch},
    pool::{Pool, Settings, Warn},
    recorder::{Recorder, Span},
    sync,
    system::ThreadOptions,
    worker::{self, Crew},
};

/// How long a shutdown waits at most for workers that run nothing to leave.
const MOMENT: Duration = Duration::from_millis(10);

/// A bounded thread pool. Share it by reference or in an `Arc`; dropping it drains it.
pub struct Executor {
    pool: Arc<Pool>,
    timing: Timing,
    monitor: Option<Monitor>,
}

impl Executor {
    /// Sets up an executor.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn start(
        settings: Settings,
        threads: ThreadOptions,
        warn: Option<Warn>,
        watch: Watch,
    ) -> Result<Self, BuildError> {
        let (workers, timing) = (settings.workers, settings.timing);
        let monitor_name = format!("{}-monitor", threads.name);
        let pool = Arc::new(Pool::new(settings, Crew::new(threads), warn));
        // On an early return `drop` joins those already started.
        let mut executor = Self { pool, timing, monitor: None };
        for number in 0..workers {
            worker::hire(&executor.pool).map_err(|source| {
                let name = executor.pool.crew.options.thread_name(number);
                BuildError::Thread { name, source }
            })?;
        }
        executor.monitor = Monitor::start(&executor.pool, watch, monitor_name.clone())
            .map_err(|source| BuildError::Thread { name: monitor_name, source })?;
        Ok(executor)
    }

    #[inline]
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    #[inline]
    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    /// Hands jobs over otherwise than [`submit`](Self::submit) does: with a priority, a key, a
    /// name, a policy, without a handle.
    #[inline]
    pub fn submitter(&self) -> Submitter<'_> {
        Submitter::new(self)
    }

    /// Hands a job over, waiting for room when the queue is full.
    ///
    /// A worker of this pool does not wait, since nobody might be left to make room: it is
    /// refused with [`SubmitError::Full`].
    ///
    /// # Errors
    ///
    /// [`SubmitError`], with the job in it, when the queue is full and the caller is a worker, or
    /// after shutdown has begun.
    pub fn submit<T, F>(&self, job: F) -> Result<JobHandle<T>, SubmitError<F>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.submitter().submit(job)
    }

    /// The counters as they are now.
    pub fn metrics(&self) -> Metrics {
        self.pool.metrics()
    }

    /// Takes the trace records kept since the last time, oldest first; see [`Builder::trace`].
    pub fn take_trace(&self) -> Vec<TraceRecord> {
        let workers = self.pool.places.iter().map(|place| &place.recorder).enumerate();
        let mut records: Vec<_> =
            workers.flat_map(|(worker, books)| self.records(books, Some(worker))).collect();
        records.extend(self.records(&self.pool.outside, None));
        records.sort_by_key(|record| record.started);
        records
    }

    fn records(&self, books: &Recorder, worker: Option<usize>) -> Vec<TraceRecord> {
        let mut spans: Vec<Span> = Vec::new();
        books.take_trace(&mut spans);
        let since_start = |ticks: u64| clock::duration(ticks.saturating_sub(self.pool.started));
        let record = |(name, submitted, started, ended)| {
            let [submitted, started, ended] = [submitted, started, ended].map(since_start);
            TraceRecord { name, worker, submitted, started, ended }
        };
        spans.into_iter().map(record).collect()
    }

    /// Accepts nothing from now on. What is queued still runs.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Runs what is queued, joins the workers, and returns the final counters.
    ///
    /// Called from one of its own jobs it cannot wait for that job: the worker ends after it.
    pub fn drain(mut self) -> Metrics {
        self.close_and_join();
        self.metrics()
    }

    /// Runs what can be run within `most`, then gives the rest up and says what that was. A worker
    /// that still runs a job then is left alone: its thread ends when, and if, the job does. So is,
    /// and is always reported, the calling one if it is a worker of this pool.
    pub fn drain_for(self, most: Duration) -> DrainReport {
        self.close();
        let until = clock::ticks().saturating_add(clock::to_ticks(most));
        let mine = usize::from(worker::is_worker_of(&self.pool));
        let mut state = self.pool.lock();
        while state.alive > mine {
            let left = clock::duration(until.saturating_sub(clock::ticks()));
            if left.is_zero() {
                break;
            }
            state = sync::wait(&self.pool.gone, state, Some(left));
        }
        drop(state);
        self.give_up()
    }

    /// Accepts nothing, starts nothing more, and waits for no job; for workers that run none to leave,
    /// up to 10 ms, as every report does.
    pub fn abort(self) -> DrainReport {
        self.drain_for(Duration::ZERO)
    }

    /// Drops what has not started, reports what has, and lets the threads go.
    fn give_up(self) -> DrainReport {
        let given_up = self.pool.discard();
        let (mut discarded, mut names) = (0, Vec::new());
        for job in given_up {
            let name = job.name();
            if job.abandon(Abandoned::Cancelled, Some(&self.pool)) {
                Counters::count(&self.pool.counters.cancelled);
                discarded += 1;
                names.extend(name);
            }
        }
        self.settle();
        let unfinished = self.unfinished();
        let report = DrainReport { unfinished, discarded, names, metrics: self.metrics() };
        if self.pool.lock().alive > usize::from(worker::is_worker_of(&self.pool)) {
            self.pool.crew.detach();
        }
        report
    }

    /// Waits, but only for a moment, until every worker has left or runs a job. One that took its job
    /// just before everything was given up may not have written that down yet.
    fn settle(&self) {
        let until = clock::ticks().saturating_add(clock::to_ticks(MOMENT));
        let mut state = self.pool.lock();
        while state.alive > self.unfinished().len() {
            let left = clock::duration(until.saturating_sub(clock::ticks()));
            if left.is_zero() {
                return;
            }
            // Nobody tells when a job is begun.
            let look = left.min(MOMENT / 100);
            state = sync::wait(&self.pool.gone, state, Some(look));
        }
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        let now = clock::ticks();
        let places = self.pool.places.iter().enumerate();
        let running = places.filter_map(|(worker, place)| {
            let since = place.recorder.running_since.load(std::sync::atomic::Ordering::Acquire);
            let running_for = clock::duration(now.saturating_sub(since));
            (since != 0).then(|| Unfinished { worker, name: place.recorder.name(), running_for })
        });
        running.collect()
    }

    fn close_and_join(&mut self) {
        self.close();
        self.pool.crew.join();
        self.monitor = None;
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("workers", &self.pool.lock().alive).finish_non_exhaustive()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.close_and_join();
    }
}

/// How a shutdown that did not wait for everything ended.
#[derive(Clone, Debug)]
#[must_use = "it tells which work was not done"]
#[non_exhaustive]
pub struct DrainReport {
    /// Jobs still running: their workers were left alone.
    pub unfinished: Vec<Unfinished>,
    /// How many jobs were given up before they started.
    pub discarded: usize,
    /// The names of those that had one.
    pub names: Vec<&'static str>,
    /// The final counters, but for the unfinished jobs.
    pub metrics: Metrics,
}

impl DrainReport {
    /// Whether every accepted job has ended.
    pub fn is_complete(&self) -> bool {
        self.unfinished.is_empty() && self.discarded == 0
    }
}

/// A job that had not ended when the shutdown's time was over.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Number of the worker that runs it.
    pub worker: usize,
    /// What its submitter called it.
    pub name: Option<&'static str>,
    /// For how long it has been running.
    pub running_for: Duration,
}
