//! How much of what should have come has not.

use core::time::Duration;
use std::collections::VecDeque;

use super::{OF, only};
use crate::{
    Quality, QuantityKind,
    derived::{
        BadMetric, Entry, Group, Input, Metric, Moment, Output, Words,
        run::{restore_moment, save_moment},
    },
    parameter::{Parameter, Preset, Value},
};

/// How many readings a window may expect.
const MOST: u128 = 4_096;

pub(super) const MISSING: Entry = Entry {
    function: "missing",
    group: Group::Anomaly,
    summary: "Which part of the readings expected in the last window has not come, or came as a \
              gap.",
    source: "100 % (1 - n / (window / interval)), n the numbers with different times in the last \
             window",
    edges: "0 % if more come than are expected. Gaps count as missing; so does what never came, \
            when the next input, number or gap, tells of it. Before a whole window has passed it \
            is of what there was, uncertain. With an interval of exactly that of the sensor, \
            jitter may show as one missing.",
    roles: &[OF],
    parameters: &[
        duration("interval", "how often a reading is expected", 1),
        duration("window", "over which time; up to 4,096 intervals", 600),
    ],
    example: "function = \"missing\"\nof = \"tank.level\"\ninterval = \"10s\"\n\
              window = \"10min\"\n",
    make: |_, arguments| {
        let (interval, window) = (arguments.duration("interval")?, arguments.duration("window")?);
        let expected = window.as_nanos() / interval.as_nanos().max(1);
        if !(1..=MOST).contains(&expected) {
            return Err(BadMetric::Unfit {
                parameter: "window",
                message: format!("this is {expected} intervals of {interval:?}"),
                mend: format!("make it 1 to {MOST} intervals"),
            });
        }
        let missing = Missing { interval, window, expected, since: None, come: VecDeque::new() };
        Ok((QuantityKind::Fraction, Box::new(missing)))
    },
};

const fn duration(name: &'static str, summary: &'static str, example_s: u64) -> Parameter {
    let (low, high) = (Duration::from_millis(1), Duration::from_secs(30 * 86_400));
    let preset = Preset::Required(Duration::from_secs(example_s));
    Parameter { name, summary, value: Value::Duration { low, high, preset } }
}

struct Missing {
    interval: Duration,
    window: Duration,
    /// How many readings a whole window has.
    expected: u128,
    /// The first input.
    since: Option<Moment>,
    /// When the newest came, `expected` at the most.
    come: VecDeque<Moment>,
}

impl Missing {
    /// Of how many intervals the first input tells by now, `expected` at the most.
    fn expected_by(&self, at: Moment) -> u128 {
        let since = self.since.unwrap_or(at);
        let nanos = at.as_nanos().saturating_sub(since.as_nanos()).unsigned_abs();
        (u128::from(nanos) / self.interval.as_nanos().max(1) + 1).min(self.expected)
    }

    fn take(&mut self, at: Moment) {
        if self.come.back().is_some_and(|&last| last >= at) {
            return;
        }
        if self.come.len() as u128 == self.expected {
            self.come.pop_front();
        }
        self.come.push_back(at);
    }
}

impl Metric for Missing {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let since = *self.since.get_or_insert(at);
        if only(inputs).is_ok() {
            self.take(at);
        }
        let begin = at.before(self.window);
        while self.come.front().is_some_and(|&come| come <= begin) {
            self.come.pop_front();
        }
        #[expect(clippy::cast_precision_loss, reason = "4,096 at the most")]
        let part = self.come.len() as f64 / self.expected_by(at) as f64;
        let quality = Quality::good_if(since <= begin);
        let percent = 100.0 * (1.0 - part).max(0.0);
        out.push(Output::number(at, QuantityKind::Fraction, percent, quality));
    }

    fn save(&self, words: &mut Vec<u64>) {
        save_moment(self.since, words);
        words.push(self.come.len() as u64);
        words.extend(self.come.iter().map(|come| come.word()));
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.come.clear();
        restore_moment(words, &mut self.since)?;
        for _ in 0..words.count(usize::try_from(self.expected).ok()?)? {
            self.come.push_back(words.moment()?);
        }
        Some(())
    }
}
