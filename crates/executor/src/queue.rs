//! The jobs that wait, in order of urgency. No threads here: the pool's lock guards all of it.
//!
//! They wait in blocks, so that a worker takes away many for the price of a pointer: how long the
//! lock is held does not depend on how many jobs go.
//!
//! # Invariants
//!
//! 1. Every job in here has a place in the pool's [`Room`](crate::room::Room); whoever pushes has
//!    taken it, whoever takes gives it back.
//! 2. Of eight visits in a row, one takes from `Low`, `Medium` or `High` first, these in turn; if
//!    that is empty, from what is less urgent, and only then from what is more.
//! 3. No section of a class is empty, and all but two and those handed over whole are full: blocks
//!    are bounded by twice the capacity.

use std::collections::VecDeque;

use crate::{
    block::{BLOCK, Section},
    job::Job,
    policy::Priority,
};

/// Every so many visits the order of urgency does not hold.
const AGING: u32 = 8;

/// Fewer than so many are worth waiting for more, in a flood.
const GATHER_BELOW: usize = 32;

pub(crate) struct Queue {
    classes: [Class; 4],
    visits: u32,
    /// Empty blocks, the hottest last.
    spares: Vec<Section>,
}

/// The jobs of one priority, in order.
#[derive(Default)]
struct Class {
    sections: VecDeque<Section>,
    len: usize,
}

impl Queue {
    /// Blocks are made when they are first needed, and then kept.
    pub(crate) fn new() -> Self {
        let classes = std::array::from_fn(|_| Class::default());
        Self { classes, visits: 0, spares: Vec::new() }
    }

    /// The jobs in the classes, by priority.
    pub(crate) fn lens(&self) -> [usize; 4] {
        std::array::from_fn(|class| self.classes[class].len)
    }

    /// Whether a worker would find nothing.
    #[inline]
    pub(crate) fn is_dry(&self) -> bool {
        self.waiting() == 0
    }

    #[inline]
    pub(crate) fn has_urgent(&self) -> bool {
        self.classes[0].len + self.classes[1].len > 0
    }

    /// Whether so little waits, and nothing urgent, that in a flood there will soon be more.
    pub(crate) fn is_worth_gathering(&self) -> bool {
        !self.has_urgent() && self.waiting() < GATHER_BELOW
    }

    /// How many jobs are in the classes.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.lens().iter().sum()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, priority: Priority, job: Job) {
        let class = &mut self.classes[priority.index()];
        class.len += 1;
        let full = match class.sections.back_mut() {
            Some(section) => section.push(job),
            None => Err(job),
        };
        if let Err(job) = full {
            self.push_in_new_section(priority, job);
        }
    }

    #[cold]
    fn push_in_new_section(&mut self, priority: Priority, job: Job) {
        let mut section = self.spare();
        let Ok(()) = section.push(job) else { unreachable!("a spare block is empty") };
        self.classes[priority.index()].sections.push_back(section);
    }

    /// Queues the first `count` of `jobs`.
    pub(crate) fn push_section(&mut self, priority: Priority, jobs: &mut Section, count: usize) {
        if count == jobs.len() && count > BLOCK / 2 {
            let spare = self.spare();
            let class = &mut self.classes[priority.index()];
            class.sections.push_back(std::mem::replace(jobs, spare));
            class.len += count;
        } else {
            jobs.take(count).for_each(|job| self.push(priority, job));
        }
    }

    /// An empty block.
    pub(crate) fn spare(&mut self) -> Section {
        self.spares.pop().unwrap_or_else(Section::new)
    }

    /// Keeps an empty block for [`spare`](Self::spare).
    pub(crate) fn keep(&mut self, empty: Section) {
        debug_assert!(empty.is_empty(), "jobs would be kept with it");
        self.spares.push(empty);
    }

    /// Takes at most `limit` jobs of the class whose turn it is: a whole section, if the limit allows
    /// a block; otherwise no more than the share of one among `sharers`, rounded up.
    #[inline]
    pub(crate) fn take(&mut self, limit: usize, sharers: usize) -> Option<Section> {
        self.visits = self.visits.wrapping_add(1);
        let class = self.class_in_turn()?;
        let most =
            if limit < BLOCK { self.waiting().div_ceil(sharers.max(1)).min(limit) } else { limit };
        if self.classes[class].sections.front()?.len() > most {
            return Some(self.take_some(class, most));
        }
        let section = self.classes[class].sections.pop_front()?;
        self.classes[class].len -= section.len();
        Some(section)
    }

    /// The class that this visit takes from, if any has jobs.
    #[inline]
    fn class_in_turn(&self) -> Option<usize> {
        let has_jobs = |class: &usize| self.classes[*class].len > 0;
        if !self.visits.is_multiple_of(AGING) {
            return (0..4).find(has_jobs);
        }
        let first = 3 - (self.visits / AGING % 3) as usize;
        (first..4).chain((0..first).rev()).find(has_jobs)
    }

    /// Moves the first `count` jobs of a class, fewer than its first section has.
    fn take_some(&mut self, class: usize, count: usize) -> Section {
        let mut taken = self.spare();
        if let Some(front) = self.classes[class].sections.front_mut() {
            for job in front.take(count) {
                let Ok(()) = taken.push(job) else { unreachable!("fewer than a block holds") };
            }
        }
        self.classes[class].len -= taken.len();
        taken
    }

    /// Takes the next `Critical` or `High` job.
    pub(crate) fn pop_urgent(&mut self) -> Option<Job> {
        self.pop(0).or_else(|| self.pop(1))
    }

    /// Takes the job that was submitted first among those that are first in their class and no more
    /// urgent than `newcomer`. All must be timed.
    pub(crate) fn evict_oldest(&mut self, newcomer: Priority) -> Option<Job> {
        let fronts = self.classes.iter().enumerate().skip(newcomer.index());
        let oldest = fronts
            .filter_map(|(class, jobs)| Some((jobs.sections.front()?.first_submitted()?, class)))
            .min_by_key(|(submitted, _)| *submitted)?;
        self.pop(oldest.1)
    }

    /// Takes the first job of the least urgent class that has one, if that is class `most` or below.
    pub(crate) fn evict_from_lowest(&mut self, most: usize) -> Option<Job> {
        let lowest = self.classes.iter().rposition(|class| class.len > 0)?;
        if lowest >= most { self.pop(lowest) } else { None }
    }

    fn pop(&mut self, class: usize) -> Option<Job> {
        let class = &mut self.classes[class];
        let front = class.sections.front_mut()?;
        let job = front.pop()?;
        if front.is_empty() {
            self.spares.extend(class.sections.pop_front());
        }
        class.len -= 1;
        Some(job)
    }

    /// Takes everything.
    pub(crate) fn clear(&mut self) -> Vec<Job> {
        let classes = self.classes.iter_mut().map(std::mem::take);
        classes.flat_map(|class| class.sections).flatten().collect()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::job::Detached;

    #[test]
    fn no_class_starves_between_a_flood_above_and_a_trickle_below() {
        for flood in [Priority::Critical, Priority::High] {
            let mut queue = Queue::new();
            let job = || Job::new(Detached(|| ()), 1, None);
            let between = Priority::ALL[flood.index() + 1];
            queue.push(between, job());
            let is_served = (0..3 * AGING).any(|_| {
                while queue.lens()[flood.index()] < BLOCK {
                    queue.push(flood, job());
                }
                if queue.lens()[Priority::Low.index()] == 0 {
                    queue.push(Priority::Low, job());
                }
                drop(queue.take(BLOCK, 1));
                queue.lens()[between.index()] == 0
            });
            assert!(is_served, "{between:?}");
        }
    }
}
