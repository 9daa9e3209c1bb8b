//! Scores against pandas and `SciPy`: `reference/anomaly.csv`, which `reference/anomaly.py` made.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod reference;

use domain::{
    NoData, Quality, QuantityKind,
    derived::{Input, Moment, Output, find},
    parameter::{Argument, Arguments},
};

use reference::Errors;

const TABLE: &str = include_str!("reference/anomaly.csv");

/// The scores that a function gives of the numbers of a stream, by the 16 before each.
fn scores(function: &str, rows: &[Vec<&str>]) -> Vec<Output> {
    let entry = find(function).unwrap();
    let given = [("samples", Argument::Integer(16))];
    let arguments = Arguments::new(entry.parameters, given).unwrap();
    let (_, mut metric) = (entry.make)(&[QuantityKind::Dimensionless], &arguments).unwrap();
    let mut out = Vec::new();
    for (second, row) in (0..).zip(rows) {
        let outcome = Ok(QuantityKind::Dimensionless.quantity(row[1].parse().unwrap()).unwrap());
        let input = Input { outcome, quality: Quality::Good };
        metric.next(Moment::from_nanos(second), &[input], &mut out);
    }
    out
}

#[test]
fn scores_are_those_of_pandas_and_scipy() {
    let rows: Vec<Vec<_>> = TABLE.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let columns = [("z_score", 2, "pandas 3.1.1"), ("mad_score", 3, "SciPy 1.17.1")];
    for (function, column, tool) in columns {
        let mut errors = Errors::default();
        for stream in rows.chunk_by(|one, next| one[0] == next[0]) {
            for (row, found) in stream.iter().zip(scores(function, stream)) {
                let Ok(expected) = row[column].parse::<f64>() else {
                    assert_eq!(found.outcome, Err(NoData::NotReady));
                    continue;
                };
                let error = (found.outcome.unwrap().number() - expected).abs();
                errors.take(error / expected.abs().max(1.0), 1e-7, function);
            }
        }
        errors.print(function, "", tool, "1e-7", "of it or of 1");
    }
}
