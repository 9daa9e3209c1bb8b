//! The integral over time.

use core::{hint::black_box, time::Duration};

use super::{
    rules::{INTEGRATED, integral},
    threshold::GAP_MAX,
};
use crate::{
    Quality, QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Role, Words,
        double::Double,
        run::{Held, only, restore_last, restore_quality, save_last, save_quality},
    },
    parameter::{Parameter, Preset, Value},
};

pub(super) const INTEGRAL: Entry = Entry {
    function: "integral",
    group: Group::Signal,
    summary: "What the input adds up to since the start: power to energy, flow to volume, frequency to a count.",
    source: "sum x dt, where x between two samples is their mean (trapezoid), the earlier (left) or the later one (right)",
    edges: "The first sample gives 0. Time between samples is bridged up to `gap_max`, gaps in it or not; more than that adds nothing, and the total is uncertain from then on. Samples of one moment add nothing, and the last of them counts. A gap gives the same gap. It never begins anew: for the amount of an hour or a day take the `range` of it over tumbling windows of that `span`, which are of whole hours and days in UTC and lack what is between the last sample of one and the first of the next.",
    roles: &[Role {
        name: "of",
        summary: "a stream of what adds up to a known unit",
        kinds: INTEGRATED,
    }],
    parameters: &[
        Parameter {
            name: "rule",
            summary: "what holds between two samples: their mean, the earlier or the later one",
            value: Value::Choice {
                choices: &["trapezoid", "left", "right"],
                preset: Preset::Default("trapezoid"),
            },
        },
        GAP_MAX,
    ],
    example: "function = \"integral\"\nof = \"mains.power\"\ngap_max = \"1min\"\n",
    make: |kinds, arguments| {
        let (kind, factor) = integral(only(kinds)?)?;
        let hold = match arguments.choice("rule")? {
            "left" => Hold::Left,
            "right" => Hold::Right,
            _ => Hold::Trapezoid,
        };
        let gap_max = arguments.duration("gap_max")?;
        let (total, quality, last) = (Double::default(), Quality::Good, None);
        Ok((kind, Box::new(Integral { kind, factor, hold, gap_max, total, quality, last })))
    },
};

/// What holds between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The straight line from one to the other.
    Trapezoid,
    /// The earlier one, until the later one comes.
    Left,
    /// The later one, since the earlier one came.
    Right,
}

/// What `earlier` and `later`, which is `dt` seconds after it, add up to: in their unit times seconds.
/// 0 for `dt` of 0 and below.
pub fn area(earlier: f64, later: f64, dt: f64, hold: Hold) -> f64 {
    let height = match hold {
        Hold::Trapezoid => f64::midpoint(earlier, later),
        Hold::Left => earlier,
        Hold::Right => later,
    };
    height * dt.max(0.0)
}

/// The total is kept in twice the precision of `f64`, so that small steps are not lost in a large one.
struct Integral {
    kind: QuantityKind,
    factor: f64,
    hold: Hold,
    gap_max: Duration,
    total: Double,
    quality: Quality,
    last: Option<Held>,
}

impl Integral {
    fn add(&mut self, sample: Held) {
        let Some(last) = self.last.replace(sample) else { return };
        if sample.at < last.at {
            self.last = Some(last);
        } else if sample.at > last.at.after(self.gap_max) {
            self.quality = Quality::Uncertain;
        } else {
            let dt = sample.at.seconds_since(last.at);
            let step = area(last.number, sample.number, dt, self.hold) * self.factor;
            self.total = self.total.plus(Double::new(step));
        }
    }
}

impl Metric for Integral {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        out.push(match input.number() {
            Ok(number) => {
                self.quality = self.quality.and(input.quality);
                self.add(Held { at, number });
                Output::number(at, self.kind, self.total.number(), self.quality)
            }
            Err(reason) => Output::gap(at, reason),
        });
    }

    fn touch(&self) {
        black_box((self.last, self.total));
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.total.save(words);
        save_quality(self.quality, words);
        save_last(self.last, words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        let total = Double::restore(words)?;
        if !total.number().is_finite() {
            return None;
        }
        (self.total, self.quality) = (total, restore_quality(words)?);
        restore_last(words, &mut self.last)
    }
}
