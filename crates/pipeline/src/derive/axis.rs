//! The axis of the metrics' [`Moment`]s, and where it stands against the clocks.
//!
//! # Invariants
//!
//! 1. Within one boot a moment is the monotonic time and a constant: no step of the wall clock reorders
//!    or doubles anything.
//! 2. At the first start, and at the first of each boot, the axis stands as the wall clock does, but
//!    never before the newest moment that a metric has seen.

use domain::{
    BootId, Monotonic, Timestamp, WallTime,
    derived::{Moment, SavedAxis},
};

/// Turns monotonic time into moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    boot: BootId,
    offset: i64,
    newest: Moment,
}

impl Axis {
    /// The axis in `boot`, as it is `now`: the saved one continued, if there is one.
    pub(super) fn starting(boot: BootId, now: Timestamp, saved: Option<SavedAxis>) -> Self {
        let monotonic = nanos(now.monotonic);
        let wall = now.wall.as_nanos().saturating_sub(monotonic);
        match saved {
            None => Self { boot, offset: wall, newest: Moment::from_nanos(i64::MIN) },
            Some(SavedAxis { boot: same, offset, newest }) if same == boot => {
                Self { boot, offset, newest }
            }
            Some(SavedAxis { newest, .. }) => {
                let onwards = newest.as_nanos().saturating_sub(monotonic);
                Self { boot, offset: wall.max(onwards), newest }
            }
        }
    }

    /// The moment of `at`, which a metric is about to see.
    pub(super) fn moment(&mut self, at: Monotonic) -> Moment {
        let moment = Moment::from_nanos(nanos(at).saturating_add(self.offset));
        self.newest = self.newest.max(moment);
        moment
    }

    /// What is kept of it.
    pub(super) const fn saved(&self) -> SavedAxis {
        SavedAxis { boot: self.boot, offset: self.offset, newest: self.newest }
    }
}

/// The instant of `moment` on both clocks, seen from `stamp`, which is the instant of `at`.
pub(super) fn stamp_of(moment: Moment, at: Moment, stamp: Timestamp) -> Timestamp {
    let ahead = moment.as_nanos().saturating_sub(at.as_nanos());
    let wall = WallTime::from_nanos(stamp.wall.as_nanos().saturating_add(ahead));
    let monotonic = stamp.monotonic.as_nanos().saturating_add_signed(ahead);
    Timestamp { wall, monotonic: Monotonic::from_nanos(monotonic), ..stamp }
}

/// Nanoseconds; 292 years at most.
fn nanos(at: Monotonic) -> i64 {
    i64::try_from(at.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const BOOT: BootId = BootId::from_bytes([1; 16]);
    const OTHER: BootId = BootId::from_bytes([2; 16]);

    fn at(wall: i64, monotonic: u64) -> Timestamp {
        let wall = WallTime::from_nanos(wall * SECOND);
        Timestamp::new(wall, Monotonic::from_nanos(monotonic * 1_000_000_000))
    }

    fn seconds(axis: &mut Axis, monotonic: u64) -> i64 {
        axis.moment(Monotonic::from_nanos(monotonic * 1_000_000_000)).as_nanos() / SECOND
    }

    #[test]
    fn it_begins_as_the_wall_clock_stands_and_does_not_notice_when_that_is_set() {
        let mut axis = Axis::starting(BOOT, at(1_000, 50), None);
        assert_eq!(seconds(&mut axis, 50), 1_000);
        let mut again = Axis::starting(BOOT, at(9_999, 60), Some(axis.saved()));
        assert_eq!(seconds(&mut again, 60), 1_010);
    }

    #[test]
    fn another_boot_stands_as_the_wall_clock_but_never_goes_back() {
        let mut axis = Axis::starting(BOOT, at(1_000, 50), None);
        seconds(&mut axis, 80);
        let saved = Some(axis.saved());
        assert_eq!(seconds(&mut Axis::starting(OTHER, at(1_200, 5), saved), 6), 1_201);
        assert_eq!(seconds(&mut Axis::starting(OTHER, at(3, 5), saved), 6), 1_031);
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let end = Timestamp::new(WallTime::from_nanos(i64::MAX), Monotonic::from_nanos(u64::MAX));
        let mut axis = Axis::starting(BOOT, end, None);
        axis.moment(Monotonic::from_nanos(u64::MAX));
        let mut later = Axis::starting(OTHER, at(0, 0), Some(axis.saved()));
        assert_eq!(later.moment(Monotonic::default()), axis.saved().newest);
        let (first, last) = (Moment::from_nanos(i64::MIN), Moment::from_nanos(i64::MAX));
        assert_eq!(stamp_of(first, last, at(0, 0)).monotonic, Monotonic::default());
    }

    #[test]
    fn the_end_of_a_window_is_told_on_both_clocks() {
        let (start, end) = (Moment::from_nanos(0), Moment::from_nanos(7 * SECOND));
        assert_eq!(stamp_of(start, end, at(100, 50)), at(93, 43));
        assert_eq!(stamp_of(end, start, at(100, 50)), at(107, 57));
    }
}
