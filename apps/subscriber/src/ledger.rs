//! The ledger: which samples have arrived, and which should have.
//!
//! A stream's samples are numbered without holes, so a number between the first and the last that
//! has not arrived is a sample lost or still under way. What counts as first is the [`Origin`]; the
//! last is the newest arrival or the head that the gateway has announced, whichever is newer.

use core::ops::RangeInclusive;
use std::collections::BTreeMap;

use domain::{BootId, GatewayId, NoData, Ranges, Sample, SequenceNumber, StreamName};
use wire::{
    payload::DecodeError,
    status::{State, Status},
};

use crate::Unreadable;

/// Where the numbers that must arrive begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// At the first number that arrives: we came in mid-stream. Of a stream that stays silent
    /// although its head grows before our ears, everything from there on must arrive.
    FirstSeen,
    /// At number 1.
    FirstEver,
}

/// What has arrived of one stream.
#[derive(Clone, Debug)]
pub struct Account {
    origin: Origin,
    /// Every number that has arrived, in whichever boot.
    numbers: Ranges,
    /// The same by boot: a number that is given again after a power cut is another sample.
    by_boot: BTreeMap<BootId, Ranges>,
    first_seen: Option<u64>,
    /// The newest number that the gateway has announced.
    head: Option<u64>,
    /// The first number announced while we were listening.
    first_live_head: Option<u64>,
    /// Samples that arrived, each counted once.
    pub received: u64,
    /// Arrivals of a sample that had arrived before.
    pub duplicates: u64,
    /// Samples that arrived for the first time after a newer one had, as history does.
    pub out_of_order: u64,
    /// Samples without a quantity, by reason, each counted once.
    pub gaps: BTreeMap<NoData, u64>,
}

/// What is known of one gateway.
#[derive(Clone, Debug)]
pub struct GatewayEntry {
    /// Whether it can be heard.
    pub state: State,
    /// The version of its program; empty if it has not said.
    pub program: String,
    /// Whether it has said so since we listen, rather than before.
    pub is_live: bool,
}

/// Messages that could not be read, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct UnreadableCount {
    /// Of a version unknown here.
    pub version: u64,
    /// With a payload that is not what the specification says.
    pub payload: u64,
    /// On a topic that means nothing, or not the one that the payload belongs to.
    pub topic: u64,
}

impl UnreadableCount {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.version + self.payload + self.topic
    }
}

/// The accounts of all streams of all gateways.
#[derive(Clone, Debug)]
pub struct Ledger {
    origin: Origin,
    accounts: BTreeMap<(GatewayId, StreamName), Account>,
    gateways: BTreeMap<GatewayId, GatewayEntry>,
    unreadable: UnreadableCount,
}

impl Account {
    const fn new(origin: Origin) -> Self {
        Self {
            origin,
            numbers: Ranges::EMPTY,
            by_boot: BTreeMap::new(),
            first_seen: None,
            head: None,
            first_live_head: None,
            received: 0,
            duplicates: 0,
            out_of_order: 0,
            gaps: BTreeMap::new(),
        }
    }

    fn record(&mut self, sample: &Sample) {
        let SequenceNumber(number) = sample.seq;
        let newest = self.numbers.last();
        if !self.by_boot.entry(sample.boot).or_insert(Ranges::EMPTY).insert(number) {
            self.duplicates += 1;
            return;
        }
        self.received += 1;
        self.first_seen.get_or_insert(number);
        // A number that is given again in a later boot is another sample, and no disorder.
        let is_new = self.numbers.insert(number);
        self.out_of_order += u64::from(is_new && newest.is_some_and(|newest| number < newest));
        if let Err(reason) = sample.reading.outcome {
            *self.gaps.entry(reason).or_default() += 1;
        }
    }

    fn announce(&mut self, SequenceNumber(head): SequenceNumber, is_live: bool) {
        self.head = self.head.max(Some(head));
        if is_live {
            self.first_live_head.get_or_insert(head);
        }
    }

    /// The numbers that should have arrived; `None` if that is not known.
    pub fn expected(&self) -> Option<RangeInclusive<u64>> {
        let first = match self.origin {
            Origin::FirstEver => Some(SequenceNumber::FIRST.0),
            Origin::FirstSeen => {
                self.first_seen.or_else(|| self.first_live_head.and_then(|h| h.checked_add(1)))
            }
        }?;
        let last = self.numbers.last().max(self.head)?;
        (first <= last).then_some(first..=last)
    }

    /// The runs of numbers that should have arrived and have not, in order.
    pub fn missing(&self) -> Vec<RangeInclusive<u64>> {
        self.expected().map_or_else(Vec::new, |expected| self.numbers.holes(&expected))
    }

    /// How many numbers should have arrived and have not.
    pub fn missing_count(&self) -> u64 {
        let length = |hole: &RangeInclusive<u64>| (hole.end() - hole.start()).saturating_add(1);
        self.missing().iter().map(length).fold(0, u64::saturating_add)
    }

    /// The first number that arrived.
    pub const fn first_seen(&self) -> Option<u64> {
        self.first_seen
    }

    /// The largest number that arrived.
    pub fn newest(&self) -> Option<u64> {
        self.numbers.last()
    }
}

impl Ledger {
    /// An empty one.
    pub const fn new(origin: Origin) -> Self {
        let unreadable = UnreadableCount { version: 0, payload: 0, topic: 0 };
        Self { origin, accounts: BTreeMap::new(), gateways: BTreeMap::new(), unreadable }
    }

    fn account(&mut self, gateway: &GatewayId, stream: &StreamName) -> &mut Account {
        let key = (gateway.clone(), stream.clone());
        self.accounts.entry(key).or_insert_with(|| Account::new(self.origin))
    }

    /// A sample of `gateway` has arrived.
    pub fn record(&mut self, gateway: &GatewayId, sample: &Sample) {
        self.account(gateway, &sample.stream.name).record(sample);
    }

    /// A gateway's word about itself has arrived; `is_live` unless the broker had kept it from
    /// before we listened.
    pub fn announce(&mut self, status: &Status, is_live: bool) {
        let Status { gateway, state, program, heads, .. } = status;
        let known = self.gateways.remove(gateway);
        let (known_program, was_live) =
            known.map_or_else(Default::default, |g| (g.program, g.is_live));
        // What the broker says in a gateway's stead knows no version.
        let program = if program.is_empty() { known_program } else { program.clone() };
        let entry = GatewayEntry { state: *state, program, is_live: is_live || was_live };
        self.gateways.insert(gateway.clone(), entry);
        for (stream, head) in heads {
            self.account(gateway, stream).announce(*head, is_live);
        }
    }

    /// A message has arrived that could not be read.
    pub const fn note_unreadable(&mut self, why: &Unreadable) {
        let count = &mut self.unreadable;
        match why {
            Unreadable::Topic | Unreadable::Mismatch => count.topic += 1,
            Unreadable::Payload(DecodeError::Version { .. }) => count.version += 1,
            Unreadable::Payload(
                DecodeError::Compressed(_) | DecodeError::Shape(_) | DecodeError::Field { .. },
            ) => {
                count.payload += 1;
            }
        }
    }

    /// Whether anything that should have arrived has not.
    pub fn is_short(&self) -> bool {
        self.accounts.values().any(|account| !account.missing().is_empty())
    }

    /// Whether nothing more is to come: a gateway has stopped in good order while we listened, and no
    /// other runs or has been lost since. One that was lost before we came does not count.
    pub fn has_all_stopped(&self) -> bool {
        let may_speak = |gateway: &GatewayEntry| match gateway.state {
            State::Online => true,
            State::Lost => gateway.is_live,
            State::Stopped => false,
        };
        let has_stopped = |g: &GatewayEntry| g.is_live && g.state == State::Stopped;
        self.gateways.values().any(has_stopped) && !self.gateways.values().any(may_speak)
    }

    /// The accounts, by gateway and stream.
    pub const fn accounts(&self) -> &BTreeMap<(GatewayId, StreamName), Account> {
        &self.accounts
    }

    /// The gateways that have said something of themselves.
    pub const fn gateways(&self) -> &BTreeMap<GatewayId, GatewayEntry> {
        &self.gateways
    }

    /// What could not be read.
    pub const fn unreadable(&self) -> UnreadableCount {
        self.unreadable
    }
}

#[cfg(test)]
mod tests;
