//! Texas Instruments ADS1115: analogue to digital converter, 4 inputs of 16 bits, over I2C.
//!
//! Datasheet SBAS444. The registers are written here: the published `ads1x1x` driver keeps in
//! memory what it last set, so that a chip which lost its supply in between is read as if it had
//! converted.
//!
//! # One conversion
//!
//! The configuration is written with the start bit, the longest conversion of that data rate
//! passes, then the configuration is read back: the start bit must have returned to 1 and the rest
//! be as written, or the number is not this conversion's. One of its bits, `COMP_LAT`, does nothing
//! with the comparator off and is 0 after power-on: it tells a conversion from a chip that was
//! reset.
//!
//! A code at either end of the range is [`NoData::Implausible`]: the input is beyond it.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::{
    delay::DelayNs,
    i2c::{I2c, SevenBitAddress},
};
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, I2cPlace, Made, Parameter, Preset, Value,
    registers::Words,
    rounded,
    settings::{chosen, setting},
    wait,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "ads1115",
    part: "Texas Instruments ADS1115",
    summary: "analogue to digital converter, 4 inputs of 16 bits",
    datasheet: "Texas Instruments SBAS444",
    parameters: &[
        Parameter {
            name: "data_rate_hertz",
            summary: "conversions a second: the slower, the less noise",
            value: Value::Choice {
                choices: &["8", "16", "32", "64", "128", "250", "475", "860"],
                preset: Preset::Default("128"),
            },
        },
        Parameter {
            name: "channels",
            summary: "the inputs in use by the names of their sensors, which all measure voltage; \
                      the quantity is volt at the pins × scale + offset",
            value: Value::Named {
                one: "channel",
                fields: CHANNEL,
                distinct: &["input"],
                example: "supply",
            },
        },
    ],
    sensors: &[],
    attachments: &[Attachment::I2c { addresses: &[0x48, 0x49, 0x4A, 0x4B], make }],
};

/// The words for the inputs, in the order of their codes.
const INPUTS: &[&str] = &["0-1", "0-3", "1-3", "2-3", "0", "1", "2", "3"];

const CHANNEL: &[Parameter] = &[
    Parameter {
        name: "input",
        summary: "a pin against ground, or a pin against another",
        value: Value::Choice { choices: INPUTS, preset: Preset::Required("0") },
    },
    Parameter {
        name: "full_scale_millivolts",
        summary: "the highest voltage of either sign; no pin may be above the supply",
        value: Value::Choice {
            choices: &["6144", "4096", "2048", "1024", "512", "256"],
            preset: Preset::Default("4096"),
        },
    },
    Parameter {
        name: "scale",
        summary: "what the voltage is multiplied by, such as the ratio of a divider",
        value: Value::Factor { default: 1.0 },
    },
    Parameter {
        name: "offset",
        summary: "what is added then",
        value: Value::Number {
            unit: "V",
            low: f64::MIN,
            high: f64::MAX,
            preset: Preset::Default(0.0),
        },
    },
];

fn make(place: I2cPlace, arguments: &Arguments) -> Made {
    let options = Ads1115Options {
        address: place.address,
        bus_timeout: place.bus_timeout,
        data_rate_hertz: chosen(arguments, "data_rate_hertz")?,
        channels: arguments.named("channels")?.iter().map(channel).collect::<Result<_, _>>()?,
    };
    Ok(Box::new(Ads1115::new(place.bus, place.delay, options)?))
}

fn channel((name, of): &(String, Arguments)) -> Result<Ads1115Channel, BadOptions> {
    let word = of.choice("input")?;
    let code = (0..).zip(INPUTS).find_map(|(code, input)| (*input == word).then_some(code));
    Ok(Ads1115Channel {
        name: name.clone(),
        input: Ads1115Input(code.ok_or(domain::parameter::Undeclared { name: "input" })?),
        full_scale_millivolts: chosen(of, "full_scale_millivolts")?,
        scale: of.number("scale")?,
        offset: of.number("offset")?,
    })
}

const CONVERSION: u8 = 0x00;
const CONFIGURATION: u8 = 0x01;

/// Bits of the configuration (table 8-3).
const START: u16 = 1 << 15;
const SINGLE_SHOT: u16 = 1 << 8;
const LATCHING_COMPARATOR_OFF: u16 = 0b0_0111;

/// Full scale in millivolt and its code (PGA).
pub(crate) const FULL_SCALES: &[(u16, u8)] =
    &[(6_144, 0), (4_096, 1), (2_048, 2), (1_024, 3), (512, 4), (256, 5)];
/// Conversions a second and their code (DR).
pub(crate) const DATA_RATES: &[(u16, u8)] =
    &[(8, 0), (16, 1), (32, 2), (64, 3), (128, 4), (250, 5), (475, 6), (860, 7)];

const COUNTS: f64 = 32_768.0;
/// A tenth of a microvolt: far below one code, and fit to be read.
const STEPS_PER_VOLT: f64 = 1e7;
/// The oscillator is off by a tenth at most (6.5), and the chip wakes in 25 µs (7.3.7).
const SLOWEST: (u32, u32) = (11, 10);
const WAKE_UP: Duration = Duration::from_micros(50);
/// 19 bytes with their acknowledgements at 100 kHz.
const TRANSFERS: Duration = Duration::from_micros(1_710);

/// What is converted: the code of MUX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ads1115Input(u8);

impl Ads1115Input {
    /// The voltage on AIN`pin`, 0 to 3, against ground.
    pub const fn single_ended(pin: u8) -> Option<Self> {
        if pin < 4 { Some(Self(0b100 | pin)) } else { None }
    }

    /// The voltage between two pins, of either sign: 0 and 1, 0 and 3, 1 and 3, or 2 and 3.
    pub const fn differential(positive: u8, negative: u8) -> Option<Self> {
        match (positive, negative) {
            (0, 1) => Some(Self(0)),
            (0..=2, 3) => Some(Self(positive + 1)),
            _ => None,
        }
    }
}

/// One input and what it measures: volts between the pins times `scale` plus `offset`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ads1115Channel {
    /// The sensor's name.
    pub name: String,
    /// What is converted.
    pub input: Ads1115Input,
    /// Highest voltage of either sign: 6144, 4096, 2048, 1024, 512 or 256 mV. No pin may be above
    /// the chip's supply, whatever this says.
    pub full_scale_millivolts: u16,
    /// 1, or the ratio of a voltage divider in front of the pin.
    pub scale: f64,
    /// 0, or what is added after scaling, in volt.
    pub offset: f64,
}

/// Where the chip is and how it is wired.
#[derive(Clone, Debug, PartialEq)]
pub struct Ads1115Options {
    /// 0x48, 0x49, 0x4A or 0x4B, with ADDR at ground, supply, SDA or SCL.
    pub address: SevenBitAddress,
    /// How long the bus waits for a chip that holds it. The first wait ends the measurement.
    pub bus_timeout: Duration,
    /// 8, 16, 32, 64, 128, 250, 475 or 860 conversions a second: the slower, the less noise.
    pub data_rate_hertz: u16,
    /// The inputs in use: the sensors, in this order.
    pub channels: Vec<Ads1115Channel>,
}

/// One ADS1115 on a bus that it may share with other devices.
#[derive(Debug)]
pub struct Ads1115<I2C, D> {
    bus: I2C,
    delay: D,
    options: Ads1115Options,
    /// What is written to start each channel.
    configurations: Vec<u16>,
    sensors: Vec<Sensor>,
}

impl<I2C, D> Ads1115<I2C, D> {
    /// Takes the bus handle and the delay for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if there is no channel, or the chip has no such data rate or full scale.
    pub fn new(bus: I2C, delay: D, options: Ads1115Options) -> Result<Self, BadOptions> {
        if options.channels.is_empty() {
            return Err(BadOptions::NoSensors);
        }
        let rate = setting("data_rate_hertz", options.data_rate_hertz, DATA_RATES)?;
        let start = |channel| configuration(channel, rate);
        let configurations = options.channels.iter().map(start).collect::<Result<_, _>>()?;
        let sensor = |channel: &Ads1115Channel| Sensor {
            name: channel.name.clone(),
            kind: QuantityKind::Voltage,
        };
        let sensors = options.channels.iter().map(sensor).collect();
        Ok(Self { bus, delay, options, configurations, sensors })
    }

    fn conversion(&self) -> Duration {
        let (slower, than) = SLOWEST;
        let nominal = Duration::from_secs(1) / u32::from(self.options.data_rate_hertz);
        nominal * slower / than + WAKE_UP
    }
}

/// What starts a conversion of `channel`.
fn configuration(channel: &Ads1115Channel, rate: u8) -> Result<u16, BadOptions> {
    let scale = setting("full_scale_millivolts", channel.full_scale_millivolts, FULL_SCALES)?;
    let fields = u16::from(channel.input.0) << 12 | u16::from(scale) << 9 | u16::from(rate) << 5;
    Ok(START | SINGLE_SHOT | LATCHING_COMPARATOR_OFF | fields)
}

impl<I2C, D> Device for Ads1115<I2C, D>
where
    I2C: I2c<Error: Into<NoData>> + Send,
    D: DelayNs + Send,
{
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        // As much again for the kernel.
        let each = self.conversion() + TRANSFERS * 2;
        self.configurations.iter().map(|_| each).sum::<Duration>() + self.options.bus_timeout
    }

    fn time_on_bus(&self) -> Duration {
        self.configurations.iter().map(|_| self.conversion() + TRANSFERS).sum()
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let conversion = self.conversion();
        let mut outcomes = Vec::with_capacity(self.sensors.len());
        let channels = self.options.channels.iter().zip(&self.configurations);
        for (index, (channel, &configuration)) in channels.enumerate() {
            let mut chip = Words::at(&mut self.bus, self.options.address);
            chip.write(CONFIGURATION, configuration)?;
            wait(&mut self.delay, conversion);
            let code = finish(&mut chip, configuration)?;
            outcomes.push((index, volts(code, channel)));
        }
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

/// The code of the conversion that `configuration` started.
fn finish<I2C>(chip: &mut Words<'_, I2C>, configuration: u16) -> Result<i16, NoData>
where
    I2C: I2c<Error: Into<NoData>>,
{
    let found = chip.read(CONFIGURATION)?;
    if found == configuration & !START {
        return Err(NoData::Timeout);
    }
    let code = chip.read(CONVERSION)?;
    // Once more, for a supply that fails between the two.
    if [found, chip.read(CONFIGURATION)?] != [configuration; 2] {
        return Err(NoData::Corrupt);
    }
    Ok(code.cast_signed())
}

fn volts(code: i16, channel: &Ads1115Channel) -> Result<Quantity, NoData> {
    if matches!(code, i16::MIN | i16::MAX) {
        return Err(NoData::Implausible);
    }
    let pin = f64::from(code) * f64::from(channel.full_scale_millivolts) / 1_000.0 / COUNTS;
    let volts = rounded(pin * channel.scale + channel.offset, STEPS_PER_VOLT);
    QuantityKind::Voltage.quantity(volts).map_err(|_| NoData::Implausible)
}

#[cfg(test)]
mod tests;
