//! Devices of the kernel's industrial I/O subsystem at high rates: scans that the kernel collects, taken in bursts.
//!
//! `Documentation/ABI/testing/sysfs-bus-iio` and `Documentation/iio/iio_devbuf.rst`. A **scan** is one number of each enabled
//! channel, taken when a trigger fires; the kernel keeps up to `length` of them.
//!
//! # Set up when needed
//!
//! Found by name and set up at the first measurement, and again after every failure: the buffer is switched
//! off, exactly our channels (and the timestamp, if the device has one) are enabled, and it is switched on.
//! What it held before is gone with that.
//!
//! # Ages
//!
//! From the timestamps, relative to the newest scan of the burst, which is at most one period old. Without
//! a timestamp channel scans are one configured period apart.
//!
//! # Deliberately absent
//!
//! Making triggers, setting rates, channels of several numbers. A full buffer drops scans, and nothing tells
//! of it but a hole between timestamps: make `length` longer than what comes between two measurements.

mod layout;

use core::time::Duration;

use domain::{NoData, Quantity};
use ports::{Attributes, ByteSource, Device, Measurement, Sensor};

use self::layout::{Format, Layout};
use crate::{
    Arguments, Attachment, BadOptions, Entry, IioChannel, Made, Parameter, Preset, SysfsPlace,
    Value,
    attributes::{find, quantity},
    iio::{ChannelType, FOLDER, types},
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "iio_buffer",
    part: "buffer of an industrial I/O device of the kernel",
    summary: "channels at high rates: the kernel takes scans by a trigger, each measurement empties them",
    datasheet: "Documentation/iio/iio_devbuf.rst",
    parameters: &[
        Parameter {
            name: "device",
            summary: "the device's name, as its file `name` has it",
            value: Value::Text { preset: Preset::Required("lis3dh_accel") },
        },
        Parameter {
            name: "trigger",
            summary: "the trigger's name; empty where the device has its own, or it is set already",
            value: Value::Text { preset: Preset::Default("") },
        },
        Parameter {
            name: "length",
            summary: "how many scans the kernel keeps: more than come between two measurements",
            value: Value::Integer {
                unit: "",
                low: 1,
                high: 65_536,
                preset: Preset::Default(2_048),
            },
        },
        Parameter {
            name: "scan_period",
            summary: "from one scan to the next, for devices without timestamps",
            value: Value::Duration {
                low: Duration::from_micros(10),
                high: Duration::from_secs(1),
                preset: Preset::Default(Duration::from_millis(1)),
            },
        },
        Parameter {
            name: "channels",
            summary: "the channels in use by the names of their sensors",
            value: Value::Named {
                one: "channel",
                fields: CHANNEL,
                distinct: &["channel"],
                example: "x",
            },
        },
    ],
    sensors: &[],
    attachments: &[Attachment::Sysfs { make }],
};

const CHANNEL: &[Parameter] = &[Parameter {
    name: "channel",
    summary: "direction, type, number or modifier: in_accel_x, in_voltage0",
    value: Value::Text { preset: Preset::Required("in_accel_x") },
}];

fn make(place: SysfsPlace, arguments: &Arguments) -> Made {
    let channel = |(name, of): &(String, Arguments)| {
        Ok(IioChannel { name: name.clone(), channel: of.text("channel")?.to_owned() })
    };
    let trigger = arguments.text("trigger")?;
    let options = IioBufferOptions {
        device: arguments.text("device")?.to_owned(),
        channels: arguments
            .named("channels")?
            .iter()
            .map(channel)
            .collect::<Result<_, BadOptions>>()?,
        trigger: (!trigger.is_empty()).then(|| trigger.to_owned()),
        length: arguments.integer("length")?,
        period: arguments.duration("scan_period")?,
    };
    Ok(Box::new(IioBuffer::new(place.tree, place.scans, options)?))
}

/// Setting up: three attributes for each channel of the device, none of which asks the chip.
const SETUP: Duration = Duration::from_millis(50);
/// One read of a full buffer.
const READ: Duration = Duration::from_millis(2);
/// Enabling a buffer powers the chip up and writes to it on a bus that may hang.
const ENABLE_MAX: Duration = Duration::from_secs(2);
/// Bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// Which device, and how it is buffered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IioBufferOptions {
    /// The device's name, such as `lis3dh_accel`.
    pub device: String,
    /// The channels in use: the sensors, in this order.
    pub channels: Vec<IioChannel>,
    /// The trigger's name; none where the device has its own, or it is set already.
    pub trigger: Option<String>,
    /// How many scans the kernel keeps.
    pub length: u32,
    /// From one scan to the next, for devices without timestamps.
    pub period: Duration,
}

/// One device, emptied in bursts. `S` gives the scans of a node such as `iio:device0`.
pub struct IioBuffer<A, S> {
    tree: A,
    open: Box<dyn Fn(&str) -> S + Send>,
    options: IioBufferOptions,
    types: Vec<ChannelType>,
    sensors: Vec<Sensor>,
    running: Option<Running<S>>,
    earlier: Vec<Measurement>,
}

/// A buffer that is switched on.
struct Running<S> {
    scans: S,
    layout: Layout,
    /// Offset and scale of each channel.
    scaling: Vec<(f64, f64)>,
    /// Whether the last number of a scan is its time.
    has_time: bool,
}

impl<A, S> IioBuffer<A, S> {
    /// Takes the tree for good, and `open`, which gives the scans of a node by its name.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if there is no channel, one of no type that is known, or no room for scans.
    pub fn new(
        tree: A,
        open: impl Fn(&str) -> S + Send + 'static,
        options: IioBufferOptions,
    ) -> Result<Self, BadOptions> {
        let (types, sensors) = types(&options.channels)?;
        if options.length == 0 {
            let message = "a buffer of no scans is none".to_owned();
            return Err(BadOptions::Unfit { parameter: "length", message });
        }
        let (running, earlier) = (None, Vec::new());
        Ok(Self { tree, open: Box::new(open), options, types, sensors, running, earlier })
    }
}

impl<A: Attributes, S: ByteSource> IioBuffer<A, S> {
    fn set_up(&mut self) -> Result<Running<S>, NoData> {
        let Self { tree, options, types, .. } = self;
        let folder = find(tree, FOLDER, "iio:device", &options.device)?;
        tree.write(&format!("{folder}/buffer/enable"), "0")?;
        if let Some(trigger) = &options.trigger {
            tree.write(&format!("{folder}/trigger/current_trigger"), trigger)?;
        }
        let has_time = enable_channels(tree, &folder, &options.channels)?;
        let names = options.channels.iter().map(|channel| channel.channel.as_str());
        let mut formats = Vec::new();
        for name in names.chain(has_time.then_some("in_timestamp")) {
            formats.push(format_of(tree, &folder, name)?);
        }
        let scaling = options.channels.iter().zip(types.iter());
        let scaling = scaling
            .map(|(IioChannel { channel, .. }, typed)| typed.scaling(tree, &folder, channel))
            .collect::<Result<_, _>>()?;
        tree.write(&format!("{folder}/buffer/length"), &options.length.to_string())?;
        tree.write(&format!("{folder}/buffer/enable"), "1")?;
        let node = folder.rsplit('/').next().unwrap_or_default();
        Ok(Running { scans: (self.open)(node), layout: Layout::of(&formats), scaling, has_time })
    }

    fn take(&mut self) -> Result<Measurement, NoData> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.set_up()?,
        };
        let found = running.scans(self.options.length)?;
        let Running { scaling, has_time, .. } = &running;
        let ages = ages(&found, *has_time, self.options.period);
        let measurement = |(scan, age): (&Vec<i128>, Duration)| Measurement {
            age,
            outcomes: outcomes(scan, scaling, &self.types),
        };
        self.earlier = found.iter().zip(ages).map(measurement).collect();
        self.running = Some(running);
        self.earlier.pop().ok_or(NoData::NotReady)
    }
}

/// Enables ours and the timestamp, and no others; whether there is a timestamp.
fn enable_channels(
    tree: &mut impl Attributes,
    folder: &str,
    channels: &[IioChannel],
) -> Result<bool, NoData> {
    let folder = format!("{folder}/scan_elements");
    let mut has_time = false;
    for name in tree.list(&folder)? {
        let Some(element) = name.strip_suffix("_en") else { continue };
        has_time |= element == "in_timestamp";
        let is_ours = channels.iter().any(|channel| channel.channel == element);
        let enable = if is_ours || element == "in_timestamp" { "1" } else { "0" };
        tree.write(&format!("{folder}/{name}"), enable)?;
    }
    Ok(has_time)
}

fn format_of(
    tree: &mut impl Attributes,
    folder: &str,
    channel: &str,
) -> Result<(u32, Format), NoData> {
    let element = format!("{folder}/scan_elements/{channel}");
    let format = Format::parse(&tree.read(&format!("{element}_type"))?)?;
    let index = tree.read(&format!("{element}_index"))?;
    Ok((index.trim().parse().map_err(|_| NoData::Corrupt)?, format))
}

impl<S: ByteSource> Running<S> {
    /// What the kernel has collected, oldest first, at most `most` scans.
    fn scans(&mut self, most: u32) -> Result<Vec<Vec<i128>>, NoData> {
        let size = self.layout.bytes;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut buffer = vec![0; (READ_BYTES / size).clamp(1, most) * size];
        let mut found = Vec::new();
        while found.len() < most {
            let len = match self.scans.read(&mut buffer, Duration::ZERO) {
                Ok(received) => received.len,
                Err(NoData::Silent) => break,
                Err(reason) => return Err(reason),
            };
            let read = buffer.get(..len).unwrap_or_default().chunks_exact(size);
            // The kernel gives whole scans: these are not laid out as we believe.
            if !read.remainder().is_empty() {
                return Err(NoData::Corrupt);
            }
            found.extend(read.map(|scan| self.layout.numbers(scan)));
        }
        Ok(found)
    }
}

/// How much older than the newest each scan is.
fn ages(found: &[Vec<i128>], has_time: bool, period: Duration) -> Vec<Duration> {
    let time = |scan: &Vec<i128>| scan.last().copied().unwrap_or_default();
    let newest = found.last().map(time).unwrap_or_default();
    let age = |(nth, scan): (usize, &Vec<i128>)| {
        if has_time {
            Duration::from_nanos(u64::try_from(newest - time(scan)).unwrap_or(0))
        } else {
            period.saturating_mul(u32::try_from(found.len() - 1 - nth).unwrap_or(u32::MAX))
        }
    };
    found.iter().enumerate().map(age).collect()
}

fn outcomes(
    scan: &[i128],
    scaling: &[(f64, f64)],
    types: &[ChannelType],
) -> Vec<(usize, Result<Quantity, NoData>)> {
    let numbers = scan.iter().zip(scaling).zip(types).enumerate();
    numbers
        .map(|(index, ((&raw, (offset, scale)), typed))| {
            #[expect(clippy::cast_precision_loss, reason = "no converter has more than 53 bits")]
            let raw = raw as f64;
            (index, quantity(typed.kind, (raw + offset) * scale * typed.step))
        })
        .collect()
}

impl<A: Attributes, S: ByteSource> Device for IioBuffer<A, S> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        SETUP + ENABLE_MAX + READ
    }

    fn time_on_bus(&self) -> Duration {
        READ
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        self.earlier.clear();
        self.take()
    }

    fn earlier(&mut self) -> Vec<Measurement> {
        core::mem::take(&mut self.earlier)
    }
}

impl<A, S> core::fmt::Debug for IioBuffer<A, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("IioBuffer").field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
