//! A subscriber of our own, which counts what arrives by stream: values, and gaps by their reasons.
//!
//! It knows nothing of the gateway but the messages, and shares no code with the verifier.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use domain::{GatewayId, NoData, Sample, WallTime};
use publisher_mqtt::{Broker, Event, Session, Subscription, SubscriptionOptions};
use wire::{
    Topic, Topics,
    status::{State, Status},
};

/// What has arrived of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// When each was taken, by number: a sample that arrives twice is one.
    pub(crate) taken: BTreeMap<u64, WallTime>,
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
    /// Slots missed or shed of each device: by processes that have ended, and by the newest.
    pub(crate) skipped: BTreeMap<String, (u64, u64)>,
}

/// The subscriber's thread.
pub(crate) struct Recorder {
    record: Arc<Mutex<Record>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Heard {
    fn take(&mut self, sample: &Sample) {
        if self.taken.insert(sample.seq.0, sample.reading.at.wall).is_some() {
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
    /// Slots of a device that were missed or shed, over all processes.
    pub(crate) fn skipped(&self, device: &str) -> u64 {
        self.skipped.get(device).map_or(0, |(ended, newest)| ended + newest)
    }

    /// A new process counts from zero.
    fn count_skipped(&mut self, status: &Status) {
        for (device, status) in &status.devices {
            let (ended, newest) = self.skipped.entry(device.clone()).or_default();
            let now = status.missed + status.shed;
            if now < *newest {
                *ended += *newest;
            }
            *newest = now;
        }
    }

    fn take(&mut self, topics: &Topics, topic: &str, payload: &[u8]) {
        match topics.parse(topic) {
            Some(Topic::Samples { .. }) => {
                let batch = wire::payload::decode(payload);
                for sample in batch.iter().flat_map(|batch| &batch.samples) {
                    self.streams.entry(sample.stream.name.to_string()).or_default().take(sample);
                }
            }
            Some(Topic::Status { .. }) => {
                if let Ok(status) = Status::decode(payload) {
                    self.count_skipped(&status);
                    self.status = Some(status);
                }
            }
            Some(Topic::Answer { .. }) | None => {}
        }
    }
}

impl Recorder {
    /// Listens to `gateway`; returns once it is connected.
    pub(crate) fn start(
        broker: &Broker,
        gateway: &str,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let topics = Topics::new(Topics::DEFAULT_ROOT)?;
        let subscription = Subscription::connect(SubscriptionOptions {
            broker: broker.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_had_missed_is_kept_when_the_next_one_counts_from_zero() {
        let mut record = Record::default();
        let mut missed = |count: u64| {
            let text = format!(
                r#"{{"v":1,"gateway":"simulated","state":"online","heads":{{}},"counters":{{}},"devices":{{"a":{{"state":"idle","missed":{count},"shed":1}}}}}}"#
            );
            record.count_skipped(&Status::decode(text.as_bytes()).unwrap());
            record.skipped("a")
        };
        assert_eq!([3, 4, 4, 0, 2].map(&mut missed), [4, 5, 5, 6, 8]);
        assert_eq!(Record::default().skipped("a"), 0);
    }
}
