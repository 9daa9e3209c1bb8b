//! Mean and spread of the newest numbers, in O(1) each and with no rounding error that stays.
//!
//! Nothing is ever subtracted from a sum: the window is two stacks. The newer part has one running
//! [`Moments`] (Welford 1962), the older part one for each of its numbers and all after it in the part,
//! so that the oldest leaves by dropping one; both are joined by Chan, Golub and `LeVeque` 1979. When the
//! older part is empty, the newer is turned over into it: once in `n` numbers, n steps. So what has
//! left the window, however large, has left no trace.

use std::collections::VecDeque;

use crate::derived::Words;

/// Count, mean and sum of squared distances from the mean.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) mean: f64,
    pub(super) squares: f64,
}

impl Moments {
    pub(super) fn of(number: f64) -> Self {
        Self { count: 1.0, mean: number, squares: 0.0 }
    }

    /// Those of both.
    pub(super) fn and(self, other: Self) -> Self {
        let count = self.count + other.count;
        if self.count == 0.0 || other.count == 0.0 {
            return if self.count == 0.0 { other } else { self };
        }
        let away = other.mean - self.mean;
        let part = other.count / count;
        Self {
            count,
            mean: self.mean + away * part,
            squares: self.squares + other.squares + away * away * self.count * part,
        }
    }

    /// The standard deviation of the sample, by `n - 1`; nothing for fewer than two.
    pub(super) fn deviation(self) -> Option<f64> {
        (self.count > 1.0).then(|| (self.squares / (self.count - 1.0)).sqrt())
    }
}

/// The newest `capacity` numbers. 32 bytes each.
#[derive(Clone, Debug)]
pub(super) struct Sliding {
    capacity: usize,
    numbers: VecDeque<f64>,
    /// For each number of the older part, the newest of them first: its moments with those after it.
    older: Vec<Moments>,
    newer: Moments,
}

impl Sliding {
    pub(super) fn new(capacity: u16) -> Self {
        let capacity = usize::from(capacity.max(1));
        let (numbers, older) = (VecDeque::with_capacity(capacity), Vec::with_capacity(capacity));
        Self { capacity, numbers, older, newer: Moments::default() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.numbers.len() == self.capacity
    }

    pub(super) fn push(&mut self, number: f64) {
        if self.is_full() {
            if self.older.is_empty() {
                self.turn(self.numbers.len());
                self.newer = Moments::default();
            }
            self.older.pop();
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
        self.newer = self.newer.and(Moments::of(number));
    }

    pub(super) fn moments(&self) -> Moments {
        self.older.last().copied().unwrap_or_default().and(self.newer)
    }

    /// Makes the first `count` numbers the older part.
    fn turn(&mut self, count: usize) {
        let mut so_far = Moments::default();
        for &number in self.numbers.iter().take(count).rev() {
            so_far = Moments::of(number).and(so_far);
            self.older.push(so_far);
        }
    }

    pub(super) fn save(&self, words: &mut Vec<u64>) {
        words.extend([self.older.len() as u64, self.numbers.len() as u64]);
        words.extend(self.numbers.iter().map(|number| number.to_bits()));
    }

    pub(super) fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        let mut fresh = Self { capacity: self.capacity, ..Self::new(0) };
        let older = words.count(self.capacity)?;
        let count = words.count(self.capacity).filter(|&count| older <= count)?;
        for _ in 0..count {
            let number = words.number()?;
            fresh.numbers.push_back(number);
            if fresh.numbers.len() > older {
                fresh.newer = fresh.newer.and(Moments::of(number));
            }
        }
        fresh.turn(older);
        *self = fresh;
        Some(())
    }
}
