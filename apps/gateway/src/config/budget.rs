//! How busy a bus is: the time that each of its devices occupies it, divided by the device's period.
//!
//! A bus that is asked for more than all of its time misses slots for ever, and so is refused. One that
//! is nearly so has no time left for a retry or a slow chip, and is warned of.

use std::time::Duration;

use super::{
    key::Key,
    reader::Reader,
    settings::{Bus, Device, Pace},
    values::{Interval, spoken},
};

/// The share of time above which a bus has too little left for what goes wrong.
const TIGHT: f64 = 0.8;
/// How many devices a message names.
const NAMED: usize = 3;

impl Device {
    /// The share of time that it occupies its bus when all is well; 0 if it speaks unasked.
    pub fn share_of_bus(&self) -> f64 {
        match self.pace {
            Pace::Asked { period } => self.time_on_bus.as_secs_f64() / period.as_secs_f64(),
            Pace::Speaks { .. } => 0.0,
        }
    }
}

impl Bus {
    /// The share of time that its devices occupy it when all is well.
    pub fn share_busy(&self) -> f64 {
        self.devices.iter().map(Device::share_of_bus).sum()
    }

    /// What is to be said of a bus that has little time left.
    pub fn warning(&self) -> Option<String> {
        let busy = self.share_busy();
        (busy > TIGHT).then(|| {
            let (percent, users) = (percent(busy), users(self));
            let name = &self.name;
            format!("bus `{name}` is busy {percent} of the time, which leaves little for what goes wrong: {users}")
        })
    }
}

/// Reports a bus that is asked for more than all of its time.
pub(super) fn check(reader: &mut Reader<'_>, bus: &Bus) {
    let busy = bus.share_busy();
    let (true, Some(top)) = (busy > 1.0, by_share(bus).first().copied()) else { return };
    let name = &bus.name;
    let message =
        format!("bus `{name}` would be busy {} of the time: {}", percent(busy), users(bus));
    let mend = match enough(top, TIGHT - (busy - top.share_of_bus())) {
        Some(period) => format!("write \"{period}\" or longer, or move devices to another bus"),
        None => "measure these less often, or move some of them to another bus".to_owned(),
    };
    let key = Key::of("devices").child(&top.name).child("period");
    reader.value_problem(&key, message, mend);
}

/// The shortest round period with which `device` takes at most `share` of its bus.
fn enough(device: &Device, share: f64) -> Option<Interval> {
    let seconds = device.time_on_bus.as_secs_f64() / share;
    if share <= 0.0 || seconds > 3600.0 {
        return None;
    }
    let step = if seconds < 1.0 { 0.05 } else { 1.0 };
    let rounded = Duration::try_from_secs_f64((seconds / step).ceil() * step).ok()?;
    Some(Interval(Duration::from_millis(u64::try_from(rounded.as_millis()).ok()?)))
}

fn by_share(bus: &Bus) -> Vec<&Device> {
    let mut devices: Vec<_> = bus.devices.iter().collect();
    devices.sort_by(|a, b| b.share_of_bus().total_cmp(&a.share_of_bus()));
    devices
}

/// The devices that use most of the bus.
fn users(bus: &Bus) -> String {
    let say = |device: &Device| {
        let (name, share) = (&device.name, percent(device.share_of_bus()));
        let time = spoken(device.time_on_bus);
        match device.pace {
            Pace::Asked { period } => format!("{name} {share} ({time} every {})", spoken(period)),
            Pace::Speaks { .. } => name.clone(),
        }
    };
    let devices = by_share(bus);
    let mut told: Vec<_> = devices.iter().take(NAMED).map(|device| say(device)).collect();
    let others: f64 = devices.iter().skip(NAMED).map(|device| device.share_of_bus()).sum();
    if let Some(count) = devices.len().checked_sub(NAMED).filter(|count| *count > 0) {
        told.push(format!("and {count} more {}", percent(others)));
    }
    told.join(", ")
}

/// A share as people say it; a bus with little to do is not idle.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent >= 10.0 => format!("{percent:.0} %"),
        percent if percent >= 0.1 => format!("{percent:.1} %"),
        _ => "less than 0.1 %".to_owned(),
    }
}

#[cfg(test)]
mod tests;
