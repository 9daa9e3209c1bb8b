//! Whether a number stands out from its neighbours, before and after it.

use std::collections::VecDeque;

use super::{OF, dimensionless, only, size};
use crate::{
    NoData, Quality, QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Words,
        run::{Held, level, restore_quality, save_quality},
    },
    parameter::{Parameter, Preset, Value},
};

/// Neighbours on each side, at the most.
const MOST: usize = 8;

pub(super) const SPIKE: Entry = Entry {
    function: "spike",
    group: Group::Anomaly,
    summary: "1 if a number is further than a threshold from the median of its neighbourhood, else \
              0.",
    source: "|x - median of x, the `neighbours` numbers before it and as many after| > threshold: \
             the spike test of IOOS QARTOD, with the median of Hampel 1974",
    edges: "A step is no spike. The result for a number comes when its neighbours have come, with \
            the number's own time. A gap in is the same gap out: those that wait are judged before \
            it by the neighbours that they have, uncertain, and undefined without any; neighbours \
            do not reach across gaps.",
    roles: &[OF],
    parameters: &[
        size("threshold", "what is too far, in the unit of the stream", Preset::Required(5.0)),
        Parameter {
            name: "neighbours",
            summary: "how many on each side",
            value: Value::Integer { unit: "", low: 1, high: 8, preset: Preset::Default(2) },
        },
    ],
    example: "function = \"spike\"\nof = \"tank.level\"\nthreshold = 0.2\n",
    make: |kinds, arguments| {
        level(kinds)?;
        let reach = arguments.integer::<usize>("neighbours")?.clamp(1, MOST);
        let (threshold, near) =
            (arguments.number("threshold")?, VecDeque::with_capacity(2 * MOST + 1));
        let spike = Spike { threshold, reach, near, judged: 0 };
        Ok((QuantityKind::Dimensionless, Box::new(spike)))
    },
};

struct Spike {
    threshold: f64,
    /// Neighbours on each side.
    reach: usize,
    /// Those that are judged and neighbours of those that wait, and then those that wait.
    near: VecDeque<Known>,
    /// How many of them are judged: `reach` at the most, and as many wait.
    judged: usize,
}

#[derive(Clone, Copy)]
struct Known {
    at: Moment,
    number: f64,
    quality: Quality,
}

impl Spike {
    fn judge(&self, index: usize) -> Output {
        let one = self.near[index];
        let first = index.saturating_sub(self.reach);
        let last = (index + self.reach).min(self.near.len() - 1);
        let (mut numbers, mut count, mut quality) = ([0.0; 2 * MOST + 1], 0, Quality::Good);
        for known in self.near.range(first..=last) {
            numbers[count] = known.number;
            quality = quality.and(known.quality);
            count += 1;
        }
        if count == 1 {
            return Output::gap(one.at, NoData::Undefined);
        }
        let numbers = &mut numbers[..count];
        numbers.sort_unstable_by(f64::total_cmp);
        // Of an even number of them, which are at the edge of a gap, the nearer of the two in the middle.
        let median = one.number.clamp(numbers[(count - 1) / 2], numbers[count / 2]);
        let detection = f64::from((one.number - median).abs() > self.threshold);
        let quality = quality.and(Quality::good_if(count == 2 * self.reach + 1));
        dimensionless(one.at, Ok((detection, quality)))
    }

    fn take(&mut self, known: Known, out: &mut Vec<Output>) {
        self.near.push_back(known);
        if self.near.len() - self.judged <= self.reach {
            return;
        }
        out.push(self.judge(self.judged));
        if self.judged == self.reach {
            self.near.pop_front();
        } else {
            self.judged += 1;
        }
    }
}

impl Metric for Spike {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        match only(inputs) {
            Ok((number, quality)) => self.take(Known { at, number, quality }, out),
            Err(reason) => {
                out.extend((self.judged..self.near.len()).map(|index| self.judge(index)));
                self.near.clear();
                self.judged = 0;
                out.push(Output::gap(at, reason));
            }
        }
    }

    fn save(&self, words: &mut Vec<u64>) {
        words.extend([self.judged as u64, self.near.len() as u64]);
        for &Known { at, number, quality } in &self.near {
            Held { at, number }.save(words);
            save_quality(quality, words);
        }
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        let mut near = VecDeque::with_capacity(2 * MOST + 1);
        let judged = words.count(self.reach)?;
        let count = words.count(judged + self.reach).filter(|&count| judged <= count)?;
        for _ in 0..count {
            let (Held { at, number }, quality) = (Held::restore(words)?, restore_quality(words)?);
            near.push_back(Known { at, number, quality });
        }
        (self.near, self.judged) = (near, judged);
        Some(())
    }
}
