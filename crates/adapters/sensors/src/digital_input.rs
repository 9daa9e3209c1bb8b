//! What the drivers on a digital input share: the parameters that say which, and how it is used.

use core::time::Duration;

use crate::{
    Arguments, BadOptions, Bias, Edges, InputWish, Parameter, Preset, Value, catalogue::meant,
};

pub(crate) const LINE: Parameter = Parameter {
    name: "line",
    summary: "its number on the chip; `gpioinfo` lists them",
    value: Value::Integer { unit: "", low: 0, high: 1023, preset: Preset::Required(17) },
};

pub(crate) const ACTIVE_LOW: Parameter = Parameter {
    name: "active_low",
    summary: "whether a low voltage is active",
    value: Value::Flag { default: false },
};

pub(crate) const BIAS: Parameter = Parameter {
    name: "bias",
    summary: "what the line is drawn to while nobody drives it",
    value: Value::Choice {
        choices: &["as_is", "disabled", "pull_up", "pull_down"],
        preset: Preset::Default("as_is"),
    },
};

pub(crate) const DEBOUNCE: Parameter = Parameter {
    name: "debounce",
    summary: "how long a level must hold to be one; the kernel looks after it",
    value: Value::Duration {
        low: Duration::ZERO,
        high: Duration::from_secs(1),
        preset: Preset::Default(Duration::ZERO),
    },
};

/// The input that `arguments` name, with these edges.
pub(crate) fn wish(arguments: &Arguments, edges: Edges) -> Result<InputWish, BadOptions> {
    Ok(InputWish {
        line: arguments.integer("line")?,
        is_active_low: arguments.flag("active_low")?,
        bias: meant("bias", arguments.choice("bias")?, Bias::NAMES)?,
        edges,
        debounce: arguments.duration("debounce")?,
    })
}
