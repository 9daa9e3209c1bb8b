//! Sensirion SCD41 (and SCD40): carbon dioxide, temperature and relative humidity, over I2C.
//!
//! SCD4x datasheet, version 1.7. Commands and checksums are the published `scd4x` driver's. Range 0 to
//! 40 000 ppm in steps of 1, -10 to 60 °C and 0 to 100 % in steps of 0.01. Address 0x62.
//!
//! # One measurement every five seconds
//!
//! The chip measures by itself; a call only asks whether there is something new, which takes 3 ms. What
//! was read once the chip does not give again: until the next measurement it is
//! [`NoData::NotReady`], never the old number. A period of 5 s or more gets a number each time, at most 5 s
//! old.
//!
//! # Starting, and starting again
//!
//! The chip is told the ambient pressure and started at the first call and after each failure of the
//! bus. A chip that is measuring already does not acknowledge the start, which is as good.
//!
//! A supply that failed between two calls leaves a chip that answers and never has anything. So it is
//! started again after [`POLLS_MIN`] calls without news, or twice as many as the last news took. If
//! there is still none the number doubles, up to [`POLLS_MAX`]: were a chip to take a second start as a
//! new one, it would be left alone for long enough all the same.
//!
//! # Deliberately absent
//!
//! Self-calibration keeps the chip's setting (on, for chips that breathe fresh air once a week).
//! Temperature offset and altitude are the chip's stored ones.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{delay::DelayNs, i2c::I2c};
use ports::{Device, Measurement, Sensor};
use scd4x::{Error, Scd4x, types::RawSensorData};

use crate::{
    Attachment, Entry, I2cPlace, Parameter, Point, Preset, Value,
    hygrometer::{Air, points},
    sensors_of,
};

/// Output range (2.1), ppm.
const PPM_MAX: u16 = 40_000;
/// Operating range (2.3), °C.
const TEMPERATURE_RANGE: (f64, f64) = (-10.0, 60.0);

const AIR: [Point; 2] = points(TEMPERATURE_RANGE, 0.01);
/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[
    Point {
        name: "carbon_dioxide",
        kind: QuantityKind::CarbonDioxide,
        resolution: 1.0,
        low: 0.0,
        high: PPM_MAX as f64,
    },
    AIR[0],
    AIR[1],
];

pub(crate) const ENTRY: Entry = Entry {
    driver: "scd41",
    part: "Sensirion SCD40, SCD41",
    summary: "carbon dioxide, ±(50 ppm + 5 %), temperature and relative humidity, every 5 s",
    datasheet: "Sensirion SCD4x, version 1.7",
    parameters: &[Parameter {
        name: "ambient_hpa",
        summary: "air pressure at the place: 1013 at sea level, 12 less for each 100 m of height",
        value: Value::Integer {
            unit: "hPa",
            low: 700,
            high: 1_200,
            preset: Preset::Default(1_013),
        },
    }],
    sensors: SENSORS,
    attachments: &[Attachment::I2c {
        addresses: &[0x62],
        make: |I2cPlace { bus, delay, bus_timeout, .. }, arguments| {
            let ambient_hectopascals = arguments.integer("ambient_hpa")?;
            let options = Scd41Options { ambient_hectopascals, bus_timeout };
            Ok(Box::new(Scd41::new(bus, delay, options)))
        },
    }],
};

/// What the driver waits: 1 ms after each of pressure, start, data-ready and read (table 9).
const DELAYS: Duration = Duration::from_millis(4);
/// 29 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_millis(3);

/// Calls without news until the chip is started again: the least.
const POLLS_MIN: u32 = 8;
/// The most.
const POLLS_MAX: u32 = 4_096;

/// Where the chip is, and what the bus promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scd41Options {
    /// Air pressure at the chip, 700 to 1200 hPa; 1013 at sea level, 12 less for each 100 m of
    /// height. 10 hPa that are wrong make 1 % of carbon dioxide.
    pub ambient_hectopascals: u16,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One SCD41 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Scd41<I2C, D> {
    bus: I2C,
    delay: D,
    options: Scd41Options,
    sensors: Vec<Sensor>,
    vigil: Vigil,
}

impl<I2C, D> Scd41<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Scd41Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS), vigil: Vigil::default() }
    }
}

impl<I2C, D> Scd41<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    fn ask(&mut self) -> Result<Option<RawSensorData>, NoData> {
        // It remembers only whether it has started the chip, and would then refuse to do so again.
        let mut chip = Scd4x::new(&mut self.bus, &mut self.delay);
        if self.vigil.is_over() {
            chip.set_ambient_pressure(self.options.ambient_hectopascals).map_err(reason)?;
            match chip.start_periodic_measurement().map_err(reason) {
                // It has just acknowledged the pressure, so it is there, and measuring.
                Ok(()) | Err(NoData::Absent) => self.vigil.begin(),
                Err(other) => return Err(other),
            }
        }
        let has_news = chip.data_ready_status().map_err(reason)?;
        has_news.then(|| chip.sensor_output().map_err(reason)).transpose()
    }
}

impl<I2C, D> Device for Scd41<I2C, D>
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
        DELAYS + TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        match self.ask() {
            Ok(Some(words)) => {
                self.vigil.rewarded();
                let outcomes = outcomes(words).into_iter().enumerate().collect();
                Ok(Measurement { age: Duration::ZERO, outcomes })
            }
            Ok(None) => {
                self.vigil.in_vain();
                Err(NoData::NotReady)
            }
            Err(NoData::Corrupt) => Err(NoData::Corrupt),
            Err(other) => {
                self.vigil.end();
                Err(other)
            }
        }
    }
}

/// How long the chip has been waited for, in calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vigil {
    is_kept: bool,
    /// Calls without news, since the last news or start.
    polls: u32,
    /// So many end it.
    polls_max: u32,
}

impl Default for Vigil {
    fn default() -> Self {
        Self { is_kept: false, polls: 0, polls_max: POLLS_MIN }
    }
}

impl Vigil {
    /// The chip must be started.
    const fn is_over(self) -> bool {
        !self.is_kept
    }

    const fn begin(&mut self) {
        self.is_kept = true;
        self.polls = 0;
    }

    const fn end(&mut self) {
        self.is_kept = false;
    }

    /// News after `polls` calls without: so often is how often they come.
    fn rewarded(&mut self) {
        self.polls_max = self.polls.saturating_mul(2).clamp(POLLS_MIN, POLLS_MAX);
        self.polls = 0;
    }

    fn in_vain(&mut self) {
        self.polls += 1;
        if self.polls >= self.polls_max {
            self.polls_max = self.polls_max.saturating_mul(2).min(POLLS_MAX);
            self.end();
        }
    }
}

/// 3.6.2.
fn outcomes(words: RawSensorData) -> [Result<Quantity, NoData>; 3] {
    let air = Air {
        celsius: f64::from(words.temperature) * 175.0 / 65_535.0 - 45.0,
        humidity_percent: f64::from(words.humidity) * 100.0 / 65_535.0,
    };
    let [temperature, humidity] = air.outcomes(TEMPERATURE_RANGE);
    [carbon_dioxide(words.co2), temperature, humidity]
}

fn carbon_dioxide(ppm: u16) -> Result<Quantity, NoData> {
    let quantity = QuantityKind::CarbonDioxide.quantity(f64::from(ppm));
    quantity.ok().filter(|_| ppm <= PPM_MAX).ok_or(NoData::Implausible)
}

fn reason<E: Into<NoData>>(fault: Error<E>) -> NoData {
    match fault {
        Error::I2c(fault) => fault.into(),
        Error::Crc => NoData::Corrupt,
        // Only commands that are not used here fail so.
        Error::SelfTest | Error::NotAllowed | Error::Internal => NoData::Internal,
    }
}

#[cfg(test)]
mod tests;
