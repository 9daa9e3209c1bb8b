//! Analog Devices ADXL345: acceleration on three axes, over I2C or SPI.
//!
//! Datasheet rev. E. The registers are written here: the published `adxl345-eh-driver` reads
//! without saying from which register when it sets the range, knows no SPI, and does not ask for
//! new data.
//!
//! # Set up when it is not
//!
//! Full resolution: 3.9 mg a count in every range, 10 to 13 bits. Each measurement reads the
//! identity, and rate, power and FIFO mode. If they are not as they shall be, because the chip was
//! just plugged in or lost its supply, they are written, and the turn-on time passes (table 7).
//! Range and flag travel in the burst that reads the axes; a chip whose supply fails after the
//! check stops sampling, which its flag says.
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
    ],
    sensors: AXES,
    attachments: &[
        Attachment::I2c {
            addresses: &[0x53, 0x1D],
            make: |place, arguments| {
                let chip = OverI2c::new(place.bus, place.address, place.bus_timeout);
                Ok(Box::new(Adxl345::new(chip, place.delay, options(arguments)?)?))
            },
        },
        Attachment::Spi {
            modes: &[3],
            clock_hz_max: 5_000_000,
            make: |place, arguments| {
                let chip = OverSpi::new(place.chip);
                Ok(Box::new(Adxl345::new(chip, place.delay, options(arguments)?)?))
            },
        },
    ],
};

fn options(arguments: &Arguments) -> Result<Adxl345Options, BadOptions> {
    Ok(Adxl345Options {
        full_scale_g: chosen(arguments, "full_scale_g")?,
        data_rate_hertz: chosen(arguments, "data_rate_hertz")?,
    })
}

const DEVID: u8 = 0x00;
const IDENTITY: u8 = 0xE5;
const BW_RATE: u8 = 0x2C;
const POWER_CTL: u8 = 0x2D;
const INT_SOURCE: u8 = 0x30;
const DATA_FORMAT: u8 = 0x31;
const FIFO_CTL: u8 = 0x38;

/// On I2C the register counts up by itself, on SPI if bit 6 is set (figures 38 and 40).
const BURST: Burst = Burst { on_i2c: 0, on_spi: 0x40 };

const MEASURE: u8 = 1 << 3;
const FULL_RESOLUTION: u8 = 1 << 3;
const FIFO_BYPASS: u8 = 0;
/// There are new data.
const DATA_READY: u8 = 1 << 7;

/// Full scale in g and its code (Range).
pub(crate) const FULL_SCALES: &[(u16, u8)] = &[(2, 0), (4, 1), (8, 2), (16, 3)];
/// Samples a second and their code (Rate).
pub(crate) const DATA_RATES: &[(u16, u8)] =
    &[(25, 8), (50, 9), (100, 10), (200, 11), (400, 12), (800, 13), (1_600, 14)];

/// Table 1: 256 counts per g in full resolution.
const COUNTS_PER_G: f64 = 256.0;
/// Table 1, note on turn-on: 1/rate + 1.1 ms. One sample more for the one under way.
const TURN_ON: Duration = Duration::from_micros(1_100);
const TURN_ON_SAMPLES: u32 = 2;
/// No tolerance is given for the oscillator; a tenth is what others state.
const SLOWEST: (u32, u32) = (11, 10);
/// 47 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_micros(4_230);

/// What the chip is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adxl345Options {
    /// Highest acceleration of either sign: 2, 4, 8 or 16 g.
    pub full_scale_g: u16,
    /// 25, 50, 100, 200, 400, 800 or 1600 samples a second.
    pub data_rate_hertz: u16,
}

/// One ADXL345: 0x53 or 0x1D on I2C, mode 3 up to 5 MHz on SPI.
#[derive(Debug)]
pub struct Adxl345<R, D> {
    chip: R,
    delay: D,
    /// `BW_RATE`.
    rate: u8,
    /// `DATA_FORMAT`.
    format: u8,
    range: (i16, i16),
    /// Between two samples, at the slowest.
    period: Duration,
    sensors: Vec<Sensor>,
}

impl<R, D> Adxl345<R, D> {
    /// Takes the chip and the delay for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the chip has no such setting.
    pub fn new(chip: R, delay: D, options: Adxl345Options) -> Result<Self, BadOptions> {
        let scale = setting("full_scale_g", options.full_scale_g, FULL_SCALES)?;
        let rate = setting("data_rate_hertz", options.data_rate_hertz, DATA_RATES)?;
        let (slower, than) = SLOWEST;
        let half = 512_i16 << scale;
        Ok(Self {
            chip,
            delay,
            rate,
            format: FULL_RESOLUTION | scale,
            range: (-half, half - 1),
            period: Duration::from_secs(slower.into()) / than / u32::from(options.data_rate_hertz),
            sensors: sensors_of(AXES),
        })
    }
}

impl<R: Registers, D: DelayNs + Send> Adxl345<R, D> {
    fn is_set_up(&mut self) -> Result<bool, NoData> {
        let mut found = [0; 2];
        self.chip.read(BW_RATE, BURST, &mut found)?;
        let rest = [self.chip.read_one(DATA_FORMAT)?, self.chip.read_one(FIFO_CTL)?];
        Ok(found == [self.rate, MEASURE] && rest == [self.format, FIFO_BYPASS])
    }

    /// Measuring begins last.
    fn set_up(&mut self) -> Result<(), NoData> {
        for (register, byte) in [
            (POWER_CTL, 0),
            (DATA_FORMAT, self.format),
            (FIFO_CTL, FIFO_BYPASS),
            (BW_RATE, self.rate),
            (POWER_CTL, MEASURE),
        ] {
            self.chip.write(register, byte)?;
        }
        wait(&mut self.delay, self.period * TURN_ON_SAMPLES + TURN_ON);
        if self.is_set_up()? { Ok(()) } else { Err(NoData::Corrupt) }
    }
}

/// The flag, the range and the axes, which follow each other, in one burst.
fn sample(chip: &mut impl Registers, format: u8) -> Result<Option<[i16; 3]>, NoData> {
    let mut bytes = [0; 8];
    chip.read(INT_SOURCE, BURST, &mut bytes)?;
    let [flags, found, x0, x1, y0, y1, z0, z1] = bytes;
    let is_fresh = flags & DATA_READY != 0;
    if is_fresh && found != format {
        return Err(NoData::Corrupt);
    }
    Ok(is_fresh.then_some([[x0, x1], [y0, y1], [z0, z1]].map(i16::from_le_bytes)))
}

impl<R: Registers, D: DelayNs + Send> Device for Adxl345<R, D> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        self.period * (TURN_ON_SAMPLES + 1) + TURN_ON + TRANSFERS * 2 + self.chip.timeout()
    }

    fn time_on_bus(&self) -> Duration {
        TRANSFERS
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        self.chip.identify(DEVID, IDENTITY)?;
        if !self.is_set_up()? {
            self.set_up()?;
        }
        let (chip, format) = (&mut self.chip, self.format);
        let counts = motion::fresh(&mut self.delay, self.period, || sample(chip, format))?;
        let axis = |counts| motion::acceleration(counts, self.range, COUNTS_PER_G);
        let outcomes = counts.map(axis).into_iter().enumerate().collect();
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

#[cfg(test)]
mod tests;
