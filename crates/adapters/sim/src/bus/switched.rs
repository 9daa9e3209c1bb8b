//! Eight buses behind a switch, and the one in front of it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use embedded_hal::i2c::{ErrorType, I2c, Operation, SevenBitAddress};

use super::{BusError, BusFault, I2cBus, Wiring};
use crate::chips::{I2cChip as _, Tca9548a};

/// An I2C bus with a TCA9548A on it, and the bus of each of its channels. Clones are the same.
#[derive(Clone)]
pub struct SwitchedBus {
    upstream: I2cBus,
    switch: Tca9548a,
    address: SevenBitAddress,
    wiring: Wiring,
    /// How often the switch had been powered when it was last looked at.
    powered: Arc<AtomicU64>,
    channels: [I2cBus; 8],
}

impl SwitchedBus {
    /// Puts a switch at `address` of `upstream`.
    pub fn new(upstream: I2cBus, address: SevenBitAddress) -> Self {
        let switch = Tca9548a::new();
        let wiring = upstream.attach(address, switch.clone());
        let channels = core::array::from_fn(|_| I2cBus::new());
        let powered = Arc::new(AtomicU64::new(wiring.powered().unwrap_or_default()));
        Self { upstream, switch, address, wiring, powered, channels }
    }

    /// Which channels are connected: none without supply, nor after it has come back.
    fn connected(&mut self) -> u8 {
        let Some(powered) = self.wiring.powered() else { return 0 };
        if self.powered.swap(powered, Ordering::SeqCst) != powered {
            self.switch.power_on();
        }
        self.switch.connected()
    }

    /// The switch's own connection.
    pub fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    /// The bus behind `channel`, 0 to 7.
    pub fn channel(&self, channel: u8) -> Option<&I2cBus> {
        self.channels.get(usize::from(channel))
    }
}

impl ErrorType for SwitchedBus {
    type Error = BusError;
}

impl I2c for SwitchedBus {
    /// Reaches the upstream bus first, then each connected one. Two chips that have one address on two
    /// of them both answer, and the lines are wired-and: that is [`BusFault::Io`].
    fn transaction(
        &mut self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        let connected = self.connected();
        let upstream = self.upstream.transaction(address, operations);
        let is_nobody =
            |error: &BusError| matches!(error.fault, BusFault::RemoteIo | BusFault::NoAcknowledge);
        if address == self.address || !upstream.as_ref().is_err_and(is_nobody) {
            return upstream;
        }
        let (mut outcome, mut answers) = (upstream, 0);
        for (channel, bus) in self.channels.iter_mut().enumerate() {
            if connected >> channel & 1 == 0 {
                continue;
            }
            match bus.transaction(address, operations) {
                Err(error) if is_nobody(&error) => {}
                answer => {
                    answers += 1;
                    outcome = answer;
                }
            }
        }
        if answers > 1 { Err(BusError::at_once(BusFault::Io)) } else { outcome }
    }
}
