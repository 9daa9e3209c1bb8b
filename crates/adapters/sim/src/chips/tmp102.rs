//! Texas Instruments TMP102 thermometer (SBOS397).
//!
//! # Invariants
//!
//! 1. From power-on until the first conversion ends the temperature reads as 0 °C (7.5.2).
//! 2. The resolution bits read as ones and the alert bit follows the comparator; neither can be
//!    written.
//! 3. In shutdown the one-shot bit reads as one, and as zero during the conversion it began
//!    (7.4.2).
//! 4. A conversion takes 35 ms, as long as the slowest chip that the datasheet admits.
//!
//! # Deliberately absent
//!
//! The alert pin, the fault queue and interrupt mode; the alert response of system management buses
//! and the general call.

use std::time::Duration;

use super::{
    I2cChip, Nak,
    sampling::{Converter, signed},
};
use crate::time::Elapsed;

const CONFIG_AT_RESET: u16 = 0x60A0;
/// `T_LOW` 75 °C and `T_HIGH` 80 °C.
const LIMITS_AT_RESET: [u16; 2] = [0x4B00, 0x5000];
const RESOLUTION: u16 = 0x6000;
const ONE_SHOT: u16 = 0x8000;
const SHUTDOWN: u16 = 0x0100;
const POLARITY: u16 = 0x0400;
const ALERT: u16 = 0x0020;
const EXTENDED: u16 = 0x0010;
/// Shutdown, thermostat, polarity, fault queue; conversion rate and extended mode.
const WRITABLE: u16 = 0x1FD0;
const CONVERSION: Duration = Duration::from_millis(35);

/// One TMP102 and the temperature of its case.
pub struct Tmp102 {
    time: Elapsed,
    celsius: Box<dyn Fn(Duration) -> f64 + Send>,
    pointer: u8,
    state: Volatile,
}

struct Volatile {
    config: u16,
    limits: [u16; 2],
    temperature: u16,
    converter: Converter,
    is_alert: bool,
}

impl Volatile {
    fn after_reset(at: Duration) -> Self {
        Self {
            config: CONFIG_AT_RESET & WRITABLE,
            limits: LIMITS_AT_RESET,
            temperature: 0,
            converter: Converter::Cyclic { next: at + CONVERSION, period: cycle(CONFIG_AT_RESET) },
            is_alert: false,
        }
    }
}

/// 7.3.9: one conversion each 4 s, 1 s, 250 ms or 125 ms.
const fn cycle(config: u16) -> Duration {
    Duration::from_millis([4_000, 1_000, 250, 125][(config >> 6 & 0b11) as usize])
}

impl Tmp102 {
    /// A chip that was just powered, whose case is at `celsius` of a time.
    pub fn new(time: Elapsed, celsius: impl Fn(Duration) -> f64 + Send + 'static) -> Self {
        let state = Volatile::after_reset(time.now());
        Self { time, celsius: Box::new(celsius), pointer: 0, state }
    }

    fn catch_up(&mut self) {
        let Some(at) = self.state.converter.newest(self.time.now()) else { return };
        let sixteenths = (self.celsius)(at) * 16.0;
        let is_extended = self.state.config & EXTENDED != 0;
        let word = if is_extended {
            signed(sixteenths, -4096..=4095) << 3 | 1
        } else {
            signed(sixteenths, -2048..=2047) << 4
        };
        self.state.temperature = u16::from_be_bytes(word.to_be_bytes());
        let limit = |n: usize| i16::from_be_bytes(self.state.limits[n].to_be_bytes());
        self.state.is_alert = word >= limit(1) || self.state.is_alert && word >= limit(0);
    }

    fn configure(&mut self, value: u16) {
        let now = self.time.now();
        let was_shut_down = self.state.config & SHUTDOWN != 0;
        self.state.config = value & WRITABLE;
        if value & SHUTDOWN == 0 {
            let next = match self.state.converter {
                Converter::Cyclic { next, .. } if !was_shut_down => next,
                Converter::Cyclic { .. } | Converter::Resting | Converter::Once { .. } => {
                    now + CONVERSION
                }
            };
            self.state.converter = Converter::Cyclic { next, period: cycle(value) };
        } else if value & ONE_SHOT != 0 {
            self.state.converter = Converter::Once { ends: now + CONVERSION };
        } else {
            self.state.converter = match self.state.converter.stopping() {
                // Only a conversion that has begun is finished.
                Converter::Once { ends } if ends <= now + CONVERSION => Converter::Once { ends },
                Converter::Once { .. } | Converter::Resting | Converter::Cyclic { .. } => {
                    Converter::Resting
                }
            };
        }
    }

    fn config(&self) -> u16 {
        let is_idle = self.state.config & SHUTDOWN != 0 && self.state.converter.is_resting();
        let one_shot = if is_idle { ONE_SHOT } else { 0 };
        let is_active_high = self.state.config & POLARITY != 0;
        let alert = if self.state.is_alert == is_active_high { ALERT } else { 0 };
        self.state.config | RESOLUTION | one_shot | alert
    }
}

impl I2cChip for Tmp102 {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.state = Volatile::after_reset(self.time.now());
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        if let Some(pointer) = bytes.first() {
            self.pointer = pointer & 0b11;
        }
        if let [_, high, low, ..] = *bytes {
            let value = u16::from_be_bytes([high, low]);
            match self.pointer {
                0 => {} // Read-only.
                1 => self.configure(value),
                limit => self.state.limits[usize::from(limit - 2)] = value,
            }
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        let word = match self.pointer {
            0 => self.state.temperature,
            1 => self.config(),
            limit => self.state.limits[usize::from(limit - 2)],
        };
        let word = word.to_be_bytes().into_iter().cycle();
        bytes.iter_mut().zip(word).for_each(|(byte, value)| *byte = value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::{FrozenTime, word};

    const SECOND: Duration = Duration::from_secs(1);

    fn converted(config: [u8; 2], celsius: f64) -> u16 {
        let time = FrozenTime::default();
        let mut chip = Tmp102::new(time.elapsed(), move |_| celsius);
        chip.write(&[1, config[0], config[1]]).unwrap();
        time.pass(8 * SECOND);
        word(&mut chip, 0)
    }

    /// Tables 2 and 3: 12 bits, and 13 bits of extended mode, whose lowest bit says so.
    #[test]
    fn temperatures_are_the_words_of_the_datasheet() {
        for (celsius, normal, extended) in [
            (100.0, 0x640, 0x0640),
            (25.0, 0x190, 0x0190),
            (0.25, 0x004, 0x0004),
            (-0.25, 0xFFC, 0x1FFC),
            (-25.0, 0xE70, 0x1E70),
            (-55.0, 0xC90, 0x1C90),
            (150.0, 0x7FF, 0x0960),
        ] {
            assert_eq!(converted([0x60, 0xA0], celsius), normal << 4, "{celsius}");
            assert_eq!(converted([0x60, 0xB0], celsius), extended << 3 | 1, "{celsius}");
        }
    }

    #[test]
    fn after_power_on_the_registers_are_those_of_the_datasheet() {
        let mut chip = Tmp102::new(FrozenTime::default().elapsed(), |_| 25.0);
        assert_eq!([0, 1, 2, 3].map(|n| word(&mut chip, n)), [0, 0x60A0, 0x4B00, 0x5000]);
    }

    #[test]
    fn the_one_shot_bit_is_zero_while_it_converts() {
        let time = FrozenTime::default();
        let mut chip = Tmp102::new(time.elapsed(), |_| 25.0);
        chip.write(&[1, 0xE1, 0xA0]).unwrap();
        time.pass(Duration::from_millis(34));
        assert_eq!((word(&mut chip, 1), word(&mut chip, 0)), (0x61A0, 0));
        time.pass(Duration::from_millis(1));
        assert_eq!((word(&mut chip, 1), word(&mut chip, 0)), (0xE1A0, 0x1900));
    }

    #[test]
    fn the_alert_bit_follows_the_comparator_upside_down() {
        let time = FrozenTime::default();
        let mut chip = Tmp102::new(time.elapsed(), |_| 85.0);
        time.pass(SECOND);
        assert_eq!(word(&mut chip, 1), 0x6080);
    }
}
