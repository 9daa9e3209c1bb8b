//! Number by number: calibration, polynomials and units.

use super::OF;
use crate::{
    Quality, QuantityKind,
    derived::{BadMetric, Entry, Group, pure::pure, run::only},
    parameter::{Arguments, Parameter, Preset, Value},
};

/// No polynomial has more coefficients.
const MOST_COEFFICIENTS: usize = 16;

/// What the numbers become.
pub(super) const TO: Parameter = Parameter {
    name: "to",
    summary: "the quantity that the result is; empty: that of the input",
    value: Value::Text { preset: Preset::Default("") },
};

const OFFSET: Parameter = Parameter {
    name: "offset",
    summary: "what is added then, in the unit of the result",
    value: Value::Number { unit: "", low: f64::MIN, high: f64::MAX, preset: Preset::Default(0.0) },
};

pub(super) const CALIBRATE: Entry = Entry {
    function: "calibrate",
    group: Group::Signal,
    summary: "The input corrected by a straight line, in its own unit.",
    source: "x gain + offset",
    edges: "A gap gives the same gap; what nothing physical can have is a gap, `implausible`.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "gain",
            summary: "what the number is multiplied by",
            value: Value::Factor { default: 1.0 },
        },
        OFFSET,
    ],
    example: "function = \"calibrate\"\nof = \"air.temperature\"\ngain = 1.002\noffset = -0.3\n",
    make: |kinds, arguments| {
        let (gain, offset) = (arguments.number("gain")?, arguments.number("offset")?);
        let kind = only(kinds)?;
        let of = move |[x]: [f64; 1]| Ok((kind.quantity(x * gain + offset)?, Quality::Good));
        Ok((kind, pure(of)))
    },
};

pub(super) const POLYNOMIAL: Entry = Entry {
    function: "polynomial",
    group: Group::Signal,
    summary: "A polynomial of the input, as of a calibration certificate or of a probe that gives a voltage.",
    source: "c0 + c1 x + c2 x^2 + ..., by Horner's scheme",
    edges: "A gap gives the same gap; what nothing physical can have is a gap, `implausible`.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "coefficients",
            summary: "c0, c1, c2 and so on with commas between them, in the units of result and input; 16 at the most",
            value: Value::Text { preset: Preset::Required("0, 1") },
        },
        TO,
    ],
    example: "function = \"polynomial\"\nof = \"probe.voltage\"\ncoefficients = \"-50, 100\"\nto = \"temperature\"\n",
    make: |kinds, arguments| {
        let kind = kind_to(arguments, only(kinds)?)?;
        let coefficients = coefficients(arguments.text("coefficients")?)?;
        let of =
            move |[x]: [f64; 1]| Ok((kind.quantity(polynomial(&coefficients, x))?, Quality::Good));
        Ok((kind, pure(of)))
    },
};

pub(super) const CONVERT: Entry = Entry {
    function: "convert",
    group: Group::Signal,
    summary: "The input as another quantity: the same thing in another unit, or what it stands for.",
    source: "x factor + offset",
    edges: "A gap gives the same gap; what nothing physical can have is a gap, `implausible`.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "to",
            summary: "what the result is",
            value: Value::Quantity { example: QuantityKind::RotationalSpeed },
        },
        Parameter {
            name: "factor",
            summary: "what the number is multiplied by; 0: what lies between the units of both, such as 60 from Hz to turns per minute",
            value: Value::Number {
                unit: "",
                low: f64::MIN,
                high: f64::MAX,
                preset: Preset::Default(0.0),
            },
        },
        OFFSET,
    ],
    example: "function = \"convert\"\nof = \"fan.frequency\"\nto = \"rotational_speed\"\n",
    make: |kinds, arguments| {
        let (from, kind) = (only(kinds)?, arguments.quantity("to")?);
        let factor = match arguments.number("factor")? {
            0.0 => between_units(from, kind)?,
            factor => factor,
        };
        let offset = arguments.number("offset")?;
        let of = move |[x]: [f64; 1]| Ok((kind.quantity(x * factor + offset)?, Quality::Good));
        Ok((kind, pure(of)))
    },
};

/// `c0 + c1 x + c2 x² + …` with the `coefficients` from the constant on, by Horner's scheme.
///
/// The unit is that of the coefficients' certificate. Past the range of `f64` it is not finite.
pub fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Kinds that are the same thing in two units: one of the first is so many of the second.
const SAME: &[(QuantityKind, QuantityKind, f64)] = &[
    (QuantityKind::Frequency, QuantityKind::RotationalSpeed, 60.0),
    (QuantityKind::RotationalSpeed, QuantityKind::AngularVelocity, 6.0),
    (QuantityKind::Frequency, QuantityKind::AngularVelocity, 360.0),
    (QuantityKind::RelativeHumidity, QuantityKind::Fraction, 1.0),
    (QuantityKind::Dimensionless, QuantityKind::Fraction, 100.0),
    (QuantityKind::Count, QuantityKind::Dimensionless, 1.0),
    (QuantityKind::Altitude, QuantityKind::Length, 1.0),
    (QuantityKind::Speed, QuantityKind::VibrationVelocity, 1_000.0),
    (QuantityKind::VapourPressureDeficit, QuantityKind::Pressure, 10.0),
];

/// What a number of `from` is multiplied by to be one of `to`.
fn between_units(from: QuantityKind, to: QuantityKind) -> Result<f64, BadMetric> {
    let factor = SAME.iter().find_map(|&(first, second, factor)| match (from, to) {
        _ if (from, to) == (first, second) => Some(factor),
        _ if (from, to) == (second, first) => Some(factor.recip()),
        _ => None,
    });
    let unfit = || BadMetric::Unfit {
        parameter: "factor",
        message: format!("nothing by itself makes {} of {}", to.name(), from.name()),
        mend: format!("write how many {} one {} is", to.unit(), from.unit()),
    };
    factor.ok_or_else(unfit)
}

/// The kind that [`TO`] names, or `from`.
pub(super) fn kind_to(
    arguments: &Arguments,
    from: QuantityKind,
) -> Result<QuantityKind, BadMetric> {
    let name = arguments.text("to")?;
    let kind = if name.is_empty() { Some(from) } else { QuantityKind::from_name(name) };
    let unfit = || BadMetric::Unfit {
        parameter: "to",
        message: format!("`{name}` is no quantity"),
        mend: "write the name of one, such as temperature or pressure".to_owned(),
    };
    kind.ok_or_else(unfit)
}

fn coefficients(text: &str) -> Result<Vec<f64>, BadMetric> {
    let unfit = |message: String| BadMetric::Unfit {
        parameter: "coefficients",
        message,
        mend: "write numbers with commas between them, c0 first, such as \"-50, 100, 0.02\""
            .to_owned(),
    };
    let words: Vec<_> = text.split(',').map(str::trim).collect();
    if words.len() > MOST_COEFFICIENTS {
        return Err(unfit(format!("{} are too many, {MOST_COEFFICIENTS} the most", words.len())));
    }
    let numbers = words.into_iter().map(|word| {
        finite(word).ok_or_else(|| unfit(format!("`{word}` is not a number to reckon with")))
    });
    numbers.collect()
}

/// A finite number.
pub(super) fn finite(word: &str) -> Option<f64> {
    word.trim().parse().ok().filter(|number: &f64| number.is_finite())
}
