//! The jobs a worker has taken and not yet begun: from the queue, then others may steal them; or from
//! a strand.
//!
//! # Invariants
//!
//! 1. The block is exchanged or filled, and slots of others emptied, only under a lock: the pool's, or
//!    for what is of a strand the hand's own.
//! 2. A slot belongs to whoever got its number from `next`, whose numbers are given out once per
//!    filling; numbers from `filled` on give nothing.
//! 3. The block is exchanged or filled only when every number below `filled` has been given out.
//!
//! So a thief's read of a slot cannot meet the owner's next exchange: both happen under the lock.
//! And the owner, who claims without the lock, meets thieves only in `next`. The lock orders the
//! slots' contents; `next` needs no ordering of its own, only that no number comes twice.

#![expect(unsafe_code, reason = "slots shared between owner and thieves, claimed by number")]

use std::{mem, sync::atomic::Ordering::Relaxed};

use crate::{
    block::{AHEAD, Block, Claimed, Section},
    job::Job,
    sync::{AtomicUsize, UnsafeCell},
};

pub(crate) struct Batch {
    next: AtomicUsize,
    filled: AtomicUsize,
    block: UnsafeCell<Box<Block>>,
}

// SAFETY: the block is exchanged and lent to others only under the lock (invariant 1), its slots are
// touched by their claimer only (invariant 2), and jobs are `Send`.
unsafe impl Sync for Batch {}

impl Batch {
    pub(crate) fn new() -> Self {
        let (block, ..) = Section::new().into_parts();
        Self {
            next: AtomicUsize::new(0),
            filled: AtomicUsize::new(0),
            block: UnsafeCell::new(block),
        }
    }

    /// Takes the next job. For the owner, who is done with it before the next exchange; for others
    /// under the lock.
    #[inline(always)]
    pub(crate) fn claim(&self) -> Option<Claimed<'_>> {
        let filled = self.filled.load(Relaxed);
        if self.next.load(Relaxed) >= filled {
            return None;
        }
        let number = self.next.fetch_add(1, Relaxed);
        if number >= filled {
            return None;
        }
        self.block.with(|block| {
            // SAFETY: the owner exchanges the block itself, others are kept from it by the lock.
            let block = unsafe { &**block };
            block.expect_to_read(number + AHEAD);
            // SAFETY: the number is this call's alone (invariant 2), below `filled` slots are full.
            Some(unsafe { block.claim(number) })
        })
    }

    /// How many are unclaimed. Exact under the lock, except that the owner may claim meanwhile.
    pub(crate) fn unclaimed(&self) -> usize {
        self.filled.load(Relaxed).saturating_sub(self.next.load(Relaxed))
    }

    /// Takes all that is unclaimed. For others, under the lock.
    pub(crate) fn claim_all(&self, jobs: &mut Vec<Job>) {
        jobs.extend(std::iter::from_fn(|| self.claim().map(Claimed::into_job)));
    }

    /// Fills it with `section` and gives back its block, which is empty. For the owner, under the
    /// lock, with nothing unclaimed.
    pub(crate) fn exchange(&self, section: Section) -> Section {
        debug_assert_eq!(self.unclaimed(), 0, "filled while jobs wait in it");
        let (full, start, end) = section.into_parts();
        self.filled.store(0, Relaxed);
        // SAFETY: under the lock nobody else reads `block`, and all that was in it is claimed
        // (invariant 3) by claimers that have read their slots: thieves under the lock held now, the
        // owner in this very thread.
        let empty = self.block.with_mut(|block| unsafe { mem::replace(&mut *block, full) });
        self.next.store(start, Relaxed);
        self.filled.store(end, Relaxed);
        Section::of(empty)
    }

    /// Fills it with `jobs`, no more than a block has room for. For the owner, under the lock, with
    /// nothing unclaimed.
    pub(crate) fn refill(&self, jobs: impl Iterator<Item = Job>) {
        debug_assert_eq!(self.unclaimed(), 0, "filled while jobs wait in it");
        self.filled.store(0, Relaxed);
        let mut count = 0;
        for job in jobs {
            // SAFETY: under the lock nobody else touches the block, and all slots are empty, for
            // those that were full are claimed and read (as in `exchange`); this one is still.
            self.block.with(|block| unsafe { (**block).fill(count, job) });
            count += 1;
        }
        self.next.store(0, Relaxed);
        self.filled.store(count, Relaxed);
    }

    /// Moves half of what is unclaimed, rounded up, into `section`, which is empty. For others, under
    /// the lock.
    pub(crate) fn steal_into(&self, section: &mut Section) {
        let wanted = self.unclaimed().div_ceil(2);
        if wanted == 0 {
            return;
        }
        let first = self.next.fetch_add(wanted, Relaxed);
        let end = (first + wanted).min(self.filled.load(Relaxed));
        for number in first..end {
            self.block.with(|block| {
                // SAFETY: `fetch_add` gave out these numbers to this call, below `filled` slots are
                // full, and the lock keeps the owner from exchanging the block.
                let job = unsafe { (**block).claim(number) }.into_job();
                let Ok(()) = section.push(job) else { unreachable!("no more than a block holds") };
            });
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        std::iter::from_fn(|| self.claim()).for_each(|job| drop(job.into_job()));
    }
}
