//! Texas Instruments TCA9548A: one channel of an I2C switch, as a bus.
//!
//! Datasheet SCPS207. The kernel has a driver, which makes each channel a `/dev/i2c-N` of its own; this is for
//! machines without its overlay. Every device behind the switch has a [`Tca9548a`] of its own; those of
//! one switch share its state.
//!
//! # Selected anew for each transaction
//!
//! One byte selects a channel, 0.2 ms at 100 kHz ([`SELECTION`]). Nothing tells when a switch has lost its supply,
//! and with it its selection, or when another program has changed it, and then another chip with the same address
//! would answer in the place of ours. So the channel is written each time, unless [`Switch::cached`] says that
//! nobody else writes to it; then it is written after a change, after a failure, and after
//! [`forget`](Switch::forget). Two transactions through the switches of one bus exclude each other.
//!
//! # Several switches on one bus
//!
//! A channel that is connected stays so, and its chips would answer beside those of another switch. So the switches of
//! one bus know of each other ([`Switch::beside`]): before a channel of one is selected, the others
//! connect nobody. One that does not answer when it is told so, twice in a row, is off the bus, and connects
//! nobody either.
//!
//! # Deliberately absent
//!
//! Switches behind switches, and several channels at one time.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::NoData;
use embedded_hal::i2c::{Error as _, ErrorKind, ErrorType, I2c, Operation, SevenBitAddress};

use crate::BadOptions;

/// The addresses that pins A0 to A2 choose from (section 8.6.1).
const ADDRESSES: core::ops::RangeInclusive<SevenBitAddress> = 0x70..=0x77;

/// What one byte to a switch takes at 100 kHz: start, address, byte, stop.
pub const SELECTION: Duration = Duration::from_micros(200);

/// What is known of one switch. Clones are the same switch.
#[derive(Clone, Debug)]
pub struct Switch {
    address: SevenBitAddress,
    /// What is known of every switch of the bus.
    registers: Arc<Mutex<BTreeMap<SevenBitAddress, Register>>>,
}

/// The register of one switch.
#[derive(Clone, Copy, Debug, Default)]
struct Register {
    is_cached: bool,
    /// What it holds, if that is known.
    holds: Option<u8>,
}

impl Register {
    /// Makes it hold `mask`, if it is not known to.
    fn put<I2C: I2c>(
        &mut self,
        bus: &mut I2C,
        address: SevenBitAddress,
        mask: u8,
    ) -> Result<(), I2C::Error> {
        if self.is_cached && self.holds == Some(mask) {
            return Ok(());
        }
        self.holds = None;
        bus.write(address, &[mask])?;
        self.holds = Some(mask);
        Ok(())
    }

    /// Disconnects every channel, if there is a switch.
    fn disconnect<I2C: I2c>(
        &mut self,
        bus: &mut I2C,
        address: SevenBitAddress,
    ) -> Result<(), I2C::Error> {
        let is_nobody = |error: &I2C::Error| matches!(error.kind(), ErrorKind::NoAcknowledge(_));
        match self.put(bus, address, 0) {
            Err(error) if is_nobody(&error) => match self.put(bus, address, 0) {
                Err(error) if is_nobody(&error) => Ok(()),
                outcome => outcome,
            },
            outcome => outcome,
        }
    }
}

impl Switch {
    /// The only switch of a bus, at `address`, which others may write to as well.
    ///
    /// # Errors
    ///
    /// [`BadOptions::Unfit`] if a switch cannot have that address.
    pub fn new(address: SevenBitAddress) -> Result<Self, BadOptions> {
        Self::among(Arc::default(), address)
    }

    /// Another switch on the bus of this one, at `address`.
    ///
    /// # Errors
    ///
    /// [`BadOptions::Unfit`] if a switch cannot have that address.
    pub fn beside(&self, address: SevenBitAddress) -> Result<Self, BadOptions> {
        Self::among(Arc::clone(&self.registers), address)
    }

    fn among(
        registers: Arc<Mutex<BTreeMap<SevenBitAddress, Register>>>,
        address: SevenBitAddress,
    ) -> Result<Self, BadOptions> {
        if !ADDRESSES.contains(&address) {
            return Err(BadOptions::Unfit {
                parameter: "switch",
                message: format!("{address:#04x} is none of 0x70 to 0x77"),
            });
        }
        let switch = Self { address, registers };
        switch.registers().entry(address).or_default();
        Ok(switch)
    }

    /// The same switch, which nobody else writes to.
    #[must_use]
    pub fn cached(self) -> Self {
        self.registers().entry(self.address).or_default().is_cached = true;
        self
    }

    /// What the registers of the switches of its bus hold is not known any more: the bus was freed or powered anew.
    pub fn forget(&self) {
        self.registers().values_mut().for_each(|register| register.holds = None);
    }

    fn registers(&self) -> MutexGuard<'_, BTreeMap<SevenBitAddress, Register>> {
        self.registers.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Connects the channel, and no other.
    ///
    /// # Errors
    ///
    /// What the bus says if the switch does not answer.
    pub fn select(&mut self) -> Result<(), I2C::Error> {
        let Self { bus, switch, mask } = self;
        select(bus, &mut switch.registers(), switch.address, *mask)
    }

    /// Disconnects every channel, so that chips behind them do not meet others in front.
    ///
    /// # Errors
    ///
    /// What the bus says if the switch does not answer.
    pub fn deselect(&mut self) -> Result<(), I2C::Error> {
        let Self { bus, switch, .. } = self;
        switch.registers().entry(switch.address).or_default().put(bus, switch.address, 0)
    }
}

/// Connects the channels of `mask` of the switch at `ours`, and none of the others of its bus.
fn select<I2C: I2c>(
    bus: &mut I2C,
    registers: &mut BTreeMap<SevenBitAddress, Register>,
    ours: SevenBitAddress,
    mask: u8,
) -> Result<(), I2C::Error> {
    let others = registers.iter_mut().filter(|(address, _)| **address != ours);
    for (&address, register) in others {
        register.disconnect(bus, address)?;
    }
    registers.entry(ours).or_default().put(bus, ours, mask)
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
        let Self { bus, switch, mask } = self;
        // Held to the end: nobody else is to select meanwhile.
        let mut registers = switch.registers();
        select(bus, &mut registers, switch.address, *mask)?;
        let outcome = bus.transaction(address, operations);
        if outcome.is_err() {
            registers.entry(switch.address).or_default().holds = None;
        }
        outcome
    }
}
