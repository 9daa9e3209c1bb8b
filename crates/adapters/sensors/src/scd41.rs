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
//! # Forced recalibration
//!
//! 3.8.1, the procedure `forced_recalibration`: for three minutes at least the chip has measured, at its
//! usual voltage, in air that is well mixed and has a known share of carbon dioxide, such as 420 ppm
//! outdoors; then it is told that share as the target. It is stopped for that and started again with the next measurement; the chip keeps what it
//! has found without supply. The commands are written here: the published driver takes a correction below
//! zero for a failure.
//!
//! # Deliberately absent
//!
//! Self-calibration keeps the chip's setting (on, for chips that breathe fresh air once a week).
//! Temperature offset and altitude are the chip's stored ones.

use core::time::Duration;

use domain::{Correction, NoData, Quantity, QuantityKind};
use embedded_hal::{delay::DelayNs, i2c::I2c};
use ports::{Calibrating, Device, Measurement, NotCalibrated, Procedure, Sensor, TargetRange};
use scd4x::{Error, Scd4x, types::RawSensorData};

use crate::{
    Attachment, Entry, I2cPlace, Parameter, Point, Preset, Value,
    hygrometer::{Air, points},
    sensirion::{framed, read_words},
    sensors_of, words,
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
        addresses: &[ADDRESS],
        make: |I2cPlace { bus, delay, bus_timeout, .. }, arguments| {
            let ambient_hectopascals = arguments.integer("ambient_hpa")?;
            let options = Scd41Options { ambient_hectopascals, bus_timeout };
            Ok(Box::new(Scd41::new(bus, delay, options)))
        },
    }],
};

const ADDRESS: u8 = 0x62;

/// 3.8.1. The target is in the range of the SCD41's accuracy (table 1).
const PROCEDURES: &[Procedure] = &[Procedure {
    name: "forced_recalibration",
    target: Some(TargetRange { kind: QuantityKind::CarbonDioxide, low: 400.0, high: 5_000.0 }),
}];
const STOP: [u8; 2] = [0x3F, 0x86];
/// How long the chip takes to stop, and to recalibrate itself (table 9).
const STOP_TAKES: Duration = Duration::from_millis(500);
const RECALIBRATION: [u8; 2] = [0x36, 0x2F];
const RECALIBRATION_TAKES: Duration = Duration::from_millis(400);
/// What it says of a recalibration that failed; else the correction plus 0x8000.
const FAILED: u16 = 0xFFFF;
const NO_CORRECTION: i32 = 0x8000;

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
    recalibration: Option<Phase>,
}

/// What a forced recalibration waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The chip has been told to stop.
    Stopping,
    /// It has been told the target.
    Recalibrating,
}

impl<I2C, D> Scd41<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Scd41Options) -> Self {
        let (sensors, vigil) = (sensors_of(SENSORS), Vigil::default());
        Self { bus, delay, options, sensors, vigil, recalibration: None }
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

    /// One step of a forced recalibration, after `phase`; and for what to wait then.
    fn recalibrate(
        &mut self,
        phase: Option<Phase>,
        target: u16,
    ) -> Result<Calibrating, NotCalibrated> {
        let (next, waits) = match phase {
            None => {
                words::write(&mut self.bus, ADDRESS, &STOP).map_err(NotCalibrated::Failed)?;
                // Whatever comes of it, it is to be started again.
                self.vigil.end();
                (Phase::Stopping, STOP_TAKES)
            }
            Some(Phase::Stopping) => {
                let bytes = [&RECALIBRATION[..], &framed(target)].concat();
                words::write(&mut self.bus, ADDRESS, &bytes).map_err(NotCalibrated::Failed)?;
                (Phase::Recalibrating, RECALIBRATION_TAKES)
            }
            Some(Phase::Recalibrating) => {
                let [word] = read_words(&mut self.bus, ADDRESS).map_err(NotCalibrated::Failed)?;
                return correction(word);
            }
        };
        self.recalibration = Some(next);
        Ok(Calibrating::Waits(waits))
    }
}

fn correction(word: u16) -> Result<Calibrating, NotCalibrated> {
    if word == FAILED {
        return Err(NotCalibrated::Rejected);
    }
    let number = f64::from(i32::from(word) - NO_CORRECTION);
    let kind = QuantityKind::CarbonDioxide;
    Ok(Calibrating::Done(Some(Correction { number, kind })))
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

    fn procedures(&self) -> &'static [Procedure] {
        PROCEDURES
    }

    fn calibrate(
        &mut self,
        procedure: &str,
        target: Option<f64>,
    ) -> Result<Calibrating, NotCalibrated> {
        let offered = PROCEDURES.iter().find(|offered| offered.name == procedure);
        let is_admitted = offered.is_some_and(|offered| offered.admits(target));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "400 to 5000")]
        let target = target.filter(|_| is_admitted).map(|target| target.round() as u16);
        let target = target.ok_or(NotCalibrated::NoProcedure)?;
        let phase = self.recalibration.take();
        self.recalibrate(phase, target)
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        if self.recalibration.is_some() {
            return Err(NoData::NotReady);
        }
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
