//! Chips at register level.
//!
//! Each model is written from the datasheet named in its header. It is told the time and the
//! physical state around it, and computes raw counts by the inverse of what the datasheet tells the
//! driver to do, so that the driver's conversion really runs.
//!
//! # Deliberately absent
//!
//! Electrical timing below one transaction, and noise.

mod bme280;
mod mcp3208;

pub use bme280::{Bme280, Calibration};
pub use mcp3208::Mcp3208;

/// A chip did not acknowledge a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nak;

/// A chip on an I2C bus, as it sees the segments of a transaction that are addressed to it.
pub trait I2cChip: Send {
    /// The supply comes up: every register has its reset value afterwards.
    fn power_on(&mut self);

    /// Takes the bytes of one write segment, from a start or repeated start to the next.
    ///
    /// # Errors
    ///
    /// [`Nak`] if the chip refuses a byte.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak>;

    /// Fills one read segment.
    ///
    /// # Errors
    ///
    /// [`Nak`] if the chip does not answer to its read address now.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak>;
}

/// A chip on an SPI bus, as it sees one activation of its chip select.
pub trait SpiChip: Send {
    /// The supply comes up: every register has its reset value afterwards.
    fn power_on(&mut self);

    /// One frame, full duplex and most significant bit first: on entry what the controller sends, on
    /// return what it receives in the same clocks.
    fn transfer(&mut self, frame: &mut [u8]);
}
