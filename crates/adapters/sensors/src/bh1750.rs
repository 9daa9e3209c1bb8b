//! ROHM BH1750FVI: illuminance over I2C.
//!
//! Datasheet BH1750FVI, rev. D. The opcodes are here and not from the published `bh1750` driver,
//! which waits 144 ms for a conversion that may take 180 ms, and then gives the previous result as
//! the new one.
//!
//! # Set up anew for every measurement
//!
//! Measurement time and a one-time conversion are commanded each time: there is no state to be
//! wrong, and the chip powers itself down in between.
//!
//! # Numbers that are not measurements
//!
//! All ones is saturation, or a line that nobody drives: [`NoData::Implausible`].
//!
//! # Deliberately absent
//!
//! The low resolution mode, a fast one of 4 lx. The chip has no identity and nothing to read back:
//! what holds the data line low reads as darkness, and so does a supply that goes during a
//! conversion.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, Entry, I2cPlace, Made, Parameter, Point, Preset, Value, rounded,
    sensors_of,
    words::{only, within, write},
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[Point {
    name: "illuminance",
    kind: QuantityKind::Illuminance,
    resolution: 0.11,
    low: 0.0,
    high: LUX_MAX,
}];

pub(crate) const ENTRY: Entry = Entry {
    driver: "bh1750",
    part: "ROHM BH1750FVI",
    summary: "illuminance",
    datasheet: "BH1750FVI rev. D",
    parameters: &[
        Parameter {
            name: "resolution",
            summary: "size of a count: 0.83 lx, to 54 612 lx; or half of both",
            value: Value::Choice { choices: &["high", "high2"], preset: Preset::Default("high") },
        },
        Parameter {
            name: "measurement_time",
            summary: "the register of this name: sensitivity and time in proportion, 69 for 180 ms",
            value: Value::Integer { unit: "", low: 31, high: 254, preset: Preset::Default(69) },
        },
    ],
    sensors: SENSORS,
    attachments: &[Attachment::I2c { addresses: &[0x23, 0x5C], make }],
};

fn make(place: I2cPlace, arguments: &Arguments) -> Made {
    let I2cPlace { bus, delay, address, bus_timeout } = place;
    let resolution = match arguments.choice("resolution")? {
        "high2" => Bh1750Resolution::High2,
        _ => Bh1750Resolution::High,
    };
    let measurement_time = arguments.integer("measurement_time")?;
    let options = Bh1750Options { address, resolution, measurement_time, bus_timeout };
    Ok(Box::new(Bh1750::new(bus, delay, options)))
}

/// Followed by the upper three and the lower five bits of the measurement time.
const MTREG_HIGH: u8 = 0b0100_0000;
const MTREG_LOW: u8 = 0b0110_0000;
const ONE_TIME_HIGH: u8 = 0b0010_0000;
const ONE_TIME_HIGH_2: u8 = 0b0010_0001;

const DEFAULT_MTREG: u8 = 69;
const MTREG: core::ops::RangeInclusive<u8> = 31..=254;
/// Counts per lux at the default measurement time.
const COUNTS_PER_LUX: f64 = 1.2;
const SATURATED: u16 = u16::MAX;
/// The brightest that does not saturate, at the shortest measurement time, lx.
const LUX_MAX: f64 = 121_555.0;
/// 0.01 lx: a tenth of the finest step there is.
const STEPS_PER_LUX: f64 = 100.0;

/// At the default measurement time, at most.
const CONVERSION: Duration = Duration::from_millis(180);
/// 9 bytes at 100 kHz with their acknowledgements.
const TRANSFERS: Duration = Duration::from_millis(1);

/// The size of one count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bh1750Resolution {
    /// 0.83 lx at the default measurement time: to 54 612 lx.
    High,
    /// Half of it: to 27 306 lx.
    High2,
}

/// Where the chip is, how it measures, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bh1750Options {
    /// 0x23, or 0x5C with ADDR high.
    pub address: SevenBitAddress,
    /// The size of one count.
    pub resolution: Bh1750Resolution,
    /// 31 to 254, nearest taken; 69 by default. Time and sensitivity are in proportion to it.
    pub measurement_time: u8,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One BH1750 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Bh1750<I2C, D> {
    bus: I2C,
    delay: D,
    options: Bh1750Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Bh1750<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, mut options: Bh1750Options) -> Self {
        let (shortest, longest) = (*MTREG.start(), *MTREG.end());
        options.measurement_time = options.measurement_time.clamp(shortest, longest);
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }

    fn conversion(&self) -> Duration {
        CONVERSION * self.options.measurement_time.into() / DEFAULT_MTREG.into()
    }

    fn illuminance(&self, counts: u16) -> Result<Quantity, NoData> {
        if counts == SATURATED {
            return Err(NoData::Implausible);
        }
        let longer = f64::from(self.options.measurement_time) / f64::from(DEFAULT_MTREG);
        let finer = match self.options.resolution {
            Bh1750Resolution::High => 1.0,
            Bh1750Resolution::High2 => 2.0,
        };
        let lux = f64::from(counts) / (COUNTS_PER_LUX * longer * finer);
        within(QuantityKind::Illuminance, rounded(lux, STEPS_PER_LUX), 0.0..=LUX_MAX)
    }
}

impl<I2C, D> Device for Bh1750<I2C, D>
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
        let time = self.options.measurement_time;
        let convert = match self.options.resolution {
            Bh1750Resolution::High => ONE_TIME_HIGH,
            Bh1750Resolution::High2 => ONE_TIME_HIGH_2,
        };
        for opcode in [MTREG_HIGH | time >> 5, MTREG_LOW | time & 0b0001_1111, convert] {
            write(&mut self.bus, self.options.address, &[opcode])?;
        }
        let conversion = self.conversion().as_micros() + 1; // Rounded up.
        self.delay.delay_us(u32::try_from(conversion).unwrap_or(u32::MAX));
        let mut word = [0; 2];
        self.bus.read(self.options.address, &mut word).map_err(Into::into)?;
        Ok(only(self.illuminance(u16::from_be_bytes(word))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lux(resolution: Bh1750Resolution, measurement_time: u8, counts: u16) -> Result<f64, NoData> {
        let bus_timeout = Duration::from_secs(1);
        let options = Bh1750Options { address: 0x23, resolution, measurement_time, bus_timeout };
        Bh1750::new((), (), options).illuminance(counts).map(Quantity::number)
    }

    /// The worked examples of the datasheet: 28 067 lx, and 0.11 lx as the finest step.
    #[test]
    fn counts_become_the_lux_of_the_datasheet() {
        assert_eq!(lux(Bh1750Resolution::High, 69, 0x8390), Ok(28_066.67));
        assert_eq!(lux(Bh1750Resolution::High2, 69, 0x8390), Ok(14_033.33));
        assert_eq!(lux(Bh1750Resolution::High2, 254, 1), Ok(0.11));
        assert_eq!(lux(Bh1750Resolution::High, 31, 65_534), Ok(121_555.0));
    }

    #[test]
    fn saturation_is_a_gap_at_every_sensitivity() {
        for (resolution, time) in [(Bh1750Resolution::High, 31), (Bh1750Resolution::High2, 254)] {
            assert_eq!(lux(resolution, time, u16::MAX), Err(NoData::Implausible));
            assert!(lux(resolution, time, u16::MAX - 1).is_ok());
        }
    }

    #[test]
    fn a_measurement_time_that_the_chip_has_not_is_the_nearest_that_it_has() {
        assert_eq!(lux(Bh1750Resolution::High, 0, 100), lux(Bh1750Resolution::High, 31, 100));
        assert_eq!(lux(Bh1750Resolution::High, 255, 100), lux(Bh1750Resolution::High, 254, 100));
    }
}
