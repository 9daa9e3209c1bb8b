//! Formulas over streams: `battery.voltage * battery.current`.
//!
//! A formula is numbers, streams (`device.sensor`, `derived.metric`), `+ - * / ^`, parentheses, `pi` and
//! functions. Its units are worked out before any sample has come: what does not go together is refused
//! with the place in the text, and the result is a quantity of the specification.
//!
//! * A number in a formula counts in the unit of what it is added to or compared with, and has no unit
//!   in a product. `outdoor.humidity + 5` is five percent more, `outdoor.humidity * 2` twice as much.
//! * Temperatures are in °C, whose zero is arbitrary: a difference of two and a mean have a meaning, a
//!   sum or a product has none. `kelvin(t)` counts from absolute zero.
//! * Units of one dimension are brought together: pascals and hectopascals add up.
//! * A gap in any stream gives a gap with its reason, the first in the order of the formula. What is no
//!   number, or comes from what is none (a division by zero, the root of a negative number), is
//!   [`NoData::Undefined`].
//!
//! # Deliberately absent
//!
//! Conditions, loops, assignments, text: those are what alarms and other functions are for.

mod check;
mod function;
mod parse;
mod program;
mod unit;

use core::ops::Range;

use self::{parse::Node, program::Program};
use super::{BadMetric, Entry, Group, Input, Made, Metric, Moment, Output};
use crate::{
    NoData, Quality, QuantityKind, StreamName,
    parameter::{Arguments, Parameter, Preset, Value},
};

pub(super) const ENTRIES: &[Entry] = &[ENTRY];

const ENTRY: Entry = Entry {
    function: Formula::FUNCTION,
    group: Group::Expression,
    summary: "What a formula over streams gives.",
    source: "numbers, streams, `+ - * / ^`, parentheses, `pi`, `abs min max clamp hypot sqrt exp ln log10 sin cos tan kelvin`; \
             IEEE 754 double precision",
    edges: "Units are checked: quantities that do not go together are refused by `check`. A number counts in the unit of what it is added to \
            or compared with, and is plain in a product. °C have differences and means but no sums or products; `kelvin(t)` counts from absolute \
            zero. What is no number, or comes from what is none, such as a division by zero, is `undefined`; a gap in any stream is a gap, the first in the order of the formula.",
    roles: &[],
    parameters: &[
        Parameter {
            name: Formula::PARAMETER,
            summary: "the formula; its streams are written device.sensor, and the first sets the pace",
            value: Value::Text { preset: Preset::Required("battery.voltage * battery.current") },
        },
        Parameter {
            name: "quantity",
            summary: "what it gives; needed if several quantities have the unit that comes out",
            value: Value::Text { preset: Preset::Default("") },
        },
    ],
    example: "function = \"expression\"\nformula = \"battery.voltage * battery.current\"",
    make,
};

fn make(kinds: &[QuantityKind], arguments: &Arguments) -> Made {
    let text = arguments.text(Formula::PARAMETER)?;
    let wanted = match arguments.text("quantity")? {
        "" => None,
        name => Some(QuantityKind::from_name(name).ok_or_else(|| unknown(name))?),
    };
    let formula = Formula::parse(text).map_err(|bad| bad.of(text))?;
    let (kind, metric) = formula.over(kinds, wanted).map_err(|bad| bad.of(text))?;
    Ok((kind, Box::new(metric)))
}

fn unknown(name: &str) -> BadMetric {
    let kinds: Vec<_> = QuantityKind::ALL.iter().map(|kind| kind.name()).collect();
    BadMetric::Unfit {
        parameter: "quantity",
        message: format!("there is no quantity `{name}`"),
        mend: format!("the quantities are: {}", kinds.join(", ")),
    }
}

/// The most streams that a formula can have.
const STREAMS_MAX: usize = 16;

/// Why a text is not a formula, or not one for these streams.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadFormula {
    /// The bytes of the text that are wrong; empty at the place where something is missing.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

impl BadFormula {
    fn at(span: Range<usize>, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { span, message: message.into(), mend: mend.into() }
    }

    /// The same of a metric's parameter, with the place quoted from `text`.
    pub fn of(self, text: &str) -> BadMetric {
        let Self { span, message, mend } = self;
        let message = match text.get(span.clone()).filter(|part| !part.is_empty()) {
            Some(part) if part.len() < text.len() => {
                format!(
                    "{message}, at character {}: `{part}`",
                    text[..span.start].chars().count() + 1
                )
            }
            Some(_) | None => message,
        };
        BadMetric::Unfit { parameter: Formula::PARAMETER, message, mend }
    }
}

/// A formula whose streams have names but no kinds yet.
#[derive(Clone, Debug)]
pub struct Formula {
    root: Node,
    streams: Vec<StreamName>,
}

impl Formula {
    /// What configuration calls the function.
    pub const FUNCTION: &str = "expression";
    /// The parameter that has the formula's text.
    pub const PARAMETER: &str = "formula";

    /// Reads `text`.
    ///
    /// # Errors
    ///
    /// [`BadFormula`] if it is none, or has no stream or more than 16.
    pub fn parse(text: &str) -> Result<Self, BadFormula> {
        let (root, streams) = parse::parse(text)?;
        if streams.is_empty() {
            let message = "this is the same number for ever";
            return Err(BadFormula::at(root.span, message, "use a stream in it, device.sensor"));
        }
        if streams.len() > STREAMS_MAX {
            let message = format!("this has more than {STREAMS_MAX} streams");
            return Err(BadFormula::at(root.span, message, "split it into several metrics"));
        }
        Ok(Self { root, streams })
    }

    /// Its streams, each once, in the order in which they first come. The first sets the pace.
    pub fn streams(&self) -> &[StreamName] {
        &self.streams
    }

    /// The metric for streams of `kinds`, one for each of [`streams`](Self::streams), and the kind of what
    /// it gives: `wanted`, or the only quantity with the unit that comes out.
    ///
    /// # Errors
    ///
    /// [`BadFormula`] if units do not go together, no quantity has the unit that comes out, or several
    /// have it and none is wanted.
    pub fn over(
        &self,
        kinds: &[QuantityKind],
        wanted: Option<QuantityKind>,
    ) -> Result<(QuantityKind, Expression), BadFormula> {
        let (kind, program) = check::check(&self.root, kinds, wanted)?;
        Ok((kind, Expression { kind, program, numbers: Vec::with_capacity(self.streams.len()) }))
    }
}

/// A formula that computes. Stateless.
#[derive(Clone, Debug)]
pub struct Expression {
    kind: QuantityKind,
    program: Program,
    numbers: Vec<f64>,
}

impl Metric for Expression {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        self.numbers.clear();
        let mut quality = Quality::Good;
        for input in inputs {
            match input.number() {
                Ok(number) => self.numbers.push(number),
                Err(reason) => return out.push(Output::gap(at, reason)),
            }
            quality = quality.and(input.quality);
        }
        out.push(match self.program.run(&self.numbers) {
            Some(number) => Output::number(at, self.kind, number, quality),
            None => Output::gap(at, NoData::Undefined),
        });
    }
}

#[cfg(test)]
mod tests;
