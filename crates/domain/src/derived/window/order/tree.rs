//! Numbers in the order of their size, as many as there may be.
//!
//! A treap (Seidel and Aragon 1996): each number is a node in a slot. The priorities are a hash of the
//! slot, so that the same numbers give the same tree every time. [`Tree::insert`], [`Tree::remove`] and
//! [`Tree::at`] take O(log n) steps. Nothing is allocated but room for more numbers, 24 bytes each.

use core::cmp::Ordering;

/// No node.
const NONE: u32 = u32::MAX;

/// The numbers. They are in their total order.
#[derive(Clone, Debug)]
pub(in crate::derived::window) struct Tree {
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

impl Tree {
    /// None yet; room for `room` of them.
    pub(in crate::derived::window) fn new(room: usize) -> Self {
        Self { nodes: Vec::with_capacity(room), root: NONE, free: NONE }
    }

    /// Forgets all numbers.
    pub(in crate::derived::window) fn clear(&mut self) {
        self.nodes.clear();
        (self.root, self.free) = (NONE, NONE);
    }

    /// How many numbers there are.
    pub(in crate::derived::window) fn len(&self) -> usize {
        self.size(self.root)
    }

    /// Takes `number`.
    pub(in crate::derived::window) fn insert(&mut self, number: f64) {
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
    }

    /// Forgets `number`, which is one of them; of equal ones any.
    pub(in crate::derived::window) fn remove(&mut self, number: f64) {
        let (mut above, mut slot) = (Place::Root, self.root);
        while slot != NONE {
            let side = match self.node(slot).number.total_cmp(&number) {
                Ordering::Equal => break,
                Ordering::Less => Place::Right(slot),
                Ordering::Greater => Place::Left(slot),
            };
            self.nodes[place(slot)].size -= 1;
            (above, slot) = (side, self.link(side));
        }
        if slot == NONE {
            return;
        }
        let Node { left, right, .. } = *self.node(slot);
        let merged = self.merge(left, right);
        self.put(above, merged);
        self.nodes[place(slot)].left = self.free;
        self.free = slot;
    }

    /// The number that has `rank` smaller ones; nothing if there are not as many.
    pub(in crate::derived::window) fn at(&self, rank: usize) -> Option<f64> {
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

    /// Where below `slot` the number of `key` is, or should be.
    fn towards(&self, slot: u32, key: (f64, u32)) -> Place {
        if self.is_before(slot, key) { Place::Right(slot) } else { Place::Left(slot) }
    }

    fn is_before(&self, slot: u32, key: (f64, u32)) -> bool {
        self.node(slot).number.total_cmp(&key.0).then(slot.cmp(&key.1)).is_lt()
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
impl Tree {
    /// How many steps down the farthest number is.
    pub(in crate::derived::window) fn depth(&self) -> usize {
        self.depth_below(self.root)
    }

    fn depth_below(&self, root: u32) -> usize {
        if root == NONE {
            return 0;
        }
        let Node { left, right, .. } = *self.node(root);
        1 + self.depth_below(left).max(self.depth_below(right))
    }
}
