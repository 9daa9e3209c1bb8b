//! One stream, sample by sample: corrected, converted, smoothed, differentiated, integrated, counted,
//! thinned out, and compared with a threshold.
//!
//! # Terms
//!
//! * **Rule of a rate** — which kind a kind changes at, and which a kind adds up to. A temperature changes
//!   at K/h, power adds up to kW.h. What has no rule is refused when the metric is made.
//!
//! # Invariants
//!
//! 1. A gap in gives the same gap out.
//! 2. Time counts as it went: samples may be uneven, and two of one moment divide nothing by zero.
//! 3. What is told of a time in which nothing was measured is uncertain, if anything is told of it.
//!
//! # Deliberately absent
//!
//! Filters that take a fixed rate for granted.

mod counter;
mod deadband;
mod duty_cycle;
mod ewma;
mod integral;
mod map;
mod rate;
mod rules;
mod state_duration;
mod table;
mod threshold;
mod trend;

pub use counter::counted;
pub use ewma::weight;
pub use integral::{Hold, area};
pub use map::polynomial;
pub use table::interpolate;
pub use trend::time_to_threshold;

use super::{Entry, window::OF};

/// In the order of the page.
pub(super) const ENTRIES: &[Entry] = &[
    map::CALIBRATE,
    map::POLYNOMIAL,
    table::TABLE,
    map::CONVERT,
    ewma::EWMA,
    rate::RATE_OF_CHANGE,
    trend::TREND,
    trend::TIME_TO_THRESHOLD,
    integral::INTEGRAL,
    counter::COUNTER_RATE,
    deadband::DEADBAND,
    duty_cycle::DUTY_CYCLE,
    state_duration::STATE_DURATION,
];

#[cfg(test)]
mod tests;
