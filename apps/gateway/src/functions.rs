//! `telemetryhub functions`: what can be derived, as a table, one function in full, JSON, or the page
//! `docs/functions.md`. All of it is made from the entries.

mod json;
mod page;
mod table;

use std::io::{self, Write};

use domain::derived::{Entry, Role, entries, find};

pub use page::page;

use crate::{catalogue::Form, check::EXIT_CONFIGURATION, config::nearest};

/// Writes all functions, or the one called `function`, to `out`, and gives the exit code: 0, or
/// [`EXIT_CONFIGURATION`] if there is no such function, which `faults` is told.
///
/// # Errors
///
/// If nothing can be written to `out` or `faults`.
pub fn run(
    function: Option<&str>,
    form: Form,
    out: &mut impl Write,
    faults: &mut impl Write,
) -> io::Result<u8> {
    let wanted = match function.map(|name| (name, find(name))) {
        None => entries().collect(),
        Some((_, Some(entry))) => vec![entry],
        Some((name, None)) => {
            let known: Vec<_> = entries().map(|entry| entry.function).collect();
            let mend = nearest::choose(name, "functions", &known);
            writeln!(faults, "there is no function `{name}`\n  mend: {mend}")?;
            return Ok(EXIT_CONFIGURATION);
        }
    };
    match (form, function, wanted.as_slice()) {
        (Form::Json, ..) => writeln!(out, "{:#}", json::document(&wanted))?,
        (Form::Markdown, ..) => write!(out, "{}", page(&wanted))?,
        (Form::Text, Some(_), [entry, ..]) => write!(out, "{}", table::in_full(entry))?,
        (Form::Text, ..) => write!(out, "{}", table::overview(&wanted))?,
    }
    Ok(0)
}

/// A whole table with a metric of `entry`, as it would stand in a configuration.
pub fn example(entry: &Entry) -> String {
    format!("[derived.my_{}]\n{}\n", entry.function, entry.example.trim_end())
}

/// What a role takes, in words.
fn kinds_of(role: &Role) -> String {
    let kinds: Vec<_> = role.kinds.iter().map(|kind| kind.name()).collect();
    if kinds.is_empty() { "anything".to_owned() } else { kinds.join(" or ") }
}

/// A text of an entry without the full stop that it may have: one is written after it.
fn bare(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}
