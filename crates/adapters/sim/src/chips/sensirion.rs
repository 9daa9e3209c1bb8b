//! The command protocol that Sensirion's chips on I2C share.
//!
//! Datasheets: SHT3x-DIS chapter 4, SHT4x 4.3 to 4.5, SHTC3 chapter 5, SCD4x 3.3 to 3.5, SGP40 chapter 4.
//!
//! # Terms
//!
//! * **Command** — 16 bits, high byte first (SHT4x: 8 bits), and the words it takes, in one write.
//! * **Word** — 16 bits, high byte first, and their checksum.
//! * **Checksum** — CRC-8, polynomial 0x31, initial value 0xFF, not reflected, over one word.
//! * **Reply** — the words that a command leaves to be read.
//!
//! # Invariants
//!
//! 1. A command is executed only if every word of it has the right checksum; else it is refused and
//!    changes nothing.
//! 2. While a command is executed the chip does not acknowledge, neither reads nor writes.
//! 3. A reply is read once. Without one the chip does not acknowledge its read address.
//! 4. Execution takes the longest time that the datasheet allows: a driver that waits for the typical
//!    one is found out.
//!
//! # Deliberately absent
//!
//! Clock stretching (those commands are refused as unknown), and the reset by general call.

use std::time::Duration;

use super::{I2cChip, Nak};
use crate::time::Elapsed;

/// What one part number makes of its commands.
pub trait Commands: Send {
    /// How many bytes a command has.
    const COMMAND_BYTES: usize = 2;

    /// The supply comes up, or a reset ends. Returns how long the chip then takes no commands.
    fn power_on(&mut self) -> Duration;

    /// Takes `command`, which arrived at `now` with `words`.
    ///
    /// # Errors
    ///
    /// [`Nak`] if the chip has no such command, or does not take it in its present state.
    fn execute(&mut self, command: u16, words: &[u16], now: Duration) -> Result<Reply, Nak>;
}

/// What comes of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// How long it is executed.
    pub takes: Duration,
    /// What can be read afterwards; nothing if empty.
    pub words: Vec<u16>,
}

impl Reply {
    /// A command without a reply.
    pub const fn none(takes: Duration) -> Self {
        Self { takes, words: Vec::new() }
    }

    /// A command that leaves `words` to be read.
    pub fn of(takes: Duration, words: impl Into<Vec<u16>>) -> Self {
        Self { takes, words: words.into() }
    }
}

/// A chip that speaks this protocol, and executes the commands of `C`.
pub struct Commanded<C> {
    time: Elapsed,
    commands: C,
    busy_until: Duration,
    reply: Vec<u16>,
}

impl<C: Commands> Commanded<C> {
    pub(super) fn powered(time: Elapsed, mut commands: C) -> Self {
        let busy_until = time.now() + commands.power_on();
        Self { time, commands, busy_until, reply: Vec::new() }
    }

    fn is_busy(&self) -> bool {
        self.time.now() < self.busy_until
    }
}

impl<C: Commands> I2cChip for Commanded<C> {
    fn power_on(&mut self) {
        self.reply.clear();
        self.busy_until = self.time.now() + self.commands.power_on();
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        if self.is_busy() {
            return Err(Nak);
        }
        if bytes.is_empty() {
            return Ok(()); // The address alone, as a scan of the bus sends it.
        }
        let (command, rest) = bytes.split_at_checked(C::COMMAND_BYTES).ok_or(Nak)?;
        let command = command.iter().fold(0, |bits, &byte| bits << 8 | u16::from(byte));
        let now = self.time.now();
        let reply = self.commands.execute(command, &words(rest)?, now)?;
        self.busy_until = now + reply.takes;
        self.reply = reply.words;
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        if self.is_busy() || self.reply.is_empty() {
            return Err(Nak);
        }
        let words = std::mem::take(&mut self.reply);
        let mut sent = words.into_iter().flat_map(framed);
        // After the last word nobody drives the line.
        bytes.fill_with(|| sent.next().unwrap_or(0xFF));
        Ok(())
    }
}

fn words(bytes: &[u8]) -> Result<Vec<u16>, Nak> {
    let word = |framed: &[u8]| match *framed {
        [high, low, check] if checksum(&[high, low]) == check => {
            Ok(u16::from_be_bytes([high, low]))
        }
        _ => Err(Nak),
    };
    bytes.chunks(3).map(word).collect()
}

fn framed(word: u16) -> [u8; 3] {
    let [high, low] = word.to_be_bytes();
    [high, low, checksum(&[high, low])]
}

/// CRC-8, polynomial 0x31, initial value 0xFF.
pub(super) fn checksum(bytes: &[u8]) -> u8 {
    let shift = |rest: u8| if rest & 0x80 == 0 { rest << 1 } else { rest << 1 ^ 0x31 };
    bytes.iter().fold(0xFF, |rest, byte| (0..8).fold(rest ^ byte, |rest, _| shift(rest)))
}

/// The word nearest to `share` of `full`; below 0 it is 0, above the last word the last.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of a word first; what is no number becomes 0"
)]
pub(super) fn word(share: f64, full: f64) -> u16 {
    (share * full).round().clamp(0.0, 65_535.0) as u16
}

#[cfg(test)]
mod tests;
