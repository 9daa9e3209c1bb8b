//! A window that moves on with every sample.

use core::hint::black_box;

use super::{Slide, shape::Reach};
use crate::{
    QuantityKind,
    derived::{
        Input, Metric, Moment, Output, Words,
        run::{Held, Run, output},
    },
};

/// The statistic of the newest samples, at each of them.
///
/// By samples these are the last so many; by time those of `(at - span, at]`, of which no more than
/// [`MOST_BY_SPAN`](super::MOST_BY_SPAN) are held.
#[derive(Debug)]
pub(super) struct Sliding<S> {
    kind: QuantityKind,
    reach: Reach,
    run: Run,
    samples: S,
}

impl<S: Slide> Sliding<S> {
    /// An empty window.
    pub(super) fn new(kind: QuantityKind, reach: Reach, samples: S) -> Self {
        Self { kind, reach, run: Run::default(), samples }
    }

    fn push(&mut self, sample: Held) {
        if let Reach::Span(span) = self.reach {
            let start = sample.at.before(span);
            while self.samples.oldest().is_some_and(|oldest| oldest <= start) {
                self.samples.evict();
            }
        }
        let lost = self.samples.push(sample);
        if let (Reach::Span(_), Some(lost)) = (self.reach, lost) {
            self.run.loses(lost);
        }
    }
}

impl<S: Slide> Metric for Sliding<S> {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        out.push(match self.run.meets(at, input) {
            Ok(number) => {
                self.push(Held { at, number });
                let quality = self.reach.quality(self.run, at);
                output(at, self.kind, self.samples.number(), quality)
            }
            Err(reason) => Output::gap(at, reason),
        });
    }

    fn touch(&self) {
        black_box(self.run);
        self.samples.touch();
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        self.samples.save(words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.run = Run::restore(words)?;
        self.samples.restore(words)
    }
}
