//! Analog Devices ADXL345: acceleration on three axes, over I2C or SPI.
//!
//! Datasheet rev. E. The registers are written here: the published `adxl345-eh-driver` reads
//! without saying from which register when it sets the range, knows no SPI, and does not ask for
//! new data.
//!
//! # Set up when it is not
//!
//! See [`accelerometer`](crate::accelerometer). Full resolution: 3.9 mg a count in every range, 10 to 13 bits.
//! With the FIFO off, range and flag travel in the burst that reads the axes; a chip whose supply fails
//! after the check stops sampling, which its flag says. With it on, each sample is an access of its own:
//! the address does not come round.
//!
//! # Numbers that are not measurements
//!
//! Counts at an end of the range are [`NoData::Implausible`]; what was read before is never read
//! again.
//!
//! # Deliberately absent
//!
//! Data rates below 25 Hz, whose turn-on would hold the bus, and above 1600 Hz, which lose their
//! lowest bit; offset registers, taps, interrupts.

use core::time::Duration;

use domain::{NoData, Quantity};
use embedded_hal::delay::DelayNs;

use crate::{
    Attachment, BadOptions, Entry, Parameter, Preset, Value,
    accelerometer::{self, Accelerometer, AccelerometerOptions, Part, on_i2c, on_spi},
    motion::{self, AXES},
    registers::{Burst, Registers},
    settings::setting,
    wait,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "adxl345",
    part: "Analog Devices ADXL345",
    summary: "acceleration on three axes, up to 16 g",
    datasheet: "Analog Devices ADXL345, rev. E",
    parameters: &[
        motion::FULL_SCALE_G,
        Parameter {
            name: "data_rate_hertz",
            summary: "samples a second that the chip takes; at least as many as it is asked for",
            value: Value::Choice {
                choices: &["25", "50", "100", "200", "400", "800", "1600"],
                preset: Preset::Default("100"),
            },
        },
        accelerometer::FIFO,
    ],
    sensors: AXES,
    attachments: &[
        Attachment::I2c { addresses: &[0x53, 0x1D], make: on_i2c::<Adxl345Part> },
        Attachment::Spi { modes: &[3], clock_hz_max: 5_000_000, make: on_spi::<Adxl345Part> },
    ],
};

const DEVID: u8 = 0x00;
const IDENTITY: u8 = 0xE5;
const BW_RATE: u8 = 0x2C;
const POWER_CTL: u8 = 0x2D;
const INT_SOURCE: u8 = 0x30;
const DATA_FORMAT: u8 = 0x31;
const DATAX0: u8 = 0x32;
const FIFO_CTL: u8 = 0x38;
const FIFO_STATUS: u8 = 0x39;

/// On I2C the register counts up by itself, on SPI if bit 6 is set (figures 38 and 40).
const BURST: Burst = Burst { on_i2c: 0, on_spi: 0x40 };

const MEASURE: u8 = 1 << 3;
const FULL_RESOLUTION: u8 = 1 << 3;
const FIFO_BYPASS: u8 = 0;
const FIFO_STREAM: u8 = 1 << 7;
/// Of `FIFO_STATUS`: 32 at most.
const ENTRIES: u8 = 0x3F;
/// Until the next sample has moved up to the data registers ("Retrieving data from FIFO").
const POP: Duration = Duration::from_micros(5);
/// There are new data.
const DATA_READY: u8 = 1 << 7;

/// Full scale in g and its code (Range).
pub(crate) const FULL_SCALES: &[(u16, u8)] = &[(2, 0), (4, 1), (8, 2), (16, 3)];
/// Samples a second and their code (Rate).
pub(crate) const DATA_RATES: &[(u16, u8)] =
    &[(25, 8), (50, 9), (100, 10), (200, 11), (400, 12), (800, 13), (1_600, 14)];

/// Table 1: 256 counts per g in full resolution.
const COUNTS_PER_G: f64 = 256.0;

/// One ADXL345: 0x53 or 0x1D on I2C, mode 3 up to 5 MHz on SPI. 25, 50, 100, 200, 400, 800 or 1600
/// samples a second.
pub type Adxl345<R, D> = Accelerometer<Adxl345Part, R, D>;

/// What an ADXL345 makes of its registers.
#[derive(Clone, Copy, Debug)]
pub struct Adxl345Part {
    /// `BW_RATE`.
    rate: u8,
    /// `DATA_FORMAT`.
    format: u8,
    /// `FIFO_CTL`.
    fifo: u8,
    range: (i16, i16),
}

fn axes([x0, x1, y0, y1, z0, z1]: [u8; 6]) -> [i16; 3] {
    [[x0, x1], [y0, y1], [z0, z1]].map(i16::from_le_bytes)
}

impl Part for Adxl345Part {
    const IDENTITY: (u8, u8) = (DEVID, IDENTITY);
    /// One more for the sample under way.
    const TURN_ON_SAMPLES: u32 = 2;
    /// Table 1, note on turn-on: 1/rate + 1.1 ms.
    const TURN_ON: Duration = Duration::from_micros(1_100);
    /// 47 bytes with their acknowledgements at 100 kHz.
    const TRANSFERS: Duration = Duration::from_micros(4_230);
    /// The FIFO's status, twice, and the settings again; nine for each access to the axes.
    const BURST_BYTES: (u32, u32) = (24, 9);

    fn with(options: AccelerometerOptions) -> Result<Self, BadOptions> {
        let scale = setting("full_scale_g", options.full_scale_g, FULL_SCALES)?;
        let rate = setting("data_rate_hertz", options.data_rate_hertz, DATA_RATES)?;
        let half = 512_i16 << scale;
        Ok(Self {
            rate,
            format: FULL_RESOLUTION | scale,
            fifo: if options.fifo { FIFO_STREAM } else { FIFO_BYPASS },
            range: (-half, half - 1),
        })
    }

    fn is_set_up(&self, chip: &mut impl Registers) -> Result<bool, NoData> {
        let mut found = [0; 2];
        chip.read(BW_RATE, BURST, &mut found)?;
        let rest = [chip.read_one(DATA_FORMAT)?, chip.read_one(FIFO_CTL)?];
        Ok(found == [self.rate, MEASURE] && rest == [self.format, self.fifo])
    }

    /// Measuring begins last.
    fn set_up(&self, chip: &mut impl Registers) -> Result<(), NoData> {
        for (register, byte) in [
            (POWER_CTL, 0),
            (DATA_FORMAT, self.format),
            (FIFO_CTL, FIFO_BYPASS),
            (BW_RATE, self.rate),
            (POWER_CTL, MEASURE),
        ] {
            chip.write(register, byte)?;
        }
        Ok(())
    }

    fn start_fifo(&self, chip: &mut impl Registers) -> Result<(), NoData> {
        chip.write(FIFO_CTL, self.fifo)
    }

    /// The flag, the range and the axes, which follow each other, in one burst.
    fn sample(&self, chip: &mut impl Registers) -> Result<Option<[i16; 3]>, NoData> {
        let mut bytes = [0; 8];
        chip.read(INT_SOURCE, BURST, &mut bytes)?;
        let [flags, found, data @ ..] = bytes;
        let is_fresh = flags & DATA_READY != 0;
        if is_fresh && found != self.format {
            return Err(NoData::Corrupt);
        }
        Ok(is_fresh.then_some(axes(data)))
    }

    fn stored(&self, chip: &mut impl Registers) -> Result<usize, NoData> {
        Ok((chip.read_one(FIFO_STATUS)? & ENTRIES).into())
    }

    fn take(
        &self,
        chip: &mut impl Registers,
        delay: &mut impl DelayNs,
        count: usize,
    ) -> Result<Vec<[i16; 3]>, NoData> {
        let sample = |_| {
            let mut bytes = [0; 6];
            chip.read(DATAX0, BURST, &mut bytes)?;
            wait(delay, POP);
            Ok(axes(bytes))
        };
        (0..count).map(sample).collect()
    }

    fn acceleration(&self, counts: i16) -> Result<Quantity, NoData> {
        motion::acceleration(counts, self.range, COUNTS_PER_G)
    }
}

#[cfg(test)]
mod tests;
