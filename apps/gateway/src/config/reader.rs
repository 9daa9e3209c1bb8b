//! Reads tables out of the document and collects what is wrong with them.
//!
//! serde stops at the first error. So a table is read again without the offending value until nothing
//! is left to complain of: every key is optional, each round removes one, and all faults of the
//! file are found in one go.
//!
//! # Invariants
//!
//! 1. One problem a key: what follows from a known fault is not reported on top of it.
//! 2. A wrong type is reported without the value, which may be a secret.

use std::{collections::BTreeMap, fmt::Display, ops::RangeInclusive, time::Duration};

use domain::NotAName;
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeValue, ValueDeserializer},
};

use super::{
    document::{Document, Table},
    key::Key,
    nearest::{choose, nearest},
    nodes::Nodes,
    problem::{Place, Problem},
    values::{AMOUNT, DURATION, Interval},
};

/// The document, and what has been found wrong with it so far.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    document: Document<'t>,
    problems: Vec<Problem>,
    /// What can be proposed where a device node is missing.
    pub(super) nodes: Nodes,
}

impl<'t> Reader<'t> {
    /// Starts on `document`, of which `problems` are known.
    pub(super) const fn new(document: Document<'t>, problems: Vec<Problem>, nodes: Nodes) -> Self {
        Self { document, problems, nodes }
    }

    /// All that was wrong, from the top of the file to its end, then the environment.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by(|a, b| (&a.place, &a.key).cmp(&(&b.place, &b.key)));
        self.problems
    }

    /// Reads the whole table `key`; a table that is not there is empty.
    pub(super) fn table<T: DeserializeOwned + Default>(&mut self, key: &Key) -> T {
        match (self.document.get(key), self.document.table(key)) {
            (_, Some(table)) => {
                let table = table.clone();
                self.read(key, table, &[])
            }
            (None, None) => T::default(),
            (Some(_), None) => {
                self.refuse_non_table(key);
                T::default()
            }
        }
    }

    /// Reads only the keys `names` of the table `key`: those that say what the others mean.
    pub(super) fn head<T: DeserializeOwned + Default>(&mut self, key: &Key, names: &[&str]) -> T {
        let table = self.part(key, |name| names.contains(&name));
        self.read(key, table, &[])
    }

    /// Reads the keys of the table `key` that are not its head's.
    pub(super) fn body<T: DeserializeOwned + Default>(&mut self, key: &Key, head: &[&str]) -> T {
        let table = self.part(key, |name| !head.contains(&name));
        self.read(key, table, head)
    }

    /// Reads the value of one `key`, whatever else its table holds; nothing if it is not there or not a `T`.
    pub(super) fn value<T: DeserializeOwned>(&mut self, key: &Key) -> Option<T> {
        let table = key.parent()?;
        let alone = self.part(&table, |name| name == key.name());
        let mut read: BTreeMap<String, T> = self.read(&table, alone, &[]);
        read.remove(key.name())
    }

    /// Reports every key of the table `key` that is none of `known`.
    pub(super) fn refuse_unknown(&mut self, key: &Key, known: &[&str]) {
        let keys = self.document.table(key).into_iter().flat_map(Table::keys);
        let names: Vec<_> = keys.map(|name| name.get_ref().to_string()).collect();
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            let mend = choose(name, "keys here", known);
            self.name_problem(&key.child(name), "there is no such key".to_owned(), mend);
        }
    }

    fn part(&self, key: &Key, is_wanted: impl Fn(&str) -> bool) -> Table<'t> {
        let all = self.document.table(key).cloned().unwrap_or_default();
        all.into_iter().filter(|(name, _)| is_wanted(name.get_ref())).collect()
    }

    /// The names of the tables in the table `key`, in alphabetical order.
    pub(super) fn tables_in(&mut self, key: &Key) -> Vec<String> {
        if self.document.get(key).is_none() {
            return Vec::new();
        }
        let Some(table) = self.document.table(key) else {
            self.refuse_non_table(key);
            return Vec::new();
        };
        let names: Vec<_> = table.keys().map(|name| name.get_ref().to_string()).collect();
        let is_table = |name: &String| self.document.table(&key.child(name)).is_some();
        let (tables, others): (Vec<_>, Vec<_>) = names.into_iter().partition(is_table);
        for name in &others {
            self.refuse_non_table(&key.child(name));
        }
        tables
    }

    fn refuse_non_table(&mut self, key: &Key) {
        let is_of_names = ["buses", "devices", "derived"].map(Key::of).contains(key);
        let line = if is_of_names { format!("[{key}.NAME]") } else { format!("[{key}]") };
        let mend = format!("begin a table with a line {line}");
        self.value_problem(key, "expected a table, found a value".to_owned(), mend);
    }

    /// Reads `table`, which is at `key`, and removes and reports what does not fit until it does.
    /// `others` are keys that the table may have but that are read elsewhere.
    fn read<T>(&mut self, key: &Key, mut table: Table<'t>, others: &[&str]) -> T
    where
        T: DeserializeOwned + Default,
    {
        loop {
            let value = Spanned::new(0..0, DeValue::Table(table.clone()));
            let error = match serde_path_to_error::deserialize(ValueDeserializer::from(value)) {
                Ok(read) => return read,
                Err(error) => error,
            };
            let path = names_of(error.path());
            let at = path.iter().fold(key.clone(), |key, name| key.child(name));
            // A table in the table has no keys that are read elsewhere.
            let others = if path.len() > 1 { &[] } else { others };
            let Some(place) = locate(&mut table, &path) else {
                self.report(key, error.inner().message(), others);
                return T::default();
            };
            let text = self.document.override_of(&at);
            if let Some(retyped) = text.and_then(|text| retyped(text, place.get_ref())) {
                *place = Spanned::new(0..0, retyped);
            } else {
                self.report(&at, error.inner().message(), others);
                remove(&mut table, &path);
            }
        }
    }

    /// Turns what serde says of `key` into a problem.
    fn report(&mut self, key: &Key, message: &str, others: &[&str]) {
        let words = quoted(message);
        if message.starts_with("unknown field") {
            let keys: Vec<_> = others.iter().copied().chain(words.into_iter().skip(1)).collect();
            let mend = choose(key.name(), "keys here", &keys);
            self.name_problem(key, "there is no such key".to_owned(), mend);
        } else if let (true, Some((word, known))) =
            (message.starts_with("unknown variant"), words.split_first())
        {
            let mend = choose(word, "words here", known);
            self.value_problem(key, format!("`{word}` means nothing here"), mend);
        } else if message == "wanted string or table" {
            let message = "expected a word".to_owned();
            self.value_problem(key, message, "write one in quotes".to_owned());
        } else if let Some(rest) = message.strip_prefix("invalid ") {
            let (message, mend) = mismatch(rest);
            self.value_problem(key, message, mend.to_owned());
        } else {
            let (message, mend) = message.split_once('\n').unwrap_or((message, ""));
            self.value_problem(key, message.to_owned(), mend.to_owned());
        }
    }

    /// Whether anything is written at `key`.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.document.get(key).is_some()
    }

    /// Reports something about the name of `key`.
    pub(super) fn name_problem(&mut self, key: &Key, message: String, mend: String) {
        let place = self.document.place_of_name(key);
        self.push(place, key, message, mend);
    }

    /// Reports something about the value of `key`, or about its absence.
    pub(super) fn value_problem(&mut self, key: &Key, message: String, mend: String) {
        let place = self.document.place_of_value(key);
        self.push(place, key, message, mend);
    }

    /// The place of the name of `key`.
    pub(super) fn place_of_name(&self, key: &Key) -> Place {
        self.document.place_of_name(key)
    }

    /// The place of the value of `key`.
    pub(super) fn place_of_value(&self, key: &Key) -> Place {
        self.document.place_of_value(key)
    }

    fn push(&mut self, place: Place, key: &Key, message: String, mend: String) {
        if self.problems.iter().all(|known| known.key != *key) {
            let mend = Some(mend).filter(|mend| !mend.is_empty());
            self.problems.push(Problem { place, key: key.clone(), message, mend });
        }
    }

    /// Whether something is known to be wrong at `key`, above or below it, so that what is missing
    /// there may be missing for that reason.
    pub(super) fn is_faulty(&self, key: &Key) -> bool {
        self.problems
            .iter()
            .filter(|known| known.key != Key::root())
            .any(|known| known.key.holds(key) || key.holds(&known.key))
    }

    /// The value of a key that must be there. Its absence is not reported if a misspelling of it is.
    pub(super) fn required<T>(&mut self, key: &Key, value: Option<T>, example: &str) -> Option<T> {
        let table = key.parent().unwrap_or_default();
        self.required_or(key, value, format!("add {} = {example} to [{table}]", key.name()))
    }

    /// As [`required`](Self::required), with its own `mend`.
    pub(super) fn required_or<T>(
        &mut self,
        key: &Key,
        value: Option<T>,
        mend: String,
    ) -> Option<T> {
        if value.is_some() {
            return value;
        }
        let table = key.parent().unwrap_or_default();
        if self.document.get(&table).is_some_and(|there| !there.is_table()) {
            // That there is no table is known.
            return None;
        }
        let keys = self.document.table(&table).into_iter().flat_map(Table::keys);
        let written = nearest(key.name(), keys.map(|name| name.get_ref().as_ref()));
        let mend = match written {
            Some(written) if self.is_faulty(&table.child(written)) => return None,
            Some(written) => format!("rename `{written}` to `{}`", key.name()),
            None => mend,
        };
        if let Some(meant) = self.meant_in_file(&table) {
            let message = "only the environment has this, and not all of it".to_owned();
            self.name_problem(&table, message, format!("did you mean `{meant}`? If not, {mend}"));
            return None;
        }
        self.value_problem(key, "this key is missing".to_owned(), mend);
        None
    }

    /// The table of the file that `table`, which only the environment has, is a likely misspelling of.
    fn meant_in_file(&self, table: &Key) -> Option<String> {
        let is_variable = |key: &Key| matches!(self.place_of_name(key), Place::Variable(_));
        let section = table.parent().filter(|section| *section != Key::root())?;
        if !is_variable(table) {
            return None;
        }
        let names = self.document.table(&section).into_iter().flat_map(Table::keys);
        let names = names.map(|name| name.get_ref().as_ref());
        let in_file = names.filter(|name| !is_variable(&section.child(name)));
        nearest(table.name(), in_file).map(str::to_owned)
    }

    /// Reports a name that is none. `error` says so, and after a colon what a name is.
    pub(super) fn refuse_name(&mut self, place: Place, key: &Key, error: &NotAName) {
        let error = error.to_string();
        let (message, mend) = error.rsplit_once(": ").unwrap_or((&error, ""));
        self.push(place, key, message.to_owned(), mend.to_owned());
    }

    /// The number `value`, or `default` if there is none; a problem if it is out of `range`.
    pub(super) fn integer<N>(
        &mut self,
        key: &Key,
        value: Option<i64>,
        range: RangeInclusive<N>,
        default: N,
    ) -> N
    where
        N: TryFrom<i64> + PartialOrd + Display + Copy,
    {
        let Some(written) = value else { return default };
        match N::try_from(written) {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let limits = format!("write {} to {}", range.start(), range.end());
                self.value_problem(key, format!("{written} is out of range"), limits);
                default
            }
        }
    }

    /// The duration `value`, or `default` if there is none; a problem if it is out of `range`.
    pub(super) fn duration(
        &mut self,
        key: &Key,
        value: Option<Interval>,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        match value {
            None => default,
            Some(Interval(duration)) if range.contains(&duration) => duration,
            Some(written) => {
                let (least, most) = (Interval(*range.start()), Interval(*range.end()));
                let limits = format!("write {least} to {most}");
                self.value_problem(key, format!("{written} is out of range"), limits);
                default
            }
        }
    }

    /// As [`duration`](Self::duration), and a problem if it has a fraction of a second.
    pub(super) fn whole_seconds(
        &mut self,
        key: &Key,
        value: Option<Interval>,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let duration = self.duration(key, value, range, default);
        if duration.subsec_nanos() != 0 {
            let message = "this is kept in whole seconds".to_owned();
            self.value_problem(key, message, "write whole seconds".to_owned());
        }
        duration
    }
}

/// The names on the way to where an error is, as far as they name tables and values.
fn names_of(path: &serde_path_to_error::Path) -> Vec<String> {
    use serde_path_to_error::Segment;
    path.iter()
        .map_while(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// The value at the end of `path`; nothing for an empty path.
fn locate<'a, 't>(
    table: &'a mut Table<'t>,
    path: &[String],
) -> Option<&'a mut Spanned<DeValue<'t>>> {
    let (first, rest) = path.split_first()?;
    let value = table.get_mut(first.as_str())?;
    if rest.is_empty() {
        return Some(value);
    }
    if let DeValue::Table(inner) = value.get_mut() { locate(inner, rest) } else { None }
}

fn remove(table: &mut Table<'_>, path: &[String]) {
    match path {
        [] => {}
        [name] => {
            table.remove(name.as_str());
        }
        [first, rest @ ..] => {
            if let Some(DeValue::Table(inner)) = table.get_mut(first.as_str()).map(Spanned::get_mut)
            {
                remove(inner, rest);
            }
        }
    }
}

/// What a variable's text is as a number or a truth value, unless it has been tried as one.
fn retyped<'t>(text: &'t str, tried: &DeValue<'_>) -> Option<DeValue<'t>> {
    let value = DeValue::parse(text.trim()).ok()?.into_inner();
    let is_scalar = value.is_integer() || value.is_float() || value.is_bool();
    (is_scalar && tried.is_str()).then_some(value)
}

/// The words between backticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// What "type: integer `5`, expected a string" says, without the value; and how to mend it.
fn mismatch(message: &str) -> (String, &'static str) {
    let (_, detail) = message.split_once(": ").unwrap_or(("", message));
    // The value may hold anything, so the last comma it is.
    let (found, expected) = detail.rsplit_once(", expected ").unwrap_or((detail, "something else"));
    let found = match found.split(['`', '"']).next().unwrap_or_default().trim() {
        "map" => "table",
        "sequence" => "array",
        "floating point" => "number with a point",
        word => word,
    };
    let (expected, mend) = match expected {
        "a string" => ("a string", "write text in quotes"),
        DURATION => (expected, "write a number and a unit in quotes, such as \"15s\""),
        AMOUNT => (expected, "write a number and a unit in quotes, such as \"64MiB\""),
        "a boolean" => ("a boolean", "write true or false, without quotes"),
        "a character" => ("one character", "write one character in quotes"),
        "i64" if found == "integer" => {
            return ("this number is too large".to_owned(), "write one of fewer digits");
        }
        "i64" => ("an integer", "write a whole number, without quotes"),
        "f64" => ("a number", "write a number, without quotes"),
        word if word == "a map" || word.starts_with("struct ") => {
            ("a table", "write { key = value }")
        }
        word => (word, ""),
    };
    (format!("expected {expected}, found {found}"), mend)
}
