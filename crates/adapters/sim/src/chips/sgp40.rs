//! Sensirion SGP40: raw signal of a metal-oxide gas sensor (SGP40 datasheet, version 1.2).
//!
//! # Terms
//!
//! * **Ticks** — the raw signal, proportional to the logarithm of the sensing layer's resistance:
//!   more volatile organic compounds, fewer ticks.
//! * **Compensation** — the humidity and temperature that the chip is told with each command, in the
//!   words of table 10. What it does with them the datasheet does not say, so whoever makes the chip
//!   gives the ticks for the compensation as told.
//!
//! # Deliberately absent
//!
//! The hotplate's warm-up, and noise.

use std::time::Duration;

use super::{
    Nak,
    sensirion::{Commanded, Commands, Reply},
};
use crate::time::Elapsed;

/// 3.3, table 8: power-up and soft reset; longest execution times.
const POWER_UP: Duration = Duration::from_micros(600);
const MEASURE: Duration = Duration::from_millis(30);
const SELF_TEST: Duration = Duration::from_millis(320);
const SHORT: Duration = Duration::from_millis(1);
/// 4.2, table 10: all tests passed.
const PASSED: u16 = 0xD400;

/// One SGP40 and the gas around it.
pub type Sgp40 = Commanded<Sgp40Commands>;

/// What the chip is told of the air.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compensation {
    /// Relative humidity, %.
    pub humidity_percent: f64,
    /// Temperature, °C.
    pub celsius: f64,
}

/// What an SGP40 makes of its commands.
pub struct Sgp40Commands {
    ticks: Box<dyn Fn(Duration, Compensation) -> u16 + Send>,
}

impl Commanded<Sgp40Commands> {
    /// A chip that was just powered, and whose signal at a time is `ticks` of that time and of what
    /// it is told.
    pub fn new(
        time: Elapsed,
        ticks: impl Fn(Duration, Compensation) -> u16 + Send + 'static,
    ) -> Self {
        Self::powered(time, Sgp40Commands { ticks: Box::new(ticks) })
    }
}

impl Commands for Sgp40Commands {
    fn power_on(&mut self) -> Duration {
        POWER_UP
    }

    fn execute(&mut self, command: u16, words: &[u16], now: Duration) -> Result<Reply, Nak> {
        match (command, words) {
            (0x260F, &[humidity, temperature]) => {
                let told = Compensation {
                    humidity_percent: f64::from(humidity) * 100.0 / 65_535.0,
                    celsius: f64::from(temperature) * 175.0 / 65_535.0 - 45.0,
                };
                Ok(Reply::of(MEASURE, [(self.ticks)(now + MEASURE, told)]))
            }
            (0x280E, []) => Ok(Reply::of(SELF_TEST, [PASSED])),
            (0x3615, []) => Ok(Reply::none(SHORT)),
            (0x3682, []) => Ok(Reply::of(SHORT, [0x0000, 0x01F2, 0x7A3C])),
            _ => Err(Nak),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_datasheets_example_are_fifty_percent_and_twenty_five_degrees() {
        let ticks = |_, told: Compensation| {
            assert!((told.humidity_percent - 50.0).abs() < 0.001, "{told:?}");
            assert!((told.celsius - 25.0).abs() < 0.001, "{told:?}");
            30_000
        };
        let mut chip = Sgp40Commands { ticks: Box::new(ticks) };
        let reply = chip.execute(0x260F, &[0x8000, 0x6666], Duration::ZERO);
        assert_eq!(reply, Ok(Reply::of(MEASURE, [30_000])));
        assert_eq!(chip.execute(0x260F, &[], Duration::ZERO), Err(Nak), "without compensation");
    }

    #[test]
    fn the_self_test_passes() {
        let mut chip = Sgp40Commands { ticks: Box::new(|_, _| 0) };
        assert_eq!(chip.execute(0x280E, &[], Duration::ZERO).unwrap().words, [PASSED]);
    }
}
