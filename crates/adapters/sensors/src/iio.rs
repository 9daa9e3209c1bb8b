//! Devices of the kernel's industrial I/O subsystem, channel by channel when asked.
//!
//! `Documentation/ABI/testing/sysfs-bus-iio`. A channel has an `_input` in the unit of its type, or a `_raw`, which
//! becomes one by (raw + offset) × scale; offset and scale are the channel's own or those of its type.
//!
//! # Deliberately absent
//!
//! Buffers, see `iio_buffer`; types that none of our quantities measures.

use core::time::Duration;

use domain::{NoData, QuantityKind};
use ports::{Attributes, Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, Made, Parameter, Preset, SysfsPlace, Value,
    attributes::{find, number, number_if_there, quantity},
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "iio",
    part: "industrial I/O device of the kernel",
    summary: "channels of a sensor or converter that the kernel drives, asked one by one",
    datasheet: "Documentation/ABI/testing/sysfs-bus-iio",
    parameters: &[
        Parameter {
            name: "device",
            summary: "the device's name, as its file `name` has it",
            value: Value::Text { preset: Preset::Required("bme280") },
        },
        Parameter {
            name: "channels",
            summary: "the channels in use by the names of their sensors",
            value: Value::Named {
                one: "channel",
                fields: CHANNEL,
                distinct: &["channel"],
                example: "temperature",
            },
        },
    ],
    sensors: &[],
    attachments: &[Attachment::Sysfs { make }],
};

const CHANNEL: &[Parameter] = &[Parameter {
    name: "channel",
    summary: "direction, type, number or modifier: in_temp, in_voltage0, in_accel_x",
    value: Value::Text { preset: Preset::Required("in_temp") },
}];

fn make(place: SysfsPlace, arguments: &Arguments) -> Made {
    let channel = |(name, of): &(String, Arguments)| {
        Ok(IioChannel { name: name.clone(), channel: of.text("channel")?.to_owned() })
    };
    let options = IioOptions {
        device: arguments.text("device")?.to_owned(),
        channels: arguments
            .named("channels")?
            .iter()
            .map(channel)
            .collect::<Result<_, BadOptions>>()?,
    };
    Ok(Box::new(Iio::new(place.tree, options)?))
}

/// The folder of IIO devices, below the root.
pub(crate) const FOLDER: &str = "bus/iio/devices";

/// Types of channels, what they measure, and how many of its unit one of the type's is.
const TYPES: [(&str, QuantityKind, f64); 9] = [
    ("temp", QuantityKind::Temperature, 1e-3),
    ("humidityrelative", QuantityKind::RelativeHumidity, 1e-3),
    ("pressure", QuantityKind::Pressure, 10.0), // Kilopascal.
    ("voltage", QuantityKind::Voltage, 1e-3),
    ("current", QuantityKind::Current, 1e-3),
    ("power", QuantityKind::Power, 1e-3),
    ("accel", QuantityKind::Acceleration, 1.0),
    ("anglvel", QuantityKind::AngularVelocity, 180.0 / core::f64::consts::PI), // Radian a second.
    ("illuminance", QuantityKind::Illuminance, 1.0),
];

/// One attribute: two transfers on a slow bus and a conversion.
const READ: Duration = Duration::from_millis(20);
/// One attribute of a chip that holds its bus for as long as the kernel waits.
const READ_MAX: Duration = Duration::from_secs(1);

/// One channel and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IioChannel {
    /// The sensor's name.
    pub name: String,
    /// Direction, type, number or modifier: `in_temp`, `in_voltage0`, `in_accel_x`.
    pub channel: String,
}

/// Which device, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IioOptions {
    /// The device's name, such as `bme280`.
    pub device: String,
    /// The channels in use: the sensors, in this order.
    pub channels: Vec<IioChannel>,
}

/// What the kernel has for a channel, made into our quantities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChannelType {
    /// The type without direction, number and modifier, such as `accel`.
    pub(crate) shared: &'static str,
    pub(crate) kind: QuantityKind,
    pub(crate) step: f64,
}

/// The sensors of `channels`, and the type of each.
pub(crate) fn types(
    channels: &[IioChannel],
) -> Result<(Vec<ChannelType>, Vec<Sensor>), BadOptions> {
    if channels.is_empty() {
        return Err(BadOptions::NoSensors);
    }
    let type_of = |channel: &IioChannel| {
        ChannelType::of(&channel.channel).ok_or_else(|| BadOptions::Unfit {
            parameter: "channel",
            message: format!("{} is no channel that is known", channel.channel),
        })
    };
    let types = channels.iter().map(type_of).collect::<Result<Vec<_>, _>>()?;
    let names = channels.iter().map(|channel| channel.name.clone());
    let sensors =
        names.zip(&types).map(|(name, typed)| Sensor { name, kind: typed.kind }).collect();
    Ok((types, sensors))
}

impl ChannelType {
    fn of(channel: &str) -> Option<Self> {
        let rest = channel.strip_prefix("in_")?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let end = rest.bytes().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(rest.len());
        let (typed, kind, step) = TYPES.into_iter().find(|(typed, ..)| *typed == &rest[..end])?;
        rest.bytes().all(is_plain).then_some(Self { shared: typed, kind, step })
    }

    /// Offset and scale of a channel in `folder`: its own, or those of its type.
    pub(crate) fn scaling(
        self,
        tree: &mut impl Attributes,
        folder: &str,
        channel: &str,
    ) -> Result<(f64, f64), NoData> {
        let shared = format!("in_{}", self.shared);
        let mut of =
            |what: &str| match number_if_there(tree, &format!("{folder}/{channel}_{what}"))? {
                Some(own) => Ok(Some(own)),
                None => number_if_there(tree, &format!("{folder}/{shared}_{what}")),
            };
        // Without a scale nobody knows the unit.
        Ok((of("offset")?.unwrap_or(0.0), of("scale")?.ok_or(NoData::Absent)?))
    }
}

/// One device, polled.
#[derive(Debug)]
pub struct Iio<A> {
    tree: A,
    options: IioOptions,
    types: Vec<ChannelType>,
    sensors: Vec<Sensor>,
}

impl<A> Iio<A> {
    /// Takes the tree for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if there is no channel, or one of no type that is known.
    pub fn new(tree: A, options: IioOptions) -> Result<Self, BadOptions> {
        let (types, sensors) = types(&options.channels)?;
        Ok(Self { tree, options, types, sensors })
    }
}

impl<A: Attributes> Device for Iio<A> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        self.sensors.iter().map(|_| READ_MAX).sum()
    }

    fn time_on_bus(&self) -> Duration {
        self.sensors.iter().map(|_| READ).sum()
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let Self { tree, options, types, .. } = self;
        let folder = find(tree, FOLDER, "iio:device", &options.device)?;
        let mut outcomes = Vec::with_capacity(types.len());
        for (index, (IioChannel { channel, .. }, typed)) in
            options.channels.iter().zip(types).enumerate()
        {
            let outcome = measure(tree, &folder, channel, *typed);
            let outcome = outcome.and_then(|number| quantity(typed.kind, number * typed.step));
            match outcome {
                // One wait for a bus that is stuck is enough.
                Err(NoData::Timeout) => return Err(NoData::Timeout),
                outcome => outcomes.push((index, outcome)),
            }
        }
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

/// The channel in the unit of its type.
fn measure(
    tree: &mut impl Attributes,
    folder: &str,
    channel: &str,
    typed: ChannelType,
) -> Result<f64, NoData> {
    if let Some(processed) = number_if_there(tree, &format!("{folder}/{channel}_input"))? {
        return Ok(processed);
    }
    let raw = number(tree, &format!("{folder}/{channel}_raw"))?;
    let (offset, scale) = typed.scaling(tree, folder, channel)?;
    Ok((raw + offset) * scale)
}

#[cfg(test)]
mod tests;
