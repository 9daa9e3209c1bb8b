//! The file and the environment as one tree of values that remembers where each came from.
//!
//! The file is parsed with its spans, and the variables are laid over it as text. A variable never
//! replaces a table and never reaches into a value, so that none can make a part of the file vanish.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use domain::derived::Formula;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    environment::Environment,
    key::Key,
    problem::{Place, Problem},
};

/// Values by name.
pub(super) type Table<'t> = DeTable<'t>;

/// What the gateway is configured with: a tree, and the place of everything in it.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: &'t str,
    root: Table<'t>,
    variables: BTreeMap<Key, &'t str>,
}

impl<'t> Document<'t> {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// What is not TOML in it, at most one problem a line.
    pub(super) fn parse(text: &'t str) -> Result<Self, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { text, root: root.into_inner(), variables: BTreeMap::new() });
        }
        let mut problems: Vec<Problem> = Vec::new();
        for error in errors {
            let place = Place::of(text, &error.span().unwrap_or_default());
            let line = |place: &Place| match place {
                Place::At { line, .. } => *line,
                Place::WholeFile | Place::Variable(_) => 0,
            };
            if problems.iter().all(|known| line(&known.place) != line(&place)) {
                let mend = Some(mend_of_syntax(error.message()).to_owned());
                let message = format!("this is not TOML: {}", error.message());
                problems.push(Problem { place, key: Key::root(), message, mend });
            }
        }
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        Err(problems)
    }

    /// Lays the variables of the environment over the file, and says which of them cannot be.
    pub(super) fn overlay(&mut self, environment: &'t Environment) -> Vec<Problem> {
        let texts = environment.texts();
        texts.filter_map(|(key, text)| self.insert(key, text)).collect()
    }

    /// Lays one variable over the file, or says why it cannot be.
    fn insert(&mut self, key: &Key, text: &'t str) -> Option<Problem> {
        let refused = |message: &str, mend: &str| Problem {
            place: Place::Variable(key.variable()),
            key: key.clone(),
            message: message.to_owned(),
            mend: Some(mend.to_owned()),
        };
        let mut table = &mut self.root;
        for name in key.parent().iter().flat_map(Key::names) {
            let next = table.entry(spanned(Cow::Owned(name.to_owned())));
            let next = next.or_insert_with(|| spanned(DeValue::Table(Table::new()))).get_mut();
            let DeValue::Table(next) = next else {
                return Some(refused(
                    "this reaches into something that is a value, not a table",
                    "name the value itself, or a key that is there",
                ));
            };
            table = next;
        }
        let value = spanned(DeValue::String(Cow::Borrowed(text)));
        if table.get(key.name()).is_some_and(|there| there.get_ref().is_table()) {
            return Some(refused("this is a table, not a value", "name one of its keys"));
        }
        table.insert(spanned(Cow::Owned(key.name().to_owned())), value);
        self.variables.insert(key.clone(), text);
        None
    }

    /// Writes each formula that stands in place of a metric's table, `derived.power = "…"`, out as the table
    /// that it is short for.
    pub(super) fn write_out_formulas(&mut self) {
        let Some(DeValue::Table(derived)) = self.root.get_mut("derived").map(Spanned::get_mut)
        else {
            return;
        };
        for (name, value) in derived.iter_mut() {
            let (name, span) = (name.span(), value.span());
            let DeValue::String(formula) = value.get_ref() else { continue };
            let formula = DeValue::String(formula.clone());
            let function = DeValue::String(Cow::Borrowed(Formula::FUNCTION));
            let key = |text| Spanned::new(name.clone(), Cow::Borrowed(text));
            let mut table = Table::new();
            table.insert(key("function"), Spanned::new(span.clone(), function));
            table.insert(key(Formula::PARAMETER), Spanned::new(span.clone(), formula));
            *value = Spanned::new(span, DeValue::Table(table));
        }
    }

    /// The value of `key`, if there is one.
    pub(super) fn get(&self, key: &Key) -> Option<&DeValue<'t>> {
        self.table(&key.parent()?)?.get(key.name()).map(Spanned::get_ref)
    }

    /// The table of `key`, if it is one.
    pub(super) fn table(&self, key: &Key) -> Option<&Table<'t>> {
        key.names().try_fold(&self.root, |table, name| table.get(name)?.get_ref().as_table())
    }

    /// What the variable for `key` says, if there is one.
    pub(super) fn override_of(&self, key: &Key) -> Option<&'t str> {
        self.variables.get(key).copied()
    }

    /// The place of the value of `key`, or the nearest to where it would be.
    pub(super) fn place_of_value(&self, key: &Key) -> Place {
        self.place(key, |_, value| value)
    }

    /// The place of the name that `key` ends with.
    pub(super) fn place_of_name(&self, key: &Key) -> Place {
        self.place(key, |name, _| name)
    }

    fn place(&self, key: &Key, pick: fn(Range<usize>, Range<usize>) -> Range<usize>) -> Place {
        if self.variables.contains_key(key) {
            return Place::Variable(key.variable());
        }
        if let Some(span) = self.span(key, pick) {
            return Place::of(self.text, &span);
        }
        if let Some(below) = self.variables.keys().find(|other| key.holds(other)) {
            return Place::Variable(below.variable());
        }
        let whole = |_, value: Range<usize>| value;
        key.parent().map_or(Place::WholeFile, |parent| self.place(&parent, whole))
    }

    /// Where the file has `key`; nothing for what only the environment has.
    fn span(
        &self,
        key: &Key,
        pick: fn(Range<usize>, Range<usize>) -> Range<usize>,
    ) -> Option<Range<usize>> {
        let (name, value) = self.table(&key.parent()?)?.get_key_value(key.name())?;
        let span = pick(name.span(), value.span());
        (!name.span().is_empty() || !value.span().is_empty()).then_some(span)
    }
}

/// How to mend what the parser calls `message`.
fn mend_of_syntax(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "remove one of the two"
    } else if message.contains("unclosed table") {
        "close the name of the table: [section] or [section.name]"
    } else if message.contains("recurs") {
        "write values less deep"
    } else if message.contains("escape") {
        "write \\\\ for a backslash, or put the text in 'single quotes'"
    } else {
        "write key = value: text in quotes on one line, numbers, true and false without"
    }
}

/// Something that is not in the file.
fn spanned<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}
