//! The mender: asks the gateways for what is missing from a ledger.
//!
//! # Invariants
//!
//! 1. It comes to an end: a number is asked for again only if the request before it brought something.
//! 2. A gateway that does not answer is asked for nothing more.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use domain::{GatewayId, Monotonic, Ranges, StreamName};
use serde::Serialize;
use wire::replay::{Done, RANGES_MAX, Request, Why};

use crate::{
    Account, Ledger,
    asker::{Asker, Heard},
    feed::{Feed, News, printable},
};

/// What came of asking for what was missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// How many samples were asked for, each counted once.
    pub asked: u64,
    /// How many of them came.
    pub filled: u64,
    /// How many did not, by the reason that the gateway gave.
    pub not_sent: BTreeMap<&'static str, u64>,
    /// How many were not answered.
    pub unanswered: u64,
}

type Key = (GatewayId, StreamName);

/// Asks for one stream after the other.
pub(crate) struct Mender {
    asker: Asker,
    /// The stream that is asked for, and what is missing of it.
    present: Option<(Key, Ranges)>,
    /// What was ever asked for.
    asked: BTreeMap<Key, Ranges>,
    /// What is not to be asked for any more, by the reason.
    settled: BTreeMap<Key, BTreeMap<Why, Ranges>>,
    /// Those whose requests came to nothing.
    given_up: BTreeSet<Key>,
    mute: BTreeSet<GatewayId>,
    is_over: bool,
}

impl Mender {
    pub(crate) const fn new(patience: Duration) -> Self {
        Self {
            asker: Asker::new(patience),
            present: None,
            asked: BTreeMap::new(),
            settled: BTreeMap::new(),
            given_up: BTreeSet::new(),
            mute: BTreeSet::new(),
            is_over: false,
        }
    }

    /// Whether there is nothing more to ask for.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether some of what is missing is on its way by itself.
    pub(crate) fn is_some_coming(&self) -> bool {
        self.settled.values().any(|settled| settled.contains_key(&Why::Waiting))
    }

    /// Asks for the next stream of which something is missing, if no request is out.
    pub(crate) fn step(
        &mut self,
        feed: &Feed<'_>,
        ledger: &Ledger,
        now: Monotonic,
        remarks: &mut dyn Write,
    ) {
        if let Some(heard) = self.asker.check(now) {
            self.take(heard, ledger, remarks);
        }
        if self.asker.is_waiting() {
            return;
        }
        let Some((key, missing)) = self.next(ledger) else {
            self.is_over = true;
            return;
        };
        let mut numbers = missing.clone();
        if let Some(beyond) = missing.runs().nth(RANGES_MAX) {
            numbers.remove_all(*beyond.start()..u64::MAX);
        }
        let asked = self.asked.entry(key.clone()).or_default();
        asked.add(&numbers);
        let request = Request { stream: key.1.clone(), boot: None, numbers };
        self.asker.ask(feed, &key.0, &request, now);
        self.present = Some((key, missing));
    }

    /// Takes note of what belongs to the request that is out.
    pub(crate) fn note(
        &mut self,
        news: &News,
        ledger: &mut Ledger,
        now: Monotonic,
        remarks: &mut dyn Write,
    ) {
        let Some(heard) = self.asker.hear(news, now) else { return };
        if let Heard::Samples(batch) = &heard {
            for sample in &batch.samples {
                ledger.record(&batch.gateway, sample);
            }
            return;
        }
        self.take(heard, ledger, remarks);
    }

    fn take(&mut self, heard: Heard, ledger: &Ledger, remarks: &mut dyn Write) {
        let Some((key, before)) = self.present.take() else { return };
        match heard {
            Heard::Samples(_) => {}
            Heard::Done(done) => {
                self.settle(&key, &done);
                if self.missing(&key, ledger).count() >= before.count() {
                    self.given_up.insert(key);
                }
            }
            Heard::Failed(why) => {
                // A remark that cannot be written is not worth ending for.
                let _ = writeln!(remarks, "no replay: {}", printable(&why));
                self.mute.insert(key.0);
            }
        }
    }

    fn settle(&mut self, key: &Key, done: &Done) {
        let settled = self.settled.entry(key.clone()).or_default();
        for (why, numbers) in &done.not_sent {
            settled.entry(*why).or_default().add(numbers);
        }
    }

    /// What is missing of a stream and not settled.
    fn missing(&self, key: &Key, ledger: &Ledger) -> Ranges {
        let mut missing = Ranges::EMPTY;
        let runs = ledger.accounts().get(key).map_or_else(Vec::new, Account::missing);
        for run in runs {
            missing.insert_all(*run.start()..run.end().saturating_add(1));
        }
        for settled in self.settled.get(key).into_iter().flat_map(BTreeMap::values) {
            missing.subtract(settled);
        }
        missing
    }

    fn next(&self, ledger: &Ledger) -> Option<(Key, Ranges)> {
        let is_open = |key: &&Key| !self.mute.contains(&key.0) && !self.given_up.contains(key);
        let of = |key: &Key| (key.clone(), self.missing(key, ledger));
        let mut missing = ledger.accounts().keys().filter(is_open).map(of);
        missing.find(|(_, numbers)| !numbers.is_empty())
    }

    /// What came of it.
    pub(crate) fn report(&self, ledger: &Ledger) -> Mended {
        let mut mended = Mended::default();
        for (key, asked) in &self.asked {
            let runs = ledger.accounts().get(key).map_or_else(Vec::new, Account::missing);
            let left = |of: &Ranges| -> u64 { runs.iter().map(|run| common(of, run)).sum() };
            let mut unanswered = left(asked);
            mended.asked += asked.count();
            mended.filled += asked.count() - unanswered;
            for (why, numbers) in self.settled.get(key).into_iter().flatten() {
                let count = left(numbers);
                unanswered = unanswered.saturating_sub(count);
                if count > 0 {
                    *mended.not_sent.entry(why.code()).or_default() += count;
                }
            }
            mended.unanswered += unanswered;
        }
        mended
    }
}

/// How many numbers of `run` are in the set.
fn common(set: &Ranges, run: &core::ops::RangeInclusive<u64>) -> u64 {
    let length = |run: &core::ops::RangeInclusive<u64>| (run.end() - run.start()).saturating_add(1);
    length(run) - set.holes(run).iter().map(length).sum::<u64>()
}
