//! Chips of 8-bit registers behind a pointer that a burst moves on, over I2C or SPI.
//!
//! # Terms
//!
//! * **Access** — one read or write segment on I2C, one frame on SPI.
//! * **Pointer** — the register that the next byte is read from or written to.
//!
//! # Deliberately absent
//!
//! Chips of 16-bit registers, and the BME280, whose writes on SPI are pairs.

use std::time::Duration;

use super::{I2cChip, Nak, SpiChip};
use crate::time::Elapsed;

/// What one part number makes of its registers.
pub trait Registers: Send {
    /// Whether the highest bit of an address on I2C says that the pointer moves on; else it always does.
    const I2C_ADDRESS_HAS_FLAG: bool = false;

    /// The supply comes up: every register has its reset value afterwards.
    fn power_on(&mut self);

    /// Does what has become due by `now`. Called before each access.
    fn catch_up(&mut self, now: Duration);

    /// What a register reads as, with all that reading it does.
    fn load(&mut self, register: u8) -> u8;

    /// Writes a register.
    fn store(&mut self, register: u8, byte: u8, now: Duration);

    /// Where the pointer moves on to.
    fn after(&self, register: u8) -> u8 {
        register.wrapping_add(1)
    }

    /// An access that read something is over.
    fn release(&mut self) {}
}

/// Registers that are on SPI, too: read bit, move-on bit, register in six bits; then data.
pub trait SpiRegisters: Registers {}

/// A chip that has the registers of `R`.
pub struct Registered<R> {
    time: Elapsed,
    pub(super) registers: R,
    pointer: u8,
    moves_on: bool,
}

impl<R: Registers> Registered<R> {
    pub(super) const fn powered(time: Elapsed, registers: R) -> Self {
        Self { time, registers, pointer: 0, moves_on: true }
    }

    fn load(&mut self) -> u8 {
        let byte = self.registers.load(self.pointer);
        self.step();
        byte
    }

    fn store(&mut self, byte: u8, now: Duration) {
        self.registers.store(self.pointer, byte, now);
        self.step();
    }

    fn step(&mut self) {
        if self.moves_on {
            self.pointer = self.registers.after(self.pointer);
        }
    }
}

impl<R: Registers> I2cChip for Registered<R> {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.registers.power_on();
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        let now = self.time.now();
        self.registers.catch_up(now);
        let [address, rest @ ..] = bytes else { return Ok(()) };
        self.moves_on = !R::I2C_ADDRESS_HAS_FLAG || address & 0x80 != 0;
        self.pointer = if R::I2C_ADDRESS_HAS_FLAG { address & 0x7F } else { *address };
        for &byte in rest {
            self.store(byte, now);
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.registers.catch_up(self.time.now());
        bytes.fill_with(|| self.load());
        self.registers.release();
        Ok(())
    }
}

impl<R: SpiRegisters> SpiChip for Registered<R> {
    fn power_on(&mut self) {
        I2cChip::power_on(self);
    }

    fn transfer(&mut self, frame: &mut [u8]) {
        let now = self.time.now();
        self.registers.catch_up(now);
        let [command, data @ ..] = frame else { return };
        let is_read = *command & 0x80 != 0;
        self.moves_on = *command & 0x40 != 0;
        self.pointer = *command & 0x3F;
        *command = 0xFF;
        if is_read {
            data.fill_with(|| self.load());
            self.registers.release();
        } else {
            for byte in data {
                self.store(std::mem::replace(byte, 0xFF), now);
            }
        }
    }
}
