//! The transactions with one device: the only place that calls it, and that may hang.

use core::time::Duration;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use domain::{Monotonic, NoData};
use ports::{Calibrating, Clock, Device, FrameCount, Measurement, NotCalibrated, Pacing};

use super::{
    Acquired,
    book::{Errand, Run},
    bus::Bus,
};
use crate::{queue::Inlet, telemetry::Counters};

pub(super) struct AcquiredDevice {
    /// Its index on the bus.
    index: usize,
    device: Box<dyn Device>,
    worst_case: Duration,
    frames: FrameCount,
    counters: Arc<Counters>,
}

/// What a device needs around it to be served.
pub(super) struct Surroundings<'a> {
    pub(super) bus: &'a Bus,
    pub(super) clock: &'a dyn Clock,
    pub(super) inlet: &'a Inlet<Acquired>,
}

impl Surroundings<'_> {
    /// False when nobody takes the readings any more.
    fn put(&self, told: impl IntoIterator<Item = Acquired>) -> bool {
        told.into_iter().all(|acquired| self.inlet.put(acquired).is_ok())
    }
}

impl AcquiredDevice {
    pub(super) fn new(index: usize, device: Box<dyn Device>, counters: Arc<Counters>) -> Self {
        let worst_case = device.worst_case();
        Self { index, device, worst_case, frames: FrameCount::default(), counters }
    }

    /// Does what is due. False when nobody takes the readings any more.
    pub(super) fn serve(&mut self, around: &Surroundings<'_>) -> bool {
        match around.bus.errand(self.index, around.clock.now()) {
            Some(Errand::Farewell(told)) => return around.put(told),
            Some(Errand::Procedure(run)) => return self.calibrate(run, around),
            None => {}
        }
        match self.device.pacing() {
            Pacing::Asked => self.ask(around),
            Pacing::Speaks => self.listen(around),
        }
    }

    fn ask(&mut self, around: &Surroundings<'_>) -> bool {
        let is_pressed = around.inlet.is_pressed();
        let opened = around.bus.open(self.index, around.clock.now(), is_pressed);
        if !around.put(opened.told) {
            return false;
        }
        opened.slot.is_none_or(|due| self.transact(Some(due), Duration::ZERO, around))
    }

    fn listen(&mut self, around: &Surroundings<'_>) -> bool {
        let now = around.clock.now();
        match around.bus.patience(self.index, now.monotonic) {
            Some(patience) => self.transact(None, patience, around),
            None => around.put(around.bus.end_silence(self.index, now)),
        }
    }

    /// One transaction, for the slot that was due then or to listen, watched from outside.
    fn transact(
        &mut self,
        slot: Option<Monotonic>,
        patience: Duration,
        around: &Surroundings<'_>,
    ) -> bool {
        let (bus, clock) = (around.bus, around.clock);
        let span = patience.saturating_add(self.worst_case);
        bus.begin(self.index, slot, clock.now().monotonic, span);
        let outcome = self.measure(patience);
        let ended = bus.end(outcome, clock.now());
        around.put(ended.told) && (!ended.is_wedged || self.unwedge(around))
    }

    fn unwedge(&mut self, around: &Surroundings<'_>) -> bool {
        self.counters.unwedges_tried.add(1);
        around.bus.watch(self.index, around.clock.now().monotonic, self.worst_case);
        if self.catch(|device| device.unwedge()).is_err() {
            self.counters.unwedges_failed.add(1);
        }
        around.put(around.bus.end_watch())
    }

    /// Lets the device take a step in calibrating itself, watched from outside as a transaction is.
    fn calibrate(&mut self, run: Run, around: &Surroundings<'_>) -> bool {
        around.bus.watch(self.index, around.clock.now().monotonic, self.worst_case);
        let step = self.catch(|device| Ok(device.calibrate(run.name, run.target)));
        let outcome = match step {
            Ok(outcome) => outcome,
            Err(panicked) => Err(NotCalibrated::Failed(panicked)),
        };
        let is_heard = around.put(around.bus.end_watch());
        let outcome = match outcome {
            Ok(Calibrating::Waits(span)) => {
                around.bus.resume(self.index, run, around.clock.now().monotonic + span);
                return is_heard;
            }
            Ok(Calibrating::Done(correction)) => Ok(correction),
            Err(failed) => Err(failed),
        };
        // Whoever asked may have given up.
        let _ = run.reply.try_send(outcome);
        is_heard
    }

    /// One transaction: what it found, oldest first and the newest last.
    fn measure(&mut self, patience: Duration) -> Result<Vec<Measurement>, NoData> {
        let (outcome, frames) = self.catch(|device| {
            let found = device.measure(patience).map(|newest| {
                let mut found = device.earlier();
                found.push(newest);
                found
            });
            Ok((found, device.frames()))
        })?;
        self.counters.frames(self.frames, frames);
        self.frames = frames;
        outcome
    }

    /// One call to the device, with panics caught.
    fn catch<T>(
        &mut self,
        call: impl FnOnce(&mut dyn Device) -> Result<T, NoData>,
    ) -> Result<T, NoData> {
        let device = &mut *self.device;
        // A device that panicked may be left in any state; its contract makes it set itself up anew,
        // and if it panics again, that is caught again.
        catch_unwind(AssertUnwindSafe(|| call(device))).unwrap_or_else(|_| {
            self.counters.device_panics.add(1);
            Err(NoData::Internal)
        })
    }
}
