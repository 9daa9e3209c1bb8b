//! Windows one after the other.

use core::time::Duration;

use super::{Gather, shape::Reach};
use crate::{
    NoData, QuantityKind,
    derived::{
        Input, Metric, Moment, Output, Words,
        run::{Held, Run, output, restore_reason, save_reason},
    },
};

/// The statistic of each window, at its end.
///
/// By samples a window is over with the last of so many readings, gaps among them. By time it is
/// `[end - span, end)`, where `end` is a multiple of the span on the axis of moments, and it is told
/// with the first reading of `end` or later. Of a window with gaps only the last one's reason is told;
/// a window into which nothing came at all is not told.
#[derive(Debug)]
pub(super) struct Tumbling<S> {
    kind: QuantityKind,
    reach: Reach,
    run: Run,
    samples: S,
    /// How many readings, gaps among them, are in the window.
    taken: u64,
    /// The end of the window by time, or of the one before if nothing is in it.
    end: Moment,
    /// Of the last gap in the window.
    reason: Option<NoData>,
}

impl<S: Gather> Tumbling<S> {
    /// An empty window.
    pub(super) fn new(kind: QuantityKind, reach: Reach, samples: S) -> Self {
        let (run, end) = (Run::default(), Moment::default());
        Self { kind, reach, run, samples, taken: 0, end, reason: None }
    }

    /// Begins the window that `at` is in; what came before a window without any reading is not of the run.
    fn open(&mut self, at: Moment) {
        if let Reach::Span(span) = self.reach {
            if at >= self.end.after(span) {
                self.run.breaks();
            }
            self.end = end_of(at, span);
        }
    }

    fn take(&mut self, at: Moment, input: &Input) {
        self.taken = self.taken.saturating_add(1);
        match self.run.meets(at, input) {
            Ok(number) => {
                if let Some(lost) = self.samples.push(Held { at, number }) {
                    self.run.loses(lost);
                }
            }
            Err(reason) => self.reason = Some(reason),
        }
    }

    fn close(&mut self, end: Moment, out: &mut Vec<Output>) {
        let quality = self.reach.quality(self.run, end);
        out.push(match (self.samples.number(), self.reason) {
            (None, Some(reason)) => Output::gap(end, reason),
            (number, _) => output(end, self.kind, number, quality),
        });
        self.samples.clear();
        (self.taken, self.reason) = (0, None);
    }
}

impl<S: Gather> Metric for Tumbling<S> {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        if matches!(self.reach, Reach::Span(_)) && self.taken > 0 && at >= self.end {
            self.close(self.end, out);
        }
        if self.taken == 0 {
            self.open(at);
        }
        self.take(at, input);
        if matches!(self.reach, Reach::Samples(samples) if self.taken >= samples as u64) {
            self.close(at, out);
        }
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        words.extend([self.taken, self.end.word()]);
        save_reason(self.reason, words);
        self.samples.save(words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.samples.clear();
        self.run = Run::restore(words)?;
        (self.taken, self.end) = (words.word()?, words.moment()?);
        restore_reason(words, &mut self.reason)?;
        self.samples.restore(words)
    }
}

/// The multiple of `span` that is next after `at`; the end of the axis if there is none.
fn end_of(at: Moment, span: Duration) -> Moment {
    let span = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX).max(1);
    Moment::from_nanos(at.as_nanos().div_euclid(span).saturating_add(1).saturating_mul(span))
}
