//! Windows that are kept in order, for the median and other percentiles.

use std::collections::VecDeque;

use super::{Gather, Slide, halves::Halves};
use crate::derived::{Moment, Words, run::Held};

/// The newest samples, by time and by size. 64 bytes each.
#[derive(Clone, Debug)]
pub(in crate::derived) struct Ordered {
    /// The moments, and where the numbers are.
    held: VecDeque<(Moment, usize)>,
    most: usize,
    halves: Halves,
}

impl Ordered {
    /// An empty window of `most` samples at the most, and one at least, for the percentile
    /// `100 × part`; room for `room` to begin with.
    pub(in crate::derived) fn new(part: f64, most: usize, room: usize) -> Self {
        let held = VecDeque::with_capacity(room);
        Self { held, most: most.max(1), halves: Halves::new(part, room) }
    }
}

impl Gather for Ordered {
    fn push(&mut self, sample: Held) -> Option<Moment> {
        let lost = (self.held.len() >= self.most).then(|| self.evict()).flatten();
        self.held.push_back((sample.at, self.halves.insert(sample.number)));
        lost
    }

    fn clear(&mut self) {
        self.held.clear();
        self.halves.clear();
    }

    fn number(&self) -> Option<f64> {
        self.halves.percentile()
    }

    fn save(&self, words: &mut Vec<u64>) {
        words.push(self.held.len() as u64);
        for &(at, place) in &self.held {
            Held { at, number: self.halves.number(place) }.save(words);
        }
    }

    /// Where the numbers are in their heaps may differ from what it was; what they give does not.
    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.clear();
        for _ in 0..words.count(self.most)? {
            self.push(Held::restore(words)?);
        }
        Some(())
    }
}

impl Slide for Ordered {
    fn oldest(&self) -> Option<Moment> {
        self.held.front().map(|&(at, _)| at)
    }

    fn evict(&mut self) -> Option<Moment> {
        let (at, place) = self.held.pop_front()?;
        self.halves.remove(place);
        Some(at)
    }
}
