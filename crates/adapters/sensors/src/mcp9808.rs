//! Microchip MCP9808: temperature, ±0.25 °C typical, over I2C.
//!
//! Datasheet DS25095A. The registers are here and not from the published `mcp9808` driver, which
//! reads -0.25 °C as +1.75 °C and panics at a resolution register with a bit too many.
//!
//! # A mark for having been set up
//!
//! The chip converts all the time, and until its first conversion is over it holds no temperature.
//! So a chip that converts carries a mark: a hysteresis of 1.5 °C, where a reset leaves none; with
//! the alert output off it has no effect. Each measurement reads the temperature and then looks for
//! the mark, in this order: whatever happened before the mark was seen happened to a chip that was
//! converting. A chip without it is configured, with a hysteresis of 3 °C for as long as it is
//! given time, and marked if it still has that, which makes one slow measurement after each
//! power-on.
//!
//! Other identities, and a chip that does not keep its configuration, are [`NoData::Corrupt`].
//!
//! # Deliberately absent
//!
//! The alert output, which is switched off, resolutions other than 0.0625 °C, and shutdown between
//! measurements.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Attachment, Entry, I2cPlace, Point, sensors_of,
    words::{only, read_byte, read_pair, within, write},
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[Point {
    name: "temperature",
    kind: QuantityKind::Temperature,
    resolution: 0.0625,
    low: -40.0,
    high: 125.0,
}];

pub(crate) const ENTRY: Entry = Entry {
    driver: "mcp9808",
    part: "Microchip MCP9808",
    summary: "temperature, ±0.25 °C",
    datasheet: "DS25095A",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F],
        make: |I2cPlace { bus, delay, address, bus_timeout }, _| {
            Ok(Box::new(Mcp9808::new(bus, delay, Mcp9808Options { address, bus_timeout })))
        },
    }],
};

const CONFIGURATION: u8 = 0x01;
const AMBIENT: u8 = 0x05;
const MANUFACTURER: u8 = 0x06;
const DEVICE: u8 = 0x07;
const RESOLUTION: u8 = 0x08;
const MICROCHIP: [u8; 2] = [0x00, 0x54];
/// The revision follows it.
const MCP9808: u8 = 0x04;
/// Hysteresis of 1.5 °C, converting, nothing locked, no alert output.
const MARKED: [u8; 2] = [0x02, 0x00];
/// The same with 3 °C.
const BEGUN: [u8; 2] = [0x04, 0x00];
/// 0.0625 °C.
const FINEST: u8 = 0x03;
/// The operating range (chapter 2), °C.
const RANGE: core::ops::RangeInclusive<f64> = -40.0..=125.0;

/// 250 ms typical (chapter 1), without a maximum: a fifth more.
const FIRST_CONVERSION_MS: u32 = 300;
/// 24 bytes at 100 kHz with their acknowledgements.
const TRANSFERS: Duration = Duration::from_millis(3);

/// Where the chip is, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mcp9808Options {
    /// 0x18 to 0x1F, by the pins A2 to A0.
    pub address: SevenBitAddress,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One MCP9808 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Mcp9808<I2C, D> {
    bus: I2C,
    delay: D,
    options: Mcp9808Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Mcp9808<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Mcp9808Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Device for Mcp9808<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // Before and after setting up, which is 16 bytes more; and as much again for the kernel.
        let first_conversion = Duration::from_millis(FIRST_CONVERSION_MS.into());
        TRANSFERS * 5 + first_conversion + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        // The chip was set up before.
        TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let address = self.options.address;
        let maker = read_pair(&mut self.bus, address, MANUFACTURER)?;
        let [part, _] = read_pair(&mut self.bus, address, DEVICE)?;
        if (maker, part) != (MICROCHIP, MCP9808) {
            return Err(NoData::Corrupt);
        }
        if let Some(word) = self.converted()? {
            return Ok(only(celsius(word)));
        }
        self.set_up()?;
        let word = self.converted()?.ok_or(NoData::Corrupt)?;
        Ok(only(celsius(word)))
    }
}

impl<I2C, D> Mcp9808<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    /// The temperature register, if the chip was seen to be set up after it was read.
    fn converted(&mut self) -> Result<Option<[u8; 2]>, NoData> {
        let address = self.options.address;
        let word = read_pair(&mut self.bus, address, AMBIENT)?;
        let resolution = read_byte(&mut self.bus, address, RESOLUTION)?;
        let found = read_pair(&mut self.bus, address, CONFIGURATION)?;
        Ok(((resolution, found) == (FINEST, MARKED)).then_some(word))
    }

    fn set_up(&mut self) -> Result<(), NoData> {
        let address = self.options.address;
        let [[high, low], [marked_high, marked_low]] = [BEGUN, MARKED];
        write(&mut self.bus, address, &[CONFIGURATION, high, low])?;
        write(&mut self.bus, address, &[RESOLUTION, FINEST])?;
        self.delay.delay_ms(FIRST_CONVERSION_MS);
        if read_pair(&mut self.bus, address, CONFIGURATION)? != BEGUN {
            return Err(NoData::Corrupt);
        }
        write(&mut self.bus, address, &[CONFIGURATION, marked_high, marked_low])
    }
}

/// Section 5.1.4: three flags, then thirteen bits of two's complement.
fn celsius(word: [u8; 2]) -> Result<Quantity, NoData> {
    let signed = i16::from_be_bytes((u16::from_be_bytes(word) << 3).to_be_bytes()) >> 3;
    within(QuantityKind::Temperature, f64::from(signed) / 16.0, RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equation 5-1, with every combination of the flags.
    #[test]
    fn words_become_temperatures_whatever_the_flags_say() {
        for flags in (0..8).map(|flags: u8| flags << 5) {
            for (high, low, expected) in [
                (0x01, 0x94, 25.25),
                (0x00, 0x01, 0.0625),
                (0x00, 0x00, 0.0),
                (0x1F, 0xFC, -0.25),
                (0x1E, 0x6C, -25.25),
                (0x1D, 0x80, -40.0),
                (0x07, 0xD0, 125.0),
            ] {
                let expected = QuantityKind::Temperature.quantity(expected).unwrap();
                assert_eq!(celsius([flags | high, low]), Ok(expected));
            }
        }
    }

    #[test]
    fn what_the_part_cannot_measure_is_a_gap() {
        for word in [[0x07, 0xD1], [0x0F, 0xFF], [0x10, 0x00], [0x1D, 0x7F]] {
            assert_eq!(celsius(word), Err(NoData::Implausible));
        }
    }
}
