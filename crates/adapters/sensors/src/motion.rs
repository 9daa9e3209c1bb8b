//! What the motion sensors share: axes, the unit of acceleration, and the wait for a fresh sample.
//!
//! # Terms
//!
//! * **Sample** — what the chip converts by its own clock, at its data rate.
//! * **Fresh** — not read before. Reading faster than the chip samples finds what was already told;
//!   the driver then waits for the next sample, as long as the slowest chip takes.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::delay::DelayNs;

use crate::{Parameter, Point, Preset, Value, rounded, wait};

/// Three axes of acceleration, in the order of their indices: a count at 2 g, and 16 g.
pub(crate) const AXES: &[Point] = &[
    Point {
        name: "x",
        kind: QuantityKind::Acceleration,
        resolution: 0.01,
        low: -160.0,
        high: 160.0,
    },
    Point {
        name: "y",
        kind: QuantityKind::Acceleration,
        resolution: 0.01,
        low: -160.0,
        high: 160.0,
    },
    Point {
        name: "z",
        kind: QuantityKind::Acceleration,
        resolution: 0.01,
        low: -160.0,
        high: 160.0,
    },
];

/// The range of acceleration.
pub(crate) const FULL_SCALE_G: Parameter = Parameter {
    name: "full_scale_g",
    summary: "the highest acceleration of either sign",
    value: Value::Choice { choices: &["2", "4", "8", "16"], preset: Preset::Default("2") },
};

/// Metre per second squared in one g.
pub(crate) const STANDARD_GRAVITY: f64 = 9.806_65;
/// 0.1 mm/s², below one count of any of them, and fit to be read.
const STEPS: f64 = 1e4;

/// Counts and where their range ends: a count at an end is beyond it.
pub(crate) fn acceleration(
    counts: i16,
    (low, high): (i16, i16),
    counts_per_g: f64,
) -> Result<Quantity, NoData> {
    let metres = f64::from(counts) / counts_per_g * STANDARD_GRAVITY;
    inside(counts, (low, high)).and_then(|()| {
        let kind = QuantityKind::Acceleration;
        kind.quantity(rounded(metres, STEPS)).map_err(|_| NoData::Implausible)
    })
}

/// Whether the counts are not at an end of their range.
pub(crate) fn inside(counts: i16, (low, high): (i16, i16)) -> Result<(), NoData> {
    let is_inside = low < counts && counts < high;
    is_inside.then_some(()).ok_or(NoData::Implausible)
}

/// Reads until there is a fresh sample, which is there after `period` at the latest.
///
/// # Errors
///
/// [`NoData::Timeout`] if the chip has stopped sampling, or why it could not be read.
pub(crate) fn fresh<T>(
    delay: &mut impl DelayNs,
    period: Duration,
    mut read: impl FnMut() -> Result<Option<T>, NoData>,
) -> Result<T, NoData> {
    if let Some(sample) = read()? {
        return Ok(sample);
    }
    wait(delay, period);
    read()?.ok_or(NoData::Timeout)
}
