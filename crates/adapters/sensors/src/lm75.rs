//! LM75 and its relatives: National Semiconductor LM75, NXP LM75B and PCT2075, Texas Instruments
//! TMP105.
//!
//! Datasheets SNOS808 (LM75), LM75B revision 6.1, SBOS648 (TMP105). The registers are here and not
//! from the published `lm75` driver, which keeps 9 bits of a TMP105's 12 (-10.25 °C reads as -10.5
//! °C) and cannot read the configuration back.
//!
//! # A mark for having been set up
//!
//! The chip converts all the time, and until its first conversion is over, up to 300 ms after
//! power-on, it reads as 0 °C. So a chip that converts carries a mark: a fault queue of two, where
//! a reset leaves one. It delays the thermostat output by one conversion and nothing else. Each
//! measurement reads the temperature and then looks for the mark, in this order: whatever happened
//! before the mark was seen happened to a chip that was converting. A chip without it is
//! configured, with a fault queue of four for as long as it is given time, and marked if it still
//! has that, which makes one slow measurement after each power-on.
//!
//! A chip that does not keep the configuration, and a bus that is stuck, are [`NoData::Corrupt`].
//!
//! # Deliberately absent
//!
//! The thermostat, and shutdown between measurements.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, Entry, I2cPlace, Made, Parameter, Point, Preset, Value, sensors_of,
    words::{only, read_byte, read_pair, within, write},
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[Point {
    name: "temperature",
    kind: QuantityKind::Temperature,
    resolution: 0.5,
    low: -55.0,
    high: 125.0,
}];

pub(crate) const ENTRY: Entry = Entry {
    driver: "lm75",
    part: "National Semiconductor LM75; NXP LM75B, PCT2075; Texas Instruments TMP105",
    summary: "temperature, ±2 °C",
    datasheet: "SNOS808; LM75B rev. 6.1; SBOS648",
    parameters: &[Parameter {
        name: "bits",
        summary: "resolution of the part: 9 for any, 11 for LM75B and PCT2075, 12 for TMP105",
        value: Value::Choice { choices: &["9", "11", "12"], preset: Preset::Default("9") },
    }],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F],
        make,
    }],
};

fn make(place: I2cPlace, arguments: &Arguments) -> Made {
    let I2cPlace { bus, delay, address, bus_timeout } = place;
    let resolution = match arguments.choice("bits")? {
        "12" => Lm75Resolution::Bits12,
        "11" => Lm75Resolution::Bits11,
        _ => Lm75Resolution::Bits9,
    };
    Ok(Box::new(Lm75::new(bus, delay, Lm75Options { address, resolution, bus_timeout })))
}

const TEMPERATURE: u8 = 0x00;
const CONFIGURATION: u8 = 0x01;
/// Fault queue of two.
const MARK: u8 = 0x08;
/// Fault queue of four.
const BEGUN: u8 = 0x10;
/// R1 and R0 of a TMP105; reserved on the others.
const TWELVE_BITS: u8 = 0x60;
/// The operating range of the family, °C.
const RANGE: core::ops::RangeInclusive<f64> = -55.0..=125.0;

/// The longest conversion of the family (300 ms), after the rest of one at 9 bits (37.5 ms).
const FIRST_CONVERSION_MS: u32 = 340;
/// 9 bytes at 100 kHz with their acknowledgements.
const TRANSFERS: Duration = Duration::from_millis(1);

/// How many bits of the temperature the part gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lm75Resolution {
    /// 0.5 °C: any member of the family.
    Bits9,
    /// 0.125 °C: LM75B, PCT2075.
    Bits11,
    /// 0.0625 °C: TMP105, which is set to it.
    Bits12,
}

impl Lm75Resolution {
    const fn mask(self) -> u16 {
        match self {
            Self::Bits9 => 0xFF80,
            Self::Bits11 => 0xFFE0,
            Self::Bits12 => 0xFFF0,
        }
    }

    /// Continuous conversion, nothing else set, at this resolution.
    const fn configuration(self) -> u8 {
        match self {
            Self::Bits9 | Self::Bits11 => 0,
            Self::Bits12 => TWELVE_BITS,
        }
    }
}

/// Where the chip is, what it can do, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lm75Options {
    /// 0x48 to 0x4F, by the pins A2 to A0.
    pub address: SevenBitAddress,
    /// The part's resolution.
    pub resolution: Lm75Resolution,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One chip of the family on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Lm75<I2C, D> {
    bus: I2C,
    delay: D,
    options: Lm75Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Lm75<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Lm75Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Device for Lm75<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // Before and after setting up, which is 10 bytes more; and as much again for the kernel.
        let first_conversion = Duration::from_millis(FIRST_CONVERSION_MS.into());
        TRANSFERS * 6 + first_conversion + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        // The chip was set up before.
        TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        if let Some(word) = self.converted()? {
            return Ok(only(celsius(self.options.resolution, word)));
        }
        self.set_up()?;
        let word = self.converted()?.ok_or(NoData::Corrupt)?;
        Ok(only(celsius(self.options.resolution, word)))
    }
}

impl<I2C, D> Lm75<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    /// The temperature register, if the chip was seen to be set up after it was read.
    fn converted(&mut self) -> Result<Option<u16>, NoData> {
        let address = self.options.address;
        let word = u16::from_be_bytes(read_pair(&mut self.bus, address, TEMPERATURE)?);
        let found = read_byte(&mut self.bus, address, CONFIGURATION)?;
        let is_set_up = found == self.options.resolution.configuration() | MARK;
        Ok(is_set_up.then_some(word))
    }

    fn set_up(&mut self) -> Result<(), NoData> {
        let address = self.options.address;
        let configuration = self.options.resolution.configuration();
        write(&mut self.bus, address, &[CONFIGURATION, configuration | BEGUN])?;
        self.delay.delay_ms(FIRST_CONVERSION_MS);
        if read_byte(&mut self.bus, address, CONFIGURATION)? != configuration | BEGUN {
            return Err(NoData::Corrupt);
        }
        write(&mut self.bus, address, &[CONFIGURATION, configuration | MARK])
    }
}

fn celsius(resolution: Lm75Resolution, word: u16) -> Result<Quantity, NoData> {
    let bits = word & resolution.mask();
    let celsius = f64::from(i16::from_be_bytes(bits.to_be_bytes())) / 256.0;
    within(QuantityKind::Temperature, celsius, RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 1 of the LM75's datasheet, with the undefined bits set; and the TMP105's at 12 bits.
    #[test]
    fn words_become_the_temperatures_of_the_datasheets() {
        for (resolution, word, expected) in [
            (Lm75Resolution::Bits9, 0x7D7F, 125.0),
            (Lm75Resolution::Bits9, 0x00FF, 0.5),
            (Lm75Resolution::Bits9, 0xFFFF, -0.5),
            (Lm75Resolution::Bits9, 0xC900, -55.0),
            (Lm75Resolution::Bits11, 0xFFE0, -0.125),
            (Lm75Resolution::Bits12, 0xF5C0, -10.25),
            (Lm75Resolution::Bits12, 0x0010, 0.0625),
        ] {
            let expected = QuantityKind::Temperature.quantity(expected).unwrap();
            assert_eq!(celsius(resolution, word), Ok(expected), "{word:#06x}");
        }
    }

    #[test]
    fn what_the_part_cannot_measure_is_a_gap() {
        for word in [0x7D80, 0x7FFF, 0x8000, 0xC880] {
            assert_eq!(celsius(Lm75Resolution::Bits9, word), Err(NoData::Implausible));
        }
    }
}
