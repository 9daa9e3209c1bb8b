//! The catalogue on a terminal.

use core::fmt::Write as _;

use sensors::{Entry, Parameter, Point};

use super::{bus_of, default_of, example, flat, plain, procedures, range_of, times, type_of};
use crate::config::spoken;

/// One line an entry.
pub(super) fn overview(entries: &[&Entry]) -> String {
    let row = |entry: &&Entry| {
        let buses: Vec<_> = entry.attachments.iter().map(|a| a.class().name()).collect();
        [entry.driver.to_owned(), buses.join(", "), entry.part.to_owned(), entry.summary.to_owned()]
    };
    let heading = ["driver", "bus", "part", "what it is"].map(str::to_owned);
    let rows: Vec<_> = [heading].into_iter().chain(entries.iter().map(row)).collect();
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let [first, second, third] = [0, 1, 2].map(|column| widest(column).unwrap_or_default());
    let mut text = String::new();
    for [driver, bus, part, summary] in &rows {
        let _ = writeln!(text, "{driver:first$}  {bus:second$}  {part:third$}  {summary}");
    }
    let _ = writeln!(text, "\n`telemetryhub catalogue DRIVER` shows one in full, with an example.");
    text
}

/// All of one entry.
pub(super) fn in_full(entry: &Entry) -> String {
    let Entry { driver, part, summary, datasheet, sensors, attachments, .. } = entry;
    let mut text = format!("{driver} · {part}\n{summary}\n\ndatasheet  {datasheet}\n");
    for attachment in *attachments {
        let _ = writeln!(text, "bus        {}", bus_of(attachment));
        if let Some((usual, worst)) = times(entry, attachment).filter(|(usual, _)| !usual.is_zero())
        {
            let (usual, worst) = (spoken(usual), spoken(worst));
            let _ = writeln!(text, "           {usual} on the bus, at worst {worst}");
        }
    }
    for procedure in procedures(entry) {
        let _ = writeln!(text, "procedure  {}, wants {}", procedure.name, procedure.wanted());
    }
    let _ = writeln!(text, "\nsensors");
    let width = sensors.iter().map(|point| point.name.len()).fold(16, usize::max);
    sensors.iter().for_each(|point| text.push_str(&sensor(point, width)));
    if sensors.is_empty() {
        let _ = writeln!(text, "  as configuration names them");
    }
    parameter_lines(&mut text, entry.parameters);
    for attachment in *attachments {
        let class = attachment.class().name();
        let _ = write!(text, "\nexample on {class}\n\n{}", example(entry, attachment));
    }
    text
}

/// The list of `parameters`; nothing if there is none.
pub(crate) fn parameter_lines(text: &mut String, parameters: &'static [Parameter]) {
    if !parameters.is_empty() {
        let _ = writeln!(text, "\nparameters");
    }
    for (path, parameter) in flat(parameters) {
        let default = default_of(&parameter.value);
        let default =
            default.map_or_else(|| "required".to_owned(), |value| format!("default {value}"));
        let (kind, range) = (type_of(&parameter.value), range_of(&parameter.value));
        let range = if range.is_empty() { range } else { format!(", {range}") };
        let _ = writeln!(text, "  {path}  ({kind}{range}; {default})\n      {}", parameter.summary);
    }
}

fn sensor(point: &Point, width: usize) -> String {
    let Point { name, kind, resolution, low, high } = point;
    let [resolution, low, high] = [*resolution, *low, *high].map(plain);
    let unit = kind.unit();
    format!(
        "  {name:<width$} {:<18} {low} to {high} {unit}, in steps of {resolution}\n",
        kind.name()
    )
}
