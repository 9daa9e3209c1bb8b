//! Supervision: sees a bus worker that hangs in the kernel, and speaks for its devices meanwhile.
//!
//! A worker that is stuck in a transaction can do nothing about it, not even say so. The supervisor
//! never touches a device and never waits for anything but the time, so it cannot get stuck with one.
//!
//! # Terms
//!
//! * **Overdue** — a transaction that is still going on though its worst case is over. Its bus is
//!   **stuck** until it ends.
//! * **Board** — how all devices of the gateway fare, for the status, and where [commands](crate::command)
//!   take hold of one.
//!
//! # Invariants
//!
//! 1. A slot has one outcome. Those that come while a bus is stuck, and the one that the overdue
//!    transaction is for, get a `timeout` gap from the supervisor; what the transaction yields in the
//!    end is not used, and the worker does not miss those slots again.
//! 2. One bus that is stuck does not delay another, nor the supervisor.
//!
//! # Deliberately absent
//!
//! Ending a stuck thread: the kernel does not let go of it. A device that can free its bus does so
//! itself when its worker is back; see `ports::Device::unwedge`.

use core::time::Duration;
use std::{collections::BTreeMap, sync::Arc};

use crossbeam_channel::{RecvTimeoutError, bounded};
use domain::{Calibration, Correction, Monotonic, Outcome, Procedure, Refusal, Target};
use ports::{Clock, NotCalibrated, Wake, Waker};
use wire::status::DeviceStatus;

use crate::{
    acquire::{Acquired, Bus, BusWorker},
    queue::Inlet,
};

/// How often the supervisor looks, at least; and so how late it may see a transaction overdue.
const LOOK_MAX: Duration = Duration::from_millis(100);
/// How often it looks, at most, however short the periods on a stuck bus are.
const LOOK_MIN: Duration = Duration::from_millis(10);

/// The longest wait for the end of a calibration procedure that has begun when the patience for it is over.
const END_MAX: Duration = Duration::from_secs(5);

/// How all devices of some buses fare.
#[derive(Clone, Default)]
pub struct Board {
    buses: Vec<Arc<Bus>>,
}

impl Board {
    /// The board of the devices that these workers serve.
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a BusWorker>) -> Self {
        Self { buses: workers.into_iter().map(BusWorker::bus).collect() }
    }

    /// From now on `listener` is called whenever [`changes`](Self::changes) has grown. Only the first
    /// listener is ever called.
    pub fn listen(&self, listener: &Waker) {
        self.buses.iter().for_each(|bus| bus.listen(Arc::clone(listener)));
    }

    /// How often a command changed something, a device came into or out of the state error or safe state, or a bus got stuck or
    /// free. That a device which is well begins and ends its transactions is no change.
    pub fn changes(&self) -> u64 {
        self.buses.iter().map(|bus| bus.changes()).sum()
    }

    /// How each device fares, by name.
    pub fn report(&self) -> BTreeMap<String, DeviceStatus> {
        let mut report = BTreeMap::new();
        self.buses.iter().for_each(|bus| bus.report(&mut report));
        report
    }

    /// The names of all devices.
    pub fn names(&self) -> Vec<String> {
        self.buses.iter().flat_map(|bus| bus.names()).collect()
    }

    /// Those that `target` means.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoDevice`] if there is none of that name.
    pub fn meant_by(&self, target: &Target) -> Result<Vec<String>, Refusal> {
        let known = self.names();
        match target {
            Target::Gateway => Ok(known),
            Target::Device(device) if known.contains(device) => Ok(vec![device.clone()]),
            Target::Device(device) => Err(Refusal::NoDevice { device: device.clone(), known }),
        }
    }

    /// What the bus of `device` makes of an order that a bus gives `None` for if it is not its device.
    fn order<T>(&self, device: &str, order: impl Fn(&Bus) -> Option<T>) -> Result<T, Refusal> {
        let done = self.buses.iter().find_map(|bus| order(bus));
        let refused = || Refusal::NoDevice { device: device.to_owned(), known: self.names() };
        done.ok_or_else(refused)
    }

    /// Forgets the failures of the device of this name, so that it is asked at its next slot. False if
    /// there is no such device.
    pub fn reset(&self, device: &str) -> bool {
        self.buses.iter().any(|bus| bus.reset(device))
    }

    /// Asks `device` each `period` from `now` on.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] if there is no such device, it speaks unasked, or its bus has not so much time.
    pub fn set_period(&self, device: &str, period: Duration, now: Monotonic) -> Outcome {
        self.order(device, |bus| bus.set_period(device, period, now))?
    }

    /// Corrects a sensor of `device` from its next measurement on.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] if there is no such device or sensor.
    pub fn calibrate(&self, device: &str, sensor: &str, calibration: Calibration) -> Outcome {
        self.order(device, |bus| bus.calibrate(device, sensor, calibration))?
    }

    /// Stops `device`: it gives one more gap.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoDevice`].
    pub fn stop(&self, device: &str) -> Outcome {
        self.order(device, |bus| bus.stop(device))
    }

    /// Starts `device`, if it is stopped: it is due at `now`.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoDevice`].
    pub fn start(&self, device: &str, now: Monotonic) -> Outcome {
        self.order(device, |bus| bus.start(device, now))
    }

    /// Has the worker of `device` run a calibration procedure of the chip, and waits for its end, but no
    /// longer than `patience`, and 5 s more if it has begun by then. Gives what the chip corrects by since,
    /// if it says so.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] if there is no such device or procedure, or it fails, or the worker does not come
    /// round to it in time, or ends.
    pub fn run_procedure(
        &self,
        device: &str,
        procedure: &Procedure,
        patience: Duration,
    ) -> Result<Option<Correction>, Refusal> {
        let (reply, replied) = bounded(1);
        self.order(device, |bus| bus.set_procedure(device, procedure, reply.clone()))??;
        drop(reply);
        let device = device.to_owned();
        let outcome = match replied.recv_timeout(patience) {
            // What has begun is run to its end.
            Err(RecvTimeoutError::Timeout)
                if !self.order(&device, |bus| bus.forget_procedure(&device))? =>
            {
                replied.recv_timeout(END_MAX)
            }
            outcome => outcome,
        };
        match outcome {
            Ok(Ok(correction)) => Ok(correction),
            Ok(Err(NotCalibrated::NoProcedure)) => {
                let (procedure, known) = (procedure.name.clone(), Vec::new());
                Err(Refusal::NoProcedure { device, procedure, known })
            }
            Ok(Err(NotCalibrated::Failed(reason))) => {
                Err(Refusal::ProcedureFailed { device, reason })
            }
            Ok(Err(NotCalibrated::Rejected)) => Err(Refusal::ProcedureRejected { device }),
            // Its worker hangs or has ended, or somebody else has asked for it since then.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(Refusal::BusStuck { device })
            }
        }
    }
}

/// Watches the workers of some buses.
pub struct Supervisor {
    board: Board,
    clock: Arc<dyn Clock>,
    inlet: Inlet<Acquired>,
}

impl Supervisor {
    /// A supervisor of the buses on `board`. `inlet` is to the queue of their workers.
    pub const fn new(board: Board, clock: Arc<dyn Clock>, inlet: Inlet<Acquired>) -> Self {
        Self { board, clock, inlet }
    }

    /// When it should look next.
    pub fn next_due(&self) -> Monotonic {
        let now = self.clock.now().monotonic;
        let due = self.board.buses.iter().filter_map(|bus| bus.next_inspection()).min();
        due.map_or(now + LOOK_MAX, |due| due.clamp(now + LOOK_MIN, now + LOOK_MAX))
    }

    /// Looks at every bus.
    pub fn step(&self) {
        let now = self.clock.now();
        self.board.buses.iter().for_each(|bus| bus.inspect(now, &self.inlet));
    }

    /// Looks again and again until the clock is interrupted.
    pub fn run(self) {
        while self.clock.sleep_until(self.next_due()) == Wake::Due {
            self.step();
        }
    }
}

#[cfg(test)]
mod tests;
