//! Microchip MCP3208: analogue to digital converter, 8 channels of 12 bits, over SPI.
//!
//! Datasheet DS21298. Written here because no published driver speaks embedded-hal 1.0.
//!
//! # One conversion
//!
//! One chip select, three bytes, mode 0 or 3 (section 6.1, figures 6-1 and 6-2):
//!
//! ```text
//! out  0 0 0 0 0 1 S D2   D1 D0 x x x x x x     x x x x x x x x
//! in   ? ? ? ? ? ? ? ?    ? ? ? 0 B11 … B8      B7 … B0
//! ```
//!
//! S is 1 for a single-ended input. The bit in front of B11 is driven low by the chip; if it reads
//! high nobody drives the line, and the chip is [`NoData::Absent`]. A line that is held low reads as
//! 0 V: that cannot be told apart.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use embedded_hal::spi::SpiDevice;
use ports::{Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, Made, Parameter, Preset, SpiPlace, Value, rounded,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "mcp3208",
    part: "Microchip MCP3208",
    summary: "analogue to digital converter, 8 channels of 12 bits",
    datasheet: "Microchip DS21298",
    parameters: &[
        Parameter {
            name: "reference_volts",
            summary: "the voltage at the reference pin",
            value: Value::Number { unit: "V", low: 0.1, high: 10.0, preset: Preset::Required(3.3) },
        },
        Parameter {
            name: "channels",
            summary: "the channels in use by the names of their sensors, which all measure voltage; \
                      the quantity is volt at the pin × scale + offset",
            value: Value::Named {
                one: "channel",
                fields: CHANNEL,
                distinct: &["channel", "differential"],
                example: "supply",
            },
        },
    ],
    sensors: &[],
    // Table 1-0: 2 MHz at 5 V, 1 MHz at 2.7 V.
    attachments: &[Attachment::Spi { modes: &[0, 3], clock_hz_max: 2_000_000, make }],
};

const CHANNEL: &[Parameter] = &[
    Parameter {
        name: "channel",
        summary: "which of them; two sensors cannot have the same, unless one is differential",
        value: Value::Integer { unit: "", low: 0, high: 7, preset: Preset::Required(0) },
    },
    Parameter {
        name: "differential",
        summary: "whether it is measured against its neighbour (0 and 1, 2 and 3, …) rather than \
                  against ground",
        value: Value::Flag { default: false },
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

fn make(place: SpiPlace, arguments: &Arguments) -> Made {
    let channel = |(name, of): &(String, Arguments)| -> Result<Channel, BadOptions> {
        let number = of.integer("channel")?;
        let input = if of.flag("differential")? {
            Input::differential(number)
        } else {
            Input::single_ended(number)
        };
        Ok(Channel {
            name: name.clone(),
            input: input.ok_or(domain::parameter::Undeclared { name: "channel" })?,
            scale: of.number("scale")?,
            offset: of.number("offset")?,
        })
    };
    let options = Mcp3208Options {
        reference_volts: arguments.number("reference_volts")?,
        clock_hz: place.clock_hz,
        channels: arguments.named("channels")?.iter().map(channel).collect::<Result<_, _>>()?,
    };
    Ok(Box::new(Mcp3208::new(place.chip, options)?))
}

const START: u8 = 0b0000_0100;
const SINGLE_ENDED: u8 = 0b1000;
const NULL_BIT: u8 = 0b0001_0000;
const CODES: f64 = 4096.0;
/// A microvolt: far below one code, and fit to be read.
const STEPS_PER_VOLT: f64 = 1e6;
/// 24 clocks at 10 kHz, below which charge leaks away (section 6.2), and as much for the kernel.
const CONVERSION: Duration = Duration::from_millis(5);
/// Three bytes, each way at once.
const CLOCKS: f64 = 24.0;
/// What a call into the kernel costs on a small machine, next to the clocks.
const CALL: Duration = Duration::from_micros(50);

/// What is converted: the four bits S, D2, D1, D0 of table 5-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input(u8);

impl Input {
    /// The voltage on `channel`, 0 to 7, against ground.
    pub const fn single_ended(channel: u8) -> Option<Self> {
        if channel < 8 { Some(Self(SINGLE_ENDED | channel)) } else { None }
    }

    /// The voltage on channel `positive`, 0 to 7, against its partner: 0 and 1, 2 and 3, and so on
    /// are pairs. Below zero the chip gives 0.
    pub const fn differential(positive: u8) -> Option<Self> {
        if positive < 8 { Some(Self(positive)) } else { None }
    }

    const fn command(self) -> [u8; 3] {
        [START | self.0 >> 2, self.0 << 6, 0]
    }
}

/// One input and what it measures: volts at the pin times `scale` plus `offset`.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// The sensor's name.
    pub name: String,
    /// What is converted.
    pub input: Input,
    /// 1, or the ratio of a voltage divider in front of the pin.
    pub scale: f64,
    /// 0, or what is added after scaling, in volt.
    pub offset: f64,
}

/// How the chip is wired.
#[derive(Clone, Debug, PartialEq)]
pub struct Mcp3208Options {
    /// The voltage at the reference pin.
    pub reference_volts: f64,
    /// The clock rate of its chip select, in hertz.
    pub clock_hz: u32,
    /// The inputs in use: the sensors, in this order.
    pub channels: Vec<Channel>,
}

/// One MCP3208 behind a chip select of its own.
#[derive(Debug)]
pub struct Mcp3208<SPI> {
    chip: SPI,
    options: Mcp3208Options,
    sensors: Vec<Sensor>,
}

impl<SPI> Mcp3208<SPI> {
    /// Takes the chip select for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if there is no channel, or the reference is not a positive voltage.
    pub fn new(chip: SPI, options: Mcp3208Options) -> Result<Self, BadOptions> {
        let volts = options.reference_volts;
        if !(volts > 0.0 && volts.is_finite()) {
            return Err(BadOptions::Reference { volts });
        }
        if options.channels.is_empty() {
            return Err(BadOptions::NoSensors);
        }
        let sensor =
            |channel: &Channel| Sensor { name: channel.name.clone(), kind: QuantityKind::Voltage };
        let sensors = options.channels.iter().map(sensor).collect();
        Ok(Self { chip, options, sensors })
    }
}

impl<SPI: SpiDevice<Error: Into<NoData>> + Send> Device for Mcp3208<SPI> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        self.options.channels.iter().map(|_| CONVERSION).sum()
    }

    fn time_on_bus(&self) -> Duration {
        let clocks = Duration::from_secs_f64(CLOCKS / f64::from(self.options.clock_hz.max(10_000)));
        self.options.channels.iter().map(|_| clocks + CALL).sum()
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let mut outcomes = Vec::with_capacity(self.sensors.len());
        for (index, channel) in self.options.channels.iter().enumerate() {
            let code = convert(&mut self.chip, channel.input)?;
            outcomes.push((index, volts(code, self.options.reference_volts, channel)));
        }
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

fn convert<SPI>(chip: &mut SPI, input: Input) -> Result<u16, NoData>
where
    SPI: SpiDevice<Error: Into<NoData>>,
{
    let mut answer = [0; 3];
    chip.transfer(&mut answer, &input.command()).map_err(Into::into)?;
    let [_, high, low] = answer;
    if high & NULL_BIT != 0 {
        return Err(NoData::Absent);
    }
    Ok(u16::from_be_bytes([high & 0x0F, low]))
}

/// Equation 4-2, the other way round.
fn volts(code: u16, reference: f64, channel: &Channel) -> Result<Quantity, NoData> {
    let pin = f64::from(code) * reference / CODES;
    let volts = rounded(pin * channel.scale + channel.offset, STEPS_PER_VOLT);
    QuantityKind::Voltage.quantity(volts).map_err(|_| NoData::Implausible)
}

#[cfg(test)]
mod tests;
