//! LM75 and its relatives: National Semiconductor LM75 (SNOS808), NXP LM75B (LM75B, rev. 6.1) and
//! Texas Instruments TMP105 (SBOS648). They share registers, and differ in resolution and time.
//!
//! # Invariants
//!
//! 1. From power-on until the first conversion ends the temperature reads as zero.
//! 2. Bits below the resolution read as zero, reserved bits of the configuration too.
//! 3. Conversions take as long as the slowest chip that the datasheet admits.
//!
//! # Deliberately absent
//!
//! The thermostat: the limits can be written and read, but no pin follows them.

use std::time::Duration;

use super::{
    I2cChip, Nak,
    sampling::{Converter, signed},
};
use crate::time::Elapsed;

const SHUTDOWN: u8 = 0x01;
const ONE_SHOT: u8 = 0x80;
/// `T_HYST` 75 °C and `T_OS` 80 °C.
const LIMITS_AT_RESET: [u16; 2] = [0x4B00, 0x5000];

/// Which of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lm75Part {
    /// 9 bits, a conversion in at most 300 ms.
    Lm75,
    /// 11 bits, a conversion each 100 ms.
    Lm75b,
    /// 9 to 12 bits, one-shot.
    Tmp105,
}

/// One chip and the temperature of its case.
pub struct Lm75 {
    part: Lm75Part,
    time: Elapsed,
    celsius: Box<dyn Fn(Duration) -> f64 + Send>,
    pointer: u8,
    state: Volatile,
}

struct Volatile {
    config: u8,
    limits: [u16; 2],
    temperature: i16,
    converter: Converter,
}

impl Lm75 {
    /// A chip that was just powered, whose case is at `celsius` of a time.
    pub fn new(
        part: Lm75Part,
        time: Elapsed,
        celsius: impl Fn(Duration) -> f64 + Send + 'static,
    ) -> Self {
        let converter = Converter::Resting;
        let state = Volatile { config: 0, limits: LIMITS_AT_RESET, temperature: 0, converter };
        let mut chip = Self { part, time, celsius: Box::new(celsius), pointer: 0, state };
        chip.power_on();
        chip
    }

    const fn bits(&self) -> u8 {
        match self.part {
            Lm75Part::Lm75 => 9,
            Lm75Part::Lm75b => 11,
            Lm75Part::Tmp105 => 9 + (self.state.config >> 5 & 0b11),
        }
    }

    fn conversion_time(&self) -> Duration {
        match self.part {
            Lm75Part::Lm75 => Duration::from_millis(300),
            Lm75Part::Lm75b => Duration::from_millis(100),
            // 37.5, 75, 150 and 300 ms.
            Lm75Part::Tmp105 => Duration::from_micros(37_500 << (self.bits() - 9)),
        }
    }

    fn catch_up(&mut self) {
        if let Some(at) = self.state.converter.newest(self.time.now()) {
            let below_the_point = self.bits() - 8;
            let counts = (self.celsius)(at) * f64::from(1_u16 << below_the_point);
            let last = i16::MAX >> (8 - below_the_point);
            self.state.temperature = signed(counts, -last - 1..=last) << (8 - below_the_point);
        }
    }

    fn configure(&mut self, value: u8) {
        let now = self.time.now();
        let was_shut_down = self.state.config & SHUTDOWN != 0;
        let is_shut_down = value & SHUTDOWN != 0;
        let writable = if self.part == Lm75Part::Tmp105 { 0x7F } else { 0x1F };
        self.state.config = value & writable;
        let takes = self.conversion_time();
        if !is_shut_down && was_shut_down {
            self.state.converter = Converter::Cyclic { next: now + takes, period: takes };
        } else if is_shut_down && self.part == Lm75Part::Tmp105 && value & ONE_SHOT != 0 {
            self.state.converter = Converter::Once { ends: now + takes };
        } else if is_shut_down {
            self.state.converter = self.state.converter.stopping();
        } else if let Converter::Cyclic { next, .. } = self.state.converter {
            self.state.converter = Converter::Cyclic { next, period: takes };
        }
    }
}

impl I2cChip for Lm75 {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.state.config = 0;
        self.state.limits = LIMITS_AT_RESET;
        self.state.temperature = 0;
        let takes = self.conversion_time();
        self.state.converter = Converter::Cyclic { next: self.time.now() + takes, period: takes };
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        if let Some(pointer) = bytes.first() {
            self.pointer = pointer & 0b11;
        }
        match (self.pointer, bytes) {
            (1, [_, value, ..]) => self.configure(*value),
            (2 | 3, [_, high, low, ..]) => {
                self.state.limits[usize::from(self.pointer - 2)] =
                    u16::from_be_bytes([*high, *low]);
            }
            _ => {} // The temperature is read-only; a pointer alone is where to read.
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        let word = match self.pointer {
            0 => self.state.temperature.to_be_bytes(),
            1 => [self.state.config; 2],
            limit => self.state.limits[usize::from(limit - 2)].to_be_bytes(),
        };
        bytes.iter_mut().zip(word.into_iter().cycle()).for_each(|(byte, value)| *byte = value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::{FrozenTime, word};

    const SECOND: Duration = Duration::from_secs(1);

    /// Table 1 of the LM75's datasheet, and of the TMP105's at 12 bits.
    #[test]
    fn temperatures_are_the_words_of_the_datasheets() {
        for (part, config, celsius, expected) in [
            (Lm75Part::Lm75, 0x00, 125.0, 0x7D00),
            (Lm75Part::Lm75, 0x00, 0.5, 0x0080),
            (Lm75Part::Lm75, 0x00, -0.5, 0xFF80),
            (Lm75Part::Lm75, 0x00, -55.0, 0xC900),
            (Lm75Part::Lm75b, 0x00, -0.125, 0xFFE0),
            (Lm75Part::Tmp105, 0x60, 0.25, 0x0040),
            (Lm75Part::Tmp105, 0x60, -10.25, 0xF5C0),
            (Lm75Part::Tmp105, 0x60, 200.0, 0x7FF0),
        ] {
            let time = FrozenTime::default();
            let mut chip = Lm75::new(part, time.elapsed(), move |_| celsius);
            chip.write(&[1, config]).unwrap();
            time.pass(SECOND);
            assert_eq!(word(&mut chip, 0), expected, "{part:?} at {celsius}");
        }
    }

    #[test]
    fn until_the_first_conversion_the_temperature_is_zero() {
        let time = FrozenTime::default();
        let mut chip = Lm75::new(Lm75Part::Lm75, time.elapsed(), |_| 25.0);
        time.pass(Duration::from_millis(299));
        assert_eq!(word(&mut chip, 0), 0);
        time.pass(Duration::from_millis(1));
        assert_eq!(word(&mut chip, 0), 0x1900);
    }

    #[test]
    fn only_a_tmp105_keeps_its_resolution_bits_and_none_its_one_shot_bit() {
        for (part, kept) in [(Lm75Part::Lm75, 0x08), (Lm75Part::Tmp105, 0x68)] {
            let mut chip = Lm75::new(part, FrozenTime::default().elapsed(), |_| 25.0);
            chip.write(&[1, 0xE8]).unwrap();
            assert_eq!(word(&mut chip, 1), u16::from_be_bytes([kept; 2]));
        }
    }

    #[test]
    fn a_shut_down_tmp105_converts_when_it_is_told_to() {
        let time = FrozenTime::default();
        let now = time.elapsed();
        let mut chip =
            Lm75::new(Lm75Part::Tmp105, time.elapsed(), move |_| now.now().as_secs_f64());
        chip.write(&[1, 0x61]).unwrap();
        time.pass(8 * SECOND);
        let settled = word(&mut chip, 0);
        time.pass(8 * SECOND);
        assert_eq!(word(&mut chip, 0), settled);
        chip.write(&[1, 0xE1]).unwrap();
        time.pass(SECOND);
        assert_eq!(word(&mut chip, 0), 17 << 8);
    }
}
