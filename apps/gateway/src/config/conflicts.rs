//! Devices that fit their bus one by one, and yet are in each other's way: two on one digital input, two that
//! read the same of one slave.
//!
//! # Rules
//!
//! * The kernel gives a line of a GPIO chip to one only.
//! * Several devices may be one slave of a serial line, so that some of its registers are read more often
//!   than others. No register is read by two: whoever copies the table of a meter and leaves its address
//!   as it was would see one meter twice.
//!
//! # Deliberately absent
//!
//! Addresses, chip selects, and lines on which somebody speaks unasked: see [`devices`](super::devices).

use std::{cell::Cell, rc::Rc};

use sensors::{Argument, Arguments, Attachment, BusClass, GpioPlace, Value};

use super::{
    key::Key,
    reader::Reader,
    settings::{Bus, Device},
    values::written,
};

/// Reports each device of `bus` that is in the way of an earlier one.
pub(super) fn check(reader: &mut Reader<'_>, bus: &Bus) {
    for (at, device) in bus.devices.iter().enumerate() {
        let key = Key::of("devices").child(&device.name);
        for other in bus.devices.iter().take(at) {
            input(reader, &key, bus, device, other);
            station(reader, &key, bus, device, other);
        }
    }
}

fn input(reader: &mut Reader<'_>, key: &Key, bus: &Bus, device: &Device, other: &Device) {
    let (Some(ours), Some(theirs)) = (line_of(device), line_of(other)) else { return };
    if ours == theirs {
        let (bus, other) = (&bus.name, &other.name);
        let message = format!("line {ours} of bus `{bus}` is that of `{other}` already");
        let mend = "give one of the two another line, or remove it".to_owned();
        reader.value_problem(&key.child("line"), message, mend);
    }
}

/// The number of the digital input that the device would open, if it is one.
pub(super) fn line_of(device: &Device) -> Option<u32> {
    let Some(Attachment::Gpio { make }) = device.entry.attachment(BusClass::Gpio) else {
        return None;
    };
    let line = Rc::new(Cell::new(None));
    let wished = Rc::clone(&line);
    let input = Box::new(move |wish: sensors::InputWish| {
        wished.set(Some(wish.line));
        (GpioPlace::nowhere().input)(wish)
    });
    make(GpioPlace { input }, &device.arguments).ok()?;
    line.get()
}

fn station(reader: &mut Reader<'_>, key: &Key, bus: &Bus, device: &Device, other: &Device) {
    let attachment = device.entry.attachment(bus.wiring.class());
    let Some(name) = attachment.and_then(Attachment::station) else { return };
    let (Some(ours), Some(theirs)) = (argument(device, name), argument(other, name)) else {
        return;
    };
    if device.entry != other.entry || ours != theirs {
        return;
    }
    let Some((theirs, ours)) = read_by_both(device, other) else { return };
    let (number, bus) = (argument(device, name).map(written).unwrap_or_default(), &bus.name);
    let message = format!(
        "`{ours}` and `{theirs}` are one: {name} {number} of bus `{bus}` would be asked for it twice"
    );
    let mend = format!("give one of the two another {name}, or read it by one of them only");
    reader.value_problem(&key.child(name), message, mend);
}

fn argument<'d>(device: &'d Device, name: &str) -> Option<&'d Argument> {
    device.arguments.iter().find(|(known, _)| *known == name).map(|(_, argument)| argument)
}

/// A sensor of `other` and one of `device` that are the same of one slave, if there is such a pair.
fn read_by_both(device: &Device, other: &Device) -> Option<(String, String)> {
    let full = |device: &Device, sensors: &[(String, Arguments)]| -> Vec<_> {
        let named =
            |(name, of): &(String, Arguments)| (format!("{}.{name}", device.name), of.clone());
        sensors.iter().map(named).collect()
    };
    for parameter in device.entry.parameters {
        let Value::Named { distinct, .. } = parameter.value else { continue };
        let theirs = full(other, other.arguments.named(parameter.name).ok()?);
        let ours = full(device, device.arguments.named(parameter.name).ok()?);
        let all = Argument::Named(theirs.into_iter().chain(ours).collect());
        // Those of one device are distinct already.
        return all.twins(distinct).map(|(first, second)| (first.to_owned(), second.to_owned()));
    }
    // What names no sensors has the same ones each time.
    Some((other.name.clone(), device.name.clone()))
}

#[cfg(test)]
mod tests;
