//! The worker's side of the pool: to fill its batch, or to sleep until there is work, or to be sent home.

use std::{
    sync::atomic::Ordering::{Acquire, Relaxed},
    time::Duration,
};

use super::{
    Pool,
    state::{Bed, Sleeper, State},
};
use crate::{
    block::Section,
    clock,
    job::Job,
    sync::{MutexGuard, current, park, park_for},
    worker,
};

/// How long a worker rests. A job that another job waits for may start that much later.
pub(super) const REST: Duration = Duration::from_micros(100);

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

impl Pool {
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
}
