//! Texas Instruments INA219: voltage, current and power of a supply up to 26 V, over I2C.
//!
//! Datasheet SBOS448G. The registers are written here: the published `ina219` driver calibrates in
//! whole microamperes and, in its own words, with errors; it does not notice a clipped shunt
//! voltage.
//!
//! # Set up anew for every measurement
//!
//! One triggered conversion of shunt and bus (section 8.3.1.1). Calibration and configuration are
//! written before, and read back after: a chip that lost its supply in between has a calibration of
//! zero, with which every current is zero. It has no identity to ask for; the read-back stands for
//! it, and what differs is [`NoData::Corrupt`].
//!
//! # Numbers that are not measurements
//!
//! Current and power are [`NoData::Implausible`] if the chip's arithmetic overflowed (bit OVF) or
//! the shunt voltage is at the end of its range, and voltage is if it is at the end of its own. The
//! range of the shunt is the smallest of 40, 80, 160 and 320 mV that takes the highest current.

use core::time::Duration;

use domain::NoData;
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, I2cPlace, Made, Parameter, Preset, Value,
    registers::Words,
    sensors_of,
    settings::{chosen, setting},
    shunt::{self, Calibration, Family},
    wait,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "ina219",
    part: "Texas Instruments INA219",
    summary: "voltage up to 26 V, current through a shunt, and power",
    datasheet: "Texas Instruments SBOS448G",
    parameters: &[
        shunt::OHMS,
        shunt::CURRENT_MAX,
        Parameter {
            name: "samples",
            summary: "conversions that are averaged, 1.2 ms each",
            value: Value::Choice {
                choices: &["1", "2", "4", "8", "16", "32", "64", "128"],
                preset: Preset::Default("1"),
            },
        },
    ],
    sensors: shunt::SENSORS,
    attachments: &[Attachment::I2c { addresses: shunt::ADDRESSES, make }],
};

fn make(place: I2cPlace, arguments: &Arguments) -> Made {
    let options = Ina219Options {
        address: place.address,
        bus_timeout: place.bus_timeout,
        shunt_ohms: arguments.number("shunt_ohms")?,
        current_max_amperes: arguments.number("current_max_amperes")?,
        samples: chosen(arguments, "samples")?,
    };
    Ok(Box::new(Ina219::new(place.bus, place.delay, options)?))
}

const CONFIGURATION: u8 = 0x00;
const SHUNT_VOLTAGE: u8 = 0x01;
const BUS_VOLTAGE: u8 = 0x02;
const CURRENT: u8 = 0x04;
const CALIBRATION: u8 = 0x05;

/// Bus range 32 V; shunt and bus, triggered (table 6).
const BUS_RANGE_32_V: u16 = 1 << 13;
const SHUNT_AND_BUS_TRIGGERED: u16 = 0b011;
/// Bits of the bus voltage register (8.6.3.2).
const CONVERSION_READY: u16 = 1 << 1;
const OVERFLOW: u16 = 1;

const FAMILY: Family =
    Family { constant: 0.040_96, word_max: u16::MAX, unused: 1, shunt_volts_max: 0.32 };
/// 8.6.3.1 and 8.6.3.2: 4 mV per count of the bus, 10 µV per count of the shunt.
const VOLTS_PER_COUNT: f64 = 0.004;
const SHUNT_COUNTS_PER_VOLT: f64 = 1e5;
/// 32 V: the end of the bus range.
const BUS_COUNTS_MAX: u16 = 8_000;

/// Conversions averaged, and the code of table 5 for 12 bits.
pub(crate) const SAMPLES: &[(u16, u8)] = &[
    (1, 0b0011),
    (2, 0b1001),
    (4, 0b1010),
    (8, 0b1011),
    (16, 0b1100),
    (32, 0b1101),
    (64, 0b1110),
    (128, 0b1111),
];
/// Section 6.5: one conversion of 12 bits takes 532 µs, at most this.
const CONVERSION_MAX: Duration = Duration::from_micros(586);
/// 31 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_micros(2_790);

/// Where the chip is, and what it measures on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ina219Options {
    /// 0x40 to 0x4F, by A1 and A0.
    pub address: SevenBitAddress,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
    /// The resistor between IN+ and IN-.
    pub shunt_ohms: f64,
    /// The highest current to measure; the step of the current is about a 32 768th of it.
    pub current_max_amperes: f64,
    /// 1, 2, 4, 8, 16, 32, 64 or 128 conversions averaged, 1.2 ms each.
    pub samples: u16,
}

/// One INA219 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Ina219<I2C, D> {
    bus: I2C,
    delay: D,
    options: Ina219Options,
    calibration: Calibration,
    configuration: u16,
    /// Counts of the shunt voltage at which its range ends.
    shunt_counts_max: u16,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Ina219<I2C, D> {
    /// Takes the bus handle and the delay for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the shunt drops more than 320 mV, or a number is none the chip can have.
    pub fn new(bus: I2C, delay: D, options: Ina219Options) -> Result<Self, BadOptions> {
        let calibration =
            Calibration::new(&FAMILY, options.shunt_ohms, options.current_max_amperes)?;
        let adc = u16::from(setting("samples", options.samples, SAMPLES)?);
        let (range, shunt_counts_max) = shunt_range(calibration.shunt_volts);
        let configuration =
            BUS_RANGE_32_V | range << 11 | adc << 7 | adc << 3 | SHUNT_AND_BUS_TRIGGERED;
        let sensors = sensors_of(shunt::SENSORS);
        Ok(Self { bus, delay, options, calibration, configuration, shunt_counts_max, sensors })
    }

    fn conversion(&self) -> Duration {
        CONVERSION_MAX * 2 * u32::from(self.options.samples)
    }
}

/// Table 4: the code of the smallest range that takes `volts`, and the counts where it ends.
fn shunt_range(volts: f64) -> (u16, u16) {
    let ranges = [(0, 4_000), (1, 8_000), (2, 16_000)];
    let fits = |&(_, counts): &(u16, u16)| volts * SHUNT_COUNTS_PER_VOLT < f64::from(counts);
    ranges.into_iter().find(fits).unwrap_or((3, 32_000))
}

impl<I2C, D> Device for Ina219<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        self.conversion() + TRANSFERS * 2 + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        self.conversion() + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let conversion = self.conversion();
        let mut chip = Words::at(&mut self.bus, self.options.address);
        chip.write(CALIBRATION, self.calibration.word)?;
        chip.write(CONFIGURATION, self.configuration)?;
        wait(&mut self.delay, conversion);
        let bus = chip.read(BUS_VOLTAGE)?;
        let shunt = chip.read(SHUNT_VOLTAGE)?.cast_signed();
        let current = chip.read(CURRENT)?.cast_signed();
        let kept = [chip.read(CALIBRATION)?, chip.read(CONFIGURATION)?];
        if kept != [self.calibration.word, self.configuration] {
            return Err(NoData::Corrupt);
        }
        if bus & CONVERSION_READY == 0 {
            return Err(NoData::Timeout);
        }
        let is_clipped = shunt.unsigned_abs() >= self.shunt_counts_max;
        let amperes = if is_clipped || bus & OVERFLOW != 0 {
            Err(NoData::Implausible)
        } else {
            Ok(f64::from(current) * self.calibration.step)
        };
        Ok(Measurement { age: Duration::ZERO, outcomes: shunt::outcomes(volts(bus), amperes) })
    }
}

fn volts(bus: u16) -> Result<f64, NoData> {
    let counts = bus >> 3;
    let is_inside = counts < BUS_COUNTS_MAX;
    is_inside.then_some(f64::from(counts) * VOLTS_PER_COUNT).ok_or(NoData::Implausible)
}

#[cfg(test)]
mod tests;
