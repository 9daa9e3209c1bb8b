//! What is over a threshold, and for how long that may be taken to last.

use core::time::Duration;

use crate::parameter::{Parameter, Preset, Value};

/// What the input is compared with: over is above it, not at it.
pub(super) const THRESHOLD: Parameter = Parameter {
    name: "threshold",
    summary: "what the input is compared with, in its unit",
    value: Value::Number {
        unit: "",
        low: f64::MIN,
        high: f64::MAX,
        preset: Preset::Required(100.0),
    },
};

/// How far apart two samples may be.
pub(super) const GAP_MAX: Parameter = Parameter {
    name: "gap_max",
    summary: "the longest time from one sample to the next that counts; of more than that nothing is known",
    value: Value::Duration {
        low: Duration::from_millis(1),
        high: Duration::from_secs(366 * 86_400),
        preset: Preset::Required(Duration::from_secs(300)),
    },
};
