//! Maxim MAX6675 K-thermocouple-to-digital converter (19-2235).
//!
//! # Invariants
//!
//! 1. A frame shows the newest conversion that ended before its chip select; chip select breaks off
//!    the conversion in progress, and its end begins a new one.
//! 2. Twelve bits from 0 °C: below it the result is zero, above 1023.75 °C it is all ones.
//! 3. The bit after the device id is at high impedance and reads as one, as the line does after it.
//! 4. A conversion takes 220 ms, as long as the slowest chip that the datasheet admits.
//!
//! # Deliberately absent
//!
//! The thermocouple's curve: the chip assumes 41 µV/K, and so its model gives the temperature that
//! a straight thermocouple would be at. Shorts, which the chip does not notice. What the result
//! reads as before the first conversion is not specified; here zero.

use std::time::Duration;

use super::{
    SpiChip,
    max31855::{Junction, Thermocouple},
    sampling::{Converter, unsigned},
};
use crate::time::Elapsed;

const CONVERSION: Duration = Duration::from_millis(220);
const COUNTS_MAX: u16 = 0x0FFF;
const OPEN: u16 = 0x0004;
const HIGH_IMPEDANCE: u16 = 0x0001;

/// One MAX6675 and its thermocouple.
pub struct Max6675 {
    time: Elapsed,
    thermocouple: Box<dyn Fn(Duration) -> Thermocouple + Send>,
    converter: Converter,
    word: u16,
}

impl Max6675 {
    /// A chip that was just powered, with the `thermocouple` of a time.
    pub fn new(
        time: Elapsed,
        thermocouple: impl Fn(Duration) -> Thermocouple + Send + 'static,
    ) -> Self {
        let converter = begun(time.now());
        let thermocouple = Box::new(thermocouple);
        Self { time, thermocouple, converter, word: HIGH_IMPEDANCE }
    }
}

fn begun(now: Duration) -> Converter {
    Converter::Cyclic { next: now + CONVERSION, period: CONVERSION }
}

/// Table 2: a zero, twelve bits, open, the device id of zero, high impedance.
fn word(state: Thermocouple) -> u16 {
    let is_open = state.junction == Junction::Open;
    let counts = if is_open { COUNTS_MAX } else { unsigned(state.hot_celsius * 4.0, COUNTS_MAX) };
    counts << 3 | if is_open { OPEN } else { 0 } | HIGH_IMPEDANCE
}

impl SpiChip for Max6675 {
    fn power_on(&mut self) {
        self.word = HIGH_IMPEDANCE;
        self.converter = begun(self.time.now());
    }

    fn transfer(&mut self, frame: &mut [u8]) {
        let now = self.time.now();
        if let Some(at) = self.converter.newest(now) {
            self.word = word((self.thermocouple)(at));
        }
        let bytes = self.word.to_be_bytes().into_iter().chain(std::iter::repeat(0xFF));
        frame.iter_mut().zip(bytes).for_each(|(byte, value)| *byte = value);
        self.converter = begun(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::FrozenTime;

    fn at(hot_celsius: f64, junction: Junction) -> Thermocouple {
        Thermocouple { hot_celsius, cold_celsius: 25.0, junction }
    }

    #[test]
    fn twelve_bits_count_quarters_from_zero_and_saturate() {
        for (celsius, counts) in
            [(-20.0, 0), (0.0, 0), (0.25, 1), (100.0, 400), (1_023.75, 4_095), (1_200.0, 4_095)]
        {
            assert_eq!(word(at(celsius, Junction::Sound)), counts << 3 | 1, "{celsius}");
        }
    }

    #[test]
    fn an_open_thermocouple_sets_its_bit_and_a_short_does_not() {
        assert_eq!(word(at(100.0, Junction::Open)) & 0b110, 0b100);
        assert_eq!(word(at(100.0, Junction::ShortToGround)) & 0b110, 0);
    }

    #[test]
    fn selecting_it_too_often_keeps_it_from_converting() {
        let time = FrozenTime::default();
        let mut chip = Max6675::new(time.elapsed(), |_| at(100.0, Junction::Sound));
        let mut read = || {
            let mut frame = [0; 3];
            chip.transfer(&mut frame);
            frame
        };
        for _ in 0..5 {
            time.pass(Duration::from_millis(219));
            assert_eq!(read(), [0x00, 0x01, 0xFF]);
        }
        time.pass(Duration::from_millis(220));
        assert_eq!(read(), [0x0C, 0x81, 0xFF]);
    }
}
