//! What a worker does with a strand: it runs the leader, then what follows, for about as long as a
//! batch may last.

use std::sync::atomic::Ordering::Relaxed;

use super::Key;
use crate::{
    batch::Batch,
    block::BLOCK,
    clock,
    error::Abandoned,
    job::{Job, Task},
    policy::Priority,
    pool::Pool,
    recorder::{Recorder, Started},
    sync::{Mutex, lock},
    worker,
};

/// The most jobs taken out of a strand at once.
pub(super) const HANDFUL: usize = if BLOCK < 32 { BLOCK } else { 32 };

/// The jobs that the worker at a place has taken out of a strand and not begun: there, and not on its
/// stack, for a shutdown to find. The worker claims them without the lock, everybody else with it.
pub(crate) struct Hand {
    lock: Mutex<()>,
    jobs: Batch,
}

impl Hand {
    pub(crate) fn new() -> Self {
        Self { lock: Mutex::new(()), jobs: Batch::new() }
    }

    /// How many jobs are in it.
    pub(crate) fn len(&self) -> usize {
        let _guard = lock(&self.lock);
        self.jobs.unclaimed()
    }

    /// Takes all that is in it.
    pub(crate) fn empty(&self) -> Vec<Job> {
        let (_guard, mut jobs) = (lock(&self.lock), Vec::new());
        self.jobs.claim_all(&mut jobs);
        jobs
    }

    /// Takes more jobs. For the worker, when it is empty.
    fn fill(&self, jobs: impl Iterator<Item = Job>) {
        let _guard = lock(&self.lock);
        self.jobs.refill(jobs);
    }
}

/// A keyed job: the leader of its strand, or what follows one.
pub(crate) struct Leader<K> {
    pub(crate) key: Key,
    pub(crate) task: K,
}

impl<K: Task> Task for Leader<K> {
    fn run(self, started: &Started<'_>) {
        // The drop of a user's value may unwind; the strand goes on all the same.
        started.pool.catches(|| self.task.run(started));
        if !started.follows {
            let end = Turn::new(self.key, started).take(started.start, started.end.get());
            started.end.set(end);
            started.recorder.begins(end);
        }
    }

    /// The next takes its place.
    fn abandon(self, why: Abandoned, pool: Option<&Pool>) -> bool {
        if let Some(pool) = pool {
            pool.promote(pool.strands.shard(self.key), self.key);
        }
        self.task.abandon(why, pool)
    }
}

/// What a worker does for a strand after its leader.
struct Turn<'a> {
    key: Key,
    pool: &'a Pool,
    books: &'a Recorder,
    hand: &'a Hand,
    /// How many jobs were taken in hand last, and the class of each.
    taken: usize,
    classes: [Priority; HANDFUL],
}

impl<'a> Turn<'a> {
    fn new(key: Key, started: &Started<'a>) -> Self {
        let (pool, books) = (started.pool, started.recorder);
        let Some(place) = books.place else { unreachable!("only workers run leaders") };
        let hand = &pool.places[place].hand;
        Self { key, pool, books, hand, taken: 0, classes: [Priority::Medium; HANDFUL] }
    }

    /// Works the strand off, for a leader that started at `from` and has ended at `now`; says when the
    /// last job ended.
    fn take(&mut self, from: u64, now: u64) -> u64 {
        // Most jobs may be untimed; a turn is not.
        let or_now = |ticks| if ticks == 0 { clock::ticks() } else { ticks };
        let (from, mut now) = (or_now(from), or_now(now));
        loop {
            // Until more are in hand no job runs.
            self.books.running_since.store(0, Relaxed);
            let is_over = |now: u64| now.wrapping_sub(from) > worker::budget();
            if is_over(now) || self.pool.has_given_up() {
                self.put_back();
                return now;
            }
            if !self.fill_hand() {
                return now;
            }
            self.books.begins(now);
            while !is_over(now)
                && !self.pool.has_given_up()
                && let Some(job) = self.hand.jobs.claim()
            {
                now = or_now(worker::run_claimed(self.pool, self.books, job, now, true));
            }
        }
    }

    /// Takes jobs of the strand in hand; if it has none, that is its end, and false.
    fn fill_hand(&mut self) -> bool {
        let mut shard = self.pool.strands.shard(self.key);
        let Some(strand) = shard.get(self.key) else { return false };
        let Some(jobs) = strand.as_mut().filter(|jobs| !jobs.is_empty()) else {
            let emptied = shard.end(self.key);
            drop(shard);
            drop(emptied);
            return false;
        };
        self.taken = jobs.len().min(HANDFUL);
        for (class, (priority, _)) in self.classes.iter_mut().zip(jobs.iter()) {
            *class = *priority;
        }
        self.hand.fill(jobs.drain(..self.taken).map(|(_, job)| job));
        drop(shard);
        let state = self.pool.lock();
        self.pool.room.give_back(self.taken);
        self.pool.notify_room(state, worker::batch_limit(self.books));
        true
    }

    /// Puts back what there was no time for, and queues the strand's next job as its leader; if it has
    /// none, that is its end. If all is given up, what is in hand is left to whoever does that.
    fn put_back(&self) {
        let mut shard = self.pool.strands.shard(self.key);
        let Some(strand) = shard.get(self.key) else { return };
        let left = self.hand.empty();
        self.pool.room.take_again(left.len());
        let classes = &self.classes[self.taken - left.len()..self.taken];
        let jobs = classes.iter().copied().zip(left);
        let waiting = strand.get_or_insert_default();
        jobs.rev().for_each(|job| waiting.push_front(job));
        self.pool.promote(shard, self.key);
    }
}
