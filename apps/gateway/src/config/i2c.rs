//! What an I²C bus has besides its devices, and where behind it a device can be. Lines that free it:
//! [`recovery`].
//!
//! # What is refused, and why
//!
//! A channel of a switch stays connected until another is selected, so whoever is in front of the switches
//! meets whoever is behind one. Two devices may have one address only if they are behind different channels.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use domain::StreamName;
use sensors::SELECTION;

use super::{
    key::Key,
    nearest::choose,
    reader::Reader,
    recovery,
    settings::{Bus, Channel, Place, Recovery, Switch},
    tables,
};

/// Keys that say where on I²C a device is.
pub(super) const KEYS: &[&str] = &["address", "switch", "channel"];

/// What pins A0 to A2 of a TCA9548A choose from.
const SWITCHES: RangeInclusive<u8> = 0x70..=0x77;

/// What an I²C bus has besides its devices.
#[derive(Default)]
pub(super) struct OnBus {
    pub(super) switches: Vec<Switch>,
    pub(super) recovery: Option<Recovery>,
}

/// Reads what the bus at `key` has. What is wrong is left out.
pub(super) fn on_bus(reader: &mut Reader<'_>, key: &Key, table: tables::I2cBus) -> OnBus {
    let switches = switches(reader, &key.child("switches"), table.switches.unwrap_or_default());
    let recovery =
        table.recovery.and_then(|table| recovery::read(reader, &key.child("recovery"), table));
    OnBus { switches, recovery }
}

fn switches(
    reader: &mut Reader<'_>,
    section: &Key,
    tables: BTreeMap<String, tables::I2cSwitch>,
) -> Vec<Switch> {
    let mut switches: Vec<Switch> = Vec::new();
    for (name, table) in tables {
        let key = section.child(&name);
        if let Err(error) = StreamName::derived(&name) {
            reader.refuse_name(reader.place_of_name(&key), &key, &error);
            continue;
        }
        // An address that is not there may be written otherwise.
        if reader.is_faulty(&key) {
            continue;
        }
        let key = key.child("address");
        let written = table.address.unwrap_or(0x70);
        let address = u8::try_from(written).ok().filter(|address| SWITCHES.contains(address));
        let Some(address) = address else {
            let message = format!("no TCA9548A is at address {}", hexadecimal(written));
            reader.value_problem(&key, message, "write 0x70 to 0x77".to_owned());
            continue;
        };
        match switches.iter().find(|other| other.address == address) {
            Some(other) => {
                let message =
                    format!("address {address:#04x} is that of switch `{}` already", other.name);
                let mend = "strap one of the two to another address".to_owned();
                reader.value_problem(&key, message, mend);
            }
            None => switches.push(Switch { name, address }),
        }
    }
    switches
}

fn hexadecimal(number: i64) -> String {
    if number < 0 { number.to_string() } else { format!("{number:#04x}") }
}

/// The channel that the device at `key` is behind, if it is behind one; nothing if what is said of it is wrong.
#[expect(clippy::option_option, reason = "no channel is right, too")]
pub(super) fn channel(
    reader: &mut Reader<'_>,
    key: &Key,
    switch: Option<String>,
    channel: Option<i64>,
    bus: Option<&Bus>,
) -> Option<Option<Channel>> {
    let (switch_key, channel_key) = (key.child("switch"), key.child("channel"));
    let is_faulty = reader.is_faulty(&switch_key) || reader.is_faulty(&channel_key);
    let (switch, channel) = match (switch, channel) {
        _ if is_faulty => return None,
        (None, None) => return Some(None),
        (None, Some(_)) => {
            reader.required::<String>(&switch_key, None, "\"…\"");
            return None;
        }
        (Some(switch), channel) => (switch, reader.required(&channel_key, channel, "0")?),
    };
    let channel = reader.integer(&channel_key, Some(channel), 0..=7, 0);
    let bus = bus?;
    let address = known(reader, &switch_key, &switch, bus)?;
    (!reader.is_faulty(&channel_key)).then_some(Some(Channel { switch: address, channel }))
}

/// The address of the switch of `bus` that is called `name`.
fn known(reader: &mut Reader<'_>, key: &Key, name: &str, bus: &Bus) -> Option<u8> {
    let found = bus.switches.iter().find(|switch| switch.name == name);
    let section = Key::of("buses").child(&bus.name).child("switches");
    // A switch that is there but wrong has been reported; its devices are not to blame.
    if found.is_none() && !reader.is_faulty(&section.child(name)) {
        let names: Vec<_> = bus.switches.iter().map(|switch| switch.name.as_str()).collect();
        let add = format!("add a [{section}.{name}] table");
        let mend = if names.is_empty() {
            add
        } else {
            format!("{} — or {add}", choose(name, "switches", &names))
        };
        let message = format!("there is no switch `{name}` on bus `{}`", bus.name);
        reader.value_problem(key, message, mend);
    }
    found.map(|switch| switch.address)
}

/// Whether no switch of `bus` has `address`, which would answer in the place of a device.
pub(super) fn is_free_of_switches(
    reader: &mut Reader<'_>,
    key: &Key,
    address: u8,
    bus: &Bus,
) -> bool {
    let Some(switch) = bus.switches.iter().find(|switch| switch.address == address) else {
        return true;
    };
    let message = format!(
        "address {address:#04x} of bus `{}` is that of its switch `{}`",
        bus.name, switch.name
    );
    reader.value_problem(key, message, "strap one of the two to another address".to_owned());
    false
}

/// Whether two devices at these places are on the wires together.
pub(super) fn meet(one: Option<Channel>, other: Option<Channel>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        (None, _) | (_, None) => true,
    }
}

/// Reports that `address` is that of device `other`; the channels are that of ours and that of the other one.
pub(super) fn refuse_taken(
    reader: &mut Reader<'_>,
    key: &Key,
    address: u8,
    bus: &Bus,
    (ours, theirs): (Option<Channel>, Option<Channel>),
    other: &str,
) {
    let name = &bus.name;
    let (message, mend) = match (ours, theirs) {
        (Some(here), Some(_)) => (
            format!("address {address:#04x} {} is that of `{other}` already", placed(bus, here)),
            "give one of the two another address, or put it behind another channel",
        ),
        (None, None) => (
            format!("address {address:#04x} of bus `{name}` is that of `{other}` already"),
            "give one of the two another address, or put it on another bus",
        ),
        (Some(_), None) => (
            format!(
                "`{other}` has address {address:#04x} in front of the switches of bus `{name}`, and would answer at the same time"
            ),
            "put that one behind a channel, too, or give one of the two another address",
        ),
        (None, Some(there)) => (
            format!(
                "`{other}` has address {address:#04x} {}, and would answer at the same time",
                placed(bus, there)
            ),
            "put this one behind a channel, too, or give one of the two another address",
        ),
    };
    reader.value_problem(&key.child("address"), message, mend.to_owned());
}

/// Where `channel` is, in words.
pub(crate) fn placed(bus: &Bus, channel: Channel) -> String {
    let switch = bus.switches.iter().find(|switch| switch.address == channel.switch);
    let name = switch.map_or("", |switch| &switch.name);
    format!("behind channel {} of switch `{name}`", channel.channel)
}

/// How much of its bus a device at `place` takes for the selection of its channel, once in a measurement, and for
/// that of no channel of another switch.
pub(super) fn selecting(bus: &Bus, place: Place) -> Duration {
    let Place::I2c { behind: Some(_), .. } = place else { return Duration::ZERO };
    if bus.switches.len() > 1 { SELECTION * 2 } else { SELECTION }
}
