//! Sums in twice the precision of `f64`.
//!
//! A **double** is the sum of two `f64` that do not overlap, together some 106 bits (Dekker 1971;
//! the sum is `ddadd` of Hida, Li and Bailey 2001, the accurate one). A mean of a million numbers
//! around 1e9 is right to the last bit of the result.
//!
//! # Deliberately absent
//!
//! Protection from overflow: a sum past the range of `f64` is not finite, and whoever makes a quantity
//! of it is refused.

use super::Words;

/// A sum: `high` is the nearest `f64`, `low` what is missing from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Double {
    high: f64,
    low: f64,
}

impl Double {
    /// The number.
    pub(super) const fn new(number: f64) -> Self {
        Self { high: number, low: 0.0 }
    }

    /// The whole number, exactly.
    #[expect(clippy::cast_precision_loss, reason = "what is lost is what the low part is for")]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a rounded i64 and its error fit into i128"
    )]
    pub(super) const fn whole(number: i64) -> Self {
        let high = number as f64;
        Self { high, low: (number as i128 - high as i128) as f64 }
    }

    /// The sum of both.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        let (high, error) = sum(self.high, other.high);
        let (low, rest) = sum(self.low, other.low);
        let (high, error) = ordered_sum(high, error + low);
        let (high, low) = ordered_sum(high, error + rest);
        Self { high, low }
    }

    /// This without `other`.
    #[must_use]
    pub(super) fn minus(self, other: Self) -> Self {
        self.plus(Self { high: -other.high, low: -other.low })
    }

    /// The `number`th part of this.
    #[must_use]
    pub(super) fn over(self, number: f64) -> Self {
        let part = self.high / number;
        let rest = (-part).mul_add(number, self.high) + self.low;
        let (high, low) = ordered_sum(part, rest / number);
        Self { high, low }
    }

    /// The nearest `f64`.
    pub(super) fn number(self) -> f64 {
        self.high + self.low
    }

    /// Two words.
    pub(super) fn save(self, words: &mut Vec<u64>) {
        words.extend([self.high.to_bits(), self.low.to_bits()]);
    }

    /// What [`save`](Self::save) wrote.
    pub(super) fn restore(words: &mut Words<'_>) -> Option<Self> {
        Some(Self { high: f64::from_bits(words.word()?), low: f64::from_bits(words.word()?) })
    }
}

/// The sum, and what rounding took from it (Knuth).
fn sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let second = sum - a;
    (sum, (a - (sum - second)) + (b - second))
}

/// The same where `a` is not the smaller one (Dekker).
fn ordered_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_sum_of_f64_loses_is_kept() {
        let numbers = [1e16, 1.0, 1.0, -1e16].map(Double::new);
        let total = numbers.into_iter().fold(Double::default(), Double::plus);
        assert_eq!(total.number().to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn a_third_three_times_is_one_to_thirty_digits() {
        let third = Double::new(1.0).over(3.0);
        let rest = Double::new(1.0).minus(third.plus(third).plus(third)).number();
        assert!(rest.abs() < 1e-31, "{rest}");
    }

    proptest! {
        #[test]
        fn whole_numbers_are_exact(a in any::<i64>(), b in any::<i64>()) {
            let difference = Double::whole(a).minus(Double::whole(b));
            let expected = i128::from(a) - i128::from(b);
            #[expect(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
            let expected = expected as f64;
            prop_assert_eq!(difference.number().to_bits(), (expected + 0.0).to_bits());
        }
    }
}
