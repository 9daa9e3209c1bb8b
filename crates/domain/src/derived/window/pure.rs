//! The statistics as functions of all samples at once.

use super::{
    aggregate::{Aggregate, Spread, Total},
    order,
};
use crate::{
    NoData,
    derived::{Moment, run::Held},
};

/// The arithmetic mean, `Σx / n`, summed in twice the precision of `f64`.
///
/// # Errors
///
/// [`NoData::Undefined`] if there is no number.
pub fn mean(numbers: &[f64]) -> Result<f64, NoData> {
    fold::<Total>(numbers).mean().ok_or(NoData::Undefined)
}

/// The variance, `Σ(x - mean)² / (n - ddof)`, in the square of the numbers' unit.
///
/// `ddof` 1 estimates that of what the numbers are a sample of, 0 is that of the numbers themselves.
/// The sum of squares is updated by Chan, Golub and `LeVeque` (1979) with means in twice the precision of
/// `f64`, so that a small variance at a huge offset is right.
///
/// # Errors
///
/// [`NoData::Undefined`] unless there are more than `ddof` numbers.
pub fn variance(numbers: &[f64], ddof: u8) -> Result<f64, NoData> {
    fold::<Spread>(numbers).variance(ddof.into()).ok_or(NoData::Undefined)
}

/// The root of the [`variance`], in the unit of the numbers.
///
/// # Errors
///
/// See [`variance`].
pub fn standard_deviation(numbers: &[f64], ddof: u8) -> Result<f64, NoData> {
    variance(numbers, ddof).map(f64::sqrt)
}

/// The percentile `percent`, 0 to 100: type 7 of Hyndman and Fan 1996 as in numpy, linear between the
/// numbers next to place `(n - 1) × percent / 100` in their order. The median is the percentile 50.
///
/// # Errors
///
/// [`NoData::Undefined`] if there is no number, or `percent` is not 0 to 100.
pub fn percentile(numbers: &[f64], percent: f64) -> Result<f64, NoData> {
    if !(0.0..=100.0).contains(&percent) {
        return Err(NoData::Undefined);
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    order::percentile(sorted.len(), percent / 100.0, |rank| sorted.get(rank).copied())
        .ok_or(NoData::Undefined)
}

fn fold<A: Aggregate>(numbers: &[f64]) -> A {
    let samples = numbers.iter().map(|&number| Held { at: Moment::default(), number });
    samples.fold(A::EMPTY, |all, sample| all.and(A::of(sample)))
}
