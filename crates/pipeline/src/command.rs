//! Commands: the one place where an operator's wishes become changes.
//!
//! Whatever a command comes by — a socket now, MQTT or REST later — hands it to
//! [`Commander::execute`], which carries it out or refuses it, keeps what is to survive a restart, has it
//! audited, and answers.
//!
//! # Invariants
//!
//! 1. Each command has one [`Outcome`] and one audit record. A record that the medium does not take is
//!    told to the log; the command counts all the same.
//! 2. What is kept and what is in force change together: commands that change something take turns. The
//!    wait for a chip's own procedure holds nobody up.
//! 3. Each command is counted, by what it asked and what came of it.
//! 4. What is kept of devices or sensors that there are no more is left as it is: they may come back.
//!
//! # Deliberately absent
//!
//! Who may give a command: the way it comes by decides that. Bytes: see `wire::command`.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{Calibration, Command, Correction, Kept, KeptDevice, Outcome, Refusal, Target};
use ports::{Audit, AuditRecord, Clock, Keeper};
use wire::status::DeviceStatus;

use crate::{alarms::AlarmDesk, supervise::Board, telemetry::Counters};

/// The longest wait for a chip's own calibration procedure, and for its bus to come round to it.
pub const PROCEDURE_MAX: Duration = Duration::from_secs(30);

/// What comes back to whoever gave a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What came of it.
    pub outcome: Outcome,
    /// What the chip corrects by since, if it was a calibration procedure and the chip says so.
    pub correction: Option<Correction>,
    /// How the devices fare that it was for, after it; empty if it was refused.
    pub devices: BTreeMap<String, DeviceStatus>,
    /// How many commands there were, by the names of their counters; of the status of all devices only.
    pub counters: BTreeMap<String, u64>,
}

/// Carries out commands on the devices of one board.
pub struct Commander {
    board: Board,
    clock: Arc<dyn Clock>,
    kept: Mutex<Keeping>,
    audit: Mutex<Box<dyn Audit>>,
    counters: Arc<Counters>,
    alarms: AlarmDesk,
}

struct Keeping {
    kept: Kept,
    keeper: Box<dyn Keeper>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Commander {
    /// Commands to the devices of `board`, on which everything `kept` is put in force at once. To be
    /// called before their workers run, so that they begin with it.
    pub fn new(
        board: Board,
        clock: Arc<dyn Clock>,
        kept: Kept,
        keeper: Box<dyn Keeper>,
        audit: Box<dyn Audit>,
        counters: Arc<Counters>,
    ) -> Self {
        let commander = Self {
            board,
            clock,
            kept: Mutex::new(Keeping { kept, keeper }),
            audit: Mutex::new(audit),
            counters,
            alarms: AlarmDesk::new(Vec::new()).0,
        };
        for (device, kept) in &lock(&commander.kept).kept {
            commander.restore(device, kept);
        }
        commander
    }

    /// Takes notes of the alarms of `desk`.
    #[must_use]
    pub fn with_alarms(mut self, desk: AlarmDesk) -> Self {
        self.alarms = desk;
        self
    }

    /// Puts in force what is kept of one device.
    fn restore(&self, device: &str, kept: &KeptDevice) {
        let rate = kept
            .period
            .map(|period| self.board.set_period(device, period, self.clock.now().monotonic));
        let stop = kept.is_stopped.then(|| self.board.stop(device));
        let calibrations = kept.calibrations.iter();
        let calibrations =
            calibrations.map(|(sensor, &line)| self.board.calibrate(device, sensor, line));
        for refusal in rate.into_iter().chain(stop).chain(calibrations).filter_map(Result::err) {
            tracing::warn!(device, %refusal, "a kept setting is not in force");
        }
        let calibrated = kept.calibrations.len();
        let period = kept.period.map(tracing::field::debug);
        tracing::info!(device, period, stopped = kept.is_stopped, calibrated, "kept settings");
    }

    /// Carries out `command` for `who`, and tells what came of it.
    pub fn execute(&self, who: &str, command: &Command) -> Answer {
        let done = self.carry_out(command);
        let correction = done.as_ref().ok().copied().flatten();
        let outcome = done.map(drop);
        self.counters.command(command, &outcome);
        self.record(who, command, &outcome, correction);
        let (mut devices, mut counters) = (BTreeMap::new(), BTreeMap::new());
        if *command == Command::GetStatus(Target::Gateway) {
            counters = self.counters.commands();
        }
        if outcome.is_ok() && !matches!(command, Command::Acknowledge { .. }) {
            devices = self.board.report();
            devices.retain(|name, _| command.device().is_none_or(|device| device == name));
        }
        Answer { outcome, correction, devices, counters }
    }

    fn record(
        &self,
        who: &str,
        command: &Command,
        outcome: &Outcome,
        correction: Option<Correction>,
    ) {
        let (word, device) = (command.word(), command.device());
        match outcome {
            Ok(()) if matches!(command, Command::GetStatus(_)) => {
                tracing::debug!(who, word, device, "command done");
            }
            Ok(()) => {
                let correction = correction.map(|it| format!("{} {}", it.number, it.kind.unit()));
                tracing::info!(who, word, device, correction, "command done");
            }
            Err(refusal) => tracing::warn!(who, word, device, %refusal, "command refused"),
        }
        let record = AuditRecord { at: self.clock.now(), who, command, outcome, correction };
        if let Err(fault) = lock(&self.audit).record(&record) {
            tracing::error!(%fault, cause = %fault.cause, who, word, device, "command not audited");
        }
    }

    fn carry_out(&self, command: &Command) -> Result<Option<Correction>, Refusal> {
        match command {
            Command::GetStatus(target) => drop(self.board.meant_by(target)?),
            Command::SetRate { device, period, is_kept } => {
                self.set_rate(device, *period, *is_kept)?;
            }
            Command::Calibrate { device, sensor, calibration } => {
                self.calibrate(device, sensor, *calibration)?;
            }
            Command::RunProcedure { device, procedure } => {
                return self.board.run_procedure(device, procedure, PROCEDURE_MAX);
            }
            Command::Reset(target) => {
                for device in &self.board.meant_by(target)? {
                    self.board.reset(device);
                }
            }
            Command::Start(target) => self.start(target)?,
            Command::Stop { target, is_kept } => self.stop(target, *is_kept)?,
            Command::Acknowledge { alarm } => self.alarms.acknowledge(alarm)?,
        }
        Ok(None)
    }

    fn calibrate(&self, device: &str, sensor: &str, calibration: Calibration) -> Outcome {
        let mut keeping = lock(&self.kept);
        self.board.calibrate(device, sensor, calibration)?;
        keeping.change(&[device.to_owned()], |kept| {
            if calibration.is_identity() {
                kept.calibrations.remove(sensor);
            } else {
                kept.calibrations.insert(sensor.to_owned(), calibration);
            }
        })
    }

    fn set_rate(&self, device: &str, period: Duration, is_kept: bool) -> Outcome {
        if !Command::PERIODS.contains(&period) {
            return Err(Refusal::BadPeriod);
        }
        let mut keeping = lock(&self.kept);
        self.board.set_period(device, period, self.clock.now().monotonic)?;
        if is_kept {
            keeping.change(&[device.to_owned()], |kept| kept.period = Some(period))?;
        }
        Ok(())
    }

    fn stop(&self, target: &Target, is_kept: bool) -> Outcome {
        let mut keeping = lock(&self.kept);
        let meant = self.board.meant_by(target)?;
        meant.iter().try_for_each(|device| self.board.stop(device))?;
        if is_kept {
            keeping.change(&meant, |kept| kept.is_stopped = true)?;
        }
        Ok(())
    }

    fn start(&self, target: &Target) -> Outcome {
        let mut keeping = lock(&self.kept);
        let (meant, now) = (self.board.meant_by(target)?, self.clock.now().monotonic);
        meant.iter().try_for_each(|device| self.board.start(device, now))?;
        keeping.change(&meant, |kept| kept.is_stopped = false)
    }
}

impl Keeping {
    /// Lets `change` write what is kept of each of `devices`, and keeps it if that is not as before.
    fn change(&mut self, devices: &[String], change: impl Fn(&mut KeptDevice)) -> Outcome {
        let before = self.kept.clone();
        for device in devices {
            change(self.kept.entry(device.clone()).or_default());
        }
        self.kept.retain(|_, kept| *kept != KeptDevice::default());
        if self.kept == before {
            return Ok(());
        }
        self.keeper.keep(&self.kept).map_err(|fault| {
            tracing::error!(%fault, cause = %fault.cause, "settings not kept");
            Refusal::NotKept
        })
    }
}

#[cfg(test)]
mod tests;
