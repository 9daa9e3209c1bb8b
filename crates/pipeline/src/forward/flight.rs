//! Flights: what is on its way, and which message carries it.

use std::collections::{HashMap, VecDeque};

use domain::{Sample, SequenceNumber, StreamName};
use ports::{Message, Position, Token};
use wire::payload::{HEADER_BYTES_MAX, SAMPLE_BYTES_MAX, encode};

use super::ForwardOptions;

/// Which samples a message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Of which stream.
    pub(super) stream: StreamName,
    /// From this number on,
    pub(super) first: SequenceNumber,
    /// up to this.
    pub(super) last: SequenceNumber,
}

/// The flights of one epoch, in the order of the spool.
#[derive(Debug, Default)]
pub(super) struct Flights {
    queue: VecDeque<Flight>,
    /// How many flights have left the front since the epoch began.
    gone: usize,
    /// What a message carries, and the number of its flight.
    carriers: HashMap<Token, (Run, usize)>,
}

#[derive(Debug)]
struct Flight {
    from: Position,
    until: Position,
    /// How many of its messages are not answered.
    pending: usize,
}

impl Flights {
    /// The samples from `from` to `until` are on their way in the messages `cargo`.
    pub(super) fn take_off(&mut self, from: Position, until: Position, cargo: Vec<(Token, Run)>) {
        let number = self.gone + self.queue.len();
        self.queue.push_back(Flight { from, until, pending: cargo.len() });
        self.carriers.extend(cargo.into_iter().map(|(token, run)| (token, (run, number))));
    }

    /// A message was answered. Says what it carried, and where its flight began.
    pub(super) fn unload(&mut self, token: Token) -> Option<(Run, Position)> {
        let (run, number) = self.carriers.remove(&token)?;
        let flight = self.queue.get_mut(number.checked_sub(self.gone)?)?;
        flight.pending -= 1;
        Some((run, flight.from))
    }

    /// Takes the flights off the front that have landed; says up to where.
    pub(super) fn landed(&mut self) -> Option<Position> {
        let mut until = None;
        while let Some(&Flight { until: end, pending: 0, .. }) = self.queue.front() {
            self.queue.pop_front();
            self.gone += 1;
            until = Some(end);
        }
        until
    }

    /// Whether the message carries samples of `stream`.
    pub(super) fn carries(&self, token: Token, stream: &StreamName) -> bool {
        self.carriers.get(&token).is_some_and(|(run, _)| run.stream == *stream)
    }

    /// How many messages are not answered.
    pub(super) fn messages(&self) -> usize {
        self.carriers.len()
    }
}

/// Makes messages of `samples`: each carries a run of at most `run_max` of one stream and boot, in
/// order, and is no longer than `payload_bytes_max` allows.
pub(super) fn messages<'s>(
    options: &ForwardOptions,
    samples: impl Iterator<Item = &'s Sample>,
    run_max: usize,
    payload_bytes_max: usize,
) -> Vec<(Run, Message)> {
    let fitting = payload_bytes_max.saturating_sub(HEADER_BYTES_MAX) / SAMPLE_BYTES_MAX;
    let run_max = fitting.min(run_max).max(1);
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
    let message = |run: Vec<&Sample>| {
        let (first, last) = (run.first()?, run.last()?);
        let topic = options.topics.samples(&options.gateway, &first.stream.name);
        let payload = encode(&options.gateway, &run)?;
        let carried = Run { stream: first.stream.name.clone(), first: first.seq, last: last.seq };
        Some((carried, Message { topic, payload, is_retained: false }))
    };
    runs.into_iter().filter_map(message).collect()
}
