//! How fast something changes.

use core::time::Duration;
use std::collections::VecDeque;

use super::rules::{RATED, rate};
use crate::{
    NoData, QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Role, Words,
        run::{Held, Run, only},
        window::MOST_BY_SPAN,
    },
    parameter::{Parameter, Preset, Value},
};

pub(super) const RATE_OF_CHANGE: Entry = Entry {
    function: "rate_of_change",
    group: Group::Signal,
    summary: "How fast the input changes: the difference to an earlier sample over the time between.",
    source: "(x - x') / (t - t'), where t' is the oldest sample within `span`, or the one before if there is none",
    edges: "The first sample gives a gap, `undefined`; a second one of the same moment nothing. Across a gap, or with less than a span of samples, it is uncertain; a gap gives the same gap. No frequency is negative: a count that falls is `implausible`.",
    roles: &[Role {
        name: "of",
        summary: "a stream of what changes at a known unit",
        kinds: RATED,
    }],
    parameters: &[Parameter {
        name: "span",
        summary: "over how long; 0: from each sample to the next",
        value: Value::Duration {
            low: Duration::ZERO,
            high: Duration::from_secs(366 * 86_400),
            preset: Preset::Default(Duration::ZERO),
        },
    }],
    example: "function = \"rate_of_change\"\nof = \"air.pressure\"\nspan = \"3h\"\n",
    make: |kinds, arguments| {
        let (kind, factor) = rate(only(kinds)?)?;
        let (span, held) = (arguments.duration("span")?, VecDeque::new());
        Ok((kind, Box::new(RateOfChange { kind, factor, span, run: Run::default(), held })))
    },
};

/// At most [`MOST_BY_SPAN`] samples of 16 bytes; saved in two words each.
struct RateOfChange {
    kind: QuantityKind,
    factor: f64,
    span: Duration,
    run: Run,
    held: VecDeque<Held>,
}

impl RateOfChange {
    /// Takes a sample and gives the one to compare it with; itself if it is the first.
    fn push(&mut self, sample: Held) -> Held {
        self.held.push_back(sample);
        let start = sample.at.before(self.span);
        while self.held.len() > 2 && self.held.front().is_some_and(|first| first.at < start) {
            self.held.pop_front();
        }
        if self.held.len() > MOST_BY_SPAN
            && let Some(lost) = self.held.pop_front()
        {
            self.run.loses(lost.at);
        }
        self.held.front().copied().unwrap_or(sample)
    }

    fn sample(&mut self, sample: Held) -> Option<Output> {
        let is_first = self.held.is_empty();
        let before = self.push(sample);
        let dt = sample.at.seconds_since(before.at);
        if is_first {
            return Some(Output::gap(sample.at, NoData::Undefined));
        }
        let start = sample.at.before(self.span);
        let quality = self.run.covers(2).and(self.run.covers_from(start));
        let rate = (sample.number - before.number) / dt * self.factor;
        (dt > 0.0).then(|| Output::number(sample.at, self.kind, rate, quality))
    }
}

impl Metric for RateOfChange {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        match self.run.meets(at, input) {
            Ok(number) => out.extend(self.sample(Held { at, number })),
            Err(reason) => out.push(Output::gap(at, reason)),
        }
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        words.push(self.held.len() as u64);
        self.held.iter().for_each(|sample| sample.save(words));
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.held.clear();
        self.run = Run::restore(words)?;
        for _ in 0..words.count(MOST_BY_SPAN)? {
            self.held.push_back(Held::restore(words)?);
        }
        Some(())
    }
}
