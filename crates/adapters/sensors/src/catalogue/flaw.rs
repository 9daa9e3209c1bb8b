//! What an entry must be for everybody else to rely on it.

use core::time::Duration;
use std::collections::BTreeSet;

use domain::StreamName;
use ports::{Device, Pacing};

use super::{Attachment, Entry, Parameter, Point, Value};

/// Keys that mean the same for every device, and are nobody's parameter.
const TAKEN: &[&str] = &[
    "driver",
    "bus",
    "address",
    "switch",
    "channel",
    "period",
    "silence",
    "failures_max",
    "retry_max",
    "comes_back",
    "probe_every",
    "priority",
    "slow_down",
];

/// Something wrong with an entry: a mistake in its source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("driver {driver}: {what}")]
pub struct Flaw {
    /// What the entry is called.
    pub driver: &'static str,
    /// What is wrong.
    pub what: String,
}

impl Flaw {
    pub(super) fn of(entry: &Entry, what: impl Into<String>) -> Self {
        Self { driver: entry.driver, what: what.into() }
    }
}

impl Entry {
    /// Checks that the entry keeps its promises, its device's included. A test of each entry runs it.
    ///
    /// # Errors
    ///
    /// The first [`Flaw`].
    pub fn check(&self) -> Result<(), Flaw> {
        let flaw = |what: Result<(), String>| what.map_err(|what| Flaw::of(self, what));
        flaw(name(self.driver))?;
        flaw(points(self.sensors))?;
        flaw(parameters(self.parameters, TAKEN))?;
        flaw(attachments(self.attachments))?;
        flaw(station(self))?;
        let devices = self.examples(Duration::from_secs(1));
        let devices = devices.map_err(|error| Flaw::of(self, format!("refuses: {error}")))?;
        devices.iter().try_for_each(|made| flaw(device(self, made.as_ref())))
    }
}

fn demand(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn name(name: &str) -> Result<(), String> {
    StreamName::derived(name).map(drop).map_err(|error| error.to_string())
}

fn points(points: &[Point]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    points.iter().try_for_each(|point| {
        let Point { name: called, kind, resolution, low, high } = point;
        name(called)?;
        demand(seen.insert(called), || format!("two sensors are called {called}"))?;
        demand(*resolution > 0.0, || format!("{called} has no resolution"))?;
        demand(low < high, || format!("the range of {called} is empty"))?;
        let ends = kind.quantity(*low).and(kind.quantity(*high));
        ends.map(drop).map_err(|error| format!("the range of {called}: {error}"))
    })
}

fn parameters(parameters: &[Parameter], taken: &[&str]) -> Result<(), String> {
    let mut seen: BTreeSet<&str> = taken.iter().copied().collect();
    parameters.iter().try_for_each(|parameter| {
        let called = parameter.name;
        name(called)?;
        demand(seen.insert(called), || format!("parameter {called}: this name is taken"))?;
        demand(!parameter.summary.is_empty(), || format!("parameter {called} is not explained"))?;
        let preset = parameter.value.check(&parameter.value.preset());
        preset.map_err(|refusal| format!("the preset of {called}: {}", refusal.message))?;
        let Value::Named { fields, distinct, example, .. } = parameter.value else { return Ok(()) };
        name(example)?;
        let is_field = |known: &&str| fields.iter().any(|field| field.name == *known);
        demand(distinct.iter().all(is_field), || format!("{called}: no such field is distinct"))?;
        let is_flat = fields.iter().all(|field| !matches!(field.value, Value::Named { .. }));
        demand(is_flat, || format!("{called}: a table of sensors holds none"))?;
        self::parameters(fields, &[])
    })
}

fn attachments(attachments: &[Attachment]) -> Result<(), String> {
    demand(!attachments.is_empty(), || "hangs on no bus".to_owned())?;
    let pacing = attachments.first().map_or(Pacing::Asked, Attachment::pacing);
    let mut seen = BTreeSet::new();
    attachments.iter().try_for_each(|attachment| {
        let class = attachment.class().name();
        demand(seen.insert(class), || format!("has two attachments to {class}"))?;
        demand(attachment.pacing() == pacing, || "is paced otherwise elsewhere".to_owned())?;
        match attachment {
            Attachment::I2c { addresses, .. } => {
                let are_free = addresses.iter().all(|address| (0x08..=0x77).contains(address));
                demand(are_free && !addresses.is_empty(), || "has no I2C address".to_owned())
            }
            Attachment::Spi { modes, clock_hz_max, .. } => {
                let are_modes = modes.iter().all(|mode| *mode <= 3) && !modes.is_empty();
                demand(are_modes && *clock_hz_max > 0, || "has no SPI mode or clock".to_owned())
            }
            Attachment::Uart { .. } | Attachment::Sysfs { .. } | Attachment::Gpio { .. } => Ok(()),
        }
    })
}

fn station(entry: &Entry) -> Result<(), String> {
    let mut named = entry.attachments.iter().filter_map(Attachment::station);
    let is_there = |name: &str| entry.parameters.iter().any(|parameter| parameter.name == name);
    named.try_for_each(|name| demand(is_there(name), || format!("has no parameter {name}")))
}

fn device(entry: &Entry, device: &dyn Device) -> Result<(), String> {
    demand(!device.sensors().is_empty(), || "hosts no sensor".to_owned())?;
    let is_point =
        |sensor: &ports::Sensor| entry.sensors.iter().any(|point| point.sensor() == *sensor);
    demand(entry.sensors.is_empty() || device.sensors().iter().all(is_point), || {
        "hosts a sensor that it does not list".to_owned()
    })?;
    demand(device.pacing() == entry.pacing(), || "is paced otherwise than it says".to_owned())?;
    let (usual, worst) = (device.time_on_bus(), device.worst_case());
    demand(usual <= worst, || format!("takes {usual:?}, at worst {worst:?}"))?;
    let is_asked = device.pacing() == Pacing::Asked;
    demand(usual.is_zero() != is_asked, || format!("takes {usual:?} of its bus"))
}
