//! Vishay VEML7700: illuminance, from moonlight to full sun, over I2C.
//!
//! Datasheet 84286, application note 84323. The registers are here and not from the published
//! `veml7700` driver, which straightens only what is above 1000 lx and so jumps by 7 % there, and
//! cannot read the configuration back.
//!
//! # Set up anew for every measurement
//!
//! The chip is shut down, configured and woken each time, and its configuration read back after the
//! counts: whatever it was before, the counts are of a conversion begun now, with this gain and
//! time. A persistence of two, without effect while interrupts are off, tells the configuration
//! from that of a reset and from a line that is stuck at zero. After a reset the measurement is
//! [`NoData::NotReady`], with any other configuration [`NoData::Corrupt`].
//!
//! With automatic gain the first conversion is at the lowest gain, and in dim light a second one at
//! the highest. Nothing is remembered from one measurement to the next.
//!
//! # Numbers that are not measurements
//!
//! Counts at their end are saturated, and more than 140 000 lx (the range, section "features") is
//! out of the polynomial's reach: both are [`NoData::Implausible`].
//!
//! # Deliberately absent
//!
//! The white channel, interrupts, power saving, and automatic choice of the integration time.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{delay::DelayNs, i2c::I2c};
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, Entry, I2cPlace, Made, Parameter, Point, Preset, Value, rounded,
    sensors_of,
    words::{only, read_pair, within, write},
};

/// The sensors, in the order of their indices.
const SENSORS: &[Point] = &[Point {
    name: "illuminance",
    kind: QuantityKind::Illuminance,
    resolution: 0.0042,
    low: 0.0,
    high: LUX_MAX,
}];

pub(crate) const ENTRY: Entry = Entry {
    driver: "veml7700",
    part: "Vishay VEML7700",
    summary: "illuminance, 0.0042 to 120 000 lx",
    datasheet: "84286; application note 84323",
    parameters: &[
        Parameter {
            name: "gain",
            summary: "auto is 1/8, and 2 in dim light",
            value: Value::Choice {
                choices: &["auto", "1/8", "1/4", "1", "2"],
                preset: Preset::Default("auto"),
            },
        },
        Parameter {
            name: "integration_ms",
            summary: "how long light is collected: longer is finer, and saturates earlier",
            value: Value::Choice {
                choices: &["25", "50", "100", "200", "400", "800"],
                preset: Preset::Default("100"),
            },
        },
    ],
    sensors: SENSORS,
    attachments: &[Attachment::I2c { addresses: &[ADDRESS], make }],
};

fn make(place: I2cPlace, arguments: &Arguments) -> Made {
    let I2cPlace { bus, delay, bus_timeout, .. } = place;
    let gain = match arguments.choice("gain")? {
        "1/8" => Veml7700Gain::Eighth,
        "1/4" => Veml7700Gain::Quarter,
        "1" => Veml7700Gain::One,
        "2" => Veml7700Gain::Two,
        _ => Veml7700Gain::Automatic,
    };
    let integration = match arguments.choice("integration_ms")? {
        "25" => Veml7700Integration::Ms25,
        "50" => Veml7700Integration::Ms50,
        "200" => Veml7700Integration::Ms200,
        "400" => Veml7700Integration::Ms400,
        "800" => Veml7700Integration::Ms800,
        _ => Veml7700Integration::Ms100,
    };
    let options = Veml7700Options { gain, integration, bus_timeout };
    Ok(Box::new(Veml7700::new(bus, delay, options)))
}

/// The only one.
const ADDRESS: u8 = 0x10;
const CONFIGURATION: u8 = 0x00;
const POWER_SAVING: u8 = 0x03;
const COUNTS: u8 = 0x04;
const SHUTDOWN: u16 = 0x0001;
const PERSISTENCE_OF_TWO: u16 = 0x0010;

/// Lux per count at gain 2 and 800 ms.
const FINEST_RESOLUTION: f64 = 0.0042;
/// Application note, "calculating the lux level": from the fourth power down to the first.
const POLYNOMIAL: [f64; 4] = [6.0135e-13, -9.3924e-9, 8.1488e-5, 1.0023];
const SATURATED: u16 = u16::MAX;
const LUX_MAX: f64 = 140_000.0;
/// Fewer counts at the lowest gain are at most half of the range at the highest, 16 times as much.
const DIM: u16 = 2_000;
/// 0.0001 lx: far below the finest count.
const STEPS_PER_LUX: f64 = 1e4;

/// From waking up to the begin of a conversion.
const WAKE_UP: Duration = Duration::from_micros(2_500);
/// 21 bytes at 100 kHz with their acknowledgements.
const TRANSFERS: Duration = Duration::from_millis(2);

/// How much the photodiode's signal is amplified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Veml7700Gain {
    /// As the light demands: an eighth, or two.
    Automatic,
    /// For full sun.
    Eighth,
    /// Twice that.
    Quarter,
    /// Eight times that.
    One,
    /// Sixteen times that.
    Two,
}

impl Veml7700Gain {
    const fn code(self) -> u16 {
        match self {
            Self::One => 0b00,
            Self::Two => 0b01,
            Self::Eighth | Self::Automatic => 0b10,
            Self::Quarter => 0b11,
        }
    }

    /// How many times coarser a count is than at gain 2.
    const fn coarseness(self) -> f64 {
        match self {
            Self::Two => 1.0,
            Self::One => 2.0,
            Self::Quarter => 8.0,
            Self::Eighth | Self::Automatic => 16.0,
        }
    }
}

/// How long light is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it, in milliseconds")]
pub enum Veml7700Integration {
    Ms25,
    Ms50,
    Ms100,
    Ms200,
    Ms400,
    Ms800,
}

impl Veml7700Integration {
    const fn code(self) -> u16 {
        match self {
            Self::Ms25 => 0b1100,
            Self::Ms50 => 0b1000,
            Self::Ms100 => 0b0000,
            Self::Ms200 => 0b0001,
            Self::Ms400 => 0b0010,
            Self::Ms800 => 0b0011,
        }
    }

    const fn milliseconds(self) -> u16 {
        match self {
            Self::Ms25 => 25,
            Self::Ms50 => 50,
            Self::Ms100 => 100,
            Self::Ms200 => 200,
            Self::Ms400 => 400,
            Self::Ms800 => 800,
        }
    }

    /// From waking up to the first counts, and a fifth more: no tolerance of the oscillator is stated.
    fn wait(self) -> Duration {
        let integration = Duration::from_millis(self.milliseconds().into());
        WAKE_UP + integration + integration / 5
    }
}

/// How the chip measures, and what the bus promises. Its address is always 0x10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veml7700Options {
    /// The gain.
    pub gain: Veml7700Gain,
    /// How long light is collected.
    pub integration: Veml7700Integration,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
}

/// One VEML7700 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Veml7700<I2C, D> {
    bus: I2C,
    delay: D,
    options: Veml7700Options,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Veml7700<I2C, D> {
    /// Takes the bus handle and the delay for good.
    pub fn new(bus: I2C, delay: D, options: Veml7700Options) -> Self {
        Self { bus, delay, options, sensors: sensors_of(SENSORS) }
    }
}

impl<I2C, D> Device for Veml7700<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel, twice at most.
        self.time_on_bus() + TRANSFERS * 2 + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        // With automatic gain, in dim light.
        let is_automatic = self.options.gain == Veml7700Gain::Automatic;
        let conversions = if is_automatic { 2 } else { 1 };
        (self.options.integration.wait() + TRANSFERS) * conversions
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let gain = self.options.gain;
        let counts = self.counts(gain)?;
        if gain == Veml7700Gain::Automatic && counts < DIM {
            let finer = self.counts(Veml7700Gain::Two)?;
            // Else it became bright in between, and the first look counts.
            if finer != SATURATED {
                return Ok(only(self.illuminance(finer, Veml7700Gain::Two)));
            }
        }
        Ok(only(self.illuminance(counts, gain)))
    }
}

impl<I2C, D> Veml7700<I2C, D>
where
    I2C: I2c<Error: Into<NoData>>,
    D: DelayNs,
{
    /// What one conversion with `gain` counts.
    fn counts(&mut self, gain: Veml7700Gain) -> Result<u16, NoData> {
        let integration = self.options.integration;
        let configuration = gain.code() << 11 | integration.code() << 6 | PERSISTENCE_OF_TWO;
        self.store(POWER_SAVING, 0)?;
        self.store(CONFIGURATION, configuration | SHUTDOWN)?;
        self.store(CONFIGURATION, configuration)?;
        let wait = u32::try_from(integration.wait().as_micros()).unwrap_or(u32::MAX);
        self.delay.delay_us(wait);
        let counts = self.load(COUNTS)?;
        match self.load(CONFIGURATION)? {
            found if found == configuration => Ok(counts),
            SHUTDOWN => Err(NoData::NotReady),
            _ => Err(NoData::Corrupt),
        }
    }

    fn store(&mut self, command: u8, word: u16) -> Result<(), NoData> {
        let [low, high] = word.to_le_bytes();
        write(&mut self.bus, ADDRESS, &[command, low, high])
    }

    fn load(&mut self, command: u8) -> Result<u16, NoData> {
        read_pair(&mut self.bus, ADDRESS, command).map(u16::from_le_bytes)
    }
}

impl<I2C, D> Veml7700<I2C, D> {
    fn illuminance(&self, counts: u16, gain: Veml7700Gain) -> Result<Quantity, NoData> {
        if counts == SATURATED {
            return Err(NoData::Implausible);
        }
        let shorter = 800.0 / f64::from(self.options.integration.milliseconds());
        let resolution = FINEST_RESOLUTION * gain.coarseness() * shorter;
        let straight = f64::from(counts) * resolution;
        let lux = POLYNOMIAL.iter().fold(0.0, |sum, factor| (sum + factor) * straight);
        within(QuantityKind::Illuminance, rounded(lux, STEPS_PER_LUX), 0.0..=LUX_MAX)
    }
}

#[cfg(test)]
mod tests;
