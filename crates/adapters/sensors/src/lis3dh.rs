//! ST LIS3DH: acceleration on three axes, over I2C or SPI.
//!
//! Datasheet 17530, rev. 2. The registers are written here: the published `lis3dh` driver reads
//! data apart from the flag that says whether they are new, and needs the chip select as a pin of
//! its own.
//!
//! # Set up when it is not
//!
//! High-resolution mode: 12 bits. Each measurement reads the identity and the six control
//! registers. If they are not as they shall be, because the chip was just plugged in or lost its
//! supply, they are written, and seven samples pass before the first is right (section 3.2.1). A
//! chip whose supply fails after that check stops sampling, which its flag says.
//!
//! # Numbers that are not measurements
//!
//! Counts at an end of the range are [`NoData::Implausible`]; what was read before is never read
//! again.
//!
//! # Deliberately absent
//!
//! Data rates below 50 Hz, whose seven samples would hold the bus; the low-power mode of 8 bits,
//! the auxiliary converter, interrupts.

use core::time::Duration;

use domain::NoData;
use embedded_hal::delay::DelayNs;
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, Parameter, Preset, Value,
    motion::{self, AXES},
    registers::{Burst, OverI2c, OverSpi, Registers},
    sensors_of,
    settings::{chosen, setting},
    wait,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "lis3dh",
    part: "STMicroelectronics LIS3DH",
    summary: "acceleration on three axes, up to 16 g",
    datasheet: "STMicroelectronics 17530, rev. 2",
    parameters: &[
        motion::FULL_SCALE_G,
        Parameter {
            name: "data_rate_hertz",
            summary: "samples a second that the chip takes; at least as many as it is asked for",
            value: Value::Choice {
                choices: &["50", "100", "200", "400", "1344"],
                preset: Preset::Default("100"),
            },
        },
    ],
    sensors: AXES,
    attachments: &[
        Attachment::I2c {
            addresses: &[0x18, 0x19],
            make: |place, arguments| {
                let chip = OverI2c::new(place.bus, place.address, place.bus_timeout);
                Ok(Box::new(Lis3dh::new(chip, place.delay, options(arguments)?)?))
            },
        },
        Attachment::Spi {
            modes: &[0, 3],
            clock_hz_max: 10_000_000,
            make: |place, arguments| {
                let chip = OverSpi::new(place.chip);
                Ok(Box::new(Lis3dh::new(chip, place.delay, options(arguments)?)?))
            },
        },
    ],
};

fn options(arguments: &Arguments) -> Result<Lis3dhOptions, BadOptions> {
    Ok(Lis3dhOptions {
        full_scale_g: chosen(arguments, "full_scale_g")?,
        data_rate_hertz: chosen(arguments, "data_rate_hertz")?,
    })
}

const WHO_AM_I: u8 = 0x0F;
const IDENTITY: u8 = 0x33;
const CTRL_REG1: u8 = 0x20;
const CTRL_REG6: u8 = 0x25;
const STATUS_REG: u8 = 0x27;

/// Sections 6.1.1 and 6.2.1: the register counts up if bit 7 (I2C) or bit 6 (SPI) is set.
const BURST: Burst = Burst { on_i2c: 0x80, on_spi: 0x40 };

/// All axes on, in normal power (8.8).
const AXES_ON: u8 = 0b0111;
/// No register changes while the axes are read; 12 bits (8.11).
const BLOCK_UPDATE_HIGH_RESOLUTION: u8 = 0b1000_1000;
/// There are new data on all axes (8.14).
const ALL_NEW: u8 = 1 << 3;

/// Full scale in g and its code (FS).
pub(crate) const FULL_SCALES: &[(u16, u8)] = &[(2, 0), (4, 1), (8, 2), (16, 3)];
/// Table 4: milligrams per count of 12 bits.
const MILLIGRAMS: [f64; 4] = [1.0, 2.0, 4.0, 12.0];
/// Samples a second and their code (ODR).
pub(crate) const DATA_RATES: &[(u16, u8)] = &[(50, 4), (100, 5), (200, 6), (400, 7), (1_344, 9)];

/// Of 12 bits.
const RANGE: (i16, i16) = (-2_048, 2_047);
/// Table 11, and one for the sample under way.
const TURN_ON_SAMPLES: u32 = 8;
/// The chip's oscillator is off by a tenth at most.
const SLOWEST: (u32, u32) = (11, 10);
/// 54 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_micros(4_860);

/// What the chip is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lis3dhOptions {
    /// Highest acceleration of either sign: 2, 4, 8 or 16 g.
    pub full_scale_g: u16,
    /// 50, 100, 200, 400 or 1344 samples a second.
    pub data_rate_hertz: u16,
}

/// One LIS3DH: 0x18 or 0x19 on I2C, mode 0 or 3 up to 10 MHz on SPI.
#[derive(Debug)]
pub struct Lis3dh<R, D> {
    chip: R,
    delay: D,
    /// `CTRL_REG1` to `CTRL_REG6`.
    control: [u8; 6],
    counts_per_g: f64,
    /// Between two samples, at the slowest.
    period: Duration,
    sensors: Vec<Sensor>,
}

impl<R, D> Lis3dh<R, D> {
    /// Takes the chip and the delay for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the chip has no such setting.
    pub fn new(chip: R, delay: D, options: Lis3dhOptions) -> Result<Self, BadOptions> {
        let scale = setting("full_scale_g", options.full_scale_g, FULL_SCALES)?;
        let rate = setting("data_rate_hertz", options.data_rate_hertz, DATA_RATES)?;
        let (slower, than) = SLOWEST;
        Ok(Self {
            chip,
            delay,
            control: [rate << 4 | AXES_ON, 0, 0, BLOCK_UPDATE_HIGH_RESOLUTION | scale << 4, 0, 0],
            counts_per_g: 1_000.0 / MILLIGRAMS[usize::from(scale)],
            period: Duration::from_secs(slower.into()) / than / u32::from(options.data_rate_hertz),
            sensors: sensors_of(AXES),
        })
    }
}

impl<R: Registers, D: DelayNs + Send> Lis3dh<R, D> {
    fn is_set_up(&mut self) -> Result<bool, NoData> {
        let mut found = [0; 6];
        self.chip.read(CTRL_REG1, BURST, &mut found)?;
        Ok(found == self.control)
    }

    /// The data rate, which starts the chip, last.
    fn set_up(&mut self) -> Result<(), NoData> {
        for (register, byte) in (CTRL_REG1..=CTRL_REG6).zip(self.control).rev() {
            self.chip.write(register, byte)?;
        }
        wait(&mut self.delay, self.period * TURN_ON_SAMPLES);
        if self.is_set_up()? { Ok(()) } else { Err(NoData::Corrupt) }
    }
}

/// The flag and the axes, which follow each other, in one burst.
fn sample(chip: &mut impl Registers) -> Result<Option<[i16; 3]>, NoData> {
    let mut bytes = [0; 7];
    chip.read(STATUS_REG, BURST, &mut bytes)?;
    let [status, xl, xh, yl, yh, zl, zh] = bytes;
    // Left-justified.
    let counts = [[xl, xh], [yl, yh], [zl, zh]].map(|pair| i16::from_le_bytes(pair) >> 4);
    Ok((status & ALL_NEW != 0).then_some(counts))
}

impl<R: Registers, D: DelayNs + Send> Device for Lis3dh<R, D> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        self.period * (TURN_ON_SAMPLES + 1) + TRANSFERS * 2 + self.chip.timeout()
    }

    fn time_on_bus(&self) -> Duration {
        TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        self.chip.identify(WHO_AM_I, IDENTITY)?;
        if !self.is_set_up()? {
            self.set_up()?;
        }
        let counts = motion::fresh(&mut self.delay, self.period, || sample(&mut self.chip))?;
        let axis = |counts| motion::acceleration(counts, RANGE, self.counts_per_g);
        let outcomes = counts.map(axis).into_iter().enumerate().collect();
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

#[cfg(test)]
mod tests;
