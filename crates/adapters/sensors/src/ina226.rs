//! Texas Instruments INA226: voltage, current and power of a supply up to 36 V, over I2C.
//!
//! Datasheet SBOS547B. The registers are written here: the published `ina226` driver cuts its
//! calibration to an integer and converts by what it was before the cut, and knows no ends of
//! range.
//!
//! # Set up anew for every measurement
//!
//! One triggered conversion of shunt and bus (section 6.4.1). Both identities are asked for first,
//! and calibration and configuration are read back after: a chip that lost its supply in between
//! has a calibration of zero, with which every current is zero. What differs is
//! [`NoData::Corrupt`].
//!
//! # Numbers that are not measurements
//!
//! Current and power are [`NoData::Implausible`] if the chip's arithmetic overflowed (bit OVF) or
//! the shunt voltage is at the end of its 81.92 mV, and voltage is above the 36 V that the chip
//! withstands.

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
    driver: "ina226",
    part: "Texas Instruments INA226",
    summary: "voltage up to 36 V, current through a shunt, and power",
    datasheet: "Texas Instruments SBOS547B",
    parameters: &[
        shunt::OHMS,
        shunt::CURRENT_MAX,
        Parameter {
            name: "samples",
            summary: "conversions that are averaged, 2.4 ms each",
            value: Value::Choice {
                choices: &["1", "4", "16", "64", "128"],
                preset: Preset::Default("1"),
            },
        },
    ],
    sensors: shunt::SENSORS,
    attachments: &[Attachment::I2c { addresses: shunt::ADDRESSES, make }],
};

fn make(place: I2cPlace, arguments: &Arguments) -> Made {
    let options = Ina226Options {
        address: place.address,
        bus_timeout: place.bus_timeout,
        shunt_ohms: arguments.number("shunt_ohms")?,
        current_max_amperes: arguments.number("current_max_amperes")?,
        samples: chosen(arguments, "samples")?,
    };
    Ok(Box::new(Ina226::new(place.bus, place.delay, options)?))
}

const CONFIGURATION: u8 = 0x00;
const SHUNT_VOLTAGE: u8 = 0x01;
const BUS_VOLTAGE: u8 = 0x02;
const CURRENT: u8 = 0x04;
const CALIBRATION: u8 = 0x05;
const MASK_ENABLE: u8 = 0x06;
const MANUFACTURER: u8 = 0xFE;
const DIE: u8 = 0xFF;

const TEXAS_INSTRUMENTS: u16 = 0x5449;
/// The lowest four bits are the revision.
const INA226: u16 = 0x226;

/// Bits 14 to 12 read as 100; both conversions of 1.1 ms; shunt and bus, triggered (7.1.1).
const CONFIGURATION_BASE: u16 = 0x4000 | 0b100 << 6 | 0b100 << 3 | 0b011;
/// Bits of the mask/enable register (7.1.7).
const CONVERSION_READY: u16 = 1 << 3;
const OVERFLOW: u16 = 1 << 2;

const FAMILY: Family =
    Family { constant: 0.005_12, word_max: 0x7FFF, unused: 0, shunt_volts_max: 0.081_92 };
/// 7.1.3.
const VOLTS_PER_COUNT: f64 = 0.001_25;
/// 36 V (5.1).
const BUS_COUNTS_MAX: u16 = 28_800;

/// Conversions averaged, and the code of table 7-2. More than these would hold the bus.
pub(crate) const SAMPLES: &[(u16, u8)] = &[(1, 0), (4, 1), (16, 2), (64, 3), (128, 4)];
/// Section 5.5: a conversion of 1.1 ms takes at most this.
const CONVERSION_MAX: Duration = Duration::from_micros(1_210);
/// 46 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_micros(4_140);

/// Where the chip is, and what it measures on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ina226Options {
    /// 0x40 to 0x4F, by A1 and A0.
    pub address: SevenBitAddress,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
    /// The resistor between IN+ and IN-.
    pub shunt_ohms: f64,
    /// The highest current to measure; the step of the current is about a 32 768th of it.
    pub current_max_amperes: f64,
    /// 1, 4, 16, 64 or 128 conversions averaged, 2.4 ms each.
    pub samples: u16,
}

/// One INA226 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Ina226<I2C, D> {
    bus: I2C,
    delay: D,
    options: Ina226Options,
    calibration: Calibration,
    configuration: u16,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Ina226<I2C, D> {
    /// Takes the bus handle and the delay for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the shunt drops more than 81.92 mV, or a number is none the chip can have.
    pub fn new(bus: I2C, delay: D, options: Ina226Options) -> Result<Self, BadOptions> {
        let calibration =
            Calibration::new(&FAMILY, options.shunt_ohms, options.current_max_amperes)?;
        let average = u16::from(setting("samples", options.samples, SAMPLES)?);
        let configuration = CONFIGURATION_BASE | average << 9;
        let sensors = sensors_of(shunt::SENSORS);
        Ok(Self { bus, delay, options, calibration, configuration, sensors })
    }

    fn conversion(&self) -> Duration {
        CONVERSION_MAX * 2 * u32::from(self.options.samples)
    }
}

impl<I2C, D> Device for Ina226<I2C, D>
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
        if chip.read(MANUFACTURER)? != TEXAS_INSTRUMENTS || chip.read(DIE)? >> 4 != INA226 {
            return Err(NoData::Corrupt);
        }
        chip.write(CALIBRATION, self.calibration.word)?;
        chip.write(CONFIGURATION, self.configuration)?;
        wait(&mut self.delay, conversion);
        let flags = chip.read(MASK_ENABLE)?;
        let bus = chip.read(BUS_VOLTAGE)?;
        let shunt = chip.read(SHUNT_VOLTAGE)?.cast_signed();
        let current = chip.read(CURRENT)?.cast_signed();
        let kept = [chip.read(CALIBRATION)?, chip.read(CONFIGURATION)?];
        if kept != [self.calibration.word, self.configuration] {
            return Err(NoData::Corrupt);
        }
        if flags & CONVERSION_READY == 0 {
            return Err(NoData::Timeout);
        }
        let is_clipped = matches!(shunt, i16::MAX | i16::MIN);
        let amperes = if is_clipped || flags & OVERFLOW != 0 {
            Err(NoData::Implausible)
        } else {
            Ok(f64::from(current) * self.calibration.step)
        };
        Ok(Measurement { age: Duration::ZERO, outcomes: shunt::outcomes(volts(bus), amperes) })
    }
}

fn volts(counts: u16) -> Result<f64, NoData> {
    let is_inside = counts <= BUS_COUNTS_MAX;
    is_inside.then_some(f64::from(counts) * VOLTS_PER_COUNT).ok_or(NoData::Implausible)
}

#[cfg(test)]
mod tests;
