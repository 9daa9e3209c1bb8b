//! Windows that are folded into an aggregate.
//!
//! A sliding window is a queue of two **halves**: an older one, of which the aggregate of every end is
//! kept, and a newer one, of which only the whole is kept. A sample joins the newer half with one
//! step and leaves the older half with none; when the older half is used up, the newer one takes its
//! place with one step per sample (Tangwongsan, Hirzel and Schneider 2015, "two-stacks"). So each sample
//! costs three steps in the mean, whatever the length of the window.

use core::hint::black_box;
use std::collections::VecDeque;

use super::{Gather, Slide, aggregate::Aggregate};
use crate::derived::{Moment, Words, run::Held};

/// What is read from an aggregate.
#[derive(Clone, Copy, Debug)]
pub(in crate::derived) struct Finish<A> {
    /// The number, given the aggregate and the parameter.
    pub(in crate::derived) of: fn(A, f64) -> Option<f64>,
    /// What else it needs.
    pub(in crate::derived) parameter: f64,
}

/// The aggregate of everything since the window began; no sample is held.
#[derive(Clone, Debug)]
pub(in crate::derived) struct Gathered<A> {
    aggregate: A,
    finish: Finish<A>,
}

/// The aggregate of the newest samples.
#[derive(Clone, Debug)]
pub(in crate::derived) struct Folded<A> {
    held: VecDeque<Slot<A>>,
    /// For how many there is room from the first on.
    room: usize,
    most: usize,
    /// How many of those held are the older half.
    older: usize,
    newer: A,
    finish: Finish<A>,
}

/// A sample and what is kept of it, beside each other: what a step needs is in one place of the memory.
#[derive(Clone, Copy, Debug)]
struct Slot<A> {
    sample: Held,
    /// In the older half, the aggregate from the sample to the end of the half.
    to_end: A,
}

impl<A: Aggregate> Gathered<A> {
    /// An empty window.
    pub(in crate::derived) const fn new(finish: Finish<A>) -> Self {
        Self { aggregate: A::EMPTY, finish }
    }
}

impl<A: Aggregate> Gather for Gathered<A> {
    fn push(&mut self, sample: Held) -> Option<Moment> {
        self.aggregate = self.aggregate.and(A::of(sample));
        None
    }

    fn clear(&mut self) {
        self.aggregate = A::EMPTY;
    }

    fn number(&self) -> Option<f64> {
        (self.finish.of)(self.aggregate, self.finish.parameter)
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.aggregate.save(words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.aggregate = A::restore(words)?;
        Some(())
    }
}

impl<A: Aggregate> Folded<A> {
    /// An empty window of `most` samples at the most, and one at least; with the first there is room for
    /// `room`. Not before, so that all of a stream's metrics without their windows are close together.
    pub(in crate::derived) fn new(finish: Finish<A>, most: usize, room: usize) -> Self {
        let held = VecDeque::new();
        Self { held, room, most: most.max(1), older: 0, newer: A::EMPTY, finish }
    }

    /// The aggregate of all samples held.
    pub(in crate::derived) fn whole(&self) -> A {
        let older = self.held.front().filter(|_| self.older > 0);
        older.map_or(A::EMPTY, |oldest| oldest.to_end).and(self.newer)
    }

    /// Makes the newer half, of which the first `count` samples held are all, the older one.
    fn turn(&mut self, count: usize) {
        let mut end = A::EMPTY;
        for slot in self.held.iter_mut().take(count).rev() {
            end = A::of(slot.sample).and(end);
            slot.to_end = end;
        }
        (self.older, self.newer) = (count, A::EMPTY);
    }
}

impl<A: Aggregate> Gather for Folded<A> {
    fn push(&mut self, sample: Held) -> Option<Moment> {
        let lost = (self.held.len() >= self.most).then(|| self.evict()).flatten();
        if self.held.capacity() == 0 {
            self.held.reserve_exact(self.room);
        }
        self.held.push_back(Slot { sample, to_end: A::EMPTY });
        self.newer = self.newer.and(A::of(sample));
        lost
    }

    fn clear(&mut self) {
        self.held.clear();
        self.turn(0);
    }

    fn number(&self) -> Option<f64> {
        (self.finish.of)(self.whole(), self.finish.parameter)
    }

    fn touch(&self) {
        // The first leaves, and the next one's aggregate is read.
        black_box(self.held.get(1).copied());
        black_box((self.newer, self.finish.parameter));
    }

    /// The samples, and how many of them are in the older half.
    fn save(&self, words: &mut Vec<u64>) {
        words.extend([self.held.len() as u64, self.older as u64]);
        self.held.iter().for_each(|slot| slot.sample.save(words));
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.clear();
        let count = words.count(self.most)?;
        let older = words.count(count)?;
        for place in 0..count {
            self.push(Held::restore(words)?);
            if place + 1 == older {
                self.turn(older);
            }
        }
        Some(())
    }
}

impl<A: Aggregate> Slide for Folded<A> {
    fn oldest(&self) -> Option<Moment> {
        self.held.front().map(|slot| slot.sample.at)
    }

    fn evict(&mut self) -> Option<Moment> {
        if self.older == 0 {
            self.turn(self.held.len());
        }
        self.older = self.older.saturating_sub(1);
        self.held.pop_front().map(|slot| slot.sample.at)
    }
}
