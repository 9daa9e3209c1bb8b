//! How unusual a number is among those before it.

use super::{OF, dimensionless, size};
use crate::{
    NoData, QuantityKind,
    derived::{
        Entry, Group, Input, Made, Metric, Moment, Output, Words,
        run::{Held, Run, level},
        window::{Finish, Folded, Gather, Ordered, Spread},
    },
    parameter::{Arguments, Parameter, Preset, Value},
};

/// 1 / Φ⁻¹(3/4): what makes the median deviation of normal numbers their standard deviation.
const NORMAL: f64 = 1.482_602_218_505_602;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "samples",
        summary: "how many numbers before it a number is compared with",
        value: Value::Integer { unit: "", low: 2, high: 4_096, preset: Preset::Required(60) },
    },
    size(
        "spread_min",
        "the least spread to reckon with, in the unit of the stream: the resolution of the sensor",
        Preset::Default(0.0),
    ),
];

pub(super) const Z_SCORE: Entry = Entry {
    function: "z_score",
    group: Group::Anomaly,
    summary: "How many standard deviations a number is away from the mean of those before it.",
    source: "(x - mean) / s of the `samples` numbers before x, s by n - 1, updated by Chan, Golub \
             and LeVeque 1979",
    edges: "Not ready before there are two. Uncertain before there are `samples`, and with gaps or \
            uncertain numbers among them. With no spread it is 0 at the mean and undefined \
            elsewhere. A gap in is the same gap out. Every number joins the window after it is \
            scored.",
    roles: &[OF],
    parameters: PARAMETERS,
    example: "function = \"z_score\"\nof = \"pump.current\"\nsamples = 120\n",
    make: |kinds, arguments| {
        level(kinds)?;
        let samples = arguments.integer("samples")?;
        let finish = Finish { of: |spread: Spread, _| spread.mean(), parameter: 0.0 };
        score(Folded::new(finish, samples, samples), arguments)
    },
};

pub(super) const MAD_SCORE: Entry = Entry {
    function: "mad_score",
    group: Group::Anomaly,
    summary: "As z_score, but robust: from the median, in median deviations.",
    source: "(x - median) / (1.4826 MAD) of the `samples` numbers before x: Hampel 1974",
    edges: "As z_score, and not ready as long. Up to half of the window may be outliers. Where more than half of the \
            numbers are alike the median deviation is 0: give `spread_min`.",
    roles: &[OF],
    parameters: PARAMETERS,
    example: "function = \"mad_score\"\nof = \"pump.current\"\nsamples = 120\nspread_min = 0.01\n",
    make: |kinds, arguments| {
        level(kinds)?;
        let samples = arguments.integer("samples")?;
        score(Ordered::new(0.5, samples, samples), arguments)
    },
};

/// A window that tells what is usual in it.
trait Usual: Gather {
    /// Centre and spread; nothing if there are fewer than two samples.
    fn usual(&self) -> Option<(f64, f64)>;
}

impl Usual for Folded<Spread> {
    fn usual(&self) -> Option<(f64, f64)> {
        Some((self.number()?, self.whole().variance(1.0)?.sqrt()))
    }
}

impl Usual for Ordered {
    fn usual(&self) -> Option<(f64, f64)> {
        let deviation = self.median_deviation().filter(|_| self.len() > 1)?;
        Some((self.number()?, NORMAL * deviation))
    }
}

struct Score<W> {
    window: W,
    /// How many make the window.
    samples: u64,
    run: Run,
    spread_min: f64,
}

fn score(window: impl Usual + 'static, arguments: &Arguments) -> Made {
    let (samples, run) = (arguments.integer("samples")?, Run::default());
    let spread_min = arguments.number("spread_min")?;
    let score = Score { window, samples, run, spread_min };
    Ok((QuantityKind::Dimensionless, Box::new(score)))
}

impl<W: Usual> Score<W> {
    fn of(&self, number: f64) -> Result<f64, NoData> {
        let (centre, spread) = self.window.usual().ok_or(NoData::NotReady)?;
        let (away, spread) = (number - centre, spread.max(self.spread_min));
        if away == 0.0 {
            Ok(0.0)
        } else if spread > 0.0 && spread.is_finite() {
            Ok(away / spread)
        } else {
            Err(NoData::Undefined)
        }
    }
}

impl<W: Usual> Metric for Score<W> {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        let found = self.run.meets(at, input).and_then(|number| {
            let score = self.of(number);
            self.window.push(Held { at, number });
            // The number and all of the window before it.
            Ok((score?, self.run.covers(self.samples + 1)))
        });
        out.push(dimensionless(at, found));
    }

    fn touch(&self) {
        self.window.touch();
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        self.window.save(words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.window.clear();
        self.run = Run::restore(words)?;
        self.window.restore(words)
    }
}
