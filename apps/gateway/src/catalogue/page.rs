//! The catalogue as a page of the documentation.

use core::fmt::Write as _;

use sensors::{Entry, Parameter, Point};

use super::{bus_of, default_of, example, flat, plain, procedures, range_of, times, type_of};
use crate::config::spoken;

const HEAD: &str = "# Catalogue

<!-- Made from the drivers by `BLESS=1 cargo test -p gateway --test catalogue`; a test compares. Do not edit. -->

What can be connected. `telemetryhub catalogue` prints the same. Keys that every device has (`driver`, `bus`, `address`, `switch`, and `period` or
`silence`) are in the [configuration](specs/configuration.md); parameters are further keys of the same table. Units are UCUM codes.
Time on the bus is that of one measurement with the defaults, I2C at 100 kHz and SPI at 1 MHz, rounded to three digits: when all is well, and
at worst, with a chip that holds the bus until the kernel gives up.
";

/// The whole page.
pub fn page(entries: &[&Entry]) -> String {
    let mut text = format!("{HEAD}\n| driver | part | bus | what it is |\n|---|---|---|---|\n");
    for entry in entries {
        let buses: Vec<_> = entry.attachments.iter().map(|a| a.class().name()).collect();
        let Entry { driver, part, summary, .. } = entry;
        let _ = writeln!(
            text,
            "| [`{driver}`](#{driver}) | {part} | {} | {summary} |",
            buses.join(", ")
        );
    }
    for entry in entries {
        section(&mut text, entry);
    }
    text
}

fn section(text: &mut String, entry: &Entry) {
    let Entry { driver, part, summary, datasheet, .. } = entry;
    let _ = writeln!(text, "\n## `{driver}`\n\n{part}: {summary}. Datasheet: {datasheet}.\n");
    for attachment in entry.attachments {
        let time = times(entry, attachment).filter(|(usual, _)| !usual.is_zero());
        let time = time.map_or_else(
            || "speaks unasked".to_owned(),
            |(usual, worst)| format!("{} on the bus, at worst {}", spoken(usual), spoken(worst)),
        );
        let _ = writeln!(text, "* On {}: {time}.", bus_of(attachment));
    }
    for procedure in procedures(entry) {
        let (name, wanted) = (procedure.name, procedure.wanted());
        let _ = writeln!(text, "* Calibration procedure `{name}` wants {wanted}.");
    }
    if !entry.sensors.is_empty() {
        let _ = writeln!(
            text,
            "\n| sensor | quantity | unit | resolution | range |\n|---|---|---|---|---|"
        );
    }
    entry.sensors.iter().for_each(|point| text.push_str(&sensor(point)));
    parameter_rows(text, entry.parameters);
    if let Some(attachment) = entry.attachments.first() {
        let whole = example(entry, attachment);
        let device = whole.find("[devices.").map_or("", |at| &whole[at..]);
        let _ = writeln!(text, "\n```toml\n{device}```");
    }
}

/// The table of `parameters`; nothing if there is none.
pub(crate) fn parameter_rows(text: &mut String, parameters: &'static [Parameter]) {
    if !parameters.is_empty() {
        let _ = writeln!(
            text,
            "\n| parameter | type | range | default | what it is |\n|---|---|---|---|---|"
        );
    }
    for (path, parameter) in flat(parameters) {
        let default = default_of(&parameter.value);
        let default = default.map_or_else(|| "required".to_owned(), |value| format!("`{value}`"));
        let (kind, range) = (type_of(&parameter.value), range_of(&parameter.value));
        let range = range.replace('|', "\\|");
        let _ =
            writeln!(text, "| `{path}` | {kind} | {range} | {default} | {} |", parameter.summary);
    }
}

fn sensor(point: &Point) -> String {
    let Point { name, kind, resolution, low, high } = point;
    let [resolution, low, high] = [*resolution, *low, *high].map(plain);
    format!(
        "| `{name}` | `{}` | `{}` | {resolution} | {low} to {high} |\n",
        kind.name(),
        kind.unit()
    )
}
