//! Some of the strands, under one lock.
//!
//! There are so many shards that a flood of fresh keys finds most strands in the line of the lock
//! itself: to find one costs one line's way from core to core, not three.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    mem,
};

use super::Key;
use crate::{job::Job, policy::Priority};

/// What follows a leader, in order. A strand of one needs no allocation.
pub(super) type Strand = Option<Box<VecDeque<(Priority, Job)>>>;

#[derive(Default)]
pub(super) struct Shard {
    few: [Option<(u64, Strand)>; 2],
    /// Those that found no room among the few; not empty.
    #[expect(clippy::box_collection, reason = "a shard and its lock are to fit one line")]
    more: Option<Box<HashMap<u64, Strand, BuildHasherDefault<Multiply>>>>,
}

impl Shard {
    /// The strand of `key`.
    #[inline]
    pub(super) fn get(&mut self, key: Key) -> Option<&mut Strand> {
        match self.few.iter_mut().flatten().find(|(number, _)| *number == key.0) {
            Some((_, strand)) => Some(strand),
            None => self.more.as_mut()?.get_mut(&key.0),
        }
    }

    /// Begins a strand for `key`, which has none.
    #[inline]
    pub(super) fn begin(&mut self, key: Key) {
        match self.few.iter_mut().find(|strand| strand.is_none()) {
            Some(vacant) => *vacant = Some((key.0, None)),
            None => drop(self.more.get_or_insert_default().insert(key.0, None)),
        }
    }

    /// Ends the strand of `key`, if there is one, and says what was in it.
    #[inline]
    pub(super) fn end(&mut self, key: Key) -> Strand {
        let is_it = |strand: &&mut Option<(u64, Strand)>| {
            strand.as_ref().is_some_and(|(number, _)| *number == key.0)
        };
        if let Some(strand) = self.few.iter_mut().find(is_it) {
            return mem::take(strand)?.1;
        }
        let more = self.more.as_mut()?;
        let strand = more.remove(&key.0);
        if more.is_empty() {
            self.more = None;
        }
        strand?
    }

    pub(super) fn len(&self) -> usize {
        self.few.iter().flatten().count() + self.more.as_ref().map_or(0, |more| more.len())
    }

    pub(super) fn into_strands(self) -> impl Iterator<Item = Strand> {
        let more = self.more.into_iter().flat_map(|more| *more);
        self.few.into_iter().flatten().chain(more).map(|(_, strand)| strand)
    }
}

/// One multiplication: keys come from our own process, so nobody picks them to collide.
#[derive(Clone, Copy, Default)]
struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        // 2^64 / golden ratio; the swap brings the well-mixed high bits where the table looks.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).swap_bytes();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::job::Detached;

    #[test]
    fn many_strands_in_one_shard_are_each_found_and_leave_nothing() {
        let mut shard = Shard::default();
        for number in 0..9 {
            assert!(shard.get(Key::new(number)).is_none());
            shard.begin(Key::new(number));
        }
        for number in (0..9).rev() {
            let strand = shard.get(Key::new(number)).expect("it was begun");
            let job = Job::new(Detached(|| ()), number, None);
            strand.get_or_insert_default().push_back((Priority::Medium, job));
        }
        assert_eq!(shard.len(), 9);
        for number in [4, 0, 8, 1, 7, 2, 6, 3, 5] {
            let jobs = shard.end(Key::new(number)).expect("a job was put there");
            assert_eq!(jobs[0].1.submitted, number);
            assert!(shard.get(Key::new(number)).is_none());
        }
        assert!(shard.len() == 0 && shard.more.is_none());
    }
}
