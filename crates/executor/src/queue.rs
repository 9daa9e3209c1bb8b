//! The jobs that wait, in order of urgency. No threads here: the pool's lock guards all of it.
//!
//! # Invariants
//!
//! 1. `len` is the number of accepted jobs that no worker has taken: those in the classes, and
//!    those held back by a strand, which counts its own in and out.
//! 2. `len` never exceeds the capacity, except by jobs handed over by strands, already counted.
//! 3. Of eight visits in a row, one takes from the least urgent class first.

use std::collections::VecDeque;

use crate::{job::Job, policy::Priority};

/// Every so many visits the order of urgency is reversed.
const AGING: u32 = 8;

pub(crate) struct Queue {
    classes: [VecDeque<Job>; 4],
    len: usize,
    capacity: usize,
    visits: u32,
}

impl Queue {
    /// All memory is reserved here; the system provides it when it is first touched.
    pub(crate) fn new(capacity: usize) -> Self {
        let classes = std::array::from_fn(|_| VecDeque::with_capacity(capacity));
        Self { classes, len: 0, capacity, visits: 0 }
    }

    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.len < self.capacity
    }

    pub(crate) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.len)
    }

    /// Pushes many; no more than there is room for.
    #[inline]
    pub(crate) fn extend(&mut self, priority: Priority, jobs: impl Iterator<Item = Job>) {
        let class = &mut self.classes[priority.index()];
        let before = class.len();
        class.extend(jobs);
        self.len += class.len() - before;
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The jobs in the classes, by priority.
    pub(crate) fn lens(&self) -> [usize; 4] {
        std::array::from_fn(|class| self.classes[class].len())
    }

    /// Whether a worker would find nothing.
    #[inline]
    pub(crate) fn is_dry(&self) -> bool {
        self.classes.iter().all(VecDeque::is_empty)
    }

    pub(crate) fn has_urgent(&self) -> bool {
        !self.classes[0].is_empty() || !self.classes[1].is_empty()
    }

    #[inline]
    pub(crate) fn push(&mut self, priority: Priority, job: Job) {
        self.len += 1;
        self.push_counted(priority, job);
    }

    /// Queues a job that is in `len` already.
    #[inline]
    pub(crate) fn push_counted(&mut self, priority: Priority, job: Job) {
        self.classes[priority.index()].push_back(job);
    }

    /// Counts `jobs` in that wait elsewhere, for their key.
    pub(crate) fn hold(&mut self, jobs: usize) {
        self.len += jobs;
    }

    /// Counts `jobs` out that waited elsewhere.
    pub(crate) fn release(&mut self, jobs: usize) {
        self.len = self.len.saturating_sub(jobs);
    }

    /// Hands at most `limit` jobs to `take`, and of what there is no more than the share of one
    /// among `sharers`, rounded up.
    #[inline]
    pub(crate) fn drain(&mut self, limit: usize, sharers: usize, mut take: impl FnMut(Job)) {
        let waiting: usize = self.classes.iter().map(VecDeque::len).sum();
        if waiting == 0 {
            return;
        }
        let wanted = waiting.div_ceil(sharers.max(1)).min(limit);
        self.len -= wanted;
        self.visits = self.visits.wrapping_add(1);
        let mut left = wanted;
        for turn in 0..4 {
            let lowest_first = self.visits.is_multiple_of(AGING);
            let class = &mut self.classes[if lowest_first { 3 - turn } else { turn }];
            let count = left.min(class.len());
            class.drain(..count).for_each(&mut take);
            left -= count;
        }
    }

    /// Takes the next `Critical` or `High` job.
    pub(crate) fn pop_urgent(&mut self) -> Option<Job> {
        let job = self.classes[0].pop_front().or_else(|| self.classes[1].pop_front())?;
        self.len -= 1;
        Some(job)
    }

    /// Takes the job that has waited longest among those no more urgent than `newcomer`.
    pub(crate) fn evict_oldest(&mut self, newcomer: Priority) -> Option<Job> {
        let fronts = self.classes.iter().enumerate().skip(newcomer.index());
        let oldest = fronts
            .filter_map(|(class, jobs)| Some((jobs.front()?.submitted, class)))
            .min_by_key(|(submitted, _)| *submitted)?;
        self.evict_from(oldest.1)
    }

    /// Takes the oldest job of the least urgent class, if that is less urgent than `newcomer`.
    pub(crate) fn evict_lowest(&mut self, newcomer: Priority) -> Option<Job> {
        let lowest = self.classes.iter().rposition(|jobs| !jobs.is_empty())?;
        if lowest > newcomer.index() { self.evict_from(lowest) } else { None }
    }

    fn evict_from(&mut self, class: usize) -> Option<Job> {
        let job = self.classes[class].pop_front()?;
        self.len -= 1;
        Some(job)
    }

    /// Takes everything, and forgets what is held elsewhere.
    pub(crate) fn clear(&mut self) -> Vec<Job> {
        let jobs: Vec<_> = self.classes.iter_mut().flat_map(|class| class.drain(..)).collect();
        self.len = 0;
        jobs
    }
}
