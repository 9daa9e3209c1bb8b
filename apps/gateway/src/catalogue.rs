//! `telemetryhub catalogue`: what can be connected, as a table, one entry in full, JSON, or the page
//! `docs/catalogue.md`.
//!
//! All of it is made from the entries and from a device of each, which is made at a place where nothing
//! is and asked how long it takes.

mod json;
mod page;
mod table;

use std::{
    io::{self, Write},
    time::Duration,
};

use bus_linux::I2C_TIMEOUT;
use domain::parameter::plain;
use ports::{Device, Procedure};
use sensors::{Attachment, Catalogue, Entry, Parameter, Value};

pub(crate) use json::parameter_json;
pub use page::page;
pub(crate) use page::parameter_rows;
pub(crate) use table::parameter_lines;

use crate::{
    check::EXIT_CONFIGURATION,
    config::{Interval, nearest, written, written_example},
};

/// How the catalogue is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// The page of the documentation.
    Markdown,
}

/// Writes the catalogue, or the entry called `driver`, to `out`, and gives the exit code: 0, or
/// [`EXIT_CONFIGURATION`] if there is no such driver, which `faults` is told.
///
/// # Errors
///
/// If nothing can be written to `out` or `faults`.
pub fn run(
    catalogue: Catalogue,
    driver: Option<&str>,
    form: Form,
    out: &mut impl Write,
    faults: &mut impl Write,
) -> io::Result<u8> {
    let is_wanted = |entry: &&Entry| driver.is_none_or(|driver| entry.driver == driver);
    let entries: Vec<_> = catalogue.entries().filter(is_wanted).collect();
    if let (Some(driver), true) = (driver, entries.is_empty()) {
        let known: Vec<_> = catalogue.entries().map(|entry| entry.driver).collect();
        let mend = nearest::choose(driver, "drivers", &known);
        writeln!(faults, "there is no driver `{driver}`\n  mend: {mend}")?;
        return Ok(EXIT_CONFIGURATION);
    }
    match (form, driver, entries.as_slice()) {
        (Form::Json, ..) => writeln!(out, "{:#}", json::document(&entries))?,
        (Form::Markdown, ..) => write!(out, "{}", page(&entries))?,
        (Form::Text, Some(_), [entry, ..]) => write!(out, "{}", table::in_full(entry))?,
        (Form::Text, ..) => write!(out, "{}", table::overview(&entries))?,
    }
    Ok(0)
}

/// A device of the entry at a place where nothing is.
fn made(entry: &Entry, attachment: &Attachment) -> Option<Box<dyn Device>> {
    let arguments = sensors::Arguments::example(entry.parameters);
    let bits_per_second = attachment.bits_per_second_default();
    attachment.make_nowhere(&arguments, I2C_TIMEOUT, bits_per_second).ok()
}

/// How long one measurement takes on one of the entry's buses: when all is well, and at worst.
fn times(entry: &Entry, attachment: &Attachment) -> Option<(Duration, Duration)> {
    made(entry, attachment).map(|made| (made.time_on_bus(), made.worst_case()))
}

/// The calibration procedures that its chip has for itself, the same on every bus.
fn procedures(entry: &Entry) -> &'static [Procedure] {
    let made = entry.attachments.first().and_then(|attachment| made(entry, attachment));
    made.map_or(&[], |made| made.procedures())
}

/// A whole configuration with one device of `entry` on the bus of `attachment`.
pub fn example(entry: &Entry, attachment: &Attachment) -> String {
    let (kind, path, address) = match attachment {
        Attachment::I2c { addresses, .. } => {
            let address = addresses.first().map(|address| format!("address = {address:#04x}\n"));
            ("i2c", "/dev/i2c-1", address.unwrap_or_default())
        }
        Attachment::Spi { .. } => ("spi", "/dev/spidev0.0", String::new()),
        Attachment::Uart { .. } => ("uart", "/dev/ttyAMA0", String::new()),
        Attachment::Sysfs { .. } => ("sysfs", "/sys", String::new()),
        Attachment::Gpio { .. } => ("gpio", "/dev/gpiochip0", String::new()),
    };
    let pace = match entry.pacing() {
        ports::Pacing::Asked => "period = \"1s\"",
        ports::Pacing::Speaks => "silence = \"10s\"",
    };
    let driver = entry.driver;
    let required = entry.parameters.iter().filter(|parameter| parameter.is_required());
    let line = |p: &Parameter| format!("{} = {}\n", p.name, written_example(&p.value));
    let parameters: String = required.map(line).collect();
    format!(
        "[gateway]\nid = \"example\"\n\n[buses.{kind}0]\nkind = \"{kind}\"\npath = \"{path}\"\n\n\
         [devices.my_{driver}]\ndriver = \"{driver}\"\nbus = \"{kind}0\"\n{address}{pace}\n{parameters}"
    )
}

/// The type of a parameter in a word.
const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Number { .. } | Value::Factor { .. } => "number",
        Value::Integer { .. } => "integer",
        Value::Duration { .. } => "duration",
        Value::Choice { .. } | Value::Quantity { .. } => "word",
        Value::Flag { .. } => "boolean",
        Value::Character { .. } => "character",
        Value::Text { .. } => "text",
        Value::Named { .. } => "table",
    }
}

/// What may be written, in words; empty if all of the type may be.
fn range_of(value: &Value) -> String {
    let with = |unit: &str| if unit.is_empty() { String::new() } else { format!(" {unit}") };
    match value {
        Value::Number { low, high, unit, .. } if *low <= f64::MIN && *high >= f64::MAX => {
            if unit.is_empty() { "any".to_owned() } else { format!("any, in {unit}") }
        }
        Value::Number { low, high, unit, .. } if *high >= f64::MAX => {
            format!("{}{} or more", plain(*low), with(unit))
        }
        Value::Number { low, high, unit, .. } => {
            format!("{} to {}{}", plain(*low), plain(*high), with(unit))
        }
        Value::Factor { .. } => "not 0".to_owned(),
        Value::Integer { low, high, unit, .. } => format!("{low} to {high}{}", with(unit)),
        Value::Duration { low, high, .. } => {
            format!("{} to {}", Interval(*low), Interval(*high))
        }
        Value::Choice { choices, .. } => choices.join(", "),
        Value::Quantity { .. } => "a quantity".to_owned(),
        Value::Character { among, .. } => {
            let quoted: Vec<_> = among.chars().map(|c| format!("{c:?}")).collect();
            format!("one of {}", quoted.join(" "))
        }
        Value::Named { one, .. } => format!("one {one} at least"),
        Value::Flag { .. } | Value::Text { .. } => String::new(),
    }
}

/// The default as it would be written; nothing if the parameter is required.
fn default_of(value: &Value) -> Option<String> {
    value.default().map(|argument| written(&argument))
}

/// Parameters with those of named sensors after theirs, by path.
fn flat(parameters: &'static [Parameter]) -> Vec<(String, &'static Parameter)> {
    let mut all = Vec::new();
    for parameter in parameters {
        all.push((parameter.name.to_owned(), parameter));
        if let Value::Named { fields, .. } = &parameter.value {
            let fields = fields.iter();
            all.extend(
                fields.map(|field| (format!("{}.NAME.{}", parameter.name, field.name), field)),
            );
        }
    }
    all
}

/// The bus of an attachment, with what is to be known of it.
fn bus_of(attachment: &Attachment) -> String {
    match attachment {
        Attachment::I2c { addresses, .. } => {
            let known: Vec<_> = addresses.iter().map(|address| format!("{address:#04x}")).collect();
            format!("i2c at {}", known.join(", "))
        }
        Attachment::Spi { modes, clock_hz_max, .. } => {
            let known: Vec<_> = modes.iter().map(u8::to_string).collect();
            format!("spi in mode {}, at most {clock_hz_max} Hz", known.join(" or "))
        }
        Attachment::Uart { .. } => "uart".to_owned(),
        Attachment::Sysfs { .. } => "sysfs".to_owned(),
        Attachment::Gpio { .. } => "gpio".to_owned(),
    }
}
