//! Texas Instruments TMP117: temperature, ±0.1 °C, over I2C.
//!
//! Datasheet SNOSD82. The registers are here and not from the published `tmp117` driver, which
//! waits as long as the averages that it reads back take: a distorted byte makes it hold the bus
//! for 3 s.
//!
//! # One conversion for every measurement
//!
//! The identity is checked, one conversion is begun and given its time, and the configuration read
//! back each time, so there is no state to be wrong, and the chip does not warm itself in between.
//!
//! # Numbers that are not measurements
//!
//! From a reset until the first conversion ends the register holds -256 °C: [`NoData::NotReady`],
//! not a very cold day. Any identity but 0x117, and a configuration that is neither ours nor that
//! of a reset, are [`NoData::Corrupt`].
//!
//! # Deliberately absent
//!
//! The alert output, whose setting is reset, and the offset, which the chip's EEPROM may hold and
//! the chip adds by itself.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, Entry, I2cPlace, Made, Parameter, Point, Preset, Value, sensors_of,
    words::{only, read_pair, within, write},
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[Point {
    name: "temperature",
    kind: QuantityKind::Temperature,
    resolution: 0.007_812_5,
    low: -55.0,
    high: 150.0,
}];

pub(crate) const ENTRY: Entry = Entry {
    driver: "tmp117",
    part: "Texas Instruments TMP117",
    summary: "temperature, ±0.1 °C",
    datasheet: "SNOSD82",
    parameters: &[Parameter {
        name: "averages",
        summary: "conversions that make a result, each of them 16 ms",
        value: Value::Choice { choices: &["1", "8", "32", "64"], preset: Preset::Default("8") },
    }],
    sensors: SENSORS,
    attachments: &[Attachment::I2c { addresses: &[0x48, 0x49, 0x4A, 0x4B], make }],
};

fn make(place: I2cPlace, arguments: &Arguments) -> Made {
    let I2cPlace { bus, delay, address, bus_timeout } = place;
    let averages = match arguments.choice("averages")? {
        "1" => Tmp117Averages::One,
        "32" => Tmp117Averages::ThirtyTwo,
        "64" => Tmp117Averages::SixtyFour,
        _ => Tmp117Averages::Eight,
    };
    Ok(Box::new(Tmp117::new(bus, delay, Tmp117Options { address, averages, bus_timeout })))
}

const TEMPERATURE: u8 = 0x00;
const CONFIGURATION: u8 = 0x01;
const IDENTITY: u8 = 0x0F;
/// The upper four bits are the revision.
const DEVICE_ID: u16 = 0x117;
const DATA_READY: u16 = 0x2000;
const ONE_SHOT: u16 = 0x0C00;
/// What one-shot and the shutdown after it have in common.
const NOT_CONTINUOUS: u16 = 0x0400;
/// What is compared: that bit, cycle, averages, and the use of the pin.
const SETTINGS: u16 = 0x07FC;
/// Continuous, a cycle of 1 s, 8 averages.
const RESET: u16 = 0x0220;
/// The operating range (6.3), °C.
const RANGE: core::ops::RangeInclusive<f64> = -55.0..=150.0;
const NOT_YET_CONVERTED: i16 = i16::MIN;

/// One conversion, at most (6.5).
const CONVERSION: Duration = Duration::from_micros(17_500);
/// 19 bytes at 100 kHz with their acknowledgements.
const TRANSFERS: Duration = Duration::from_millis(2);

/// How many conversions are averaged for one result. More are quieter and slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tmp117Averages {
    /// 16 ms.
    One,
    /// 125 ms: what the stated accuracy is for.
    Eight,
    /// 500 ms.
    ThirtyTwo,
    /// 1 s.
    SixtyFour,
}

impl Tmp117Averages {
    const fn count(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Eight => 8,
            Self::ThirtyTwo => 32,
            Self::SixtyFour => 64,
        }
    }

    /// Bits 6 and 5.
    const fn code(self) -> u16 {
        match self {
            Self::One => 0b00 << 5,
            Self::Eight => 0b01 << 5,
            Self::ThirtyTwo => 0b10 << 5,
            Self::SixtyFour => 0b11 << 5,
        }
    }
}

/// Where the chip is, how it averages, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tmp117Options {
    /// 0x48 to 0x4B: ADD0 to ground, supply, SDA, SCL.
    pub address: SevenBitAddress,
    /// How many conversions make a result.
    pub averages: Tmp117Averages,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One TMP117 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Tmp117<I2C, D> {
    bus: I2C,
    delay: D,
    options: Tmp117Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Tmp117<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Tmp117Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Device for Tmp117<I2C, D>
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
        self.conversion() + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        if self.load(IDENTITY)? & 0x0FFF != DEVICE_ID {
            return Err(NoData::Corrupt);
        }
        let averages = self.options.averages.code();
        let [high, low] = (ONE_SHOT | averages).to_be_bytes();
        write(&mut self.bus, self.options.address, &[CONFIGURATION, high, low])?;
        let conversion = self.conversion().as_micros();
        self.delay.delay_us(u32::try_from(conversion).unwrap_or(u32::MAX));
        let found = self.load(CONFIGURATION)?;
        let ours = NOT_CONTINUOUS | averages;
        match (found & SETTINGS, found & DATA_READY) {
            (settings, DATA_READY) if settings == ours => {
                self.load(TEMPERATURE).map(|counts| only(quantity(counts)))
            }
            (settings, _) if settings == ours || settings == RESET => Err(NoData::NotReady),
            _ => Err(NoData::Corrupt),
        }
    }
}

impl<I2C, D> Tmp117<I2C, D> {
    fn conversion(&self) -> Duration {
        CONVERSION * self.options.averages.count()
    }
}

impl<I2C: I2c<Error: Into<NoData>>, D> Tmp117<I2C, D> {
    fn load(&mut self, register: u8) -> Result<u16, NoData> {
        read_pair(&mut self.bus, self.options.address, register).map(u16::from_be_bytes)
    }
}

/// Table 7-1.
fn quantity(counts: u16) -> Result<Quantity, NoData> {
    match i16::from_be_bytes(counts.to_be_bytes()) {
        NOT_YET_CONVERTED => Err(NoData::NotReady),
        counts => within(QuantityKind::Temperature, f64::from(counts) / 128.0, RANGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_the_temperatures_of_the_datasheet() {
        for (word, celsius) in [
            (0xF380, -25.0),
            (0xFFFF, -0.007_812_5),
            (0x0000, 0.0),
            (0x0C80, 25.0),
            (0x3200, 100.0),
            (0x4B00, 150.0),
        ] {
            let expected = QuantityKind::Temperature.quantity(celsius).unwrap();
            assert_eq!(quantity(word), Ok(expected), "{word:#06x}");
        }
    }

    #[test]
    fn the_number_before_the_first_conversion_is_not_a_very_cold_day() {
        assert_eq!(quantity(0x8000), Err(NoData::NotReady));
        for word in [0x8001, 0xE47F, 0x4B01, 0x7FFF] {
            assert_eq!(quantity(word), Err(NoData::Implausible), "{word:#06x}");
        }
    }
}
