//! The heart: one short lock, and who sleeps and wakes around it.
//!
//! This file has what a pool is; `submit` and `full` have the submitter's side, `visit` the worker's, `state`
//! what changes under the lock, `end` how it ends.
//!
//! # Terms
//!
//! * **Visit** — a worker takes the lock to fill its batch, or to go to sleep.
//! * **Sleeper** — a worker on the `idle` list; it parks until somebody takes it off.
//! * **Napper** — a worker that sleeps for the coalescing window only, and then looks by itself.
//! * **Waking** — taken off the list, not back under the lock yet.
//! * **Prompt** — a submission whose job must not wait for the napper: urgent, or with a handle.
//!
//! # Invariants
//!
//! 1. A worker goes on the `idle` list only after finding, under the lock it still holds, nothing
//!    in the queue and nothing in any batch.
//! 2. Whoever makes work visible (a push, or a batch of more than the one job now begun) does so
//!    under the lock and, before it lets go, takes a sleeper off the list, unless one is waking.
//! 3. A waking worker, at its next visit, either finds nothing or keeps to 2.
//!
//! From these: while work is visible and a worker sleeps, another is waking or about to visit. A
//! wake-up cannot be lost, because list and work change under one lock, and a sleeper's `woken`
//! flag stays set until it has seen it. `README.md` tells it at length.

mod end;
mod full;
mod state;
mod submit;
mod visit;

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{
        AtomicI32,
        Ordering::{Relaxed, Release},
    },
    time::Duration,
};

use crate::{
    batch::Batch,
    clock,
    metrics::{Counters, Metrics},
    policy::Timing,
    recorder::{Keeping, Recorder},
    room::Room,
    spell::Spell,
    strand::{Hand, Strands},
    sync::{AtomicBool, Condvar, Mutex, MutexGuard, Padded, lock},
    worker::Crew,
};

use self::state::{State, Wake};
pub(crate) use self::{
    submit::{Admission, Advance, Order},
    visit::Visit,
};

/// What a pool is told when it is made.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) capacity: usize,
    /// Workers at the start, and the fewest.
    pub(crate) workers: usize,
    /// The most worker threads ever, compensation included.
    pub(crate) places: usize,
    /// Sleep this long before sleeping for good, for patient jobs to gather; zero for not at all.
    pub(crate) nap: Duration,
    /// Which classes wait for the napper.
    pub(crate) patient: [bool; 4],
    /// Which jobs are timed, and so have an age.
    pub(crate) timing: Timing,
    /// Slow beyond this, in ticks.
    pub(crate) slow: u64,
    /// Trace records kept by each worker.
    pub(crate) trace: usize,
    /// Queue length at which `warn` is called.
    pub(crate) warn_at: usize,
}

/// What is called, in the submitter's thread, with the number of jobs queued.
pub(crate) type Warn = Box<dyn Fn(usize) + Send + Sync>;

pub(crate) struct Pool {
    state: Padded<Mutex<State>>,
    /// Whether a `Critical` or `High` job waits: a hint, so that a worker breaks off its batch.
    urgent: Padded<AtomicBool>,
    /// How many jobs may still come.
    pub(crate) room: Room,
    /// Submitters wait here while there is no room.
    has_room: Condvar,
    /// Closed, as in the state, for those that do not take the lock.
    closed: AtomicBool,
    warned: AtomicBool,
    /// A shutdown waits here for workers to go.
    pub(crate) gone: Condvar,
    pub(crate) places: Box<[Padded<Place>]>,
    given_up: AtomicBool,
    /// The books of submitters that run a job themselves.
    pub(crate) outside: Recorder,
    pub(crate) counters: Counters,
    pub(crate) settings: Settings,
    pub(crate) strands: Strands,
    pub(crate) started: u64,
    pub(crate) crew: Crew,
    warn: Option<Warn>,
}

/// Where a worker works. Outlives it: the next worker in the place goes on with its books.
pub(crate) struct Place {
    pub(crate) batch: Batch,
    pub(crate) recorder: Recorder,
    woken: AtomicBool,
    /// Jobs of a strand that the worker here has taken and not begun. Its lock is taken after the
    /// shard's and the pool's, and none after it.
    pub(crate) hand: Hand,
    /// Whether the worker counts as blocked.
    pub(crate) spell: Spell,
    /// The system's number for the worker's thread; 0 before there is one.
    pub(crate) thread_id: AtomicI32,
}

/// Whether as many workers as wanted are not blocked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Strength {
    Full,
    /// Another is to stand in.
    Short,
}

impl Pool {
    pub(crate) fn new(settings: Settings, crew: Crew, warn: Option<Warn>) -> Self {
        let keeping = Keeping { slow: settings.slow, trace: settings.trace };
        let place = |place| {
            let recorder = Recorder::new(keeping, Some(place));
            Padded(Place {
                batch: Batch::new(),
                recorder,
                woken: AtomicBool::new(false),
                hand: Hand::new(),
                spell: Spell::new(),
                thread_id: AtomicI32::new(0),
            })
        };
        Self {
            state: Padded(Mutex::new(State::new(&settings))),
            urgent: Padded(AtomicBool::new(false)),
            room: Room::new(settings.capacity),
            has_room: Condvar::new(),
            closed: AtomicBool::new(false),
            warned: AtomicBool::new(false),
            gone: Condvar::new(),
            places: (0..settings.places).map(place).collect(),
            given_up: AtomicBool::new(false),
            outside: Recorder::new(keeping, None),
            counters: Counters::default(),
            strands: Strands::new(settings.capacity),
            started: clock::ticks(),
            settings,
            crew,
            warn,
        }
    }

    #[inline(always)]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Runs what may run the user's code; says whether it came to its end. A panic in it is counted
    /// and goes no further.
    #[inline]
    pub(crate) fn catches(&self, run: impl FnOnce()) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(run));
        outcome.map_err(|panic| self.caught(panic)).is_ok()
    }

    /// Counts a panic. Its payload is leaked: its drop might panic again.
    #[cold]
    pub(crate) fn caught(&self, panic: Box<dyn Any + Send>) {
        Counters::count(&self.counters.panicked);
        mem::forget(panic);
    }

    #[cold]
    pub(crate) fn unpark(&self, wake: Wake) {
        if let Some(sleeper) = wake.sleeper {
            self.places[sleeper.place].woken.store(true, Release);
            sleeper.thread.unpark();
        }
        if let Some(monitor) = wake.monitor {
            monitor.unpark();
        }
    }

    /// Counts the worker in `place` as blocked, if `counts` says so of its spell, and has its jobs seen
    /// to; says how strong the pool is now.
    pub(crate) fn block(
        &self,
        place: usize,
        counts: impl FnOnce(&Spell) -> bool,
    ) -> Option<Strength> {
        let mut state = self.lock();
        if !counts(&self.places[place].spell) {
            return None;
        }
        state.blocked += 1;
        let work = !state.queue.is_dry() || self.places[place].batch.unclaimed() > 0;
        let wake = if work { state.wake(false, true) } else { None };
        let short = state.alive.saturating_sub(state.blocked) < state.target;
        drop(state);
        if let Some(wake) = wake {
            self.unpark(wake);
        }
        Some(if short { Strength::Short } else { Strength::Full })
    }

    /// Ends the spell of the worker at `place`, who calls this, and what the watchdog found in it.
    #[inline]
    pub(crate) fn end_spell(&self, place: &Place) {
        if place.spell.end() {
            self.lock().blocked -= 1;
        }
    }

    /// What the workers have written down, and how things stand.
    pub(crate) fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        let recorders = self.places.iter().map(|place| &place.recorder);
        metrics.add(recorders.clone().chain([&self.outside]));
        self.counters.add_to(&mut metrics);
        metrics.busy = recorders.map(|r| clock::duration(r.busy.load(Relaxed))).collect();
        metrics.uptime = clock::duration(clock::ticks().saturating_sub(self.started));
        metrics.keys = self.strands.len();
        let state = self.lock();
        let taken = |place: &Padded<Place>| place.batch.unclaimed() + place.hand.len();
        let taken: usize = self.places[..state.used].iter().map(taken).sum();
        metrics.queued = (self.room.taken() + taken) as u64;
        metrics.queued_by_priority = state.queue.lens().map(|len| len as u64);
        (metrics.workers, metrics.blocked) = (state.alive, state.blocked);
        metrics.idle = state.idle();
        metrics
    }
}
