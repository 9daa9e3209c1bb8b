//! Hardware monitors that the kernel drives: temperatures, voltages, currents, powers, fans.
//!
//! `Documentation/hwmon/sysfs-interface.rst`. An attribute is called after its class and number, `temp1`,
//! and has an `_input`, often a `_label`, sometimes a `_fault`.
//!
//! # Found anew for each measurement
//!
//! By the chip's `name`, or in a folder of one device (`bus/i2c/devices/1-0048/hwmon`) where several
//! have it: the number in `hwmonN` says only when it came.

use core::time::Duration;

use domain::{NoData, Quantity, QuantityKind};
use ports::{Attributes, Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, Made, Parameter, Preset, SysfsPlace, Value,
    attributes::{find, number, number_if_there, quantity},
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "hwmon",
    part: "hardware monitor of the kernel",
    summary: "temperature, voltage, current, power, humidity and fans of a chip that the kernel drives",
    datasheet: "Documentation/hwmon/sysfs-interface.rst",
    parameters: &[
        Parameter {
            name: "chip",
            summary: "the chip's name, as its file `name` has it",
            value: Value::Text { preset: Preset::Required("cpu_thermal") },
        },
        Parameter {
            name: "folder",
            summary: "the folder that has the hwmonN, below the root; that of one device where two chips \
                      have one name",
            value: Value::Text { preset: Preset::Default("class/hwmon") },
        },
        Parameter {
            name: "channels",
            summary: "the attributes in use by the names of their sensors",
            value: Value::Named {
                one: "channel",
                fields: CHANNEL,
                distinct: &["attribute", "label"],
                example: "core",
            },
        },
    ],
    sensors: &[],
    attachments: &[Attachment::Sysfs { make }],
};

const CHANNEL: &[Parameter] = &[
    Parameter {
        name: "attribute",
        summary: "class and number, such as temp1, in0, curr1, power1, humidity1, fan1; only the \
                  class with a label",
        value: Value::Text { preset: Preset::Required("temp1") },
    },
    Parameter {
        name: "label",
        summary: "what the file `_label` has, if that is to be looked for; empty: the attribute counts",
        value: Value::Text { preset: Preset::Default("") },
    },
];

fn make(place: SysfsPlace, arguments: &Arguments) -> Made {
    let channel = |(name, of): &(String, Arguments)| {
        let label = of.text("label")?;
        Ok(HwmonChannel {
            name: name.clone(),
            attribute: of.text("attribute")?.to_owned(),
            label: (!label.is_empty()).then(|| label.to_owned()),
        })
    };
    let options = HwmonOptions {
        chip: arguments.text("chip")?.to_owned(),
        folder: arguments.text("folder")?.to_owned(),
        channels: arguments
            .named("channels")?
            .iter()
            .map(channel)
            .collect::<Result<_, BadOptions>>()?,
    };
    Ok(Box::new(Hwmon::new(place.tree, options)?))
}

/// Classes of attributes, what they measure, and how many of its unit one step of `_input` is.
const CLASSES: [(&str, QuantityKind, f64); 6] = [
    ("temp", QuantityKind::Temperature, 1e-3),
    ("in", QuantityKind::Voltage, 1e-3),
    ("curr", QuantityKind::Current, 1e-3),
    ("power", QuantityKind::Power, 1e-6),
    ("humidity", QuantityKind::RelativeHumidity, 1e-3),
    ("fan", QuantityKind::RotationalSpeed, 1.0),
];

/// One attribute: two transfers on a slow bus, most often none at all.
const READ: Duration = Duration::from_millis(5);
/// One attribute of a chip that holds its bus for as long as the kernel waits.
const READ_MAX: Duration = Duration::from_secs(1);

/// One attribute and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HwmonChannel {
    /// The sensor's name.
    pub name: String,
    /// Class and number, such as `temp1`; only the class, `temp`, with a label.
    pub attribute: String,
    /// What the board's maker calls it: the text of the `_label`.
    pub label: Option<String>,
}

/// Which chip, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HwmonOptions {
    /// The chip's name, such as `lm75`.
    pub chip: String,
    /// The folder that has the `hwmonN`, below the root: `class/hwmon`, or that of one device.
    pub folder: String,
    /// The attributes in use: the sensors, in this order.
    pub channels: Vec<HwmonChannel>,
}

/// One hardware monitor.
#[derive(Debug)]
pub struct Hwmon<A> {
    tree: A,
    options: HwmonOptions,
    channels: Vec<(QuantityKind, f64)>,
    sensors: Vec<Sensor>,
}

impl<A> Hwmon<A> {
    /// Takes the tree for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if there is no channel, or an attribute is of no class that is known.
    pub fn new(tree: A, options: HwmonOptions) -> Result<Self, BadOptions> {
        if options.channels.is_empty() {
            return Err(BadOptions::NoSensors);
        }
        let class = |channel: &HwmonChannel| {
            let class = class_of(&channel.attribute, channel.label.is_some());
            class.ok_or_else(|| BadOptions::Unfit {
                parameter: "attribute",
                message: format!("{} is no class and number", channel.attribute),
            })
        };
        let channels = options.channels.iter().map(class).collect::<Result<Vec<_>, _>>()?;
        let names = options.channels.iter().map(|channel| channel.name.clone());
        let sensors =
            names.zip(&channels).map(|(name, &(kind, _))| Sensor { name, kind }).collect();
        Ok(Self { tree, options, channels, sensors })
    }
}

/// What `attribute` measures; with a label it is a class without a number.
fn class_of(attribute: &str, has_label: bool) -> Option<(QuantityKind, f64)> {
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    CLASSES.iter().find_map(|&(class, kind, step)| {
        let rest = attribute.strip_prefix(class)?;
        let fits = if has_label { rest.is_empty() } else { is_number(rest) };
        fits.then_some((kind, step))
    })
}

impl<A: Attributes> Device for Hwmon<A> {
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
        let Self { tree, options, channels, .. } = self;
        let folder = find(tree, &options.folder, "hwmon", &options.chip)?;
        let mut outcomes = Vec::with_capacity(channels.len());
        for (index, (channel, class)) in options.channels.iter().zip(channels).enumerate() {
            match measure(tree, &folder, channel, *class) {
                // One wait for a bus that is stuck is enough.
                Err(NoData::Timeout) => return Err(NoData::Timeout),
                outcome => outcomes.push((index, outcome)),
            }
        }
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }
}

fn measure(
    tree: &mut impl Attributes,
    folder: &str,
    channel: &HwmonChannel,
    (kind, step): (QuantityKind, f64),
) -> Result<Quantity, NoData> {
    let attribute = match &channel.label {
        None => channel.attribute.clone(),
        Some(label) => labelled(tree, folder, &channel.attribute, label)?,
    };
    // A thermistor that is broken, a fan that is unplugged.
    let fault = number_if_there(tree, &format!("{folder}/{attribute}_fault"))?;
    if fault.is_some_and(|fault| fault != 0.0) {
        return Err(NoData::Absent);
    }
    quantity(kind, number(tree, &format!("{folder}/{attribute}_input"))? * step)
}

/// The attribute of that class with that label.
fn labelled(
    tree: &mut impl Attributes,
    folder: &str,
    class: &str,
    label: &str,
) -> Result<String, NoData> {
    for name in tree.list(folder)? {
        let Some(attribute) = name.strip_suffix("_label") else { continue };
        let is_ours = class_of(attribute, false).is_some() && attribute.starts_with(class);
        if is_ours && tree.read(&format!("{folder}/{name}"))? == label {
            return Ok(attribute.to_owned());
        }
    }
    Err(NoData::Absent)
}

#[cfg(test)]
mod tests;
