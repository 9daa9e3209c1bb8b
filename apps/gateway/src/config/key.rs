//! The name of one value or table in the configuration.

use std::fmt;

/// What the name of every environment variable that overrides a value begins with.
pub(super) const PREFIX: &str = "TELEMETRYHUB__";

/// A path of names from the root of the file, such as `devices.outdoor.period`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<String>);

impl Key {
    /// The root of the file.
    pub(super) const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads the written form; only for keys whose names hold no dot.
    pub(super) fn of(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }

    /// The key `name` in the table that this key names.
    pub(super) fn child(&self, name: &str) -> Self {
        Self(self.0.iter().map(String::as_str).chain([name]).map(str::to_owned).collect())
    }

    /// The table that this key is in.
    pub(super) fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, names)| Self(names.to_vec()))
    }

    /// The last name, empty for the root.
    pub(super) fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The names from the root on.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether `other` is this key or lies below it.
    pub(super) fn holds(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The environment variable that overrides the value of this key.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.0.join("__").to_ascii_uppercase())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        for (at, name) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            if !name.is_empty() && name.bytes().all(is_bare) {
                write!(f, "{dot}{name}")?;
            } else {
                write!(f, "{dot}{name:?}")?;
            }
        }
        Ok(())
    }
}
