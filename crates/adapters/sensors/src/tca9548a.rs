//! Texas Instruments TCA9548A: one channel of an I2C switch, as a bus.
//!
//! Datasheet SCPS207. The kernel has a driver, which makes each channel a `/dev/i2c-N` of its own; this is for
//! machines without its overlay. Every device behind the switch has a [`Tca9548a`] of its own; those of
//! one switch share its state.
//!
//! # Selected anew for each transaction
//!
//! One byte selects a channel, 0.2 ms at 100 kHz. Nothing tells when a switch has lost its supply, and with it
//! its selection, or when another program has changed it, and then another chip with the same address would
//! answer in the place of ours. So the channel is written each time, unless [`Switch::cached`] says that
//! nobody else is on the bus; then it is written after a change, after a failure, and after
//! [`forget`](Switch::forget). Two transactions through one switch exclude each other.
//!
//! # Deliberately absent
//!
//! Switches behind switches, and several channels at one time.

use std::sync::{Arc, Mutex, PoisonError};

use domain::NoData;
use embedded_hal::i2c::{ErrorType, I2c, Operation, SevenBitAddress};

use crate::BadOptions;

/// The addresses that pins A0 to A2 choose from (section 8.6.1).
const ADDRESSES: core::ops::RangeInclusive<SevenBitAddress> = 0x70..=0x77;

/// What is known of one switch. Clones are the same switch.
#[derive(Clone, Debug)]
pub struct Switch {
    address: SevenBitAddress,
    is_cached: bool,
    /// What its register holds, if that is known.
    register: Arc<Mutex<Option<u8>>>,
}

impl Switch {
    /// The switch at `address`, which others may write to as well.
    ///
    /// # Errors
    ///
    /// [`BadOptions::Unfit`] if a switch cannot have that address.
    pub fn new(address: SevenBitAddress) -> Result<Self, BadOptions> {
        if !ADDRESSES.contains(&address) {
            return Err(BadOptions::Unfit {
                parameter: "switch",
                message: format!("{address:#04x} is none of 0x70 to 0x77"),
            });
        }
        Ok(Self { address, is_cached: false, register: Arc::default() })
    }

    /// The same switch, which nobody else writes to, and whose supply is that of this machine.
    #[must_use]
    pub fn cached(mut self) -> Self {
        self.is_cached = true;
        self
    }

    /// What its register holds is not known any more: the bus was freed or powered anew.
    pub fn forget(&self) {
        *self.register.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The bus behind one channel of a switch.
#[derive(Debug)]
pub struct Tca9548a<I2C> {
    bus: I2C,
    switch: Switch,
    mask: u8,
}

impl<I2C: I2c> Tca9548a<I2C> {
    /// The bus behind `channel`, 0 to 7, of `switch` on `bus`.
    ///
    /// # Errors
    ///
    /// [`BadOptions::Unfit`] if there is no such channel.
    pub fn new(bus: I2C, switch: Switch, channel: u8) -> Result<Self, BadOptions> {
        let mask = 1_u8.checked_shl(u32::from(channel)).ok_or_else(|| BadOptions::Unfit {
            parameter: "channel",
            message: format!("{channel} is none of 0 to 7"),
        })?;
        Ok(Self { bus, switch, mask })
    }

    /// Disconnects every channel, so that chips behind them do not meet others in front.
    ///
    /// # Errors
    ///
    /// What the bus says if the switch does not answer.
    pub fn deselect(&mut self) -> Result<(), I2C::Error> {
        let mut register = self.switch.register.lock().unwrap_or_else(PoisonError::into_inner);
        *register = None;
        self.bus.write(self.switch.address, &[0])?;
        *register = Some(0);
        Ok(())
    }
}

impl<I2C: ErrorType> ErrorType for Tca9548a<I2C> {
    type Error = I2C::Error;
}

impl<I2C: I2c<Error: Into<NoData>>> I2c for Tca9548a<I2C> {
    fn transaction(
        &mut self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<(), I2C::Error> {
        // Held to the end: nobody else is to select meanwhile.
        let mut register = self.switch.register.lock().unwrap_or_else(PoisonError::into_inner);
        let is_selected = self.switch.is_cached && *register == Some(self.mask);
        *register = None;
        if !is_selected {
            self.bus.write(self.switch.address, &[self.mask])?;
        }
        self.bus.transaction(address, operations)?;
        *register = Some(self.mask);
        Ok(())
    }
}
