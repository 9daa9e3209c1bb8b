//! ROHM BH1750FVI ambient light sensor (BH1750FVI, rev. D).
//!
//! It has no registers to read but the result; all else are one-byte opcodes.
//!
//! # Invariants
//!
//! 1. The result is that of the newest conversion, and zero after power-on or a reset.
//! 2. Power-down keeps the result and the measurement time; a reset counts only while powered on.
//! 3. A one-time conversion ends in power-down.
//! 4. Conversions take as long as the slowest chip that the datasheet admits: 180 ms in the high
//!    resolution modes, 24 ms in the low one, in proportion to the measurement time.
//!
//! # Deliberately absent
//!
//! The spectral response, and the spread of sensitivity between chips (0.96 to 1.44 counts per
//! lux).

use std::time::Duration;

use super::{
    I2cChip, Nak,
    sampling::{Converter, unsigned},
};
use crate::time::Elapsed;

/// Counts per lux in the high resolution mode at the default measurement time.
const COUNTS_PER_LUX: f64 = 1.2;
const DEFAULT_MTREG: u8 = 69;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    High,
    High2,
    Low,
}

impl Mode {
    /// The low four bits of a measurement opcode.
    const fn of(opcode: u8) -> Option<Self> {
        match opcode & 0x0F {
            0 => Some(Self::High),
            1 => Some(Self::High2),
            3 => Some(Self::Low),
            _ => None,
        }
    }

    const fn milliseconds_max(self) -> u32 {
        match self {
            Self::High | Self::High2 => 180,
            Self::Low => 24,
        }
    }
}

/// One BH1750 and the light that falls on it.
pub struct Bh1750 {
    time: Elapsed,
    lux: Box<dyn Fn(Duration) -> f64 + Send>,
    state: Volatile,
}

struct Volatile {
    is_powered_on: bool,
    mode: Mode,
    mtreg: u8,
    data: u16,
    converter: Converter,
}

impl Volatile {
    const RESET: Self = Self {
        is_powered_on: false,
        mode: Mode::High,
        mtreg: DEFAULT_MTREG,
        data: 0,
        converter: Converter::Resting,
    };
}

impl Bh1750 {
    /// A chip that was just powered, in light of `lux` of a time.
    pub fn new(time: Elapsed, lux: impl Fn(Duration) -> f64 + Send + 'static) -> Self {
        Self { time, lux: Box::new(lux), state: Volatile::RESET }
    }

    fn catch_up(&mut self) {
        let state = &mut self.state;
        let Some(at) = state.converter.newest(self.time.now()) else { return };
        let sensitivity = COUNTS_PER_LUX * f64::from(state.mtreg) / f64::from(DEFAULT_MTREG);
        let counts = (self.lux)(at) * sensitivity;
        state.data = match state.mode {
            Mode::High => unsigned(counts, u16::MAX),
            Mode::High2 => unsigned(2.0 * counts, u16::MAX),
            Mode::Low => unsigned(counts, u16::MAX) & !0b11,
        };
        state.is_powered_on &= !state.converter.is_resting();
    }

    fn begin(&mut self, mode: Mode, is_once: bool) {
        let takes = Duration::from_millis(mode.milliseconds_max().into())
            * u32::from(self.state.mtreg)
            / u32::from(DEFAULT_MTREG);
        let next = self.time.now() + takes;
        self.state.is_powered_on = true;
        self.state.mode = mode;
        self.state.converter = if is_once {
            Converter::Once { ends: next }
        } else {
            Converter::Cyclic { next, period: takes }
        };
    }

    fn obey(&mut self, opcode: u8) {
        let state = &mut self.state;
        match opcode {
            0x00 => {
                state.is_powered_on = false;
                state.converter = Converter::Resting;
            }
            0x01 => state.is_powered_on = true,
            0x07 if state.is_powered_on => state.data = 0,
            0x40..=0x47 => state.mtreg = state.mtreg & 0x1F | opcode << 5,
            0x60..=0x7F => state.mtreg = state.mtreg & 0xE0 | opcode & 0x1F,
            0x10..=0x13 | 0x20..=0x23 => {
                if let Some(mode) = Mode::of(opcode) {
                    self.begin(mode, opcode & 0x20 != 0);
                }
            }
            _ => {} // Not an opcode: acknowledged and without effect.
        }
    }
}

impl I2cChip for Bh1750 {
    fn power_on(&mut self) {
        self.state = Volatile::RESET;
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        // One opcode per start condition; what follows it is not looked at.
        if let Some(&opcode) = bytes.first() {
            self.obey(opcode);
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        let word = self.state.data.to_be_bytes().into_iter().cycle();
        bytes.iter_mut().zip(word).for_each(|(byte, value)| *byte = value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::FrozenTime;

    fn result(chip: &mut Bh1750) -> u16 {
        let mut bytes = [0; 2];
        chip.read(&mut bytes).unwrap();
        u16::from_be_bytes(bytes)
    }

    fn chip(lux: f64) -> (FrozenTime, Bh1750) {
        let time = FrozenTime::default();
        let chip = Bh1750::new(time.elapsed(), move |_| lux);
        (time, chip)
    }

    /// The worked example: `0b1000_0011_1001_0000` is 28 067 lx.
    #[test]
    fn the_datasheets_example_comes_out() {
        let (time, mut chip) = chip(28_066.7);
        chip.write(&[0x10]).unwrap();
        time.pass(Duration::from_millis(179));
        assert_eq!(result(&mut chip), 0);
        time.pass(Duration::from_millis(1));
        assert_eq!(result(&mut chip), 0x8390);
    }

    #[test]
    fn a_longer_measurement_time_is_more_sensitive_and_mode_2_doubles() {
        let (time, mut chip) = chip(1_000.0);
        for opcode in [0x44, 0x6A, 0x21] {
            chip.write(&[opcode]).unwrap(); // 0b100_01010 is 138, twice the default.
        }
        time.pass(Duration::from_millis(359));
        assert_eq!(result(&mut chip), 0);
        time.pass(Duration::from_millis(1));
        assert_eq!(result(&mut chip), 4_800);
    }

    #[test]
    fn too_much_light_saturates_and_a_reset_counts_only_while_powered() {
        let (time, mut chip) = chip(60_000.0);
        chip.write(&[0x20]).unwrap();
        time.pass(Duration::from_secs(1));
        assert_eq!(result(&mut chip), u16::MAX);
        chip.write(&[0x07]).unwrap();
        assert_eq!(result(&mut chip), u16::MAX);
        chip.write(&[0x01]).unwrap();
        chip.write(&[0x07]).unwrap();
        assert_eq!(result(&mut chip), 0);
    }
}
