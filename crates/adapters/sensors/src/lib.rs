//! The catalogue: one file per part number, generic over embedded-hal.
//!
//! Each driver is a [`ports::Device`]. It takes its bus for good, sets its chip up when it is asked,
//! and turns raw counts or text into quantities; past it, nobody knows of registers or sentences.
//!
//! * Chips on a bus are generic over [`embedded_hal`], with one demand more: the bus's error converts
//!   `Into<NoData>`, because embedded-hal's `ErrorKind` has no word for a timeout.
//! * Devices that speak unasked are generic over [`ports::ByteSource`], those that share a serial line
//!   and answer over [`ports::SerialLine`].
//! * Devices that speak unasked are generic over [`ports::ByteSource`].
//! * Devices that the kernel drives are generic over [`ports::Attributes`], those on a digital input over
//!   [`ports::InputLine`].
//!
//! [`CATALOGUE`] lists the drivers as data: a new one is a file with an [`Entry`], and a line there.
//! An entry may also stand in a crate of its own, and join ours in a [`Catalogue`].
//!
//! # Deliberately absent
//!
//! Device nodes, clocks, retries and configuration files. Options are plain structs here.

mod accelerometer;
mod ads1115;
mod adxl345;
mod aht20;
mod attributes;
mod bh1750;
mod bme280;
mod catalogue;
mod checksum;
mod cobs_binary;
mod delimited_text;
mod digital_input;
mod ds3231;
mod gpio_counter;
mod gpio_level;
mod hwmon;
mod hygrometer;
mod iio;
mod iio_buffer;
mod ina219;
mod ina226;
mod lines;
mod lis3dh;
mod listener;
mod lm75;
mod max31855;
mod max6675;
mod mcp3208;
mod mcp9808;
mod modbus_rtu;
mod motion;
mod mpu6050;
mod nmea0183;
mod number;
mod one_wire;
mod pms7003;
mod registers;
mod scd41;
#[cfg(test)]
mod scripted;
mod sensirion;
mod settings;
mod sgp40;
mod sht31;
mod sht4x;
mod shtc3;
mod shunt;
mod tca9548a;
mod thermocouple;
mod tmp102;
mod tmp117;
mod veml7700;
mod words;

pub use accelerometer::{Accelerometer, AccelerometerOptions, Part};
pub use ads1115::{Ads1115, Ads1115Channel, Ads1115Input, Ads1115Options};
pub use adxl345::{Adxl345, Adxl345Part};
pub use aht20::{Aht20, Aht20Options};
pub use bh1750::{Bh1750, Bh1750Options, Bh1750Resolution};
pub use bme280::{Bme280, Bme280OnSpi, Bme280Options};
pub use catalogue::{
    Argument, Arguments, Attachment, BadArgument, BadOptions, Bias, BusClass, BusFault, CATALOGUE,
    Catalogue, DelayHandle, Edges, Entry, Flaw, GpioPlace, I2cHandle, I2cPlace, InputWish, Made,
    Parameter, Point, Preset, Refusal, Scans, SpiHandle, SpiPlace, SysfsPlace, UartPlace, Value,
};
pub use cobs_binary::{Checksum, CobsBinary, CobsBinaryOptions, Endianness, Field};
pub use delimited_text::{Column, DelimitedText, DelimitedTextOptions};
pub use ds3231::{Ds3231, Ds3231Options};
pub use gpio_counter::GpioCounter;
pub use gpio_level::GpioLevel;
pub use hwmon::{Hwmon, HwmonChannel, HwmonOptions};
pub use iio::{Iio, IioChannel, IioOptions};
pub use iio_buffer::{IioBuffer, IioBufferOptions};
pub use ina219::{Ina219, Ina219Options};
pub use ina226::{Ina226, Ina226Options};
pub use lis3dh::{Lis3dh, Lis3dhPart};
pub use lm75::{Lm75, Lm75Options, Lm75Resolution};
pub use max6675::{Max6675, Max6675Part};
pub use max31855::{Max31855, Max31855Part};
pub use mcp3208::{Channel, Input, Mcp3208, Mcp3208Options};
pub use mcp9808::{Mcp9808, Mcp9808Options};
pub use modbus_rtu::{ModbusRtu, ModbusRtuOptions, Order, Register, RegisterType, Table};
pub use mpu6050::{Mpu6050, Mpu6050Options};
pub use nmea0183::Nmea0183;
pub use number::NumberType;
pub use one_wire::OneWire;
pub use pms7003::Pms7003;
pub use registers::{Burst, OverI2c, OverSpi, Registers};
pub use scd41::{Scd41, Scd41Options};
pub use sgp40::{Sgp40, Sgp40Options};
pub use sht4x::{Precision, Sht4x, Sht4xOptions};
pub use sht31::{Repeatability, Sht31, Sht31Options};
pub use shtc3::{Shtc3, Shtc3Options};
pub use tca9548a::{SELECTION, Switch, Tca9548a};
pub use thermocouple::{Junctions, ThermocoupleConverter};
pub use tmp102::{Tmp102, Tmp102Options};
pub use tmp117::{Tmp117, Tmp117Averages, Tmp117Options};
pub use veml7700::{Veml7700, Veml7700Gain, Veml7700Integration, Veml7700Options};

use core::time::Duration;

use embedded_hal::delay::DelayNs;
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

/// Waits at least `span`, to the microsecond.
fn wait(delay: &mut impl DelayNs, span: Duration) {
    delay.delay_us(u32::try_from(span.as_micros() + 1).unwrap_or(u32::MAX));
}
