//! Vishay VEML7700 ambient light sensor (84286), and what the application note (84323) says of its
//! counts.
//!
//! # Invariants
//!
//! 1. Counts fall short of the light, the more the brighter it is: the true illuminance is the
//!    polynomial of the application note, applied to counts times resolution.
//! 2. After power-on the chip is shut down. The first conversion begins 2.5 ms after it is woken.
//! 3. Words travel low byte first.
//!
//! # Deliberately absent
//!
//! The white channel, which reads as zero, interrupts, and power saving, whose register is kept
//! without effect.

use std::time::Duration;

use super::{
    I2cChip, Nak,
    sampling::{Converter, unsigned},
};
use crate::time::Elapsed;

const SHUTDOWN: u16 = 0x0001;
const WAKE_UP: Duration = Duration::from_micros(2_500);
/// Lux per count at gain 2 and 800 ms.
const FINEST_RESOLUTION: f64 = 0.0042;
/// From the fourth power down to the first.
const POLYNOMIAL: [f64; 4] = [6.0135e-13, -9.3924e-9, 8.1488e-5, 1.0023];

/// One VEML7700 and the light that falls on it.
pub struct Veml7700 {
    time: Elapsed,
    lux: Box<dyn Fn(Duration) -> f64 + Send>,
    command: u8,
    state: Volatile,
}

struct Volatile {
    /// Configuration, high and low threshold, power saving.
    registers: [u16; 4],
    counts: u16,
    converter: Converter,
}

impl Volatile {
    const RESET: Self =
        Self { registers: [SHUTDOWN, 0, 0, 0], counts: 0, converter: Converter::Resting };
}

/// In milliseconds; codes that the datasheet does not give count as the default.
const fn integration_ms(config: u16) -> u16 {
    match config >> 6 & 0b1111 {
        0b1100 => 25,
        0b1000 => 50,
        0b0001 => 200,
        0b0010 => 400,
        0b0011 => 800,
        _ => 100,
    }
}

const fn gain(config: u16) -> f64 {
    match config >> 11 & 0b11 {
        0b00 => 1.0,
        0b01 => 2.0,
        0b10 => 0.125,
        _ => 0.25,
    }
}

/// What the chip takes `lux` for: the inverse of the polynomial, which nowhere falls.
fn perceived(lux: f64) -> f64 {
    let corrected = |x: f64| POLYNOMIAL.iter().fold(0.0, |sum, factor| (sum + factor) * x);
    let (mut low, mut high) = (0.0, lux.max(0.0));
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if corrected(middle) < lux {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

impl Veml7700 {
    /// A chip that was just powered, in light of `lux` of a time.
    pub fn new(time: Elapsed, lux: impl Fn(Duration) -> f64 + Send + 'static) -> Self {
        Self { time, lux: Box::new(lux), command: 0, state: Volatile::RESET }
    }

    fn catch_up(&mut self) {
        let Some(at) = self.state.converter.newest(self.time.now()) else { return };
        let [config, ..] = self.state.registers;
        let sensitivity = gain(config) / 2.0 * f64::from(integration_ms(config)) / 800.0;
        let counts = perceived((self.lux)(at)) / FINEST_RESOLUTION * sensitivity;
        self.state.counts = unsigned(counts, u16::MAX);
    }

    fn store(&mut self, command: u8, value: u16) {
        let Some(register) = self.state.registers.get_mut(usize::from(command)) else {
            return; // Read-only.
        };
        *register = value;
        if command == 0 {
            let period = Duration::from_millis(integration_ms(value).into());
            let next = self.time.now() + WAKE_UP + period;
            let is_shut_down = value & SHUTDOWN != 0;
            self.state.converter =
                if is_shut_down { Converter::Resting } else { Converter::Cyclic { next, period } };
        }
    }
}

impl I2cChip for Veml7700 {
    fn power_on(&mut self) {
        self.command = 0;
        self.state = Volatile::RESET;
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        if let Some(&command) = bytes.first() {
            self.command = command;
        }
        if let [command, low, high, ..] = *bytes {
            self.store(command, u16::from_le_bytes([low, high]));
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        let word = match self.command {
            command @ 0..=3 => self.state.registers[usize::from(command)],
            4 => self.state.counts,
            7 => 0xC481, // Address option and device id.
            _ => 0,
        };
        let word = word.to_le_bytes().into_iter().cycle();
        bytes.iter_mut().zip(word).for_each(|(byte, value)| *byte = value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::testing::{FrozenTime, word};

    fn counts(config: u16, lux: f64) -> u16 {
        let time = FrozenTime::default();
        let mut chip = Veml7700::new(time.elapsed(), move |_| lux);
        let [low, high] = config.to_le_bytes();
        chip.write(&[0, low, high]).unwrap();
        time.pass(Duration::from_secs(2));
        word(&mut chip, 4).swap_bytes()
    }

    /// The table of the application note: 0.0042 to 2.1504 lx per count. In dim light the
    /// polynomial is next to one.
    #[test]
    fn resolution_is_that_of_the_table() {
        for (config, resolution) in [
            (0x08C0, 0.0042),
            (0x0000, 0.0672),
            (0x0800, 0.0336),
            (0x1800, 0.2688),
            (0x1300, 2.1504),
        ] {
            let expected = 20.0 / 1.0039 / resolution;
            let found = f64::from(counts(config, 20.0));
            assert!((found - expected).abs() <= 1.0, "{config:#06x}: {found} {expected}");
        }
    }

    #[test]
    fn in_the_sun_the_counts_are_a_fraction_of_the_light() {
        // The polynomial at 22 900 is 118 900; counts are 22 900 / 0.5376.
        let found = counts(0x1000, 118_900.0);
        assert!((42_300..42_900).contains(&found), "{found}");
        assert_eq!(counts(0x0800, 118_900.0), u16::MAX);
    }

    #[test]
    fn shut_down_it_does_not_convert() {
        assert_eq!(counts(0x0001, 500.0), 0);
    }

    #[test]
    fn the_first_conversion_takes_its_wake_up_time_too() {
        let time = FrozenTime::default();
        let mut chip = Veml7700::new(time.elapsed(), |_| 500.0);
        chip.write(&[0, 0, 0]).unwrap();
        time.pass(Duration::from_millis(102));
        assert_eq!(word(&mut chip, 4), 0);
        time.pass(Duration::from_millis(1));
        assert_ne!(word(&mut chip, 4), 0);
    }
}
