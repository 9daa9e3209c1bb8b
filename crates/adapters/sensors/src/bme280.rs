//! Bosch BME280: temperature, relative humidity and air pressure, over I2C or SPI.
//!
//! Datasheet BST-BME280-DS002. Registers and compensation are the published `bme280` driver's. Over
//! SPI they are reached by the bridge in [`spi`]: the published one reads each answer a byte too
//! early.
//!
//! # Set up anew for every measurement
//!
//! Forced mode, each quantity sampled once, no filter: "weather monitoring" of section 3.5.1. The
//! chip is reset, its calibration read and its oversampling set each time, which costs 9 ms at 100
//! kHz. In return there is no state to be wrong: a chip that lost its supply for a moment skips all
//! conversions and gives the constant 0x80000, which compensates to a plausible temperature; a chip
//! that was swapped has another calibration.
//!
//! # Numbers that are not measurements
//!
//! * The driver clamps temperature and pressure to the operating range, so a number at its very end
//!   is [`NoData::Implausible`]. 0 and 100 % of humidity are real.
//! * A BMP280 on the board (id 0x58) gives no humidity: that sensor is [`NoData::Absent`], the
//!   others work. Any other id is [`NoData::Corrupt`]: what answers is not this chip. Over SPI an
//!   id of 0xFF is a line that nobody drives: [`NoData::Absent`].

mod spi;

use core::time::Duration;

use bme280::{Configuration, Error, Measurements, i2c::BME280};
use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

pub use self::spi::Bme280OnSpi;
use crate::{Attachment, Entry, I2cPlace, Point, SpiPlace, rounded, sensors_of};

/// The sensors, in the order of their indices: output resolution of section 1.2 to a decimal, and the
/// operating ranges of section 1.1.
const SENSORS: &[Point] = &[
    Point {
        name: "temperature",
        kind: QuantityKind::Temperature,
        resolution: 0.01,
        low: -40.0,
        high: 85.0,
    },
    Point {
        name: "humidity",
        kind: QuantityKind::RelativeHumidity,
        resolution: 0.01,
        low: 0.0,
        high: 100.0,
    },
    Point {
        name: "pressure",
        kind: QuantityKind::Pressure,
        resolution: 0.01,
        low: 300.0,
        high: 1100.0,
    },
];

pub(crate) const ENTRY: Entry = Entry {
    driver: "bme280",
    part: "Bosch Sensortec BME280",
    summary: "temperature, relative humidity and air pressure",
    datasheet: "Bosch Sensortec BST-BME280-DS002",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[
        Attachment::I2c {
            addresses: &[0x76, 0x77],
            make: |I2cPlace { bus, delay, address, bus_timeout }, _| {
                let options = Bme280Options { address, bus_timeout };
                Ok(Box::new(Bme280::new(bus, delay, options)))
            },
        },
        Attachment::Spi {
            modes: &[0, 3],
            clock_hz_max: 10_000_000,
            make: |SpiPlace { chip, delay, .. }, _| Ok(Box::new(Bme280::on_spi(chip, delay))),
        },
    ],
};

const CHIP_ID: u8 = 0xD0;
const BME280_ID: u8 = 0x60;
const BMP280_ID: u8 = 0x58;
/// What a data line reads as that nobody drives.
const FLOATING: u8 = 0xFF;

/// Operating range (section 1.1), to which the driver clamps.
const TEMPERATURE_RANGE: (f32, f32) = (-40.0, 85.0);
/// In pascal.
const PRESSURE_RANGE: (f32, f32) = (30_000.0, 110_000.0);

/// 0.01 °C, 0.01 % and 0.01 hPa: what section 1.2 gives as output resolution, to a decimal.
const STEPS_PER_UNIT: f64 = 100.0;

/// What the driver waits: 2 ms after reset and 40 ms for a conversion of at most 9.3 ms (9.1).
const DELAYS: Duration = Duration::from_millis(42);
/// 100 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_millis(9);

/// Where the chip is, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bme280Options {
    /// 0x76, or 0x77 with SDO high.
    pub address: SevenBitAddress,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One BME280 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Bme280<I2C, D> {
    bus: I2C,
    delay: D,
    options: Bme280Options,
    /// What an id of [`FLOATING`] means.
    floating: NoData,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Bme280<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Bme280Options) -> Self {
        Self { bus, delay, options, floating: NoData::Corrupt, sensors: sensors_of(SENSORS) }
    }
}

impl<SPI, D> Bme280<Bme280OnSpi<SPI>, D> {
    /// Takes the chip select, mode 0 or 3 up to 10 MHz, and the delay for good.
    pub fn on_spi(chip: SPI, delay: D) -> Self {
        // The controller makes the clock: no chip can hold it. There is one chip, whatever the address.
        let options = Bme280Options { address: 0, bus_timeout: Duration::ZERO };
        let bus = Bme280OnSpi::new(chip);
        Self { bus, delay, options, floating: NoData::Absent, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Device for Bme280<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        DELAYS + TRANSFERS * 2 + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        DELAYS + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let address = self.options.address;
        let mut id = [0];
        self.bus.write_read(address, &[CHIP_ID], &mut id).map_err(Into::into)?;
        let has_humidity = match id {
            [BME280_ID] => true,
            [BMP280_ID] => false,
            [FLOATING] => return Err(self.floating),
            [_] => return Err(NoData::Corrupt),
        };
        let mut chip = BME280::new(&mut self.bus, address);
        chip.init_with_config(&mut self.delay, Configuration::default()).map_err(reason)?;
        let found = chip.measure(&mut self.delay).map_err(reason)?;
        let outcomes = outcomes(&found, has_humidity).into_iter().enumerate().collect();
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

fn outcomes<E>(found: &Measurements<E>, has_humidity: bool) -> [Result<Quantity, NoData>; 3] {
    let quantity = |kind: QuantityKind, number: f64| {
        kind.quantity(rounded(number, STEPS_PER_UNIT)).map_err(|_| NoData::Implausible)
    };
    let humidity = || quantity(QuantityKind::RelativeHumidity, f64::from(found.humidity));
    [
        within(found.temperature, TEMPERATURE_RANGE)
            .and_then(|celsius| quantity(QuantityKind::Temperature, celsius)),
        if has_humidity { humidity() } else { Err(NoData::Absent) },
        within(found.pressure, PRESSURE_RANGE)
            .and_then(|pascal| quantity(QuantityKind::Pressure, pascal / 100.0)),
    ]
}

/// Admits a number that is inside of the range, not clamped to it.
fn within(number: f32, (low, high): (f32, f32)) -> Result<f64, NoData> {
    let is_inside = low < number && number < high;
    is_inside.then_some(f64::from(number)).ok_or(NoData::Implausible)
}

fn reason<E: Into<NoData>>(fault: Error<E>) -> NoData {
    match fault {
        Error::Bus(fault) => fault.into(),
        // Calibration or mode bits that no chip has, or an id that changed between two reads.
        Error::InvalidData | Error::UnsupportedChip | Error::CompensationFailed => NoData::Corrupt,
        Error::NoCalibrationData | Error::Delay => NoData::Internal,
    }
}

#[cfg(test)]
mod tests;
