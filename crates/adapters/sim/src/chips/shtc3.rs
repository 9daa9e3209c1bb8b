//! Sensirion SHTC3: temperature and relative humidity (SHTC3 datasheet, version 3).
//!
//! # Invariants
//!
//! 1. After power-up the chip is idle; asleep it acknowledges no command but `wake-up` (5.1, 5.2).
//! 2. Words are fractions of 2^16 (5.11).
//!
//! # Deliberately absent
//!
//! Clock stretching, and noise: low power changes nothing but the time that a measurement takes.

use std::time::Duration;

use super::{
    Nak,
    sensirion::{Commanded, Commands, Reply, word},
};
use crate::{environment::Climate, time::Elapsed};

/// 3.1, table 3: power-up, soft reset and wake-up; longest time of a measurement.
const POWER_UP: Duration = Duration::from_micros(240);
const NORMAL: Duration = Duration::from_micros(12_100);
const LOW_POWER: Duration = Duration::from_micros(800);
/// 5.9: bits 11 and 5 to 0 say SHTC3; the others differ from chip to chip.
const ID: u16 = 0x0887;

/// One SHTC3 and the air around it.
pub type Shtc3 = Commanded<Shtc3Commands>;

/// What an SHTC3 makes of its commands.
pub struct Shtc3Commands {
    climate: Box<dyn Fn(Duration) -> Climate + Send>,
    is_asleep: bool,
}

impl Commanded<Shtc3Commands> {
    /// A chip that was just powered, in air whose state at a time is `climate` of that time.
    pub fn new(time: Elapsed, climate: impl Fn(Duration) -> Climate + Send + 'static) -> Self {
        Self::powered(time, Shtc3Commands { climate: Box::new(climate), is_asleep: false })
    }
}

impl Shtc3Commands {
    /// Temperature, then humidity.
    fn words(&self, at: Duration) -> [u16; 2] {
        let air = (self.climate)(at);
        let temperature = word((air.celsius + 45.0) / 175.0, 65_536.0);
        [temperature, word(air.humidity_percent / 100.0, 65_536.0)]
    }

    fn awake(&mut self, command: u16, now: Duration) -> Result<Reply, Nak> {
        let measured = |takes| {
            let [temperature, humidity] = self.words(now + takes);
            (takes, temperature, humidity)
        };
        let (takes, temperature, humidity) = match command {
            0x7866 | 0x58E0 => measured(NORMAL),
            0x609C | 0x401A => measured(LOW_POWER),
            0xB098 => {
                self.is_asleep = true;
                return Ok(Reply::default());
            }
            0x3517 => return Ok(Reply::none(POWER_UP)),
            0x805D => return Ok(Reply::none(self.power_on())),
            0xEFC8 => return Ok(Reply::of(Duration::ZERO, [ID])),
            _ => return Err(Nak),
        };
        let is_temperature_first = matches!(command, 0x7866 | 0x609C);
        let words =
            if is_temperature_first { [temperature, humidity] } else { [humidity, temperature] };
        Ok(Reply::of(takes, words))
    }
}

impl Commands for Shtc3Commands {
    fn power_on(&mut self) -> Duration {
        self.is_asleep = false;
        POWER_UP
    }

    fn execute(&mut self, command: u16, words: &[u16], now: Duration) -> Result<Reply, Nak> {
        if !words.is_empty() || self.is_asleep && command != 0x3517 {
            return Err(Nak);
        }
        self.is_asleep = false;
        self.awake(command, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(celsius: f64, humidity_percent: f64) -> Shtc3Commands {
        let air = Climate { celsius, humidity_percent, hectopascals: 1013.0 };
        Shtc3Commands { climate: Box::new(move |_| air), is_asleep: false }
    }

    #[test]
    fn asleep_it_takes_no_command_but_wake_up() {
        let mut chip = chip(0.0, 0.0);
        assert!(chip.execute(0xB098, &[], Duration::ZERO).is_ok());
        for command in [0x7866, 0xB098, 0xEFC8, 0x805D] {
            assert_eq!(chip.execute(command, &[], Duration::ZERO), Err(Nak));
        }
        assert_eq!(chip.execute(0x3517, &[], Duration::ZERO), Ok(Reply::none(POWER_UP)));
        assert_eq!(chip.execute(0xEFC8, &[], Duration::ZERO).unwrap().words, [ID]);
    }

    /// 5.11: -45 + 175 x 0x6466 / 2^16 = 23.7 °C, 100 x 0xA133 / 2^16 = 63 %.
    #[test]
    fn the_example_of_the_datasheet_comes_in_either_order() {
        let mut chip = chip(23.632, 62.968);
        let words = chip.execute(0x7866, &[], Duration::ZERO).unwrap().words;
        assert_eq!(words, [0x6466, 0xA133]);
        let swapped = chip.execute(0x401A, &[], Duration::ZERO).unwrap();
        assert_eq!(swapped, Reply::of(LOW_POWER, [0xA133, 0x6466]));
    }
}
