//! Humid air and pressure against tools of other authors: `reference/humid_air.csv`, which
//! `reference/humid_air.py` made.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod reference;

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Quality, Quantity, QuantityKind,
    derived::{Entry, Input, Moment, find},
    parameter::{Argument, Arguments},
};

use reference::Errors;

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
    tool: &'static str,
}

/// The tool and its version, as `reference/humid_air.py` has it.
fn tool(name: &str) -> &'static str {
    match name {
        "psychrolib" => "PsychroLib 2.5.0",
        "metpy" => "MetPy 1.7.1",
        "coolprop" => "CoolProp 8.0.0",
        "pythermalcomfort" => "pythermalcomfort 4.8.1",
        "ambiance" => "ambiance 1.3.1",
        other => panic!("the table has a tool {other}"),
    }
}

impl<'a> Row<'a> {
    fn new(line: &'a str) -> Self {
        let mut cells = line.split(',');
        let mut cell = || cells.next().unwrap();
        let entry = find(cell()).unwrap();
        let (parameter, inputs) = (cell(), cell());
        let expected = cell().parse().unwrap();
        Self { entry, parameter, inputs, expected, tool: tool(cell()) }
    }

    /// What the function gives for the row.
    fn found(&self) -> Quantity {
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
        outcome.unwrap_or_else(|gap| panic!("{} of {}: {gap}", self.entry.function, self.inputs))
    }
}

#[test]
fn every_function_is_as_near_to_the_tools_of_others_as_is_fair() {
    let mut worst: BTreeMap<&str, (Errors, BTreeSet<&str>, &str)> = BTreeMap::new();
    for line in TABLE.lines().skip(1) {
        let row = Row::new(line);
        let function = row.entry.function;
        let &(_, absolute, part) = FAIR.iter().find(|(name, ..)| *name == function).unwrap();
        let found = row.found();
        let (errors, tools, unit) = worst.entry(function).or_default();
        let allowed = absolute + part * row.expected.abs();
        errors.take((found.number() - row.expected).abs(), allowed, line);
        tools.insert(row.tool);
        *unit = if found.kind() == QuantityKind::Dimensionless { "" } else { found.kind().unit() };
    }
    assert_eq!(worst.len(), FAIR.len(), "functions of the table");
    for (&(function, absolute, part), (errors, tools, unit)) in FAIR.iter().zip(worst.values()) {
        let tools: Vec<_> = tools.iter().copied().collect();
        let allowed = match (absolute, part) {
            (absolute, 0.0) => format!("{absolute} {unit}"),
            (0.0, part) => format!("{} %", 100.0 * part),
            (absolute, part) => {
                format!("{absolute} {unit} + {} %", 100.0 * part).replace("  ", " ")
            }
        };
        errors.print(function, "", &tools.join(", "), &allowed, unit);
    }
}
