//! Figures of a block in time. All are pure functions of finite numbers, in any order.
//!
//! The mean is taken from differences to the first number, so that a constant block has no deviation at
//! all, and a small signal on a huge offset keeps its digits. Sums are plain: 65,536 squares lose no more
//! than 1e-11 of theirs.

use crate::NoData;

/// Whether the mean of a block is part of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dc {
    /// Deviations from the mean.
    Without,
    /// The numbers as they are.
    With,
}

/// Root mean square: `√(Σ (x - m)² / n)`, where `m` is the mean, or 0 with DC. In the unit of the numbers.
///
/// Without DC it is the standard deviation of the whole population (no `n - 1`). ISO 2041:2018.
///
/// # Errors
///
/// [`NoData::Undefined`] for no numbers at all, [`NoData::Implausible`] for a result beyond all numbers.
pub fn rms(block: &[f64], dc: Dc) -> Result<f64, NoData> {
    let level = level(block, dc)?;
    finite(average(block, |x| (x - level).powi(2)).sqrt())
}

/// The greatest deviation to either side: `max |x - m|`. In the unit of the numbers.
///
/// # Errors
///
/// As [`rms`].
pub fn peak(block: &[f64], dc: Dc) -> Result<f64, NoData> {
    let level = level(block, dc)?;
    finite(block.iter().map(|x| (x - level).abs()).fold(0.0, f64::max))
}

/// From the least to the greatest: `max x - min x`. In the unit of the numbers.
///
/// # Errors
///
/// As [`rms`].
pub fn peak_to_peak(block: &[f64]) -> Result<f64, NoData> {
    let (least, greatest) = block
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    if block.is_empty() { Err(NoData::Undefined) } else { finite(greatest - least) }
}

/// Peak by root mean square, both with or both without DC: √2 for a sine, 1 for a square wave.
///
/// # Errors
///
/// [`NoData::Undefined`] where the root mean square is 0, else as [`rms`].
pub fn crest_factor(block: &[f64], dc: Dc) -> Result<f64, NoData> {
    finite(peak(block, dc)? / rms(block, dc)?)
}

/// Kurtosis after Pearson: `Σ (x - m)⁴ / n / (Σ (x - m)² / n)²`. Without a unit.
///
/// 3 for a normal distribution, 1.5 for a sine, more for shocks. Fisher's, the excess, is 3 less. Moments of
/// the whole population, without correction for bias.
///
/// # Errors
///
/// [`NoData::Undefined`] where all numbers are the same, else as [`rms`].
pub fn kurtosis(block: &[f64]) -> Result<f64, NoData> {
    let level = level(block, Dc::Without)?;
    let square = average(block, |x| (x - level).powi(2));
    finite(average(block, |x| ((x - level).powi(2) / square).powi(2)))
}

/// What deviations are from.
pub(super) fn level(block: &[f64], dc: Dc) -> Result<f64, NoData> {
    let first = *block.first().ok_or(NoData::Undefined)?;
    match dc {
        Dc::Without => finite(first + average(block, |x| x - first)),
        Dc::With => Ok(0.0),
    }
}

/// The mean of what `of` makes of each, in eight sums side by side: a processor adds them at once.
#[expect(clippy::cast_precision_loss, reason = "a block has far fewer than 2^52 samples")]
fn average(block: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let (eights, rest) = block.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, &x) in sums.iter_mut().zip(eight) {
            *sum += of(x);
        }
    }
    let rest = rest.iter().map(|&x| of(x));
    sums.into_iter().chain(rest).sum::<f64>() / block.len() as f64
}

/// Numbers only: 0 by 0 is undefined, and what overflows is nothing physical.
pub(super) fn finite(number: f64) -> Result<f64, NoData> {
    match number {
        _ if number.is_finite() => Ok(number),
        _ if number.is_nan() => Err(NoData::Undefined),
        _ => Err(NoData::Implausible),
    }
}
