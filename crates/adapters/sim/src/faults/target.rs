//! What of a device can be broken.

use std::sync::Arc;

use super::{Fault, LineFault, LineNoise, Senses};
use crate::{
    bus::{Effect, FaultPlan, When, Wiring},
    serial::{MemoryLine, ModbusSlave},
};

/// Something that can be pulled out and put back.
pub trait Plug: Send + Sync {
    /// Takes it out.
    fn pull(&self);

    /// Puts it back; nothing happens if it is in.
    fn put_back(&self);
}

impl Plug for Wiring {
    fn pull(&self) {
        self.unplug();
    }

    fn put_back(&self) {
        self.replug();
    }
}

impl Plug for MemoryLine {
    fn pull(&self) {
        self.unplug();
    }

    fn put_back(&self) {
        self.replug();
    }
}

#[cfg(target_os = "linux")]
impl Plug for crate::tty::Pty {
    fn pull(&self) {
        self.unplug();
    }

    fn put_back(&self) {
        // Without a pseudo-terminal left, the device stays away: a fault like another.
        let _stays_away = self.replug();
    }
}

/// Ends a fault.
pub(super) type Undo = Box<dyn FnOnce() + Send>;

/// One device as faults see it.
#[derive(Clone, Default)]
pub struct Target {
    wiring: Option<Wiring>,
    noise: Option<LineNoise>,
    slave: Option<ModbusSlave>,
    senses: Option<Senses>,
    plug: Option<Arc<dyn Plug>>,
    checksum_at: Option<usize>,
}

impl Target {
    /// A chip on a bus.
    pub fn on_bus(wiring: &Wiring) -> Self {
        let plug: Arc<dyn Plug> = Arc::new(wiring.clone());
        Self { wiring: Some(wiring.clone()), plug: Some(plug), ..Self::default() }
    }

    /// A device on a serial line. Without a `plug` of its own it cannot be unplugged.
    pub fn on_line(noise: &LineNoise) -> Self {
        Self { noise: Some(noise.clone()), ..Self::default() }
    }

    /// The Modbus slave that it is.
    #[must_use]
    pub fn with_slave(mut self, slave: &ModbusSlave) -> Self {
        self.slave = Some(slave.clone());
        self
    }

    /// What can be pulled out.
    #[must_use]
    pub fn with_plug(mut self, plug: impl Plug + 'static) -> Self {
        self.plug = Some(Arc::new(plug));
        self
    }

    /// What the chip senses.
    #[must_use]
    pub fn with_senses(mut self, senses: &Senses) -> Self {
        self.senses = Some(senses.clone());
        self
    }

    /// Which byte of what is read is a checksum.
    #[must_use]
    pub const fn with_checksum_at(mut self, index: usize) -> Self {
        self.checksum_at = Some(index);
        self
    }

    /// Every fault, with the usual values, that can befall it.
    pub fn faults(&self) -> Vec<Fault> {
        let all = Fault::NAMES.iter().filter_map(|(name, _)| Fault::named(name));
        all.filter(|&fault| self.can(fault)).collect()
    }

    pub(super) const fn can(&self, fault: Fault) -> bool {
        match fault {
            Fault::Bus(_) => self.wiring.is_some(),
            Fault::WrongCrc => self.wiring.is_some() && self.checksum_at.is_some(),
            Fault::Glitch => self.wiring.is_some() || self.noise.is_some(),
            Fault::Frozen | Fault::OutOfRange => self.senses.is_some(),
            Fault::Unplug => self.plug.is_some(),
            Fault::Exception(_) => self.slave.is_some(),
            Fault::Noise | Fault::FlipBits | Fault::Truncate | Fault::Silence => {
                self.noise.is_some()
            }
        }
    }

    /// Begins a fault; `None` if it cannot befall this device.
    pub(super) fn begin(&self, fault: Fault, when: When) -> Option<Undo> {
        match fault {
            Fault::Bus(effect) => self.spoil_bus(effect, when),
            Fault::WrongCrc => {
                self.spoil_bus(Effect::FlipAt { index: self.checksum_at?, bits: 0x01 }, when)
            }
            Fault::Glitch if self.wiring.is_some() => {
                self.spoil_bus(Effect::FlipAt { index: 0, bits: 0xFF }, When::Next(1))
            }
            Fault::Glitch => self.spoil_line(LineFault::FlipBits, When::Next(1)),
            Fault::Frozen => {
                let senses = self.senses.clone()?;
                senses.freeze();
                Some(Box::new(move || senses.thaw()))
            }
            Fault::OutOfRange => {
                let senses = self.senses.clone()?;
                senses.drive_beyond();
                Some(Box::new(move || senses.bring_back()))
            }
            Fault::Unplug => {
                let plug = self.plug.clone()?;
                plug.pull();
                Some(Box::new(move || plug.put_back()))
            }
            Fault::Noise => self.spoil_line(LineFault::Noise, when),
            Fault::FlipBits => self.spoil_line(LineFault::FlipBits, when),
            Fault::Truncate => self.spoil_line(LineFault::Truncate, when),
            Fault::Silence => self.spoil_line(LineFault::Silence, when),
            Fault::Exception(exception) => {
                let slave = self.slave.clone()?;
                let plan = slave.refuse(exception, when);
                Some(Box::new(move || slave.withdraw(plan)))
            }
        }
    }

    fn spoil_bus(&self, effect: Effect, when: When) -> Option<Undo> {
        let wiring = self.wiring.clone()?;
        let plan = wiring.inject(FaultPlan { when, effect });
        Some(Box::new(move || wiring.withdraw(plan)))
    }

    fn spoil_line(&self, fault: LineFault, when: When) -> Option<Undo> {
        let noise = self.noise.clone()?;
        let plan = noise.inject(fault, when);
        Some(Box::new(move || noise.withdraw(plan)))
    }
}
