//! Report by exception.

use core::{hint::black_box, time::Duration};

use super::OF;
use crate::{
    NoData, Quality, QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Words,
        run::{only, restore_quality, restore_reason, save_quality, save_reason},
    },
    parameter::{Parameter, Preset, Value},
};

pub(super) const DEADBAND: Entry = Entry {
    function: "deadband",
    group: Group::Signal,
    summary: "The input, but only when it has changed by more than a band, or has been silent for too long.",
    source: "|x - x'| > max(absolute, |x'| percent / 100), where x' is what was told last: the absolute band is the deadband of OPC UA part 4 (DataChangeFilter); its percent are of a range, these of x'",
    edges: "A change of exactly the band is not told. A gap is told when it begins or changes its reason, and then as `silence_max` says; the first sample after it is told. A change of quality is told.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "absolute",
            summary: "the band, in the unit of the input",
            value: Value::Number {
                unit: "",
                low: 0.0,
                high: f64::MAX,
                preset: Preset::Default(0.0),
            },
        },
        Parameter {
            name: "percent",
            summary: "the band, in percent of what was told last; of both bands the wider one counts",
            value: Value::Number { unit: "%", low: 0.0, high: 1e6, preset: Preset::Default(0.0) },
        },
        Parameter {
            name: "silence_max",
            summary: "after so long the next reading is told in any case",
            value: Value::Duration {
                low: Duration::from_millis(1),
                high: Duration::from_secs(366 * 86_400),
                preset: Preset::Default(Duration::from_secs(3_600)),
            },
        },
    ],
    example: "function = \"deadband\"\nof = \"air.temperature\"\nabsolute = 0.2\nsilence_max = \"10min\"\n",
    make: |kinds, arguments| {
        let kind = only(kinds)?;
        let (absolute, percent) = (arguments.number("absolute")?, arguments.number("percent")?);
        let silence_max = arguments.duration("silence_max")?;
        Ok((kind, Box::new(Deadband { kind, absolute, percent, silence_max, told: None })))
    },
};

struct Deadband {
    kind: QuantityKind,
    absolute: f64,
    percent: f64,
    silence_max: Duration,
    told: Option<Told>,
}

#[derive(Clone, Copy)]
struct Told {
    at: Moment,
    outcome: Result<f64, NoData>,
    quality: Quality,
}

impl Deadband {
    fn is_news(&self, new: Told) -> bool {
        let Some(told) = self.told else { return true };
        let has_moved = match (told.outcome, new.outcome) {
            (Ok(old), Ok(new)) => {
                (new - old).abs() > self.absolute.max(old.abs() * (self.percent / 100.0))
            }
            (old, new) => old != new,
        };
        let is_due = new.at >= told.at.after(self.silence_max);
        has_moved || is_due || new.quality != told.quality
    }
}

impl Metric for Deadband {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        let new = Told { at, outcome: input.number(), quality: input.quality };
        if self.is_news(new) {
            self.told = Some(new);
            out.push(match new.outcome {
                Ok(number) => Output::number(at, self.kind, number, new.quality),
                Err(reason) => Output::gap(at, reason),
            });
        }
    }

    fn touch(&self) {
        black_box(self.told);
    }

    fn save(&self, words: &mut Vec<u64>) {
        let Some(Told { at, outcome, quality }) = self.told else { return words.push(0) };
        words.extend([1, at.word()]);
        save_quality(quality, words);
        save_reason(outcome.err(), words);
        words.push(outcome.unwrap_or_default().to_bits());
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.told = None;
        if words.word()? == 0 {
            return Some(());
        }
        let (at, quality) = (words.moment()?, restore_quality(words)?);
        let mut reason = None;
        restore_reason(words, &mut reason)?;
        let number = words.number()?;
        self.told = Some(Told { at, outcome: reason.map_or(Ok(number), Err), quality });
        Some(())
    }
}
