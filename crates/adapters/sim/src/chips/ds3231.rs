//! Maxim DS3231 real-time clock with its thermometer (19-5170).
//!
//! # Invariants
//!
//! 1. The temperature is converted at power-on, each 64 s, and when it is told to by the CONV bit,
//!    which stays set until the conversion ends (8Ch: control register).
//! 2. Busy is set during every conversion.
//! 3. The oscillator-stop flag can be cleared, not set.
//! 4. A conversion takes 200 ms, as long as the slowest chip that the datasheet admits.
//!
//! # Deliberately absent
//!
//! Timekeeping: the registers of time and alarms keep what is written to them. The aging offset has
//! no effect.

use std::time::Duration;

use super::{
    I2cChip, Nak,
    sampling::{Converter, signed},
};
use crate::time::Elapsed;

const CONTROL: u8 = 0x0E;
const STATUS: u8 = 0x0F;
const LAST: u8 = 0x12;
const CONV: u8 = 0x20;
const OSCILLATOR_STOPPED: u8 = 0x80;
const OUTPUT_32KHZ: u8 = 0x08;
const ALARMS: u8 = 0x03;
const BUSY: u8 = 0x04;
const CONVERSION: Duration = Duration::from_millis(200);
const CYCLE: Duration = Duration::from_secs(64);

/// One DS3231 and the temperature of its case.
pub struct Ds3231 {
    time: Elapsed,
    celsius: Box<dyn Fn(Duration) -> f64 + Send>,
    pointer: u8,
    state: Volatile,
}

struct Volatile {
    /// 0x00 to 0x10; control without CONV, status without BSY.
    registers: [u8; 17],
    /// Quarters of a degree.
    temperature: i16,
    by_itself: Converter,
    on_demand: Converter,
}

impl Volatile {
    fn after_reset(at: Duration) -> Self {
        let mut registers = [0; 17];
        registers[3] = 1; // Day, date and month count from one.
        registers[4] = 1;
        registers[5] = 1;
        registers[usize::from(CONTROL)] = 0x1C;
        registers[usize::from(STATUS)] = OSCILLATOR_STOPPED | OUTPUT_32KHZ;
        let by_itself = Converter::Cyclic { next: at + CONVERSION, period: CYCLE };
        Self { registers, temperature: 0, by_itself, on_demand: Converter::Resting }
    }
}

impl Ds3231 {
    /// A chip whose supply and battery were just connected, whose case is at `celsius` of a time.
    pub fn new(time: Elapsed, celsius: impl Fn(Duration) -> f64 + Send + 'static) -> Self {
        let state = Volatile::after_reset(time.now());
        Self { time, celsius: Box::new(celsius), pointer: 0, state }
    }

    fn catch_up(&mut self) {
        let now = self.time.now();
        let ended = self.state.by_itself.newest(now).max(self.state.on_demand.newest(now));
        if let Some(at) = ended {
            self.state.temperature = signed((self.celsius)(at) * 4.0, -512..=511);
        }
    }

    fn is_busy(&self) -> bool {
        let begins = match self.state.by_itself {
            Converter::Cyclic { next, .. } => next.saturating_sub(CONVERSION),
            Converter::Resting | Converter::Once { .. } => Duration::MAX,
        };
        begins <= self.time.now() || !self.state.on_demand.is_resting()
    }

    fn store(&mut self, register: u8, value: u8) {
        let Some(kept) = self.state.registers.get_mut(usize::from(register)) else {
            return; // The temperature is read-only.
        };
        *kept = match register {
            CONTROL => value & !CONV,
            STATUS => {
                let clearable = OSCILLATOR_STOPPED | ALARMS;
                *kept & value & clearable | value & OUTPUT_32KHZ
            }
            _ => value,
        };
        if register == CONTROL && value & CONV != 0 && self.state.on_demand.is_resting() {
            self.state.on_demand = Converter::Once { ends: self.time.now() + CONVERSION };
        }
    }

    fn load(&self, register: u8) -> u8 {
        let flag = |bit: u8, is_set: bool| if is_set { bit } else { 0 };
        let [high, low] = (self.state.temperature << 6).to_be_bytes();
        match register {
            0x11 => high,
            0x12 => low,
            CONTROL => {
                self.state.registers[usize::from(CONTROL)]
                    | flag(CONV, !self.state.on_demand.is_resting())
            }
            STATUS => self.state.registers[usize::from(STATUS)] | flag(BUSY, self.is_busy()),
            _ => self.state.registers[usize::from(register)],
        }
    }

    fn advance(&mut self) {
        self.pointer = if self.pointer == LAST { 0 } else { self.pointer + 1 };
    }
}

impl I2cChip for Ds3231 {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.state = Volatile::after_reset(self.time.now());
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        let Some((pointer, values)) = bytes.split_first() else { return Ok(()) };
        self.pointer = pointer % (LAST + 1);
        for &value in values {
            self.store(self.pointer, value);
            self.advance();
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        for byte in bytes {
            *byte = self.load(self.pointer);
            self.advance();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::{FrozenTime, word};

    fn chip(celsius: f64) -> (FrozenTime, Ds3231) {
        let time = FrozenTime::default();
        let chip = Ds3231::new(time.elapsed(), move |_| celsius);
        (time, chip)
    }

    /// The example of the datasheet is 0b00011001 01 for 25.25 °C.
    #[test]
    fn temperatures_are_two_complement_quarters() {
        for (celsius, expected) in
            [(25.25, 0x1940), (0.25, 0x0040), (-0.25, 0xFFC0), (-40.0, 0xD800), (85.0, 0x5500)]
        {
            let (time, mut chip) = chip(celsius);
            time.pass(CONVERSION);
            assert_eq!(word(&mut chip, 0x11), expected, "{celsius}");
        }
    }

    #[test]
    fn a_conversion_on_demand_shows_until_it_ends() {
        let (time, mut chip) = chip(25.0);
        time.pass(Duration::from_secs(1));
        assert_eq!(word(&mut chip, CONTROL), 0x1C88);
        chip.write(&[CONTROL, 0x3C]).unwrap();
        time.pass(Duration::from_millis(199));
        assert_eq!(word(&mut chip, CONTROL), 0x3C8C);
        time.pass(Duration::from_millis(1));
        assert_eq!(word(&mut chip, CONTROL), 0x1C88);
    }

    #[test]
    fn it_converts_by_itself_each_64_s_and_is_busy_meanwhile() {
        let time = FrozenTime::default();
        let now = time.elapsed();
        let mut chip = Ds3231::new(time.elapsed(), move |_| now.now().as_secs_f64());
        time.pass(Duration::from_secs(60));
        assert_eq!(word(&mut chip, STATUS) >> 8, 0x88);
        let first = word(&mut chip, 0x11);
        time.pass(Duration::from_millis(4_100));
        assert_eq!((word(&mut chip, STATUS) >> 8, word(&mut chip, 0x11)), (0x8C, first));
        time.pass(Duration::from_millis(100));
        assert_ne!(word(&mut chip, 0x11), first);
    }

    #[test]
    fn the_oscillator_stop_flag_can_be_cleared_and_not_set() {
        let (_, mut chip) = chip(25.0);
        chip.write(&[STATUS, 0x00]).unwrap();
        chip.write(&[STATUS, 0x88]).unwrap();
        assert_eq!(chip.load(STATUS) & !BUSY, 0x08);
    }
}
