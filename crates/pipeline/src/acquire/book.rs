//! What is known of one device, but for the device itself: when it is due, how it fares, what it has
//! said. Its bus worker and the supervisor write it in turn.

mod orders;
mod spread;

use core::time::Duration;
use std::sync::Arc;

use crossbeam_channel::Sender;
use domain::{
    Calibration, Correction, DeviceHealth, DeviceState, Monotonic, NoData, Reading, Stream,
    StreamReading, Timestamp,
};
use ports::{Measurement, NotCalibrated, Pacing, Procedure};
use wire::status::{DeviceStatus, Lateness};

use self::spread::Spread;
use super::{Acquired, DevicePlan, Priority, Rhythm};
use crate::{
    quality::{Quality, nanos},
    schedule::Schedule,
    telemetry::Counters,
};

/// The longest that a worker listens before it looks whether the gateway is shutting down.
const LISTEN_MAX: Duration = Duration::from_millis(250);

pub(super) struct Book {
    number: usize,
    name: String,
    streams: Vec<Stream>,
    rhythm: Rhythm,
    pacing: Pacing,
    priority: Priority,
    schedule: Schedule,
    health: DeviceHealth,
    quality: Quality,
    last_good: Option<Timestamp>,
    /// The worst that happened since a speaking device was last heard.
    grievance: Option<NoData>,
    /// Slots that came since the last one that was taken under pressure.
    since_taken: u32,
    ordinal: u64,
    /// How long one transaction occupies the bus when all is well.
    time_on_bus: Duration,
    /// For a device whose own clock times its samples.
    spread: Option<Spread>,
    activity: Activity,
    /// The correction of each sensor, if it has one.
    calibrations: Vec<Option<Calibration>>,
    /// The calibration procedures that the chip has for itself.
    procedures: &'static [Procedure],
    /// That which is to be run, or waits for its next step.
    procedure: Option<Run>,
    counters: Arc<Counters>,
}

/// Where the outcome of a calibration procedure goes.
pub(super) type Reply = Sender<Result<Option<Correction>, NotCalibrated>>;

/// A calibration procedure that is run, step by step.
pub(super) struct Run {
    pub(super) name: &'static str,
    pub(super) target: Option<f64>,
    /// When its next step is due.
    pub(super) due: Monotonic,
    /// What is begun is run to its end, whether or not somebody waits for it.
    pub(super) has_begun: bool,
    pub(super) reply: Reply,
}

/// Whether a device is acquired.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Activity {
    Running,
    /// It is to be stopped, and the gap that says so has not been told.
    Stopping,
    Stopped,
}

/// What is to be done with a device before it is asked.
pub(super) enum Errand {
    /// Tell that it is stopped.
    Farewell(Option<Acquired>),
    /// Let it take a step in calibrating itself.
    Procedure(Run),
}

/// What a slot that has come leads to.
#[derive(Default)]
pub(super) struct Opened {
    /// To be told before anything else.
    pub(super) told: Vec<Acquired>,
    /// When the slot was due, if the device is to be asked for it.
    pub(super) slot: Option<Monotonic>,
}

/// Which of two reasons tells more about a device that should have been heard.
fn worse(one: NoData, other: NoData) -> NoData {
    let rank = |reason| [NoData::Silent, NoData::NotReady].iter().position(|&r| r == reason);
    let rank = |reason| rank(reason).unwrap_or(usize::MAX);
    if rank(one) > rank(other) { one } else { other }
}

impl Book {
    /// The book of the device in `plan`, whose first slot is at `start`.
    pub(super) fn new(plan: &DevicePlan, start: Monotonic, counters: Arc<Counters>) -> Self {
        let schedule = match plan.rhythm {
            Rhythm::Every(period) => Schedule::new(start, period),
            Rhythm::SilentFor(silence) => Schedule::new(start + silence, silence),
        };
        Self {
            number: plan.number,
            name: plan.name.clone(),
            streams: plan.streams.clone(),
            rhythm: plan.rhythm,
            pacing: plan.device.pacing(),
            priority: plan.priority,
            schedule,
            health: DeviceHealth::new(plan.faults, plan.number as u64),
            quality: Quality::default(),
            last_good: None,
            grievance: None,
            since_taken: 0,
            ordinal: 0,
            time_on_bus: plan.device.time_on_bus(),
            spread: plan.device.sample_period_max().map(Spread::new),
            activity: Activity::Running,
            calibrations: vec![None; plan.streams.len()],
            procedures: plan.device.procedures(),
            procedure: None,
            counters,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn standing(&self) -> DeviceState {
        self.health.standing()
    }

    pub(super) fn next_due(&self) -> Monotonic {
        let step = self.procedure.as_ref().map(|run| run.due);
        step.map_or(self.next_turn(), |step| step.min(self.next_turn()))
    }

    /// When the device is to be asked or listened to, or has its last gap.
    fn next_turn(&self) -> Monotonic {
        if self.activity != Activity::Running {
            return self.next_slot();
        }
        let slot = self.schedule.next_due();
        match (self.pacing, self.standing()) {
            (Pacing::Asked, _) => slot,
            (Pacing::Speaks, DeviceState::Idle) => Monotonic::default(),
            (Pacing::Speaks, _) => self.health.retry_at().map_or(slot, |retry| retry.min(slot)),
        }
    }

    /// When the next slot is due, whether or not the device has something to do before.
    /// A device that is stopped is never due, but for its last gap.
    pub(super) const fn next_slot(&self) -> Monotonic {
        match self.activity {
            Activity::Running => self.schedule.next_due(),
            Activity::Stopping => Monotonic::from_nanos(0),
            Activity::Stopped => Monotonic::from_nanos(u64::MAX),
        }
    }

    /// Takes what is to be done before the device is asked, if there is anything.
    pub(super) fn errand(&mut self, now: Timestamp) -> Option<Errand> {
        match self.procedure.take_if(|run| run.due <= now.monotonic) {
            Some(run) => Some(Errand::Procedure(run)),
            None => {
                (self.activity != Activity::Running).then(|| Errand::Farewell(self.farewell(now)))
            }
        }
    }

    /// The last gap of a device that is stopped. Slots that came before and were not taken are missed.
    fn farewell(&mut self, now: Timestamp) -> Option<Acquired> {
        if self.activity != Activity::Stopping {
            return None;
        }
        if let Some(slot) = self.schedule.take(now.monotonic) {
            self.miss(slot.missed + 1);
        }
        let gap = self.gap(NoData::Stopped, now);
        self.activity = Activity::Stopped;
        gap
    }

    /// Takes the slot that has come.
    pub(super) fn open(&mut self, now: Timestamp, is_pressed: bool) -> Opened {
        let mut opened = Opened::default();
        let Some(slot) = self.schedule.take(now.monotonic) else { return opened };
        if slot.missed > 0 {
            self.miss(slot.missed);
            opened.told.extend(self.gap(NoData::Missed, now));
        }
        if self.sheds(is_pressed) {
            self.counters.slots_shed.add(1);
            self.quality.shed += 1;
            // One gap stands for the run.
            if self.since_taken == 1 {
                opened.told.extend(self.gap(NoData::Shed, now));
            }
            return opened;
        }
        match self.health.may_measure(now.monotonic) {
            Ok(()) => opened.slot = Some(slot.due),
            Err(reason) => opened.told.extend(self.gap(reason, now)),
        }
        opened
    }

    fn miss(&mut self, slots: u64) {
        self.counters.deadlines_missed.add(slots);
        self.quality.missed += slots;
    }

    /// Whether the slot at hand is not to be taken, and counts it.
    fn sheds(&mut self, is_pressed: bool) -> bool {
        let Priority::Low { slow_down } = self.priority else { return false };
        if is_pressed {
            self.since_taken = (self.since_taken + 1) % slow_down;
        } else {
            self.since_taken = 0;
        }
        self.since_taken != 0
    }

    /// How long to listen at `now`, or `None` if the bus is to be left alone.
    pub(super) fn patience(&self, now: Monotonic) -> Option<Duration> {
        self.health.may_measure(now).ok()?;
        Some(self.schedule.next_due().saturating_since(now).min(LISTEN_MAX))
    }

    /// A transaction begins; it is for the slot that was due then, if for any.
    pub(super) fn begin(&mut self, slot: Option<Monotonic>, now: Monotonic) {
        self.health.begin();
        if let Some(due) = slot {
            self.quality.lateness.record(now.saturating_since(due));
        }
    }

    /// The transaction for a slot is over, after `span`.
    pub(super) fn answer(
        &mut self,
        outcome: Result<Vec<Measurement>, NoData>,
        span: Duration,
        now: Timestamp,
    ) -> Vec<Acquired> {
        self.quality.occupied(span);
        match outcome {
            Ok(found) => self.found(&found, now),
            Err(reason) => {
                self.note_failure(reason, now.monotonic);
                self.gap(reason, now).into_iter().collect()
            }
        }
    }

    /// The transaction for a slot is over, but the slot was given up meanwhile.
    pub(super) fn answer_too_late(&mut self, span: Duration, now: Monotonic) {
        self.quality.occupied(span);
        self.note_failure(NoData::Timeout, now);
    }

    /// Listening is over.
    pub(super) fn hear(
        &mut self,
        outcome: Result<Vec<Measurement>, NoData>,
        now: Timestamp,
    ) -> Vec<Acquired> {
        match outcome {
            Ok(found) => {
                self.expect_by(now.monotonic);
                self.found(&found, now)
            }
            Err(reason) => self.bear(reason, now).into_iter().collect(),
        }
    }

    /// Takes note of an attempt to listen that gave nothing.
    fn bear(&mut self, reason: NoData, now: Timestamp) -> Option<Acquired> {
        // Garbage and silence are no reason to stop listening; whether they are a gap is known when
        // the time allowed for silence is over.
        if matches!(reason, NoData::Silent | NoData::Corrupt | NoData::NotReady) {
            self.grievance = Some(self.grievance.map_or(reason, |earlier| worse(earlier, reason)));
            self.succeed();
            return None;
        }
        let was_well = self.standing() == DeviceState::Idle;
        self.note_failure(reason, now.monotonic);
        if !was_well {
            return None;
        }
        // The first gap of an outage is told at once, the next one a silence later.
        self.expect_by(now.monotonic);
        self.gap(reason, now)
    }

    /// Gives a gap if the device should have been heard by now.
    pub(super) fn end_silence(&mut self, now: Timestamp) -> Option<Acquired> {
        let slot = self.schedule.take(now.monotonic)?;
        self.miss(slot.missed);
        let reason = self.health.reason().or(self.grievance.take()).unwrap_or(NoData::Silent);
        self.gap(reason, now)
    }

    /// Gives a gap if a slot has come while the bus is stuck.
    pub(super) fn end_stuck_slot(&mut self, now: Timestamp) -> Option<Acquired> {
        if self.activity != Activity::Running {
            return self.farewell(now);
        }
        let slot = self.schedule.take(now.monotonic)?;
        self.miss(slot.missed);
        self.gap(NoData::Timeout, now)
    }

    /// The device was heard from: it has its full time again.
    fn expect_by(&mut self, now: Monotonic) {
        if let Rhythm::SilentFor(silence) = self.rhythm {
            self.schedule = Schedule::new(now + silence, silence);
        }
        self.grievance = None;
    }

    fn note_failure(&mut self, reason: NoData, now: Monotonic) {
        if !reason.is_device_failure() {
            self.succeed();
            return;
        }
        self.counters.device_failures.add(1);
        if self.health.reason() != Some(reason) {
            tracing::warn!(device = self.name, reason = reason.code(), "device fails");
        }
        let before = self.standing();
        if self.health.fail(reason, now) == DeviceState::SafeState
            && before != DeviceState::SafeState
        {
            self.counters.safe_states_entered.add(1);
            let failures = self.health.failures();
            tracing::warn!(device = self.name, failures, "device is left alone");
        }
    }

    fn succeed(&mut self) {
        let attempts = self.health.failures();
        if self.health.succeed() {
            tracing::info!(device = self.name, attempts, "device answers again");
            self.counters.device_recoveries.add(1);
        }
    }

    /// Somebody vouches for the device.
    pub(super) fn reset(&mut self) {
        if self.health.reset() {
            tracing::info!(device = self.name, "device is reset");
        }
    }

    fn found(&mut self, found: &[Measurement], now: Timestamp) -> Vec<Acquired> {
        let times = match &mut self.spread {
            Some(spread) => spread.times(found, now),
            None => found.iter().map(|measurement| now.before(measurement.age)).collect(),
        };
        found.iter().zip(times).filter_map(|(found, at)| self.measured(found, at)).collect()
    }

    fn measured(&mut self, measurement: &Measurement, at: Timestamp) -> Option<Acquired> {
        self.succeed();
        self.counters.measurements_taken.add(1);
        if measurement.outcomes.iter().any(|(_, outcome)| outcome.is_ok()) {
            self.last_good = Some(at);
        }
        let (streams, calibrations) = (&self.streams, &self.calibrations);
        let readings = measurement.outcomes.iter().filter_map(|&(sensor, outcome)| {
            let stream = streams.get(sensor)?.clone();
            let calibration = calibrations.get(sensor).copied().flatten();
            let outcome = match calibration {
                Some(calibration) => outcome.and_then(|quantity| calibration.apply(quantity)),
                None => outcome,
            };
            Some(StreamReading { stream, reading: Reading::measured(at, outcome) })
        });
        let readings = readings.collect();
        self.tell(readings)
    }

    pub(super) fn gap(&mut self, reason: NoData, at: Timestamp) -> Option<Acquired> {
        let gap = Reading::measured(at, Err(reason));
        let streams = self.streams.iter();
        let readings = streams.map(|s| StreamReading { stream: s.clone(), reading: gap }).collect();
        self.tell(readings)
    }

    fn tell(&mut self, readings: Vec<StreamReading>) -> Option<Acquired> {
        // What was still on its way when the device was stopped comes too late.
        if readings.is_empty() || self.activity == Activity::Stopped {
            return None;
        }
        for reason in readings.iter().filter_map(|reading| reading.reading.outcome.err()) {
            self.counters.gap(reason);
        }
        let ordinal = self.ordinal;
        self.ordinal += 1;
        Some(Acquired { device: self.number, ordinal, readings })
    }

    pub(super) fn status(&self, is_stuck: bool) -> DeviceStatus {
        let lateness = &self.quality.lateness;
        DeviceStatus {
            state: self.health.state(),
            is_stuck,
            is_stopped: self.activity != Activity::Running,
            is_calibrated: self.calibrations.iter().any(Option::is_some),
            period_us: self.period().map(|period| nanos(period) / 1_000),
            failures: self.health.failures().into(),
            reason: self.health.reason(),
            last_good: self.last_good,
            missed: self.quality.missed,
            shed: self.quality.shed,
            lateness: Lateness {
                p50: lateness.percentile(50),
                p99: lateness.percentile(99),
                max: lateness.max(),
            },
            on_bus_ns: nanos(self.quality.on_bus),
            on_bus_ns_max: nanos(self.quality.on_bus_max),
        }
    }
}
