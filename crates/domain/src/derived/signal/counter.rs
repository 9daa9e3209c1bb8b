//! From a counter to how fast it counts.

use super::rules;
use crate::{
    NoData, QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Role, Words,
        run::{Held, Run, restore_last, save_last},
    },
    parameter::{Parameter, Preset, Value},
};

const COUNTERS: &[QuantityKind] = &[QuantityKind::Count, QuantityKind::Dimensionless];

pub(super) const COUNTER_RATE: Entry = Entry {
    function: "counter_rate",
    group: Group::Signal,
    summary: "How fast a counter counts, or what the things that it counts amount to per time.",
    source: "((n - n') mod 2^wrap_bits) per_count / (t - t')",
    edges: "The first sample gives a gap, `undefined`, and so does a count below the one before unless `wrap_bits` is set: the counter began anew. With it a count below 0 or of 2^wrap_bits or more is `implausible`, and a counter that began anew looks like one that went round. A second sample of the same moment gives nothing. Across a gap it is uncertain; a gap gives the same gap.",
    roles: &[Role { name: "of", summary: "a stream of what a counter has", kinds: COUNTERS }],
    parameters: &[
        Parameter {
            name: "wrap_bits",
            summary: "after 2 to the power of this the counter goes on with 0, such as 16 or 32; 0: it never does",
            value: Value::Integer { unit: "", low: 0, high: 53, preset: Preset::Default(0) },
        },
        Parameter {
            name: "per_count",
            summary: "what one count amounts to: in kW.h for power, m3 for volume_flow, A.h for current, turns for rotational_speed",
            value: Value::Factor { default: 1.0 },
        },
        Parameter {
            name: "to",
            summary: "what the result is",
            value: Value::Choice {
                choices: &["frequency", "power", "volume_flow", "current", "rotational_speed"],
                preset: Preset::Default("frequency"),
            },
        },
    ],
    example: "function = \"counter_rate\"\nof = \"meter.count\"\nper_count = 0.001\nto = \"power\"\n",
    make: |_, arguments| {
        let (kind, unit) = match arguments.choice("to")? {
            "power" => rules::rate(QuantityKind::Energy)?,
            "volume_flow" => rules::rate(QuantityKind::Volume)?,
            "current" => rules::rate(QuantityKind::ElectricCharge)?,
            "rotational_speed" => (QuantityKind::RotationalSpeed, 60.0),
            _ => rules::rate(QuantityKind::Count)?,
        };
        let factor = arguments.number("per_count")? * unit;
        let wrap_bits = arguments.integer("wrap_bits")?;
        let (run, last) = (Run::default(), None);
        Ok((kind, Box::new(CounterRate { kind, factor, wrap_bits, run, last })))
    },
};

/// How many a counter has counted from `before` to `now`.
///
/// With `wrap_bits`, 1 to 53, it goes on with 0 after `2^wrap_bits - 1`, and is taken to have done so
/// once at the most; with 0 it never does.
///
/// # Errors
///
/// [`NoData::Undefined`] if it cannot have counted from one to the other, so that it began anew;
/// [`NoData::Implausible`] if it has more than its bits can hold, or less than 0.
pub fn counted(before: f64, now: f64, wrap_bits: u8) -> Result<f64, NoData> {
    let modulus = f64::from(wrap_bits).exp2();
    match wrap_bits {
        0 if now < before => Err(NoData::Undefined),
        1.. if !(0.0..modulus).contains(&before) || !(0.0..modulus).contains(&now) => {
            Err(NoData::Implausible)
        }
        1.. if now < before => Ok(now + (modulus - before)),
        _ => Ok(now - before),
    }
}

struct CounterRate {
    kind: QuantityKind,
    factor: f64,
    wrap_bits: u8,
    run: Run,
    last: Option<Held>,
}

impl CounterRate {
    fn sample(&mut self, sample: Held) -> Option<Output> {
        let undefined = Some(Output::gap(sample.at, NoData::Undefined));
        let Some(last) = self.last.replace(sample) else { return undefined };
        let dt = sample.at.seconds_since(last.at);
        match counted(last.number, sample.number, self.wrap_bits) {
            _ if dt <= 0.0 => None,
            Err(reason) => Some(Output::gap(sample.at, reason)),
            Ok(counted) => {
                let (rate, quality) = (counted / dt * self.factor, self.run.covers(2));
                Some(Output::number(sample.at, self.kind, rate, quality))
            }
        }
    }
}

impl Metric for CounterRate {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        match self.run.meets(at, input) {
            Ok(number) => out.extend(self.sample(Held { at, number })),
            Err(reason) => out.push(Output::gap(at, reason)),
        }
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        save_last(self.last, words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.run = Run::restore(words)?;
        restore_last(words, &mut self.last)
    }
}
