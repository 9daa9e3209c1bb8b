//! Chips at register level.
//!
//! Each model is written from the datasheet named in its header. It is told the time and the
//! physical state around it, and computes raw counts by the inverse of what the datasheet tells the
//! driver to do, so that the driver's conversion really runs.
//!
//! # Deliberately absent
//!
//! Electrical timing below one transaction, and noise.

mod adc;
mod ads1115;
mod adxl345;
mod aht20;
mod bh1750;
mod bme280;
mod ds3231;
mod fifo;
mod ina219;
mod ina226;
mod lis3dh;
mod lm75;
mod max31855;
mod max6675;
mod mcp3208;
mod mcp9808;
mod mpu6050;
mod pms7003;
mod registered;
mod sampler;
mod sampling;
mod scd41;
mod sensirion;
mod sgp40;
mod sht31;
mod sht4x;
mod shtc3;
mod tca9548a;
#[cfg(test)]
mod testing;
mod tmp102;
mod tmp117;
mod veml7700;
mod words;

pub use ads1115::Ads1115;
pub use adxl345::{Adxl345, Adxl345Registers};
pub use aht20::Aht20;
pub use bh1750::Bh1750;
pub use bme280::{Bme280, Calibration};
pub use ds3231::Ds3231;
pub use ina219::Ina219;
pub use ina226::Ina226;
pub use lis3dh::{Lis3dh, Lis3dhRegisters};
pub use lm75::{Lm75, Lm75Part};
pub use max6675::Max6675;
pub use max31855::{Junction, Max31855, Thermocouple};
pub use mcp3208::Mcp3208;
pub use mcp9808::Mcp9808;
pub use mpu6050::{Mpu6050, Mpu6050Registers};
pub use pms7003::Pms7003;
pub use registered::{Registered, Registers, SpiRegisters};
pub use scd41::{BreathedAir, Scd41, Scd41Commands};
pub use sensirion::{Commanded, Commands, Reply};
pub use sgp40::{Compensation, Sgp40, Sgp40Commands};
pub use sht4x::{Sht4x, Sht4xCommands};
pub use sht31::{Sht31, Sht31Commands};
pub use shtc3::{Shtc3, Shtc3Commands};
pub use tca9548a::Tca9548a;
pub use tmp102::Tmp102;
pub use tmp117::Tmp117;
pub use veml7700::Veml7700;

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
