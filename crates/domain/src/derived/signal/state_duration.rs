//! For how long something has been so.

use core::time::Duration;

use super::{
    OF,
    threshold::{GAP_MAX, THRESHOLD},
};
use crate::{
    Quality, QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Words,
        run::{Run, only, restore_moment, restore_quality, save_moment, save_quality},
    },
    parameter::{Parameter, Preset, Value},
};

pub(super) const STATE_DURATION: Entry = Entry {
    function: "state_duration",
    group: Group::Signal,
    summary: "For how many seconds the input has been over, or not over, a threshold without a break.",
    source: "t - t', where t' is the first sample since which all have been so; 0 if this one is not",
    edges: "At the threshold is not over. Gaps are bridged up to `gap_max` from sample to sample, and make it uncertain; after more it begins again. Uncertain too if the state was there with the first sample, so that it may have been for longer. A gap gives the same gap.",
    roles: &[OF],
    parameters: &[
        THRESHOLD,
        Parameter {
            name: "state",
            summary: "over the threshold, or not over it",
            value: Value::Choice { choices: &["over", "under"], preset: Preset::Default("over") },
        },
        GAP_MAX,
    ],
    example: "function = \"state_duration\"\nof = \"door.voltage\"\nthreshold = 2.5\ngap_max = \"30s\"\n",
    make: |kinds, arguments| {
        only(kinds)?;
        let metric = StateDuration {
            threshold: arguments.number("threshold")?,
            is_of_over: arguments.choice("state")? == "over",
            gap_max: arguments.duration("gap_max")?,
            run: Run::default(),
            seen: None,
            since: None,
            quality: Quality::Good,
        };
        Ok((QuantityKind::Duration, Box::new(metric)))
    },
};

struct StateDuration {
    threshold: f64,
    is_of_over: bool,
    gap_max: Duration,
    run: Run,
    /// The last sample.
    seen: Option<Moment>,
    /// The first sample in the state that the last one is in too.
    since: Option<Moment>,
    /// Of the time in that state.
    quality: Quality,
}

impl StateDuration {
    fn sample(&mut self, at: Moment, is_in: bool, quality: Quality) -> (f64, Quality) {
        if self.seen.is_some_and(|seen| at > seen.after(self.gap_max)) {
            self.run.breaks();
            self.since = None;
        }
        self.seen = Some(at);
        self.run.takes(at, quality);
        if is_in {
            return (self.stay(at), self.quality);
        }
        self.since = None;
        (0.0, quality)
    }

    /// The seconds in the state after a sample that is in it.
    fn stay(&mut self, at: Moment) -> f64 {
        let entry = self.run.covers(2);
        if let Some(since) = self.since {
            self.quality = self.quality.and(entry);
            return at.seconds_since(since);
        }
        (self.since, self.quality) = (Some(at), entry);
        0.0
    }
}

impl Metric for StateDuration {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        match input.number() {
            Ok(number) => {
                let is_in = (number > self.threshold) == self.is_of_over;
                let (seconds, quality) = self.sample(at, is_in, input.quality);
                out.push(Output::number(at, QuantityKind::Duration, seconds, quality));
            }
            Err(reason) => {
                self.run.breaks();
                out.push(Output::gap(at, reason));
            }
        }
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        save_moment(self.seen, words);
        save_moment(self.since, words);
        save_quality(self.quality, words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.run = Run::restore(words)?;
        restore_moment(words, &mut self.seen)?;
        restore_moment(words, &mut self.since)?;
        self.quality = restore_quality(words)?;
        Some(())
    }
}
