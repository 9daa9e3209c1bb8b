//! Maxim MAX31855 thermocouple-to-digital converter (19-5793).
//!
//! # Invariants
//!
//! 1. A frame shows the newest conversion that ended before its chip select; chip select breaks off
//!    the conversion in progress, and its end begins a new one.
//! 2. The fault bit is the or of the three fault bits; the cold junction is measured all the same.
//! 3. A conversion takes 100 ms, as long as the slowest chip that the datasheet admits.
//!
//! # Deliberately absent
//!
//! The thermocouple's curve: the chip assumes a straight line, and so its model gives the
//! temperature that a straight thermocouple would be at. What the result reads as before the first
//! conversion is not specified; here zeros.

use std::time::Duration;

use super::{
    SpiChip,
    sampling::{Converter, signed},
};
use crate::time::Elapsed;

const CONVERSION: Duration = Duration::from_millis(100);

/// How the thermocouple is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Junction {
    /// As it should be.
    Sound,
    /// Broken, or not there.
    Open,
    /// Touches ground.
    ShortToGround,
    /// Touches the supply.
    ShortToSupply,
}

/// What a thermocouple converter is connected to at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thermocouple {
    /// The hot junction, °C.
    pub hot_celsius: f64,
    /// The chip's case, which is the cold junction, °C.
    pub cold_celsius: f64,
    /// Whether the wires hold.
    pub junction: Junction,
}

/// One MAX31855 and its thermocouple.
pub struct Max31855 {
    time: Elapsed,
    thermocouple: Box<dyn Fn(Duration) -> Thermocouple + Send>,
    converter: Converter,
    word: u32,
}

impl Max31855 {
    /// A chip that was just powered, with the `thermocouple` of a time.
    pub fn new(
        time: Elapsed,
        thermocouple: impl Fn(Duration) -> Thermocouple + Send + 'static,
    ) -> Self {
        let converter = begun(time.now());
        Self { time, thermocouple: Box::new(thermocouple), converter, word: 0 }
    }
}

fn begun(now: Duration) -> Converter {
    Converter::Cyclic { next: now + CONVERSION, period: CONVERSION }
}

/// Table 2: the memory map.
fn word(state: Thermocouple) -> u32 {
    let faults = match state.junction {
        Junction::Sound => 0,
        Junction::Open => 0b001,
        Junction::ShortToGround => 0b010,
        Junction::ShortToSupply => 0b100,
    };
    let quarters = match state.junction {
        Junction::Sound => signed(state.hot_celsius * 4.0, -8192..=8191),
        // Not specified with a fault: the end of the range, the worst for a driver that forgets.
        Junction::Open | Junction::ShortToGround | Junction::ShortToSupply => 8191,
    };
    let sixteenths = signed(state.cold_celsius * 16.0, -2048..=2047);
    let [hot, cold] = [quarters << 2, sixteenths << 4].map(i16::to_be_bytes);
    let fault = u32::from(faults != 0) << 16;
    u32::from_be_bytes([hot[0], hot[1], cold[0], cold[1]]) | fault | faults
}

impl SpiChip for Max31855 {
    fn power_on(&mut self) {
        self.word = 0;
        self.converter = begun(self.time.now());
    }

    fn transfer(&mut self, frame: &mut [u8]) {
        let now = self.time.now();
        if let Some(at) = self.converter.newest(now) {
            self.word = word((self.thermocouple)(at));
        }
        // After the 32nd clock the line stays where the last bit left it.
        let after = if self.word & 1 == 0 { 0x00 } else { 0xFF };
        let bytes = self.word.to_be_bytes().into_iter().chain(std::iter::repeat(after));
        frame.iter_mut().zip(bytes).for_each(|(byte, value)| *byte = value);
        self.converter = begun(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::FrozenTime;

    fn sound(hot_celsius: f64, cold_celsius: f64) -> Thermocouple {
        Thermocouple { hot_celsius, cold_celsius, junction: Junction::Sound }
    }

    /// Tables 4 and 5.
    #[test]
    fn temperatures_are_the_words_of_the_datasheet() {
        for (celsius, expected) in [
            (1_600.0, 0b01_1001_0000_0000),
            (1_000.0, 0b00_1111_1010_0000),
            (100.75, 0b00_0001_1001_0011),
            (25.0, 0b00_0000_0110_0100),
            (-0.25, 0b11_1111_1111_1111),
            (-1.0, 0b11_1111_1111_1100),
            (-250.0, 0b11_1100_0001_1000),
        ] {
            assert_eq!(word(sound(celsius, 0.0)) >> 18, expected, "{celsius}");
        }
        for (celsius, expected) in [
            (127.0, 0b0111_1111_0000),
            (100.5625, 0b0110_0100_1001),
            (-0.0625, 0b1111_1111_1111),
            (-20.0, 0b1110_1100_0000),
            (-55.0, 0b1100_1001_0000),
        ] {
            assert_eq!(word(sound(0.0, celsius)) >> 4, expected, "{celsius}");
        }
    }

    #[test]
    fn each_fault_has_its_bit_and_the_common_one() {
        for (junction, bits) in [
            (Junction::Open, 0x0001_0001),
            (Junction::ShortToGround, 0x0001_0002),
            (Junction::ShortToSupply, 0x0001_0004),
        ] {
            assert_eq!(word(Thermocouple { junction, ..sound(20.0, 25.0) }) & 0x0003_000F, bits);
        }
    }

    #[test]
    fn selecting_it_too_often_keeps_it_from_converting() {
        let time = FrozenTime::default();
        let mut chip = Max31855::new(time.elapsed(), |_| sound(100.0, 25.0));
        let mut read = || {
            let mut frame = [0xAA; 5];
            chip.transfer(&mut frame);
            frame
        };
        for _ in 0..5 {
            time.pass(Duration::from_millis(99));
            assert_eq!(read(), [0; 5]);
        }
        time.pass(Duration::from_millis(100));
        assert_eq!(read(), [0x06, 0x40, 0x19, 0x00, 0x00]);
    }
}
