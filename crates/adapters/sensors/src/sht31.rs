//! Sensirion SHT31 (and SHT30, SHT35): temperature and relative humidity, over I2C.
//!
//! SHT3x-DIS datasheet, version 6. Range -40 to 125 °C and 0 to 100 %, both in steps of 0.01.
//! Addresses 0x44, and 0x45 with ADDR high.
//!
//! Registers are our own: the published `sht31` 0.3 reads the temperature's word as signed, so that
//! 43 °C comes out as -132 °C, waits up to 800 ms and drops the bus's error.
//!
//! # Set up anew for every measurement
//!
//! Periodic mode is left and the heater switched off each time, which costs 2 ms: whoever used the
//! chip before, or a glitch of its supply, may have left either. A heated chip measures itself.
//!
//! # Deliberately absent
//!
//! Clock stretching, which would hold the bus for all others; periodic mode; alerts.

use core::time::Duration;

use domain::NoData;
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, I2cPlace, Parameter, Point, Preset, Value,
    hygrometer::{Air, points},
    sensirion::read_words,
    sensors_of,
};

/// Operating range (2.2), °C.
const TEMPERATURE_RANGE: (f64, f64) = (-40.0, 125.0);
/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &points(TEMPERATURE_RANGE, 0.01);

pub(crate) const ENTRY: Entry = Entry {
    driver: "sht31",
    part: "Sensirion SHT31",
    summary: "temperature, ±0.3 °C, and relative humidity, ±2 %",
    datasheet: "Sensirion SHT3x-DIS, version 6",
    parameters: &[Parameter {
        name: "repeatability",
        summary: "little noise, or little time",
        value: Value::Choice {
            choices: &["high", "medium", "low"],
            preset: Preset::Default("high"),
        },
    }],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[0x44, 0x45],
        make: |I2cPlace { bus, delay, address, bus_timeout }, arguments| {
            let repeatability = Repeatability::of(arguments)?;
            let options = Sht31Options { address, repeatability, bus_timeout };
            Ok(Box::new(Sht31::new(bus, delay, options)))
        },
    }],
};

const BREAK: [u8; 2] = [0x30, 0x93];
/// 4.8: after `break` the chip needs at most 1 ms.
const BREAK_TAKES: Duration = Duration::from_millis(1);
const HEATER_OFF: [u8; 2] = [0x30, 0x66];

/// 16 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_millis(2);

/// How much the chip averages (table 2): 0.04, 0.07 or 0.15 °C and 0.08, 0.15 or 0.21 % of noise
/// (three standard deviations).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeatability {
    /// Least noise; takes 16 ms.
    #[default]
    High,
    /// Takes 7 ms.
    Medium,
    /// Most noise; takes 5 ms.
    Low,
}

impl Repeatability {
    fn of(arguments: &Arguments) -> Result<Self, BadOptions> {
        Ok(match arguments.choice("repeatability")? {
            "low" => Self::Low,
            "medium" => Self::Medium,
            _ => Self::High,
        })
    }

    /// Single shot without clock stretching (table 9).
    const fn command(self) -> [u8; 2] {
        match self {
            Self::High => [0x24, 0x00],
            Self::Medium => [0x24, 0x0B],
            Self::Low => [0x24, 0x16],
        }
    }

    /// The longest that it takes (table 4), rounded up.
    const fn takes(self) -> Duration {
        Duration::from_millis(match self {
            Self::High => 16,
            Self::Medium => 7,
            Self::Low => 5,
        })
    }
}

/// Where the chip is, how it measures, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sht31Options {
    /// 0x44, or 0x45 with ADDR high.
    pub address: SevenBitAddress,
    /// Noise against time.
    pub repeatability: Repeatability,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One SHT31 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Sht31<I2C, D> {
    bus: I2C,
    delay: D,
    options: Sht31Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Sht31<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Sht31Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Sht31<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    fn execute(&mut self, command: [u8; 2], takes: Duration) -> Result<(), NoData> {
        self.bus.write(self.options.address, &command).map_err(Into::into)?;
        self.delay.delay_us(u32::try_from(takes.as_micros()).unwrap_or(u32::MAX));
        Ok(())
    }
}

impl<I2C, D> Device for Sht31<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        self.time_on_bus() + TRANSFERS + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        BREAK_TAKES + self.options.repeatability.takes() + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let repeatability = self.options.repeatability;
        self.execute(BREAK, BREAK_TAKES)?;
        self.execute(HEATER_OFF, Duration::ZERO)?;
        self.execute(repeatability.command(), repeatability.takes())?;
        let [temperature, humidity] = read_words(&mut self.bus, self.options.address)?;
        // 4.13.
        let air = Air {
            celsius: f64::from(temperature) * 175.0 / 65_535.0 - 45.0,
            humidity_percent: f64::from(humidity) * 100.0 / 65_535.0,
        };
        Ok(air.measurement(TEMPERATURE_RANGE))
    }
}

#[cfg(test)]
mod tests;
