//! Positions that turned out to hold nothing: the samples there are lost.

use core::ops::Range;

/// The holes from the cursor on, as far as has been read.
#[derive(Debug, Default)]
pub(crate) struct Holes(Vec<Range<u64>>);

impl Holes {
    /// Notes what is `missing` in all of `read`. It counts, not what an earlier reading found there.
    pub(crate) fn note(&mut self, read: &Range<u64>, missing: Vec<Range<u64>>) {
        self.take(read);
        self.0.extend(missing);
        self.0.retain(|hole| !hole.is_empty());
    }

    /// Forgets what lies in `run`, and gives it.
    pub(crate) fn take(&mut self, run: &Range<u64>) -> Vec<Range<u64>> {
        let inside = |hole: &Range<u64>| hole.start.max(run.start)..hole.end.min(run.end);
        let taken = self.0.iter().map(inside).filter(|part| !part.is_empty()).collect();
        let outside = |hole: Range<u64>| {
            [hole.start..hole.end.min(run.start), hole.start.max(run.end)..hole.end]
        };
        self.0 = core::mem::take(&mut self.0).into_iter().flat_map(outside).collect();
        self.0.retain(|hole| !hole.is_empty());
        taken
    }

    /// How many positions there are.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|hole| hole.end - hole.start).sum()
    }

    /// Forgets what lies before `position`; says how many positions that were.
    pub(crate) fn pass(&mut self, position: u64) -> u64 {
        self.take(&(0..position)).iter().map(|hole| hole.end - hole.start).sum()
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
