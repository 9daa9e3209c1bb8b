//! Whether the level of a stream has changed: cumulative sums, two-sided.

use super::{OF, dimensionless, size};
use crate::{
    NoData, Quality, QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Words,
        run::{Held, Run, level, restore_moment, restore_quality, save_moment, save_quality},
        window::{Aggregate, Spread},
    },
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
            again and again. A gap in is the same gap out and leaves the sums; with gaps or \
            uncertain numbers since they left 0 it is uncertain.",
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
    make: |kinds, arguments| {
        level(kinds)?;
        let level = Level {
            target: arguments.number("target")?,
            slack: arguments.number("slack")?,
            threshold: arguments.number("threshold")?,
        };
        Ok((QuantityKind::Dimensionless, Box::new(Change::new(None, Some(level)))))
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
            (by n - 1). A gap in is the same gap out and is not counted; uncertain as cusum, and \
            with gaps or uncertain numbers among those that it learned from.",
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
    make: |kinds, arguments| {
        level(kinds)?;
        let learn = Learn {
            samples: f64::from(arguments.integer::<u32>("samples")?),
            slack_sigmas: arguments.number("slack_sigmas")?,
            threshold_sigmas: arguments.number("threshold_sigmas")?,
        };
        Ok((QuantityKind::Dimensionless, Box::new(Change::new(Some(learn), None))))
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

struct Change {
    learn: Option<Learn>,
    /// Nothing while it learns.
    level: Option<Level>,
    learned: Spread,
    up: f64,
    down: f64,
    run: Run,
    /// The first number of those that the sums are of; nothing while both are 0.
    since: Option<Moment>,
    /// Of what the level was learned from.
    quality: Quality,
}

impl Learn {
    /// What is usual, once enough is known.
    fn level(&self, learned: Spread) -> Option<Level> {
        let sigma = learned.variance(1.0)?.sqrt();
        let is_known = learned.count() >= self.samples && sigma > 0.0 && sigma.is_finite();
        is_known.then_some(Level {
            target: learned.mean()?,
            slack: self.slack_sigmas * sigma,
            threshold: self.threshold_sigmas * sigma,
        })
    }
}

impl Change {
    fn new(learn: Option<Learn>, level: Option<Level>) -> Self {
        let (run, since, quality) = (Run::default(), None, Quality::Good);
        Self { learn, level, learned: Spread::EMPTY, up: 0.0, down: 0.0, run, since, quality }
    }

    fn take(&mut self, sample: Held) -> Result<(f64, Quality), NoData> {
        if let Some(level) = self.level {
            return Ok(self.detect(level, sample));
        }
        self.learned = self.learned.and(Spread::of(sample));
        if self.learned.variance(0.0).is_none_or(|variance| !variance.is_finite()) {
            self.learned = Spread::EMPTY;
        }
        self.level = self.learn.as_ref().and_then(|learn| learn.level(self.learned));
        self.quality = self.run.covers_count(self.learned.count());
        Err(NoData::NotReady)
    }

    /// The detection, as good as everything that the sums and the level are of.
    fn detect(&mut self, level: Level, sample: Held) -> (f64, Quality) {
        let away = sample.number - level.target;
        self.up = (self.up + away - level.slack).max(0.0);
        self.down = (self.down - away - level.slack).max(0.0);
        let quality = self.quality.and(self.run.covers_from(self.since.unwrap_or(sample.at)));
        let (is_up, is_down) = (self.up > level.threshold, self.down > level.threshold);
        if is_up || is_down {
            self.start_again();
        }
        let is_at_zero = self.up == 0.0 && self.down == 0.0;
        self.since = if is_at_zero { None } else { self.since.or(Some(sample.at)) };
        (f64::from(is_up) - f64::from(!is_up && is_down), quality)
    }

    fn start_again(&mut self) {
        (self.up, self.down) = (0.0, 0.0);
        if self.learn.is_some() {
            (self.level, self.learned) = (None, Spread::EMPTY);
        }
    }
}

impl Metric for Change {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        let number = self.run.meets(at, input);
        let found = number.and_then(|number| self.take(Held { at, number }));
        out.push(dimensionless(at, found));
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        self.learned.save(words);
        words.extend([self.up.to_bits(), self.down.to_bits(), u64::from(self.level.is_some())]);
        save_moment(self.since, words);
        save_quality(self.quality, words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        let (run, learned) = (Run::restore(words)?, Spread::restore(words)?);
        let (up, down, has_level) = (words.number()?, words.number()?, words.word()? != 0);
        let mut since = None;
        restore_moment(words, &mut since)?;
        let quality = restore_quality(words)?;
        if let Some(learn) = &self.learn {
            self.level = if has_level { Some(learn.level(learned)?) } else { None };
        }
        (self.run, self.learned, self.since, self.quality) = (run, learned, since, quality);
        (self.up, self.down) = (up.max(0.0), down.max(0.0));
        Some(())
    }
}
