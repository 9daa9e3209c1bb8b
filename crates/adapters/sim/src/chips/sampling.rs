//! What sampling chips have in common: when their conversions end, and rounding to counts.

use std::{ops::RangeInclusive, time::Duration};

/// A converter that rests, converts once, or converts again and again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Converter {
    /// Nothing is being converted.
    Resting,
    /// One conversion, over at `ends`.
    Once { ends: Duration },
    /// A conversion is over at `next`, and then one each `period`.
    Cyclic { next: Duration, period: Duration },
}

impl Converter {
    /// When the newest conversion ended that is over by `now` and has not been told of before.
    pub(super) fn newest(&mut self, now: Duration) -> Option<Duration> {
        match *self {
            Self::Once { ends } if ends <= now => {
                *self = Self::Resting;
                Some(ends)
            }
            Self::Cyclic { next, period } if next <= now => {
                let missed = now.saturating_sub(next).as_nanos() / period.as_nanos().max(1);
                let newest = next + period * u32::try_from(missed).unwrap_or(u32::MAX);
                *self = Self::Cyclic { next: newest + period, period };
                Some(newest)
            }
            Self::Resting | Self::Once { .. } | Self::Cyclic { .. } => None,
        }
    }

    /// The same converter, to rest after the conversion that it is in.
    pub(super) const fn stopping(self) -> Self {
        match self {
            Self::Cyclic { next, .. } => Self::Once { ends: next },
            Self::Resting | Self::Once { .. } => self,
        }
    }

    pub(super) const fn is_resting(self) -> bool {
        matches!(self, Self::Resting)
    }
}

/// The signed counts nearest to `value`; saturates at the ends of `range`.
#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of the type")]
pub(super) fn signed(value: f64, range: RangeInclusive<i16>) -> i16 {
    value.round().clamp((*range.start()).into(), (*range.end()).into()) as i16
}

/// The counts nearest to `value`; saturates at zero and `last`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of the type"
)]
pub(super) fn unsigned(value: f64, last: u16) -> u16 {
    value.round().clamp(0.0, last.into()) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn one_conversion_is_told_of_once() {
        let mut converter = Converter::Once { ends: 5 * MS };
        let told = [4, 5, 6].map(|ms| converter.newest(ms * MS));
        assert_eq!(told, [None, Some(5 * MS), None]);
        assert!(converter.is_resting());
    }

    #[test]
    fn of_several_conversions_only_the_newest_counts() {
        let mut converter = Converter::Cyclic { next: 5 * MS, period: 10 * MS };
        let told = [4, 5, 36, 44, 45].map(|ms| converter.newest(ms * MS));
        assert_eq!(told, [None, Some(5 * MS), Some(35 * MS), None, Some(45 * MS)]);
        assert_eq!(converter.stopping().newest(60 * MS), Some(55 * MS));
    }

    #[test]
    fn counts_are_nearest_and_saturate() {
        let signed = |value| signed(value, -8..=7);
        assert_eq!([-8.6, -7.4, -0.4, 6.5, 9.0].map(signed), [-8, -7, 0, 7, 7]);
        assert_eq!([-1.0, 0.4, 2.5, 1e9].map(|value| unsigned(value, 1_000)), [0, 0, 3, 1_000]);
    }
}
