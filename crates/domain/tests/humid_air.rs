//! Humid air and pressure against tools of other authors: `reference/humid_air.csv`, which
//! `reference/humid_air.py` made.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeMap;

use domain::{
    Quality, QuantityKind,
    derived::{Entry, Input, Moment, find},
    parameter::{Argument, Arguments},
};

const TABLE: &str = include_str!("reference/humid_air.csv");

/// By how much a result may differ: the sum of a number in its unit and a part of the expected.
const FAIR: &[(&str, f64, f64)] = &[
    ("absolute_humidity", 0.005, 0.01),
    ("altitude", 0.1, 0.0),
    ("dew_point", 0.1, 0.0),
    ("enthalpy", 0.01, 0.001),
    ("frost_point", 0.05, 0.0),
    ("heat_index", 0.01, 0.0),
    ("humidex", 0.1, 0.003),
    ("mixing_ratio", 0.0002, 0.005),
    ("sea_level_pressure", 0.04, 0.0),
    ("sea_level_pressure_standard", 0.1, 0.0),
    ("vapour_pressure", 0.0, 0.005),
    ("vapour_pressure_deficit", 0.00001, 0.005),
    ("wet_bulb", 0.01, 0.0),
    ("wet_bulb_stull", 1.2, 0.0),
    ("wind_chill", 0.01, 0.0),
];

/// A row of the table.
struct Row<'a> {
    entry: &'static Entry,
    parameter: &'a str,
    inputs: &'a str,
    expected: f64,
}

impl<'a> Row<'a> {
    fn new(line: &'a str) -> Self {
        let mut cells = line.split(',');
        let mut cell = || cells.next().unwrap();
        let entry = find(cell()).unwrap();
        Self { entry, parameter: cell(), inputs: cell(), expected: cell().parse().unwrap() }
    }

    /// What the function gives for the row.
    fn found(&self) -> f64 {
        let number = |text: &str| text.parse::<f64>().unwrap();
        let kinds: Vec<_> = self.entry.roles.iter().map(|role| role.kinds[0]).collect();
        let given = self.entry.parameters.first().filter(|_| !self.parameter.is_empty());
        let given = given.map(|p| (p.name, Argument::Number(number(self.parameter))));
        let arguments = Arguments::new(self.entry.parameters, given).unwrap();
        let (_, mut metric) = (self.entry.make)(&kinds, &arguments).unwrap();
        let of = |(text, kind): (&str, &QuantityKind)| Input {
            outcome: Ok(kind.quantity(number(text)).unwrap()),
            quality: Quality::Good,
        };
        let inputs: Vec<_> = self.inputs.split(' ').zip(&kinds).map(of).collect();
        let mut out = Vec::new();
        metric.next(Moment::default(), &inputs, &mut out);
        let outcome = out[0].outcome;
        outcome
            .unwrap_or_else(|gap| panic!("{} of {}: {gap}", self.entry.function, self.inputs))
            .number()
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the table of worst errors, with --nocapture")]
fn every_function_is_as_near_to_the_tools_of_others_as_is_fair() {
    let mut worst: BTreeMap<&str, (f64, &str, usize)> = BTreeMap::new();
    for line in TABLE.lines().skip(1) {
        let row = Row::new(line);
        let function = row.entry.function;
        let &(_, absolute, part) = FAIR.iter().find(|(name, ..)| *name == function).unwrap();
        let error = (row.found() - row.expected).abs();
        assert!(error <= absolute + part * row.expected.abs(), "{line}: {error} off");
        let (most, where_, rows) = worst.entry(function).or_default();
        *rows += 1;
        if error >= *most {
            (*most, *where_) = (error, line);
        }
    }
    assert_eq!(worst.len(), FAIR.len(), "functions of the table");
    for (function, (error, line, rows)) in worst {
        println!("{function:28} {rows:4} rows, worst {error:.5}: {line}");
    }
}
