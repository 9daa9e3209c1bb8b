//! From the `recovery` of an I²C bus to lines of a GPIO chip that nobody else has.

use std::{ops::RangeInclusive, path::Path, time::Duration};

use super::{
    buses, conflicts,
    key::Key,
    reader::Reader,
    settings::{Bus, Place, Power, Recovery},
    tables,
};

/// More lines than any chip has.
const LINES: RangeInclusive<u32> = 0..=1023;
const OFF: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(10);
const SETTLING: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(10);

/// Reads the recovery at `key`; nothing if it is wrong.
pub(super) fn read(
    reader: &mut Reader<'_>,
    key: &Key,
    table: tables::I2cRecovery,
) -> Option<Recovery> {
    let mut line = |name: &str, written: Option<i64>| {
        written.map(|written| reader.integer(&key.child(name), Some(written), LINES, 0))
    };
    let [scl, sda, power] = [("scl", table.scl), ("sda", table.sda), ("power", table.power)]
        .map(|(name, at)| line(name, at));
    let chip = reader.required(&key.child("chip"), table.chip, "\"/dev/gpiochip0\"");
    let chip = chip.and_then(|chip| buses::node(reader, &key.child("chip"), chip));
    let clocks = match (scl, sda) {
        (Some(scl), Some(sda)) => Some([scl, sda]),
        (None, None) => None,
        (Some(_), None) => reader.required(&key.child("sda"), None, "…"),
        (None, Some(_)) => reader.required(&key.child("scl"), None, "…"),
    };
    let half_second = Duration::from_millis(500);
    let (off, settling) = (key.child("power_off"), key.child("power_settling"));
    let off = reader.duration(&off, table.power_off, OFF, half_second);
    let settling = reader.duration(&settling, table.power_settling, SETTLING, half_second / 5);
    let is_active_low = table.power_active_low.unwrap_or(false);
    let power = power.map(|line| Power { line, is_active_low, off, settling });
    refuse_idle(reader, key, clocks.is_some(), power.is_some());
    Some(Recovery { chip: chip?, clocks, power }).filter(|_| !reader.is_faulty(key))
}

/// Reports a recovery that can do nothing, and keys that say how to do what it cannot.
fn refuse_idle(reader: &mut Reader<'_>, key: &Key, has_clocks: bool, has_power: bool) {
    if !has_power {
        for name in ["power_active_low", "power_off", "power_settling"] {
            if reader.has(&key.child(name)) && !reader.is_faulty(&key.child("power")) {
                let message = "there is no line that switches the supply".to_owned();
                let mend = "add power = …, or leave the key out".to_owned();
                reader.value_problem(&key.child(name), message, mend);
            }
        }
    }
    if !has_clocks && !has_power && !reader.is_faulty(key) {
        let message = "there are no lines to free the bus with".to_owned();
        let mend = "add scl = … and sda = …, or power = …".to_owned();
        reader.value_problem(key, message, mend);
    }
}

/// A line of a GPIO chip that somebody has, and the key that says so.
struct Taken<'a> {
    chip: &'a Path,
    line: u32,
    key: Key,
}

/// Reports lines of recoveries that something else has, too: the kernel gives a line to one alone.
pub(super) fn check_lines(reader: &mut Reader<'_>, buses: &[Bus]) {
    let mut taken: Vec<_> = buses.iter().flat_map(inputs).collect();
    for bus in buses {
        let Some(recovery) = &bus.recovery else { continue };
        let section = Key::of("buses").child(&bus.name).child("recovery");
        let clocks =
            recovery.clocks.into_iter().flat_map(|[scl, sda]| [("scl", scl), ("sda", sda)]);
        let power = recovery.power.map(|power| ("power", power.line));
        for (name, line) in clocks.chain(power) {
            let (chip, key) = (recovery.chip.as_path(), section.child(name));
            let other = taken.iter().find(|other| other.chip == chip && other.line == line);
            if let Some(other) = other {
                let message =
                    format!("line {line} of {} is that of {} already", chip.display(), other.key);
                reader.value_problem(&key, message, "name another line".to_owned());
            }
            taken.push(Taken { chip, line, key });
        }
    }
}

/// The lines that the devices of a bus have, if it is a GPIO chip.
fn inputs(bus: &Bus) -> impl Iterator<Item = Taken<'_>> {
    let of_chip = bus.devices.iter().filter(|device| device.place == Place::Gpio);
    of_chip.filter_map(|device| {
        let line = conflicts::line_of(device)?;
        let key = Key::of("devices").child(&device.name).child("line");
        Some(Taken { chip: &bus.path, line, key })
    })
}
