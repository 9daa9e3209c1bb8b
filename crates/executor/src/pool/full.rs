//! What happens when no place is free, and who is told when one is again.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::{Order, Pool, state::State};
use crate::{
    clock,
    error::{Abandoned, Refusal},
    job::Job,
    metrics::Counters,
    policy::{Timing, WhenFull},
    sync::{MutexGuard, wait},
    worker,
};

/// Jobs so long that fewer of them fit a batch are worth a wake-up each.
const FEW: usize = 16;

impl Pool {
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
    pub(super) fn has_news_of_room(&self, state: &mut State, fit: usize) -> bool {
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

    pub(crate) fn evict(&self, evicted: Option<Job>) {
        if evicted.is_some_and(|job| job.abandon(Abandoned::Evicted, Some(self))) {
            Counters::count(&self.counters.dropped);
        }
    }
}
