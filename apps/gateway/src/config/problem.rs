//! What is wrong with a configuration, where, and how to mend it.
//!
//! # Invariants
//!
//! 1. No text from the file reaches a terminal with a control character in it.
//! 2. A source line is quoted only if it cannot hold a secret.

use std::fmt;

use super::key::Key;

/// The longest source line that is quoted, in characters.
const EXCERPT_MAX: usize = 120;

/// Everything that is wrong with one configuration, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    pub(super) file: String,
    pub(super) list: Vec<Problem>,
}

/// One thing that is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(super) place: Place,
    pub(super) key: Key,
    pub(super) message: String,
    pub(super) mend: Option<String>,
}

/// Where a problem lies. The order is that of the report: the file from top to bottom first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Nowhere in particular: something is missing.
    WholeFile,
    /// In the file; line and column count from 1, the column in characters.
    At { line: usize, column: usize, excerpt: Option<Excerpt> },
    /// In the environment variable of that name.
    Variable(String),
}

/// A source line and the part of it that is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Excerpt {
    line: String,
    indent: usize,
    length: usize,
}

impl Place {
    /// The place of the bytes `span` in `text`.
    pub(super) fn of(text: &str, span: &std::ops::Range<usize>) -> Self {
        let start = boundary(text, span.start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let end = boundary(text, span.end.clamp(start, line_end));
        let line = text[line_start..line_end].trim_end_matches('\r');
        let excerpt = (line.chars().count() <= EXCERPT_MAX
            && !may_hold_secret(text, line_start, line))
        .then(|| Excerpt {
            line: line.replace(char::is_control, " "),
            indent: text[line_start..start].chars().count(),
            length: text[start..end].trim_end().chars().count().max(1),
        });
        let line = text[..line_start].matches('\n').count() + 1;
        Self::At { line, column: text[line_start..start].chars().count() + 1, excerpt }
    }
}

/// The last place up to `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Whether quoting `line` could give away a password: it names one, has a URL with credentials,
/// or lies inside of a text of several lines whose key is further up.
fn may_hold_secret(text: &str, line_start: usize, line: &str) -> bool {
    let quotes = |mark| text[..line_start].matches(mark).count();
    line.to_ascii_lowercase().contains("pass")
        || line.contains('@')
        || (quotes("\"\"\"") + quotes("'''")) % 2 == 1
}

impl Problems {
    /// How many there are; never 0.
    pub fn count(&self) -> usize {
        self.list.len()
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            problem.write(f, &self.file)?;
        }
        match self.list.len() {
            1 => write!(f, "1 problem in the configuration"),
            count => write!(f, "{count} problems in the configuration"),
        }
    }
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, file: &str) -> fmt::Result {
        match &self.place {
            Place::WholeFile => write!(f, "{file}: ")?,
            Place::At { line, column, .. } => write!(f, "{file}:{line}:{column}: ")?,
            Place::Variable(name) => write!(f, "environment variable {}: ", printable(name))?,
        }
        if self.key != Key::root() {
            write!(f, "{}: ", printable(&self.key.to_string()))?;
        }
        writeln!(f, "{}", printable(&self.message))?;
        if let Place::At { line, excerpt: Some(excerpt), .. } = &self.place {
            let (margin, indent) = (line.to_string().len(), excerpt.indent);
            writeln!(f, "  {line} | {}", excerpt.line.trim_end())?;
            writeln!(f, "  {:margin$} | {:indent$}{}", "", "", "^".repeat(excerpt.length))?;
        }
        self.mend.iter().try_for_each(|mend| writeln!(f, "  mend: {}", printable(mend)))
    }
}

/// The same text with its control characters spelled out.
fn printable(text: &str) -> String {
    let spell =
        |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(spell).collect()
}
