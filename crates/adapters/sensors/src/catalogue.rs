//! What there is in the catalogue.

use domain::QuantityKind;

use crate::{bme280, nmea0183};

/// The kind of bus that a device hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BusClass {
    /// Two wires, many devices, an address each.
    I2c,
    /// One device per chip select.
    Spi,
    /// One device per line, which speaks when it likes.
    Uart,
}

/// One driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What configuration calls it.
    pub driver: &'static str,
    /// What it hangs on.
    pub bus: BusClass,
    /// The I2C addresses it can be strapped to, the usual one first; empty on other buses.
    pub addresses: &'static [u8],
    /// Its sensors; empty if the options name them.
    pub sensors: &'static [(&'static str, QuantityKind)],
    /// The document it is written from.
    pub datasheet: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
}

/// Every driver, by name.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        driver: "bme280",
        bus: BusClass::I2c,
        addresses: &[0x76, 0x77],
        sensors: bme280::SENSORS,
        datasheet: "Bosch Sensortec BST-BME280-DS002",
        summary: "temperature, relative humidity and air pressure",
    },
    Entry {
        driver: "delimited_text",
        bus: BusClass::Uart,
        addresses: &[],
        sensors: &[],
        datasheet: "RFC 4180 without quoting",
        summary: "one line of numbers per measurement, each column a sensor",
    },
    Entry {
        driver: "mcp3208",
        bus: BusClass::Spi,
        addresses: &[],
        sensors: &[],
        datasheet: "Microchip DS21298",
        summary: "analogue to digital converter, 8 channels of 12 bits",
    },
    Entry {
        driver: "nmea0183",
        bus: BusClass::Uart,
        addresses: &[],
        sensors: nmea0183::SENSORS,
        datasheet: "NMEA 0183 version 4.11",
        summary: "GNSS receiver: position, altitude, speed, course, quality of the fix",
    },
];

impl Entry {
    /// Finds the driver that configuration calls `driver`.
    pub fn find(driver: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|entry| entry.driver == driver)
    }
}

/// No device can be made with these options.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadOptions {
    /// A device hosts one sensor at least.
    #[error("no sensor is named")]
    NoSensors,
    /// A converter measures against a positive voltage.
    #[error("a reference of {volts} V is not positive")]
    Reference {
        /// The voltage as offered.
        volts: f64,
    },
    /// A cell cannot be told from the next one.
    #[error("{delimiter:?} cannot stand between numbers")]
    Delimiter {
        /// The character as offered.
        delimiter: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_in_order_and_found_by_name_and_only_i2c_has_addresses() {
        assert!(CATALOGUE.is_sorted_by(|a, b| a.driver < b.driver));
        for entry in CATALOGUE {
            assert_eq!(Entry::find(entry.driver), Some(entry));
            assert_eq!(entry.addresses.is_empty(), entry.bus != BusClass::I2c, "{}", entry.driver);
        }
        assert_eq!(Entry::find("bme820"), None);
    }

    #[test]
    fn names_of_sensors_are_what_streams_can_carry() {
        for (name, _) in CATALOGUE.iter().flat_map(|entry| entry.sensors) {
            assert!(domain::StreamName::new("device", name).is_ok(), "{name}");
        }
    }
}
