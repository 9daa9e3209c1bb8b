//! Acquisition: one worker per bus asks each device at its time, or listens to it.
//!
//! # Terms
//!
//! * **Slot** — a time at which a device is due; see [`schedule`](crate::schedule).
//! * **Outage** — the time from a device's failure to its next success. During an outage each slot
//!   still gives a gap with the reason, but the bus is troubled only when the back-off says so.
//! * **Silence** — how long a device that speaks unasked may say nothing before that is a gap.
//!
//! # Invariants
//!
//! 1. A device that fails, hangs within its worst case or panics delays the others on its bus by no
//!    more than that, and is asked again for ever, at growing intervals.
//! 2. An old quantity is never repeated as a new one.
//!
//! # Deliberately absent
//!
//! The network, the disk, and any knowledge of what kind of bus it is.

mod device;

use std::sync::Arc;

use domain::{Monotonic, StreamReading};
use ports::{Clock, Wake};

pub use device::{DevicePlan, Rhythm};

use self::device::AcquiredDevice;
use crate::{queue::Inlet, telemetry::Counters};

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

/// Serves the devices of one bus, one after the other.
pub struct BusWorker {
    devices: Vec<AcquiredDevice>,
    clock: Arc<dyn Clock>,
    inlet: Inlet<Acquired>,
}

impl BusWorker {
    /// A worker for the devices in `plans`, whose first slots are all due at once.
    pub fn new(
        plans: Vec<DevicePlan>,
        clock: Arc<dyn Clock>,
        inlet: Inlet<Acquired>,
        counters: &Arc<Counters>,
    ) -> Self {
        let start = clock.now().monotonic;
        let devices = plans
            .into_iter()
            .map(|plan| AcquiredDevice::new(plan, start, Arc::clone(counters)))
            .collect();
        Self { devices, clock, inlet }
    }

    /// When there is something to do next; `None` for a bus without devices.
    pub fn next_due(&self) -> Option<Monotonic> {
        self.devices.iter().map(AcquiredDevice::next_due).min()
    }

    /// Serves the device that has been due longest, if one is due. False when nobody takes the
    /// readings any more.
    pub fn step(&mut self) -> bool {
        let Some(device) = self.devices.iter_mut().min_by_key(|device| device.next_due()) else {
            return true;
        };
        if device.next_due() > self.clock.now().monotonic {
            return true;
        }
        let (clock, inlet) = (&*self.clock, &self.inlet);
        device.serve(clock, &mut |acquired| inlet.put(acquired).is_ok())
    }

    /// Serves the bus until the clock is interrupted.
    pub fn run(mut self) {
        while let Some(due) = self.next_due() {
            if self.clock.sleep_until(due) == Wake::Interrupted || !self.step() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
