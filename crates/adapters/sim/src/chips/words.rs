//! Chips of 16-bit registers behind a pointer, on I2C: INA219 (8.5.6.2), INA226 (6.5.5), ADS1115 (7.5.3).
//!
//! A write is the pointer, or the pointer and the word for its register, high byte first; anything longer or
//! shorter sets the pointer alone. A read gives the word of that register, as long as the controller reads.

use super::{I2cChip, Nak};

/// The registers of one chip, and what reading and writing them does.
pub(super) trait Words: Send {
    /// The supply comes up: every register and the pointer have their reset values afterwards.
    fn reset(&mut self);

    /// Does what has become due. Called before each access.
    fn catch_up(&mut self);

    /// The register that is read.
    fn pointer(&mut self) -> &mut u8;

    /// What a register reads as, with all that reading it does.
    fn load(&mut self, register: u8) -> u16;

    /// Writes a register.
    fn store(&mut self, register: u8, word: u16);
}

impl<W: Words> I2cChip for W {
    fn power_on(&mut self) {
        self.reset();
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        let [pointer, rest @ ..] = bytes else { return Ok(()) };
        *self.pointer() = *pointer;
        if let [high, low] = *rest {
            self.store(*pointer, u16::from_be_bytes([high, low]));
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        let register = *self.pointer();
        let word = self.load(register).to_be_bytes();
        for (byte, source) in bytes.iter_mut().zip(word.into_iter().cycle()) {
            *byte = source;
        }
        Ok(())
    }
}
