//! What is known of the wall time of one boot.

use core::time::Duration;

use super::{
    Look, Point, Stretch,
    stretch::{Estimate, is_step},
};
use crate::{BootId, Monotonic, Timestamp};

/// How many stretches of one boot are kept.
pub const STRETCHES_MAX: usize = 8;

/// A time that the clock told while it was synchronised is left as it is up to this difference: what NTP
/// does not step, by default (RFC 5905, `STEPT`), and what may pass between the readings of two clocks.
const LEFT_ALONE: Duration = Duration::from_millis(128);

/// What is known of the wall time of one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootTimes {
    /// Which.
    pub boot: BootId,
    /// It lasted at least until then.
    pub seen: Monotonic,
    /// The wall clock was stepped while nobody vouched for it.
    pub was_set: bool,
    /// When it was synchronised, in order of time.
    pub stretches: Vec<Stretch>,
}

impl BootTimes {
    pub(super) const fn new(boot: BootId, seen: Monotonic) -> Self {
        Self { boot, seen, was_set: false, stretches: Vec::new() }
    }

    /// Takes a look into account. True if that began a stretch.
    pub(super) fn note(&mut self, look: &Look) -> bool {
        self.seen = self.seen.max(look.monotonic);
        let Some(point) = Point::of(look) else { return false };
        if self.stretches.last_mut().is_some_and(|newest| newest.extend(point)) {
            return false;
        }
        if self.stretches.len() >= STRETCHES_MAX {
            self.stretches.remove(0);
        }
        self.stretches.push(Stretch::beginning(point));
        true
    }

    /// The best that its stretches tell of `monotonic`.
    pub(super) fn estimate(&self, monotonic: Monotonic) -> Option<Estimate> {
        let estimates = self.stretches.iter().map(|stretch| stretch.estimate(monotonic));
        estimates.min_by_key(|estimate| estimate.error)
    }

    /// Whether a time that was told while the clock was synchronised may be right: one of the stretches
    /// beside it says so, or it is older than all that are kept.
    pub(super) fn bears_out(&self, at: &Timestamp) -> bool {
        let after = self.stretches.partition_point(|s| s.first.monotonic <= at.monotonic);
        let Some(before) = after.checked_sub(1) else { return true };
        let own = at.trust.error().unwrap_or_default() + LEFT_ALONE;
        self.stretches[before..].iter().take(2).any(|stretch| {
            let estimate = stretch.estimate(at.monotonic);
            let apart = Duration::from_nanos(estimate.offset.abs_diff(at.offset()));
            apart <= estimate.error.saturating_add(own)
        })
    }

    /// Whether `look` and the one `before` it, both of this boot, have a step in between.
    pub(super) fn is_step(before: &Look, look: &Look) -> bool {
        is_step((before.monotonic, before.offset()), (look.monotonic, look.offset()))
    }
}
