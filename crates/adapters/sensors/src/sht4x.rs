//! Sensirion SHT40, SHT41, SHT45: temperature and relative humidity, over I2C.
//!
//! SHT4x datasheet, version 6. Commands are the published `sht4x` driver's, whose raw words are used:
//! its own conversion has steps of 0.003 °C, always downwards. Range -40 to 125 °C and 0 to 100 %,
//! both in steps of 0.01. Addresses 0x44, 0x45, 0x46, by part number.
//!
//! # Beyond 0 and 100 %
//!
//! The chip's scale goes from -6 to 119 %, so that neither end is cut while there is noise (4.6). What
//! is beyond means the end, and is reported as such, as the datasheet asks for.
//!
//! # Deliberately absent
//!
//! The heater, which is off unless it is asked for.

use core::time::Duration;

use domain::NoData;
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};
use sht4x::{Address, Error};

use crate::{
    Arguments, Attachment, BadOptions, Entry, I2cPlace, Parameter, Point, Preset, Value,
    hygrometer::{Air, points},
    sensors_of,
};

/// Operating range (2.2), °C.
const TEMPERATURE_RANGE: (f64, f64) = (-40.0, 125.0);
/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &points(TEMPERATURE_RANGE, 0.01);

pub(crate) const ENTRY: Entry = Entry {
    driver: "sht4x",
    part: "Sensirion SHT40, SHT41, SHT45",
    summary: "temperature, ±0.1 to 0.2 °C, and relative humidity, ±1 to 1.8 %",
    datasheet: "Sensirion SHT4x, version 6",
    parameters: &[Parameter {
        name: "precision",
        summary: "little noise, or little time",
        value: Value::Choice {
            choices: &["high", "medium", "low"],
            preset: Preset::Default("high"),
        },
    }],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[0x44, 0x45, 0x46],
        make: |I2cPlace { bus, delay, address, bus_timeout }, arguments| {
            let precision = Precision::of(arguments)?;
            let options = Sht4xOptions { address, precision, bus_timeout };
            Ok(Box::new(Sht4x::new(bus, delay, options)?))
        },
    }],
};

/// 9 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_millis(1);

/// How much the chip averages (table 2): 0.04, 0.07 or 0.1 °C and 0.08, 0.15 or 0.25 % of noise
/// (three standard deviations).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Least noise; takes 9 ms.
    #[default]
    High,
    /// Takes 5 ms.
    Medium,
    /// Most noise; takes 2 ms.
    Low,
}

impl Precision {
    fn of(arguments: &Arguments) -> Result<Self, BadOptions> {
        Ok(match arguments.choice("precision")? {
            "low" => Self::Low,
            "medium" => Self::Medium,
            _ => Self::High,
        })
    }

    const fn of_the_driver(self) -> sht4x::Precision {
        match self {
            Self::High => sht4x::Precision::High,
            Self::Medium => sht4x::Precision::Medium,
            Self::Low => sht4x::Precision::Low,
        }
    }

    /// What the driver waits: the longest that a measurement takes (table 5), rounded up.
    const fn takes(self) -> Duration {
        Duration::from_millis(match self {
            Self::High => 9,
            Self::Medium => 5,
            Self::Low => 2,
        })
    }
}

/// Where the chip is, how it measures, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sht4xOptions {
    /// 0x44, 0x45 or 0x46: the part number's letter A, B or C.
    pub address: SevenBitAddress,
    /// Noise against time.
    pub precision: Precision,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One SHT4x on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Sht4x<I2C, D> {
    bus: I2C,
    delay: D,
    address: Address,
    options: Sht4xOptions,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Sht4x<I2C, D> {
    /// Takes the bus handle and the delay for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if no SHT4x can have that address.
    pub fn new(bus: I2C, delay: D, options: Sht4xOptions) -> Result<Self, BadOptions> {
        let address = match options.address {
            0x44 => Address::Address0x44,
            0x45 => Address::Address0x45,
            0x46 => Address::Address0x46,
            other => {
                let message = format!("no SHT4x is at {other:#04x}");
                return Err(BadOptions::Unfit { parameter: "address", message });
            }
        };
        Ok(Self { bus, delay, address, options, sensors: sensors_of(SENSORS) })
    }
}

impl<I2C, D> Device for Sht4x<I2C, D>
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
        self.options.precision.takes() + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let mut chip = ::sht4x::Sht4x::new_with_address(&mut self.bus, self.address);
        let precision = self.options.precision.of_the_driver();
        let words = chip.measure_raw(precision, &mut self.delay).map_err(reason)?;
        // 4.6.
        let humidity = f64::from(words.humidity) * 125.0 / 65_535.0 - 6.0;
        let air = Air {
            celsius: f64::from(words.temperature) * 175.0 / 65_535.0 - 45.0,
            humidity_percent: humidity.clamp(0.0, 100.0),
        };
        Ok(air.measurement(TEMPERATURE_RANGE))
    }
}

fn reason<E: Into<NoData>>(fault: Error<E>) -> NoData {
    match fault {
        Error::I2c(fault) => fault.into(),
        Error::Crc => NoData::Corrupt,
        // The driver may get reasons that are not known yet.
        _ => NoData::Internal,
    }
}

#[cfg(test)]
mod tests {
    use domain::Quantity;
    use embedded_hal_mock::eh1::{
        delay::NoopDelay,
        i2c::{Mock, Transaction},
    };

    use super::*;
    use crate::{scripted::Scripted, sensirion::framed};

    const OPTIONS: Sht4xOptions = Sht4xOptions {
        address: 0x46,
        precision: Precision::High,
        bus_timeout: Duration::from_secs(1),
    };

    fn measure(precision: Precision, command: u8, words: [u16; 2]) -> [Option<f64>; 2] {
        let answer = words.map(framed).concat();
        let script = [Transaction::write(0x46, vec![command]), Transaction::read(0x46, answer)];
        let mut bus = Mock::new(&script);
        let options = Sht4xOptions { precision, ..OPTIONS };
        let mut chip = Sht4x::new(Scripted(bus.clone()), NoopDelay::new(), options).unwrap();
        let outcomes = chip.measure(Duration::ZERO).unwrap().outcomes;
        bus.done();
        [0, 1].map(|index| outcomes[index].1.ok().map(Quantity::number))
    }

    #[test]
    fn every_precision_has_its_command() {
        for (precision, command) in
            [(Precision::High, 0xFD), (Precision::Medium, 0xF6), (Precision::Low, 0xE0)]
        {
            assert_eq!(measure(precision, command, [0x8000; 2]), [Some(42.5), Some(56.5)]);
        }
    }

    #[test]
    fn humidity_beyond_its_ends_is_the_end_and_temperature_beyond_its_range_is_a_gap() {
        assert_eq!(measure(Precision::High, 0xFD, [0, 0]), [None, Some(0.0)]);
        assert_eq!(measure(Precision::High, 0xFD, [0xFFFF; 2]), [None, Some(100.0)]);
    }

    #[test]
    fn an_address_that_no_sht4x_has_is_refused() {
        let options = Sht4xOptions { address: 0x70, ..OPTIONS };
        let refused = Sht4x::new((), (), options).unwrap_err();
        assert_eq!(refused.to_string(), "address: no SHT4x is at 0x70");
    }
}
