//! How the time stamps of a block lie.

use crate::{
    Quality,
    derived::{
        Moment, Words,
        run::{restore_quality, save_quality},
    },
};

/// Stamps further from even spacing than this part of an interval make a block uncertain.
const EVENNESS: f64 = 0.1;

/// More than this many intervals between two samples is a hole.
const HOLE: f64 = 1.5;

/// The times and qualities of a run of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rhythm {
    since: Moment,
    until: Moment,
    intervals: u32,
    shortest_s: f64,
    longest_s: f64,
    quality: Quality,
}

impl Rhythm {
    /// One sample.
    pub(super) const fn new(at: Moment, quality: Quality) -> Self {
        let (shortest_s, longest_s) = (f64::MAX, 0.0);
        Self { since: at, until: at, intervals: 0, shortest_s, longest_s, quality }
    }

    /// One sample more.
    pub(super) fn then(self, at: Moment, quality: Quality) -> Self {
        let interval_s = at.seconds_since(self.until);
        Self {
            until: at,
            intervals: self.intervals.saturating_add(1),
            shortest_s: self.shortest_s.min(interval_s),
            longest_s: self.longest_s.max(interval_s),
            quality: self.quality.and(quality),
            ..self
        }
    }

    /// The mean interval; none if all stamps are the same.
    pub(super) fn mean_s(&self) -> Option<f64> {
        let mean_s = self.until.seconds_since(self.since) / f64::from(self.intervals);
        (mean_s > 0.0).then_some(mean_s)
    }

    /// Whether samples are missing between this and one at `at`, if they should be `nominal_s` apart, or
    /// as they are on the average.
    pub(super) fn is_hole(&self, at: Moment, nominal_s: Option<f64>) -> bool {
        let interval_s = nominal_s.or_else(|| self.mean_s());
        interval_s.is_some_and(|it| at.seconds_since(self.until) > HOLE * it)
    }

    /// Whether samples are missing somewhere, seen now that the mean interval is known.
    pub(super) fn has_hole(&self, interval_s: Option<f64>) -> bool {
        interval_s.is_some_and(|it| self.longest_s > HOLE * it)
    }

    /// The worst quality, and uncertain if the stamps are not even.
    pub(super) fn quality(&self, interval_s: Option<f64>) -> Quality {
        let is_even = interval_s.is_some_and(|it| {
            self.longest_s <= it * (1.0 + EVENNESS) && self.shortest_s >= it * (1.0 - EVENNESS)
        });
        if is_even { self.quality } else { Quality::Uncertain }
    }

    pub(super) fn save(&self, words: &mut Vec<u64>) {
        words.extend([self.since.word(), self.until.word(), u64::from(self.intervals)]);
        words.extend([self.shortest_s.to_bits(), self.longest_s.to_bits()]);
        save_quality(self.quality, words);
    }

    pub(super) fn restore(words: &mut Words<'_>) -> Option<Self> {
        Some(Self {
            since: words.moment()?,
            until: words.moment()?,
            intervals: u32::try_from(words.word()?).ok()?,
            shortest_s: words.number()?,
            longest_s: words.number()?,
            quality: restore_quality(words)?,
        })
    }
}
