//! The jobs a worker has taken from the queue and not yet begun; others may steal them.
//!
//! # Invariants
//!
//! 1. Slots are filled, and slots of others emptied, only under the pool's lock.
//! 2. A slot belongs to whoever got its number from `next`, whose numbers are given out once per
//!    filling; numbers from `filled` on give nothing.
//! 3. It is filled only when every number below `filled` has been given out.
//!
//! So a thief's read of a slot cannot meet the owner's next write of it: both happen under the
//! lock. And the owner, who claims without the lock, meets thieves only in `next`. The lock orders
//! the slots' contents; `next` needs no ordering of its own, only that no number comes twice.

#![expect(unsafe_code, reason = "slots shared between owner and thieves, claimed by number")]

use std::{mem::MaybeUninit, sync::atomic::Ordering::Relaxed};

use crate::{
    job::Job,
    sync::{AtomicUsize, UnsafeCell},
};

/// The most jobs taken in one visit to the queue: 8 KiB of them.
#[cfg(not(loom))]
pub(crate) const BATCH: usize = 128;
#[cfg(loom)]
pub(crate) const BATCH: usize = 2;

pub(crate) struct Batch {
    next: AtomicUsize,
    filled: AtomicUsize,
    slots: Box<[UnsafeCell<MaybeUninit<Job>>]>,
}

// SAFETY: a slot is touched by its claimer only (invariant 2), and jobs are `Send`.
unsafe impl Sync for Batch {}

impl Batch {
    pub(crate) fn new() -> Self {
        let slots = (0..BATCH).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
        Self { next: AtomicUsize::new(0), filled: AtomicUsize::new(0), slots }
    }

    /// Takes the next job. For the owner; for others under the lock.
    #[inline]
    pub(crate) fn claim(&self) -> Option<Job> {
        let filled = self.filled.load(Relaxed);
        if self.next.load(Relaxed) >= filled {
            return None;
        }
        let number = self.next.fetch_add(1, Relaxed);
        // SAFETY: the number is this call's alone (invariant 2), and below `filled` the slot is full.
        (number < filled).then(|| unsafe { self.read(number) })
    }

    /// # Safety
    ///
    /// The caller was given `number`, below `filled`.
    unsafe fn read(&self, number: usize) -> Job {
        // SAFETY: the slot was filled under the lock and is the caller's alone.
        self.slots[number].with(|slot| unsafe { (*slot).assume_init_read() })
    }

    /// How many are unclaimed. Exact under the lock, except that the owner may claim meanwhile.
    pub(crate) fn unclaimed(&self) -> usize {
        self.filled.load(Relaxed).saturating_sub(self.next.load(Relaxed))
    }

    /// Takes all that is unclaimed. For others, under the lock.
    pub(crate) fn claim_all(&self, jobs: &mut Vec<Job>) {
        while let Some(job) = self.claim() {
            jobs.push(job);
        }
    }

    /// Starts a filling. For the owner, under the lock, with nothing unclaimed.
    pub(crate) fn fill(&self) -> Filling<'_> {
        debug_assert_eq!(self.unclaimed(), 0, "filled while jobs wait in it");
        Filling { batch: self, filled: 0 }
    }

    /// Moves half of what is unclaimed, rounded up, into `filling`. For others, under the lock.
    pub(crate) fn steal_into(&self, filling: &mut Filling<'_>) {
        let wanted = self.unclaimed().div_ceil(2);
        if wanted == 0 {
            return;
        }
        let first = self.next.fetch_add(wanted, Relaxed);
        let end = (first + wanted).min(self.filled.load(Relaxed));
        for number in first..end {
            // SAFETY: `fetch_add` gave out these numbers to this call, and they are below `filled`.
            filling.push(unsafe { self.read(number) });
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        while let Some(job) = self.claim() {
            drop(job);
        }
    }
}

/// A batch being filled; jobs can be claimed from it once this is dropped.
pub(crate) struct Filling<'a> {
    batch: &'a Batch,
    filled: usize,
}

impl Filling<'_> {
    #[inline]
    pub(crate) fn push(&mut self, job: Job) {
        self.batch.slots[self.filled].with_mut(|slot| {
            // SAFETY: all of the last filling is claimed (invariant 3), and its claimers have read
            // their slots: thieves under the lock held now, the owner in this very thread.
            unsafe { (*slot).write(job) };
        });
        self.filled += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.filled
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        self.batch.filled.store(0, Relaxed);
        self.batch.next.store(0, Relaxed);
        self.batch.filled.store(self.filled, Relaxed);
    }
}
