//! Sensirion SHT40, SHT41, SHT45: temperature and relative humidity (SHT4x datasheet, version 6).
//!
//! Commands have one byte (4.5). The scale of humidity goes beyond the physical at both ends: 0 % is
//! word 3146, 100 % is word 55 574 (4.6).
//!
//! # Deliberately absent
//!
//! The heater (its commands are refused as unknown), and noise: precision changes nothing but the
//! time that a measurement takes.

use std::time::Duration;

use super::{
    Nak,
    sensirion::{Commanded, Commands, Reply, word},
};
use crate::{environment::Climate, time::Elapsed};

/// 3.1, table 5: power-up and soft reset; longest time of a measurement of high, medium and low
/// precision.
const POWER_UP: Duration = Duration::from_millis(1);
const HIGH: Duration = Duration::from_micros(8_300);
const MEDIUM: Duration = Duration::from_micros(4_500);
const LOW: Duration = Duration::from_micros(1_600);

/// One SHT4x and the air around it.
pub type Sht4x = Commanded<Sht4xCommands>;

/// What an SHT4x makes of its commands.
pub struct Sht4xCommands {
    climate: Box<dyn Fn(Duration) -> Climate + Send>,
    serial_number: u32,
}

impl Commanded<Sht4xCommands> {
    /// A chip that was just powered, in air whose state at a time is `climate` of that time.
    pub fn new(time: Elapsed, climate: impl Fn(Duration) -> Climate + Send + 'static) -> Self {
        let climate = Box::new(climate);
        Self::powered(time, Sht4xCommands { climate, serial_number: 0x0F4B_2C51 })
    }
}

impl Sht4xCommands {
    fn measured(&self, takes: Duration, now: Duration) -> Reply {
        let air = (self.climate)(now + takes);
        let temperature = word((air.celsius + 45.0) / 175.0, 65_535.0);
        let humidity = word((air.humidity_percent + 6.0) / 125.0, 65_535.0);
        Reply::of(takes, [temperature, humidity])
    }
}

impl Commands for Sht4xCommands {
    const COMMAND_BYTES: usize = 1;

    fn power_on(&mut self) -> Duration {
        POWER_UP
    }

    fn execute(&mut self, command: u16, words: &[u16], now: Duration) -> Result<Reply, Nak> {
        match (command, words) {
            (0xFD, []) => Ok(self.measured(HIGH, now)),
            (0xF6, []) => Ok(self.measured(MEDIUM, now)),
            (0xE0, []) => Ok(self.measured(LOW, now)),
            (0x89, []) => {
                let [a, b, c, d] = self.serial_number.to_be_bytes();
                let halves = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
                Ok(Reply::of(Duration::ZERO, halves))
            }
            (0x94, []) => Ok(Reply::none(self.power_on())),
            _ => Err(Nak),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_physical_are_inside_of_the_scale() {
        let at = |celsius, humidity_percent| {
            let air = Climate { celsius, humidity_percent, hectopascals: 1013.0 };
            Sht4xCommands { climate: Box::new(move |_| air), serial_number: 0 }
                .execute(0xFD, &[], Duration::ZERO)
                .unwrap()
                .words
        };
        // -45 + 175 x word / 65535; -6 + 125 x word / 65535
        assert_eq!(at(-45.0, 0.0), [0, 3_146]);
        assert_eq!(at(130.0, 100.0), [65_535, 55_574]);
    }

    #[test]
    fn no_heater_command_is_known() {
        let air = Climate { celsius: 0.0, humidity_percent: 0.0, hectopascals: 0.0 };
        let mut chip =
            Sht4xCommands { climate: Box::new(move |_| air), serial_number: 0x1234_5678 };
        for command in [0x39, 0x32, 0x2F, 0x24, 0x1E, 0x15] {
            assert_eq!(chip.execute(command, &[], Duration::ZERO), Err(Nak));
        }
        let serial = chip.execute(0x89, &[], Duration::ZERO).unwrap();
        assert_eq!(serial.words, [0x1234, 0x5678]);
    }
}
