//! The environment variables that override values of the file.
//!
//! Only names that begin with the prefix count, so that what container orchestrators inject for
//! a service of our name does no harm. Past the prefix, every variable must be one that we know.

use std::{collections::BTreeMap, ffi::OsString};

use config::Source as _;

use super::{
    key::{Key, PREFIX},
    problem::{Place, Problem},
};

/// The texts that override values, by key.
#[derive(Debug, Default)]
pub(super) struct Environment(BTreeMap<Key, String>);

impl Environment {
    /// Picks out the variables that are meant for us, and says which of them name no key.
    pub(super) fn collect(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> (Self, Vec<Problem>) {
        let (mut problems, mut named) = (Vec::new(), config::Map::new());
        for (name, text) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            match (is_path(&name[PREFIX.len()..]), text.into_string()) {
                (true, Ok(text)) => drop(named.insert(name.to_owned(), text)),
                (true, Err(_)) => {
                    problems.push(refused(name, "its value is not UTF-8", "write text"));
                }
                (false, _) => problems.push(refused(
                    name,
                    "this names no key",
                    &format!(
                        "write {PREFIX}SECTION__KEY or {PREFIX}SECTION__NAME__KEY, in capitals"
                    ),
                )),
            }
        }
        (Self(by_key(named)), problems)
    }

    /// The texts and the keys that they are for.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&Key, &str)> {
        self.0.iter().map(|(key, text)| (key, text.as_str()))
    }
}

fn refused(name: &str, message: &str, mend: &str) -> Problem {
    Problem {
        place: Place::Variable(name.to_owned()),
        key: Key::root(),
        message: message.to_owned(),
        mend: Some(mend.to_owned()),
    }
}

/// Whether the name of a variable, past the prefix, is names in capitals with `__` between them.
fn is_path(names: &str) -> bool {
    let is_capital = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    names
        .split("__")
        .all(|name| !name.is_empty() && !name.starts_with('_') && name.bytes().all(is_capital))
}

fn by_key(named: config::Map<String, String>) -> BTreeMap<Key, String> {
    let environment = config::Environment::with_prefix(PREFIX.trim_end_matches('_'))
        .prefix_separator("__")
        .separator("__")
        .source(Some(named));
    // Collecting and reading as text fail on what is not Unicode, and all this is.
    let texts = environment.collect().unwrap_or_default();
    let text = |value: config::Value| value.into_string().unwrap_or_default();
    texts.into_iter().map(|(key, value)| (Key::of(&key), text(value))).collect()
}
