//! Windows that are kept in order, for the median and other percentiles.

use std::collections::VecDeque;

use super::{Gather, Slide, order::Order};
use crate::derived::{Moment, Words, run::Held};

/// The newest samples, by time and by size. 40 bytes each.
#[derive(Clone, Debug)]
pub(in crate::derived) struct Ordered {
    /// The moments, and where the numbers are.
    held: VecDeque<(Moment, u32)>,
    most: usize,
    /// Of the whole, from 0 to 1: which percentile.
    part: f64,
    order: Order,
}

impl Ordered {
    /// An empty window of `most` samples at the most, and one at least, for the percentile
    /// `100 × part`; room for `room` to begin with.
    pub(in crate::derived) fn new(part: f64, most: usize, room: usize) -> Self {
        let (held, order) = (VecDeque::with_capacity(room), Order::new(room));
        Self { held, most: most.max(1), part, order }
    }

    /// How many samples there are.
    pub(in crate::derived) fn len(&self) -> usize {
        self.held.len()
    }

    /// The median of the distances from the median; of no sample there is none.
    pub(in crate::derived) fn median_deviation(&self) -> Option<f64> {
        self.order.median_deviation()
    }
}

impl Gather for Ordered {
    fn push(&mut self, sample: Held) -> Option<Moment> {
        let lost = (self.held.len() >= self.most).then(|| self.evict()).flatten();
        self.held.push_back((sample.at, self.order.insert(sample.number)));
        lost
    }

    fn clear(&mut self) {
        self.held.clear();
        self.order.clear();
    }

    fn number(&self) -> Option<f64> {
        self.order.percentile(self.part)
    }

    fn save(&self, words: &mut Vec<u64>) {
        words.push(self.held.len() as u64);
        for &(at, slot) in &self.held {
            Held { at, number: self.order.number(slot) }.save(words);
        }
    }

    /// Where the numbers are in their tree may differ from what it was; what they give does not.
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
        let (at, slot) = self.held.pop_front()?;
        self.order.remove(slot);
        Some(at)
    }
}
