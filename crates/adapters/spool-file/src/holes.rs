//! Positions that turned out to hold nothing: the samples there are lost.

use core::ops::Range;

/// The holes from the cursor on, as far as has been read.
#[derive(Debug, Default)]
pub(crate) struct Holes(Vec<Range<u64>>);

impl Holes {
    /// Notes what is `missing` in all of `read`. It counts, not what an earlier reading found there.
    pub(crate) fn note(&mut self, read: &Range<u64>, missing: Vec<Range<u64>>) {
        let outside = |hole: Range<u64>| {
            [hole.start..hole.end.min(read.start), hole.start.max(read.end)..hole.end]
        };
        let known = core::mem::take(&mut self.0).into_iter().flat_map(outside);
        self.0 = known.chain(missing).filter(|hole| !hole.is_empty()).collect();
    }

    /// Forgets what lies before `position`; says how many positions that were.
    pub(crate) fn pass(&mut self, position: u64) -> u64 {
        let mut passed = 0;
        for hole in &mut self.0 {
            let left = position.clamp(hole.start, hole.end);
            passed += left - hole.start;
            hole.start = left;
        }
        self.0.retain(|hole| !hole.is_empty());
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_reading_replaces_the_first_where_it_read() {
        let mut holes = Holes::default();
        holes.note(&(0..20), vec![3..6, 10..14]);
        holes.note(&(4..12), vec![6..7, 8..9]);
        assert_eq!(holes.pass(4), 1);
        assert_eq!(holes.pass(9), 2);
        assert_eq!(holes.pass(13), 1);
        assert_eq!((holes.pass(99), holes.pass(99)), (1, 0));
    }
}
