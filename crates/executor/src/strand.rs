//! Keyed jobs: those of one key one at a time and in order, on whichever worker.
//!
//! # Terms
//!
//! * **Leader** — the one job of a key that is in the queue, like any job; when it has run it works
//!   off the strand.
//! * **Strand** — the other jobs of the key, accepted and not yet started. It exists as long as
//!   there is a leader, and no longer.
//! * **In hand** — taken out of the strand after its leader, and not begun; no more than
//!   [`HANDFUL`](leader::HANDFUL).
//!
//! # Invariants
//!
//! 1. A strand exists exactly while its leader is queued, in a batch, or running, or what follows it.
//! 2. Only who has run the leader takes jobs from a strand, and finishes one before the next.
//! 3. Every job of a strand has a place in the pool's room, as the leader has; not so those in hand.
//!    Locks are taken in the order shard, then pool, then hand.
//! 4. Jobs come into the hand, and back, and from the strand into the queue, under the shard's lock and
//!    while the strand exists: who clears the queue, removes all strands, and then looks into the
//!    hands, has every job.
//!
//! Order and exclusion follow from there being one leader; that no job is left behind, from the
//! strand's being removed under the same lock under which it was found empty.

mod leader;
mod shard;

use std::hash::{BuildHasher, BuildHasherDefault, Hash};

pub(crate) use self::leader::{Hand, Leader};
use self::shard::Shard;
use crate::{
    error::{Abandoned, Refusal},
    job::{Extras, Job, Task},
    metrics::Counters,
    policy::WhenFull,
    pool::{Order, Pool},
    sync::{Mutex, MutexGuard, lock},
};

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

/// All strands there are.
pub(crate) struct Strands {
    /// A power of two of them.
    shards: Box<[Line]>,
}

/// In a cache line of its own: neighbours are of strangers.
#[repr(align(64))]
struct Line(Mutex<Shard>);

#[cfg(not(loom))]
const _: () = assert!(size_of::<Line>() == 64, "a strand is to be found in one line");

impl Strands {
    /// For as many strands as `capacity` jobs may have, though the most that are found in a shard's
    /// own line are as many as there are shards, twice.
    pub(crate) fn new(capacity: usize) -> Self {
        let shards =
            if cfg!(loom) { 1 } else { (capacity / 2).next_power_of_two().clamp(64, 2048) };
        Self { shards: (0..shards).map(|_| Line(Mutex::new(Shard::default()))).collect() }
    }

    #[inline]
    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        // 2^64 / golden ratio: the high bits are well mixed.
        let hash = key.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        lock(&self.shards[hash as usize & (self.shards.len() - 1)].0)
    }

    /// How many keys have a strand.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(&shard.0).len()).sum()
    }

    /// Takes every job of every strand; nothing then follows their leaders.
    pub(crate) fn clear(&self) -> Vec<Job> {
        let strands = self
            .shards
            .iter()
            .flat_map(|shard| std::mem::take(&mut *lock(&shard.0)).into_strands());
        strands.flatten().flat_map(|jobs| *jobs).map(|(_, job)| job).collect()
    }
}

impl Pool {
    /// Queues a keyed task, or gives it back and says why. Never to be run by its submitter.
    ///
    /// While the strand exists, the pool's lock is not needed: who has run the leader will find this
    /// one. That holds for a pool that closes meanwhile, too, since its workers leave when nothing is
    /// left.
    #[inline(always)]
    pub(crate) fn submit_keyed<K: Task + 'static>(
        &self,
        leader: Leader<K>,
        stamp: u64,
        extras: Option<Box<Extras>>,
        order: Order,
    ) -> Result<(), (Leader<K>, Refusal)> {
        let shard = self.strands.shard(leader.key);
        if !self.is_closed() && self.room.take() {
            return self.join_strand(shard, leader, stamp, extras, order);
        }
        drop(shard);
        match self.make_room_for_keyed(order) {
            Ok(()) => {
                let shard = self.strands.shard(leader.key);
                self.join_strand(shard, leader, stamp, extras, order)
            }
            Err(refusal) => Err((leader, refusal)),
        }
    }

    /// Puts a task that has a place into its strand, or begins one with it as the leader.
    ///
    /// It is erased only where it is to wait, as in [`Pool::submit`].
    #[inline(always)]
    fn join_strand<K: Task + 'static>(
        &self,
        mut shard: MutexGuard<'_, Shard>,
        leader: Leader<K>,
        stamp: u64,
        extras: Option<Box<Extras>>,
        order: Order,
    ) -> Result<(), (Leader<K>, Refusal)> {
        let key = leader.key;
        if let Some(strand) = shard.get(key) {
            let jobs = strand.get_or_insert_default();
            jobs.push_back((order.priority, Job::new(leader, stamp, extras)));
            drop(shard);
            self.warn_if_long();
            return Ok(());
        }
        let mut state = self.lock();
        if state.closed {
            self.room.give_back(1);
            return Err((leader, Refusal::Closed));
        }
        shard.begin(key);
        state.queue.push(order.priority, Job::new(leader, stamp, extras));
        drop(shard);
        self.announce(state, order);
        Ok(())
    }

    #[cold]
    fn make_room_for_keyed(&self, order: Order) -> Result<(), Refusal> {
        let mut evicted = None;
        // Whoever makes room needs the shards, so none is held meanwhile.
        if let Err(refusal) = self.make_room(self.lock(), order, &mut evicted).map(drop) {
            let capacity = self.settings.capacity;
            return Err(refusal.unwrap_or(Refusal::Full { capacity }));
        }
        self.evict(evicted);
        Ok(())
    }

    /// Queues the first job of a strand as its leader; if it has none, that is its end.
    fn promote(&self, mut shard: MutexGuard<'_, Shard>, key: Key) {
        let Some(strand) = shard.get(key) else { return };
        let Some((priority, job)) = strand.as_mut().and_then(|jobs| jobs.pop_front()) else {
            shard.end(key);
            return;
        };
        let mut state = self.lock();
        let nobody_is_left = state.closed && state.alive == 0;
        if nobody_is_left || self.has_given_up() {
            strand.get_or_insert_default().push_front((priority, job));
            drop((state, shard));
            // Whoever gives everything up takes the strand's jobs, too.
            if nobody_is_left {
                self.give_up_strand(key);
            }
            return;
        }
        state.queue.push(priority, job);
        drop(shard);
        self.announce(state, Order { priority, when_full: WhenFull::Reject, prompt: true });
    }

    /// Gives up what is left of a strand to which nobody comes any more.
    fn give_up_strand(&self, key: Key) {
        let jobs = *self.strands.shard(key).end(key).unwrap_or_default();
        let state = self.lock();
        self.room.give_back(jobs.len());
        drop(state);
        for (_, job) in jobs {
            if job.abandon(Abandoned::Cancelled, Some(self)) {
                Counters::count(&self.counters.cancelled);
            }
        }
    }
}
