//! The metric that gathers a block and asks for its figure.

use super::rhythm::Rhythm;
use crate::{
    NoData, Quality, QuantityKind,
    derived::{Input, Metric, Moment, Output, Words},
};

/// The figure of a block at so many samples a second, if that is known, and whether the figure is to be trusted.
pub(super) type Figure =
    Box<dyn FnMut(&[f64], Option<f64>) -> Result<(f64, Quality), NoData> + Send>;

/// Gathers samples. One output per block, one gap per interruption.
pub(super) struct Blocks {
    kind: QuantityKind,
    figure: Figure,
    length: usize,
    /// How many samples the next block does not share with this one.
    hop: usize,
    nominal_s: Option<f64>,
    samples: Vec<f64>,
    /// Of the samples there are, and of those that the next block shares.
    rhythm: Option<Rhythm>,
    next_rhythm: Option<Rhythm>,
    /// A gap has been told, and no two samples have come in a row since.
    is_broken: bool,
}

impl Blocks {
    /// Blocks of `length`, each beginning `hop` samples after the one before: at least half of `length`.
    pub(super) fn new(
        kind: QuantityKind,
        (length, hop): (usize, usize),
        rate_hz: Option<f64>,
        figure: Figure,
    ) -> Self {
        Self {
            kind,
            figure,
            length,
            hop,
            nominal_s: rate_hz.map(f64::recip),
            samples: Vec::with_capacity(length),
            rhythm: None,
            next_rhythm: None,
            is_broken: false,
        }
    }

    fn take(&mut self, at: Moment, number: f64, quality: Quality, out: &mut Vec<Output>) {
        if self.rhythm.is_some_and(|rhythm| rhythm.is_hole(at, self.nominal_s)) {
            self.lose(at, NoData::Missed, out);
        } else if self.rhythm.is_some() {
            self.is_broken = false;
        }
        let on = |rhythm: Option<Rhythm>| rhythm.map(|rhythm| rhythm.then(at, quality));
        let first = Some(Rhythm::new(at, quality));
        self.rhythm = on(self.rhythm).or(first);
        self.next_rhythm =
            if self.samples.len() == self.hop { first } else { on(self.next_rhythm) };
        self.samples.push(number);
        if self.samples.len() >= self.length {
            self.tell(at, out);
        }
    }

    /// The block is full: its figure, and on to the next.
    fn tell(&mut self, at: Moment, out: &mut Vec<Output>) {
        let Some(rhythm) = self.rhythm else { return };
        let interval_s = self.nominal_s.or_else(|| rhythm.mean_s());
        if rhythm.has_hole(interval_s) {
            return self.lose(at, NoData::Missed, out);
        }
        let quality = rhythm.quality(interval_s);
        out.push(match (self.figure)(&self.samples, interval_s.map(f64::recip)) {
            Ok((number, figure)) => Output::number(at, self.kind, number, quality.and(figure)),
            Err(reason) => Output::gap(at, reason),
        });
        self.samples.drain(..self.hop);
        self.rhythm = self.next_rhythm.take();
    }

    /// The block cannot be finished.
    fn lose(&mut self, at: Moment, reason: NoData, out: &mut Vec<Output>) {
        if !self.is_broken {
            out.push(Output::gap(at, reason));
        }
        self.begin_anew();
        self.is_broken = true;
    }

    fn begin_anew(&mut self) {
        self.samples.clear();
        self.rhythm = None;
        self.next_rhythm = None;
        self.is_broken = false;
    }

    fn read(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.is_broken = words.word()? != 0;
        for _ in 0..words.count(self.length - 1)? {
            self.samples.push(words.number()?);
        }
        if !self.samples.is_empty() {
            self.rhythm = Some(Rhythm::restore(words)?);
        }
        if self.samples.len() > self.hop {
            self.next_rhythm = Some(Rhythm::restore(words)?);
        }
        Some(())
    }
}

impl Metric for Blocks {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let &[input] = inputs else { return };
        match input.number() {
            Ok(number) => self.take(at, number, input.quality, out),
            Err(reason) => self.lose(at, reason, out),
        }
    }

    fn save(&self, words: &mut Vec<u64>) {
        words.extend([u64::from(self.is_broken), self.samples.len() as u64]);
        words.extend(self.samples.iter().map(|number| number.to_bits()));
        for rhythm in self.rhythm.iter().chain(&self.next_rhythm) {
            rhythm.save(words);
        }
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.begin_anew();
        let read = self.read(words);
        if read.is_none() {
            self.begin_anew();
        }
        read
    }
}
