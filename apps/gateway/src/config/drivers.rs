//! The keys of each driver. A new driver is a table, a function and a line in [`READERS`].

use std::{ops::RangeInclusive, time::Duration};

use domain::{QuantityKind, StreamName};
use sensors::Entry;

use super::{
    devices::HEAD,
    key::Key,
    nearest::choose,
    reader::Reader,
    settings::{Channel, Column, Driver, Pace},
    tables,
    values::Interval,
};

/// Reads what a driver needs to know from the table of its device.
type Read = fn(&mut Reader<'_>, &Key, &Entry) -> Option<(Pace, Driver)>;

/// How to read the table of each driver in the catalogue.
pub(super) const READERS: &[(&str, Read)] = &[
    ("bme280", bme280),
    ("delimited_text", delimited_text),
    ("mcp3208", mcp3208),
    ("nmea0183", nmea0183),
];

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Faster than that is not what a gateway is for, slower is a typing error.
const PERIODS: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
const SILENCES: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;
/// Addresses that I²C does not reserve.
const ADDRESSES: RangeInclusive<i64> = 0x08..=0x77;

fn bme280(reader: &mut Reader<'_>, key: &Key, entry: &Entry) -> Option<(Pace, Driver)> {
    let table: tables::Bme280 = reader.body(key, HEAD);
    let pace = asked(reader, key, table.period);
    let address = address(reader, &key.child("address"), table.address, entry)?;
    Some((pace, Driver::Bme280 { address }))
}

fn mcp3208(reader: &mut Reader<'_>, key: &Key, _: &Entry) -> Option<(Pace, Driver)> {
    let table: tables::Mcp3208 = reader.body(key, HEAD);
    let pace = asked(reader, key, table.period);
    let reference_key = key.child("reference_volts");
    let reference = reader.required(&reference_key, table.reference_volts, "3.3");
    if let Some(volts) = reference.filter(|volts| !(0.1..=10.0).contains(volts)) {
        let message = format!("{volts} is out of range");
        reader.value_problem(&reference_key, message, "write 0.1 to 10.0".to_owned());
    }
    let section = key.child("channels");
    let example = "{ supply = { channel = 0 } }";
    let mut channels: Vec<Channel> = Vec::new();
    for (name, table) in reader.required(&section, table.channels, example).unwrap_or_default() {
        let key = section.child(&name);
        let Some(channel) = channel(reader, &key, &name, &table) else { continue };
        let is_same = |other: &&Channel| {
            (other.channel, other.is_differential) == (channel.channel, channel.is_differential)
        };
        match channels.iter().find(is_same) {
            Some(other) => is_taken(reader, &key.child("channel"), &other.name, "this channel"),
            None => channels.push(channel),
        }
    }
    need_one(reader, &section, channels.len(), example);
    Some((pace, Driver::Mcp3208 { reference_volts: reference?, channels }))
}

fn channel(
    reader: &mut Reader<'_>,
    key: &Key,
    name: &str,
    table: &tables::Channel,
) -> Option<Channel> {
    is_sensor_name(reader, key, name).then_some(())?;
    let channel_key = key.child("channel");
    let channel = reader.required(&channel_key, table.channel, "0")?;
    Some(Channel {
        name: name.to_owned(),
        channel: reader.integer(&channel_key, Some(channel), 0..=7, 0),
        is_differential: table.differential.unwrap_or(false),
        scale: scale(reader, &key.child("scale"), table.scale),
        offset: reader.finite(&key.child("offset"), table.offset, 0.0),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "all drivers have one signature")]
fn nmea0183(reader: &mut Reader<'_>, key: &Key, _: &Entry) -> Option<(Pace, Driver)> {
    let table: tables::Nmea0183 = reader.body(key, HEAD);
    Some((speaks(reader, key, table.silence), Driver::Nmea0183))
}

#[expect(clippy::unnecessary_wraps, reason = "all drivers have one signature")]
fn delimited_text(reader: &mut Reader<'_>, key: &Key, _: &Entry) -> Option<(Pace, Driver)> {
    let table: tables::DelimitedText = reader.body(key, HEAD);
    let pace = speaks(reader, key, table.silence);
    let delimiter = table.delimiter.unwrap_or(',');
    if !is_delimiter(delimiter) {
        let message = "this cannot stand between numbers".to_owned();
        let mend = "write \",\", \";\", \"\\t\", \" \" or the like".to_owned();
        reader.value_problem(&key.child("delimiter"), message, mend);
    }
    let line_key = key.child("line_bytes_max");
    let line_bytes_max = reader.integer(&line_key, table.line_bytes_max, 8..=4096, 256);
    let section = key.child("columns");
    let example = "{ speed = { index = 0, quantity = \"speed\" } }";
    let mut columns: Vec<Column> = Vec::new();
    for (name, table) in reader.required(&section, table.columns, example).unwrap_or_default() {
        let key = section.child(&name);
        let Some(column) = column(reader, &key, &name, &table) else { continue };
        let is_same = |other: &&Column| (other.index, other.kind) == (column.index, column.kind);
        match columns.iter().find(is_same) {
            Some(other) => is_taken(reader, &key.child("index"), &other.name, "this column"),
            None => columns.push(column),
        }
    }
    need_one(reader, &section, columns.len(), example);
    let prefix = table.prefix.filter(|prefix| !prefix.is_empty());
    Some((pace, Driver::DelimitedText { delimiter, prefix, line_bytes_max, columns }))
}

fn column(
    reader: &mut Reader<'_>,
    key: &Key,
    name: &str,
    table: &tables::Column,
) -> Option<Column> {
    is_sensor_name(reader, key, name).then_some(())?;
    let (index_key, quantity_key) = (key.child("index"), key.child("quantity"));
    let index = reader.required(&index_key, table.index, "0");
    let quantity = reader.required(&quantity_key, table.quantity.as_deref(), "\"temperature\"")?;
    let kind = QuantityKind::from_name(quantity);
    if kind.is_none() {
        let known: Vec<_> = QuantityKind::ALL.iter().map(|kind| kind.name()).collect();
        let mend = choose(quantity, "quantities", &known);
        reader.value_problem(&quantity_key, format!("there is no quantity `{quantity}`"), mend);
    }
    Some(Column {
        name: name.to_owned(),
        index: reader.integer(&index_key, Some(index?), 0..=255, 0),
        kind: kind?,
        scale: scale(reader, &key.child("scale"), table.scale),
        offset: reader.finite(&key.child("offset"), table.offset, 0.0),
    })
}

fn asked(reader: &mut Reader<'_>, key: &Key, period: Option<Interval>) -> Pace {
    let second = Duration::from_secs(1);
    Pace::Asked { period: reader.duration(&key.child("period"), period, PERIODS, second) }
}

fn speaks(reader: &mut Reader<'_>, key: &Key, silence: Option<Interval>) -> Pace {
    let while_ = Duration::from_secs(10);
    Pace::Speaks { silence: reader.duration(&key.child("silence"), silence, SILENCES, while_) }
}

/// Whether a character stands between numbers rather than in them or at the end of a line.
fn is_delimiter(c: char) -> bool {
    let is_shown = c.is_ascii_punctuation() || c == ' ' || c == '\t';
    is_shown && !"+-.".contains(c)
}

/// One of the addresses that the chip can be strapped to; the usual one if none is given.
fn address(reader: &mut Reader<'_>, key: &Key, written: Option<i64>, entry: &Entry) -> Option<u8> {
    let Some(written) = written else { return entry.addresses.first().copied() };
    let strapped = u8::try_from(written).ok().filter(|address| entry.addresses.contains(address));
    if strapped.is_none() {
        let known: Vec<_> = entry.addresses.iter().map(|known| format!("{known:#04x}")).collect();
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

fn scale(reader: &mut Reader<'_>, key: &Key, written: Option<f64>) -> f64 {
    let scale = reader.finite(key, written, 1.0);
    if scale == 0.0 {
        let message = "with this factor every value would be the same".to_owned();
        reader.value_problem(key, message, "write a number other than 0".to_owned());
    }
    scale
}

fn is_sensor_name(reader: &mut Reader<'_>, key: &Key, name: &str) -> bool {
    let refused = StreamName::derived(name).err();
    if let Some(error) = &refused {
        reader.refuse_name(reader.place_of_name(key), key, error);
    }
    refused.is_none()
}

fn is_taken(reader: &mut Reader<'_>, key: &Key, other: &str, what: &str) {
    let message = format!("{what} is `{other}` already");
    reader.value_problem(key, message, "remove one of the two, or mend its number".to_owned());
}

fn need_one(reader: &mut Reader<'_>, key: &Key, count: usize, example: &str) {
    if count == 0 && !reader.is_faulty(key) {
        let message = "a device has one sensor at least".to_owned();
        reader.value_problem(key, message, format!("write {} = {example}", key.name()));
    }
}

#[cfg(test)]
mod tests {
    use sensors::CATALOGUE;

    use super::*;

    #[test]
    fn every_driver_in_the_catalogue_can_be_configured() {
        let drivers: Vec<_> = CATALOGUE.iter().map(|entry| entry.driver).collect();
        assert_eq!(drivers, READERS.iter().map(|(driver, _)| *driver).collect::<Vec<_>>());
    }
}
