//! The heart: one short lock, and who sleeps and wakes around it.
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

use std::{
    any::Any,
    collections::VecDeque,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{
        AtomicI32,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::Duration,
};

use crate::{
    batch::Batch,
    block::{BLOCK, Section},
    clock,
    error::{Abandoned, Refusal},
    job::Job,
    metrics::{Counters, Metrics},
    policy::{Priority, Timing, WhenFull},
    queue::Queue,
    recorder::{Keeping, Recorder},
    room::Room,
    spell::Spell,
    strand::Strands,
    sync::{
        AtomicBool, Condvar, Mutex, MutexGuard, Padded, Thread, current, lock, park, park_for, wait,
    },
    worker::{self, Crew},
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

/// Jobs so long that fewer of them fit a batch are worth a wake-up each.
const FEW: usize = 16;

/// How long a worker rests. A job that another job waits for may start that much later.
const REST: Duration = Duration::from_micros(100);

/// With so many jobs waiting, whoever rests is called.
const RALLY: usize = 4 * BLOCK;

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
    /// Jobs of a strand that its runner, run by the worker here, has taken and not begun. Its lock is
    /// taken after the shard's and the pool's, and none after it.
    pub(crate) hand: Mutex<VecDeque<(Priority, Job)>>,
    /// Whether the worker counts as blocked.
    pub(crate) spell: Spell,
    /// The system's number for the worker's thread; 0 before there is one.
    pub(crate) thread_id: AtomicI32,
}

/// How a worker sleeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Bed {
    /// Until woken.
    Idle,
    /// Until woken, or the coalescing window is over.
    Nap,
    /// Until woken, or for [`REST`].
    Rest,
}

/// A worker that sleeps: where, and how to wake it.
struct Sleeper {
    place: usize,
    thread: Thread,
}

/// All that changes under the lock.
pub(crate) struct State {
    pub(crate) queue: Queue,
    pub(crate) closed: bool,
    idle: Vec<Sleeper>,
    napper: Option<Sleeper>,
    resting: Vec<Sleeper>,
    waking: usize,
    /// Submitters may be asleep on `has_room` that nobody has notified yet.
    room_is_awaited: bool,
    /// See [`RALLY`].
    rally_at: usize,
    /// How many workers there should be, not counting blocked ones.
    pub(crate) target: usize,
    /// Worker threads, started or about to be.
    pub(crate) alive: usize,
    /// Of those, the ones declared blocked.
    pub(crate) blocked: usize,
    /// Places without a worker.
    pub(crate) vacant: Vec<usize>,
    /// No place from this one on has ever had a worker.
    used: usize,
    /// The monitor sleeps until work comes.
    pub(crate) monitor: Option<thread::Thread>,
}

/// What a worker does after a visit.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Visit {
    /// Work off its batch.
    Work {
        /// For how long it slept before, in ticks.
        slept: u64,
    },
    /// End its thread.
    Leave,
}

/// Whether as many workers as wanted are not blocked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Strength {
    Full,
    /// Another is to stand in.
    Short,
}

/// What becomes of a job that was submitted.
pub(crate) enum Admission {
    Accepted,
    Refused(Job, Refusal),
    /// The submitter is to run it.
    RunHere(Job),
}

/// How far a batch got.
pub(crate) enum Advance {
    Done,
    Refused(Refusal),
    /// The submitter is to run the next job.
    RunNextHere,
}

/// How a job is submitted.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) priority: Priority,
    pub(crate) when_full: WhenFull,
    /// Whether the job must not wait for a napper.
    pub(crate) prompt: bool,
}

/// Whom to unpark once the lock is free.
#[derive(Default)]
#[must_use = "a sleeper taken off the list and not woken sleeps for ever"]
pub(crate) struct Wake {
    sleeper: Option<Sleeper>,
    monitor: Option<thread::Thread>,
}

impl State {
    fn new(settings: &Settings) -> Self {
        Self {
            queue: Queue::new(),
            closed: false,
            idle: Vec::with_capacity(settings.places),
            napper: None,
            resting: Vec::with_capacity(settings.places),
            waking: 0,
            room_is_awaited: false,
            rally_at: RALLY.min(settings.capacity / 2),
            target: settings.workers,
            alive: 0,
            blocked: 0,
            vacant: (0..settings.places).rev().collect(),
            used: 0,
            monitor: None,
        }
    }

    /// Takes a sleeper off the list for work just made visible (invariant 2).
    #[inline(always)]
    fn wake(&mut self, urgent: bool, prompt: bool) -> Option<Wake> {
        let nobody_sleeps =
            self.idle.is_empty() && self.resting.is_empty() && self.napper.is_none();
        if nobody_sleeps || (self.waking > 0 && !urgent) {
            return None;
        }
        self.wake_one(urgent, prompt)
    }

    #[inline(never)]
    fn wake_one(&mut self, urgent: bool, prompt: bool) -> Option<Wake> {
        let is_in_good_hands =
            !self.resting.is_empty() && self.awake() > 0 && self.queue.waiting() < self.rally_at;
        if (is_in_good_hands && !urgent) || (self.napper.is_some() && !prompt) {
            return None;
        }
        let sleeper =
            self.napper.take().or_else(|| self.resting.pop()).or_else(|| self.idle.pop())?;
        self.waking += 1;
        Some(Wake { sleeper: Some(sleeper), monitor: self.monitor.take() })
    }

    /// Takes a vacant place for a new worker.
    pub(crate) fn occupy(&mut self) -> Option<usize> {
        let place = self.vacant.pop()?;
        self.used = self.used.max(place + 1);
        self.alive += 1;
        Some(place)
    }

    /// Whether nothing happens, and nothing will until a job comes.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.queue.is_dry() && self.napper.is_none() && self.idle.len() == self.alive
    }

    /// Takes a worker whose time is over off the napper's place or the list of those that rest;
    /// false if it is being woken.
    fn gets_up(&mut self, place: usize) -> bool {
        let napped = self.napper.take_if(|napper| napper.place == place).is_some();
        let rested = self.resting.iter().position(|sleeper| sleeper.place == place);
        rested.map(|index| self.resting.swap_remove(index)).is_some() || napped
    }

    /// Lowers the target by one and takes the sleeper off the list who is to leave.
    pub(crate) fn shrink(&mut self) -> Wake {
        self.target -= 1;
        let sleeper = self.idle.pop();
        self.waking += usize::from(sleeper.is_some());
        Wake { sleeper, monitor: None }
    }

    /// Workers asleep.
    pub(crate) fn idle(&self) -> usize {
        self.idle.len() + self.resting.len() + usize::from(self.napper.is_some())
    }

    /// Workers that will visit by themselves as soon as their batch is done.
    fn awake(&self) -> usize {
        self.alive.saturating_sub(self.blocked + self.idle())
    }

    /// Whether one worker more than wanted could run.
    fn has_surplus(&self) -> bool {
        self.alive.saturating_sub(self.blocked) > self.target
    }
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
                hand: Mutex::new(VecDeque::new()),
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
            strands: Strands::new(),
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

    /// Queues `job`, or says why not.
    ///
    /// Inlined into the submitter together with all it calls, so that the job is written where it
    /// waits and nowhere before: a copy would have to wait for the stores it reads.
    #[inline(always)]
    pub(crate) fn submit(&self, job: Job, order: Order) -> Admission {
        let mut state = self.lock();
        if state.closed || !self.room.take() {
            return self.submit_to_full(state, job, order);
        }
        state.queue.push(order.priority, job);
        self.announce(state, order);
        Admission::Accepted
    }

    #[cold]
    fn submit_to_full(&self, state: MutexGuard<'_, State>, job: Job, order: Order) -> Admission {
        let mut evicted = None;
        let mut state = match self.make_room(state, order, &mut evicted) {
            Ok(state) => state,
            Err(None) => return Admission::RunHere(job),
            Err(Some(refusal)) => return Admission::Refused(job, refusal),
        };
        state.queue.push(order.priority, job);
        self.announce(state, order);
        self.evict(evicted);
        Admission::Accepted
    }

    /// Queues the jobs of a section until none is left or one has no room.
    pub(crate) fn submit_section(&self, jobs: &mut Section, order: Order) -> Advance {
        while !jobs.is_empty() {
            let mut state = self.lock();
            let mut evicted = None;
            let mut places = if state.closed { 0 } else { self.room.take_up_to(jobs.len()) };
            if places == 0 {
                state = match self.make_room(state, order, &mut evicted) {
                    Ok(state) => state,
                    Err(refusal) => return refusal.map_or(Advance::RunNextHere, Advance::Refused),
                };
                places = 1;
            }
            state.queue.push_section(order.priority, jobs, places);
            self.announce(state, order);
            self.evict(evicted);
        }
        Advance::Done
    }

    /// Takes everything that has not started, to be given up.
    pub(crate) fn discard(&self) -> Vec<Job> {
        self.given_up.store(true, Release);
        let mut state = self.lock();
        let mut jobs = state.queue.clear();
        for place in &self.places {
            place.batch.claim_all(&mut jobs);
        }
        drop(state);
        // Runners stand for jobs in the strands. Then what they hold: without its strand none puts it
        // back.
        jobs.retain(|job| !job.is_runner());
        jobs.extend(self.strands.clear());
        for place in &self.places {
            jobs.extend(lock(&place.hand).drain(..).map(|(_, job)| job));
        }
        // Last, for until now a runner may have put jobs back.
        let _state = self.lock();
        self.room.give_back_all();
        jobs
    }

    /// Whether a shutdown has begun; for those that do not take the lock.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    /// Whether a shutdown is over that did not wait for everything.
    pub(crate) fn has_given_up(&self) -> bool {
        self.given_up.load(Acquire)
    }

    /// Lets go of the lock after a push, and wakes whom it takes.
    #[inline(always)]
    pub(crate) fn announce(&self, mut state: MutexGuard<'_, State>, order: Order) {
        let urgent = order.priority.is_urgent();
        if urgent {
            self.urgent.store(true, Relaxed);
        }
        let prompt = order.prompt || !self.settings.patient[order.priority.index()];
        let wake = state.wake(urgent, prompt);
        drop(state);
        if let Some(wake) = wake {
            self.unpark(wake);
        }
        self.warn_if_long();
    }

    /// Calls the warning if the queue has become long.
    #[inline(always)]
    pub(crate) fn warn_if_long(&self) {
        if let Some(warn) = &self.warn {
            let queued = self.room.taken();
            if queued >= self.settings.warn_at && !self.warned.swap(true, Relaxed) {
                self.catches(|| warn(queued));
            }
        }
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

    pub(crate) fn evict(&self, evicted: Option<Job>) {
        if evicted.is_some_and(|job| job.abandon(Abandoned::Evicted, Some(self))) {
            Counters::count(&self.counters.dropped);
        }
    }

    /// Takes a place, made as the order says, or says why there is none; `None` to run the job in
    /// its submitter.
    #[cold]
    pub(crate) fn make_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        order: Order,
        evicted: &mut Option<Job>,
    ) -> Result<MutexGuard<'a, State>, Option<Refusal>> {
        if state.closed {
            return Err(Some(Refusal::Closed));
        }
        let full = Refusal::Full { capacity: self.settings.capacity };
        let from_worker = worker::is_worker_of(self);
        match order.when_full {
            WhenFull::Block if !from_worker => return self.wait_for_room(state, None),
            WhenFull::BlockFor(most) if !from_worker => {
                return self.wait_for_room(state, Some(most));
            }
            WhenFull::RunInCaller => return Err(None),
            WhenFull::DropOldest if self.settings.timing == Timing::Sampled => {
                *evicted = state.queue.evict_from_lowest(order.priority.index());
            }
            WhenFull::DropOldest => *evicted = state.queue.evict_oldest(order.priority),
            WhenFull::DropLowest => {
                *evicted = state.queue.evict_from_lowest(order.priority.index() + 1);
            }
            WhenFull::Block | WhenFull::BlockFor(_) | WhenFull::Reject => {}
        }
        if evicted.is_some() { Ok(state) } else { Err(Some(full)) }
    }

    /// Sleeps until it has a place, the pool closes, or `most` is over.
    fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        most: Option<Duration>,
    ) -> Result<MutexGuard<'a, State>, Option<Refusal>> {
        let until = most.map(|most| clock::ticks().saturating_add(clock::to_ticks(most)));
        loop {
            if state.closed {
                return Err(Some(Refusal::Closed));
            }
            if self.room.take() {
                return Ok(state);
            }
            let left = until.map(|until| clock::duration(until.saturating_sub(clock::ticks())));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Some(Refusal::Full { capacity: self.settings.capacity }));
            }
            // Not taken back when the time is over: it may stand for somebody else by then.
            state.room_is_awaited = true;
            state = wait(&self.has_room, state, left);
        }
    }

    /// Tells the waiting submitters that there is room, when `fit` jobs fit a batch.
    ///
    /// While tiny jobs go by the batch, not before half of the queue is free: a wake-up for each
    /// batch would cost more than the jobs. Until then there is work for everybody, and whoever
    /// takes it comes back here. If there is none, half of it does not get free: the rest is held by
    /// strands, whose jobs may take long.
    pub(crate) fn notify_room(&self, mut state: MutexGuard<'_, State>, fit: usize) {
        let has_room = self.has_news_of_room(&mut state, fit);
        drop(state);
        if has_room {
            self.has_room.notify_all();
        }
    }

    /// Whether waiting submitters are to be notified once the lock is free.
    #[inline]
    fn has_news_of_room(&self, state: &mut State, fit: usize) -> bool {
        if self.warn.is_some() && 2 * self.room.taken() < self.settings.warn_at {
            self.warned.store(false, Relaxed);
        }
        let worth_it =
            fit < FEW || state.queue.is_dry() || self.room.free() >= self.settings.capacity / 2;
        let has_news = state.room_is_awaited && worth_it;
        if has_news {
            state.room_is_awaited = false;
        }
        has_news
    }

    /// Fills the batch of the worker in `place` with at most `limit` jobs, or sleeps until there
    /// are some, or sends it home.
    ///
    /// In a flood of tiny jobs a worker that finds few waits a moment, blind, and then looks once
    /// more: to look all the time would slow down the very submitter it waits for. Meanwhile it
    /// counts as waking, so that nobody else is woken for what it will find.
    pub(crate) fn visit(&self, place: usize, limit: usize, in_flood: bool) -> Visit {
        let (mut slept, mut napped, mut rests) = (0, false, in_flood);
        let mut gathers = if in_flood { worker::GATHERS } else { 0 };
        let mut state = self.lock();
        loop {
            while gathers > 0 && state.queue.is_worth_gathering() {
                gathers = if state.queue.is_dry() { gathers - 1 } else { 0 };
                state.waking += 1;
                drop(state);
                worker::gather();
                state = self.lock();
                state.waking -= 1;
            }
            let taken = self.take(&mut state, place, limit);
            if taken > 0 {
                self.took(state, place, taken, limit);
                return Visit::Work { slept };
            }
            if state.closed || state.has_surplus() {
                self.leave(state, place);
                return Visit::Leave;
            }
            let bed = self.bed(&state, rests, napped);
            rests = false;
            napped |= bed == Bed::Nap;
            let since = clock::ticks();
            state = self.sleep(state, place, bed);
            slept += clock::ticks().saturating_sub(since);
        }
    }

    /// Lets go of the lock after a batch was filled, and wakes whom that concerns.
    #[inline]
    fn took(&self, mut state: MutexGuard<'_, State>, place: usize, taken: usize, limit: usize) {
        let more = taken > 1 || !state.queue.is_dry() || self.others_have(&state, place);
        let wake = if more { state.wake(false, true) } else { None };
        self.urgent.store(state.queue.has_urgent(), Relaxed);
        let has_room = self.has_news_of_room(&mut state, limit);
        drop(state);
        if let Some(wake) = wake {
            self.unpark(wake);
        }
        if has_room {
            self.has_room.notify_all();
        }
    }

    /// Fills the batch of the worker in `place`, from the queue or from others; with how many?
    #[inline]
    fn take(&self, state: &mut State, place: usize, limit: usize) -> usize {
        let sharers = state.alive.saturating_sub(state.blocked);
        let section = match state.queue.take(limit, sharers) {
            Some(section) => {
                self.room.give_back(section.len());
                section
            }
            None => match self.steal(state, place) {
                Some(section) => section,
                None => return 0,
            },
        };
        let taken = section.len();
        let empty = self.places[place].batch.exchange(section);
        state.queue.keep(empty);
        taken
    }

    fn steal(&self, state: &mut State, place: usize) -> Option<Section> {
        let others = (1..state.used).map(|step| (place + step) % state.used);
        for other in others.filter(|&other| self.places[other].batch.unclaimed() > 0) {
            let mut section = state.queue.spare();
            self.places[other].batch.steal_into(&mut section);
            if !section.is_empty() {
                return Some(section);
            }
            state.queue.keep(section);
        }
        None
    }

    fn others_have(&self, state: &State, place: usize) -> bool {
        let mut used = self.places[..state.used].iter().enumerate();
        used.any(|(other, it)| other != place && it.batch.unclaimed() > 0)
    }

    /// How a worker that found nothing is to sleep.
    fn bed(&self, state: &State, may_rest: bool, napped: bool) -> Bed {
        if may_rest && state.awake() > 1 {
            Bed::Rest
        } else if !napped && !self.settings.nap.is_zero() && state.napper.is_none() {
            Bed::Nap
        } else {
            Bed::Idle
        }
    }

    /// Sleeps until woken, or until the time of a nap or a rest is over.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        place: usize,
        bed: Bed,
    ) -> MutexGuard<'a, State> {
        let sleeper = Sleeper { place, thread: current() };
        let most = match bed {
            Bed::Rest => {
                state.resting.push(sleeper);
                Some(REST)
            }
            Bed::Nap => {
                state.napper = Some(sleeper);
                Some(self.settings.nap)
            }
            Bed::Idle => {
                state.idle.push(sleeper);
                None
            }
        };
        drop(state);
        let woken = &self.places[place].woken;
        if let Some(most) = most {
            park_for(most, || woken.load(Acquire));
            let mut state = self.lock();
            if state.gets_up(place) {
                return state;
            }
            drop(state);
        }
        while !woken.load(Acquire) {
            park();
        }
        // The next to set it will have found this worker on a list, so after the lock below.
        woken.store(false, Relaxed);
        let mut state = self.lock();
        state.waking -= 1;
        state
    }

    pub(crate) fn leave(&self, mut state: MutexGuard<'_, State>, place: usize) {
        state.alive -= 1;
        state.vacant.push(place);
        // A shutdown counts them.
        if state.closed {
            self.gone.notify_all();
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
        let taken = |place: &Padded<Place>| place.batch.unclaimed() + lock(&place.hand).len();
        let taken: usize = self.places[..state.used].iter().map(taken).sum();
        metrics.queued = (self.room.taken() + taken) as u64;
        metrics.queued_by_priority = state.queue.lens().map(|len| len as u64);
        (metrics.workers, metrics.blocked) = (state.alive, state.blocked);
        metrics.idle = state.idle();
        metrics
    }

    /// Whether a worker should break off its batch for [`Pool::pop_urgent`].
    #[inline]
    pub(crate) fn has_urgent(&self) -> bool {
        self.urgent.load(Relaxed)
    }

    /// Takes the next `Critical` or `High` job.
    #[cold]
    pub(crate) fn pop_urgent(&self) -> Option<Job> {
        let mut state = self.lock();
        let job = state.queue.pop_urgent();
        self.room.give_back(usize::from(job.is_some()));
        self.urgent.store(state.queue.has_urgent(), Relaxed);
        self.notify_room(state, 1);
        job
    }

    /// Closes the queue: nothing new is accepted, and workers leave when nothing is left.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.closed.store(true, Release);
        let mut sleepers = mem::take(&mut state.idle);
        sleepers.append(&mut state.resting);
        sleepers.extend(state.napper.take());
        state.waking += sleepers.len();
        let monitor = state.monitor.take();
        self.notify_room(state, 0);
        for sleeper in sleepers {
            self.unpark(Wake { sleeper: Some(sleeper), monitor: None });
        }
        self.unpark(Wake { sleeper: None, monitor });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{job::Detached, strand::Key};

    /// The last place is taken by somebody who has not announced his job yet, so the warning falls to
    /// whoever evicts.
    #[test]
    fn a_warning_that_panics_strands_no_key() {
        let settings = Settings {
            capacity: 2,
            workers: 1,
            places: 1,
            nap: Duration::ZERO,
            patient: [false; 4],
            timing: Timing::Exact,
            slow: u64::MAX,
            trace: 0,
            warn_at: 2,
        };
        let pool = Pool::new(settings, Crew::default(), Some(Box::new(|_| panic!("too long"))));
        let job = || Job::new(Detached(|| ()), 1, None);
        let when_full = WhenFull::DropOldest;
        let order = Order { priority: Priority::Medium, when_full, prompt: false };
        assert!(pool.submit_keyed(Key::new(1), job(), order).is_ok());
        assert_eq!(pool.strands.len(), 1);
        assert!(pool.room.take());
        assert!(matches!(pool.submit(job(), order), Admission::Accepted));
        assert_eq!((pool.strands.len(), pool.metrics().dropped), (0, 1));
    }
}
