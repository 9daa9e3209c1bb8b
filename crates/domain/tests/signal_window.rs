//! The signal functions and window statistics against tools of other authors.
//!
//! `reference/signal_window.csv` has a stream and, beside it, what numpy, pandas and scipy say of it;
//! `reference/signal_window.py` is the script that made it.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod reference;

use core::time::Duration;

use domain::{
    NoData, Quality, QuantityKind,
    derived::{Input, Metric, Moment, Output, find},
    parameter::{Argument, Arguments},
};

use reference::Errors;

type Given = &'static [(&'static str, Word)];

/// An argument that can be a constant.
#[derive(Clone, Copy)]
enum Word {
    Number(f64),
    Integer(i64),
    Nanos(u64),
    Choice(&'static str),
    Text(&'static str),
}

/// A column of the table.
struct Column {
    name: &'static str,
    function: &'static str,
    given: Given,
    kind: QuantityKind,
    /// What the column's unit is in the unit of the function.
    factor: f64,
    /// The worst error allowed, in proportion to the number, or to `factor` if that is larger.
    tolerance: f64,
}

const TABLE: &str = include_str!("reference/signal_window.csv");

const SPAN: (&str, Word) = ("span", Word::Nanos(45_000_000_000));
const MINUTE: (&str, Word) = ("span", Word::Nanos(60_000_000_000));
const SEVEN: (&str, Word) = ("samples", Word::Integer(7));
const FORTY: (&str, Word) = ("samples", Word::Integer(40));
const TUMBLING: (&str, Word) = ("kind", Word::Choice("tumbling"));
const P90: (&str, Word) = ("percent", Word::Number(90.0));
const DDOF_0: (&str, Word) = ("ddof", Word::Integer(0));
const GAP_MAX: (&str, Word) = ("gap_max", Word::Nanos(600_000_000_000));
/// 20 s / ln 2, to the nanosecond.
const TIME_CONSTANT: (&str, Word) = ("time_constant", Word::Nanos(28_853_900_818));
const COEFFICIENTS: (&str, Word) = ("coefficients", Word::Text("1.5, -2.25, 0.125, 0.001"));
const POINTS: (&str, Word) = ("points", Word::Text("15: 0, 18: 30, 20.5: 31, 24: 100"));

const fn column(name: &'static str, function: &'static str, given: Given) -> Column {
    let (kind, factor, tolerance) = (QuantityKind::Dimensionless, 1.0, 1e-13);
    Column { name, function, given, kind, factor, tolerance }
}

const fn of_volts(name: &'static str, function: &'static str, given: Given) -> Column {
    let (kind, factor, tolerance) = (QuantityKind::Voltage, 3_600.0, 1e-11);
    Column { name, function, given, kind, factor, tolerance }
}

const fn of_power(name: &'static str, given: Given) -> Column {
    let (kind, factor, tolerance) = (QuantityKind::Power, 1.0 / 3.6e6, 1e-13);
    Column { name, function: "integral", given, kind, factor, tolerance }
}

const COLUMNS: &[Column] = &[
    column("span_mean", "moving_average", &[SPAN]),
    column("samples_mean", "moving_average", &[SEVEN]),
    column("tumbling_mean", "moving_average", &[MINUTE, TUMBLING]),
    column("span_median", "median", &[SPAN]),
    column("samples_median", "median", &[SEVEN]),
    column("tumbling_median", "median", &[MINUTE, TUMBLING]),
    column("span_p90", "percentile", &[SPAN, P90]),
    column("samples_p90", "percentile", &[SEVEN, P90]),
    column("tumbling_p90", "percentile", &[MINUTE, TUMBLING, P90]),
    column("span_min", "minimum", &[SPAN]),
    column("span_max", "maximum", &[SPAN]),
    column("span_range", "range", &[SPAN]),
    column("span_std", "standard_deviation", &[SPAN]),
    column("samples_std", "standard_deviation", &[SEVEN]),
    column("tumbling_std", "standard_deviation", &[MINUTE, TUMBLING]),
    column("span_std0", "standard_deviation", &[SPAN, DDOF_0]),
    column("span_sum", "sum", &[SPAN]),
    column("span_count", "sample_count", &[SPAN]),
    column("hard_mean", "moving_average", &[FORTY]),
    column("hard_std", "standard_deviation", &[FORTY]),
    of_volts("trend", "trend", &[SPAN]),
    of_volts("rate", "rate_of_change", &[]),
    of_power("trapezoid", &[GAP_MAX]),
    of_power("left", &[GAP_MAX, ("rule", Word::Choice("left"))]),
    of_power("right", &[GAP_MAX, ("rule", Word::Choice("right"))]),
    Column { tolerance: 1e-11, ..column("ewma", "ewma", &[TIME_CONSTANT]) },
    column("polynomial", "polynomial", &[COEFFICIENTS]),
    column("table", "table", &[POINTS]),
];

fn made(column: &Column) -> Box<dyn Metric> {
    let entry = find(column.function).unwrap();
    let given = column.given.iter().map(|&(name, word)| {
        let argument = match word {
            Word::Number(number) => Argument::Number(number),
            Word::Integer(number) => Argument::Integer(number),
            Word::Nanos(nanos) => Argument::Duration(Duration::from_nanos(nanos)),
            Word::Choice(word) => Argument::Choice(word),
            Word::Text(text) => Argument::Text(text.to_owned()),
        };
        (name, argument)
    });
    let arguments = Arguments::new(entry.parameters, given).unwrap();
    (entry.make)(&[column.kind], &arguments).unwrap().1
}

/// The numbers of the table's column; those that are missing are none.
fn read(name: &str) -> Vec<Option<f64>> {
    let mut lines = TABLE.lines();
    let place = lines.next().unwrap().split(',').position(|heading| heading == name).unwrap();
    lines.map(|line| line.split(',').nth(place).unwrap().parse().ok()).collect()
}

fn times() -> Vec<Moment> {
    let first = |line: &str| line.split(',').next().unwrap().parse().unwrap();
    TABLE.lines().skip(1).map(first).map(Moment::from_nanos).collect()
}

/// The number that the metric gives with each row; none if it gives a gap or nothing.
fn found(column: &Column) -> Vec<Option<f64>> {
    let stream = read(if column.name.starts_with("hard") { "hard_x" } else { "x" });
    let mut metric = made(column);
    let rows = times().into_iter().zip(stream).map(|(at, number)| {
        let outcome = number.map(|number| column.kind.quantity(number).unwrap());
        let input = Input { outcome: outcome.ok_or(NoData::Absent), quality: Quality::Good };
        let mut out: Vec<Output> = Vec::new();
        metric.next(at, &[input], &mut out);
        out.iter().find_map(|output| output.outcome.ok()).map(domain::Quantity::number)
    });
    rows.collect()
}

/// How far a column is from what was found, in proportion to the number or to `factor`.
fn errors(column: &Column) -> Errors {
    let mut errors = Errors::default();
    for (row, (found, expected)) in found(column).into_iter().zip(read(column.name)).enumerate() {
        let row = format!("{} in row {row}", column.name);
        let expected = expected.map(|number| number * column.factor);
        assert_eq!(found.is_some(), expected.is_some(), "{row}");
        if let (Some(found), Some(expected)) = (found, expected) {
            let error = (found - expected).abs() / expected.abs().max(column.factor);
            errors.take(error, column.tolerance, row);
        }
    }
    errors
}

/// Who reckoned the column, as `reference/signal_window.py` has it.
fn tool(column: &Column) -> &'static str {
    match (column.name, column.function) {
        ("hard_mean" | "hard_std", _) => "statistics of Python 3.11.7",
        (_, "trend") | ("trapezoid", _) => "SciPy 1.17.1",
        (_, "ewma") => "pandas 3.1.1",
        ("left" | "right", _) | (_, "polynomial" | "table" | "rate_of_change") => "NumPy 2.4.6",
        _ => "NumPy 2.4.6, windows by pandas 3.1.1",
    }
}

/// How the function was asked for the column.
fn how(column: &Column) -> &'static str {
    match column.name.split_once('_') {
        Some(("hard", _)) => ", 40 samples about 1e9",
        Some(("span", "std0")) => ", sliding by time, ddof 0",
        Some(("span", _)) => ", sliding by time",
        Some(("samples", _)) => ", sliding by samples",
        Some(("tumbling", _)) => ", tumbling",
        _ => match column.name {
            "left" => ", left",
            "right" => ", right",
            _ => "",
        },
    }
}

#[test]
fn every_function_agrees_with_its_reference() {
    for column in COLUMNS {
        let allowed = format!("{:.0e}", column.tolerance);
        errors(column).print(column.function, how(column), tool(column), &allowed, "of it");
    }
}
