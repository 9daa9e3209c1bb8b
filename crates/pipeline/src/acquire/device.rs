//! One device as its bus worker sees it: when it is due, how it fares, what it has said.

use core::time::Duration;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use domain::{Backoff, Monotonic, NoData, Reading, Stream, StreamReading, Timestamp};
use ports::{Clock, Device, FrameCount, Measurement, Pacing};

use super::Acquired;
use crate::{schedule::Schedule, telemetry::Counters};

/// The first wait after a failure; it doubles up to the plan's `retry_max`.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// The longest that a worker listens before it looks whether the gateway is shutting down.
const LISTEN_MAX: Duration = Duration::from_millis(250);

/// How often a device is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// It is asked once in each period.
    Every(Duration),
    /// It speaks unasked, and is due to say something within this time.
    SilentFor(Duration),
}

/// A device and how to acquire it.
pub struct DevicePlan {
    /// Its number in the gateway.
    pub number: usize,
    /// Its name, for the log.
    pub name: String,
    /// The device itself.
    pub device: Box<dyn Device>,
    /// The stream of each of its sensors, in the order of [`Device::sensors`].
    pub streams: Vec<Stream>,
    /// How often.
    pub rhythm: Rhythm,
    /// The longest wait between two attempts while it fails.
    pub retry_max: Duration,
}

pub(super) struct AcquiredDevice {
    plan: DevicePlan,
    schedule: Schedule,
    /// While it fails: why, and when it will be tried again.
    outage: Option<Outage>,
    backoff: Backoff,
    /// The worst that happened since a speaking device was last heard.
    grievance: Option<NoData>,
    frames: FrameCount,
    ordinal: u64,
    counters: Arc<Counters>,
}

#[derive(Clone, Copy)]
struct Outage {
    reason: NoData,
    retry_at: Monotonic,
}

/// Which of two reasons tells more about a device that should have been heard.
fn worse(one: NoData, other: NoData) -> NoData {
    let rank = |reason| [NoData::Silent, NoData::NotReady].iter().position(|&r| r == reason);
    let rank = |reason| rank(reason).unwrap_or(usize::MAX);
    if rank(one) > rank(other) { one } else { other }
}

type Put<'a> = &'a mut dyn FnMut(Acquired) -> bool;

impl AcquiredDevice {
    pub(super) fn new(plan: DevicePlan, start: Monotonic, counters: Arc<Counters>) -> Self {
        let schedule = match plan.rhythm {
            Rhythm::Every(period) => Schedule::new(start, period),
            Rhythm::SilentFor(silence) => Schedule::new(start + silence, silence),
        };
        let backoff = Backoff::new(RETRY_FIRST, plan.retry_max, plan.number as u64);
        let frames = FrameCount::default();
        Self {
            plan,
            schedule,
            outage: None,
            backoff,
            grievance: None,
            frames,
            ordinal: 0,
            counters,
        }
    }

    pub(super) fn next_due(&self) -> Monotonic {
        match (self.plan.device.pacing(), self.outage) {
            (Pacing::Asked, _) => self.schedule.next_due(),
            (Pacing::Speaks, None) => Monotonic::default(),
            (Pacing::Speaks, Some(outage)) => outage.retry_at.min(self.schedule.next_due()),
        }
    }

    /// Does what is due. False when nobody takes the readings any more.
    pub(super) fn serve(&mut self, clock: &dyn Clock, put: Put<'_>) -> bool {
        match self.plan.device.pacing() {
            Pacing::Asked => self.ask(clock, put),
            Pacing::Speaks => self.listen(clock, put),
        }
    }

    fn ask(&mut self, clock: &dyn Clock, put: Put<'_>) -> bool {
        let now = clock.now();
        let Some(slot) = self.schedule.take(now.monotonic) else { return true };
        if slot.missed > 0 {
            self.counters.deadlines_missed.add(slot.missed);
            if !self.put_gap(NoData::Missed, now, put) {
                return false;
            }
        }
        match self.outage {
            Some(outage) if now.monotonic < outage.retry_at => {
                self.put_gap(outage.reason, now, put)
            }
            Some(_) | None => match self.measure(Duration::ZERO) {
                Ok(measurement) => self.put_measurement(&measurement, clock.now(), put),
                Err(reason) => {
                    let now = clock.now();
                    self.note_failure(reason, now.monotonic);
                    self.put_gap(reason, now, put)
                }
            },
        }
    }

    fn listen(&mut self, clock: &dyn Clock, put: Put<'_>) -> bool {
        let now = clock.now();
        if self.outage.is_none_or(|outage| now.monotonic >= outage.retry_at) {
            let patience = self.schedule.next_due().saturating_since(now.monotonic).min(LISTEN_MAX);
            match self.measure(patience) {
                Ok(measurement) => {
                    let now = clock.now();
                    self.expect_by(now.monotonic);
                    return self.put_measurement(&measurement, now, put);
                }
                Err(reason) if !self.bear(reason, clock.now(), put) => return false,
                Err(_) => {}
            }
        }
        self.end_silence(clock.now(), put)
    }

    /// Takes note of an attempt to listen that gave nothing.
    fn bear(&mut self, reason: NoData, now: Timestamp, put: Put<'_>) -> bool {
        // Garbage and silence are no reason to stop listening; whether they are a gap is known when
        // the time allowed for silence is over.
        if matches!(reason, NoData::Silent | NoData::Corrupt | NoData::NotReady) {
            self.grievance = Some(self.grievance.map_or(reason, |earlier| worse(earlier, reason)));
            self.recover();
            return true;
        }
        let was_well = self.outage.is_none();
        self.note_failure(reason, now.monotonic);
        if !was_well {
            return true;
        }
        // The first gap of an outage is told at once, the next one a silence later.
        self.expect_by(now.monotonic);
        self.put_gap(reason, now, put)
    }

    /// Reports a gap if the device should have been heard by now.
    fn end_silence(&mut self, now: Timestamp, put: Put<'_>) -> bool {
        let Some(slot) = self.schedule.take(now.monotonic) else { return true };
        self.counters.deadlines_missed.add(slot.missed);
        let during_outage = self.outage.map(|outage| outage.reason);
        let reason = during_outage.or(self.grievance.take()).unwrap_or(NoData::Silent);
        self.put_gap(reason, now, put)
    }

    /// The device was heard from: it has its full time again.
    fn expect_by(&mut self, now: Monotonic) {
        if let Rhythm::SilentFor(silence) = self.plan.rhythm {
            self.schedule = Schedule::new(now + silence, silence);
        }
        self.grievance = None;
    }

    /// One transaction, with panics caught.
    fn measure(&mut self, patience: Duration) -> Result<Measurement, NoData> {
        let device = &mut self.plan.device;
        // A device that panicked may be left in any state; its contract makes it set itself up anew,
        // and if it panics again, that is caught again.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let outcome = device.measure(patience);
            (outcome, device.frames())
        }));
        let Ok((outcome, frames)) = outcome else {
            self.counters.device_panics.add(1);
            return Err(NoData::Internal);
        };
        self.counters.frames(self.frames, frames);
        self.frames = frames;
        outcome
    }

    fn note_failure(&mut self, reason: NoData, now: Monotonic) {
        if !reason.is_device_failure() {
            self.recover();
            return;
        }
        self.counters.device_failures.add(1);
        if self.outage.is_none_or(|outage| outage.reason != reason) {
            tracing::warn!(device = self.plan.name, reason = reason.code(), "device fails");
        }
        self.outage = Some(Outage { reason, retry_at: now + self.backoff.fail() });
    }

    fn recover(&mut self) {
        if self.outage.take().is_some() {
            let attempts = self.backoff.failures();
            tracing::info!(device = self.plan.name, attempts, "device answers again");
            self.counters.device_recoveries.add(1);
            self.backoff.succeed();
        }
    }

    fn put_measurement(&mut self, measurement: &Measurement, now: Timestamp, put: Put<'_>) -> bool {
        self.recover();
        self.counters.measurements_taken.add(1);
        let at = now.before(measurement.age);
        let streams = &self.plan.streams;
        let readings: Vec<_> = measurement
            .outcomes
            .iter()
            .filter_map(|&(sensor, outcome)| {
                let stream = streams.get(sensor)?.clone();
                Some(StreamReading { stream, reading: Reading { at, outcome } })
            })
            .collect();
        self.put(readings, put)
    }

    fn put_gap(&mut self, reason: NoData, at: Timestamp, put: Put<'_>) -> bool {
        let gap = Reading { at, outcome: Err(reason) };
        let streams = self.plan.streams.iter();
        let readings = streams.map(|s| StreamReading { stream: s.clone(), reading: gap }).collect();
        self.put(readings, put)
    }

    fn put(&mut self, readings: Vec<StreamReading>, put: Put<'_>) -> bool {
        if readings.is_empty() {
            return true;
        }
        for reason in readings.iter().filter_map(|reading| reading.reading.outcome.err()) {
            self.counters.gap(reason);
        }
        let ordinal = self.ordinal;
        self.ordinal += 1;
        put(Acquired { device: self.plan.number, ordinal, readings })
    }
}
