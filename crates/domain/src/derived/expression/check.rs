//! From a tree to a program, with the units worked out on the way.
//!
//! # Terms
//!
//! * **Bare** — a number as it is written in the formula: it counts in the unit of what it is added to
//!   or compared with, and has none in a product.
//! * **Weight** — how many times the arbitrary zero of degrees Celsius is in a sum: 1 for a temperature,
//!   0 for a difference of two, and (1 + 1) / 2 for a mean. Anything else has no meaning.

use core::ops::Range;

use super::{
    BadFormula,
    function::{Function, Rule},
    parse::{Node, Operator, What},
    program::{Operation, Program},
    unit::{Unit, close},
};
use crate::QuantityKind;

/// What is known of a part of a formula before any sample has come.
#[derive(Clone, Copy, Debug)]
struct Typed {
    /// None if it is bare.
    unit: Option<Unit>,
    weight: f64,
    /// The number itself, if it does not depend on a stream.
    constant: Option<f64>,
}

/// The program of a formula over streams of `kinds`, and the kind of what it gives: `wanted`, or the
/// only one with its unit.
pub(super) fn check(
    node: &Node,
    kinds: &[QuantityKind],
    wanted: Option<QuantityKind>,
) -> Result<(QuantityKind, Program), BadFormula> {
    let mut checker = Checker { kinds, program: Program::default() };
    let typed = checker.node(node)?;
    let (kind, factor) = result(typed, wanted).map_err(|(message, mend)| BadFormula {
        span: node.span.clone(),
        message,
        mend,
    })?;
    checker.scale(factor);
    Ok((kind, checker.program))
}

struct Checker<'a> {
    kinds: &'a [QuantityKind],
    program: Program,
}

impl Checker<'_> {
    fn push(&mut self, operation: Operation) {
        self.program.push(operation);
    }

    fn scale(&mut self, factor: f64) {
        if !close(factor, 1.0) {
            self.push(Operation::Scale(factor));
        }
    }

    fn node(&mut self, node: &Node) -> Result<Typed, BadFormula> {
        match &node.what {
            &What::Number(number) => {
                self.push(Operation::Number(number));
                Ok(Typed { unit: None, weight: 0.0, constant: Some(number) })
            }
            &What::Stream(number) => self.stream(number, &node.span),
            What::Negative(inner) => {
                let typed = self.node(inner)?;
                self.push(Operation::Negate);
                let constant = typed.constant.map(|number| -number);
                Ok(Typed { weight: -typed.weight, constant, ..typed })
            }
            What::Binary(operator, sides) => self.binary(*operator, sides, &node.span),
            What::Call(function, arguments) => self.call(function, arguments, &node.span),
        }
    }

    fn stream(&mut self, number: usize, span: &Range<usize>) -> Result<Typed, BadFormula> {
        self.push(Operation::Input(number));
        let kind = self.kinds.get(number).copied();
        let unit = kind.and_then(Unit::of);
        let weight = if kind == Some(QuantityKind::Temperature) { 1.0 } else { 0.0 };
        match unit {
            Some(_) => Ok(Typed { unit, weight, constant: None }),
            None => Err(refuse(span, "nothing can be computed from this stream", "leave it out")),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        [left, right]: &[Node; 2],
        span: &Range<usize>,
    ) -> Result<Typed, BadFormula> {
        let (one, other) = (self.node(left)?, self.node(right)?);
        let typed = match operator {
            Operator::Plus | Operator::Minus => self.sum(operator, one, other, span)?,
            Operator::Times => product(one, other, 1, span)?,
            Operator::Over if other.constant == Some(0.0) => {
                let message = "this divides by zero";
                return Err(refuse(&right.span, message, "write another number"));
            }
            Operator::Over => product(one, other, -1, span)?,
            Operator::Power => self.power(one, other, span)?,
        };
        self.push(Operation::Binary(operator));
        let numbers = one.constant.zip(other.constant);
        let constant = numbers.map(|(x, y)| operator.apply(x, y));
        Ok(Typed { constant, ..typed })
    }

    fn sum(
        &mut self,
        operator: Operator,
        one: Typed,
        other: Typed,
        span: &Range<usize>,
    ) -> Result<Typed, BadFormula> {
        let unit = self.same_unit(one, other, span)?;
        let sign: f64 = if operator == Operator::Minus { -1.0 } else { 1.0 };
        Ok(Typed { unit, weight: sign.mul_add(other.weight, one.weight), constant: None })
    }

    /// The unit of both; `other`, which is on top of the stack, is made to count in that of `one`.
    fn same_unit(
        &mut self,
        one: Typed,
        other: Typed,
        span: &Range<usize>,
    ) -> Result<Option<Unit>, BadFormula> {
        let (Some(mine), Some(theirs)) = (one.unit, other.unit) else {
            return Ok(one.unit.or(other.unit));
        };
        if mine.dimension != theirs.dimension {
            let message = format!("{} and {} do not add up or compare", mine.name(), theirs.name());
            let mend = "combine quantities of one kind here, or multiply and divide instead";
            return Err(refuse(span, message, mend));
        }
        self.scale(theirs.factor_to(mine));
        Ok(Some(mine))
    }

    /// Both are on the stack.
    fn power(
        &mut self,
        base: Typed,
        exponent: Typed,
        span: &Range<usize>,
    ) -> Result<Typed, BadFormula> {
        plain_zero(base, span)?;
        if exponent.unit.is_some_and(|unit| !unit.dimension.is_none()) {
            let message = "an exponent has no unit";
            return Err(refuse(span, message, "divide it by a quantity of its kind"));
        }
        self.scale(exponent.unit.map_or(1.0, |unit| unit.factor_to(Unit::ONE)));
        let unit = match (base.unit, exponent.constant) {
            (None, _) => exponent.unit.map(|_| Unit::ONE),
            (Some(unit), Some(number)) => Some(raised(unit, number, span)?),
            (Some(unit), None) if unit == Unit::ONE => Some(unit),
            (Some(_), None) => {
                let message = "the unit of this power would change with the exponent";
                return Err(refuse(span, message, "write the exponent as a number"));
            }
        };
        Ok(Typed { unit, weight: 0.0, constant: None })
    }

    fn call(
        &mut self,
        function: &'static Function,
        arguments: &[Node],
        span: &Range<usize>,
    ) -> Result<Typed, BadFormula> {
        let mut first: Option<Typed> = None;
        let mut constants = [Some(0.0); 3];
        for (argument, constant) in arguments.iter().zip(&mut constants) {
            let typed = self.node(argument)?;
            *constant = typed.constant;
            let joined = match first {
                None => self.argument(function, typed, &argument.span)?,
                Some(before) => self.alike(before, typed, span)?,
            };
            first = Some(joined);
        }
        if function.arguments == 3 && matches!(constants, [_, Some(low), Some(high)] if low > high)
        {
            let message = format!("the limits of {} are the wrong way round", function.usage());
            return Err(refuse(span, message, "write the lower one first"));
        }
        self.push(Operation::Call(function));
        let constant = match constants {
            [Some(x), Some(y), Some(z)] => Some((function.apply)([x, y, z])),
            _ => None,
        };
        let typed = first.unwrap_or(Typed { unit: None, weight: 0.0, constant });
        Ok(Typed { constant, ..typed })
    }

    /// A further argument of a function that takes several of one unit.
    fn alike(
        &mut self,
        before: Typed,
        typed: Typed,
        span: &Range<usize>,
    ) -> Result<Typed, BadFormula> {
        let unit = self.same_unit(before, typed, span)?;
        // A bare number among temperatures is one.
        let of = |typed: Typed, other: Typed| {
            if typed.unit.is_none() { other.weight } else { typed.weight }
        };
        let (one, other) = (of(before, typed), of(typed, before));
        if !close_weights(one, other) {
            let message = "a temperature and a difference of temperatures do not compare";
            return Err(refuse(span, message, "combine quantities of one kind here"));
        }
        Ok(Typed { unit, weight: one, constant: None })
    }

    /// What the first argument makes of the result.
    fn argument(
        &mut self,
        function: &Function,
        typed: Typed,
        span: &Range<usize>,
    ) -> Result<Typed, BadFormula> {
        if !matches!(function.rule, Rule::Pick | Rule::Kelvin) {
            plain_zero(typed, span)?;
        }
        let plain = |typed: Typed| Typed { unit: typed.unit.map(|_| Unit::ONE), ..typed };
        match (function.rule, typed.unit) {
            (Rule::Pick | Rule::Same, _) | (_, None) if function.rule != Rule::Kelvin => Ok(typed),
            (Rule::Root, Some(unit)) => {
                let message = format!("{} has no square root", unit.name());
                let mend = "take the root of a product of two like quantities";
                let root = unit.root().ok_or_else(|| refuse(span, message, mend))?;
                Ok(Typed { unit: Some(root), ..typed })
            }
            (Rule::Plain, Some(unit)) if unit.dimension.is_none() => {
                self.scale(unit.factor_to(Unit::ONE));
                Ok(plain(typed))
            }
            (Rule::OfAngle, Some(unit)) if unit.dimension.is_none() || is_angle(unit) => {
                self.scale(unit.scale);
                Ok(plain(typed))
            }
            (Rule::Kelvin, Some(_)) if close_weights(typed.weight, 1.0) => {
                Ok(Typed { weight: 0.0, ..typed })
            }
            (_, unit) => {
                let unit = unit.map_or("a bare number".to_owned(), Unit::name);
                let message = format!("{} does not take {unit}", function.usage());
                let mend = match function.rule {
                    Rule::Kelvin => "give it a temperature in °C",
                    Rule::OfAngle => "give it an angle, or a number of radians",
                    Rule::Pick | Rule::Same | Rule::Root | Rule::Plain => {
                        "divide by a quantity of the same kind first"
                    }
                };
                Err(refuse(span, message, mend))
            }
        }
    }
}

fn is_angle(unit: Unit) -> bool {
    Unit::of(QuantityKind::Course).is_some_and(|angle| angle.dimension == unit.dimension)
}

fn close_weights(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

fn product(
    one: Typed,
    other: Typed,
    exponent: i8,
    span: &Range<usize>,
) -> Result<Typed, BadFormula> {
    let factor = |number: f64| if exponent == 1 { number } else { number.recip() };
    let weight = match (one, other) {
        (Typed { weight, .. }, Typed { unit: None, constant: Some(number), .. }) => {
            weight * factor(number)
        }
        (Typed { unit: None, constant: Some(number), .. }, Typed { weight, .. })
            if exponent == 1 =>
        {
            weight * number
        }
        _ => {
            plain_zero(one, span)?;
            plain_zero(other, span)?;
            0.0
        }
    };
    let unit = match (one.unit, other.unit) {
        (None, None) => None,
        (mine, theirs) => {
            let theirs = theirs.unwrap_or(Unit::ONE);
            let unit = mine.unwrap_or(Unit::ONE).times(theirs, exponent);
            Some(unit.ok_or_else(|| refuse(span, "no unit has such powers", "simplify this"))?)
        }
    };
    Ok(Typed { unit, weight, constant: None })
}

/// Refuses degrees Celsius, whose zero is arbitrary, where only multiples of a unit have a meaning.
fn plain_zero(typed: Typed, span: &Range<usize>) -> Result<(), BadFormula> {
    if close_weights(typed.weight, 0.0) {
        return Ok(());
    }
    let message = "a temperature in °C cannot be multiplied, since its zero is arbitrary";
    let mend = "write kelvin(…) around it, or take the difference of two temperatures";
    Err(refuse(span, message, mend))
}

fn raised(unit: Unit, exponent: f64, span: &Range<usize>) -> Result<Unit, BadFormula> {
    let whole = (-8_i8..=8).find(|whole| close_weights(f64::from(*whole), exponent));
    let unit = match whole {
        Some(whole) => Unit::ONE.times(unit, whole),
        None if close_weights(exponent, 0.5) => unit.root(),
        None if unit.dimension.is_none() => Some(Unit { scale: unit.scale.powf(exponent), ..unit }),
        None => None,
    };
    let mend = "use a whole exponent from -8 to 8, or sqrt()";
    unit.ok_or_else(|| refuse(span, "no quantity has the unit of this power", mend))
}

/// The kind of the result and what brings the number into its unit; or a message and a mend.
fn result(
    typed: Typed,
    wanted: Option<QuantityKind>,
) -> Result<(QuantityKind, f64), (String, String)> {
    let Some(unit) = typed.unit else {
        let message = "this is the same number for ever".to_owned();
        return Err((message, "use a stream in it, device.sensor".to_owned()));
    };
    let fits = |kind: &QuantityKind| {
        let weight = if *kind == QuantityKind::Temperature { 1.0 } else { 0.0 };
        close_weights(weight, typed.weight)
            && *kind != QuantityKind::AlarmState
            && Unit::of(*kind).is_some_and(|other| other.dimension == unit.dimension)
    };
    let factor = |kind| Unit::of(kind).map_or(1.0, |other| unit.factor_to(other));
    let of_dimension: Vec<_> = QuantityKind::ALL.iter().copied().filter(fits).collect();
    let of_unit: Vec<_> =
        of_dimension.iter().copied().filter(|kind| close(factor(*kind), 1.0)).collect();
    let names = |kinds: &[QuantityKind]| {
        kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
    };
    match (wanted, of_unit.as_slice(), of_dimension.as_slice()) {
        (Some(kind), ..) if fits(&kind) => Ok((kind, factor(kind))),
        (None, [kind], _) | (None, [], [kind]) => Ok((*kind, factor(*kind))),
        (_, _, []) => {
            let message = format!("no quantity has what this gives: {}", told(typed, unit));
            Err((message, "see the quantities of the specification, and mend the formula".into()))
        }
        (Some(kind), ..) => {
            let message = format!("this gives {}, which is no {}", told(typed, unit), kind.name());
            Err((message, format!("it may be one of: {}", names(&of_dimension))))
        }
        (None, of_unit, of_dimension) => {
            let message = format!("this gives {}, which several quantities have", unit.name());
            let likely = if of_unit.is_empty() { of_dimension } else { of_unit };
            Err((message, format!("write quantity = one of: {}", names(likely))))
        }
    }
}

fn told(typed: Typed, unit: Unit) -> String {
    if close_weights(typed.weight, 0.0) || close_weights(typed.weight, 1.0) {
        return unit.name();
    }
    format!("{} times the zero of °C, which has no meaning", typed.weight)
}

fn refuse(span: &Range<usize>, message: impl Into<String>, mend: impl Into<String>) -> BadFormula {
    BadFormula::at(span.clone(), message, mend)
}
