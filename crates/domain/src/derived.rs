//! Derived metrics: quantities computed from other quantities.
//!
//! Each function states formula, source, unit, range and what happens at the edges. A gap in gives a
//! gap out with its reason; a result that does not exist is [`NoData::Undefined`](crate::NoData),
//! never NaN.

mod humid_air;
mod moving_average;

pub use humid_air::dew_point;
pub use moving_average::MovingAverage;
