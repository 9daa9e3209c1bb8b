//! Modbus RTU: a slave's coils, inputs and registers, by a master that only reads.
//!
//! Written from "Modbus over Serial Line, Specification and Implementation Guide" V1.02 and "Modbus
//! Application Protocol Specification" V1.1b3. The published `rmodbus` is not used for the master: it
//! panics on an answer without data, takes one whose byte count is not what was asked for, and takes
//! any answer to another function for an exception.
//!
//! # Terms
//!
//! * **Unit** — the address of a slave, 1 to 247. Several may share one line; each is a device of its
//!   own, and they are asked one after the other.
//! * **Table** — one of the four address spaces. Addresses count from 0, as on the wire: what manuals
//!   call 40001 is holding register 0.
//! * **Block** — a run of one table that is read by one request. Registers that are neighbours, or
//!   nearly ([`ModbusRtuOptions::gap_max`]), share one.
//! * **Silence** — the pause that parts two frames: 3.5 characters, or 1.75 ms above 19200 baud (2.5.1.1).
//!
//! # Rules
//!
//! * Before a request the line must have been silent. What is heard until then belongs to nobody: late
//!   answers are counted and never believed.
//! * An answer is one that has the unit, the function and the length asked for and a right CRC, wherever
//!   it begins in what was heard. What was in front of it is counted: a sound frame (another unit's, the
//!   echo of our own request) as ignored, a run of anything else as corrupt.
//! * An exception costs the sensors of its block, with a reason that fits (see [`refusal`]); it is
//!   counted as ignored. Silence and damage end the measurement: whoever waits for a slave that is gone
//!   keeps the line from the others. Sensors that it has not come to have its reason.
//! * A number that its sensor cannot have, NaN included, is [`NoData::Implausible`].
//!
//! # Deliberately absent
//!
//! Writing, broadcasts, ASCII framing. An answer does not say which address it is for, so one that is
//! late by a whole period and falls into the wait for another block of the same length is not known.

mod blocks;
mod entry;
mod frame;
mod registers;

use core::time::Duration;

use domain::NoData;
use ports::{Device, FrameCount, Measurement, Sensor, SerialLine};

pub(crate) use self::entry::ENTRY;
pub use self::registers::{Order, Register, RegisterType, Table};
use self::{
    blocks::Block,
    frame::{Answer, Heard, Request},
};
use crate::BadOptions;

/// Start, eight data bits, parity or a second stop bit, stop (2.5.1).
const BITS_PER_BYTE: u32 = 11;
/// Above 19200 baud silence is of fixed length (2.5.1.1).
const SILENCE_MIN: Duration = Duration::from_micros(1_750);
/// What writing may take beyond the bytes' own time.
const WRITE_SLACK: Duration = Duration::from_millis(100);
/// The longest frame (2.5.1).
const FRAME_BYTES_MAX: u32 = 256;
/// More than that in the place of an answer is a line gone mad.
const HEARD_BYTES_MAX: usize = 1_024;

/// Which slave it is, how it is asked, and what for.
#[derive(Clone, Debug, PartialEq)]
pub struct ModbusRtuOptions {
    /// The slave's address, 1 to 247.
    pub unit: u8,
    /// Bits per second of the line, for what bytes and silence take.
    pub baud: u32,
    /// How long the slave may think before its answer begins.
    pub response_timeout: Duration,
    /// The least silence before a request, for slaves that need more than the standard's.
    pub turnaround: Duration,
    /// How many registers that nobody asked for may be read between two that somebody did; for coils
    /// and discrete inputs, 16 times as many bits. 0 where a slave refuses addresses it does not have.
    pub gap_max: u16,
    /// The longest block in registers, 1 to 125; for coils and discrete inputs, 16 times as many bits.
    /// A number is never split, so that one of four registers makes a block of four.
    pub block_max: u16,
    /// The sensors, in this order. Two may share a register.
    pub registers: Vec<Register>,
}

impl ModbusRtuOptions {
    /// Slaves of the usual speed answer within a fifth of that.
    pub const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
    /// What fits into one frame (V1.1b3, 6.3).
    pub const BLOCK_MAX: u16 = 125;
}

/// One slave on a line that it may share with others.
#[derive(Debug)]
pub struct ModbusRtu<L> {
    line: L,
    options: ModbusRtuOptions,
    blocks: Vec<Block>,
    sensors: Vec<Sensor>,
    frames: FrameCount,
}

/// Why a block was not read.
#[derive(Debug)]
enum Failure {
    /// The slave answered that it does not give it.
    Refused(NoData),
    /// There was no answer.
    Unanswered(NoData),
}

impl<L: SerialLine> ModbusRtu<L> {
    /// Takes its handle on the line for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if no slave can have that unit, no line that speed, no frame such a block, or no
    /// table such a register; or if there is no register.
    pub fn new(line: L, options: ModbusRtuOptions) -> Result<Self, BadOptions> {
        let ModbusRtuOptions { unit, baud, block_max, .. } = options;
        if !(1..=247).contains(&unit) {
            return Err(BadOptions::Unit { unit });
        }
        if baud == 0 {
            return Err(BadOptions::Baud);
        }
        if !(1..=ModbusRtuOptions::BLOCK_MAX).contains(&block_max) {
            return Err(BadOptions::Block { registers: block_max });
        }
        if options.registers.is_empty() {
            return Err(BadOptions::NoSensors);
        }
        if let Some(misfit) = options.registers.iter().find(|register| !register.is_possible()) {
            return Err(BadOptions::Register { address: misfit.address });
        }
        let sensor = |one: &Register| Sensor { name: one.name.clone(), kind: one.kind };
        let sensors = options.registers.iter().map(sensor).collect();
        let blocks = blocks::plan(&options.registers, options.gap_max, block_max);
        Ok(Self { line, options, blocks, sensors, frames: FrameCount::default() })
    }

    /// How long so many bytes take.
    fn on_wire(&self, bytes: usize) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Duration::from_secs(1) * BITS_PER_BYTE / self.options.baud * bytes
    }

    fn silence(&self) -> Duration {
        let standard = Duration::from_secs(1) * BITS_PER_BYTE * 7 / 2 / self.options.baud;
        standard.max(SILENCE_MIN).max(self.options.turnaround)
    }

    /// How long a line may take to become silent: another's longest frame.
    fn settling(&self) -> Duration {
        self.silence()
            + Duration::from_secs(1) * BITS_PER_BYTE / self.options.baud * FRAME_BYTES_MAX
    }

    fn write_patience(&self) -> Duration {
        self.on_wire(frame::REQUEST_BYTES) + WRITE_SLACK
    }

    fn read_patience(&self, block: &Block) -> Duration {
        self.options.response_timeout + self.on_wire(block.answer_bytes())
    }

    /// Reads one block.
    fn read(&mut self, block: &Block) -> Result<Vec<u8>, Failure> {
        let request = Request::new(self.options.unit, block);
        self.await_silence().map_err(Failure::Unanswered)?;
        let patience = self.write_patience();
        self.line.write(request.bytes(), patience).map_err(Failure::Unanswered)?;
        let patience = self.read_patience(block);
        match self.await_answer(&request, patience).map_err(Failure::Unanswered)? {
            Answer::Data(data) => Ok(data),
            Answer::Exception(code) => Err(Failure::Refused(refusal(code))),
        }
    }

    fn await_silence(&mut self) -> Result<(), NoData> {
        let (silence, mut left) = (self.silence(), self.settling());
        let mut stray = Vec::new();
        let outcome = loop {
            let mut buffer = [0; 256];
            match self.line.read(&mut buffer, silence) {
                Ok(received) => {
                    stray.extend(buffer.iter().take(received.len));
                    left = left.saturating_sub(received.waited);
                }
                Err(NoData::Silent) => break Ok(()),
                Err(fault) => break Err(fault),
            }
            if left.is_zero() || stray.len() > HEARD_BYTES_MAX {
                // Somebody talks and talks.
                break self.line.discard_input().and(Err(NoData::BusFault));
            }
        };
        self.count(&frame::strays(&stray));
        outcome
    }

    fn await_answer(&mut self, request: &Request, patience: Duration) -> Result<Answer, NoData> {
        let (mut left, mut heard) = (patience, Vec::new());
        let failure = loop {
            let mut buffer = [0; 256];
            match self.line.read(&mut buffer, left) {
                Ok(received) => {
                    heard.extend(buffer.iter().take(received.len));
                    left = left.saturating_sub(received.waited);
                }
                Err(NoData::Silent) => break None,
                Err(fault) => break Some(fault),
            }
            if let Some((answer, before)) = request.find_answer(&heard) {
                self.count(&before);
                match answer {
                    Answer::Data(_) => self.frames.measured += 1,
                    Answer::Exception(_) => self.frames.ignored += 1,
                }
                return Ok(answer);
            }
            if left.is_zero() || heard.len() > HEARD_BYTES_MAX {
                break None;
            }
        };
        let heard = request.sort(&heard);
        self.count(&heard);
        let unheard = if heard.corrupt > 0 { NoData::Corrupt } else { NoData::Timeout };
        Err(failure.unwrap_or(unheard))
    }

    const fn count(&mut self, heard: &Heard) {
        self.frames.ignored += heard.sound;
        self.frames.corrupt += heard.corrupt;
    }
}

impl<L: SerialLine> Device for ModbusRtu<L> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn worst_case(&self) -> Duration {
        let one = |block: &Block| {
            let waits = self.settling() + self.silence();
            waits + self.write_patience() + self.read_patience(block)
        };
        self.blocks.iter().map(one).sum()
    }

    fn time_on_bus(&self) -> Duration {
        let one = |block: &Block| {
            self.silence() + self.on_wire(frame::REQUEST_BYTES + block.answer_bytes())
        };
        self.blocks.iter().map(one).sum()
    }

    fn measure(&mut self, _patience: Duration) -> Result<Measurement, NoData> {
        let mut outcomes = Vec::with_capacity(self.sensors.len());
        let mut failed = None;
        for number in 0..self.blocks.len() {
            let Some(block) = self.blocks.get(number).cloned() else { break };
            let found = match failed {
                Some(reason) => Err(reason),
                None => match self.read(&block) {
                    Ok(data) => Ok(data),
                    Err(Failure::Refused(reason)) => Err(reason),
                    Err(Failure::Unanswered(reason)) if outcomes.is_empty() => return Err(reason),
                    Err(Failure::Unanswered(reason)) => {
                        failed = Some(reason);
                        Err(reason)
                    }
                },
            };
            let of = |index: usize| {
                let register = self.options.registers.get(index).ok_or(NoData::Internal)?;
                found
                    .as_ref()
                    .map_err(|&reason| reason)
                    .and_then(|data| register.quantity(&block, data))
            };
            outcomes.extend(block.sensors().iter().map(|&index| (index, of(index))));
        }
        outcomes.sort_by_key(|&(index, _)| index);
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }

    fn frames(&self) -> FrameCount {
        self.frames
    }
}

/// Why there is no data when a slave answers with exception `code` (V1.1b3, 7).
const fn refusal(code: u8) -> NoData {
    match code {
        // No such function, no such address, no such range: what was asked for is not there.
        1..=3 => NoData::Absent,
        // The slave failed at it, has not finished, is busy, or will not now.
        4..=7 => NoData::NotReady,
        // A gateway finds no way to the slave, or has no answer from it.
        10 => NoData::BusFault,
        11 => NoData::Timeout,
        // Its memory fails its parity check (8), or the standard knows no such exception.
        _ => NoData::Corrupt,
    }
}

#[cfg(test)]
mod tests;
