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

use domain::{NoData, Quantity, QuantityKind};

use crate::{
    Attachment, Entry, Point, SpiPlace,
    thermocouple::{Junctions, ThermocoupleConverter},
    words::within,
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

/// One MAX6675 behind a chip select of its own. Mode 1, at most 4.3 MHz.
pub type Max6675<SPI, D> = ThermocoupleConverter<Max6675Part, SPI, D>;

/// What a MAX6675 makes of its frame.
#[derive(Clone, Copy, Debug)]
pub struct Max6675Part;

impl Junctions for Max6675Part {
    const SENSORS: &'static [Point] = SENSORS;
    const CONVERSION_MS: u32 = 220;
    type Frame = [u8; 2];

    fn outcomes(frame: [u8; 2]) -> Result<Vec<Result<Quantity, NoData>>, NoData> {
        Ok(vec![thermocouple(u16::from_be_bytes(frame))?])
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
