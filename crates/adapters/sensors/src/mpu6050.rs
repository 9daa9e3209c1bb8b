//! TDK MPU-6050: acceleration and angular velocity on three axes, and temperature, over I2C.
//!
//! Register map RM-MPU-6000A-00, rev. 4.2; product specification PS-MPU-6000A-00, rev. 3.4. The
//! registers are written here: the published `mpu6050-dmp` driver is about the motion processor,
//! whose firmware it uploads.
//!
//! # Set up when it is not
//!
//! The chip powers up asleep. Each measurement reads the identity, the four configuration registers
//! and the power register; if they are not as they shall be, they are written, and the gyroscope
//! starts up (specification 6.1). A chip whose supply fails after that check is asleep, which its
//! flag says. Samples are taken a thousand times a second, behind a low-pass filter; all seven
//! numbers are of one sample.
//!
//! # Numbers that are not measurements
//!
//! Counts at an end of the range are [`NoData::Implausible`], as is a temperature beyond -40 to 85
//! °C; what was read before is never read again.
//!
//! # Deliberately absent
//!
//! The motion processor, the FIFO, a magnetometer behind the chip.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::delay::DelayNs;
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, I2cPlace, Made, Parameter, Point, Preset, Value,
    motion::{self, acceleration, inside},
    registers::{Burst, OverI2c, Registers},
    rounded, sensors_of,
    settings::{chosen, setting},
    wait,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "mpu6050",
    part: "TDK MPU-6050",
    summary: "acceleration and angular velocity on three axes, and temperature",
    datasheet: "RM-MPU-6000A-00, rev. 4.2; PS-MPU-6000A-00, rev. 3.4",
    parameters: &[
        motion::FULL_SCALE_G,
        Parameter {
            name: "full_scale_degrees",
            summary: "the highest angular velocity of either sign, per second",
            value: Value::Choice {
                choices: &["250", "500", "1000", "2000"],
                preset: Preset::Default("250"),
            },
        },
        Parameter {
            name: "bandwidth_hertz",
            summary: "of the low-pass filter",
            value: Value::Choice {
                choices: &["184", "94", "44", "21", "10", "5"],
                preset: Preset::Default("44"),
            },
        },
    ],
    sensors: SENSORS,
    attachments: &[Attachment::I2c { addresses: &[0x68, 0x69], make }],
};

fn make(place: I2cPlace, arguments: &Arguments) -> Made {
    let options = Mpu6050Options {
        full_scale_g: chosen(arguments, "full_scale_g")?,
        full_scale_degrees: chosen(arguments, "full_scale_degrees")?,
        bandwidth_hertz: chosen(arguments, "bandwidth_hertz")?,
    };
    let chip = OverI2c::new(place.bus, place.address, place.bus_timeout);
    Ok(Box::new(Mpu6050::new(chip, place.delay, options)?))
}

/// The sensors, in the order of their indices and of the chip's registers: a count at the lowest
/// full scale, and the highest.
const SENSORS: &[Point] = &[
    Point {
        name: "x",
        kind: QuantityKind::Acceleration,
        resolution: 0.000_6,
        low: -160.0,
        high: 160.0,
    },
    Point {
        name: "y",
        kind: QuantityKind::Acceleration,
        resolution: 0.000_6,
        low: -160.0,
        high: 160.0,
    },
    Point {
        name: "z",
        kind: QuantityKind::Acceleration,
        resolution: 0.000_6,
        low: -160.0,
        high: 160.0,
    },
    Point {
        name: "temperature",
        kind: QuantityKind::Temperature,
        resolution: 0.003,
        low: -40.0,
        high: 85.0,
    },
    Point {
        name: "rotation_x",
        kind: QuantityKind::AngularVelocity,
        resolution: 0.008,
        low: -2_000.0,
        high: 2_000.0,
    },
    Point {
        name: "rotation_y",
        kind: QuantityKind::AngularVelocity,
        resolution: 0.008,
        low: -2_000.0,
        high: 2_000.0,
    },
    Point {
        name: "rotation_z",
        kind: QuantityKind::AngularVelocity,
        resolution: 0.008,
        low: -2_000.0,
        high: 2_000.0,
    },
];

const SMPLRT_DIV: u8 = 0x19;
const INT_STATUS: u8 = 0x3A;
const PWR_MGMT_1: u8 = 0x6B;
const WHO_AM_I: u8 = 0x75;
const IDENTITY: u8 = 0x68;

/// The register counts up by itself (specification 9.3).
const BURST: Burst = Burst { on_i2c: 0, on_spi: 0 };

/// Awake, on the clock of the gyroscope's x axis, as the register map recommends (4.28).
const AWAKE: u8 = 0x01;
const DATA_READY: u8 = 1;

/// Full scale in g and its code (`AFS_SEL`).
pub(crate) const FULL_SCALES_G: &[(u16, u8)] = &[(2, 0), (4, 1), (8, 2), (16, 3)];
/// Full scale in degrees per second and its code (`FS_SEL`).
pub(crate) const FULL_SCALES_DEGREES: &[(u16, u8)] = &[(250, 0), (500, 1), (1_000, 2), (2_000, 3)];
/// Bandwidth in hertz and its code (`DLPF_CFG`).
pub(crate) const BANDWIDTHS: &[(u16, u8)] = &[(184, 1), (94, 2), (44, 3), (21, 4), (10, 5), (5, 6)];

const RANGE: (i16, i16) = (i16::MIN, i16::MAX);
/// Specification 6.1 and 6.2, at the lowest full scale; half as many at each next one.
const COUNTS_PER_G: f64 = 16_384.0;
const COUNTS_PER_DEGREE: [f64; 4] = [131.0, 65.5, 32.8, 16.4];
/// Register map 4.18.
const COUNTS_PER_KELVIN: f64 = 340.0;
const CELSIUS_AT_ZERO: f64 = 36.53;
const OPERATING: (f64, f64) = (-40.0, 85.0);

const STEPS_PER_KELVIN: f64 = 1e3;
const STEPS_PER_DEGREE: f64 = 1e3;

/// A millisecond, and a tenth for the oscillator.
const PERIOD: Duration = Duration::from_micros(1_100);
/// Specification 6.1: 30 ms for the gyroscope, typically, and the slowest filter's 19 ms.
const START_UP: Duration = Duration::from_millis(60);
/// 64 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_micros(5_760);

/// What the chip is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mpu6050Options {
    /// Highest acceleration of either sign: 2, 4, 8 or 16 g.
    pub full_scale_g: u16,
    /// Highest angular velocity of either sign: 250, 500, 1000 or 2000 °/s.
    pub full_scale_degrees: u16,
    /// Of the low-pass filter: 184, 94, 44, 21, 10 or 5 Hz.
    pub bandwidth_hertz: u16,
}

/// One MPU-6050: 0x68, or 0x69 with AD0 high.
#[derive(Debug)]
pub struct Mpu6050<R, D> {
    chip: R,
    delay: D,
    /// `SMPLRT_DIV`, `CONFIG`, `GYRO_CONFIG`, `ACCEL_CONFIG`.
    configuration: [u8; 4],
    counts_per_g: f64,
    counts_per_degree: f64,
    sensors: Vec<Sensor>,
}

impl<R, D> Mpu6050<R, D> {
    /// Takes the chip and the delay for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the chip has no such setting.
    pub fn new(chip: R, delay: D, options: Mpu6050Options) -> Result<Self, BadOptions> {
        let force = setting("full_scale_g", options.full_scale_g, FULL_SCALES_G)?;
        let turn = setting("full_scale_degrees", options.full_scale_degrees, FULL_SCALES_DEGREES)?;
        let bandwidth = setting("bandwidth_hertz", options.bandwidth_hertz, BANDWIDTHS)?;
        Ok(Self {
            chip,
            delay,
            configuration: [0, bandwidth, turn << 3, force << 3],
            counts_per_g: COUNTS_PER_G / f64::from(1_u8 << force),
            counts_per_degree: COUNTS_PER_DEGREE[usize::from(turn)],
            sensors: sensors_of(SENSORS),
        })
    }
}

impl<R: Registers, D: DelayNs + Send> Mpu6050<R, D> {
    fn is_set_up(&mut self) -> Result<bool, NoData> {
        let mut found = [0; 4];
        self.chip.read(SMPLRT_DIV, BURST, &mut found)?;
        Ok(found == self.configuration && self.chip.read_one(PWR_MGMT_1)? == AWAKE)
    }

    /// Awake first: asleep, the chip takes no configuration.
    fn set_up(&mut self) -> Result<(), NoData> {
        self.chip.write(PWR_MGMT_1, AWAKE)?;
        for (register, byte) in (SMPLRT_DIV..).zip(self.configuration) {
            self.chip.write(register, byte)?;
        }
        wait(&mut self.delay, START_UP);
        // What was sampled on the way is read, so that the next is fresh.
        sample(&mut self.chip)?;
        if self.is_set_up()? { Ok(()) } else { Err(NoData::Corrupt) }
    }

    fn outcomes(&self, counts: [i16; 7]) -> [Result<Quantity, NoData>; 7] {
        let force = |counts| acceleration(counts, RANGE, self.counts_per_g);
        let turn = |counts| rotation(counts, self.counts_per_degree);
        let [x, y, z, heat, roll, pitch, yaw] = counts;
        [force(x), force(y), force(z), temperature(heat), turn(roll), turn(pitch), turn(yaw)]
    }
}

/// The flag and the seven numbers, which follow each other, in one burst.
fn sample(chip: &mut impl Registers) -> Result<Option<[i16; 7]>, NoData> {
    let mut bytes = [0; 15];
    chip.read(INT_STATUS, BURST, &mut bytes)?;
    let [flags, words @ ..] = bytes;
    let mut counts = [0; 7];
    for (count, pair) in counts.iter_mut().zip(words.chunks_exact(2)) {
        *count = i16::from_be_bytes([pair[0], pair[1]]);
    }
    Ok((flags & DATA_READY != 0).then_some(counts))
}

fn rotation(counts: i16, counts_per_degree: f64) -> Result<Quantity, NoData> {
    inside(counts, RANGE)?;
    let degrees = rounded(f64::from(counts) / counts_per_degree, STEPS_PER_DEGREE);
    QuantityKind::AngularVelocity.quantity(degrees).map_err(|_| NoData::Implausible)
}

fn temperature(counts: i16) -> Result<Quantity, NoData> {
    let celsius = f64::from(counts) / COUNTS_PER_KELVIN + CELSIUS_AT_ZERO;
    let (low, high) = OPERATING;
    if !(low..=high).contains(&celsius) {
        return Err(NoData::Implausible);
    }
    let kind = QuantityKind::Temperature;
    kind.quantity(rounded(celsius, STEPS_PER_KELVIN)).map_err(|_| NoData::Implausible)
}

impl<R: Registers, D: DelayNs + Send> Device for Mpu6050<R, D> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        START_UP + PERIOD + TRANSFERS * 2 + self.chip.timeout()
    }

    fn time_on_bus(&self) -> Duration {
        TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        self.chip.identify(WHO_AM_I, IDENTITY)?;
        if !self.is_set_up()? {
            self.set_up()?;
        }
        let counts = motion::fresh(&mut self.delay, PERIOD, || sample(&mut self.chip))?;
        let outcomes = self.outcomes(counts).into_iter().enumerate().collect();
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

#[cfg(test)]
mod tests;
