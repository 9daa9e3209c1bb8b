//! Windows that are kept in order, for the median and other percentiles.

use core::hint::black_box;
use std::collections::VecDeque;

use super::{Gather, Slide, order::Order};
use crate::derived::{Moment, Words, run::Held};

/// The newest samples, by time and by size. 24 bytes each, or 40 if they are many.
#[derive(Clone, Debug)]
pub(in crate::derived) struct Ordered {
    held: VecDeque<Held>,
    /// For how many there is room from the first on.
    room: usize,
    most: usize,
    /// Of the whole, from 0 to 1: which percentile.
    part: f64,
    order: Order,
}

impl Ordered {
    /// An empty window of `most` samples at the most, and one at least, for the percentile
    /// `100 × part`; with the first there is room for `room`.
    pub(in crate::derived) fn new(part: f64, most: usize, room: usize) -> Self {
        let (held, order) = (VecDeque::new(), Order::new());
        Self { held, room, most: most.max(1), part, order }
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
        if self.held.capacity() == 0 {
            self.held.reserve_exact(self.room);
            self.order.reserve(self.room);
        }
        let is_full = self.held.len() >= self.most;
        let oldest = if is_full { self.held.pop_front() } else { None };
        match oldest {
            Some(oldest) => self.order.replace(oldest.number, sample.number),
            None => self.order.insert(sample.number),
        }
        self.held.push_back(sample);
        oldest.map(|oldest| oldest.at)
    }

    fn clear(&mut self) {
        self.held.clear();
        self.order.clear();
    }

    fn number(&self) -> Option<f64> {
        self.order.percentile(self.part)
    }

    fn touch(&self) {
        black_box(self.held.front().copied());
        self.order.touch();
    }

    fn save(&self, words: &mut Vec<u64>) {
        words.push(self.held.len() as u64);
        self.held.iter().for_each(|sample| sample.save(words));
    }

    /// How the numbers are kept may differ from what it was; what they give does not.
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
        self.held.front().map(|sample| sample.at)
    }

    fn evict(&mut self) -> Option<Moment> {
        let Held { at, number } = self.held.pop_front()?;
        self.order.remove(number);
        Some(at)
    }
}
