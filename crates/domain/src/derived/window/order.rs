//! Numbers in the order of their size.
//!
//! Up to 1,024 of them are a sorted list: a search, and what is behind the place moves by one, 4 KiB in the
//! mean at the most, which is sooner done than the steps down a tree, and stays in few lines of the cache. More
//! are a [`Tree`]. [`Order::insert`] and [`Order::remove`] take O(log n) steps, [`Order::at`] O(1) in a list and
//! O(log n) in a tree, and the median deviation log n times as many. Nothing is allocated but room for more
//! numbers, 8 or 24 bytes each. Numbers are in their total order (IEEE 754-2019, 5.10), so that equal ones and
//! both zeros have a fixed one too.

mod tree;

use core::hint::black_box;

use self::tree::Tree;

/// The most numbers of a list.
const LIST_MAX: usize = 1_024;

/// The numbers.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// Few of them.
    List(Vec<f64>),
    /// Many, or what have been many before.
    Tree(Tree),
}

impl Order {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self::List(Vec::new())
    }

    /// Makes room for `room` of them, while there are none.
    pub(super) fn reserve(&mut self, room: usize) {
        match self {
            Self::List(list) if room <= LIST_MAX => list.reserve_exact(room),
            Self::List(_) => *self = Self::Tree(Tree::new(room)),
            Self::Tree(_) => {}
        }
    }

    /// Forgets all numbers.
    pub(super) fn clear(&mut self) {
        match self {
            Self::List(list) => list.clear(),
            Self::Tree(tree) => tree.clear(),
        }
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Tree(tree) => tree.len(),
        }
    }

    /// Reads what the next number is put among: of a short list every line of the cache.
    pub(super) fn touch(&self) {
        if let Self::List(list) = self {
            for number in list.iter().step_by(8).take(16) {
                black_box(*number);
            }
        }
    }

    /// Takes `number`.
    pub(super) fn insert(&mut self, number: f64) {
        match self {
            Self::List(list) if list.len() < LIST_MAX => list.insert(place(list, number), number),
            Self::List(list) => {
                let mut tree = Tree::new(2 * LIST_MAX);
                for &number in list.iter().chain([&number]) {
                    tree.insert(number);
                }
                *self = Self::Tree(tree);
            }
            Self::Tree(tree) => tree.insert(number),
        }
    }

    /// Forgets `number`, which is one of them.
    pub(super) fn remove(&mut self, number: f64) {
        match self {
            Self::List(list) => {
                let place = place(list, number);
                if place < list.len() {
                    list.remove(place);
                }
            }
            Self::Tree(tree) => tree.remove(number),
        }
    }

    /// Forgets `old`, which is one of them, and takes `new`.
    pub(super) fn replace(&mut self, old: f64, new: f64) {
        let Self::List(list) = self else {
            self.remove(old);
            return self.insert(new);
        };
        let (from, to) = (place(list, old), place(list, new));
        if from < to {
            list.copy_within(from + 1..to, from);
            list[to - 1] = new;
        } else if from < list.len() {
            list.copy_within(to..from, to + 1);
            list[to] = new;
        }
    }

    /// The number that has `rank` smaller ones; nothing if there are not as many.
    pub(super) fn at(&self, rank: usize) -> Option<f64> {
        match self {
            Self::List(list) => list.get(rank).copied(),
            Self::Tree(tree) => tree.at(rank),
        }
    }

    /// The percentile `100 × part`; of no number there is none.
    ///
    /// The numbers in order are 0 to n - 1; it is number (n - 1) × part, on the straight line between
    /// the two next to that: type 7 of Hyndman and Fan 1996, the default of numpy.
    pub(super) fn percentile(&self, part: f64) -> Option<f64> {
        percentile(self.len(), part, |rank| self.at(rank))
    }

    /// The median of the distances from the median; of no number there is none.
    pub(super) fn median_deviation(&self) -> Option<f64> {
        let median = self.percentile(0.5)?;
        percentile(self.len(), 0.5, |rank| self.deviation(median, rank))
    }

    /// The distance from `median` that has `rank` smaller ones: the numbers below it and those from it
    /// on are two sorted sequences of distances, of which `below + from_it = rank + 1` are the smallest.
    fn deviation(&self, median: f64, rank: usize) -> Option<f64> {
        let middle = self.len() / 2;
        let below = |index: usize| Some(median - self.at(middle.checked_sub(index + 1)?)?);
        let from_it = |index: usize| Some(self.at(middle + index)? - median);
        let mut low = (rank + 1).saturating_sub(self.len() - middle);
        let mut high = (rank + 1).min(middle);
        while low < high {
            let count = usize::midpoint(low, high);
            if below(count)? < from_it(rank - count)? {
                low = count + 1;
            } else {
                high = count;
            }
        }
        let last_below = low.checked_sub(1).and_then(below);
        let last_from_it = rank.checked_sub(low).and_then(from_it);
        Some(last_below.unwrap_or(0.0).max(last_from_it.unwrap_or(0.0)))
    }
}

/// Where `number` is in `list`, or should be.
fn place(list: &[f64], number: f64) -> usize {
    list.partition_point(|other| other.total_cmp(&number).is_lt())
}

/// The percentile `100 × part` of `count` numbers, of which `at` gives that with so many smaller ones. It
/// is reckoned from the nearer of the two numbers next to it, as in numpy.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
#[expect(clippy::cast_possible_truncation, reason = "it is a whole number")]
#[expect(clippy::cast_sign_loss, reason = "it is not negative")]
pub(super) fn percentile(
    count: usize,
    part: f64,
    at: impl Fn(usize) -> Option<f64>,
) -> Option<f64> {
    let last = count.checked_sub(1)?;
    let rank = last as f64 * part;
    let (below, fraction) = (at(rank as usize)?, rank.fract());
    let above = if fraction > 0.0 { at(rank as usize + 1)? } else { below };
    let step = above - below;
    Some(if fraction < 0.5 { below + step * fraction } else { above - step * (1.0 - fraction) })
}

#[cfg(test)]
mod tests;
