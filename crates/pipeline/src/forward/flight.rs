//! Flights: what is on its way, and which message carries it.

use core::ops::Range;
use std::collections::{HashMap, VecDeque};

use domain::{Sample, SequenceNumber, StreamName};
use ports::{Message, Token};
use wire::payload::{HEADER_BYTES_MAX, SAMPLE_BYTES_MAX, encode};

use super::ForwardOptions;

/// Samples of one stream that were read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Of which stream.
    pub(super) stream: StreamName,
    /// From this number on,
    pub(super) first: SequenceNumber,
    /// up to this.
    pub(super) last: SequenceNumber,
    /// How many they are: the medium may have lost some in between.
    pub(super) samples: u64,
}

/// The flights of one lane, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Flights {
    queue: VecDeque<Flight>,
    /// How many flights have left the front since the epoch began.
    gone: usize,
    /// What a message carries, and the number of its flight.
    carriers: HashMap<Token, (Run, usize)>,
}

/// Samples read together, and what is still to be heard of them.
#[derive(Debug)]
pub(super) struct Flight {
    /// Where they are in the spool.
    pub(super) range: Range<u64>,
    /// What of them is left to their held streams.
    pub(super) owed: Vec<Run>,
    /// How many of its messages are not answered.
    pending: usize,
}

impl Run {
    fn of(samples: &[&Sample]) -> Option<Self> {
        let (first, last) = (samples.first()?, samples.last()?);
        let stream = first.stream.name.clone();
        Some(Self { stream, first: first.seq, last: last.seq, samples: samples.len() as u64 })
    }

    /// The numbers, and those in between that are lost.
    pub(super) const fn numbers(&self) -> Range<u64> {
        self.first.0..self.last.0.saturating_add(1)
    }
}

impl Flights {
    /// The samples in `range` are on their way in the messages `cargo`, but for those that are `owed`.
    pub(super) fn take_off(
        &mut self,
        range: Range<u64>,
        owed: Vec<Run>,
        cargo: impl ExactSizeIterator<Item = (Token, Run)>,
    ) {
        let number = self.gone + self.queue.len();
        self.queue.push_back(Flight { range, owed, pending: cargo.len() });
        self.carriers.extend(cargo.map(|(token, run)| (token, (run, number))));
    }

    /// A message was acknowledged. Says what it carried.
    pub(super) fn unload(&mut self, token: Token) -> Option<Run> {
        let (run, flight) = self.answered(token)?;
        flight.pending -= 1;
        Some(run)
    }

    /// A message was refused, or is not to be sent: what it carried is owed. Says whose it is.
    pub(super) fn owe(&mut self, token: Token) -> Option<StreamName> {
        let (run, flight) = self.answered(token)?;
        let stream = run.stream.clone();
        flight.pending -= 1;
        flight.owed.push(run);
        Some(stream)
    }

    fn answered(&mut self, token: Token) -> Option<(Run, &mut Flight)> {
        let (run, number) = self.carriers.remove(&token)?;
        let flight = self.queue.get_mut(number.checked_sub(self.gone)?)?;
        Some((run, flight))
    }

    /// Takes a flight off the front, if it has landed.
    pub(super) fn landed(&mut self) -> Option<Flight> {
        if self.queue.front()?.pending > 0 {
            return None;
        }
        self.gone += 1;
        self.queue.pop_front()
    }

    /// Whether the message carries samples of `stream`.
    pub(super) fn carries(&self, token: Token, stream: &StreamName) -> bool {
        self.carriers.get(&token).is_some_and(|(run, _)| run.stream == *stream)
    }

    /// Whether anything of `stream` is owed in a flight that has not landed.
    pub(super) fn owes(&self, stream: &StreamName) -> bool {
        self.queue.iter().any(|flight| flight.owed.iter().any(|run| run.stream == *stream))
    }

    /// How many messages are not answered.
    pub(super) fn messages(&self) -> usize {
        self.carriers.len()
    }

    /// Where the samples are that have not landed.
    pub(super) fn ranges(&self) -> impl Iterator<Item = &Range<u64>> {
        self.queue.iter().map(|flight| &flight.range)
    }
}

/// What became of samples that were to be sent.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The messages, and what each carries.
    pub(super) messages: Vec<(Run, Message)>,
    /// What fits into no message that the broker takes.
    pub(super) unsendable: Vec<Run>,
}

/// Makes messages of `samples`: each carries a run of at most `run_max` of one stream and boot, in
/// order, and is no longer than `payload_bytes_max` allows.
pub(super) fn messages<'s>(
    options: &ForwardOptions,
    samples: impl Iterator<Item = &'s Sample>,
    run_max: usize,
    payload_bytes_max: usize,
) -> Made {
    let fitting = payload_bytes_max.saturating_sub(HEADER_BYTES_MAX) / SAMPLE_BYTES_MAX;
    let mut made = Made::default();
    for run in runs(samples, fitting.min(run_max).max(1)) {
        let Some((carried, payload)) = Run::of(&run).zip(encode(&options.gateway, &run)) else {
            continue;
        };
        // Only a single sample can be too long: others are counted by the longest that there can be.
        if payload.len() > payload_bytes_max {
            made.unsendable.push(carried);
            continue;
        }
        let topic = options.topics.samples(&options.gateway, &carried.stream);
        made.messages.push((carried, Message { topic, payload, is_retained: false }));
    }
    made
}

/// What there is of each of the streams among `samples`.
pub(super) fn runs_of<'s>(samples: impl Iterator<Item = &'s Sample>) -> Vec<Run> {
    runs(samples, usize::MAX).iter().filter_map(|run| Run::of(run)).collect()
}

/// The samples by stream and boot, at most `run_max` together.
fn runs<'s>(samples: impl Iterator<Item = &'s Sample>, run_max: usize) -> Vec<Vec<&'s Sample>> {
    let mut runs: Vec<Vec<&Sample>> = Vec::new();
    let mut open = HashMap::new();
    for sample in samples {
        let run = *open.entry((&sample.stream, sample.boot)).or_insert_with(|| {
            runs.push(Vec::new());
            runs.len() - 1
        });
        runs[run].push(sample);
        if runs[run].len() == run_max {
            open.remove(&(&sample.stream, sample.boot));
        }
    }
    runs
}
