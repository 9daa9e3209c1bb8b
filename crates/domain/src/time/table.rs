//! The table of boots, and the correction of times.

use core::time::Duration;

use super::{BootTimes, Look, Point, stretch::drift};
use crate::{BootId, Monotonic, TimeSource, Timestamp, Trust, WallTime};

/// How many boots are kept.
pub const BOOTS_MAX: usize = 16;

/// No program with this in it ran before: 2026-01-01T00:00:00Z. A battery-backed clock that is behind it
/// has lost its time.
const PLAUSIBLE_SINCE: WallTime = WallTime::from_nanos(1_767_225_600_000_000_000);

/// What is known of the wall time of the latest boots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeTable {
    /// In the order in which the gateway first ran in them, the latest last.
    boots: Vec<BootTimes>,
}

/// What a look told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// The wall clock was stepped since the look before.
    pub is_step: bool,
    /// The table has learned what it is worth being kept for.
    pub is_news: bool,
}

impl TimeTable {
    /// A table of these boots, the latest last. Of too many the oldest are let go.
    pub fn new(mut boots: Vec<BootTimes>) -> Self {
        let excess = boots.len().saturating_sub(BOOTS_MAX);
        boots.drain(..excess);
        Self { boots }
    }

    /// The boots, the latest last.
    pub fn boots(&self) -> &[BootTimes] {
        &self.boots
    }

    /// The gateway runs in `boot`, and it is `now`.
    pub fn enter(&mut self, boot: BootId, now: Monotonic) {
        let mut boots = core::mem::take(&mut self.boots);
        let known = boots.iter().position(|times| times.boot == boot);
        let times = known.map(|index| boots.remove(index));
        boots.push(times.unwrap_or_else(|| BootTimes::new(boot, now)));
        *self = Self::new(boots);
    }

    /// Takes a look into account, and the one `before` it, both in the latest boot.
    pub fn note(&mut self, before: Option<&Look>, look: &Look) -> Noted {
        let Some(boot) = self.boots.last_mut() else { return Noted::default() };
        let is_step = before.is_some_and(|before| BootTimes::is_step(before, look));
        let is_set = is_step && look.vouched.is_none() && !boot.was_set;
        boot.was_set |= is_set;
        Noted { is_step, is_news: boot.note(look) || is_set }
    }

    /// How far the wall clock can be trusted now, by a look in the latest boot.
    pub fn trust(&self, look: &Look) -> Trust {
        if let Some(error) = look.vouched {
            return Trust::found(TimeSource::Ntp, Some(error.saturating_add(look.width)));
        }
        let is_as_set_at_boot =
            self.boots.last().is_some_and(|boot| !boot.was_set && boot.stretches.is_empty());
        let since = self.reached().map_or(PLAUSIBLE_SINCE, |known| known.max(PLAUSIBLE_SINCE));
        if look.has_rtc && is_as_set_at_boot && look.wall >= since {
            return Trust::found(TimeSource::Rtc, None);
        }
        Trust::UNKNOWN
    }

    /// Whether `boot` has ever been synchronised, as far as is known.
    pub fn is_anchored(&self, boot: BootId) -> bool {
        self.index(boot).is_some_and(|index| !self.boots[index].stretches.is_empty())
    }

    /// The time `at`, which a clock told in `boot`, as it is known by now.
    ///
    /// At monotonic zero a time stays as it is: it was before the boot, as the end of a window may be.
    pub fn correct(&self, boot: BootId, at: Timestamp) -> Timestamp {
        let Some(index) = self.index(boot) else { return at };
        if at.monotonic == Monotonic::default() {
            return at;
        }
        let times = &self.boots[index];
        if at.trust.source().is_synchronised() && times.bears_out(&at) {
            return at;
        }
        let estimate = times.estimate(at.monotonic);
        estimate.map_or_else(|| self.bounded(index, at), Point::stamp)
    }

    fn index(&self, boot: BootId) -> Option<usize> {
        self.boots.iter().rposition(|times| times.boot == boot)
    }

    /// It was at least so late when the gateway last ran.
    fn reached(&self) -> Option<WallTime> {
        let nanos = self.earliest_beginning(self.boots.len())?;
        i64::try_from(nanos).ok().map(WallTime::from_nanos)
    }

    /// A time of a boot that was never synchronised lies between the boots before and after it.
    fn bounded(&self, index: usize, at: Timestamp) -> Timestamp {
        let since_boot = i128::from(at.monotonic.as_nanos());
        let lasted = i128::from(self.boots[index].seen.max(at.monotonic).as_nanos());
        let lower = self.earliest_beginning(index).map(|begun| begun + slowest(since_boot));
        let upper = self.latest_end(index).map(|ended| ended - slowest(lasted - since_boot));
        let found = i128::from(at.wall.as_nanos());
        let nearest = found.max(lower.unwrap_or(i128::MIN)).min(upper.unwrap_or(i128::MAX));
        if lower.is_some_and(|lower| nearest < lower) || (lower, upper) == (None, None) {
            return at; // The bounds contradict each other, or there are none.
        }
        let error = lower.zip(upper).map(|(lower, upper)| (nearest - lower).max(upper - nearest));
        if error.is_none() && nearest == found {
            return at;
        }
        let source = if nearest == found { at.trust.source() } else { TimeSource::Unsynchronised };
        let error = error.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos);
        let wall = i64::try_from(nearest).map_or(at.wall, WallTime::from_nanos);
        Timestamp { wall, trust: Trust::found(source, error).corrected(), ..at }
    }

    /// The boot at `index` began no earlier than then, in nanoseconds of wall time.
    fn earliest_beginning(&self, index: usize) -> Option<i128> {
        let mut between = 0;
        for boot in self.boots[..index].iter().rev() {
            if let Some(seen) = boot.estimate(boot.seen) {
                let wall = i128::from(seen.wall().as_nanos());
                return Some(wall - nanos(seen.error) + between);
            }
            between += slowest(i128::from(boot.seen.as_nanos()));
        }
        None
    }

    /// The boot at `index` ended no later than then, in nanoseconds of wall time.
    fn latest_end(&self, index: usize) -> Option<i128> {
        let mut between = 0;
        for boot in &self.boots[index + 1..] {
            if let Some(begun) = boot.estimate(Monotonic::default()) {
                let wall = i128::from(begun.wall().as_nanos());
                return Some(wall + nanos(begun.error) - between);
            }
            between += slowest(i128::from(boot.seen.as_nanos()));
        }
        None
    }
}

/// The least time that really passed while a clock that drifts told `nanos`.
fn slowest(nanos: i128) -> i128 {
    let span = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    nanos - self::nanos(drift(span))
}

fn nanos(span: Duration) -> i128 {
    i128::try_from(span.as_nanos()).unwrap_or(i128::MAX)
}
