//! Maxim MAX6675: K thermocouple, 0 to 1024 °C, over SPI.
//!
//! Datasheet 19-2235. The frame is taken apart here and not by the published `max6675-hal` driver,
//! which takes a line that nobody drives for a hot or an open thermocouple.
//!
//! # A fresh conversion for every measurement
//!
//! A frame shows the last conversion that was completed, of unknown age, and the chip never
//! completes one if it is selected more often than each 220 ms. So it is selected for a moment,
//! which makes it begin anew, given its time, and read.
//!
//! # Numbers that are not measurements
//!
//! * An open thermocouple is [`NoData::Absent`], and so is a chip whose line nobody drives.
//! * The chip clamps to its range, so a number at its very end is [`NoData::Implausible`]. That
//!   covers a line that is held low, too.
//! * A first bit or a device id that is not zero is [`NoData::Corrupt`].
//!
//! # Deliberately absent
//!
//! The cold junction, which the chip keeps to itself, and the thermocouple's curve: the chip's
//! straight line is what it gives. A thermocouple that touches ground or the supply is not noticed
//! by the chip.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{delay::DelayNs, spi::SpiDevice};
use ports::{Device, Measurement, Sensor};

use crate::{
    Attachment, Entry, Point, SpiPlace, sensors_of,
    words::{only, within},
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[Point {
    name: "thermocouple",
    kind: QuantityKind::Temperature,
    resolution: 0.25,
    low: 0.25,
    high: 1_023.5,
}];

pub(crate) const ENTRY: Entry = Entry {
    driver: "max6675",
    part: "Maxim MAX6675",
    summary: "K thermocouple, 0 to 1024 °C",
    datasheet: "19-2235",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::Spi {
        modes: &[1, 0],
        clock_hz_max: 4_300_000,
        make: |SpiPlace { chip, delay, .. }, _| Ok(Box::new(Max6675::new(chip, delay))),
    }],
};

/// The dummy sign and the device id; the last bit is nobody's.
const ZEROS: u16 = 0x8002;
const OPEN: u16 = 0x0004;
/// Between the ends of the range, °C.
const RANGE: core::ops::RangeInclusive<f64> = 0.25..=1_023.5;

/// At most.
const CONVERSION_MS: u32 = 220;
/// 3 bytes at 100 kHz, slower than any bus is set to.
const TRANSFERS: Duration = Duration::from_micros(300);

/// One MAX6675 behind a chip select of its own.
#[derive(Debug)]
pub struct Max6675<SPI, D> {
    chip: SPI,
    delay: D,
    sensors: Vec<Sensor>,
}

impl<SPI, D> Max6675<SPI, D> {
    /// Takes the chip select and the delay for good. Mode 1, at most 4.3 MHz.
    pub fn new(chip: SPI, delay: D) -> Self {
        Self { chip, delay, sensors: sensors_of(SENSORS) }
    }
}

impl<SPI, D> Device for Max6675<SPI, D>
where
    SPI: SpiDevice<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // Two calls of the kernel.
        self.time_on_bus() + Duration::from_millis(2)
    }

    fn time_on_bus(&self) -> Duration {
        Duration::from_millis(CONVERSION_MS.into()) + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        self.chip.read(&mut [0]).map_err(Into::into)?;
        self.delay.delay_ms(CONVERSION_MS);
        let mut frame = [0; 2];
        self.chip.read(&mut frame).map_err(Into::into)?;
        Ok(only(thermocouple(u16::from_be_bytes(frame))?))
    }
}

/// Table 2: a zero, twelve bits in quarters of a degree, open, device id, high impedance.
fn thermocouple(word: u16) -> Result<Result<Quantity, NoData>, NoData> {
    if word == u16::MAX {
        return Err(NoData::Absent);
    }
    if word & ZEROS != 0 {
        return Err(NoData::Corrupt);
    }
    if word & OPEN != 0 {
        return Ok(Err(NoData::Absent));
    }
    Ok(within(QuantityKind::Temperature, f64::from(word >> 3) / 4.0, RANGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn celsius(word: u16) -> Result<f64, NoData> {
        thermocouple(word)?.map(Quantity::number)
    }

    #[test]
    fn words_become_temperatures_whatever_the_last_bit_says() {
        for last in [0, 1] {
            assert_eq!(celsius(400 << 3 | last), Ok(100.0));
            assert_eq!(celsius(1 << 3 | last), Ok(0.25));
            assert_eq!(celsius(4_094 << 3 | last), Ok(1_023.5));
        }
    }

    #[test]
    fn the_ends_of_the_range_are_gaps() {
        for word in [0x0000, 0x0001, 0x7FF8, 0x7FF9] {
            assert_eq!(celsius(word), Err(NoData::Implausible), "{word:#06x}");
        }
    }

    #[test]
    fn nobody_there_and_nothing_connected_are_absent_and_another_chip_is_corrupt() {
        assert_eq!(celsius(0xFFFF), Err(NoData::Absent));
        assert_eq!(celsius(0x7FFD), Err(NoData::Absent));
        assert_eq!(celsius(0x8C80), Err(NoData::Corrupt));
        assert_eq!(celsius(0x0C82), Err(NoData::Corrupt));
    }
}
