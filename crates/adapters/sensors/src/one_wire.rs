//! Maxim DS18B20 and its family on 1-Wire, which the kernel drives.
//!
//! Datasheet 19-7487; `Documentation/w1/slaves/w1_therm.rst`. A read of `temperature` starts a conversion and
//! blocks until it is over. Before Linux 5.8 there is only `w1_slave`: nine bytes with the kernel's
//! judgement of their CRC, `YES` or `NO`, and below them `t=` and the number.
//!
//! # 85 °C
//!
//! Is what the scratchpad holds at power-on, before any conversion: a chip whose supply failed during
//! one gives exactly that. It is [`NoData::NotReady`]; so is a real 85.000 °C, once in 16 steps a degree.

use core::time::Duration;

use domain::{NoData, QuantityKind};
use ports::{Attributes, Device, Measurement, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, Made, Parameter, Point, Preset, SysfsPlace, Value,
    attributes::quantity,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "one_wire",
    part: "Maxim DS18B20 and its kin",
    summary: "thermometer on 1-Wire, driven by the kernel's w1-therm",
    datasheet: "DS18B20 19-7487; Documentation/w1/slaves/w1_therm.rst",
    parameters: &[Parameter {
        name: "serial",
        summary: "its serial number as the kernel writes it: the name of its folder",
        value: Value::Text { preset: Preset::Required("28-0316a2797b19") },
    }],
    sensors: &[Point {
        name: "temperature",
        kind: QuantityKind::Temperature,
        resolution: 0.0625,
        low: -55.0,
        high: 125.0,
    }],
    attachments: &[Attachment::Sysfs { make }],
};

fn make(place: SysfsPlace, arguments: &Arguments) -> Made {
    Ok(Box::new(OneWire::new(place.tree, arguments.text("serial")?)?))
}

/// A conversion of 12 bits (datasheet, "AC electrical characteristics").
const CONVERSION: Duration = Duration::from_millis(750);
/// The kernel tries three times, and waits for the bus, which others share.
const WORST_CASE: Duration = Duration::from_secs(5);
/// In thousandths of a degree.
const POWER_ON: i32 = 85_000;
/// The range of the parts, in thousandths of a degree.
const RANGE: core::ops::RangeInclusive<i32> = -55_000..=125_000;

/// One thermometer by its serial number.
#[derive(Debug)]
pub struct OneWire<A> {
    tree: A,
    folder: String,
    sensors: Vec<Sensor>,
}

impl<A> OneWire<A> {
    /// Takes the tree for good. `serial` is as the kernel writes it, such as `28-0316a2797b19`.
    ///
    /// # Errors
    ///
    /// [`BadOptions::Unfit`] if `serial` is no family and number in hexadecimal.
    pub fn new(tree: A, serial: &str) -> Result<Self, BadOptions> {
        let is_hex = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let parts = serial.split_once('-');
        if !parts.is_some_and(|(family, number)| is_hex(family, 2) && is_hex(number, 12)) {
            return Err(BadOptions::Unfit {
                parameter: "serial",
                message: format!("{serial:?} is no 1-Wire serial number, such as 28-0316a2797b19"),
            });
        }
        let folder = format!("bus/w1/devices/{serial}");
        let sensor = Sensor { name: "temperature".to_owned(), kind: QuantityKind::Temperature };
        Ok(Self { tree, folder, sensors: vec![sensor] })
    }
}

impl<A: Attributes> Device for OneWire<A> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        WORST_CASE
    }

    fn time_on_bus(&self) -> Duration {
        CONVERSION
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let Self { tree, folder, .. } = self;
        let millis = match tree.read(&format!("{folder}/temperature")) {
            Ok(text) => text.trim().parse().map_err(|_| NoData::Corrupt),
            Err(NoData::Absent) => scratchpad(&tree.read(&format!("{folder}/w1_slave"))?),
            Err(reason) => Err(reason),
        };
        let outcome = match millis? {
            POWER_ON => Err(NoData::NotReady),
            millis if RANGE.contains(&millis) => {
                quantity(QuantityKind::Temperature, f64::from(millis) / 1e3)
            }
            _ => Err(NoData::Implausible),
        };
        Ok(Measurement { age: Duration::ZERO, outcomes: vec![(0, outcome)] })
    }
}

/// The thousandths of a degree in a `w1_slave`.
fn scratchpad(text: &str) -> Result<i32, NoData> {
    let mut lines = text.lines();
    let (judged, told) = lines.next().zip(lines.next()).ok_or(NoData::Corrupt)?;
    if !judged.trim_end().ends_with(" YES") {
        return Err(NoData::Corrupt);
    }
    let (_, millis) = told.split_once("t=").ok_or(NoData::Corrupt)?;
    millis.trim().parse().map_err(|_| NoData::Corrupt)
}

#[cfg(test)]
mod tests;
