//! ST LIS3DH: acceleration on three axes, over I2C or SPI.
//!
//! Datasheet 17530, rev. 2. The registers are written here: the published `lis3dh` driver reads
//! data apart from the flag that says whether they are new, and needs the chip select as a pin of
//! its own.
//!
//! # Set up when it is not
//!
//! See [`accelerometer`](crate::accelerometer). High-resolution mode: 12 bits. Seven samples pass before
//! the first is right (section 3.2.1). A chip whose supply fails after the check stops sampling, which its
//! flag says. With the FIFO on, all of it is one burst: the address comes round to the first axis.
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

use domain::{NoData, Quantity};
use embedded_hal::delay::DelayNs;

use crate::{
    Attachment, BadOptions, Entry, Parameter, Preset, Value,
    accelerometer::{self, Accelerometer, AccelerometerOptions, Part, on_i2c, on_spi},
    motion::{self, AXES},
    registers::{Burst, Registers},
    settings::setting,
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
        accelerometer::FIFO,
    ],
    sensors: AXES,
    attachments: &[
        Attachment::I2c { addresses: &[0x18, 0x19], make: on_i2c::<Lis3dhPart> },
        Attachment::Spi { modes: &[0, 3], clock_hz_max: 10_000_000, make: on_spi::<Lis3dhPart> },
    ],
};

const WHO_AM_I: u8 = 0x0F;
const IDENTITY: u8 = 0x33;
const CTRL_REG1: u8 = 0x20;
const CTRL_REG6: u8 = 0x25;
const STATUS_REG: u8 = 0x27;
const OUT_X_L: u8 = 0x28;
const FIFO_CTRL_REG: u8 = 0x2E;
const FIFO_SRC_REG: u8 = 0x2F;

/// Sections 6.1.1 and 6.2.1: the register counts up if bit 7 (I2C) or bit 6 (SPI) is set.
const BURST: Burst = Burst { on_i2c: 0x80, on_spi: 0x40 };

/// All axes on, in normal power (8.8).
const AXES_ON: u8 = 0b0111;
/// No register changes while the axes are read; 12 bits (8.11).
const BLOCK_UPDATE_HIGH_RESOLUTION: u8 = 0b1000_1000;
/// There are new data on all axes (8.14).
const ALL_NEW: u8 = 1 << 3;

/// In `CTRL_REG5`.
const FIFO_ENABLE: u8 = 1 << 6;
const FIFO_BYPASS: u8 = 0;
const FIFO_STREAM: u8 = 0b10 << 6;
/// Of `FIFO_SRC_REG`: it is full; and how many samples it has, 31 if it is full (8.24).
const FIFO_FULL: u8 = 1 << 6;
const UNREAD: u8 = 0x1F;

/// Full scale in g and its code (FS).
pub(crate) const FULL_SCALES: &[(u16, u8)] = &[(2, 0), (4, 1), (8, 2), (16, 3)];
/// Table 4: milligrams per count of 12 bits.
const MILLIGRAMS: [f64; 4] = [1.0, 2.0, 4.0, 12.0];
/// Samples a second and their code (ODR).
pub(crate) const DATA_RATES: &[(u16, u8)] = &[(50, 4), (100, 5), (200, 6), (400, 7), (1_344, 9)];

/// Of 12 bits.
const RANGE: (i16, i16) = (-2_048, 2_047);

/// One LIS3DH: 0x18 or 0x19 on I2C, mode 0 or 3 up to 10 MHz on SPI. 50, 100, 200, 400 or 1344 samples a
/// second.
pub type Lis3dh<R, D> = Accelerometer<Lis3dhPart, R, D>;

/// What a LIS3DH makes of its registers.
#[derive(Clone, Copy, Debug)]
pub struct Lis3dhPart {
    /// `CTRL_REG1` to `CTRL_REG6`.
    control: [u8; 6],
    has_fifo: bool,
    counts_per_g: f64,
}

/// Left-justified.
fn axes([xl, xh, yl, yh, zl, zh]: [u8; 6]) -> [i16; 3] {
    [[xl, xh], [yl, yh], [zl, zh]].map(|pair| i16::from_le_bytes(pair) >> 4)
}

impl Part for Lis3dhPart {
    const IDENTITY: (u8, u8) = (WHO_AM_I, IDENTITY);
    /// Table 11, and one for the sample under way.
    const TURN_ON_SAMPLES: u32 = 8;
    const TURN_ON: Duration = Duration::ZERO;
    /// 54 bytes with their acknowledgements at 100 kHz.
    const TRANSFERS: Duration = Duration::from_micros(4_860);
    /// The FIFO's mode, twice, its status, twice, its address, and the settings again.
    const BURST_BYTES: (u32, u32) = (36, 6);

    fn with(options: AccelerometerOptions) -> Result<Self, BadOptions> {
        let scale = setting("full_scale_g", options.full_scale_g, FULL_SCALES)?;
        let rate = setting("data_rate_hertz", options.data_rate_hertz, DATA_RATES)?;
        let fifo = if options.fifo { FIFO_ENABLE } else { 0 };
        let accuracy = BLOCK_UPDATE_HIGH_RESOLUTION | scale << 4;
        Ok(Self {
            control: [rate << 4 | AXES_ON, 0, 0, accuracy, fifo, 0],
            has_fifo: options.fifo,
            counts_per_g: 1_000.0 / MILLIGRAMS[usize::from(scale)],
        })
    }

    fn is_set_up(&self, chip: &mut impl Registers) -> Result<bool, NoData> {
        let mut found = [0; 6];
        chip.read(CTRL_REG1, BURST, &mut found)?;
        let is_collecting = !self.has_fifo || chip.read_one(FIFO_CTRL_REG)? == FIFO_STREAM;
        Ok(is_collecting && found == self.control)
    }

    /// The data rate, which starts the chip, last.
    fn set_up(&self, chip: &mut impl Registers) -> Result<(), NoData> {
        if self.has_fifo {
            chip.write(FIFO_CTRL_REG, FIFO_BYPASS)?;
        }
        for (register, byte) in (CTRL_REG1..=CTRL_REG6).zip(self.control).rev() {
            chip.write(register, byte)?;
        }
        Ok(())
    }

    fn start_fifo(&self, chip: &mut impl Registers) -> Result<(), NoData> {
        chip.write(FIFO_CTRL_REG, FIFO_STREAM)
    }

    /// The flag and the axes, which follow each other, in one burst.
    fn sample(&self, chip: &mut impl Registers) -> Result<Option<[i16; 3]>, NoData> {
        let mut bytes = [0; 7];
        chip.read(STATUS_REG, BURST, &mut bytes)?;
        let [status, data @ ..] = bytes;
        Ok((status & ALL_NEW != 0).then_some(axes(data)))
    }

    fn stored(&self, chip: &mut impl Registers) -> Result<usize, NoData> {
        let source = chip.read_one(FIFO_SRC_REG)?;
        Ok(usize::from(source & UNREAD) + usize::from(source & FIFO_FULL != 0))
    }

    fn take(
        &self,
        chip: &mut impl Registers,
        _delay: &mut impl DelayNs,
        count: usize,
    ) -> Result<Vec<[i16; 3]>, NoData> {
        let mut samples = vec![[0; 6]; count];
        chip.read(OUT_X_L, BURST, samples.as_flattened_mut())?;
        Ok(samples.into_iter().map(axes).collect())
    }

    fn acceleration(&self, counts: i16) -> Result<Quantity, NoData> {
        motion::acceleration(counts, RANGE, self.counts_per_g)
    }
}

#[cfg(test)]
mod tests;
