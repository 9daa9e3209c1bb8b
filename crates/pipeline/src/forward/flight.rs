//! Flights: what is on its way, and which message carries it.

use core::ops::Range;
use std::collections::{HashMap, VecDeque};

use domain::{Sample, SequenceNumber, StreamName};
use ports::{Message, Token};
use wire::{
    compression::Compressor,
    payload::{HEADER_BYTES_MAX, SAMPLE_BYTES_MAX, encode, encode_replayed},
};

use super::{ForwardOptions, replay::Reply};
use crate::telemetry::Counters;

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
    /// How many of them have a corrected time.
    pub(super) restamped: u64,
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
        let is_restamped = |sample: &&&Sample| sample.reading.at.trust.is_corrected();
        Some(Self {
            stream,
            first: first.seq,
            last: last.seq,
            samples: samples.len() as u64,
            restamped: samples.iter().filter(is_restamped).count() as u64,
        })
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
    /// Of how many streams the samples are.
    pub(super) streams: usize,
    /// What fits into no message that the broker takes.
    pub(super) unsendable: Vec<Run>,
    /// There were as many messages as were wanted, and samples are left.
    pub(super) is_cut_short: bool,
    /// The payloads of the messages before they were compressed, in bytes.
    plain_bytes: usize,
}

impl Made {
    /// Counts the bytes that were made, the times that were corrected, and what cannot be sent.
    pub(super) fn count(&self, counters: &Counters) {
        let bytes: usize = self.messages.iter().map(|(_, message)| message.payload.len()).sum();
        counters.payload_bytes.add(bytes as u64);
        counters.payload_bytes_plain.add(self.plain_bytes as u64);
        counters.samples_restamped.add(self.messages.iter().map(|(run, _)| run.restamped).sum());
        counters.samples_unsendable.add(self.unsendable.iter().map(|run| run.samples).sum());
    }
}

/// How large messages may be, and how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most samples in one.
    pub(super) samples: usize,
    /// The longest payload as it goes, in bytes.
    pub(super) payload_bytes: usize,
    /// How many messages are wanted.
    pub(super) messages: usize,
}

impl Limits {
    /// How many samples are sure to fit into one message, plain; a single one may fit even if this is 0.
    fn fitting(self) -> usize {
        self.payload_bytes.saturating_sub(HEADER_BYTES_MAX) / SAMPLE_BYTES_MAX
    }

    /// How many samples of a stream are put into one message, if there are as many.
    pub(super) fn run(self, compressor: &Compressor) -> usize {
        (self.fitting() * compressor.gain()).min(self.samples).max(1)
    }
}

/// Makes messages of `samples`: each carries a run of one stream and boot, in order, within `limits`.
/// With `reply` they are an answer, and go where that says.
///
/// How long a compressed payload is shows when it is made. So a run of as many samples is tried as are
/// expected to fit; one that is too long is made anew in parts of the size that is sure to.
pub(super) fn messages<'s>(
    options: &ForwardOptions,
    compressor: &mut Compressor,
    samples: impl Iterator<Item = &'s Sample>,
    limits: Limits,
    reply: Option<&Reply>,
) -> Made {
    let fitting = limits.fitting();
    let (runs, streams) = runs(samples, limits.run(compressor));
    let mut left: Vec<&[&Sample]> = runs.iter().rev().map(Vec::as_slice).collect();
    let mut made = Made { streams, ..Made::default() };
    let encode = if reply.is_some() { encode_replayed } else { encode };
    while made.messages.len() < limits.messages
        && let Some(run) = left.pop()
    {
        let Some((carried, plain)) = Run::of(run).zip(encode(&options.gateway, run)) else {
            continue;
        };
        let plain_bytes = plain.len();
        let payload = compressor.pack(plain);
        if payload.len() <= limits.payload_bytes {
            let (topic, correlation) = match reply {
                Some(Reply { topic, correlation }) => (topic.clone(), correlation.clone()),
                None => (options.topics.samples(&options.gateway, &carried.stream), Vec::new()),
            };
            let message = Message { topic, payload, is_retained: false, correlation };
            made.messages.push((carried, message));
            made.plain_bytes += plain_bytes;
        } else if run.len() > 1 {
            left.extend(run.chunks(fitting.clamp(1, run.len() / 2)).rev());
        } else {
            made.unsendable.push(carried);
        }
    }
    made.is_cut_short = !left.is_empty();
    made
}

/// What there is of each of the streams among `samples`.
pub(super) fn runs_of<'s>(samples: impl Iterator<Item = &'s Sample>) -> Vec<Run> {
    runs(samples, usize::MAX).0.iter().filter_map(|run| Run::of(run)).collect()
}

/// Room for so many samples is made at once when a run begins.
const RUN_SAMPLES: usize = 128;

/// The samples by stream and boot, at most `run_max` together, and of how many streams and boots they are.
fn runs<'s>(
    samples: impl Iterator<Item = &'s Sample>,
    run_max: usize,
) -> (Vec<Vec<&'s Sample>>, usize) {
    let mut runs: Vec<Vec<&Sample>> = Vec::new();
    // The first sample of each stream, and its newest run; and which of them a stream is.
    let (mut streams, mut known) = (Vec::<(&Sample, usize)>::new(), HashMap::new());
    let mut turn = 0;
    for sample in samples {
        // Streams mostly come in the same turn again, and then nothing need be looked up.
        let is_it = |&(it, _): &(&Sample, _)| it.stream == sample.stream && it.boot == sample.boot;
        turn = if turn + 1 < streams.len() { turn + 1 } else { 0 };
        if !streams.get(turn).is_some_and(is_it) {
            turn = *known.entry((&sample.stream, sample.boot)).or_insert(streams.len());
        }
        if turn == streams.len() {
            streams.push((sample, usize::MAX));
        }
        let run = &mut streams[turn].1;
        if runs.get(*run).is_none_or(|run| run.len() >= run_max) {
            *run = runs.len();
            runs.push(Vec::with_capacity(run_max.min(RUN_SAMPLES)));
        }
        runs[*run].push(sample);
    }
    (runs, streams.len())
}
