//! Maxim MAX31855: thermocouple and cold junction, over SPI.
//!
//! Datasheet 19-5793. The frame is taken apart here and not by the published `max31855-rs` driver,
//! which leaves out both sign bits: -1 °C reads as 2047 °C.
//!
//! # A fresh conversion for every measurement
//!
//! A frame shows the last conversion that was completed, of unknown age, and the chip never
//! completes one if it is selected more often than each 100 ms. So it is selected for a moment,
//! which makes it begin anew, given its time, and read.
//!
//! # Numbers that are not measurements
//!
//! * An open thermocouple is [`NoData::Absent`]; one that touches ground or the supply measures
//!   nothing and is [`NoData::Implausible`]. The cold junction is measured all the same.
//! * Nobody drives the line, and it reads as ones: the chip is [`NoData::Absent`].
//! * Zeros throughout are [`NoData::Corrupt`]: the line is held low. A chip with both junctions at
//!   exactly 0 °C reads the same, and loses that reading.
//! * Reserved bits that are set, and a fault bit that is not the or of the three, are
//!   [`NoData::Corrupt`].
//!
//! # Deliberately absent
//!
//! The thermocouple's curve: the chip's straight line is what it gives, some degrees off at the
//! ends of the range. The type of thermocouple is that of the chip's suffix.

use domain::{NoData, Quantity, QuantityKind};

use crate::{
    Attachment, Entry, Point, SpiPlace,
    thermocouple::{Junctions, ThermocoupleConverter},
    words::within,
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[
    Point {
        name: "thermocouple",
        kind: QuantityKind::Temperature,
        resolution: 0.25,
        low: -270.0,
        high: 1_768.0,
    },
    Point {
        name: "cold_junction",
        kind: QuantityKind::Temperature,
        resolution: 0.0625,
        low: -40.0,
        high: 125.0,
    },
];

pub(crate) const ENTRY: Entry = Entry {
    driver: "max31855",
    part: "Maxim MAX31855",
    summary: "thermocouple, and its cold junction",
    datasheet: "19-5793",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::Spi {
        modes: &[0],
        clock_hz_max: 5_000_000,
        make: |SpiPlace { chip, delay, .. }, _| Ok(Box::new(Max31855::new(chip, delay))),
    }],
};

const RESERVED: u32 = 0x0002_0008;
const FAULT: u32 = 0x0001_0000;
const OPEN: u32 = 0b001;
const ANY_FAULT: u32 = 0b111;
/// The widest of any suffix (table 1): N from -270 °C, R and S below 1768 °C.
const THERMOCOUPLE_RANGE: core::ops::RangeInclusive<f64> = -270.0..=1_768.0;
/// Operating range of the chip, °C.
const COLD_JUNCTION_RANGE: core::ops::RangeInclusive<f64> = -40.0..=125.0;

/// One MAX31855 behind a chip select of its own. Mode 0, at most 5 MHz.
pub type Max31855<SPI, D> = ThermocoupleConverter<Max31855Part, SPI, D>;

/// What a MAX31855 makes of its frame.
#[derive(Clone, Copy, Debug)]
pub struct Max31855Part;

impl Junctions for Max31855Part {
    const SENSORS: &'static [Point] = SENSORS;
    const CONVERSION_MS: u32 = 100;
    type Frame = [u8; 4];

    fn outcomes(frame: [u8; 4]) -> Result<Vec<Result<Quantity, NoData>>, NoData> {
        junctions(frame).map(Vec::from)
    }
}

/// Table 2: fourteen bits in quarters of a degree, twelve in sixteenths.
fn junctions(frame: [u8; 4]) -> Result<[Result<Quantity, NoData>; 2], NoData> {
    let word = u32::from_be_bytes(frame);
    let is_faulty = word & FAULT != 0;
    if word == u32::MAX {
        return Err(NoData::Absent);
    }
    if word == 0 || word & RESERVED != 0 || is_faulty != (word & ANY_FAULT != 0) {
        return Err(NoData::Corrupt);
    }
    let [high, low, cold_high, cold_low] = frame;
    let quarters = i16::from_be_bytes([high, low]) >> 2;
    let sixteenths = i16::from_be_bytes([cold_high, cold_low]) >> 4;
    let celsius = |number, range| within(QuantityKind::Temperature, number, range);
    let thermocouple = match word & ANY_FAULT {
        0 => celsius(f64::from(quarters) / 4.0, THERMOCOUPLE_RANGE),
        faults if faults & OPEN != 0 => Err(NoData::Absent),
        _ => Err(NoData::Implausible),
    };
    Ok([thermocouple, celsius(f64::from(sixteenths) / 16.0, COLD_JUNCTION_RANGE)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(word: u32) -> Result<[Result<f64, NoData>; 2], NoData> {
        let junctions = junctions(word.to_be_bytes())?;
        Ok(junctions.map(|outcome| outcome.map(Quantity::number)))
    }

    /// Tables 4 and 5.
    #[test]
    fn words_become_the_temperatures_of_the_datasheet() {
        for (hot, cold, thermocouple, cold_junction) in [
            (0b01_1001_0000_0000, 0b0110_0100_1001, 1_600.0, 100.5625),
            (0b00_0001_1001_0011, 0b0001_1001_0000, 100.75, 25.0),
            (0b00_0000_0000_0000, 0b1111_1111_1111, 0.0, -0.0625),
            (0b11_1111_1111_1111, 0b0000_0000_0000, -0.25, 0.0),
            (0b11_1100_0001_1000, 0b1110_1100_0000, -250.0, -20.0),
        ] {
            let found = numbers(hot << 18 | cold << 4);
            assert_eq!(found, Ok([Ok(thermocouple), Ok(cold_junction)]));
        }
    }

    #[test]
    fn a_faulty_thermocouple_is_a_gap_and_the_cold_junction_is_measured_all_the_same() {
        for (faults, reason) in
            [(0b001, NoData::Absent), (0b010, NoData::Implausible), (0b100, NoData::Implausible)]
        {
            let found = numbers(0x7FFC_0000 | FAULT | 0x1900 | faults);
            assert_eq!(found, Ok([Err(reason), Ok(25.0)]));
        }
    }

    #[test]
    fn what_the_chip_cannot_send_is_not_measured() {
        assert_eq!(numbers(u32::MAX), Err(NoData::Absent));
        for word in [0, 0x0640_1908, 0x0642_1900, 0x0641_1900, 0x0640_1901] {
            assert_eq!(numbers(word), Err(NoData::Corrupt), "{word:#010x}");
        }
    }

    #[test]
    fn what_neither_junction_can_be_at_is_a_gap() {
        let implausible = Err(NoData::Implausible);
        assert_eq!(numbers(0x7FFC_7FF0), Ok([implausible, implausible]));
        assert_eq!(numbers(0x8000_8000), Ok([implausible, implausible]));
    }
}
