//! From `[buses.*]` to buses without their devices.

use std::{path::PathBuf, time::Duration};

use domain::StreamName;
use sensors::BusClass;

use super::{
    i2c,
    key::Key,
    nearest::choose,
    reader::Reader,
    settings::{Bus, Line, Parity, Rs485, Wiring},
    tables,
};

/// Keys that every bus has.
const HEAD: &[&str] = &["kind", "path"];

/// Reads all buses. A bus that is wrong is left out.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<Bus> {
    let section = Key::of("buses");
    let mut buses: Vec<Bus> = Vec::new();
    for name in names(reader, &section) {
        let key = section.child(&name);
        let Some(bus) = bus(reader, &key, &name) else { continue };
        // The kernel's own tree can be walked by several workers at a time.
        let is_taken = |other: &&Bus| other.path == bus.path && bus.wiring != Wiring::Sysfs;
        match buses.iter().find(is_taken) {
            Some(other) => {
                let message = format!("this device node is bus `{}` already", other.name);
                let mend = format!("remove [{key}] and let its devices name bus `{}`", other.name);
                reader.value_problem(&key.child("path"), message, mend);
            }
            None => buses.push(bus),
        }
    }
    buses
}

fn bus(reader: &mut Reader<'_>, key: &Key, name: &str) -> Option<Bus> {
    let head: tables::BusHead = reader.head(key, HEAD);
    let class_of = |kind: &str| BusClass::ALL.iter().find(|class| class.name() == kind).copied();
    let class = head.kind.as_deref().and_then(class_of);
    let offered =
        class.map_or_else(|| "\"/dev/…\"".to_owned(), |class| reader.nodes.offered(class));
    let path = reader.required(&key.child("path"), head.path, &offered);
    let kind = reader.required(
        &key.child("kind"),
        head.kind,
        "\"i2c\", \"spi\", \"uart\", \"sysfs\" or \"gpio\"",
    )?;
    let Some(class) = class else {
        let known: Vec<_> = BusClass::ALL.iter().map(|class| class.name()).collect();
        let mend = choose(&kind, "kinds", &known);
        reader.value_problem(&key.child("kind"), format!("there is no bus of kind `{kind}`"), mend);
        return None;
    };
    let (wiring, on_i2c) = wiring(reader, key, class);
    let path = node(reader, &key.child("path"), PathBuf::from(path?))?;
    let i2c::OnBus { switches, recovery } = on_i2c;
    Some(Bus { name: name.to_owned(), path, wiring, switches, recovery, devices: Vec::new() })
}

/// The table that a bus called `name` would need, of a class if that is known.
pub(super) fn to_add(reader: &Reader<'_>, name: &str, class: Option<BusClass>) -> String {
    let (kind, path) = class.map_or_else(
        || ("…", "\"/dev/…\"".to_owned()),
        |class| (class.name(), reader.nodes.offered(class)),
    );
    format!("a [buses.{name}] table with kind = \"{kind}\" and path = {path}")
}

/// The device node `path`, if it can be one.
pub(super) fn node(reader: &mut Reader<'_>, key: &Key, path: PathBuf) -> Option<PathBuf> {
    let has_control = path.to_string_lossy().contains(char::is_control);
    if path.is_absolute() && !has_control {
        return Some(path);
    }
    let mend = if has_control {
        "leave the control characters out"
    } else {
        "write the whole path, beginning with /dev/"
    };
    reader.value_problem(key, "this is no device node".to_owned(), mend.to_owned());
    None
}

/// How the bus is driven, and what an I2C bus has besides.
fn wiring(reader: &mut Reader<'_>, key: &Key, class: BusClass) -> (Wiring, i2c::OnBus) {
    let wiring = match class {
        BusClass::I2c => {
            let table: tables::I2cBus = reader.body(key, HEAD);
            return (Wiring::I2c, i2c::on_bus(reader, key, table));
        }
        BusClass::Spi => {
            let table: tables::SpiBus = reader.body(key, HEAD);
            let (mode, clock) = (key.child("mode"), key.child("clock_hz"));
            let clock_hz = table
                .clock_hz
                .map(|written| reader.integer(&clock, Some(written), 10_000..=50_000_000, 10_000));
            let mode = table.mode.map(|written| reader.integer(&mode, Some(written), 0..=3, 0));
            Wiring::Spi { mode, clock_hz }
        }
        BusClass::Gpio => {
            let tables::GpioBus {} = reader.body(key, HEAD);
            Wiring::Gpio
        }
        BusClass::Sysfs => {
            let tables::SysfsBus {} = reader.body(key, HEAD);
            Wiring::Sysfs
        }
        BusClass::Uart => {
            let table: tables::UartBus = reader.body(key, HEAD);
            Wiring::Uart(line(reader, key, table))
        }
    };
    (wiring, i2c::OnBus::default())
}

fn line(reader: &mut Reader<'_>, key: &Key, table: tables::UartBus) -> Line {
    let delays = Duration::ZERO..=Duration::from_secs(1);
    let rs485 = table.rs485.map(|table| {
        let key = key.child("rs485");
        let mut delay = |name, written| {
            reader.duration(&key.child(name), written, delays.clone(), Duration::ZERO)
        };
        Rs485 {
            delay_before_send: delay("delay_before_send", table.delay_before_send),
            delay_after_send: delay("delay_after_send", table.delay_after_send),
            is_inverted: table.inverted.unwrap_or(false),
        }
    });
    Line {
        baud: reader.integer(&key.child("baud"), table.baud, 50..=4_000_000, 9600),
        parity: table.parity.unwrap_or(Parity::None),
        data_bits: reader.integer(&key.child("data_bits"), table.data_bits, 7..=8, 8),
        stop_bits: reader.integer(&key.child("stop_bits"), table.stop_bits, 1..=2, 1),
        rs485,
        has_echo: table.echo.unwrap_or(false),
    }
}

/// The names in a section whose names are free; one that is none is reported and left out.
pub(super) fn names(reader: &mut Reader<'_>, section: &Key) -> Vec<String> {
    let mut names = reader.tables_in(section);
    names.retain(|name| match StreamName::derived(name) {
        Ok(_) => true,
        Err(error) => {
            let key = section.child(name);
            reader.refuse_name(reader.place_of_name(&key), &key, &error);
            false
        }
    });
    names
}
