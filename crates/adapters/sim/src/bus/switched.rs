//! Eight buses behind a switch, and the one in front of it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use embedded_hal::i2c::{ErrorType, I2c, Operation, SevenBitAddress};

use super::{BusError, I2cBus, Wiring};
use crate::chips::{I2cChip as _, Tca9548a};

/// An I2C bus with a TCA9548A on it, and the bus of each of its channels. Clones are the same.
///
/// The bus in front reaches those behind by itself, whoever uses it; see [`I2cBus::transfer`].
#[derive(Clone)]
pub struct SwitchedBus {
    upstream: I2cBus,
    branch: Branch,
}

/// What is behind one switch. Clones are the same.
#[derive(Clone)]
pub(super) struct Branch {
    switch: Tca9548a,
    wiring: Wiring,
    /// How often the switch had been powered when it was last looked at.
    powered: Arc<AtomicU64>,
    channels: [I2cBus; 8],
}

impl SwitchedBus {
    /// Puts a switch at `address` of `upstream`, which may have others.
    pub fn new(upstream: I2cBus, address: SevenBitAddress) -> Self {
        let switch = Tca9548a::new();
        let wiring = upstream.attach(address, switch.clone());
        let channels = core::array::from_fn(|_| I2cBus::new());
        let powered = Arc::new(AtomicU64::new(wiring.powered().unwrap_or_default()));
        let branch = Branch { switch, wiring, powered, channels };
        upstream.branch_off(branch.clone());
        Self { upstream, branch }
    }

    /// The switch's own connection.
    pub fn wiring(&self) -> &Wiring {
        &self.branch.wiring
    }

    /// The bus behind `channel`, 0 to 7.
    pub fn channel(&self, channel: u8) -> Option<&I2cBus> {
        self.branch.channels.get(usize::from(channel))
    }
}

impl Branch {
    /// The buses that are connected: none without supply, nor after it has come back.
    pub(super) fn connected(&self) -> impl Iterator<Item = &I2cBus> {
        let powered = self.wiring.powered();
        if let Some(powered) = powered
            && self.powered.swap(powered, Ordering::SeqCst) != powered
        {
            self.switch.clone().power_on();
        }
        let register = powered.map_or(0, |_| self.switch.connected());
        let is_connected = move |(channel, bus)| (register >> channel & 1 == 1).then_some(bus);
        self.channels.iter().enumerate().filter_map(is_connected)
    }

    /// All eight buses.
    pub(super) const fn channels(&self) -> &[I2cBus; 8] {
        &self.channels
    }
}

impl ErrorType for SwitchedBus {
    type Error = BusError;
}

impl I2c for SwitchedBus {
    fn transaction(
        &mut self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        self.upstream.transaction(address, operations)
    }
}
