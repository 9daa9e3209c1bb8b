//! What the devices of one I2C bus share: its switches, and the lines that free it.
//!
//! # Invariants
//!
//! 1. The switches of a bus know of each other, so that two channels are never connected at one time.
//! 2. Whatever frees the bus makes what is known of its switches be forgotten.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bus_linux::{Delay, GpioOutput, I2cNode, I2cRecovery, PowerLine};
use domain::NoData;
use ports::{
    Calibrating, Device, FrameCount, Measurement, NotCalibrated, Pacing, Procedure, Sensor, Unwedge,
};
use sensors::{BadOptions, I2cHandle, SELECTION, Switch, Tca9548a};

use crate::config::{self, Bus, Channel, Recovery};

/// What the devices of one bus share. Clones are the same.
#[derive(Clone)]
pub(super) struct SharedI2c {
    name: String,
    path: PathBuf,
    /// By address.
    switches: BTreeMap<u8, Switch>,
    recovery: Option<Arc<Mutex<dyn Unwedge>>>,
    /// How long it takes to free the bus.
    recovery_max: Duration,
}

impl SharedI2c {
    /// What `bus` has, without touching it.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if no switch can have an address that a switch of it has.
    pub(super) fn of(bus: &Bus) -> Result<Self, BadOptions> {
        let mut switches: BTreeMap<u8, Switch> = BTreeMap::new();
        for &config::Switch { address, .. } in &bus.switches {
            let another = match switches.values().next() {
                Some(first) => first.beside(address)?,
                None => Switch::new(address)?,
            };
            switches.insert(address, another.cached());
        }
        let (name, path) = (bus.name.clone(), bus.path.clone());
        let shared = Self { name, path, switches, recovery: None, recovery_max: Duration::ZERO };
        Ok(match &bus.recovery {
            Some(wanted) => shared.freed_by(recovery(wanted)),
            None => shared,
        })
    }

    fn freed_by(mut self, recovery: impl Unwedge + 'static) -> Self {
        self.recovery_max = recovery.worst_case();
        self.recovery = Some(Arc::new(Mutex::new(recovery)));
        self
    }

    /// The bus as a device sees it that is behind a channel, or in front of all switches.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if there is no such switch or channel.
    pub(super) fn handle(&self, behind: Option<Channel>) -> Result<I2cHandle, BadOptions> {
        let node = I2cNode::new(&self.path);
        let Some(Channel { switch: address, channel }) = behind else {
            return Ok(I2cHandle::new(node));
        };
        let switch = self.switches.get(&address).ok_or_else(|| BadOptions::Unfit {
            parameter: "switch",
            message: format!("there is none at {address:#04x}"),
        })?;
        Ok(I2cHandle::new(Tca9548a::new(node, switch.clone(), channel)?))
    }

    /// The same device, which frees its bus by what there is, and takes as long as `configured` says.
    pub(super) fn around(
        &self,
        device: Box<dyn Device>,
        configured: &config::Device,
    ) -> Box<dyn Device> {
        if self.switches.is_empty() && self.recovery.is_none() {
            return device;
        }
        let (shared, time_on_bus) = (self.clone(), configured.time_on_bus);
        Box::new(OnI2c { device, shared, time_on_bus })
    }

    /// Frees the bus, if there is something to free it with.
    fn unwedge(&self) -> Result<(), NoData> {
        let outcome = self.recovery.as_ref().map_or(Ok(()), |recovery| {
            let outcome = recovery.lock().unwrap_or_else(PoisonError::into_inner).unwedge();
            match outcome {
                Ok(()) => tracing::info!(bus = self.name, "bus is free"),
                Err(reason) => {
                    tracing::warn!(bus = self.name, reason = reason.code(), "bus cannot be freed");
                }
            }
            outcome
        });
        self.switches.values().for_each(Switch::forget);
        outcome
    }
}

fn recovery(wanted: &Recovery) -> I2cRecovery<Delay> {
    let output = |line, is_active_low| GpioOutput::new(&wanted.chip, line, is_active_low, true);
    let recovery = I2cRecovery::new(Delay);
    let recovery = match wanted.clocks {
        Some([scl, sda]) => recovery.with_clocks(output(scl, false), output(sda, false)),
        None => recovery,
    };
    match wanted.power {
        Some(config::Power { line, is_active_low, off, settling }) => {
            let line = output(line, is_active_low);
            recovery.with_power(PowerLine { line, off, settling })
        }
        None => recovery,
    }
}

/// A device on a bus that has switches or can be freed.
struct OnI2c {
    device: Box<dyn Device>,
    shared: SharedI2c,
    /// With what its channel's selection takes.
    time_on_bus: Duration,
}

impl Device for OnI2c {
    fn sensors(&self) -> &[Sensor] {
        self.device.sensors()
    }

    fn pacing(&self) -> Pacing {
        self.device.pacing()
    }

    /// A switch that hangs ends the transaction before the chip is asked, so that only its bytes are added.
    fn worst_case(&self) -> Duration {
        let telling = SELECTION * 4 * u32::try_from(self.shared.switches.len()).unwrap_or(u32::MAX);
        self.device.worst_case().saturating_add(telling).max(self.shared.recovery_max)
    }

    fn time_on_bus(&self) -> Duration {
        self.time_on_bus
    }

    fn measure(&mut self, patience: Duration) -> Result<Measurement, NoData> {
        self.device.measure(patience)
    }

    fn unwedge(&mut self) -> Result<(), NoData> {
        let device = self.device.unwedge();
        self.shared.unwedge().and(device)
    }

    fn procedures(&self) -> &'static [Procedure] {
        self.device.procedures()
    }

    fn calibrate(
        &mut self,
        procedure: &str,
        target: Option<f64>,
    ) -> Result<Calibrating, NotCalibrated> {
        self.device.calibrate(procedure, target)
    }

    fn sample_period_max(&self) -> Option<Duration> {
        self.device.sample_period_max()
    }

    fn room_for(&self) -> Option<Duration> {
        self.device.room_for()
    }

    fn earlier(&mut self) -> Vec<Measurement> {
        self.device.earlier()
    }

    fn frames(&self) -> FrameCount {
        self.device.frames()
    }
}

#[cfg(test)]
mod tests;
