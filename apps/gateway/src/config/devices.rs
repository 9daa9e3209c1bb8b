//! From `[devices.*]` to devices on their buses.
//!
//! Each device is made once here, at a place where nothing is, to ask it for its sensors and its time
//! on the bus: what its driver refuses is found before anything runs.

use std::{ops::RangeInclusive, time::Duration};

use bus_linux::I2C_TIMEOUT;
use domain::{Stream, StreamClass, StreamName};
use ports::Pacing;
use sensors::{Attachment, BadOptions, BusClass, Catalogue, Entry};

use super::{
    arguments, budget,
    buses::{self, names},
    conflicts, i2c,
    key::Key,
    nearest::choose,
    patience,
    reader::Reader,
    recovery,
    settings::{Bus, Device, Pace, Place, Wiring},
    tables,
};

/// Keys that every device has.
const HEAD: &[&str] = &["driver", "bus", "class"];

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Faster than that is not what a gateway is for, slower is a typing error.
const PERIODS: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
const SILENCES: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;
/// Addresses that I²C does not reserve.
const ADDRESSES: RangeInclusive<i64> = 0x08..=0x77;

/// Reads all devices and hangs them on `buses`. A device that is wrong is left out.
pub(super) fn read(reader: &mut Reader<'_>, catalogue: Catalogue, mut buses: Vec<Bus>) -> Vec<Bus> {
    let section = Key::of("devices");
    let mut taken = Vec::new();
    for name in names(reader, &section) {
        let key = section.child(&name);
        if name == StreamName::DERIVED {
            let message = "this name is that of the derived metrics".to_owned();
            reader.name_problem(&key, message, "rename the device".to_owned());
            continue;
        }
        let head: tables::DeviceHead = reader.head(&key, HEAD);
        let entry = entry(reader, catalogue, &key, head.driver);
        let bus = bus(reader, &key, head.bus, entry, &buses);
        let Some(entry) = entry else { continue };
        let fitting = bus.map(|bus| attachment(reader, &key, entry, &buses[bus]));
        let attachment = fitting.unwrap_or_else(|| entry.attachments.first());
        let Some(attachment) = attachment.or(entry.attachments.first()) else { continue };
        let wiring = bus.map(|bus| &buses[bus]);
        refuse_unknown(reader, &key, entry, attachment);
        let place = place(reader, &key, entry, attachment, wiring);
        let device = device(reader, &key, entry, attachment, place, wiring);
        let class = head.class.map_or(StreamClass::Normal, StreamClass::from);
        let device = device.map(|device| Device { class, ..device });
        // A place is taken by a device that is wrong, too.
        let (Some(bus), Some(place), Some(Some(_))) = (bus, place, fitting) else { continue };
        if is_free(reader, &key, place, &buses[bus], &taken) {
            taken.push((buses[bus].name.clone(), place, name));
            buses[bus].devices.extend(device);
        }
    }
    for bus in &buses {
        budget::check(reader, bus);
        conflicts::check(reader, bus);
    }
    recovery::check_lines(reader, &buses);
    buses
}

fn entry(
    reader: &mut Reader<'_>,
    catalogue: Catalogue,
    key: &Key,
    driver: Option<String>,
) -> Option<&'static Entry> {
    let key = key.child("driver");
    let driver = reader.required(&key, driver, "\"…\"")?;
    let entry = catalogue.find(&driver);
    if entry.is_none() {
        let known: Vec<_> = catalogue.entries().map(|entry| entry.driver).collect();
        let mend = choose(&driver, "drivers", &known);
        reader.value_problem(&key, format!("there is no driver `{driver}`"), mend);
    }
    entry
}

/// The index of the bus that the device says it is on.
fn bus(
    reader: &mut Reader<'_>,
    key: &Key,
    bus: Option<String>,
    entry: Option<&Entry>,
    buses: &[Bus],
) -> Option<usize> {
    let mend = bus_to_name(reader, key, entry, buses);
    let key = key.child("bus");
    let bus = reader.required_or(&key, bus, mend)?;
    let found = buses.iter().position(|known| known.name == bus);
    // A bus that is there but wrong has been reported; its devices are not to blame.
    if found.is_none() && !reader.is_faulty(&Key::of("buses").child(&bus)) {
        let known: Vec<_> = buses.iter().map(|bus| bus.name.as_str()).collect();
        let mend = if known.is_empty() {
            format!("add {}", buses::to_add(reader, &bus, usual_class(entry)))
        } else {
            format!("{} — or add a [buses.{bus}] table", choose(&bus, "buses", &known))
        };
        reader.value_problem(&key, format!("there is no bus `{bus}`"), mend);
    }
    found
}

/// The class of bus that the driver usually hangs on.
fn usual_class(entry: Option<&Entry>) -> Option<BusClass> {
    entry.and_then(|entry| entry.attachments.first()).map(Attachment::class)
}

/// What to do about a device of the table `key` that names no bus: name one that its driver can hang on.
fn bus_to_name(reader: &Reader<'_>, key: &Key, entry: Option<&Entry>, buses: &[Bus]) -> String {
    let fits =
        |bus: &&Bus| entry.is_none_or(|entry| entry.attachment(bus.wiring.class()).is_some());
    let known: Vec<_> = buses.iter().filter(fits).map(|bus| format!("\"{}\"", bus.name)).collect();
    if known.is_empty() {
        let class = usual_class(entry);
        let name = class.map_or("NAME", BusClass::name);
        let table = buses::to_add(reader, name, class);
        return format!("add bus = \"{name}\" to [{key}], and {table}");
    }
    format!("add bus = {} to [{key}]", known.join(" or "))
}

/// How the driver hangs on `bus`, if it can.
fn attachment(
    reader: &mut Reader<'_>,
    key: &Key,
    entry: &Entry,
    bus: &Bus,
) -> Option<&'static Attachment> {
    let class = bus.wiring.class();
    let found = entry.attachment(class);
    if found.is_none() {
        let classes = entry.attachments.iter().map(|attachment| attachment.class().name());
        let wants = classes.collect::<Vec<_>>().join(" or ");
        let (is, driver) = (class.name(), entry.driver);
        let message =
            format!("bus `{}` is of kind {is}, but driver {driver} needs {wants}", bus.name);
        reader.value_problem(&key.child("bus"), message, format!("name a bus of kind {wants}"));
    }
    found
}

fn device(
    reader: &mut Reader<'_>,
    key: &Key,
    entry: &'static Entry,
    attachment: &Attachment,
    place: Option<Place>,
    bus: Option<&Bus>,
) -> Option<Device> {
    let rhythm = pace(reader, key, entry);
    let faults = patience::faults(reader, key);
    let priority = patience::priority(reader, key, entry.pacing());
    let (arguments, place) = (arguments::read(reader, key, entry.parameters)?, place?);
    let bits_per_second = match place {
        Place::Spi { clock_hz, .. } => clock_hz,
        Place::Uart { baud, .. } => baud,
        Place::I2c { .. } | Place::Sysfs | Place::Gpio => 0,
    };
    let made = attachment
        .make_nowhere(&arguments, I2C_TIMEOUT, bits_per_second)
        .map_err(|error| refuse(reader, key, &error))
        .ok()?;
    let name = key.name();
    let stream = |sensor: &ports::Sensor| {
        Some(Stream { name: StreamName::new(name, &sensor.name).ok()?, kind: sensor.kind })
    };
    Some(Device {
        name: name.to_owned(),
        entry,
        place,
        pace: rhythm,
        arguments,
        streams: made.sensors().iter().filter_map(stream).collect(),
        room_for: made.room_for(),
        time_on_bus: made.time_on_bus()
            + bus.map_or(Duration::ZERO, |bus| i2c::selecting(bus, place)),
        faults,
        priority,
        class: StreamClass::Normal,
    })
}

fn refuse_unknown(reader: &mut Reader<'_>, key: &Key, entry: &Entry, attachment: &Attachment) {
    let places = if matches!(attachment, Attachment::I2c { .. }) { i2c::KEYS } else { &[] };
    let (pace, priority) = match entry.pacing() {
        Pacing::Asked => ("period", patience::KEYS_ASKED),
        Pacing::Speaks => ("silence", &[][..]),
    };
    let ours = patience::KEYS.iter().chain(priority).copied();
    let parameters = entry.parameters.iter().map(|parameter| parameter.name);
    let known = HEAD.iter().chain(places).copied().chain([pace]).chain(ours).chain(parameters);
    reader.refuse_unknown(key, &known.collect::<Vec<_>>());
}

/// Reports what the driver says of values that are good one by one.
fn refuse(reader: &mut Reader<'_>, key: &Key, error: &BadOptions) {
    let mend = "change one of the values that it depends on".to_owned();
    match error {
        BadOptions::Unfit { parameter, message } => {
            reader.value_problem(&key.child(parameter), message.clone(), mend);
        }
        BadOptions::NoSensors
        | BadOptions::Reference { .. }
        | BadOptions::Delimiter { .. }
        | BadOptions::BeyondFrame { .. }
        | BadOptions::Unit { .. }
        | BadOptions::Baud
        | BadOptions::Block { .. }
        | BadOptions::Register { .. }
        | BadOptions::Undeclared(_) => reader.value_problem(key, error.to_string(), mend),
    }
}

fn pace(reader: &mut Reader<'_>, key: &Key, entry: &Entry) -> Pace {
    match entry.pacing() {
        Pacing::Asked => {
            let table: tables::AskedDevice = reader.head(key, &["period"]);
            let (key, second) = (key.child("period"), Duration::from_secs(1));
            Pace::Asked { period: reader.duration(&key, table.period, PERIODS, second) }
        }
        Pacing::Speaks => {
            let table: tables::SpeakingDevice = reader.head(key, &["silence"]);
            let (key, while_) = (key.child("silence"), Duration::from_secs(10));
            Pace::Speaks { silence: reader.duration(&key, table.silence, SILENCES, while_) }
        }
    }
}

fn place(
    reader: &mut Reader<'_>,
    key: &Key,
    entry: &Entry,
    attachment: &Attachment,
    bus: Option<&Bus>,
) -> Option<Place> {
    match attachment {
        Attachment::I2c { addresses, .. } => {
            let table: tables::I2cDevice = reader.head(key, i2c::KEYS);
            let behind = i2c::channel(reader, key, table.switch, table.channel, bus);
            let at = key.child("address");
            let address = address(reader, &at, table.address, entry, addresses)?;
            let is_free = bus.is_none_or(|bus| i2c::is_free_of_switches(reader, &at, address, bus));
            Some(Place::I2c { address, behind: behind? }).filter(|_| is_free)
        }
        Attachment::Spi { .. } => Some(chip_select(reader, entry, attachment, bus)),
        Attachment::Uart { pacing, .. } => {
            let baud = match bus.map(|bus| bus.wiring) {
                Some(Wiring::Uart(line)) => line.baud,
                Some(Wiring::I2c | Wiring::Spi { .. } | Wiring::Sysfs | Wiring::Gpio) | None => {
                    9600
                }
            };
            Some(Place::Uart { baud, is_asked: *pacing == Pacing::Asked })
        }
        Attachment::Sysfs { .. } => Some(Place::Sysfs),
        Attachment::Gpio { .. } => Some(Place::Gpio),
    }
}

/// One of the addresses that the chip can be strapped to; the usual one if none is given.
fn address(
    reader: &mut Reader<'_>,
    key: &Key,
    written: Option<i64>,
    entry: &Entry,
    addresses: &[u8],
) -> Option<u8> {
    let Some(written) = written else { return addresses.first().copied() };
    let strapped = u8::try_from(written).ok().filter(|address| addresses.contains(address));
    if strapped.is_none() {
        let known: Vec<_> = addresses.iter().map(|known| format!("{known:#04x}")).collect();
        let mend = format!("a {} is at {}", entry.driver, known.join(" or "));
        let message = if ADDRESSES.contains(&written) {
            format!("no {} is at address {written:#04x}", entry.driver)
        } else {
            format!("{written} is not the I2C address of a device (0x08 to 0x77)")
        };
        reader.value_problem(key, message, mend);
    }
    strapped
}

/// Mode and clock rate: the bus's if it says so, the chip's otherwise.
fn chip_select(
    reader: &mut Reader<'_>,
    entry: &Entry,
    attachment: &Attachment,
    bus: Option<&Bus>,
) -> Place {
    let (modes, fastest) = match attachment {
        Attachment::Spi { modes, clock_hz_max, .. } => (*modes, *clock_hz_max),
        Attachment::I2c { .. }
        | Attachment::Uart { .. }
        | Attachment::Sysfs { .. }
        | Attachment::Gpio { .. } => (&[0][..], 0),
    };
    let usual = (modes.first().copied().unwrap_or_default(), attachment.bits_per_second_default());
    let (mode, clock_hz) = match bus.map(|bus| bus.wiring) {
        Some(Wiring::Spi { mode, clock_hz }) => {
            (mode.unwrap_or(usual.0), clock_hz.unwrap_or(usual.1))
        }
        Some(Wiring::I2c | Wiring::Uart(_) | Wiring::Sysfs | Wiring::Gpio) | None => usual,
    };
    if let Some(bus) = bus {
        let key = Key::of("buses").child(&bus.name);
        if !modes.contains(&mode) {
            let known: Vec<_> = modes.iter().map(u8::to_string).collect();
            let message = format!("a {} does not speak mode {mode}", entry.driver);
            let mend = format!("write {}, or leave the key out", known.join(" or "));
            reader.value_problem(&key.child("mode"), message, mend);
        }
        if clock_hz > fastest {
            let message = format!("{clock_hz} Hz is too fast for a {}", entry.driver);
            let mend = format!("write {fastest} at most, or leave the key out");
            reader.value_problem(&key.child("clock_hz"), message, mend);
        }
    }
    Place::Spi { mode, clock_hz }
}

/// Whether `place` on `bus` is not one of those `taken`, which have the name of their bus and device.
fn is_free(
    reader: &mut Reader<'_>,
    key: &Key,
    place: Place,
    bus: &Bus,
    taken: &[(String, Place, String)],
) -> bool {
    let is_there = |(on, theirs, _): &&(String, Place, String)| {
        *on == bus.name
            && match (theirs, place) {
                (
                    &Place::I2c { address: theirs, behind: their_channel },
                    Place::I2c { address: ours, behind: our_channel },
                ) => theirs == ours && i2c::meet(their_channel, our_channel),
                (Place::Uart { is_asked: theirs, .. }, Place::Uart { is_asked: ours, .. }) => {
                    !(*theirs && ours)
                }
                (Place::Sysfs, Place::Sysfs) | (Place::Gpio, Place::Gpio) => false,
                _ => true,
            }
    };
    let Some((_, theirs, other)) = taken.iter().find(is_there) else { return true };
    if let (&Place::I2c { address, behind: theirs }, Place::I2c { behind, .. }) = (theirs, place) {
        i2c::refuse_taken(reader, key, address, bus, (behind, theirs), other);
        return false;
    }
    let bus = &bus.name;
    let (key, message, mend) = match place {
        Place::Spi { .. } => (
            key.child("bus"),
            format!("a spidev node is one chip select, and `{other}` has that of `{bus}` already"),
            "add a bus for the other spidev node",
        ),
        Place::I2c { .. } | Place::Uart { .. } | Place::Sysfs | Place::Gpio => (
            key.child("bus"),
            format!(
                "a device that speaks unasked has the line alone, and `{other}` is on `{bus}` already"
            ),
            "add a bus for the other tty",
        ),
    };
    reader.value_problem(&key, message, mend.to_owned());
    false
}
