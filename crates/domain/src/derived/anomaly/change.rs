//! Whether the level of a stream has changed: cumulative sums, two-sided.

use super::{OF, dimensionless, moments::Moments, only, size};
use crate::{
    NoData, QuantityKind,
    derived::{Entry, Group, Input, Metric, Moment, Output, Words},
    parameter::{Parameter, Preset, Value},
};

const SOURCE: &str = "S+ = max(0, S+ + x - target - slack), S- = max(0, S- + target - slack - x), \
                      a change where one is above the threshold: Page 1954, Montgomery, \
                      Statistical Quality Control, chapter 9";

pub(super) const CUSUM: Entry = Entry {
    function: "cusum",
    group: Group::Anomaly,
    summary: "Whether a number that should stay at a target has moved away: 1 up, -1 down, 0 not.",
    source: SOURCE,
    edges: "Both sums start again from 0 after a detection, so that one that lasts is detected \
            again and again. A gap in is the same gap out and leaves the sums.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "target",
            summary: "where the number should be, in the unit of the stream",
            value: Value::Number {
                unit: "",
                low: -1e300,
                high: 1e300,
                preset: Preset::Required(21.0),
            },
        },
        size(
            "slack",
            "half of the shift that matters, in the unit of the stream",
            Preset::Required(0.5),
        ),
        size(
            "threshold",
            "the sum that is a change, in the unit of the stream",
            Preset::Required(4.0),
        ),
    ],
    example: "function = \"cusum\"\nof = \"room.temperature\"\ntarget = 21.0\nslack = 0.5\n\
              threshold = 4.0\n",
    make: |_, arguments| {
        let level = Level {
            target: arguments.number("target")?,
            slack: arguments.number("slack")?,
            threshold: arguments.number("threshold")?,
        };
        let change = Change { level: Some(level), ..Change::default() };
        Ok((QuantityKind::Dimensionless, Box::new(change)))
    },
};

pub(super) const CUSUM_LEARNED: Entry = Entry {
    function: "cusum_learned",
    group: Group::Anomaly,
    summary: "As cusum, but what is usual is learned from the first samples, and anew after each \
              change.",
    source: SOURCE,
    edges: "Not ready while it learns: `samples` numbers, and until two differ; a number whose \
            square is none begins it anew. Slack and threshold are in standard deviations of these \
            (by n - 1). A gap in is the same gap out and is not counted.",
    roles: &[OF],
    parameters: &[
        Parameter {
            name: "samples",
            summary: "how many numbers it learns from",
            value: Value::Integer {
                unit: "",
                low: 2,
                high: 1_000_000,
                preset: Preset::Required(100),
            },
        },
        size(
            "slack_sigmas",
            "half of the shift that matters, in standard deviations",
            Preset::Default(0.5),
        ),
        size(
            "threshold_sigmas",
            "the sum that is a change, in standard deviations",
            Preset::Default(5.0),
        ),
    ],
    example: "function = \"cusum_learned\"\nof = \"pump.current\"\nsamples = 300\n",
    make: |_, arguments| {
        let learn = Learn {
            samples: f64::from(arguments.integer::<u32>("samples")?),
            slack_sigmas: arguments.number("slack_sigmas")?,
            threshold_sigmas: arguments.number("threshold_sigmas")?,
        };
        let change = Change { learn: Some(learn), ..Change::default() };
        Ok((QuantityKind::Dimensionless, Box::new(change)))
    },
};

/// What is usual.
#[derive(Clone, Copy)]
struct Level {
    target: f64,
    slack: f64,
    threshold: f64,
}

/// How it is learned.
struct Learn {
    samples: f64,
    slack_sigmas: f64,
    threshold_sigmas: f64,
}

#[derive(Default)]
struct Change {
    learn: Option<Learn>,
    /// Nothing while it learns.
    level: Option<Level>,
    learned: Moments,
    up: f64,
    down: f64,
}

impl Learn {
    /// What is usual, once enough is known.
    fn level(&self, learned: Moments) -> Option<Level> {
        let sigma = learned.deviation().filter(|&sigma| sigma > 0.0 && sigma.is_finite())?;
        (learned.count >= self.samples).then_some(Level {
            target: learned.mean,
            slack: self.slack_sigmas * sigma,
            threshold: self.threshold_sigmas * sigma,
        })
    }
}

impl Change {
    fn take(&mut self, number: f64) -> Result<f64, NoData> {
        if let Some(level) = self.level {
            return Ok(self.detect(level, number));
        }
        self.learned = self.learned.and(Moments::of(number));
        if !self.learned.squares.is_finite() {
            self.learned = Moments::default();
        }
        self.level = self.learn.as_ref().and_then(|learn| learn.level(self.learned));
        Err(NoData::NotReady)
    }

    fn detect(&mut self, level: Level, number: f64) -> f64 {
        let away = number - level.target;
        self.up = (self.up + away - level.slack).max(0.0);
        self.down = (self.down - away - level.slack).max(0.0);
        let (is_up, is_down) = (self.up > level.threshold, self.down > level.threshold);
        if !is_up && !is_down {
            return 0.0;
        }
        (self.up, self.down) = (0.0, 0.0);
        if self.learn.is_some() {
            (self.level, self.learned) = (None, Moments::default());
        }
        if is_up { 1.0 } else { -1.0 }
    }
}

impl Metric for Change {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let found = only(inputs).and_then(|(number, quality)| Ok((self.take(number)?, quality)));
        out.push(dimensionless(at, found));
    }

    fn save(&self, words: &mut Vec<u64>) {
        let Moments { count, mean, squares } = self.learned;
        words.push(u64::from(self.level.is_some()));
        words.extend([count, mean, squares, self.up, self.down].map(f64::to_bits));
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        let has_level = words.word()? != 0;
        let mut number = || words.number();
        let learned = Moments { count: number()?, mean: number()?, squares: number()? };
        let (up, down) = (number()?, number()?);
        if let Some(learn) = &self.learn {
            self.level = if has_level { Some(learn.level(learned)?) } else { None };
        }
        (self.learned, self.up, self.down) = (learned, up.max(0.0), down.max(0.0));
        Some(())
    }
}
