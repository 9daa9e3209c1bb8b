//! Sensirion SHT31: temperature and relative humidity (SHT3x-DIS datasheet, version 6).
//!
//! # Terms
//!
//! * **Single shot** — one measurement, read when it is done (4.3).
//! * **Periodic mode** — the chip measures by itself; each result is fetched once (4.5, 4.6).
//!
//! # Invariants
//!
//! 1. In periodic mode single shots are refused; `break` ends it (4.8).
//! 2. The heater, while on, warms the chip (4.10); what it then measures is itself, not the air.
//! 3. Status bit 4 is set by a reset and by power, and cleared by command (4.11).
//!
//! # Deliberately absent
//!
//! Clock stretching, alerts, the accelerated-response mode, and noise: repeatability changes nothing
//! but the time that a measurement takes.

use std::time::Duration;

use super::{
    Nak,
    sensirion::{Commanded, Commands, Reply, word},
};
use crate::{environment::Climate, time::Elapsed};

/// 2.2, table 4: power-up, soft reset; longest time of a measurement of high, medium and low
/// repeatability, at the lowest supply.
const POWER_UP: Duration = Duration::from_micros(1_500);
const CONVERSIONS: [Duration; 3] =
    [Duration::from_micros(15_500), Duration::from_micros(6_500), Duration::from_micros(4_500)];
/// 4.8: after `break` the chip is ready for a single shot within this time.
const BREAK: Duration = Duration::from_millis(1);
/// 4.10: "a few degrees".
const HEATER_RISE: f64 = 3.0;

/// 4.3, table 9, without clock stretching: high, medium, low repeatability.
const SINGLE_SHOTS: [u16; 3] = [0x2400, 0x240B, 0x2416];
/// 4.5, table 10: measurements per 10 s, and the commands for high, medium, low repeatability.
const PERIODIC: [(u64, [u16; 3]); 5] = [
    (5, [0x2032, 0x2024, 0x202F]),
    (10, [0x2130, 0x2126, 0x212D]),
    (20, [0x2236, 0x2220, 0x222B]),
    (40, [0x2334, 0x2322, 0x2329]),
    (100, [0x2737, 0x2721, 0x272A]),
];

/// Status bits (4.11): heater, reset detected.
const HEATER: u16 = 1 << 13;
const RESET_DETECTED: u16 = 1 << 4;

/// One SHT31 and the air around it.
pub type Sht31 = Commanded<Sht31Commands>;

/// What an SHT31 makes of its commands.
pub struct Sht31Commands {
    climate: Box<dyn Fn(Duration) -> Climate + Send>,
    status: u16,
    cycle: Option<Cycle>,
}

/// Periodic mode.
struct Cycle {
    started: Duration,
    period: Duration,
    fetched: u128,
}

impl Commanded<Sht31Commands> {
    /// A chip that was just powered, in air whose state at a time is `climate` of that time.
    pub fn new(time: Elapsed, climate: impl Fn(Duration) -> Climate + Send + 'static) -> Self {
        let climate = Box::new(climate);
        Self::powered(time, Sht31Commands { climate, status: RESET_DETECTED, cycle: None })
    }
}

impl Sht31Commands {
    /// 4.13: temperature, then humidity, both against 2^16 - 1.
    fn words(&self, at: Duration) -> [u16; 2] {
        let air = (self.climate)(at);
        let rise = if self.status & HEATER == 0 { 0.0 } else { HEATER_RISE };
        let temperature = word((air.celsius + rise + 45.0) / 175.0, 65_535.0);
        [temperature, word(air.humidity_percent / 100.0, 65_535.0)]
    }

    fn fetch(&mut self, now: Duration) -> Result<Reply, Nak> {
        let cycle = self.cycle.as_mut().ok_or(Nak)?;
        let period = cycle.period.as_nanos();
        let done = now.saturating_sub(cycle.started).as_nanos() / period;
        if done <= cycle.fetched {
            return Err(Nak);
        }
        cycle.fetched = done;
        Ok(Reply::of(Duration::ZERO, self.words(now)))
    }

    fn measure(&mut self, command: u16, now: Duration) -> Result<Reply, Nak> {
        if self.cycle.is_some() {
            return Err(Nak);
        }
        if let Some(shot) = SINGLE_SHOTS.iter().position(|&shot| shot == command) {
            let takes = CONVERSIONS[shot];
            return Ok(Reply::of(takes, self.words(now + takes)));
        }
        let (per_ten_seconds, _) =
            PERIODIC.iter().find(|(_, commands)| commands.contains(&command)).ok_or(Nak)?;
        let period = Duration::from_millis(10_000 / per_ten_seconds);
        self.cycle = Some(Cycle { started: now, period, fetched: 0 });
        Ok(Reply::default())
    }
}

impl Commands for Sht31Commands {
    fn power_on(&mut self) -> Duration {
        self.status = RESET_DETECTED;
        self.cycle = None;
        POWER_UP
    }

    fn execute(&mut self, command: u16, words: &[u16], now: Duration) -> Result<Reply, Nak> {
        if !words.is_empty() {
            return Err(Nak);
        }
        match command {
            0x3066 => self.status &= !HEATER,
            0x306D => self.status |= HEATER,
            0x3041 => self.status &= HEATER,
            0x3093 => {
                self.cycle = None;
                return Ok(Reply::none(BREAK));
            }
            0x30A2 => return Ok(Reply::none(self.power_on())),
            0xF32D => return Ok(Reply::of(Duration::ZERO, [self.status])),
            0xE000 => return self.fetch(now),
            _ => return self.measure(command, now),
        }
        Ok(Reply::default())
    }
}

#[cfg(test)]
mod tests {
    use domain::{Monotonic, Timestamp, WallTime};

    use super::*;
    use crate::{chips::I2cChip as _, time::VirtualClock};

    fn chip() -> (Sht31, VirtualClock) {
        let start = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0));
        let clock = VirtualClock::starting_at(start);
        let air = Climate { celsius: 42.5, humidity_percent: 100.0, hectopascals: 1013.0 };
        let chip = Sht31::new(clock.elapsed(), move |_| air);
        clock.advance(POWER_UP);
        (chip, clock)
    }

    fn read<const N: usize>(chip: &mut Sht31) -> Result<[u8; N], Nak> {
        let mut bytes = [0; N];
        chip.read(&mut bytes).map(|()| bytes)
    }

    #[test]
    fn a_single_shot_gives_both_words_when_its_time_is_over() {
        let (mut chip, clock) = chip();
        chip.write(&[0x24, 0x00]).unwrap();
        clock.advance(Duration::from_millis(15));
        assert_eq!(read::<6>(&mut chip), Err(Nak));
        clock.advance(Duration::from_micros(500));
        // Half of the span and all of it.
        assert_eq!(read(&mut chip), Ok([0x80, 0x00, 0xA2, 0xFF, 0xFF, 0xAC]));
    }

    #[test]
    fn periodic_mode_refuses_single_shots_until_it_is_broken_and_gives_each_result_once() {
        let (mut chip, clock) = chip();
        chip.write(&[0x21, 0x30]).unwrap();
        assert_eq!(chip.write(&[0x24, 0x00]), Err(Nak));
        assert_eq!(chip.write(&[0xE0, 0x00]), Err(Nak), "nothing to fetch yet");
        clock.advance(Duration::from_secs(1));
        chip.write(&[0xE0, 0x00]).unwrap();
        assert!(read::<6>(&mut chip).is_ok());
        assert_eq!(chip.write(&[0xE0, 0x00]), Err(Nak), "fetched already");
        chip.write(&[0x30, 0x93]).unwrap();
        clock.advance(BREAK);
        assert_eq!(chip.write(&[0x24, 0x16]), Ok(()));
    }

    #[test]
    fn the_heater_shows_in_the_status_and_in_the_temperature() {
        let (mut chip, clock) = chip();
        chip.write(&[0x30, 0x6D]).unwrap();
        chip.write(&[0x30, 0x41]).unwrap();
        chip.write(&[0xF3, 0x2D]).unwrap();
        assert_eq!(read::<2>(&mut chip), Ok([0x20, 0x00]), "heater on, no reset any more");
        chip.write(&[0x24, 0x16]).unwrap();
        clock.advance(CONVERSIONS[2]);
        assert_eq!(read(&mut chip), Ok([0x84]), "90.5 / 175 of the span");
    }
}
