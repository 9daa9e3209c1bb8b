//! Texas Instruments TMP117 thermometer, ±0.1 °C (SNOSD82).
//!
//! # Invariants
//!
//! 1. From power-on until the first conversion ends the temperature reads as 0x8000, -256 °C
//!    (7.6.2).
//! 2. Data ready is set by the end of a conversion, and cleared when the temperature or the
//!    configuration is read (7.6.3).
//! 3. A one-shot conversion ends in shutdown; mode 0b10 is continuous and reads as 0b00.
//! 4. A conversion takes 17.5 ms per average, as long as the slowest chip that the datasheet
//!    admits.
//!
//! # Deliberately absent
//!
//! The alert pin and flags, and programming of the EEPROM: its general-purpose words are zeros.

use std::time::Duration;

use super::{
    I2cChip, Nak,
    sampling::{Converter, signed},
};
use crate::time::Elapsed;

const NOT_YET_CONVERTED: i16 = i16::MIN;
/// Continuous, a cycle of 1 s, 8 averages.
const CONFIG_AT_RESET: u16 = 0x0220;
/// Mode, cycle, averages, and the pin's use.
const WRITABLE: u16 = 0x0FFC;
const SOFT_RESET: u16 = 0x0002;
const DATA_READY: u16 = 0x2000;
const DEVICE_ID: u16 = 0x0117;
const ONE_CONVERSION: Duration = Duration::from_micros(17_500);
/// Table 7-7, without averages, in milliseconds.
const CYCLES: [u64; 8] = [0, 125, 250, 500, 1_000, 4_000, 8_000, 16_000];

/// One TMP117 and the temperature of its case.
pub struct Tmp117 {
    time: Elapsed,
    celsius: Box<dyn Fn(Duration) -> f64 + Send>,
    pointer: u8,
    state: Volatile,
}

struct Volatile {
    config: u16,
    is_ready: bool,
    temperature: i16,
    offset: i16,
    /// High and low.
    limits: [u16; 2],
    converter: Converter,
}

impl Volatile {
    fn after_reset(at: Duration) -> Self {
        Self {
            config: CONFIG_AT_RESET,
            is_ready: false,
            temperature: NOT_YET_CONVERTED,
            offset: 0,
            limits: [0x6000, 0x8000],
            converter: started(CONFIG_AT_RESET, at),
        }
    }
}

/// What the mode bits of `config` make the converter do.
fn started(config: u16, now: Duration) -> Converter {
    let averages = [1, 8, 32, 64][usize::from(config >> 5 & 0b11)];
    let takes = ONE_CONVERSION * averages;
    match config >> 10 & 0b11 {
        0b01 => Converter::Resting,
        0b11 => Converter::Once { ends: now + takes },
        _ => {
            let cycle = Duration::from_millis(CYCLES[usize::from(config >> 7 & 0b111)]);
            Converter::Cyclic { next: now + takes, period: cycle.max(takes) }
        }
    }
}

impl Tmp117 {
    /// A chip that was just powered, whose case is at `celsius` of a time.
    pub fn new(time: Elapsed, celsius: impl Fn(Duration) -> f64 + Send + 'static) -> Self {
        let state = Volatile::after_reset(time.now());
        Self { time, celsius: Box::new(celsius), pointer: 0, state }
    }

    fn catch_up(&mut self) {
        let Some(at) = self.state.converter.newest(self.time.now()) else { return };
        let counts = signed((self.celsius)(at) * 128.0, i16::MIN..=i16::MAX);
        self.state.temperature = counts.saturating_add(self.state.offset);
        self.state.is_ready = true;
        if self.state.converter.is_resting() {
            self.state.config = self.state.config & !0x0C00 | 0x0400;
        }
    }

    fn configure(&mut self, value: u16) {
        let now = self.time.now();
        if value & SOFT_RESET != 0 {
            self.state = Volatile::after_reset(now);
            return;
        }
        let value = value & WRITABLE;
        self.state.config = if value & 0x0C00 == 0x0800 { value & !0x0C00 } else { value };
        self.state.is_ready = false;
        self.state.converter = started(value, now);
    }

    fn load(&mut self) -> u16 {
        let state = &mut self.state;
        match self.pointer {
            0x00 => {
                state.is_ready = false;
                u16::from_be_bytes(state.temperature.to_be_bytes())
            }
            0x01 => {
                let ready = if core::mem::take(&mut state.is_ready) { DATA_READY } else { 0 };
                state.config | ready
            }
            0x02 | 0x03 => state.limits[usize::from(self.pointer - 2)],
            0x07 => u16::from_be_bytes(state.offset.to_be_bytes()),
            0x0F => DEVICE_ID,
            _ => 0,
        }
    }
}

impl I2cChip for Tmp117 {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.state = Volatile::after_reset(self.time.now());
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        if let Some(pointer) = bytes.first() {
            self.pointer = pointer & 0x0F;
        }
        if let [_, high, low, ..] = *bytes {
            let value = u16::from_be_bytes([high, low]);
            match self.pointer {
                0x01 => self.configure(value),
                0x02 | 0x03 => self.state.limits[usize::from(self.pointer - 2)] = value,
                0x07 => self.state.offset = i16::from_be_bytes([high, low]),
                _ => {} // Read-only, or the EEPROM, which is locked.
            }
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        let word = self.load().to_be_bytes().into_iter().cycle();
        bytes.iter_mut().zip(word).for_each(|(byte, value)| *byte = value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::{FrozenTime, word};

    fn chip(celsius: f64) -> (FrozenTime, Tmp117) {
        let time = FrozenTime::default();
        let chip = Tmp117::new(time.elapsed(), move |_| celsius);
        (time, chip)
    }

    /// Table 7-1.
    #[test]
    fn temperatures_are_the_words_of_the_datasheet() {
        for (celsius, expected) in [
            (-256.0, 0x8000),
            (-25.0, 0xF380),
            (-0.007_812_5, 0xFFFF),
            (0.007_812_5, 0x0001),
            (25.0, 0x0C80),
            (100.0, 0x3200),
            (255.992_187_5, 0x7FFF),
            (300.0, 0x7FFF),
        ] {
            let (time, mut chip) = chip(celsius);
            time.pass(Duration::from_secs(1));
            assert_eq!(word(&mut chip, 0), expected, "{celsius}");
        }
    }

    #[test]
    fn after_power_on_the_registers_are_those_of_the_datasheet() {
        let (_, mut chip) = chip(25.0);
        let registers = [0, 1, 2, 3, 7, 15].map(|register| word(&mut chip, register));
        assert_eq!(registers, [0x8000, 0x0220, 0x6000, 0x8000, 0, 0x0117]);
    }

    #[test]
    fn data_ready_comes_with_the_conversion_and_goes_with_its_reading() {
        let (time, mut chip) = chip(25.0);
        chip.write(&[1, 0x0C, 0x00]).unwrap();
        time.pass(Duration::from_micros(17_499));
        assert_eq!(word(&mut chip, 1), 0x0C00);
        time.pass(Duration::from_micros(1));
        assert_eq!([(); 2].map(|()| word(&mut chip, 1)), [0x2400, 0x0400]);
    }

    #[test]
    fn the_offset_is_added_and_a_soft_reset_forgets_it() {
        let (time, mut chip) = chip(25.0);
        chip.write(&[7, 0x00, 0x80]).unwrap();
        time.pass(Duration::from_secs(1));
        assert_eq!(word(&mut chip, 0), 0x0D00);
        chip.write(&[1, 0x00, 0x02]).unwrap();
        assert_eq!(word(&mut chip, 0), 0x8000);
        time.pass(Duration::from_secs(1));
        assert_eq!(word(&mut chip, 0), 0x0C80);
    }
}
