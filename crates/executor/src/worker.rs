//! A worker's life: visit the queue, work off the batch, and so on until sent home.

use std::{
    cell::RefCell,
    io, ptr,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    block::{BLOCK, Claimed},
    clock,
    error::Abandoned,
    job::Job,
    metrics::Counters,
    pool::{Place, Pool, Strength, Visit},
    recorder::{Recorder, Started},
    spell::Spell,
    system::{self, ThreadOptions},
};

/// A batch, and a strand's turn, is meant to last no longer: what a more urgent job may wait for.
const BUDGET: Duration = Duration::from_micros(10);

/// In a flood of tiny jobs a worker that finds few waits this long before it looks again.
const GATHER: Duration = Duration::from_nanos(600);
/// How often, if it finds nothing: as long as it takes to put a thread to sleep and wake it up.
pub(crate) const GATHERS: u32 = if cfg!(loom) { 1 } else { 10 };
/// A flood: so many jobs since the worker last slept for longer than [`LULL`], …
const FLOOD_JOBS: u64 = if cfg!(loom) { 1 } else { 64 };
/// … that take less than this on average.
const FLOOD_JOB: Duration = Duration::from_nanos(200);
const LULL: Duration = Duration::from_micros(50);

/// Urgent jobs taken in a row before the batch goes on.
const URGENT_IN_A_ROW: usize = 8;

/// [`BUDGET`] in ticks.
pub(crate) fn budget() -> u64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| clock::to_ticks(BUDGET))
}

thread_local! {
    /// The pool this thread works for, and its place there.
    static CURRENT: RefCell<Option<(Arc<Pool>, usize)>> = const { RefCell::new(None) };
}

/// The pool that the calling thread works for, and its place there.
pub(crate) fn current() -> Option<(Arc<Pool>, usize)> {
    CURRENT.with_borrow(Clone::clone)
}

/// The calling thread's place in `pool`, if it is one of its workers.
pub(crate) fn place_in(pool: &Pool) -> Option<usize> {
    CURRENT.with_borrow(|current| {
        let mine = current.as_ref().filter(|(mine, _)| ptr::eq(Arc::as_ptr(mine), pool));
        mine.map(|(_, place)| *place)
    })
}

/// Whether the calling thread is one of `pool`'s workers.
pub(crate) fn is_worker_of(pool: &Pool) -> bool {
    place_in(pool).is_some()
}

/// The threads of a pool and how new ones are made.
#[derive(Default)]
pub(crate) struct Crew {
    pub(crate) options: ThreadOptions,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Crew {
    pub(crate) fn new(options: ThreadOptions) -> Self {
        Self { options, threads: Mutex::default() }
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins every thread but the calling one, also those hired meanwhile.
    pub(crate) fn join(&self) {
        loop {
            let Some(thread) = self.threads().pop() else { return };
            if thread.thread().id() != thread::current().id() {
                // Nothing unwinds out of a worker, so there is nothing to report.
                drop(thread.join());
            }
        }
    }

    /// Lets every thread go its way.
    pub(crate) fn detach(&self) {
        self.threads().clear();
    }
}

/// Starts a worker in a vacant place; without one there is nothing to do.
pub(crate) fn hire(pool: &Arc<Pool>) -> io::Result<()> {
    let Some(place) = pool.lock().occupy() else { return Ok(()) };
    let options = &pool.crew.options;
    let shared = Arc::clone(pool);
    let spawned = options.builder(place).spawn(move || work(&shared, place));
    match spawned {
        Ok(thread) => {
            let mut threads = pool.crew.threads();
            threads.retain(|thread| !thread.is_finished());
            threads.push(thread);
            Ok(())
        }
        Err(error) => {
            pool.leave(pool.lock(), place);
            Err(error)
        }
    }
}

fn work(pool: &Arc<Pool>, place: usize) {
    CURRENT.set(Some((Arc::clone(pool), place)));
    pool.places[place].thread_id.store(system::thread_id(), Relaxed);
    system::apply(&pool.crew.options, place);
    run(pool, place);
    CURRENT.set(None);
}

/// Works until sent home.
pub(crate) fn run(pool: &Pool, place: usize) {
    let mine = &pool.places[place];
    let mut at_sleep = mine.recorder.processed.load(Relaxed);
    loop {
        // Those of a strand count too, though only its leader was taken.
        let since_sleep = mine.recorder.processed.load(Relaxed) - at_sleep;
        let in_flood = since_sleep >= FLOOD_JOBS && mine.recorder.typical() <= flood_job();
        match pool.visit(place, batch_limit(&mine.recorder), in_flood) {
            Visit::Leave => return,
            Visit::Work { slept } => {
                if slept > lull() {
                    at_sleep = mine.recorder.processed.load(Relaxed);
                }
                work_off(pool, mine);
            }
        }
    }
}

/// How many jobs of typical length fit the budget.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 1..=BLOCK"
)]
pub(crate) fn batch_limit(recorder: &Recorder) -> usize {
    let typical = recorder.typical();
    if typical == 0.0 {
        return if cfg!(loom) { BLOCK } else { 1 };
    }
    ((budget() as f64 / typical) as usize).clamp(1, BLOCK)
}

fn work_off(pool: &Pool, mine: &Place) {
    let before = mine.recorder.totals();
    // A task catches its closure's panics; the drop of a user's value may still unwind.
    while !pool.catches(|| run_batch(pool, mine)) {}
    mine.recorder.running_since.store(0, Relaxed);
    mine.recorder.note_batch(before);
    pool.end_spell(mine);
}

fn run_batch(pool: &Pool, mine: &Place) {
    let mut now = clock::ticks();
    // From then on a job's end is the next one's start.
    mine.recorder.begins(now);
    while let Some(job) = mine.batch.claim() {
        now = run_claimed(pool, &mine.recorder, job, now, false);
        if pool.has_urgent() {
            now = run_urgent(pool, mine, now);
            mine.recorder.begins(now);
        }
    }
}

/// Runs a claimed job that starts at `now`, where the one before has ended, as what `follows` the leader
/// of a strand or not; says when it was over.
#[inline(always)]
pub(crate) fn run_claimed(
    pool: &Pool,
    recorder: &Recorder,
    job: Claimed<'_>,
    now: u64,
    follows: bool,
) -> u64 {
    let Some(submitted) = job.submitted_plain() else {
        let end = run_as(pool, recorder, job.into_job(), now, follows);
        recorder.begins(end);
        return end;
    };
    let mut started = Started::new(recorder, pool, submitted, now);
    started.follows = follows;
    if now == 0 {
        recorder.begins(started.start);
    }
    job.run(&started);
    started.end.get()
}

#[cold]
fn run_urgent(pool: &Pool, mine: &Place, now: u64) -> u64 {
    let mut now = now;
    // While it waits for the lock no job runs.
    mine.recorder.running_since.store(0, Relaxed);
    for _ in 0..URGENT_IN_A_ROW {
        let Some(job) = pool.pop_urgent() else { break };
        now = run_job(pool, &mine.recorder, job, clock::ticks());
    }
    if now == 0 { clock::ticks() } else { now }
}

/// Waits without looking.
pub(crate) fn gather() {
    if cfg!(loom) {
        return;
    }
    let until = clock::ticks() + gather_ticks();
    while clock::ticks() < until {
        std::hint::spin_loop();
    }
}

fn gather_ticks() -> u64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| clock::to_ticks(GATHER))
}

fn lull() -> u64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| clock::to_ticks(LULL))
}

#[expect(clippy::cast_precision_loss, reason = "200 ns")]
fn flood_job() -> f64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| clock::to_ticks(FLOOD_JOB)) as f64
}

/// Runs one job that starts at `now`, or gives it up; says when that was over.
#[inline]
pub(crate) fn run_job(pool: &Pool, recorder: &Recorder, job: Job, now: u64) -> u64 {
    run_as(pool, recorder, job, now, false)
}

#[inline]
fn run_as(pool: &Pool, recorder: &Recorder, job: Job, now: u64, follows: bool) -> u64 {
    if job.extras.is_some() {
        return run_with_extras(pool, recorder, job, now, follows);
    }
    let mut started = Started::new(recorder, pool, job.submitted, now);
    started.follows = follows;
    run_counted(&started, job)
}

#[inline]
fn run_counted(started: &Started<'_>, job: Job) -> u64 {
    // A task catches its closure's panics; the drop of a user's value may still unwind.
    started.recorder.within(started.start, || started.pool.catches(|| job.run(started)));
    started.end.get()
}

#[cold]
fn run_with_extras(pool: &Pool, recorder: &Recorder, job: Job, now: u64, follows: bool) -> u64 {
    let now = if now == 0 { clock::ticks() } else { now };
    if job.is_late(now) {
        Counters::count(&pool.counters.expired);
    }
    if let Some(why) = job.given_up(now) {
        if why == Abandoned::Cancelled {
            Counters::count(&pool.counters.cancelled);
        }
        let _counted =
            if follows { job.abandon_follower(why, pool) } else { job.abandon(why, Some(pool)) };
        return clock::ticks();
    }
    let name = job.name();
    let mut started = Started::new(recorder, pool, job.submitted, now);
    (started.name, started.follows) = (name, follows);
    let outer = recorder.name();
    recorder.set_name(name);
    #[cfg(feature = "tracing")]
    let _span = tracing::debug_span!("job", name).entered();
    let end = run_counted(&started, job);
    recorder.set_name(outer);
    end
}

/// Runs `work` that may block (a file, a lock, a slow peer), keeping the pool at its strength:
/// as long as it lasts, another worker takes this one's place, within the limit of
/// [`Builder::compensation`](crate::Builder::compensation).
///
/// Outside of a job it just runs `work`.
pub fn blocking<R>(work: impl FnOnce() -> R) -> R {
    let Some((pool, place)) = current() else { return work() };
    let blocked = Blocked::new(&pool, place);
    let result = work();
    drop(blocked);
    result
}

/// While it lives, its worker counts as blocked.
pub(crate) struct Blocked<'a> {
    pool: &'a Pool,
    /// `None` if the worker counted as blocked before.
    place: Option<usize>,
}

impl<'a> Blocked<'a> {
    pub(crate) fn new(pool: &'a Arc<Pool>, place: usize) -> Self {
        let counted = pool.block(place, Spell::declare);
        if counted == Some(Strength::Short) {
            // A thread that the system refuses is a worker less for a while; no job depends on it.
            drop(hire(pool));
        }
        Self { pool, place: counted.map(|_| place) }
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut state = self.pool.lock();
            self.pool.places[place].spell.take_back();
            state.blocked -= 1;
        }
    }
}

/// Counts the worker in `place` as blocked until its job ends, as the watchdog found it, if that has not
/// ended since the watchdog saw the spell `seen`.
pub(crate) fn found_blocked(pool: &Arc<Pool>, place: usize, seen: usize) {
    if pool.block(place, |spell| spell.find(seen)) == Some(Strength::Short) {
        drop(hire(pool));
    }
}
