//! Flights: what is on its way, and which message carries it.

use std::collections::{HashMap, VecDeque};

use domain::Sample;
use ports::{Message, Position, Token};
use wire::payload::{HEADER_BYTES_MAX, SAMPLE_BYTES_MAX, encode};

use super::ForwardOptions;

/// The flights of one epoch, in the order of the spool.
#[derive(Debug, Default)]
pub(super) struct Flights {
    /// Where each flight ends, and how many of its messages are not acknowledged.
    queue: VecDeque<(Position, usize)>,
    /// How many flights have left the front since the epoch began.
    landed: usize,
    /// The number of the flight that a message belongs to.
    carriers: HashMap<Token, usize>,
}

impl Flights {
    /// Samples up to `until` are on their way in the messages `tokens`.
    pub(super) fn take_off(&mut self, until: Position, tokens: impl Iterator<Item = Token>) {
        let number = self.landed + self.queue.len();
        let before = self.carriers.len();
        self.carriers.extend(tokens.map(|token| (token, number)));
        self.queue.push_back((until, self.carriers.len() - before));
    }

    /// A message was acknowledged. If that lands the first flights, says up to where.
    pub(super) fn land(&mut self, token: Token) -> Option<Position> {
        let number = self.carriers.remove(&token)?;
        if let Some((_, pending)) = self.queue.get_mut(number - self.landed) {
            *pending -= 1;
        }
        let mut cursor = None;
        while let Some(&(until, 0)) = self.queue.front() {
            self.queue.pop_front();
            self.landed += 1;
            cursor = Some(until);
        }
        cursor
    }

    /// How many messages are not acknowledged.
    pub(super) fn messages(&self) -> usize {
        self.carriers.len()
    }
}

/// Makes messages of `samples`: each carries a run of one stream and boot, in order, and is no longer
/// than `payload_bytes_max` and the options allow.
pub(super) fn messages(
    options: &ForwardOptions,
    samples: &[Sample],
    payload_bytes_max: usize,
) -> Vec<Message> {
    let fitting = payload_bytes_max.saturating_sub(HEADER_BYTES_MAX) / SAMPLE_BYTES_MAX;
    let run_max = fitting.min(options.message_samples_max).max(1);
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
        let topic = options.topics.samples(&options.gateway, &run.first()?.stream.name);
        let payload = encode(&options.gateway, &run)?;
        Some(Message { topic, payload, is_retained: false })
    };
    runs.into_iter().filter_map(message).collect()
}
