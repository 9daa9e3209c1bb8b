//! What is acknowledged beyond the cursor, in few runs.

use core::ops::Range;

use domain::Ranges;
use ports::AHEAD_RUNS_MAX;

use crate::holes::Holes;

/// Runs of acknowledged samples before which others wait, and which of them turned out to be lost.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    runs: Ranges,
    lost: Holes,
}

impl Ahead {
    /// Takes over what the cursor file says.
    pub(crate) fn restore(runs: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut ahead = Self::default();
        runs.into_iter().for_each(|run| ahead.note(run, Vec::new()));
        ahead
    }

    /// Notes a run, of which nothing is at the positions `lost`. Of too many, the lowest is forgotten.
    pub(crate) fn note(&mut self, run: Range<u64>, lost: Vec<Range<u64>>) {
        self.lost.note(&(0..0), lost);
        self.runs.insert_all(run);
        self.runs.keep_highest(AHEAD_RUNS_MAX);
        let first = self.runs().next();
        self.lost.pass(first.map_or(u64::MAX, |run| run.start));
    }

    /// Forgets what lies before `position`. Gives how many samples that were, and how many of them
    /// were lost.
    pub(crate) fn pass(&mut self, position: u64) -> (u64, u64) {
        let before = self.len();
        self.runs.remove_below(position);
        (before - self.len(), self.lost.pass(position))
    }

    /// Where the run ends that begins at `position`.
    pub(crate) fn end_of_run_at(&self, position: u64) -> Option<u64> {
        self.runs().next().filter(|run| run.start == position).map(|run| run.end)
    }

    /// The position after the last of them.
    pub(crate) fn end(&self) -> u64 {
        self.runs().last().map_or(0, |run| run.end)
    }

    /// How many samples they are.
    pub(crate) fn len(&self) -> u64 {
        self.runs().map(|run| run.end - run.start).sum()
    }

    /// How many of them were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.len()
    }

    /// The runs, in order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.runs.runs().map(|run| *run.start()..run.end().saturating_add(1))
    }

    /// What is between them from `position` up to `end`.
    pub(crate) fn between(&self, position: u64, end: u64) -> Vec<Range<u64>> {
        let Some(last) = end.checked_sub(1).filter(|last| *last >= position) else {
            return Vec::new();
        };
        let holes = self.runs.holes(&(position..=last));
        holes.into_iter().map(|hole| *hole.start()..*hole.end() + 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_forgotten_with_its_run() {
        let mut ahead = Ahead::default();
        for run in [10].into_iter().chain((1..=16).map(|run| run * 100)) {
            ahead.note(run..run + 10, vec![run + 3..run + 4, run + 5..run + 6]);
        }
        assert_eq!((ahead.len(), ahead.lost()), (160, 32), "of seventeen runs one is forgotten");
        assert_eq!(ahead.pass(204), (14, 3));
        assert_eq!((ahead.len(), ahead.lost()), (146, 29));
        assert_eq!(ahead.end_of_run_at(204), Some(210));
        assert_eq!(ahead.between(204, 400), [210..300, 310..400]);
        assert_eq!(ahead.end(), 1610);
    }
}
