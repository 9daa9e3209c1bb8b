//! Acquisition: one worker per bus asks each device at its time, or listens to it.
//!
//! # Terms
//!
//! * **Slot** — a time at which a device is due; see [`schedule`](crate::schedule).
//! * **Outage** — the time from a device's failure to its next success or reset. During an outage each
//!   slot still gives a gap with the reason, but the bus is troubled only when the
//!   [state machine](domain::DeviceHealth) says so.
//! * **Overdue** — a transaction that takes longer than its worst case; see
//!   [`supervise`](crate::supervise).
//! * **Errand** — what a command wants done by the worker: the last gap of a device that is stopped, or
//!   the chip's own calibration procedure.
//! * **Silence** — how long a device that speaks unasked may say nothing before that is a gap.
//!
//! # Invariants
//!
//! 1. A device that fails, hangs within its worst case or panics delays the others on its bus by no
//!    more than that. It is asked again at growing intervals, and left alone after as many failures as
//!    its plan allows; how it comes back from there is its plan's choice too.
//! 2. An old quantity is never repeated as a new one; the status says how old the last good one is.
//! 3. A slot that was due has one outcome, or is one of a run that a gap stands for and that is counted.
//!
//! 4. A device that is stopped gives one gap, and then nothing until it is started.
//! 5. A calibration is applied to each quantity of its sensor before that becomes a reading.
//!
//! # Deliberately absent
//!
//! The network, the disk, and any knowledge of what kind of bus it is.

mod book;
mod bus;
mod device;
mod plan;

use core::time::Duration;
use std::sync::Arc;

use domain::{Monotonic, StreamReading};
use ports::{Clock, Wake};

pub(crate) use self::bus::Bus;
pub use self::plan::{DevicePlan, Priority, Rhythm};
use self::{
    book::Book,
    device::{AcquiredDevice, Surroundings},
};
use crate::{queue::Inlet, schedule::phases, telemetry::Counters};

/// What one slot or one frame of one device gave, on its way to storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Acquired {
    /// Which device, by its number in the gateway.
    pub device: usize,
    /// Which of that device's outcomes, counted from 0: a hole means that the queue dropped some.
    pub ordinal: u64,
    /// The readings, all of one time. Never empty.
    pub readings: Vec<StreamReading>,
}

/// The longest that a worker sleeps before it looks for commands.
const HEED_MAX: Duration = Duration::from_millis(250);

/// Serves the devices of one bus, one after the other.
pub struct BusWorker {
    devices: Vec<AcquiredDevice>,
    bus: Arc<Bus>,
    clock: Arc<dyn Clock>,
    inlet: Inlet<Acquired>,
}

impl BusWorker {
    /// A worker for the devices in `plans`. The first slot of each is now or a little later: see
    /// [`phases`].
    pub fn new(
        plans: Vec<DevicePlan>,
        clock: Arc<dyn Clock>,
        inlet: Inlet<Acquired>,
        counters: &Arc<Counters>,
    ) -> Self {
        let start = clock.now().monotonic;
        let (mut books, mut devices) = (Vec::new(), Vec::new());
        let phases = phases_of(&plans);
        for (plan, phase) in plans.into_iter().zip(phases) {
            books.push(Book::new(&plan, start + phase, Arc::clone(counters)));
            devices.push(AcquiredDevice::new(devices.len(), plan.device, Arc::clone(counters)));
        }
        let bus = Arc::new(Bus::new(books, Arc::clone(counters)));
        Self { devices, bus, clock, inlet }
    }

    /// The books of its bus.
    pub(crate) fn bus(&self) -> Arc<Bus> {
        Arc::clone(&self.bus)
    }

    #[cfg(test)]
    pub(crate) fn inlet(&self) -> Inlet<Acquired> {
        self.inlet.clone()
    }

    /// When there is something to do next; `None` for a bus without devices.
    pub fn next_due(&self) -> Option<Monotonic> {
        self.bus.earliest().map(|(_, due)| due)
    }

    /// Serves the device that has been due longest, if one is due. False when nobody takes the
    /// readings any more.
    pub fn step(&mut self) -> bool {
        let Some((index, due)) = self.bus.earliest() else { return true };
        if due > self.clock.now().monotonic {
            return true;
        }
        let around = Surroundings { bus: &self.bus, clock: &*self.clock, inlet: &self.inlet };
        self.devices.get_mut(index).is_none_or(|device| device.serve(&around))
    }

    /// Serves the bus until the clock is interrupted. A command is heeded within 250 ms of the end
    /// of the transaction on its way.
    pub fn run(mut self) {
        while let Some(due) = self.next_due() {
            let due = due.min(self.clock.now().monotonic + HEED_MAX);
            if self.clock.sleep_until(due) == Wake::Interrupted || !self.step() {
                break;
            }
        }
        self.bus.abandon();
    }
}

/// The phase of each device; those that speak unasked have none and do not count.
fn phases_of(plans: &[DevicePlan]) -> Vec<Duration> {
    let period = |plan: &DevicePlan| match plan.rhythm {
        Rhythm::Every(period) => Some(period),
        Rhythm::SilentFor(_) => None,
    };
    let periods: Vec<_> = plans.iter().filter_map(period).collect();
    let mut phases = phases(&periods).into_iter();
    let phase = |plan| period(plan).and_then(|_| phases.next()).unwrap_or_default();
    plans.iter().map(phase).collect()
}

#[cfg(test)]
mod tests;
