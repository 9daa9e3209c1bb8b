//! What configuration may say to a driver or a function: a name, a type, a range, and what holds if it
//! says nothing.
//!
//! A **parameter** is data, declared by whoever is configured; an **argument** is the value of one, and
//! [`Arguments`] has one for each parameter, of its type and in its range.
//!
//! # Deliberately absent
//!
//! The text of configuration files.

mod arguments;

use core::{fmt::Display, time::Duration};

pub use arguments::{Argument, Arguments, BadArgument, Undeclared};

use crate::QuantityKind;

/// One thing that configuration may say of a device, of one of its sensors, or of a derived metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its key; ends in the unit where it has one, such as `shunt_ohms`.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// What may be written.
    pub value: Value,
}

/// What holds if nothing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset<T> {
    /// This.
    Default(T),
    /// Something must be written, this for example.
    Required(T),
}

/// What may be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A number from `low` to `high`. `f64::MIN` to `f64::MAX`: any finite one.
    Number {
        /// UCUM unit; empty for numbers without one, or where another parameter fixes it.
        unit: &'static str,
        /// The least.
        low: f64,
        /// The most.
        high: f64,
        /// What holds if it is left out.
        preset: Preset<f64>,
    },
    /// What something is multiplied by: finite, and not 0.
    Factor {
        /// What holds if it is left out.
        default: f64,
    },
    /// A whole number from `low` to `high`.
    Integer {
        /// UCUM unit; empty for numbers without one.
        unit: &'static str,
        /// The least.
        low: i64,
        /// The most.
        high: i64,
        /// What holds if it is left out.
        preset: Preset<i64>,
    },
    /// A duration from `low` to `high`.
    Duration {
        /// The shortest.
        low: Duration,
        /// The longest.
        high: Duration,
        /// What holds if it is left out.
        preset: Preset<Duration>,
    },
    /// One of a few words.
    Choice {
        /// The words.
        choices: &'static [&'static str],
        /// What holds if it is left out.
        preset: Preset<&'static str>,
    },
    /// What a sensor measures: the name of a [`QuantityKind`]. Must be written.
    Quantity {
        /// For example.
        example: QuantityKind,
    },
    /// Yes or no.
    Flag {
        /// What holds if it is left out.
        default: bool,
    },
    /// One character of those in `among`.
    Character {
        /// The characters.
        among: &'static str,
        /// What holds if it is left out.
        default: char,
    },
    /// Any text.
    Text {
        /// What holds if it is left out.
        preset: Preset<&'static str>,
    },
    /// A table of sensors by name, each with these fields; one at least.
    Named {
        /// What each of them is called, such as "channel".
        one: &'static str,
        /// What may be said of each.
        fields: &'static [Parameter],
        /// The fields that no two of them can have all alike; none if they may.
        distinct: &'static [&'static str],
        /// A name for example.
        example: &'static str,
    },
}

/// What is wrong with an argument, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, for a person.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

impl Refusal {
    fn range(written: impl Display, low: impl Display, high: impl Display) -> Self {
        let message = format!("{written} is out of range");
        Self { message, mend: format!("write {low} to {high}") }
    }

    fn of(message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { message: message.into(), mend: mend.into() }
    }
}

impl Parameter {
    /// Whether it must be written.
    pub const fn is_required(&self) -> bool {
        self.value.is_required()
    }
}

impl Value {
    /// Whether something must be written.
    pub const fn is_required(&self) -> bool {
        match self {
            Self::Quantity { .. }
            | Self::Named { .. }
            | Self::Number { preset: Preset::Required(_), .. }
            | Self::Integer { preset: Preset::Required(_), .. }
            | Self::Duration { preset: Preset::Required(_), .. }
            | Self::Choice { preset: Preset::Required(_), .. }
            | Self::Text { preset: Preset::Required(_) } => true,
            Self::Number { .. }
            | Self::Factor { .. }
            | Self::Integer { .. }
            | Self::Duration { .. }
            | Self::Choice { .. }
            | Self::Flag { .. }
            | Self::Character { .. }
            | Self::Text { .. } => false,
        }
    }

    /// Checks that `argument` is of the right type and in range. The fields of a [`Value::Named`]
    /// have been checked when their own [`Arguments`] were made.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self, argument: &Argument) -> Result<(), Refusal> {
        let refusal = match (self, argument) {
            (Self::Number { low, high, .. }, &Argument::Number(n)) => number(n, *low, *high),
            (Self::Factor { .. }, &Argument::Number(n)) => factor(n),
            (Self::Integer { low, high, .. }, &Argument::Integer(n)) => {
                (!(*low..=*high).contains(&n)).then(|| Refusal::range(n, low, high))
            }
            (Self::Duration { low, high, .. }, &Argument::Duration(d)) => (!(*low..=*high)
                .contains(&d))
            .then(|| Refusal::range(format!("{d:?}"), format!("{low:?}"), format!("{high:?}"))),
            (Self::Choice { choices, .. }, &Argument::Choice(word)) => {
                let mend = || format!("the words here are: {}", choices.join(", "));
                (!choices.contains(&word))
                    .then(|| Refusal::of(format!("`{word}` means nothing here"), mend()))
            }
            (Self::Character { among, .. }, &Argument::Character(c)) => {
                let mend = || format!("write one of {}", spelt(among));
                (!among.contains(c))
                    .then(|| Refusal::of(format!("{c:?} cannot be used here"), mend()))
            }
            (Self::Named { .. }, Argument::Named(entries)) if entries.is_empty() => {
                Some(Refusal::of("a device has one sensor at least", "name one"))
            }
            (Self::Named { one, distinct, .. }, Argument::Named(_)) => {
                argument.twins(distinct).map(|(first, _)| {
                    let message = format!("this {one} is `{first}` already");
                    Refusal::of(message, "remove one of the two, or mend its number")
                })
            }
            (Self::Quantity { .. }, Argument::Quantity(_))
            | (Self::Flag { .. }, Argument::Flag(_))
            | (Self::Text { .. }, Argument::Text(_)) => None,
            _ => Some(Refusal::of("this is of another type", "")),
        };
        refusal.map_or(Ok(()), Err)
    }
}

fn number(n: f64, low: f64, high: f64) -> Option<Refusal> {
    if !n.is_finite() {
        let message = format!("{n} is not a number to reckon with");
        return Some(Refusal::of(message, "write a finite number"));
    }
    let refusal = match Refusal::range(plain(n), plain(low), plain(high)) {
        refusal if high < f64::MAX => refusal,
        refusal => Refusal { mend: format!("write {} or more", plain(low)), ..refusal },
    };
    (!(low..=high).contains(&n)).then_some(refusal)
}

/// A number as people write it: without a long row of noughts.
pub fn plain(number: f64) -> String {
    if number != 0.0 && (number.abs() < 1e-3 || number.abs() >= 1e6) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

fn factor(n: f64) -> Option<Refusal> {
    if n == 0.0 {
        let message = "with this factor every value would be the same";
        return Some(Refusal::of(message, "write a number other than 0"));
    }
    number(n, f64::MIN, f64::MAX)
}

/// The characters, each in quotes.
fn spelt(characters: &str) -> String {
    let quoted: Vec<_> = characters.chars().map(|c| format!("{:?}", c.to_string())).collect();
    quoted.join(" ")
}
