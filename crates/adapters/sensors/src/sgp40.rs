//! Sensirion SGP40: volatile organic compounds, over I2C.
//!
//! SGP40 datasheet, version 1.2. Sensors: `raw`, the signal in ticks (0 to 65 535; fewer are more gas),
//! and `voc_index`, Sensirion's index (1 to 500; 100 is the average of the last day). Address 0x59.
//!
//! The published `sgp40` 1.0 is not used. Its index swaps steepness and middle of the curve that says
//! what is learnt, so that it never learns; it panics on ticks of 0 and of 65 000 and more; and it
//! cannot be begun anew for another chip. The index here is written after Sensirion's algorithm.
//!
//! # Compensation
//!
//! The chip is told humidity and temperature with each command, here fixed ones. 50 % and 25 °C are
//! what its own default is.
//!
//! # The index lives
//!
//! Its algorithm takes one sample per interval and learns for hours. It is begun anew when the chip was
//! absent, since another one may be there; a sample that is missing for another reason is skipped. For the
//! first 45 s it is [`NoData::NotReady`].
//!
//! # Deliberately absent
//!
//! Saving what the index has learnt. The heater is on from the first measurement; nobody turns it off.

mod voc_index;

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Attachment, Entry, I2cPlace, Parameter, Point, Preset, Value,
    sensirion::{framed, read_words},
    sensors_of,
};
use voc_index::VocIndex;

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[
    Point {
        name: "raw",
        kind: QuantityKind::Dimensionless,
        resolution: 1.0,
        low: 0.0,
        high: 65_535.0,
    },
    Point {
        name: "voc_index",
        kind: QuantityKind::Dimensionless,
        resolution: 1.0,
        low: 1.0,
        high: 500.0,
    },
];

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "humidity_percent",
        summary: "relative humidity of the air that the chip is to compensate for",
        value: Value::Number { unit: "%", low: 0.0, high: 100.0, preset: Preset::Default(50.0) },
    },
    Parameter {
        name: "temperature_celsius",
        summary: "temperature of the air that the chip is to compensate for",
        value: Value::Number {
            unit: "Cel",
            low: -45.0,
            high: 130.0,
            preset: Preset::Default(25.0),
        },
    },
    Parameter {
        name: "index_interval",
        summary: "the period again, for which the index is scaled",
        value: Value::Duration {
            low: Duration::from_secs(1),
            high: Duration::from_secs(10),
            preset: Preset::Default(Duration::from_secs(1)),
        },
    },
];

pub(crate) const ENTRY: Entry = Entry {
    driver: "sgp40",
    part: "Sensirion SGP40",
    summary: "volatile organic compounds: raw ticks and an index against the last day",
    datasheet: "Sensirion SGP40, version 1.2",
    parameters: PARAMETERS,
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[ADDRESS],
        make: |I2cPlace { bus, delay, bus_timeout, .. }, arguments| {
            let options = Sgp40Options {
                humidity_percent: arguments.number("humidity_percent")?,
                celsius: arguments.number("temperature_celsius")?,
                interval: arguments.duration("index_interval")?,
                bus_timeout,
            };
            Ok(Box::new(Sgp40::new(bus, delay, options)))
        },
    }],
};

const ADDRESS: SevenBitAddress = 0x59;
const MEASURE: [u8; 2] = [0x26, 0x0F];
/// Table 8: the longest that it takes.
const MEASURE_TAKES: Duration = Duration::from_millis(30);
/// 13 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_millis(2);

/// What air the chip is told to be in, how often it is asked, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgp40Options {
    /// Relative humidity, 0 to 100 %; the default is 50.
    pub humidity_percent: f64,
    /// Temperature, -45 to 130 °C; the default is 25.
    pub celsius: f64,
    /// The device's period, 1 to 10 s, for which the index is scaled.
    pub interval: Duration,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

impl Sgp40Options {
    /// The command with its two words (tables 10 and 11). Beyond its range a number is the range's end.
    fn command(&self) -> [u8; 8] {
        let [h0, h1, h2] = framed(word(self.humidity_percent / 100.0));
        let [t0, t1, t2] = framed(word((self.celsius + 45.0) / 175.0));
        let [c0, c1] = MEASURE;
        [c0, c1, h0, h1, h2, t0, t1, t2]
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of a word first; what is no number becomes 0"
)]
fn word(share: f64) -> u16 {
    (share * 65_535.0).round().clamp(0.0, 65_535.0) as u16
}

/// One SGP40 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Sgp40<I2C, D> {
    bus: I2C,
    delay: D,
    options: Sgp40Options,
    index: VocIndex,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Sgp40<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Sgp40Options) -> Self {
        let index = VocIndex::every(options.interval);
        Self { bus, delay, options, index, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Sgp40<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    fn ticks(&mut self) -> Result<u16, NoData> {
        self.bus.write(ADDRESS, &self.options.command()).map_err(Into::into)?;
        self.delay.delay_us(u32::try_from(MEASURE_TAKES.as_micros()).unwrap_or(u32::MAX));
        let [ticks] = read_words(&mut self.bus, ADDRESS)?;
        Ok(ticks)
    }
}

impl<I2C, D> Device for Sgp40<I2C, D>
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
        MEASURE_TAKES + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let ticks = self.ticks().inspect_err(|reason| {
            if *reason == NoData::Absent {
                self.index = VocIndex::every(self.options.interval);
            }
        })?;
        let index = self.index.after(ticks).ok_or(NoData::NotReady);
        let outcomes = vec![(0, ratio(f64::from(ticks))), (1, index.and_then(ratio))];
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

fn ratio(number: f64) -> Result<Quantity, NoData> {
    QuantityKind::Dimensionless.quantity(number).map_err(|_| NoData::Implausible)
}

#[cfg(test)]
mod tests;
