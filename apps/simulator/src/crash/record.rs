//! What the broker has acknowledged, in the order in which the gateway sent it.
//!
//! # Terms
//!
//! * **Cable** — one connection between gateway and broker, by number.
//!
//! # Invariants
//!
//! * A message is in the record once the broker has taken it, whether or not the gateway has heard of that.
//!   What a broker loses afterwards was delivered, by MQTT's own rules; so the broker may be killed.
//! * It outlives gateway, broker and connection, because it is ours.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{BootId, NoData, Quantity, Sample};
use wire::{
    Topic, Topics,
    status::{State, Status},
};

/// What a sample says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The number that the device sent.
    Number(u64),
    /// Why there is none.
    Gap(NoData),
}

/// One sample that was delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) boot: BootId,
    pub(crate) seq: u64,
    pub(crate) content: Content,
    /// The cable, and the how manieth message on it.
    pub(crate) place: (u32, u32),
}

/// All that was delivered.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) status: Option<Status>,
    /// How many status messages there were.
    pub(crate) statuses: u64,
    /// Messages that nobody could read.
    pub(crate) unreadable: Vec<String>,
    /// The highest number of all.
    pub(crate) newest: u64,
    /// Evictions of spools that have fallen back, and of the present one.
    evicted: (u64, u64),
}

/// The record, shared by the cables.
#[derive(Clone)]
pub(crate) struct Recorder {
    record: Arc<Mutex<Record>>,
    topics: Arc<Topics>,
}

/// The messages of one cable that have no answer yet, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    messages: BTreeMap<u16, (u32, String, Vec<u8>)>,
    count: u32,
}

impl Pending {
    /// Notes a message.
    pub(crate) fn sent(&mut self, id: u16, topic: String, payload: Vec<u8>) {
        self.messages.insert(id, (self.count, topic, payload));
        self.count += 1;
    }
}

impl Recorder {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let topics = Arc::new(Topics::new(Topics::DEFAULT_ROOT)?);
        Ok(Self { record: Arc::default(), topics })
    }

    /// Looks at what there is so far.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Record) -> T) -> T {
        at(&self.record())
    }

    /// The broker has answered the message `id` of a cable.
    pub(crate) fn answered(&self, cable: u32, pending: &mut Pending, id: u16, is_taken: bool) {
        let Some((place, topic, payload)) = pending.messages.remove(&id) else { return };
        if is_taken {
            self.record().take(&self.topics, (cable, place), &topic, &payload);
        }
    }

    /// Something went over the cable that is no MQTT.
    pub(crate) fn garbled(&self, cable: u32) {
        self.record().unreadable.push(format!("cable {cable} carried what is no MQTT"));
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// How many samples the gateway says it evicted.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.0 + self.evicted.1
    }

    /// The newest sequence number of the counter, if the newest status is the last word of a process.
    pub(crate) fn last_word(&self) -> Option<u64> {
        let status = self.status.as_ref().filter(|status| status.state == State::Stopped)?;
        status.heads.values().next().map(|seq| seq.0)
    }

    /// How many samples wait, by the newest status.
    pub(crate) fn waiting(&self) -> Option<u64> {
        self.status.as_ref()?.counters.get("samples_waiting").copied()
    }

    fn take(&mut self, topics: &Topics, place: (u32, u32), topic: &str, payload: &[u8]) {
        let is_read = match topics.parse(topic) {
            Some(Topic::Samples { .. }) => wire::payload::decode(payload)
                .map(|batch| batch.samples.iter().for_each(|sample| self.note(sample, place)))
                .is_ok(),
            Some(Topic::Status { .. }) => {
                Status::decode(payload).map(|status| self.keep(status)).is_ok()
            }
            Some(Topic::Answer { .. }) | None => false,
        };
        if !is_read {
            let text = String::from_utf8_lossy(payload.get(..200).unwrap_or(payload)).into_owned();
            self.unreadable.push(format!("message on {topic} cannot be read: {text}"));
        }
    }

    fn note(&mut self, sample: &Sample, place: (u32, u32)) {
        let content = sample.reading.outcome.map_or_else(Content::Gap, number);
        if let Content::Number(number) = content {
            self.newest = self.newest.max(number);
        }
        self.arrivals.push(Arrival { boot: sample.boot, seq: sample.seq.0, content, place });
    }

    fn keep(&mut self, status: Status) {
        if let Some(&now) = status.counters.get("samples_evicted") {
            if now < self.evicted.1 {
                self.evicted.0 += self.evicted.1;
            }
            self.evicted.1 = now;
        }
        self.statuses += 1;
        self.status = Some(status);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count from 1 on")]
fn number(quantity: Quantity) -> Content {
    Content::Number(quantity.number() as u64)
}
