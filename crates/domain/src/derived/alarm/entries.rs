//! What configuration may ask to be alarmed of.

use core::time::Duration;

use super::{
    AlarmRule, Slope,
    metric::{Alarm, Direction, Excess},
};
use crate::{
    QuantityKind,
    derived::{
        BadMetric, Entry, Group, Made, Role, Urgency,
        run::{is_level, level},
    },
    parameter::{Arguments, Parameter, Preset, Value, plain},
};

const OF: Role = Role { name: "of", summary: "what is watched", kinds: &[] };
const ONE: Role = Role { name: "one", summary: "one of the two that should agree", kinds: &[] };
const OTHER: Role = Role { name: "other", summary: "the other, of the same quantity", kinds: &[] };

const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

const LIMIT: Parameter = Parameter {
    name: "limit",
    summary: "alarm beyond this, not at it; in the unit of the input",
    value: Value::Number {
        unit: "",
        low: f64::MIN,
        high: f64::MAX,
        preset: Preset::Required(20.0),
    },
};
const LIMIT_OF_RATE: Parameter = Parameter {
    name: "limit",
    summary: "alarm above this many units of the input per second, minute or hour",
    value: Value::Number { unit: "", low: 0.0, high: f64::MAX, preset: Preset::Required(5.0) },
};
const LIMIT_OF_DEVIATION: Parameter = Parameter {
    name: "limit",
    summary: "alarm if they are further apart than this, in their unit",
    value: Value::Number { unit: "", low: 0.0, high: f64::MAX, preset: Preset::Required(2.0) },
};
const HYSTERESIS: Parameter = Parameter {
    name: "hysteresis",
    summary: "how far back from the limit it is over, in the unit of the limit",
    value: Value::Number { unit: "", low: 0.0, high: f64::MAX, preset: Preset::Default(0.0) },
};
const ON_DELAY: Parameter =
    delay("on_delay", "how long it must be beyond the limit", Duration::ZERO);
const OFF_DELAY: Parameter = delay("off_delay", "how long it must be back", Duration::ZERO);
const SPAN: Parameter =
    delay("span", "the time constant that the rate is smoothed with", Duration::from_secs(60));
const LATCH: Parameter = Parameter {
    name: "latch",
    summary: "whether it stays, as over, until it is acknowledged",
    value: Value::Flag { default: false },
};
const PRIORITY: Parameter = Parameter {
    name: "priority",
    summary: "how urgent it is",
    value: Value::Choice {
        choices: &["low", "medium", "high", "critical"],
        preset: Preset::Default("high"),
    },
};
const PER: Parameter = Parameter {
    name: "per",
    summary: "the time that the limit's rate is for: s, min or h",
    value: Value::Choice { choices: &["s", "min", "h"], preset: Preset::Default("h") },
};
const DIRECTION: Parameter = Parameter {
    name: "direction",
    summary: "which changes count",
    value: Value::Choice {
        choices: &["either", "rising", "falling"],
        preset: Preset::Default("either"),
    },
};

const fn delay(name: &'static str, summary: &'static str, preset: Duration) -> Parameter {
    let (low, preset) = (Duration::ZERO, Preset::Default(preset));
    Parameter { name, summary, value: Value::Duration { low, high: LONGEST, preset } }
}

const SOURCE: &str = "ISA-18.2-2016, IEC 62682:2014";
const EDGES: &str = "At the limit there is no alarm; at the limit less the hysteresis it is over. On the first \
    sample after a start and each change of state one output. A gap keeps the state and is told once; delays stand still during it.";
const LEVEL: &[Parameter] = &[LIMIT, HYSTERESIS, ON_DELAY, OFF_DELAY, LATCH, PRIORITY];

/// Alarms.
pub(in crate::derived) const ENTRIES: &[Entry] = &[
    Entry {
        function: "alarm_high",
        group: Group::Alarm,
        summary: "alarm if a value is above a limit",
        source: SOURCE,
        edges: EDGES,
        roles: &[OF],
        parameters: LEVEL,
        example: "function = \"alarm_high\"\nof = \"cabinet.temperature\"\nlimit = 45.0\nhysteresis = 2.0",
        make: |kinds, arguments| {
            let rule = rule(arguments)?;
            reachable(kinds, &[("limit", rule.limit), ("hysteresis", rule.past)])?;
            made(Excess::High, rule, arguments)
        },
    },
    Entry {
        function: "alarm_low",
        group: Group::Alarm,
        summary: "alarm if a value is below a limit",
        source: SOURCE,
        edges: "At the limit there is no alarm; at the limit plus the hysteresis it is over. On the first sample after a \
            start and each change of state one output. A gap keeps the state and is told once; delays stand still during it.",
        roles: &[OF],
        parameters: LEVEL,
        example: "function = \"alarm_low\"\nof = \"battery.voltage\"\nlimit = 11.5\non_delay = \"30s\"",
        make: |kinds, arguments| {
            let (limit, rule) = (arguments.number("limit")?, rule(arguments)?);
            let past = limit + arguments.number("hysteresis")?;
            reachable(kinds, &[("limit", limit), ("hysteresis", past)])?;
            made(Excess::Low, AlarmRule { limit: -limit, past: -past, ..rule }, arguments)
        },
    },
    Entry {
        function: "alarm_rate",
        group: Group::Alarm,
        summary: "alarm if a value changes faster than a limit",
        source: "r ← r + (slope - r) (1 - e^(-h/span)) after each interval h, begun at 0; alarm by ISA-18.2-2016, IEC 62682:2014",
        edges: EDGES,
        roles: &[OF],
        parameters: &[
            LIMIT_OF_RATE,
            PER,
            SPAN,
            DIRECTION,
            HYSTERESIS,
            ON_DELAY,
            OFF_DELAY,
            LATCH,
            PRIORITY,
        ],
        example: "function = \"alarm_rate\"\nof = \"cabinet.temperature\"\nlimit = 5.0\nper = \"min\"",
        make: |kinds, arguments| {
            level(kinds)?;
            let direction = match arguments.choice("direction")? {
                "rising" => Direction::Rising,
                "falling" => Direction::Falling,
                _ => Direction::Either,
            };
            let per_s = match arguments.choice("per")? {
                "s" => 1.0,
                "min" => 60.0,
                _ => 3600.0,
            };
            let slope = Slope::new(arguments.duration("span")?);
            made(Excess::Rate(slope, per_s, direction), above_zero(arguments)?, arguments)
        },
    },
    Entry {
        function: "alarm_deviation",
        group: Group::Alarm,
        summary: "alarm if two that should agree are too far apart",
        source: SOURCE,
        edges: EDGES,
        roles: &[ONE, OTHER],
        parameters: &[LIMIT_OF_DEVIATION, HYSTERESIS, ON_DELAY, OFF_DELAY, LATCH, PRIORITY],
        example: "function = \"alarm_deviation\"\none = \"inlet.temperature\"\nother = \"outlet.temperature\"\nlimit = 2.0",
        make: |kinds, arguments| {
            is_level("one", kinds.first().copied().unwrap_or(QuantityKind::Dimensionless))?;
            if let [one, other] = kinds
                && one != other
            {
                let message = format!("this is {}, and `one` is {}", other.name(), one.name());
                return unfit("other", message, "name two streams of the same quantity");
            }
            made(Excess::Deviation, above_zero(arguments)?, arguments)
        },
    },
];

fn made(excess: Excess, rule: AlarmRule, arguments: &Arguments) -> Made {
    let word = arguments.choice("priority")?;
    let urgency = Urgency::ALL.into_iter().find(|urgency| urgency.word() == word);
    let alarm = Alarm::new(excess, rule, urgency.unwrap_or(Urgency::High));
    Ok((QuantityKind::AlarmState, Box::new(alarm)))
}

fn rule(arguments: &Arguments) -> Result<AlarmRule, BadMetric> {
    let limit = arguments.number("limit")?;
    Ok(AlarmRule {
        limit,
        past: limit - arguments.number("hysteresis")?,
        on_delay: arguments.duration("on_delay")?,
        off_delay: arguments.duration("off_delay")?,
        latch: arguments.flag("latch")?,
    })
}

/// The rule of what is never below zero.
fn above_zero(arguments: &Arguments) -> Result<AlarmRule, BadMetric> {
    let rule = rule(arguments)?;
    if rule.past < 0.0 {
        let message = "with more hysteresis than limit the alarm would never be over".to_owned();
        return unfit("hysteresis", message, "write the limit at the most");
    }
    Ok(rule)
}

/// Checks that the input can be at each of these numbers: else the alarm would never come, or never go.
fn reachable(kinds: &[QuantityKind], numbers: &[(&'static str, f64)]) -> Result<(), BadMetric> {
    for (kind, &(parameter, number)) in
        kinds.iter().flat_map(|k| numbers.iter().map(move |n| (k, n)))
    {
        if kind.quantity(number).is_err() {
            let number = plain(number);
            let message = format!("no {} can be at {number} {}", kind.name(), kind.unit());
            return unfit(parameter, message, "write what the input can have");
        }
    }
    Ok(())
}

fn unfit<T>(parameter: &'static str, message: String, mend: &str) -> Result<T, BadMetric> {
    Err(BadMetric::Unfit { parameter, message, mend: mend.to_owned() })
}
