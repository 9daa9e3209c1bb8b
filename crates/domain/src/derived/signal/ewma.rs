//! The exponentially weighted mean.

use core::{hint::black_box, time::Duration};

use super::OF;
use crate::{
    QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Words,
        run::{Held, Run, level, restore_last, save_last},
    },
    parameter::{Parameter, Preset, Value},
};

pub(super) const EWMA: Entry = Entry {
    function: "ewma",
    group: Group::Signal,
    summary: "The exponentially weighted mean: a smoothing with one time constant, at any spacing of the samples.",
    source: "y = y' + (1 - exp(-dt / tau)) (x - y'), y of the first sample is x; pandas: ewm(halflife = tau ln 2, times, adjust = False)",
    edges: "A gap gives the same gap; the sample after it weighs as the time since the sample before says. Uncertain until samples have come for one time constant without a gap. A second sample of the same moment has no weight.",
    roles: &[OF],
    parameters: &[Parameter {
        name: "time_constant",
        summary: "after so long a step has come through to 63 %",
        value: Value::Duration {
            low: Duration::from_millis(1),
            high: Duration::from_secs(366 * 86_400),
            preset: Preset::Required(Duration::from_secs(60)),
        },
    }],
    example: "function = \"ewma\"\nof = \"air.temperature\"\ntime_constant = \"1min\"\n",
    make: |kinds, arguments| {
        let (kind, time_constant) = (level(kinds)?, arguments.duration("time_constant")?);
        let metric = Ewma { kind, time_constant, run: Run::default(), last: None };
        Ok((kind, Box::new(metric)))
    },
};

/// What a sample weighs that comes `dt` seconds after the one before: `1 - exp(-dt / tau)`.
///
/// That is exact for an input that has held the sample's value for `dt` before a low-pass filter of the
/// first order. 0 for `dt` of 0 and below; `tau` in seconds, above 0.
pub fn weight(dt: f64, tau: f64) -> f64 {
    -(-dt.max(0.0) / tau).exp_m1()
}

struct Ewma {
    kind: QuantityKind,
    time_constant: Duration,
    run: Run,
    /// The last sample's moment, and the mean then.
    last: Option<Held>,
}

impl Metric for Ewma {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        out.push(match self.run.meets(at, input) {
            Ok(number) => {
                let mean = self.last.map_or(number, |last| {
                    let dt = at.seconds_since(last.at);
                    last.number
                        + weight(dt, self.time_constant.as_secs_f64()) * (number - last.number)
                });
                self.last = Some(Held { at, number: mean });
                let quality = self.run.covers_from(at.before(self.time_constant));
                Output::number(at, self.kind, mean, quality)
            }
            Err(reason) => Output::gap(at, reason),
        });
    }

    fn touch(&self) {
        black_box(self.last);
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
