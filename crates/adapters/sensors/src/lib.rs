//! The catalogue: one file per part number, generic over embedded-hal.
//!
//! Each driver is a [`ports::Device`]. It takes its bus for good, sets its chip up when it is asked,
//! and turns raw counts or text into quantities; past it, nobody knows of registers or sentences.
//!
//! * Chips on a bus are generic over [`embedded_hal`], with one demand more: the bus's error converts
//!   `Into<NoData>`, because embedded-hal's `ErrorKind` has no word for a timeout.
//! * Devices that speak unasked are generic over [`ports::ByteSource`].
//!
//! [`CATALOGUE`] lists the drivers for whoever checks a configuration.
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
pub use catalogue::{BadOptions, BusClass, CATALOGUE, Entry};
pub use delimited_text::{Column, DelimitedText, DelimitedTextOptions};
pub use mcp3208::{Channel, Input, Mcp3208, Mcp3208Options};
pub use nmea0183::Nmea0183;

use domain::QuantityKind;
use ports::Sensor;

fn sensors_of(names: &[(&str, QuantityKind)]) -> Vec<Sensor> {
    names.iter().map(|&(name, kind)| Sensor { name: name.to_owned(), kind }).collect()
}

/// Rounds to whole steps of `1 / steps_per_unit`, so that the noise of binary fractions, far below
/// what the device resolves, does not travel.
fn rounded(number: f64, steps_per_unit: f64) -> f64 {
    (number * steps_per_unit).round() / steps_per_unit
}
