//! From `[devices.*]` to devices on their buses.

use domain::{QuantityKind, Stream, StreamName};
use sensors::{BusClass, CATALOGUE, Entry};

use super::{
    buses::{kind_name, names},
    drivers::READERS,
    key::Key,
    nearest::choose,
    reader::Reader,
    settings::{Bus, Device, Driver},
    tables,
};

/// Keys that every device has.
pub(super) const HEAD: &[&str] = &["driver", "bus"];

/// Reads all devices and hangs them on `buses`. A device that is wrong is left out.
pub(super) fn read(reader: &mut Reader<'_>, mut buses: Vec<Bus>) -> Vec<Bus> {
    let section = Key::of("devices");
    for name in names(reader, &section) {
        let key = section.child(&name);
        if name == StreamName::DERIVED {
            let message = "this name is that of the derived metrics".to_owned();
            reader.name_problem(&key, message, "rename the device".to_owned());
            continue;
        }
        let head: tables::DeviceHead = reader.head(&key, HEAD);
        let entry = entry(reader, &key, head.driver);
        let device = entry.and_then(|entry| device(reader, &key, &name, entry));
        let bus = bus(reader, &key, head.bus, &buses);
        if let (Some(entry), Some(device), Some(bus)) = (entry, device, bus) {
            hang(reader, &key, entry, device, &mut buses[bus]);
        }
    }
    buses
}

fn entry(reader: &mut Reader<'_>, key: &Key, driver: Option<String>) -> Option<&'static Entry> {
    let key = key.child("driver");
    let driver = reader.required(&key, driver, "\"…\"")?;
    let entry = Entry::find(&driver);
    if entry.is_none() {
        let known: Vec<_> = CATALOGUE.iter().map(|entry| entry.driver).collect();
        let mend = choose(&driver, "drivers", &known);
        reader.value_problem(&key, format!("there is no driver `{driver}`"), mend);
    }
    entry
}

fn device(reader: &mut Reader<'_>, key: &Key, name: &str, entry: &Entry) -> Option<Device> {
    let (_, read) = READERS.iter().find(|(driver, _)| *driver == entry.driver)?;
    let (pace, driver) = read(reader, key, entry)?;
    let streams = streams(name, entry, &driver);
    Some(Device { name: name.to_owned(), pace, driver, streams })
}

/// The index of the bus that the device says it is on.
fn bus(reader: &mut Reader<'_>, key: &Key, bus: Option<String>, buses: &[Bus]) -> Option<usize> {
    let key = key.child("bus");
    let bus = reader.required(&key, bus, "\"…\"")?;
    let found = buses.iter().position(|known| known.name == bus);
    // A bus that is there but wrong has been reported; its devices are not to blame.
    if found.is_none() && !reader.is_faulty(&Key::of("buses").child(&bus)) {
        let known: Vec<_> = buses.iter().map(|bus| bus.name.as_str()).collect();
        let mend = if known.is_empty() {
            format!("add a [buses.{bus}] table")
        } else {
            format!("{} — or add a [buses.{bus}] table", choose(&bus, "buses", &known))
        };
        reader.value_problem(&key, format!("there is no bus `{bus}`"), mend);
    }
    found
}

/// Puts `device` on `bus` if it fits there and its place is free.
fn hang(reader: &mut Reader<'_>, key: &Key, entry: &Entry, device: Device, bus: &mut Bus) {
    if bus.wiring.class() != entry.bus {
        let (is, wants) = (kind_name(bus.wiring.class()), kind_name(entry.bus));
        let message = format!(
            "bus `{}` is of kind {is}, but driver {} needs {wants}",
            bus.name, entry.driver
        );
        let mend = format!("name a bus of kind {wants}");
        reader.value_problem(&key.child("bus"), message, mend);
        return;
    }
    let same = |other: &&Device| address(other) == address(&device);
    match (bus.devices.iter().find(same), address(&device)) {
        (None, _) => bus.devices.push(device),
        (Some(other), Some(address)) => {
            let message = format!(
                "address {address:#04x} of bus `{}` is that of `{}` already",
                bus.name, other.name
            );
            let mend = "give one of the two another address, or put it on another bus".to_owned();
            reader.value_problem(&key.child("address"), message, mend);
        }
        (Some(other), None) => {
            let (message, mend) = match entry.bus {
                BusClass::Uart => ("a serial line has one device", "tty"),
                BusClass::Spi | BusClass::I2c => {
                    ("a spidev node is one chip select", "spidev node")
                }
            };
            let message =
                format!("{message}, and `{}` has that of `{}` already", other.name, bus.name);
            let mend = format!("add a bus for the other {mend}");
            reader.value_problem(&key.child("bus"), message, mend);
        }
    }
}

/// What tells devices on one bus apart; nothing where there can be only one.
const fn address(device: &Device) -> Option<u8> {
    match device.driver {
        Driver::Bme280 { address } => Some(address),
        Driver::Mcp3208 { .. } | Driver::Nmea0183 | Driver::DelimitedText { .. } => None,
    }
}

fn streams(device: &str, entry: &Entry, driver: &Driver) -> Vec<Stream> {
    let sensors: Vec<(&str, QuantityKind)> = match driver {
        Driver::Bme280 { .. } | Driver::Nmea0183 => entry.sensors.to_vec(),
        Driver::Mcp3208 { channels, .. } => {
            channels.iter().map(|c| (c.name.as_str(), QuantityKind::Voltage)).collect()
        }
        Driver::DelimitedText { columns, .. } => {
            columns.iter().map(|column| (column.name.as_str(), column.kind)).collect()
        }
    };
    let stream =
        |(sensor, kind)| Some(Stream { name: StreamName::new(device, sensor).ok()?, kind });
    sensors.into_iter().filter_map(stream).collect()
}
