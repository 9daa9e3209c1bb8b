//! How many jobs may wait, and how many do.
//!
//! # Invariants
//!
//! 1. Every accepted job that no worker has taken has one place: those in the queue's classes, and
//!    those that wait in a strand.
//! 2. Places are taken with or without the pool's lock, but given back only under it, so that whoever
//!    found none, and waits under the lock, is told.
//!
//! The count needs no ordering of its own: it guards nothing, and waiting happens under the lock.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::{AtomicUsize, Padded};

pub(crate) struct Room {
    taken: Padded<AtomicUsize>,
    capacity: usize,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { taken: Padded(AtomicUsize::new(0)), capacity }
    }

    /// Takes a place, if one is free.
    #[inline(always)]
    pub(crate) fn take(&self) -> bool {
        self.take_up_to(1) == 1
    }

    /// Takes as many places as are free, but no more than `most`; says how many.
    #[inline(always)]
    pub(crate) fn take_up_to(&self, most: usize) -> usize {
        let mut taken = self.taken.load(Relaxed);
        loop {
            let places = most.min(self.capacity.saturating_sub(taken));
            if places == 0 {
                return 0;
            }
            // Never more for a moment than in the end: a waiter that looks then would be misled.
            match self.taken.compare_exchange_weak(taken, taken + places, Relaxed, Relaxed) {
                Ok(_) => return places,
                Err(now) => taken = now,
            }
        }
    }

    /// Takes places for jobs that had some a moment ago, whether or not that many are free.
    pub(crate) fn take_again(&self, places: usize) {
        self.taken.fetch_add(places, Relaxed);
    }

    /// Frees places. Under the pool's lock. After [`give_back_all`](Self::give_back_all) there may be
    /// none left to free.
    #[inline]
    pub(crate) fn give_back(&self, places: usize) {
        let mut taken = self.taken.load(Relaxed);
        while let Err(now) =
            self.taken.compare_exchange_weak(taken, taken.saturating_sub(places), Relaxed, Relaxed)
        {
            taken = now;
        }
    }

    /// Frees all places, of jobs that are given up.
    pub(crate) fn give_back_all(&self) {
        self.taken.store(0, Relaxed);
    }

    /// How many are taken.
    #[inline]
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    pub(crate) fn free(&self) -> usize {
        self.capacity.saturating_sub(self.taken())
    }
}
