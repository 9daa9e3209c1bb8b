//! Numbers in the order of their size.
//!
//! A treap (Seidel and Aragon 1996): each number is a node, and keeps its slot until it is removed. The
//! priorities are a hash of the slot, so that the same numbers give the same tree every time.
//! [`Order::insert`], [`Order::remove`] and [`Order::at`] take O(log n) steps, the median deviation
//! O(log² n): some 150 for 4,096 numbers. Nothing is allocated but room for more numbers, 24 bytes each. Numbers
//! are in their total order (IEEE 754-2019, 5.10), so that equal ones and both zeros have a fixed one too.

use core::cmp::Ordering;

/// No node.
const NONE: u32 = u32::MAX;

/// The numbers.
#[derive(Clone, Debug)]
pub(super) struct Order {
    nodes: Vec<Node>,
    root: u32,
    /// The first slot without a number; its `left` is the next one.
    free: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    number: f64,
    left: u32,
    right: u32,
    /// Of the tree below it and itself.
    size: u32,
}

/// What a tree hangs on.
#[derive(Clone, Copy, Debug)]
enum Place {
    Root,
    Left(u32),
    Right(u32),
}

impl Order {
    /// None yet; room for `room` of them.
    pub(super) fn new(room: usize) -> Self {
        Self { nodes: Vec::with_capacity(room), root: NONE, free: NONE }
    }

    /// Forgets all numbers.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        (self.root, self.free) = (NONE, NONE);
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.size(self.root)
    }

    /// The number in `slot`, which [`insert`](Self::insert) gave.
    pub(super) fn number(&self, slot: u32) -> f64 {
        self.node(slot).number
    }

    /// Takes `number` and says in which slot it is.
    pub(super) fn insert(&mut self, number: f64) -> u32 {
        let node = Node { number, left: NONE, right: NONE, size: 1 };
        let slot = self.free;
        let slot = if slot == NONE {
            self.nodes.push(node);
            index(self.nodes.len() - 1)
        } else {
            self.free = self.node(slot).left;
            self.nodes[place(slot)] = node;
            slot
        };
        let (mut above, mut below) = (Place::Root, self.root);
        while below != NONE && priority(below) > priority(slot) {
            self.nodes[place(below)].size += 1;
            above = self.towards(below, (number, slot));
            below = self.link(above);
        }
        let (less, more) = self.split(below, (number, slot));
        self.hang(slot, less, more);
        self.put(above, slot);
        slot
    }

    /// Forgets the number in `slot`, which [`insert`](Self::insert) gave.
    pub(super) fn remove(&mut self, slot: u32) {
        let number = self.number(slot);
        let mut above = Place::Root;
        while self.link(above) != slot {
            let below = self.link(above);
            self.nodes[place(below)].size -= 1;
            above = self.towards(below, (number, slot));
        }
        let Node { left, right, .. } = *self.node(slot);
        let merged = self.merge(left, right);
        self.put(above, merged);
        self.nodes[place(slot)].left = self.free;
        self.free = slot;
    }

    /// The number that has `rank` smaller ones; nothing if there are not as many.
    pub(super) fn at(&self, rank: usize) -> Option<f64> {
        let (mut root, mut rank) = (self.root, rank);
        while root != NONE {
            let node = self.node(root);
            let smaller = self.size(node.left);
            match rank.cmp(&smaller) {
                Ordering::Less => root = node.left,
                Ordering::Equal => return Some(node.number),
                Ordering::Greater => (root, rank) = (node.right, rank - smaller - 1),
            }
        }
        None
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

    /// Where below `slot` the number of `key` is, or should be.
    fn towards(&self, slot: u32, key: (f64, u32)) -> Place {
        if self.is_before(slot, key) { Place::Right(slot) } else { Place::Left(slot) }
    }

    fn is_before(&self, slot: u32, key: (f64, u32)) -> bool {
        self.number(slot).total_cmp(&key.0).then(slot.cmp(&key.1)).is_lt()
    }

    fn link(&self, place: Place) -> u32 {
        match place {
            Place::Root => self.root,
            Place::Left(slot) => self.node(slot).left,
            Place::Right(slot) => self.node(slot).right,
        }
    }

    fn put(&mut self, at: Place, below: u32) {
        match at {
            Place::Root => self.root = below,
            Place::Left(slot) => self.nodes[place(slot)].left = below,
            Place::Right(slot) => self.nodes[place(slot)].right = below,
        }
    }

    /// Parts the tree into what comes before `key`, and the rest.
    fn split(&mut self, root: u32, key: (f64, u32)) -> (u32, u32) {
        if root == NONE {
            return (NONE, NONE);
        }
        let node = *self.node(root);
        if self.is_before(root, key) {
            let (less, more) = self.split(node.right, key);
            self.hang(root, node.left, less);
            (root, more)
        } else {
            let (less, more) = self.split(node.left, key);
            self.hang(root, more, node.right);
            (less, root)
        }
    }

    /// Joins two trees, of which all of `less` comes before all of `more`.
    fn merge(&mut self, less: u32, more: u32) -> u32 {
        if less == NONE || more == NONE {
            return less.min(more);
        }
        if priority(less) > priority(more) {
            let node = *self.node(less);
            let right = self.merge(node.right, more);
            self.hang(less, node.left, right);
            less
        } else {
            let node = *self.node(more);
            let left = self.merge(less, node.left);
            self.hang(more, left, node.right);
            more
        }
    }

    fn hang(&mut self, slot: u32, left: u32, right: u32) {
        let size = |slot| if slot == NONE { 0 } else { self.node(slot).size };
        let size = size(left) + size(right) + 1;
        let number = self.node(slot).number;
        self.nodes[place(slot)] = Node { number, left, right, size };
    }

    fn node(&self, slot: u32) -> &Node {
        &self.nodes[place(slot)]
    }

    fn size(&self, slot: u32) -> usize {
        if slot == NONE { 0 } else { place(self.node(slot).size) }
    }
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

/// Where a slot is.
const fn place(slot: u32) -> usize {
    slot as usize
}

/// The slot that is there.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}

/// A number for each slot that has nothing to do with it (the end of `MurmurHash3`), and no two alike.
fn priority(slot: u32) -> u32 {
    let mixed = slot.wrapping_add(1).wrapping_mul(0x85EB_CA6B);
    let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xC2B2_AE35);
    mixed ^ (mixed >> 16)
}

#[cfg(test)]
mod tests;
