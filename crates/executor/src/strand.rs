//! Keyed jobs: those of one key one at a time and in order, on whichever worker.
//!
//! # Terms
//!
//! * **Strand** — the jobs of one key that are accepted and not yet started, while there are any
//!   or one of them runs. It exists no longer.
//! * **Runner** — the strand's one representative in the queue; it works the strand off.
//! * **In hand** — taken out of the strand by its runner, and not begun; no more than [`HANDFUL`].
//!
//! # Invariants
//!
//! 1. A strand exists exactly while its runner is queued, in a batch, or running.
//! 2. Only the runner takes jobs from a strand, and it finishes one before it takes the next.
//! 3. Every job of a strand has a place in the pool's room, the first as the runner itself; not so those
//!    in hand. Locks are taken in the order shard, then pool, then hand.
//! 4. Jobs come into the hand, and back, under the shard's lock and while the strand exists: who removes
//!    all strands, and then looks into the hands, has every job.
//!
//! Order and exclusion follow from there being one runner; that no job is left behind, from the
//! runner's removing the strand under the same lock under which it found it empty.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
    sync::atomic::Ordering::Relaxed,
};

use crate::{
    clock,
    error::{Abandoned, Refusal},
    job::{Job, Task},
    metrics::Counters,
    policy::{Priority, WhenFull},
    pool::{Order, Pool},
    recorder::{Recorder, Started},
    sync::{Mutex, MutexGuard, Padded, lock},
    worker,
};

#[cfg(not(loom))]
const SHARDS: usize = 64;
#[cfg(loom)]
const SHARDS: usize = 1;

/// The most jobs a runner takes out of its strand at once.
const HANDFUL: usize = 32;

/// Names a strand: jobs submitted with equal keys run in order and never at the same time.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(u64);

impl Key {
    /// A key made from a number, one to one.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// A key for any value. Two values whose 64-bit hashes agree share a strand: harmless unless
    /// one of their jobs waits for the other's.
    pub fn of<V: Hash + ?Sized>(value: &V) -> Self {
        Self(BuildHasherDefault::<std::hash::DefaultHasher>::default().hash_one(value))
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// One multiplication: keys come from our own process, so nobody picks them to collide.
#[derive(Clone, Copy, Default)]
struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        // 2^64 / golden ratio; the swap brings the well-mixed high bits where the table looks.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).swap_bytes();
    }
}

#[derive(Default)]
struct Strand {
    jobs: VecDeque<(Priority, Job)>,
    /// The first job, kept here so that a strand of one needs no allocation.
    first: Option<Job>,
}

impl Strand {
    fn into_jobs(self) -> impl Iterator<Item = Job> {
        self.first.into_iter().chain(self.jobs.into_iter().map(|(_, job)| job))
    }
}

type Shard = HashMap<u64, Strand, BuildHasherDefault<Multiply>>;

/// All strands there are.
pub(crate) struct Strands {
    shards: Box<[Padded<Mutex<Shard>>]>,
}

impl Strands {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Padded(Mutex::new(Shard::default()))).collect() }
    }

    #[inline]
    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        let hash = key.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        lock(&self.shards[hash as usize % SHARDS])
    }

    /// How many keys have a strand.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Takes every job of every strand; their runners then find nothing to do.
    pub(crate) fn clear(&self) -> Vec<Job> {
        let strands = self.shards.iter().flat_map(|shard| std::mem::take(&mut *lock(shard)));
        strands.flat_map(|(_, strand)| strand.into_jobs()).collect()
    }
}

impl Pool {
    /// Queues a keyed job, or says why not. Never answers `RunHere`.
    ///
    /// While the strand has a job, the pool's lock is not needed: the runner will find this one. That
    /// holds for a pool that closes meanwhile, too, since its workers leave when nothing is left.
    #[inline(always)]
    pub(crate) fn submit_keyed(
        &self,
        key: Key,
        job: Job,
        order: Order,
    ) -> Result<(), (Job, Refusal)> {
        let shard = self.strands.shard(key);
        if !self.is_closed() && self.room.take() {
            return self.join_strand(shard, key, job, order);
        }
        drop(shard);
        self.submit_keyed_to_full(key, job, order)
    }

    /// Puts a job that has a place into its strand, or begins one with it.
    #[inline(always)]
    fn join_strand(
        &self,
        mut shard: MutexGuard<'_, Shard>,
        key: Key,
        job: Job,
        order: Order,
    ) -> Result<(), (Job, Refusal)> {
        match shard.entry(key.0) {
            Entry::Occupied(mut strand) => {
                strand.get_mut().jobs.push_back((order.priority, job));
                drop(shard);
                self.warn_if_long();
            }
            Entry::Vacant(vacant) => {
                let mut state = self.lock();
                if state.closed {
                    self.room.give_back(1);
                    return Err((job, Refusal::Closed));
                }
                let stamp = job.submitted;
                vacant.insert(Strand { jobs: VecDeque::new(), first: Some(job) });
                state.queue.push(order.priority, Job::new(Runner { key }, stamp, None));
                drop(shard);
                self.announce(state, order);
            }
        }
        Ok(())
    }

    #[cold]
    fn submit_keyed_to_full(&self, key: Key, job: Job, order: Order) -> Result<(), (Job, Refusal)> {
        let mut evicted = None;
        // Whoever makes room needs the shards, so none is held meanwhile.
        if let Err(refusal) = self.make_room(self.lock(), order, &mut evicted).map(drop) {
            let capacity = self.settings.capacity;
            return Err((job, refusal.unwrap_or(Refusal::Full { capacity })));
        }
        self.evict(evicted);
        self.join_strand(self.strands.shard(key), key, job, order)
    }

    /// Queues a strand's runner again, for a job that was submitted at `stamp`; not if everything is
    /// given up, and the strand with it. False if the last worker has left.
    fn requeue(&self, key: Key, priority: Priority, stamp: u64) -> bool {
        let mut state = self.lock();
        if self.has_given_up() {
            return true;
        }
        if state.closed && state.alive == 0 {
            return false;
        }
        state.queue.push(priority, Job::new(Runner { key }, stamp, None));
        let when_full = WhenFull::Reject;
        self.announce(state, Order { priority, when_full, prompt: true });
        true
    }

    /// Gives up what is left of a strand to which nobody comes any more.
    fn give_up_strand(&self, key: Key) {
        let strand = self.strands.shard(key).remove(&key.0).unwrap_or_default();
        let jobs: Vec<_> = strand.into_jobs().collect();
        let state = self.lock();
        self.room.give_back(jobs.len());
        drop(state);
        for job in jobs {
            if job.abandon(Abandoned::Cancelled, Some(self)) {
                Counters::count(&self.counters.cancelled);
            }
        }
    }
}

/// Where a runner keeps the jobs that it has taken: at its worker's place, for a shutdown to find.
type Hand = Mutex<VecDeque<(Priority, Job)>>;

/// Works a strand off, for about as long as a worker's batch may last.
struct Runner {
    key: Key,
}

impl Runner {
    /// The next job, of `left` that are in hand or of the strand; if it has none, that is its end.
    fn next(&self, pool: &Pool, books: &Recorder, hand: &Hand, left: &mut usize) -> Option<Job> {
        if *left == 0 {
            *left = self.take_handful(pool, books, hand);
        }
        *left = left.checked_sub(1)?;
        // There is none if everything was given up meanwhile.
        lock(hand).pop_front().map(|(_, job)| job)
    }

    /// Takes jobs of the strand in hand, and says how many.
    fn take_handful(&self, pool: &Pool, books: &Recorder, hand: &Hand) -> usize {
        let mut shard = pool.strands.shard(self.key);
        let Entry::Occupied(mut strand) = shard.entry(self.key.0) else { return 0 };
        if strand.get().jobs.is_empty() {
            strand.remove();
            return 0;
        }
        let (waiting, mut jobs) = (&mut strand.get_mut().jobs, lock(hand));
        if waiting.len() <= HANDFUL {
            std::mem::swap(waiting, &mut *jobs);
        } else {
            jobs.extend(waiting.drain(..HANDFUL));
        }
        let count = jobs.len();
        drop((jobs, shard));
        let state = pool.lock();
        pool.room.give_back(count);
        pool.notify_room(state, worker::batch_limit(books));
        count
    }

    /// Puts back what there was no time for, and queues the runner for the strand's next job; if it
    /// has none, that is its end. If all is given up, what is in hand is left to whoever does that.
    fn put_back(&self, pool: &Pool, hand: &Hand) {
        let mut shard = pool.strands.shard(self.key);
        let Entry::Occupied(mut strand) = shard.entry(self.key.0) else { return };
        let mut jobs = std::mem::take(&mut *lock(hand));
        pool.room.take_again(jobs.len());
        jobs.append(&mut strand.get_mut().jobs);
        let Some((priority, job)) = jobs.pop_front() else {
            strand.remove();
            return;
        };
        let stamp = job.submitted;
        strand.insert(Strand { jobs, first: Some(job) });
        drop(shard);
        pool.requeue(self.key, priority, stamp);
    }
}

impl Task for Runner {
    const IS_RUNNER: bool = true;

    fn run(self, started: &Started<'_>) {
        let (pool, books) = (started.pool, started.recorder);
        if pool.has_given_up() {
            // Whoever gave up takes the strand's jobs, or has done so.
            return;
        }
        let Some(place) = books.place else { unreachable!("only workers run runners") };
        let hand = &pool.places[place].hand;
        let first = pool.strands.shard(self.key).get_mut(&self.key.0).and_then(|s| s.first.take());
        let Some(first) = first else { return };
        // Most jobs may be untimed; a turn is not.
        let or_now = |ticks| if ticks == 0 { clock::ticks() } else { ticks };
        let from = or_now(started.start);
        // Between its jobs none runs.
        books.running_since.store(0, Relaxed);
        let (mut now, mut left) = (or_now(worker::run_job(pool, books, first, from)), 0);
        loop {
            if now.wrapping_sub(from) > worker::budget() || pool.has_given_up() {
                self.put_back(pool, hand);
                break;
            }
            let Some(job) = self.next(pool, books, hand, &mut left) else { break };
            now = or_now(worker::run_job(pool, books, job, now));
        }
        started.end.set(now);
        books.begins(now);
    }

    /// Evicted, the runner stands for its strand's first job: that goes, and the rest stays. Unless the pool
    /// was closed meanwhile, and the workers, who found no runner, have left: then all go.
    fn abandon(self, why: Abandoned, pool: Option<&Pool>) -> bool {
        let Some(pool) = pool else { return false };
        let mut shard = pool.strands.shard(self.key);
        let Entry::Occupied(mut strand) = shard.entry(self.key.0) else { return false };
        let first = strand.get_mut().first.take();
        let next = strand.get_mut().jobs.pop_front().map(|(priority, job)| {
            let stamp = job.submitted;
            strand.get_mut().first = Some(job);
            (priority, stamp)
        });
        if next.is_none() {
            strand.remove();
        }
        drop(shard);
        if let Some((priority, stamp)) = next
            && !pool.requeue(self.key, priority, stamp)
        {
            pool.give_up_strand(self.key);
        }
        first.is_some_and(|job| job.abandon(why, Some(pool)))
    }
}
