//! What one worker writes down about its jobs: alone, so that counting costs no shared cache line.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Relaxed, Release},
            fence,
        },
    },
    time::Duration,
};

use crate::{clock, histogram::Histogram, metrics::Counters, pool::Pool};

/// Weight of the newest job in the moving average.
const ALPHA: f64 = 0.1;

/// A batch whose jobs take so many times the typical one counts as no longer than that.
const OUTLIER: f64 = 4.0;

/// One worker's books. Written by one thread, read by any.
pub(crate) struct Recorder {
    /// The worker's place; `None` for the books of submitters that run jobs themselves.
    pub(crate) place: Option<usize>,
    pub(crate) processed: AtomicU64,
    pub(crate) panicked: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) busy: AtomicU64,
    /// Jobs whose time is in `busy`.
    timed: AtomicU64,
    /// Moving average of run times: the bits of an `f64`, in ticks.
    average: AtomicU64,
    /// Moving average over batches with outliers cut off, so that a job caught by a preemption does
    /// not make the next ones look long.
    typical: AtomicU64,
    /// When the running job started, in ticks; 0 when none runs.
    pub(crate) running_since: AtomicU64,
    /// `running_since` of the last job that was counted as slow, so that each is counted once.
    reported: AtomicU64,
    pub(crate) wait: Histogram,
    pub(crate) run: Histogram,
    name: Mutex<Option<&'static str>>,
    trace: Option<Mutex<Ring>>,
    /// Held while writing if more than one thread does: by the submitters that run jobs themselves.
    shared: Option<Mutex<()>>,
    /// A job is slow beyond this, in ticks.
    slow: u64,
}

/// What is told to a recorder when it is made.
#[derive(Clone, Copy)]
pub(crate) struct Keeping {
    pub(crate) slow: u64,
    pub(crate) trace: usize,
}

impl Recorder {
    pub(crate) fn new(keeping: Keeping, place: Option<usize>) -> Self {
        Self {
            place,
            processed: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            timed: AtomicU64::new(0),
            average: AtomicU64::new(0),
            typical: AtomicU64::new(0),
            running_since: AtomicU64::new(0),
            reported: AtomicU64::new(0),
            wait: Histogram::new(),
            run: Histogram::new(),
            name: Mutex::new(None),
            trace: (keeping.trace > 0).then(|| Mutex::new(Ring::new(keeping.trace))),
            shared: place.is_none().then(|| Mutex::new(())),
            slow: keeping.slow,
        }
    }

    /// Moving average of run times, in ticks.
    pub(crate) fn average(&self) -> f64 {
        f64::from_bits(self.average.load(Relaxed))
    }

    /// How long jobs take that nothing came between, in ticks: what batches are measured by.
    pub(crate) fn typical(&self) -> f64 {
        f64::from_bits(self.typical.load(Relaxed))
    }

    pub(crate) fn set_name(&self, name: Option<&'static str>) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }

    pub(crate) fn name(&self) -> Option<&'static str> {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Start of the last job that was counted as slow.
    pub(crate) fn reported(&self) -> u64 {
        self.reported.load(Relaxed)
    }

    /// Whether the watchdog is to count the job that started at `since` as slow; not if another was
    /// counted since it read `before`, or this one, by its worker.
    pub(crate) fn report(&self, before: u64, since: u64) -> bool {
        self.reported.compare_exchange(before, since, Relaxed, Relaxed).is_ok()
    }

    pub(crate) fn take_trace(&self, into: &mut Vec<Span>) {
        if let Some(trace) = &self.trace {
            into.extend(trace.lock().unwrap_or_else(PoisonError::into_inner).spans.drain(..));
        }
    }

    /// A job starts at `start`; if that is not known, at about the time of the one before.
    #[inline]
    pub(crate) fn begins(&self, start: u64) {
        if start != 0 {
            self.running_since.store(start, Relaxed);
        }
    }

    /// Runs a job inside of another, or inside of a strand's turn.
    #[inline]
    pub(crate) fn within<R>(&self, start: u64, run: impl FnOnce() -> R) -> R {
        let outer = self.running_since.load(Relaxed);
        let was_counted = outer != 0 && self.reported() == outer;
        self.begins(start);
        let result = run();
        if was_counted {
            // Whoever sees the outer job again sees that it was counted.
            self.reported.store(outer, Relaxed);
            fence(Release);
        }
        self.running_since.store(outer, Relaxed);
        result
    }

    /// A job has ended; says whether it was slow.
    #[inline]
    fn timed(&self, submitted: u64, start: u64, end: u64) -> bool {
        // From here on the watchdog does not take it for running: its end is the next one's start.
        self.running_since.store(end, Relaxed);
        let run = end.wrapping_sub(start);
        self.wait.record(start.saturating_sub(submitted));
        self.run.record(run);
        add(&self.busy, run);
        add(&self.timed, 1);
        self.averaged(run);
        let is_slow = run > self.slow;
        if is_slow && self.reported.swap(start, Relaxed) != start {
            add(&self.timed_out, 1);
        }
        is_slow
    }

    #[expect(clippy::cast_precision_loss, reason = "an average of run times below 2^53 ticks")]
    #[inline]
    fn averaged(&self, run: u64) {
        // Signed, because that takes one instruction.
        let (run, average) = (run.cast_signed() as f64, self.average());
        let next = if average == 0.0 { run } else { average + ALPHA * (run - average) };
        self.average.store(next.to_bits(), Relaxed);
    }

    /// Jobs that were timed, and their time.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.timed.load(Relaxed), self.busy.load(Relaxed))
    }

    /// Learns from the jobs that ended since `before` how long a job takes.
    #[expect(clippy::cast_precision_loss, reason = "an average of run times below 2^53 ticks")]
    pub(crate) fn note_batch(&self, before: (u64, u64)) {
        let (timed, busy) = self.totals();
        let jobs = timed - before.0;
        if jobs == 0 {
            return;
        }
        let (mean, typical) = ((busy - before.1) as f64 / jobs as f64, self.typical());
        let next = if typical == 0.0 {
            mean.max(1.0)
        } else {
            typical + ALPHA * (mean.min(OUTLIER * typical) - typical)
        };
        self.typical.store(next.to_bits(), Relaxed);
    }
}

/// Adds without a lock, for a counter with one writer.
#[inline]
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed) + amount, Relaxed);
}

/// A job that has started, as its task sees it.
pub(crate) struct Started<'a> {
    pub(crate) recorder: &'a Recorder,
    pub(crate) pool: &'a Pool,
    pub(crate) submitted: u64,
    pub(crate) start: u64,
    pub(crate) name: Option<&'static str>,
    /// Whether it follows the leader of a strand.
    pub(crate) follows: bool,
    pub(crate) end: Cell<u64>,
}

impl<'a> Started<'a> {
    /// A job starts, at `start` or, if that is 0, now; untimed if it was not stamped.
    #[inline]
    pub(crate) fn new(recorder: &'a Recorder, pool: &'a Pool, submitted: u64, start: u64) -> Self {
        let start = if start == 0 && submitted != 0 { clock::ticks() } else { start };
        Self { recorder, pool, submitted, start, name: None, follows: false, end: Cell::new(0) }
    }

    /// The user's code has ended. Counts it, so that whoever then sees the result sees it counted.
    #[inline]
    pub(crate) fn finish(&self, panicked: bool) {
        let shared = self.recorder.shared.as_ref();
        let _writing = shared.map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        if self.submitted != 0 {
            let end = clock::ticks();
            self.end.set(end);
            let is_slow = self.recorder.timed(self.submitted, self.start, end);
            if is_slow && let Some(place) = self.recorder.place {
                self.pool.end_spell(&self.pool.places[place]);
            }
            if let Some(trace) = &self.recorder.trace {
                let span = (self.name, self.submitted, self.start, end);
                trace.lock().unwrap_or_else(PoisonError::into_inner).push(span);
            }
        }
        add(&self.recorder.processed, 1);
        if panicked {
            add(&self.recorder.panicked, 1);
        }
    }

    /// There was nothing left to run: its handle had cancelled it.
    pub(crate) fn cancelled(&self) {
        Counters::count(&self.pool.counters.cancelled);
    }
}

/// Name, submit, start, end.
pub(crate) type Span = (Option<&'static str>, u64, u64, u64);

struct Ring {
    spans: VecDeque<Span>,
    capacity: usize,
}

impl Ring {
    fn new(capacity: usize) -> Self {
        Self { spans: VecDeque::with_capacity(capacity), capacity }
    }

    fn push(&mut self, span: Span) {
        if self.spans.len() == self.capacity {
            self.spans.pop_front();
        }
        self.spans.push_back(span);
    }
}

/// One job's way through the pool. Times run from the executor's start.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TraceRecord {
    /// What its submitter called it.
    pub name: Option<&'static str>,
    /// Number of the worker that ran it; `None` for a submitter under `WhenFull::RunInCaller`.
    pub worker: Option<usize>,
    /// When it was submitted.
    pub submitted: Duration,
    /// When it started.
    pub started: Duration,
    /// When it ended.
    pub ended: Duration,
}
