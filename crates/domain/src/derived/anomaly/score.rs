//! How unusual a number is among those before it.

use super::{OF, dimensionless, moments::Sliding, only, size};
use crate::{
    NoData, Quality, QuantityKind,
    derived::{Entry, Group, Input, Metric, Moment, Output, Words, order::Order},
    parameter::{Arguments, Parameter, Preset, Undeclared, Value},
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
    source: "(x - mean) / s of the `samples` numbers before x, s by n - 1: Welford 1962 and Chan, \
             Golub and LeVeque 1979",
    edges: "Not ready before there are two; uncertain before there are `samples`. With no spread \
            it is 0 at the mean and undefined elsewhere. A gap in is the same gap out, and is not \
            counted. Every number joins the window after it is scored.",
    roles: &[OF],
    parameters: PARAMETERS,
    example: "function = \"z_score\"\nof = \"pump.current\"\nsamples = 120\n",
    make: |_, arguments| {
        let window = Sliding::new(arguments.integer("samples")?);
        Ok((QuantityKind::Dimensionless, score(window, arguments)?))
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
    make: |_, arguments| {
        let window = Order::new(arguments.integer("samples")?);
        Ok((QuantityKind::Dimensionless, score(window, arguments)?))
    },
};

/// The newest numbers, and what is usual among them.
trait Window: Send {
    fn push(&mut self, number: f64);
    fn is_full(&self) -> bool;
    /// Nothing if there are fewer than two numbers.
    fn centre_and_spread(&self) -> Option<(f64, f64)>;
    fn save(&self, words: &mut Vec<u64>);
    fn restore(&mut self, words: &mut Words<'_>) -> Option<()>;
}

impl Window for Sliding {
    fn push(&mut self, number: f64) {
        self.push(number);
    }

    fn is_full(&self) -> bool {
        self.is_full()
    }

    fn centre_and_spread(&self) -> Option<(f64, f64)> {
        let moments = self.moments();
        Some((moments.mean, moments.deviation()?))
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.save(words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.restore(words)
    }
}

impl Window for Order {
    fn push(&mut self, number: f64) {
        self.push(number);
    }

    fn is_full(&self) -> bool {
        self.is_full()
    }

    fn centre_and_spread(&self) -> Option<(f64, f64)> {
        let median = self.median().filter(|_| self.len() > 1)?;
        Some((median, NORMAL * self.median_deviation(median)?))
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.save(words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.restore(words)
    }
}

struct Score<W> {
    window: W,
    spread_min: f64,
}

fn score(
    window: impl Window + 'static,
    arguments: &Arguments,
) -> Result<Box<dyn Metric>, Undeclared> {
    Ok(Box::new(Score { window, spread_min: arguments.number("spread_min")? }))
}

impl<W: Window> Score<W> {
    fn of(&self, number: f64) -> Result<f64, NoData> {
        let (centre, spread) = self.window.centre_and_spread().ok_or(NoData::NotReady)?;
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

impl<W: Window> Metric for Score<W> {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let found = only(inputs).and_then(|(number, quality)| {
            let (score, is_full) = (self.of(number), self.window.is_full());
            self.window.push(number);
            Ok((score?, quality.and(Quality::good_if(is_full))))
        });
        out.push(dimensionless(at, found));
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.window.save(words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.window.restore(words)
    }
}
