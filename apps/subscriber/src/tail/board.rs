//! What the table shows: the newest sample of each stream.

use core::time::Duration;
use std::collections::BTreeMap;

use domain::{GatewayId, Sample, StreamName};

use crate::{
    Arrival, Ledger, Origin,
    feed::{News, chain},
};

/// How much of the mean interval the newest one makes up.
const NEWEST_WEIGHT: f64 = 0.2;

/// The newest sample of a stream, and the pace of the stream.
pub(super) struct Row {
    pub(super) newest: Sample,
    /// Mean time between samples, as the gateway took them.
    interval: Option<Duration>,
}

impl Row {
    /// Samples per second; `None` before two of one boot have come.
    pub(super) fn rate(&self) -> Option<f64> {
        self.interval.filter(|interval| !interval.is_zero()).map(|i| 1.0 / i.as_secs_f64())
    }

    /// Takes `sample` as the newest, unless it is an older one that comes late.
    fn update(&mut self, sample: &Sample) {
        let earlier = &self.newest;
        if sample.seq <= earlier.seq {
            return;
        }
        // Monotonic times compare within one boot only; and a hole is not a slower pace.
        if sample.boot == earlier.boot && sample.seq == earlier.seq.next() {
            let (now, then) = (sample.reading.at.monotonic, earlier.reading.at.monotonic);
            let newest = now.saturating_since(then);
            let mean = self.interval.unwrap_or(newest);
            self.interval = Some(mean.mul_f64(1.0 - NEWEST_WEIGHT) + newest.mul_f64(NEWEST_WEIGHT));
        }
        self.newest = sample.clone();
    }
}

/// Everything on the table.
pub(super) struct Board {
    pub(super) broker: String,
    /// Why there is no connection; `None` while there is one.
    pub(super) trouble: Option<String>,
    pub(super) rows: BTreeMap<(GatewayId, StreamName), Row>,
    pub(super) ledger: Ledger,
}

impl Board {
    /// An empty one, not connected yet.
    pub(super) fn new(broker: String) -> Self {
        let ledger = Ledger::new(Origin::FirstSeen);
        Self { broker, trouble: Some("connecting".to_owned()), rows: BTreeMap::new(), ledger }
    }

    pub(super) fn note(&mut self, news: News) {
        match news {
            News::Connected => self.trouble = None,
            News::Disconnected(why) => self.trouble = Some(chain(&why)),
            News::Arrived { arrival: Arrival::Status(status), is_live } => {
                self.ledger.announce(&status, is_live);
            }
            News::Arrived { arrival: Arrival::Samples(batch), .. } => {
                for sample in &batch.samples {
                    self.ledger.record(&batch.gateway, sample);
                    self.rows
                        .entry((batch.gateway.clone(), sample.stream.name.clone()))
                        .and_modify(|row| row.update(sample))
                        .or_insert_with(|| Row { newest: sample.clone(), interval: None });
                }
            }
            News::Arrived { arrival: Arrival::Answer(_), .. }
            | News::Answered { .. }
            | News::Asked(_) => {}
            News::Unreadable { why, .. } => self.ledger.note_unreadable(&why),
        }
    }
}
