//! What can be derived, as data: one [`Entry`] per function.
//!
//! An **entry** is a constant beside the function that it is of: what configuration calls it, what it
//! needs (**roles**, one stream each, and **parameters**), where its formula comes from, and the function
//! that makes the metric. Whoever reads a configuration or writes the page of the functions goes by
//! entries alone.
//!
//! # Invariants
//!
//! 1. `make` gets a kind for each role, one that the role takes, and complete [`Arguments`].
//! 2. The example of an entry is a whole `[derived.NAME]` table without its heading; a test runs each.

use super::{Metric, alarm, anomaly, expression, humid_air, pressure, signal, vibration, window};
use crate::{
    QuantityKind,
    parameter::{Arguments, Parameter, Undeclared},
};

/// Every function: the entries of each module, in the order of [`Group::ALL`].
static MODULES: &[&[Entry]] = &[
    humid_air::ENTRIES, //
    pressure::ENTRIES,
    signal::ENTRIES,
    window::ENTRIES,
    vibration::ENTRIES,
    anomaly::ENTRIES,
    alarm::ENTRIES,
    expression::ENTRIES,
];

/// One function.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What configuration calls it, such as `dew_point`.
    pub function: &'static str,
    /// The heading it stands under.
    pub group: Group,
    /// What it gives, in a sentence.
    pub summary: &'static str,
    /// The formula in one line, and the paper, norm or handbook that it is from.
    pub source: &'static str,
    /// In which range it holds, and what happens at the edges and on gaps, in a sentence or two.
    pub edges: &'static str,
    /// Its inputs; one at least. The first sets the pace. None if they are the streams of a formula.
    pub roles: &'static [Role],
    /// What else may be said of it.
    pub parameters: &'static [Parameter],
    /// Two to five lines of configuration, beginning with `function = "…"`.
    pub example: &'static str,
    /// Makes the metric for inputs of these kinds, in the order of the roles.
    pub make: fn(&[QuantityKind], &Arguments) -> Made,
}

/// What the functions are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Moist air.
    HumidAir,
    /// Pressure of the air and height.
    Pressure,
    /// One stream, sample by sample.
    Signal,
    /// Statistics over windows.
    Window,
    /// Blocks of fast samples.
    Vibration,
    /// What is not as it should be, and one truth out of several.
    Anomaly,
    /// Alarms.
    Alarm,
    /// Formulas over streams.
    Expression,
}

/// One input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// The key that names its stream, such as `temperature`; `of` if it is the only one.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// What it may measure; empty for anything.
    pub kinds: &'static [QuantityKind],
}

/// A metric and the kind of its outputs, or why there can be none.
pub type Made = Result<(QuantityKind, Box<dyn Metric>), BadMetric>;

/// No metric can be made of these inputs and arguments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMetric {
    /// Arguments that are good one by one do not go together, or not with the inputs.
    #[error("{parameter}: {message}")]
    Unfit {
        /// The parameter or role that is best changed.
        parameter: &'static str,
        /// What is wrong with it.
        message: String,
        /// What to do about it.
        mend: String,
    },
    /// The function asks for an argument that its entry does not declare.
    #[error("the function asks for what its entry lacks")]
    Undeclared(#[from] Undeclared),
}

/// By name: there is one entry for each.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Eq for Entry {}

impl Group {
    /// Every group, in the order of the page.
    pub const ALL: &[Self] = &[
        Self::HumidAir,
        Self::Pressure,
        Self::Signal,
        Self::Window,
        Self::Vibration,
        Self::Anomaly,
        Self::Alarm,
        Self::Expression,
    ];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::HumidAir => "Humid air",
            Self::Pressure => "Pressure",
            Self::Signal => "Signal",
            Self::Window => "Windows",
            Self::Vibration => "Vibration",
            Self::Anomaly => "Anomaly and fusion",
            Self::Alarm => "Alarms",
            Self::Expression => "Formulas",
        }
    }
}

/// Every function, group by group.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    MODULES.iter().copied().flatten()
}

impl Entry {
    /// Whether it takes so many inputs: one for each role, or as many as its formula has.
    pub const fn takes(&self, inputs: usize) -> bool {
        if self.roles.is_empty() { inputs > 0 } else { inputs == self.roles.len() }
    }
}

/// Finds the function that configuration calls `function`.
pub fn find(function: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.function == function)
}
