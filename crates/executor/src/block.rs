//! Jobs in blocks: what a queue is made of, and what a worker takes away whole.
//!
//! # Terms
//!
//! * **Block** — room for [`BLOCK`] jobs, each in a cache line of its own. It is made once and goes
//!   round: from the spares to the queue, to a worker's batch, and back.
//! * **Section** — a block and which of its slots hold a job: those from `start` to `end`.
//!
//! # Invariants
//!
//! 1. Exactly the slots `start..end` of a section are full.
//!
//! A section has one owner, so its methods need no lock. [`Batch`](crate::batch::Batch) shares the
//! block it has taken out of one, and says itself how.

#![expect(unsafe_code, reason = "slots that are full or empty by number")]

use std::mem::{ManuallyDrop, MaybeUninit};

use crate::{job::Job, recorder::Started, sync::UnsafeCell};

/// Jobs in a block, and so the most that a worker takes in one visit: 4 KiB of them.
#[cfg(not(loom))]
pub(crate) const BLOCK: usize = 64;
#[cfg(loom)]
pub(crate) const BLOCK: usize = 2;

/// How many jobs ahead a slot's line is asked for that will be written or read.
pub(crate) const AHEAD: usize = 8;

/// Room for jobs. Whoever has it knows which slots are full.
#[repr(align(64))]
pub(crate) struct Block([UnsafeCell<MaybeUninit<Job>>; BLOCK]);

// SAFETY: jobs are `Send`; who touches which slot is ruled by the owner of the block.
unsafe impl Sync for Block {}

impl Block {
    /// Gives a slot to its claimer.
    ///
    /// # Safety
    ///
    /// The slot is full, and the caller's alone until what is returned is gone; then it is empty.
    #[inline]
    pub(crate) unsafe fn claim(&self, slot: usize) -> Claimed<'_> {
        Claimed(&self.0[slot])
    }

    /// Puts a job into a slot.
    ///
    /// # Safety
    ///
    /// The slot is empty, and the caller's alone.
    #[inline]
    pub(crate) unsafe fn fill(&self, slot: usize, job: Job) {
        self.0[slot].with_mut(|slot| {
            // SAFETY: the caller's promise.
            unsafe { (*slot).write(job) };
        });
    }

    /// Starts to fetch a slot that another core has written, so that it is here when needed.
    #[inline(always)]
    pub(crate) fn expect_to_read(&self, slot: usize) {
        #[cfg(all(target_arch = "x86_64", not(miri), not(loom)))]
        if let Some(slot) = self.0.get(slot) {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a prefetch reads nothing that could be observed, of whatever address.
            slot.with(|slot| unsafe { _mm_prefetch::<_MM_HINT_T0>(slot.cast()) });
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri), not(loom))))]
        let _ = slot;
    }
}

/// A job that is claimed and still in its slot. To be moved out or run, or it is leaked.
#[must_use = "the job is lost"]
pub(crate) struct Claimed<'a>(&'a UnsafeCell<MaybeUninit<Job>>);

impl Claimed<'_> {
    /// When the job was submitted, if it has no extras.
    #[inline(always)]
    pub(crate) fn submitted_plain(&self) -> Option<u64> {
        // SAFETY: the slot is full and ours (`Block::claim`).
        let job = |slot: *const MaybeUninit<Job>| unsafe { &*slot.cast::<Job>() };
        self.0.with(|slot| job(slot).extras.is_none().then_some(job(slot).submitted))
    }

    /// Runs the job where it is; it has no extras.
    #[inline(always)]
    pub(crate) fn run(self, started: &Started<'_>) {
        debug_assert!(self.submitted_plain().is_some(), "extras would be leaked");
        // SAFETY: the slot is full and ours (`Block::claim`), and `self` is gone.
        self.0.with(|slot| unsafe { Job::run_at(slot.cast(), started) });
    }

    /// Moves the job out.
    #[inline]
    pub(crate) fn into_job(self) -> Job {
        // SAFETY: the slot is full and ours (`Block::claim`), and `self` is gone.
        self.0.with(|slot| unsafe { (*slot).assume_init_read() })
    }
}

/// A block with its jobs, in order.
pub(crate) struct Section {
    block: Box<Block>,
    start: usize,
    end: usize,
}

impl Section {
    /// A new block without jobs.
    pub(crate) fn new() -> Self {
        let slot = |_| UnsafeCell::new(MaybeUninit::uninit());
        Self { block: Box::new(Block(std::array::from_fn(slot))), start: 0, end: 0 }
    }

    /// A block of which no slot is full.
    pub(crate) fn of(block: Box<Block>) -> Self {
        Self { block, start: 0, end: 0 }
    }

    /// The block and which of its slots are full.
    pub(crate) fn into_parts(self) -> (Box<Block>, usize, usize) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, so the block has one owner.
        let block = unsafe { std::ptr::read(&raw mut this.block) };
        (block, this.start, this.end)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether there is room behind the last job.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.end < BLOCK
    }

    /// Adds a job behind the last, where there [`has_room`](Self::has_room); otherwise gives it back.
    #[inline(always)]
    pub(crate) fn push(&mut self, job: Job) -> Result<(), Job> {
        if self.end.is_multiple_of(AHEAD) {
            self.reclaim_lines();
        }
        let Some(slot) = self.block.0.get(self.end) else { return Err(job) };
        slot.with_mut(|slot| {
            // SAFETY: the slot is empty (invariant 1), and the block has one owner.
            unsafe { (*slot).write(job) };
        });
        self.end += 1;
        Ok(())
    }

    /// Takes the cache lines of the next slots away from the core that has read them, all at once.
    ///
    /// Each submission ends in a locked instruction, which waits for the line that was written before
    /// it; one by one that is a way to the other core and back for each job. Prefetching for writing
    /// does not help on processors that keep a line they have lent ("owned", AMD): it is there, but
    /// may not be written. So a word is written to each of the empty slots, in one go.
    #[inline]
    fn reclaim_lines(&mut self) {
        for slot in self.block.0.iter().skip(self.end).take(AHEAD) {
            slot.with_mut(|slot| {
                // SAFETY: the slot is empty (invariant 1) and the block has one owner; a slot has room
                // for a word and is aligned for it. Volatile, or it would be left out.
                unsafe { slot.cast::<usize>().write_volatile(0) };
            });
        }
    }

    /// When the first job was submitted.
    pub(crate) fn first_submitted(&self) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: the slot is full (invariant 1), and the block has one owner.
        Some(self.block.0[self.start].with(|slot| unsafe { (*slot).assume_init_ref().submitted }))
    }

    /// Takes the first job.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Job> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: the slot is full (invariant 1), and counts as empty from the next line on.
        let job = unsafe { self.block.claim(self.start) }.into_job();
        self.start += 1;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        Some(job)
    }
}

impl Iterator for Section {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        self.pop()
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
