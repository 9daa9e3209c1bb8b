//! Derived metrics: quantities computed from other quantities.
//!
//! Each function states formula, source, unit, range and what happens at the edges. A gap in gives a
//! gap out with its reason; a result that does not exist is [`NoData::Undefined`](crate::NoData),
//! never NaN.
//!
//! The formulas are plain functions; a [`Metric`] is one of them with its state, and an [`Entry`] says
//! how configuration asks for it.

pub mod alarm;
pub mod signal;
pub mod vibration;
pub mod window;

mod catalogue;
mod double;
mod expression;
mod humid_air;
mod metric;
mod moving_average;
mod run;

#[cfg(test)]
mod testing;

pub use catalogue::{BadMetric, Entry, Group, Made, Role, entries, find};
pub use expression::{BadFormula, Expression, Formula};
pub use humid_air::dew_point;
pub use metric::{Input, Metric, Moment, Output, Urgency, Words};
pub use moving_average::MovingAverage;
