//! Windows that are folded into an aggregate.
//!
//! A sliding window is a queue of two **halves**: an older one, of which the aggregate of every end is
//! kept, and a newer one, of which only the whole is kept. A sample joins the newer half with one
//! step and leaves the older half with none; when the older half is used up, the newer one takes its
//! place with one step per sample (Tangwongsan, Hirzel and Schneider 2015, "two-stacks"). So each sample
//! costs three steps in the mean, whatever the length of the window.

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
    held: VecDeque<Held>,
    most: usize,
    /// The aggregates of the older half from each of its samples to its end; the whole half is last.
    older: Vec<A>,
    newer: A,
    finish: Finish<A>,
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
    /// An empty window of `most` samples at the most, and one at least; room for `room` to begin with.
    pub(in crate::derived) fn new(finish: Finish<A>, most: usize, room: usize) -> Self {
        let (held, older) = (VecDeque::with_capacity(room), Vec::with_capacity(room));
        Self { held, most: most.max(1), older, newer: A::EMPTY, finish }
    }

    /// The aggregate of all samples held.
    pub(in crate::derived) fn whole(&self) -> A {
        self.older.last().copied().unwrap_or(A::EMPTY).and(self.newer)
    }

    /// Makes the newer half, of which the first `count` samples held are all, the older one.
    fn turn(&mut self, count: usize) {
        self.older.clear();
        let mut end = A::EMPTY;
        for &sample in self.held.iter().take(count).rev() {
            end = A::of(sample).and(end);
            self.older.push(end);
        }
        self.newer = A::EMPTY;
    }
}

impl<A: Aggregate> Gather for Folded<A> {
    fn push(&mut self, sample: Held) -> Option<Moment> {
        let lost = (self.held.len() >= self.most).then(|| self.evict()).flatten();
        self.held.push_back(sample);
        self.newer = self.newer.and(A::of(sample));
        // Room for the next turn is made as the window grows, not when it is full.
        self.older.reserve_exact(self.held.capacity().saturating_sub(self.older.len()));
        lost
    }

    fn clear(&mut self) {
        self.held.clear();
        self.turn(0);
    }

    fn number(&self) -> Option<f64> {
        (self.finish.of)(self.whole(), self.finish.parameter)
    }

    /// The samples, and how many of them are in the older half.
    fn save(&self, words: &mut Vec<u64>) {
        words.extend([self.held.len() as u64, self.older.len() as u64]);
        self.held.iter().for_each(|sample| sample.save(words));
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
        self.held.front().map(|sample| sample.at)
    }

    fn evict(&mut self) -> Option<Moment> {
        if self.older.is_empty() {
            self.turn(self.held.len());
        }
        self.older.pop();
        self.held.pop_front().map(|sample| sample.at)
    }
}
