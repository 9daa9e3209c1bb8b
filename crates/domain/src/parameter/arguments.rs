//! What is said to a driver or a function: one value for each of its parameters.

use core::time::Duration;
use std::collections::BTreeMap;

use super::{Parameter, Preset, Refusal, Value};
use crate::QuantityKind;

/// The value of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// Of a [`Value::Number`] or [`Value::Factor`].
    Number(f64),
    /// Of a [`Value::Integer`].
    Integer(i64),
    /// Of a [`Value::Duration`].
    Duration(Duration),
    /// Of a [`Value::Choice`].
    Choice(&'static str),
    /// Of a [`Value::Quantity`].
    Quantity(QuantityKind),
    /// Of a [`Value::Flag`].
    Flag(bool),
    /// Of a [`Value::Character`].
    Character(char),
    /// Of a [`Value::Text`].
    Text(String),
    /// Of a [`Value::Named`]: the sensors, in the order of their names.
    Named(Vec<(String, Arguments)>),
}

/// A value for each parameter, of its type and in its range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    values: BTreeMap<&'static str, Argument>,
}

/// An argument that its parameter does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {}", refusal.message)]
pub struct BadArgument {
    /// The parameter, or what is none.
    pub name: String,
    /// What is wrong, and how to mend it.
    pub refusal: Refusal,
}

/// An argument is asked for that no parameter declares, or of another type than it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no parameter {name} of that type")]
pub struct Undeclared {
    /// The parameter asked for.
    pub name: &'static str,
}

impl Arguments {
    /// Takes `given`, and the default of each parameter that is not given.
    ///
    /// # Errors
    ///
    /// The first that is unknown, missing, of another type or out of range.
    pub fn new(
        parameters: &'static [Parameter],
        given: impl IntoIterator<Item = (&'static str, Argument)>,
    ) -> Result<Self, BadArgument> {
        let refuse = |name: &str, message: &str| BadArgument {
            name: name.to_owned(),
            refusal: Refusal { message: message.to_owned(), mend: String::new() },
        };
        let mut given: BTreeMap<_, _> = given.into_iter().collect();
        let mut values = BTreeMap::new();
        for Parameter { name, value, .. } in parameters {
            let argument = given.remove(name).or_else(|| value.default());
            let argument = argument.ok_or_else(|| refuse(name, "this is missing"))?;
            let bad = |refusal| BadArgument { name: (*name).to_owned(), refusal };
            value.check(&argument).map_err(bad)?;
            values.insert(*name, argument);
        }
        match given.first_key_value() {
            Some((name, _)) => Err(refuse(name, "there is no such parameter")),
            None => Ok(Self { values }),
        }
    }

    /// The names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Argument)> {
        self.values.iter().map(|(name, argument)| (*name, argument))
    }

    /// The number that parameter `name` has.
    ///
    /// # Errors
    ///
    /// [`Undeclared`] if there is no such parameter of that type: so for all of these.
    pub fn number(&self, name: &'static str) -> Result<f64, Undeclared> {
        match self.values.get(name) {
            Some(&Argument::Number(number)) => Ok(number),
            _ => Err(Undeclared { name }),
        }
    }

    /// The whole number that parameter `name` has, as any type that its range fits into.
    ///
    /// # Errors
    ///
    /// See [`number`](Self::number).
    pub fn integer<N: TryFrom<i64>>(&self, name: &'static str) -> Result<N, Undeclared> {
        let undeclared = Undeclared { name };
        match self.values.get(name) {
            Some(&Argument::Integer(number)) => N::try_from(number).map_err(|_| undeclared),
            _ => Err(undeclared),
        }
    }

    /// The duration that parameter `name` has.
    ///
    /// # Errors
    ///
    /// See [`number`](Self::number).
    pub fn duration(&self, name: &'static str) -> Result<Duration, Undeclared> {
        match self.values.get(name) {
            Some(&Argument::Duration(duration)) => Ok(duration),
            _ => Err(Undeclared { name }),
        }
    }

    /// The word that parameter `name` has, one of its choices.
    ///
    /// # Errors
    ///
    /// See [`number`](Self::number).
    pub fn choice(&self, name: &'static str) -> Result<&'static str, Undeclared> {
        match self.values.get(name) {
            Some(&Argument::Choice(word)) => Ok(word),
            _ => Err(Undeclared { name }),
        }
    }

    /// The kind of quantity that parameter `name` has.
    ///
    /// # Errors
    ///
    /// See [`number`](Self::number).
    pub fn quantity(&self, name: &'static str) -> Result<QuantityKind, Undeclared> {
        match self.values.get(name) {
            Some(&Argument::Quantity(kind)) => Ok(kind),
            _ => Err(Undeclared { name }),
        }
    }

    /// Whether parameter `name` is so.
    ///
    /// # Errors
    ///
    /// See [`number`](Self::number).
    pub fn flag(&self, name: &'static str) -> Result<bool, Undeclared> {
        match self.values.get(name) {
            Some(&Argument::Flag(is_so)) => Ok(is_so),
            _ => Err(Undeclared { name }),
        }
    }

    /// The character that parameter `name` has.
    ///
    /// # Errors
    ///
    /// See [`number`](Self::number).
    pub fn character(&self, name: &'static str) -> Result<char, Undeclared> {
        match self.values.get(name) {
            Some(&Argument::Character(character)) => Ok(character),
            _ => Err(Undeclared { name }),
        }
    }

    /// The text that parameter `name` has.
    ///
    /// # Errors
    ///
    /// See [`number`](Self::number).
    pub fn text(&self, name: &'static str) -> Result<&str, Undeclared> {
        match self.values.get(name) {
            Some(Argument::Text(text)) => Ok(text),
            _ => Err(Undeclared { name }),
        }
    }

    /// The sensors that parameter `name` has, by name.
    ///
    /// # Errors
    ///
    /// See [`number`](Self::number).
    pub fn named(&self, name: &'static str) -> Result<&[(String, Self)], Undeclared> {
        match self.values.get(name) {
            Some(Argument::Named(sensors)) => Ok(sensors),
            _ => Err(Undeclared { name }),
        }
    }
}

impl Argument {
    /// The names of the first two sensors that have all `fields` alike.
    pub fn twins(&self, fields: &[&str]) -> Option<(&str, &str)> {
        let Self::Named(sensors) = self else { return None };
        let of = |arguments: &Arguments| -> Vec<Option<Argument>> {
            fields.iter().map(|field| arguments.values.get(field).cloned()).collect()
        };
        let mut seen: Vec<(&str, Vec<Option<Argument>>)> = Vec::new();
        for (name, arguments) in sensors.iter().filter(|_| !fields.is_empty()) {
            let these = of(arguments);
            if let Some((first, _)) = seen.iter().find(|(_, those)| *those == these) {
                return Some((first, name));
            }
            seen.push((name, these));
        }
        None
    }
}

impl Value {
    /// What holds if nothing is written; nothing if something must be.
    pub fn default(&self) -> Option<Argument> {
        (!self.is_required()).then(|| self.preset())
    }

    /// The default, or an example where there is none.
    pub fn preset(&self) -> Argument {
        const fn either<T: Copy>(preset: Preset<T>) -> T {
            match preset {
                Preset::Default(value) | Preset::Required(value) => value,
            }
        }
        match *self {
            Self::Number { preset, .. } => Argument::Number(either(preset)),
            Self::Factor { default } => Argument::Number(default),
            Self::Integer { preset, .. } => Argument::Integer(either(preset)),
            Self::Duration { preset, .. } => Argument::Duration(either(preset)),
            Self::Choice { preset, .. } => Argument::Choice(either(preset)),
            Self::Quantity { example } => Argument::Quantity(example),
            Self::Flag { default } => Argument::Flag(default),
            Self::Character { default, .. } => Argument::Character(default),
            Self::Text { preset } => Argument::Text(either(preset).to_owned()),
            Self::Named { fields, example, .. } => {
                Argument::Named(vec![(example.to_owned(), Arguments::example(fields))])
            }
        }
    }
}

impl Arguments {
    /// The default of each parameter, or an example where it has none.
    pub fn example(parameters: &'static [Parameter]) -> Self {
        let values = parameters.iter().map(|p| (p.name, p.value.preset())).collect();
        Self { values }
    }
}
