//! The functions on a terminal.

use core::fmt::Write as _;

use domain::derived::{Entry, Group};

use super::{bare, example, kinds_of};
use crate::catalogue::parameter_lines;

/// One line a function.
pub(super) fn overview(entries: &[&Entry]) -> String {
    let widest = entries.iter().map(|entry| entry.function.len()).max().unwrap_or_default();
    let mut text = String::new();
    for &group in Group::ALL {
        let of_group: Vec<_> = entries.iter().filter(|entry| entry.group == group).collect();
        if !of_group.is_empty() {
            let _ = writeln!(text, "{}", group.title());
        }
        for Entry { function, summary, .. } in of_group {
            let _ = writeln!(text, "  {function:widest$}  {}", bare(summary));
        }
    }
    let _ =
        writeln!(text, "\n`telemetryhub functions FUNCTION` shows one in full, with an example.");
    text
}

/// All of one function.
pub(super) fn in_full(entry: &Entry) -> String {
    let Entry { function, summary, source, edges, roles, parameters, .. } = entry;
    let mut text = format!("{function}\n{}\n\nsource  {source}\nedges   {edges}\n", bare(summary));
    let _ = writeln!(text, "\ninputs");
    if roles.is_empty() {
        let _ = writeln!(text, "  the streams in the formula, of any quantity");
    }
    for role in *roles {
        let _ = writeln!(text, "  {}  ({})\n      {}", role.name, kinds_of(role), role.summary);
    }
    parameter_lines(&mut text, parameters);
    let _ = write!(text, "\nexample\n\n{}", example(entry));
    text
}
