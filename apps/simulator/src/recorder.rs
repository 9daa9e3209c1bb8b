//! A subscriber of our own, which counts what arrives by stream: values, and gaps by their reasons.
//!
//! It knows nothing of the gateway but the messages, and shares no code with the verifier.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use domain::{GatewayId, NoData, Sample, WallTime};
use publisher_mqtt::{Event, Session, Subscription, SubscriptionOptions};
use wire::{
    Topic, Topics,
    status::{State, Status},
};

/// What has arrived of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// By number: a sample that arrives twice is one.
    pub(crate) numbers: BTreeSet<u64>,
    pub(crate) values: u64,
    pub(crate) gaps: BTreeMap<NoData, u64>,
    /// When the first one was taken.
    pub(crate) first: Option<WallTime>,
}

/// Everything that has arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) streams: BTreeMap<String, Heard>,
    /// The gateway's newest word about itself.
    pub(crate) status: Option<Status>,
}

/// The subscriber's thread.
pub(crate) struct Recorder {
    record: Arc<Mutex<Record>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Heard {
    fn take(&mut self, sample: &Sample) {
        if !self.numbers.insert(sample.seq.0) {
            return;
        }
        self.first.get_or_insert(sample.reading.at.wall);
        match sample.reading.outcome {
            Ok(_) => self.values += 1,
            Err(reason) => *self.gaps.entry(reason).or_default() += 1,
        }
    }

    /// Gaps for this reason.
    pub(crate) fn gaps_for(&self, reason: NoData) -> u64 {
        self.gaps.get(&reason).copied().unwrap_or(0)
    }

    /// All gaps.
    pub(crate) fn gaps_total(&self) -> u64 {
        self.gaps.values().sum()
    }
}

impl Record {
    fn take(&mut self, topics: &Topics, topic: &str, payload: &[u8]) {
        match topics.parse(topic) {
            Some(Topic::Samples { .. }) => {
                let batch = wire::payload::decode(payload);
                for sample in batch.iter().flat_map(|batch| &batch.samples) {
                    self.streams.entry(sample.stream.name.to_string()).or_default().take(sample);
                }
            }
            Some(Topic::Status { .. }) => {
                self.status = Status::decode(payload).ok().or_else(|| self.status.take());
            }
            None => {}
        }
    }
}

impl Recorder {
    /// Listens to `gateway`; returns once it is connected.
    pub(crate) fn start(broker: &str, gateway: &str, patience: Duration) -> anyhow::Result<Self> {
        let topics = Topics::new(Topics::DEFAULT_ROOT)?;
        let subscription = Subscription::connect(SubscriptionOptions {
            broker: broker.parse()?,
            client_id: format!("recorder-{}", std::process::id()),
            filters: vec![topics.filter(Some(&GatewayId::new(gateway)?))],
            session: Session::Clean,
        })
        .context("the recorder cannot listen")?;
        await_connection(&subscription, patience)?;
        let (record, is_over) = (Arc::<Mutex<Record>>::default(), Arc::<AtomicBool>::default());
        let (keep, over) = (Arc::clone(&record), Arc::clone(&is_over));
        let run = move || {
            while !over.load(Relaxed) {
                let event = subscription.next(Duration::from_millis(100));
                if let Some(Event::Message { topic, payload, .. }) = event {
                    let mut record = keep.lock().unwrap_or_else(PoisonError::into_inner);
                    record.take(&topics, &topic, &payload);
                }
            }
        };
        let thread = thread::Builder::new().name("recorder".to_owned()).spawn(run)?;
        Ok(Self { record, is_over, thread: Some(thread) })
    }

    /// What has arrived so far.
    pub(crate) fn record(&self) -> Record {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What has arrived once the gateway's last word has, or after `patience`.
    #[expect(clippy::disallowed_methods, reason = "waits for a real process in real time")]
    pub(crate) fn last_record(&self, patience: Duration) -> Record {
        let begun = Instant::now();
        loop {
            let record = self.record();
            let is_last = record.status.as_ref().is_some_and(|s| s.state == State::Stopped);
            if is_last || begun.elapsed() > patience {
                return record;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for a real server in real time")]
fn await_connection(subscription: &Subscription, patience: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !matches!(subscription.next(Duration::from_millis(100)), Some(Event::Up)) {
        ensure!(begun.elapsed() < patience, "the recorder does not reach the broker");
    }
    Ok(())
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}
