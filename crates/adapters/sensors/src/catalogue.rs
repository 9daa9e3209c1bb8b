//! What there is in the catalogue, as data: one [`Entry`] per driver.
//!
//! An **entry** is a constant: what configuration calls the driver, what may be said of it
//! (**parameters**), what it measures (**points**) and how it hangs on a bus (**attachments**, each with
//! the function that makes the device). Whoever reads a configuration, prints the catalogue or writes
//! its documentation page goes by entries alone; nobody but the entry's own file knows the driver.
//! An entry may stand in any crate, and join the others in a [`Catalogue`].
//!
//! # Invariants
//!
//! 1. `make` gets complete [`Arguments`]: each parameter has a value of its type and in its range.
//! 2. `make` touches no bus: a device can be made on a laptop, at a place that is
//!    [nowhere](I2cPlace::nowhere), to ask it what it would do.
//!
//! # Deliberately absent
//!
//! The text of configuration files, and device nodes.

mod example;
mod flaw;
mod place;

use core::fmt;

use domain::{QuantityKind, parameter::Undeclared};
use ports::{Device, Pacing, Sensor};

pub use domain::parameter::{Argument, Arguments, BadArgument, Parameter, Preset, Refusal, Value};
pub use flaw::Flaw;
pub use place::{
    Bias, BusFault, DelayHandle, Edges, GpioPlace, I2cHandle, I2cPlace, InputWish, Scans,
    SpiHandle, SpiPlace, SysfsPlace, UartPlace,
};

use crate::{
    ads1115, adxl345, aht20, bh1750, bme280, cobs_binary, delimited_text, ds3231, gpio_counter,
    gpio_level, hwmon, iio, iio_buffer, ina219, ina226, lis3dh, lm75, max6675, max31855, mcp3208,
    mcp9808, modbus_rtu, mpu6050, nmea0183, one_wire, pms7003, scd41, sgp40, sht4x, sht31, shtc3,
    tmp102, tmp117, veml7700,
};

/// Every driver of this crate, by name.
pub static CATALOGUE: &[Entry] = &[
    ads1115::ENTRY,
    adxl345::ENTRY,
    aht20::ENTRY,
    bh1750::ENTRY,
    bme280::ENTRY,
    cobs_binary::ENTRY,
    delimited_text::ENTRY,
    ds3231::ENTRY,
    gpio_counter::ENTRY,
    gpio_level::ENTRY,
    hwmon::ENTRY,
    iio::ENTRY,
    iio_buffer::ENTRY,
    ina219::ENTRY,
    ina226::ENTRY,
    lis3dh::ENTRY,
    lm75::ENTRY,
    max31855::ENTRY,
    max6675::ENTRY,
    mcp3208::ENTRY,
    mcp9808::ENTRY,
    modbus_rtu::ENTRY,
    mpu6050::ENTRY,
    nmea0183::ENTRY,
    one_wire::ENTRY,
    pms7003::ENTRY,
    scd41::ENTRY,
    sgp40::ENTRY,
    sht31::ENTRY,
    sht4x::ENTRY,
    shtc3::ENTRY,
    tmp102::ENTRY,
    tmp117::ENTRY,
    veml7700::ENTRY,
];

/// One driver.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What configuration calls it, such as `bme280`; the file that it is in has the same name.
    pub driver: &'static str,
    /// Maker and part number, or the name of the protocol.
    pub part: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// The document it is written from: number and revision.
    pub datasheet: &'static str,
    /// What configuration may say besides driver, bus, address, and period or silence.
    pub parameters: &'static [Parameter],
    /// Its measuring points; empty if a parameter of kind [`Value::Named`] names them.
    pub sensors: &'static [Point],
    /// How it can hang on a bus: one attachment per class of bus at most, the usual one first.
    pub attachments: &'static [Attachment],
}

/// One measuring point of a part. Numbers are in the unit of `kind`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The sensor's name; obeys the rules of stream names.
    pub name: &'static str,
    /// What it measures.
    pub kind: QuantityKind,
    /// The smallest difference that the part shows as the driver sets it up.
    pub resolution: f64,
    /// The least that the part can measure.
    pub low: f64,
    /// The most that the part can measure.
    pub high: f64,
}

/// A device, or why there can be none. A `make` that cannot fail is best written as a closure.
pub type Made = Result<Box<dyn Device>, BadOptions>;

/// How a part hangs on a class of bus, and the function that makes its device there.
#[derive(Clone, Copy)]
pub enum Attachment {
    /// On two wires with others.
    I2c {
        /// The addresses it can be strapped to, the usual one first; one at least.
        addresses: &'static [u8],
        /// Makes the device without touching the bus.
        make: fn(I2cPlace, &Arguments) -> Made,
    },
    /// Behind a chip select of its own.
    Spi {
        /// The clock polarities and phases (0 to 3) that it takes, the usual one first; one at least.
        modes: &'static [u8],
        /// The fastest clock that it takes, in hertz.
        clock_hz_max: u32,
        /// Makes the device without touching the bus.
        make: fn(SpiPlace, &Arguments) -> Made,
    },
    /// At the end of a serial line.
    Uart {
        /// Whether it waits to be asked or speaks unasked.
        pacing: Pacing,
        /// The parameter that tells it from its like on the same line, if several can be on one.
        station: Option<&'static str>,
        /// Makes the device without touching the line.
        make: fn(UartPlace, &Arguments) -> Made,
    },
    /// Driven by the kernel, which tells of it in files.
    Sysfs {
        /// Makes the device without touching the files.
        make: fn(SysfsPlace, &Arguments) -> Made,
    },
    /// On a line of a chip of digital inputs.
    Gpio {
        /// Makes the device without touching the line.
        make: fn(GpioPlace, &Arguments) -> Made,
    },
}

/// The kind of bus that a device hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BusClass {
    /// Two wires, many devices, an address each.
    I2c,
    /// One device per chip select.
    Spi,
    /// One device per line, or several that are asked.
    Uart,
    /// The tree of the kernel's own devices.
    Sysfs,
    /// A chip of digital inputs.
    Gpio,
}

/// No device can be made with these options.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
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
    /// Parameters that are good one by one do not go together.
    #[error("{parameter}: {message}")]
    Unfit {
        /// The parameter that is best changed.
        parameter: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The driver asks for an argument that its entry does not declare, or of another type.
    #[error("the driver asks for what its entry lacks")]
    Undeclared(#[from] Undeclared),
    /// A field lies where no payload has bytes.
    #[error("a field ends at byte {end}, and the longest payload has {payload_bytes_max}")]
    BeyondFrame {
        /// The byte after the field.
        end: usize,
        /// The longest payload.
        payload_bytes_max: usize,
    },
    /// A slave on a Modbus line has an address from 1 to 247.
    #[error("no slave has the address {unit}")]
    Unit {
        /// The address as offered.
        unit: u8,
    },
    /// A line has a speed.
    #[error("a line of 0 baud transmits nothing")]
    Baud,
    /// A Modbus frame holds 1 to 125 registers.
    #[error("no frame holds {registers} registers")]
    Block {
        /// The number as offered.
        registers: u16,
    },
    /// The table has no such addresses, or cannot hold such a thing.
    #[error("nothing of that type can be at address {address}")]
    Register {
        /// The first address as offered.
        address: u16,
    },
}

/// What configuration means by `word`, one of the choices of `parameter`.
pub(crate) fn meant<T: Copy>(
    parameter: &'static str,
    word: &str,
    names: &[(&str, T)],
) -> Result<T, BadOptions> {
    let found = names.iter().find(|(name, _)| *name == word);
    found.map(|(_, meaning)| *meaning).ok_or(Undeclared { name: parameter }.into())
}

impl Entry {
    /// The attachment for a class of bus, if it has one.
    pub fn attachment(&self, class: BusClass) -> Option<&'static Attachment> {
        self.attachments.iter().find(|attachment| attachment.class() == class)
    }

    /// Who sets the pace of its devices. The same on every bus.
    pub fn pacing(&self) -> Pacing {
        self.attachments.first().map_or(Pacing::Asked, Attachment::pacing)
    }

    /// The I2C addresses that it can be strapped to, the usual one first; empty if it has no I2C.
    pub fn addresses(&self) -> &'static [u8] {
        match self.attachment(BusClass::I2c) {
            Some(Attachment::I2c { addresses, .. }) => addresses,
            Some(
                Attachment::Spi { .. }
                | Attachment::Uart { .. }
                | Attachment::Sysfs { .. }
                | Attachment::Gpio { .. },
            )
            | None => &[],
        }
    }
}

impl PartialEq for Entry {
    /// By name: a [`Catalogue`] has each once.
    fn eq(&self, other: &Self) -> bool {
        self.driver == other.driver
    }
}

impl Point {
    /// The same as devices tell it.
    pub fn sensor(&self) -> Sensor {
        Sensor { name: self.name.to_owned(), kind: self.kind }
    }
}

impl Attachment {
    /// What it hangs on.
    pub const fn class(&self) -> BusClass {
        match self {
            Self::I2c { .. } => BusClass::I2c,
            Self::Spi { .. } => BusClass::Spi,
            Self::Uart { .. } => BusClass::Uart,
            Self::Sysfs { .. } => BusClass::Sysfs,
            Self::Gpio { .. } => BusClass::Gpio,
        }
    }

    /// The parameter that tells a device from its like on a serial line, if several can be on one.
    pub const fn station(&self) -> Option<&'static str> {
        match self {
            Self::I2c { .. } | Self::Spi { .. } | Self::Sysfs { .. } | Self::Gpio { .. } => None,
            Self::Uart { station, .. } => *station,
        }
    }

    /// Who sets the pace.
    pub const fn pacing(&self) -> Pacing {
        match self {
            Self::I2c { .. } | Self::Spi { .. } | Self::Sysfs { .. } | Self::Gpio { .. } => {
                Pacing::Asked
            }
            Self::Uart { pacing, .. } => *pacing,
        }
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.class().fmt(f)
    }
}

impl BusClass {
    /// Every class, in the order of declaration.
    pub const ALL: &[Self] = &[Self::I2c, Self::Spi, Self::Uart, Self::Sysfs, Self::Gpio];

    /// The word that configuration has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I2c => "i2c",
            Self::Spi => "spi",
            Self::Uart => "uart",
            Self::Sysfs => "sysfs",
            Self::Gpio => "gpio",
        }
    }
}

/// Our drivers, and those that somebody else has added.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue {
    extra: &'static [Entry],
}

impl Catalogue {
    /// The drivers of this crate.
    pub const OWN: Self = Self { extra: &[] };

    /// Those and `extra`.
    ///
    /// # Errors
    ///
    /// The first [`Flaw`] of an extra entry; one is that its name is taken.
    pub fn with(extra: &'static [Entry]) -> Result<Self, Flaw> {
        let catalogue = Self { extra };
        extra.iter().try_for_each(Entry::check)?;
        for entry in extra {
            let has_its_name = |other: &&Entry| other.driver == entry.driver;
            if catalogue.entries().filter(has_its_name).count() > 1 {
                return Err(Flaw::of(entry, "there is another driver of this name"));
            }
        }
        Ok(catalogue)
    }

    /// Every entry, ours first.
    pub fn entries(self) -> impl Iterator<Item = &'static Entry> {
        CATALOGUE.iter().chain(self.extra)
    }

    /// Finds the driver that configuration calls `driver`.
    pub fn find(self, driver: &str) -> Option<&'static Entry> {
        self.entries().find(|entry| entry.driver == driver)
    }
}

#[cfg(test)]
mod tests;
