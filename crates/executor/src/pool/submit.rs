//! The submitter's side of the pool: to queue a job, and to wake whom it takes.

use std::sync::atomic::Ordering::Relaxed;

use super::{Pool, state::State};
use crate::{
    block::Section,
    error::Refusal,
    job::Job,
    policy::{Priority, WhenFull},
    sync::MutexGuard,
};

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

impl Pool {
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
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        job::Detached,
        policy::Timing,
        pool::Settings,
        strand::{Key, Leader},
        worker::Crew,
    };

    const ORDER: Order =
        Order { priority: Priority::Medium, when_full: WhenFull::DropOldest, prompt: false };

    /// A pool for two jobs, without a worker, whose warning panics.
    fn pool() -> Pool {
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
        Pool::new(settings, Crew::default(), Some(Box::new(|_| panic!("too long"))))
    }

    /// Such a strand has no leader between the eviction and the next one's promotion.
    #[test]
    fn a_strand_whose_leader_is_evicted_while_the_last_worker_leaves_is_given_up() {
        let pool = pool();
        let witness = Arc::new(());
        for _ in 0..2 {
            let held = Arc::clone(&witness);
            let leader = Leader { key: Key::new(1), task: Detached(move || drop(held)) };
            assert!(pool.submit_keyed(leader, 1, None, ORDER).is_ok());
        }
        let mut evicted = None;
        assert!(pool.make_room(pool.lock(), ORDER, &mut evicted).is_ok());
        pool.close();
        pool.evict(evicted);
        assert_eq!((pool.strands.len(), Arc::strong_count(&witness)), (0, 1));
        let metrics = pool.metrics();
        assert_eq!((metrics.dropped, metrics.cancelled), (1, 1));
        assert_eq!(metrics.queued, 1, "the place of who evicted");
    }

    /// The last place is taken by somebody who has not announced his job yet, so the warning falls to
    /// whoever evicts.
    #[test]
    fn a_warning_that_panics_strands_no_key() {
        let pool = pool();
        let job = || Job::new(Detached(|| ()), 1, None);
        let leader = Leader { key: Key::new(1), task: Detached(|| ()) };
        assert!(pool.submit_keyed(leader, 1, None, ORDER).is_ok());
        assert_eq!(pool.strands.len(), 1);
        assert!(pool.room.take());
        assert!(matches!(pool.submit(job(), ORDER), Admission::Accepted));
        assert_eq!((pool.strands.len(), pool.metrics().dropped), (0, 1));
    }
}
