//! The functions as a page of the documentation.

use core::fmt::Write as _;

use domain::derived::{Entry, Group};

use super::{bare, example, kinds_of};
use crate::catalogue::parameter_rows;

const HEAD: &str = "# Functions

<!-- Made from the functions by `BLESS=1 cargo test -p gateway --test functions`; a test compares. Do not edit. -->

What can be derived. `telemetryhub functions` prints the same. Keys that every derived metric has (`function`, `tolerance`), and how inputs are
aligned in time, are in the [configuration](specs/configuration.md#derived-metrics); inputs and parameters are further keys of the same table. Each
input names a stream, `device.sensor` or `derived.NAME`; the first one sets the pace. Units are UCUM codes. A test runs each example.

A gap in is a gap out with its reason; of several, that of the first input that has one.
";

/// The whole page.
pub fn page(entries: &[&Entry]) -> String {
    let mut text = format!("{HEAD}\n| function | what it gives |\n|---|---|\n");
    for Entry { function, summary, .. } in entries {
        let _ = writeln!(text, "| [`{function}`](#{function}) | {} |", bare(summary));
    }
    for &group in Group::ALL {
        let of_group: Vec<_> = entries.iter().filter(|entry| entry.group == group).collect();
        if !of_group.is_empty() {
            let _ = writeln!(text, "\n## {}", group.title());
        }
        for entry in of_group {
            section(&mut text, entry);
        }
    }
    text
}

fn section(text: &mut String, entry: &Entry) {
    let Entry { function, summary, source, edges, roles, parameters, .. } = entry;
    let [summary, source, edges] = [summary, source, edges].map(|text| bare(text));
    let _ = writeln!(text, "\n### `{function}`\n\n{summary}.\n");
    let _ = writeln!(text, "* Source: {source}.\n* Range and edges: {edges}.");
    if roles.is_empty() {
        let _ = writeln!(text, "\nIts inputs are the streams in the formula, of any quantity.");
    } else {
        let _ = writeln!(text, "\n| input | quantity | what it is |\n|---|---|---|");
    }
    for role in *roles {
        let _ = writeln!(text, "| `{}` | {} | {} |", role.name, kinds_of(role), bare(role.summary));
    }
    parameter_rows(text, parameters);
    let _ = writeln!(text, "\n```toml\n{}```", example(entry));
}
