//! The catalogue: one file per part number, generic over embedded-hal.
//!
//! Each driver is a [`ports::Device`]. It takes its bus for good, sets its chip up when it is asked,
//! and turns raw counts or text into quantities; past it, nobody knows of registers or sentences.
//!
//! * Chips on a bus are generic over [`embedded_hal`], with one demand more: the bus's error converts
//!   `Into<NoData>`, because embedded-hal's `ErrorKind` has no word for a timeout.
//! * Devices that speak unasked are generic over [`ports::ByteSource`].
//!
//! [`CATALOGUE`] lists the drivers as data: a new one is a file with an [`Entry`], and a line there.
//! An entry may also stand in a crate of its own, and join ours in a [`Catalogue`].
//!
//! # Deliberately absent
//!
//! Device nodes, clocks, retries and configuration files. Options are plain structs here.

mod bme280;
mod catalogue;
mod delimited_text;
mod lines;
mod mcp3208;
mod nmea0183;
#[cfg(test)]
mod scripted;

pub use bme280::{Bme280, Bme280Options};
pub use catalogue::{
    Argument, Arguments, Attachment, BadArgument, BadOptions, BusClass, BusFault, CATALOGUE,
    Catalogue, DelayHandle, Entry, Flaw, I2cHandle, I2cPlace, Made, Parameter, Point, Preset,
    Refusal, SpiHandle, SpiPlace, UartPlace, Value,
};
pub use delimited_text::{Column, DelimitedText, DelimitedTextOptions};
pub use mcp3208::{Channel, Input, Mcp3208, Mcp3208Options};
pub use nmea0183::Nmea0183;

use ports::Sensor;

/// The sensors of a device with `points`, in their order.
pub fn sensors_of(points: &[Point]) -> Vec<Sensor> {
    points.iter().map(Point::sensor).collect()
}

/// Rounds to whole steps of `1 / steps_per_unit`, so that the noise of binary fractions, far below
/// what the device resolves, does not travel.
pub fn rounded(number: f64, steps_per_unit: f64) -> f64 {
    (number * steps_per_unit).round() / steps_per_unit
}
