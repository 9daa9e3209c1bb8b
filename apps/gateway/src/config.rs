//! The configuration: one TOML file, every value of which an environment variable can override.
//!
//! # The way of a value
//!
//! ```text
//! file ──toml──▶ tree with spans ◀──laid over── environment ◀──config── variables
//!                      │
//!                 one table each ──serde──▶ tables, every key optional ──checks──▶ Config
//! ```
//!
//! # Invariants
//!
//! 1. Whoever gets a [`Config`] has nothing left to check or to default.
//! 2. All problems are found in one go, each with its place, its key and how to mend it.
//! 3. A misspelt key is an error, in the file and in the environment.
//! 4. A password appears in no message and no `Debug`.
//! 5. No bytes make it panic.
//!
//! # Deliberately absent
//!
//! Opening anything but the file: whether a device node or a broker exists is found out by running. Names of
//! nodes in `/dev` are proposed where one is missing, and decide nothing.
//! Every key, its type and default: `docs/specs/configuration.md`.

mod arguments;
mod budget;
mod build;
mod buses;
mod classes;
mod conflicts;
mod derived;
mod devices;
mod document;
mod environment;
mod i2c;
mod key;
pub(crate) mod nearest;
mod nodes;
mod patience;
mod problem;
mod reader;
mod recovery;
mod settings;
mod tables;
mod values;

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

pub(crate) use arguments::unusual;
pub(crate) use budget::percent;
pub(crate) use classes::unusual_class;
pub(crate) use derived::usual_class;
pub(crate) use i2c::placed;
pub(crate) use nodes::Nodes;
pub(crate) use patience::unusual_patience;
pub(crate) use values::{Bytes, Interval, spoken, written, written_example};

pub use problem::{Problem, Problems};
pub use settings::{
    BrokerUrl, BrokerUrls, Bus, Channel, Config, Credentials, Derived, Device, HistoryOrder, Log,
    LogFormat, LogLevel, Mqtt, Pace, Parity, Pipeline, Place, Power, Realtime, Recovery, Secret,
    Spool, Switch, Time, Unsynchronised, WhenFull, Wiring,
};

use sensors::Catalogue;

use document::Document;
use environment::Environment;
use reader::Reader;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is not text.
    #[error("{}:{line}:{column}: byte {byte:#04x} is not UTF-8\n  mend: save the file as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is not, from 1.
        line: usize,
        /// Its column, from 1, in characters.
        column: usize,
        /// The byte.
        byte: u8,
    },
    /// The file or the environment says something that cannot be.
    #[error(transparent)]
    Problems(#[from] Problems),
}

/// Reads the file at `path`, overridden by `variables`; devices may have the drivers of `catalogue`.
///
/// # Errors
///
/// [`ConfigError`], with all problems at once.
pub fn load(
    path: &Path,
    catalogue: Catalogue,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let bytes = fs::read(path).map_err(unreadable)?;
    let text =
        str::from_utf8(&bytes).map_err(|error| not_utf8(path, &bytes, error.valid_up_to()))?;
    let (file, nodes) = (path.display().to_string(), Nodes::in_folder(Path::new("/dev")));
    Ok(parse_among(&file, text, catalogue, variables, nodes)?)
}

/// The first byte of `bytes` that is no text is `at`.
fn not_utf8(path: &Path, bytes: &[u8], at: usize) -> ConfigError {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let (line, newline) = (before.split('\n').count(), before.rfind('\n'));
    let column = before[newline.map_or(0, |newline| newline + 1)..].chars().count() + 1;
    let byte = bytes.get(at).copied().unwrap_or_default();
    ConfigError::NotUtf8 { path: path.to_owned(), line, column, byte }
}

/// Reads a configuration from its `text`, overridden by `variables`; `file` is what messages call it.
///
/// # Errors
///
/// All problems at once.
pub fn parse(
    file: &str,
    text: &str,
    catalogue: Catalogue,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, Problems> {
    parse_among(file, text, catalogue, variables, Nodes::default())
}

/// As [`parse`]; where a device node is missing, one of `nodes` is proposed.
fn parse_among(
    file: &str,
    text: &str,
    catalogue: Catalogue,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    nodes: Nodes,
) -> Result<Config, Problems> {
    let all = |list| Problems { file: file.to_owned(), list };
    let (environment, mut problems) = Environment::collect(variables);
    let mut document = Document::parse(text).map_err(all)?;
    problems.extend(document.overlay(&environment));
    document.write_out_formulas();
    let mut reader = Reader::new(document, problems, nodes);
    let config = build::config(&mut reader, catalogue);
    match (config, reader.into_problems()) {
        (Some(config), problems) if problems.is_empty() => Ok(config),
        (_, problems) => Err(all(problems)),
    }
}
