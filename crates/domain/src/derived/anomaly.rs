//! What is not as it should be, and one truth out of several.
//!
//! # Terms
//!
//! * **Score** — how many spreads a number is away from the centre of those before it; dimensionless.
//! * **Detection** — dimensionless: 0 for nothing, 1 for something; a change says its direction: 1 up, -1
//!   down.
//!
//! Numbers that are compared with those of a stream (a threshold, a slack, a resolution) are in the unit of
//! the stream.
//!
//! # Deliberately absent
//!
//! Seasons, forecasts, and anything that has to be trained elsewhere.

mod change;
mod fusion;
mod missing;
mod score;
mod spike;
mod stuck;

use super::{Entry, Input, Moment, Output, Role};
use crate::{
    NoData, Quality, QuantityKind,
    parameter::{Parameter, Preset, Value},
};

pub(super) const ENTRIES: &[Entry] = &[
    score::Z_SCORE,
    score::MAD_SCORE,
    change::CUSUM,
    change::CUSUM_LEARNED,
    stuck::STUCK_AT,
    spike::SPIKE,
    missing::MISSING,
    fusion::MEDIAN_OF_THREE,
];

const OF: Role = Role { name: "of", summary: "what is watched", kinds: &[] };

/// A number of 0 or more in the unit of the stream.
const fn size(name: &'static str, summary: &'static str, preset: Preset<f64>) -> Parameter {
    Parameter { name, summary, value: Value::Number { unit: "", low: 0.0, high: 1e300, preset } }
}

/// The output at `at` of a metric whose numbers have no unit.
fn dimensionless(at: Moment, found: Result<(f64, Quality), NoData>) -> Output {
    match found {
        Ok((number, quality)) => Output::number(at, QuantityKind::Dimensionless, number, quality),
        Err(reason) => Output::gap(at, reason),
    }
}

/// What the only input says.
fn only(inputs: &[Input]) -> Result<(f64, Quality), NoData> {
    let input = inputs.first().ok_or(NoData::Internal)?;
    Ok((input.number()?, input.quality))
}

#[cfg(test)]
mod tests;
