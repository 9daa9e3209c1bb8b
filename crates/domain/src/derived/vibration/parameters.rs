//! Roles, parameters and edges of the figures.

use crate::{
    QuantityKind::{self, Acceleration, Dimensionless, Frequency, VibrationVelocity},
    derived::Role,
    parameter::{Parameter, Preset, Value},
};

/// What swings. No scales that begin anywhere (degrees Celsius) or go round (a course).
const SWINGING: &[QuantityKind] = &[
    Acceleration,
    VibrationVelocity,
    QuantityKind::Length,
    QuantityKind::Speed,
    QuantityKind::AngularVelocity,
    QuantityKind::RotationalSpeed,
    QuantityKind::Pressure,
    QuantityKind::Voltage,
    QuantityKind::Current,
    QuantityKind::Power,
    Frequency,
    QuantityKind::Illuminance,
    QuantityKind::TemperatureDifference,
    Dimensionless,
];

pub(super) const OF: Role = Role { name: "of", summary: "the fast samples", kinds: SWINGING };
pub(super) const OF_ACCELERATION: Role =
    Role { name: "of", summary: "the acceleration", kinds: &[Acceleration] };

const BLOCK: Parameter = Parameter {
    name: "block",
    summary: "how many samples give one value",
    value: Value::Integer { unit: "", low: 2, high: 65_536, preset: Preset::Default(1_024) },
};
pub(super) const SPECTRAL_BLOCK: Parameter = Parameter {
    name: "block",
    summary: "how many samples give one value, a power of two; lines are rate / block apart",
    value: Value::Integer { unit: "", low: 64, high: 65_536, preset: Preset::Default(1_024) },
};
pub(super) const OVERLAP: Parameter = Parameter {
    name: "overlap",
    summary: "whether a block begins in the middle of the one before, instead of after it",
    value: Value::Flag { default: false },
};
pub(super) const RATE: Parameter = Parameter {
    name: "rate_hz",
    summary: "samples per second; 0: by the time stamps of each block",
    value: Value::Number { unit: "Hz", low: 0.0, high: 1e6, preset: Preset::Default(0.0) },
};
const DC: Parameter = Parameter {
    name: "dc",
    summary: "whether the mean of the block is part of it",
    value: Value::Flag { default: false },
};
pub(super) const WINDOW: Parameter = Parameter {
    name: "window",
    summary: "what the block is multiplied by; the bands add up to the whole for rectangular alone",
    value: Value::Choice {
        choices: &["rectangular", "hann", "flat_top"],
        preset: Preset::Default("rectangular"),
    },
};
pub(super) const LOW: Parameter =
    edge("low_hz", "the lower edge of the band", Preset::Required(10.0));
pub(super) const HIGH: Parameter =
    edge("high_hz", "the upper edge of the band", Preset::Required(200.0));
pub(super) const ISO_LOW: Parameter =
    edge("low_hz", "the lower edge of the band", Preset::Default(10.0));
pub(super) const ISO_HIGH: Parameter =
    edge("high_hz", "the upper edge of the band", Preset::Default(1_000.0));

const fn edge(name: &'static str, summary: &'static str, preset: Preset<f64>) -> Parameter {
    Parameter { name, summary, value: Value::Number { unit: "Hz", low: 0.0, high: 1e6, preset } }
}

pub(super) const IN_TIME: &[Parameter] = &[BLOCK, OVERLAP, RATE];
pub(super) const IN_TIME_WITH_DC: &[Parameter] = &[BLOCK, OVERLAP, RATE, DC];

pub(super) const EDGES: &str = "A gap or a hole (more than 1.5 intervals: missed) begins the block anew and is told once. \
    Uncertain if the time stamps are more than 10 % of an interval from even.";
pub(super) const EDGES_OF_RATIOS: &str = "Undefined for a block of equal samples. A gap or a hole (more than \
    1.5 intervals: missed) begins the block anew and is told once. Uncertain if the time stamps are more than \
    10 % of an interval from even.";
pub(super) const EDGES_OF_BANDS: &str = "Undefined without a line in the band. Uncertain if the band reaches beyond \
    half the rate or begins below the first line, or if the time stamps are more than 10 % of an \
    interval from even. A gap or a hole (more than 1.5 intervals: missed) begins the block anew and is told once.";
