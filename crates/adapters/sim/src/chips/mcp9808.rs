//! Microchip MCP9808 thermometer (DS25095A).
//!
//! # Invariants
//!
//! 1. Bits 15 to 13 of the ambient temperature say how it compares with the limits (5.1.4), which
//!    are zero after power-on: a driver that does not mask them reads nonsense.
//! 2. Below zero the thirteen bits are two's complement.
//! 3. A locked configuration keeps its lock, hysteresis and shutdown bits until power-on (5.1.1).
//!
//! # Deliberately absent
//!
//! The alert pin. What the temperature reads as before the first conversion is not specified; here
//! 0.

use std::time::Duration;

use super::{
    I2cChip, Nak,
    sampling::{Converter, signed},
};
use crate::time::Elapsed;

const SHUTDOWN: u16 = 0x0100;
const LOCKS: u16 = 0x00C0;
/// Hysteresis, shutdown, locks and the four bits of the alert output.
const WRITABLE: u16 = 0x07CF;
/// What a lock protects: all but the alert's polarity, mode and clearing.
const PROTECTED: u16 = 0x07CC;
const MANUFACTURER: u16 = 0x0054;
const DEVICE: u16 = 0x0400;
/// Table 5-3: in milliseconds, from 0.5 °C to 0.0625 °C.
const CONVERSION_MS: [u64; 4] = [30, 65, 130, 250];

/// One MCP9808 and the temperature of its case.
pub struct Mcp9808 {
    time: Elapsed,
    celsius: Box<dyn Fn(Duration) -> f64 + Send>,
    pointer: u8,
    state: Volatile,
}

struct Volatile {
    config: u16,
    /// Upper, lower and critical.
    limits: [u16; 3],
    resolution: u8,
    /// Sixteenths of a degree.
    temperature: i16,
    converter: Converter,
}

impl Volatile {
    fn after_reset(at: Duration) -> Self {
        let converter = cyclic(3, at);
        Self { config: 0, limits: [0; 3], resolution: 3, temperature: 0, converter }
    }
}

fn cyclic(resolution: u8, now: Duration) -> Converter {
    let takes = Duration::from_millis(CONVERSION_MS[usize::from(resolution & 3)]);
    Converter::Cyclic { next: now + takes, period: takes }
}

/// Thirteen bits of two's complement, sign-extended.
fn sixteenths(register: u16) -> i16 {
    i16::from_be_bytes((register << 3).to_be_bytes()) >> 3
}

impl Mcp9808 {
    /// A chip that was just powered, whose case is at `celsius` of a time.
    pub fn new(time: Elapsed, celsius: impl Fn(Duration) -> f64 + Send + 'static) -> Self {
        let state = Volatile::after_reset(time.now());
        Self { time, celsius: Box::new(celsius), pointer: 0, state }
    }

    fn catch_up(&mut self) {
        if let Some(at) = self.state.converter.newest(self.time.now()) {
            let unused = 3 - (self.state.resolution & 3);
            let counts = (self.celsius)(at) * f64::from(16 >> unused);
            self.state.temperature = signed(counts, -4096 >> unused..=4095 >> unused) << unused;
        }
    }

    fn ambient(&self) -> u16 {
        let [upper, lower, critical] = self.state.limits.map(sixteenths);
        let found = self.state.temperature;
        let flag = |bit: u32, is_set: bool| u16::from(is_set) << bit;
        let flags = flag(15, found >= critical) | flag(14, found > upper) | flag(13, found < lower);
        flags | u16::from_be_bytes(found.to_be_bytes()) & 0x1FFF
    }

    fn configure(&mut self, value: u16) {
        let kept = if self.state.config & LOCKS == 0 { 0 } else { PROTECTED };
        let was_shut_down = self.state.config & SHUTDOWN != 0;
        self.state.config = (self.state.config & kept | value & !kept) & WRITABLE;
        if self.state.config & SHUTDOWN != 0 {
            self.state.converter = Converter::Resting;
        } else if was_shut_down {
            self.state.converter = cyclic(self.state.resolution, self.time.now());
        }
    }

    fn set_resolution(&mut self, value: u8) {
        self.state.resolution = value & 3;
        if !self.state.converter.is_resting() {
            self.state.converter = cyclic(value, self.time.now());
        }
    }
}

impl I2cChip for Mcp9808 {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.state = Volatile::after_reset(self.time.now());
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        if let Some(pointer) = bytes.first() {
            self.pointer = pointer & 0x0F;
        }
        match (self.pointer, bytes) {
            (1, [_, high, low, ..]) => self.configure(u16::from_be_bytes([*high, *low])),
            (2..=4, [_, high, low, ..]) => {
                let value = u16::from_be_bytes([*high, *low]) & 0x1FFC;
                self.state.limits[usize::from(self.pointer - 2)] = value;
            }
            (8, [_, value, ..]) => self.set_resolution(*value),
            _ => {} // Read-only; a pointer alone is where to read.
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        let word = match self.pointer {
            1 => self.state.config.to_be_bytes(),
            2..=4 => self.state.limits[usize::from(self.pointer - 2)].to_be_bytes(),
            5 => self.ambient().to_be_bytes(),
            6 => MANUFACTURER.to_be_bytes(),
            7 => DEVICE.to_be_bytes(),
            8 => [self.state.resolution; 2],
            _ => [0; 2],
        };
        bytes.iter_mut().zip(word.into_iter().cycle()).for_each(|(byte, value)| *byte = value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::{FrozenTime, word};

    fn chip(celsius: f64) -> (FrozenTime, Mcp9808) {
        let time = FrozenTime::default();
        let chip = Mcp9808::new(time.elapsed(), move |_| celsius);
        (time, chip)
    }

    /// Equation 5-1: above zero the bytes are `16 T`, below `256 - T`; the limits are zero.
    #[test]
    fn temperatures_are_the_words_of_the_datasheet() {
        for (celsius, expected) in [
            (25.25, 0xC194),
            (0.0625, 0xC001),
            (0.0, 0x8000),
            (-0.25, 0x3FFC),
            (-25.25, 0x3E6C),
            (125.0, 0xC7D0),
        ] {
            let (time, mut chip) = chip(celsius);
            time.pass(Duration::from_millis(250));
            assert_eq!(word(&mut chip, 5), expected, "{celsius}");
        }
    }

    #[test]
    fn a_coarser_resolution_is_faster_and_leaves_the_low_bits_zero() {
        let (time, mut chip) = chip(25.4);
        chip.write(&[8, 0]).unwrap();
        time.pass(Duration::from_millis(30));
        assert_eq!(word(&mut chip, 5) & 0x1FFF, 0x0198);
    }

    #[test]
    fn after_power_on_the_registers_are_those_of_the_datasheet() {
        let (_, mut chip) = chip(25.0);
        let registers = [1, 2, 3, 4, 6, 7, 8].map(|register| word(&mut chip, register));
        assert_eq!(registers, [0, 0, 0, 0, 0x0054, 0x0400, 0x0303]);
    }

    #[test]
    fn a_locked_configuration_can_no_longer_be_shut_down_until_the_power_goes() {
        let (_, mut chip) = chip(25.0);
        chip.write(&[1, 0x00, 0x80]).unwrap();
        chip.write(&[1, 0x07, 0x01]).unwrap();
        assert_eq!(word(&mut chip, 1), 0x0081);
        chip.power_on();
        assert_eq!(word(&mut chip, 1), 0);
    }
}
