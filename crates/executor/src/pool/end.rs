//! How a pool ends: it is closed, its workers leave, and what has not started may be given up.

use std::{
    mem,
    sync::atomic::Ordering::{Acquire, Release},
};

use super::{
    Pool,
    state::{State, Wake},
};
use crate::{job::Job, sync::MutexGuard};

impl Pool {
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

    pub(crate) fn leave(&self, mut state: MutexGuard<'_, State>, place: usize) {
        state.alive -= 1;
        state.vacant.push(place);
        // A shutdown counts them.
        if state.closed {
            self.gone.notify_all();
        }
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
        jobs.extend(self.strands.clear());
        // Without its strand nobody puts back what is in hand.
        jobs.extend(self.places.iter().flat_map(|place| place.hand.empty()));
        // Last, for until now jobs may have been put back.
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
}
