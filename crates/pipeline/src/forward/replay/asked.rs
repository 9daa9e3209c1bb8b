//! What is asked for, and looking for it in the spools.

use core::{
    mem,
    ops::{Range, RangeInclusive},
};
use std::collections::BTreeMap;

use domain::{BootId, GatewayId, Ranges, Sample, SequenceNumber};
use ports::{Publisher, SpoolError};
use wire::replay::{Done, Request, Why};

use super::{
    super::{
        FLIGHT_SAMPLES, Forwarder,
        flight::{Limits, messages},
    },
    Reply,
};

/// How many samples are looked at for one request; whoever wants more asks again.
const SAMPLES_MAX: u64 = 10_000;

/// What was asked for, and what has become of it so far.
#[derive(Debug)]
pub(super) struct Asked {
    boot: Option<BootId>,
    /// Numbers not yet looked for.
    todo: Ranges,
    /// How many samples may still be looked at.
    left: u64,
    done: Done,
}

impl Asked {
    pub(super) fn new(asking: Request, gateway: &GatewayId) -> Self {
        let Request { stream, boot, numbers: todo } = asking;
        let (sent, not_sent) = (Ranges::EMPTY, BTreeMap::new());
        let done = Done { gateway: gateway.clone(), stream, sent, not_sent };
        Self { boot, todo, left: SAMPLES_MAX, done }
    }

    /// What became of it, if there is nothing more to look for.
    pub(super) fn end(&self) -> Option<&Done> {
        (self.todo.is_empty() || self.left == 0).then_some(&self.done)
    }

    /// How many samples are read at one time.
    pub(super) fn wanted(&self) -> u64 {
        self.left.min(FLIGHT_SAMPLES as u64)
    }

    fn not_sent(&mut self, why: Why, run: Range<u64>) {
        if !run.is_empty() {
            self.done.not_sent.entry(why).or_default().insert_all(run);
        }
    }

    /// What is left cannot be read.
    pub(super) fn give_up(&mut self) {
        let todo = mem::take(&mut self.todo);
        self.done.not_sent.entry(Why::Unreadable).or_default().add(&todo);
    }
}

impl<P: Publisher> Forwarder<P> {
    /// Looks for the lowest numbers that are to be looked for, at most `limit` samples, and makes
    /// messages of them.
    pub(super) fn replay(
        &mut self,
        asked: &mut Asked,
        reply: &Reply,
        limit: u64,
        bytes_max: usize,
    ) -> Result<(), SpoolError> {
        let Some(run) = asked.todo.runs().next() else { return Ok(()) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let found = self.find(asked, &run, limit)?;
        let last = found.last().filter(|_| found.len() >= limit);
        let end = last.map_or(*run.end(), |(sample, _)| sample.seq.0).saturating_add(1);
        asked.todo.remove_all(*run.start()..end);
        asked.left = asked.left.saturating_sub(found.len() as u64);
        self.note_missing(asked, &found, *run.start()..=end - 1);
        let (waiting, free): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, waits)| *waits);
        for (sample, _) in &waiting {
            asked.not_sent(Why::Waiting, number(sample));
        }
        let free: Vec<_> = free.into_iter().map(|(sample, _)| sample).collect();
        self.pace.spend(free.len() as u64);
        self.send_again(asked, reply, &free, bytes_max);
        Ok(())
    }

    /// Makes messages of samples that were delivered before.
    fn send_again(&mut self, asked: &mut Asked, reply: &Reply, free: &[Sample], bytes_max: usize) {
        asked.done.sent.add(&numbers(free.iter()));
        let limits = Limits {
            samples: self.options.message_samples_max,
            payload_bytes: bytes_max,
            messages: usize::MAX,
        };
        let compressor = &mut self.compressor;
        let made = messages(&self.options, compressor, free.iter(), limits, Some(reply));
        // Only a single sample is ever too long.
        for run in &made.unsendable {
            asked.done.sent.remove_all(run.numbers());
            asked.not_sent(Why::TooLong, run.numbers());
        }
        for (run, message) in made.messages {
            self.push_answer(run.samples, message);
        }
    }

    /// The samples of any class with these numbers, by number, and whether each waits for delivery.
    fn find(
        &self,
        asked: &Asked,
        run: &RangeInclusive<u64>,
        limit: usize,
    ) -> Result<Vec<(Sample, bool)>, SpoolError> {
        let mut found = Vec::new();
        for class in &self.classes {
            found.extend(class.replay(&asked.done.stream, asked.boot, run, limit)?);
        }
        found.sort_by_key(|(sample, _)| sample.seq);
        found.truncate(limit);
        Ok(found)
    }

    /// Says why there are no samples with some of the numbers in `run`.
    fn note_missing(&self, asked: &mut Asked, found: &[(Sample, bool)], run: RangeInclusive<u64>) {
        let there = numbers(found.iter().map(|(sample, _)| sample));
        let head = self.heads().get(&asked.done.stream).copied().unwrap_or(SequenceNumber(0));
        let beyond = head.0.saturating_add(1);
        for hole in there.holes(&run) {
            let (start, end) = (*hole.start(), hole.end().saturating_add(1));
            asked.not_sent(Why::Gone, start..end.min(beyond));
            asked.not_sent(Why::Never, start.max(beyond)..end);
        }
    }
}

fn number(sample: &Sample) -> Range<u64> {
    sample.seq.0..sample.seq.0.saturating_add(1)
}

fn numbers<'s>(samples: impl Iterator<Item = &'s Sample>) -> Ranges {
    let mut numbers = Ranges::EMPTY;
    for sample in samples {
        numbers.insert(sample.seq.0);
    }
    numbers
}
