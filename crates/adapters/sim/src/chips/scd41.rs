//! Sensirion SCD41: carbon dioxide, temperature and relative humidity (SCD4x datasheet, version 1.7).
//!
//! # Terms
//!
//! * **Periodic mode** — a measurement every 5 s (3.6), kept until it is read or the next one is there.
//! * **Told pressure** — what the chip was told of the ambient pressure (3.7.5); it measures how many
//!   molecules are in its cell, and computes their share of the air from that.
//!
//! # Invariants
//!
//! 1. A measurement is read once; then the chip acknowledges no read until the next one (3.6.2).
//! 2. In periodic mode all commands are refused but read, data-ready, stop and pressure (3.5).
//! 3. The told pressure is forgotten with the supply; what a forced recalibration found is not (3.10.1).
//! 4. A forced recalibration (3.8.1) makes the chip show the target where it is now, and gives the correction
//!    that this took, plus 0x8000; of a chip that has not measured since its supply came up it gives 0xFFFF,
//!    and changes nothing.
//!
//! # Deliberately absent
//!
//! Low-power mode and single shots, self-calibration, temperature offset, altitude and their
//! storage: these commands are refused as unknown. The response time of the cell, and noise.

use std::time::Duration;

use super::{
    Nak,
    sensirion::{Commanded, Commands, Reply, word},
};
use crate::{environment::Climate, time::Elapsed};

/// 3.5, table 9: longest execution times.
const POWER_UP: Duration = Duration::from_millis(30);
const SHORT: Duration = Duration::from_millis(1);
const STOP: Duration = Duration::from_millis(500);
const RECALIBRATION: Duration = Duration::from_millis(400);
/// 3.8.1: what a recalibration gives that failed.
const FAILED: u16 = 0xFFFF;
/// 3.6.1: the signal update interval.
const INTERVAL: Duration = Duration::from_secs(5);
/// Sea level, at which the chip believes to be until it is told (3.7.3).
const TOLD_AT_POWER_UP: u16 = 1_013;
/// 2.1: the output range ends here.
const PPM_MAX: f64 = 40_000.0;
/// 3.6.4: "data ready" is any of the lower eleven bits. The upper ones mean nothing.
const READY: u16 = 0x8006;
const NOT_READY: u16 = 0x8000;

/// One SCD41 and the air around it.
pub type Scd41 = Commanded<Scd41Commands>;

/// The state of the air at one place and time, with its carbon dioxide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreathedAir {
    /// What is known without it.
    pub climate: Climate,
    /// Molecules of carbon dioxide per million of the air.
    pub carbon_dioxide_ppm: f64,
}

/// What an SCD41 makes of its commands.
pub struct Scd41Commands {
    air: Box<dyn Fn(Duration) -> BreathedAir + Send>,
    told_hectopascals: u16,
    cycle: Option<Cycle>,
    /// It has made a measurement since its supply came up.
    has_measured: bool,
    /// What recalibrations have found: is added to what it measures.
    correction_ppm: f64,
}

/// Periodic mode.
struct Cycle {
    started: Duration,
    /// Which of its measurements was read last, counted from 1.
    read: u64,
}

impl Cycle {
    /// The number of the latest measurement and when it was made, unless it was read.
    fn unread(&self, now: Duration) -> Option<(u64, Duration)> {
        let since = now.saturating_sub(self.started);
        let done = since.as_secs() / INTERVAL.as_secs();
        let made = self.started + Duration::from_secs(done * INTERVAL.as_secs());
        (done > self.read).then_some((done, made))
    }
}

impl Commanded<Scd41Commands> {
    /// A chip that was just powered, in air whose state at a time is `air` of that time.
    pub fn new(time: Elapsed, air: impl Fn(Duration) -> BreathedAir + Send + 'static) -> Self {
        Self::powered(time, Scd41Commands::in_air(Box::new(air)))
    }
}

impl Scd41Commands {
    fn in_air(air: Box<dyn Fn(Duration) -> BreathedAir + Send>) -> Self {
        let told_hectopascals = TOLD_AT_POWER_UP;
        Self { air, told_hectopascals, cycle: None, has_measured: false, correction_ppm: 0.0 }
    }

    /// Moves what it shows to `target`.
    fn recalibrate(&mut self, target: u16, now: Duration) -> u16 {
        if !self.has_measured {
            return FAILED;
        }
        let [shown, ..] = self.words(now);
        self.correction_ppm += f64::from(target) - f64::from(shown);
        // Modulo 2^16, as the word is: a correction of 32767 ppm would look like a failure.
        (0x8000_u16).wrapping_add(target).wrapping_sub(shown)
    }

    /// 3.6.2: ppm as they are, temperature and humidity against 2^16 - 1.
    fn words(&self, at: Duration) -> [u16; 3] {
        let BreathedAir { climate, carbon_dioxide_ppm } = (self.air)(at);
        let molecules = carbon_dioxide_ppm * climate.hectopascals;
        let share = molecules / f64::from(self.told_hectopascals) + self.correction_ppm;
        let temperature = word((climate.celsius + 45.0) / 175.0, 65_535.0);
        let humidity = word(climate.humidity_percent / 100.0, 65_535.0);
        [word(share.min(PPM_MAX), 1.0), temperature, humidity]
    }

    fn idle(&mut self, command: u16, words: &[u16], now: Duration) -> Result<Reply, Nak> {
        match (command, words) {
            (0x21B1, []) => {
                self.cycle = Some(Cycle { started: now, read: 0 });
                Ok(Reply::none(SHORT))
            }
            (0x362F, &[target]) => Ok(Reply::of(RECALIBRATION, [self.recalibrate(target, now)])),
            (0x3682, []) => Ok(Reply::of(SHORT, [0xF896, 0x31DE, 0x9C2B])),
            (0x3646, []) => Ok(Reply::none(self.power_on())),
            _ => Err(Nak),
        }
    }
}

impl Commands for Scd41Commands {
    fn power_on(&mut self) -> Duration {
        self.cycle = None;
        self.has_measured = false;
        self.told_hectopascals = TOLD_AT_POWER_UP;
        POWER_UP
    }

    fn execute(&mut self, command: u16, words: &[u16], now: Duration) -> Result<Reply, Nak> {
        let unread = self.cycle.as_ref().and_then(|cycle| cycle.unread(now));
        match (command, words) {
            (0xE4B8, []) => {
                Ok(Reply::of(SHORT, [if unread.is_some() { READY } else { NOT_READY }]))
            }
            (0xEC05, []) => {
                let Some((number, at)) = unread else { return Ok(Reply::none(SHORT)) };
                self.cycle.iter_mut().for_each(|cycle| cycle.read = number);
                Ok(Reply::of(SHORT, self.words(at)))
            }
            (0xE000, []) => Ok(Reply::of(SHORT, [self.told_hectopascals])),
            (0xE000, &[hectopascals @ 700..=1_200]) => {
                self.told_hectopascals = hectopascals;
                Ok(Reply::none(SHORT))
            }
            (0x3F86, []) => {
                let since = self.cycle.take().map(|cycle| now.saturating_sub(cycle.started));
                self.has_measured |= since.is_some_and(|since| since >= INTERVAL);
                Ok(Reply::none(STOP))
            }
            _ if self.cycle.is_some() => Err(Nak),
            _ => self.idle(command, words, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(hectopascals: f64) -> Scd41Commands {
        let climate = Climate { celsius: 22.0, humidity_percent: 37.0, hectopascals };
        let air = BreathedAir { climate, carbon_dioxide_ppm: 500.0 };
        Scd41Commands::in_air(Box::new(move |_| air))
    }

    fn reply(chip: &mut Scd41Commands, command: u16, at: Duration) -> Vec<u16> {
        chip.execute(command, &[], at).unwrap().words
    }

    /// 3.6.2: 500 ppm, 25 °C and 37 % are 0x01F4, 0x6667 and 0x5EB9.
    #[test]
    fn a_measurement_is_there_every_five_seconds_and_read_once() {
        let mut chip = chip(1_013.0);
        reply(&mut chip, 0x21B1, Duration::ZERO);
        let late = INTERVAL.saturating_sub(Duration::from_nanos(1));
        assert_eq!(reply(&mut chip, 0xE4B8, late), [NOT_READY]);
        assert_eq!(reply(&mut chip, 0xEC05, late), []);
        assert_eq!(reply(&mut chip, 0xE4B8, INTERVAL), [READY]);
        let [ppm, temperature, humidity] = reply(&mut chip, 0xEC05, INTERVAL)[..] else {
            unreachable!("three words")
        };
        assert_eq!((ppm, humidity), (500, 0x5EB8));
        assert!((175.0 * f64::from(temperature) / 65_535.0 - 67.0).abs() < 0.002);
        assert_eq!(reply(&mut chip, 0xE4B8, INTERVAL + late), [NOT_READY]);
        assert_eq!(reply(&mut chip, 0xE4B8, 4 * INTERVAL), [READY]);
    }

    #[test]
    fn in_periodic_mode_it_takes_no_setting_but_the_pressure() {
        let mut chip = chip(1_013.0);
        reply(&mut chip, 0x21B1, Duration::ZERO);
        for command in [0x21B1, 0x3682, 0x3646, 0x219D] {
            assert_eq!(chip.execute(command, &[], SHORT), Err(Nak));
        }
        chip.execute(0xE000, &[987], SHORT).unwrap();
        assert_eq!(reply(&mut chip, 0xE000, SHORT), [987]);
        assert_eq!(chip.execute(0x3F86, &[], SHORT), Ok(Reply::none(STOP)));
        assert!(chip.execute(0x3682, &[], SHORT + STOP).is_ok());
        assert_eq!(reply(&mut chip, 0xE4B8, 9 * INTERVAL), [NOT_READY], "stopped");
    }

    #[test]
    fn thin_air_looks_like_less_carbon_dioxide_until_the_chip_is_told() {
        let mut chip = chip(506.5);
        chip.air = {
            let thin = chip.air;
            Box::new(move |at| BreathedAir { carbon_dioxide_ppm: 1_000.0, ..thin(at) })
        };
        assert_eq!(chip.words(Duration::ZERO)[0], 500);
        assert_eq!(chip.execute(0xE000, &[506], SHORT), Err(Nak), "below its range");
        chip.execute(0xE000, &[700], SHORT).unwrap();
        assert_eq!(chip.words(Duration::ZERO)[0], 724);
    }

    #[test]
    fn a_forced_recalibration_moves_what_it_shows_to_the_target_and_outlives_the_supply() {
        let mut chip = chip(1_013.0);
        let recalibrate = |chip: &mut Scd41Commands| {
            chip.execute(0x362F, &[420], 10 * INTERVAL).map(|reply| reply.words)
        };
        assert_eq!(recalibrate(&mut chip), Ok(vec![0xFFFF]), "it has not measured");
        reply(&mut chip, 0x21B1, Duration::ZERO);
        assert_eq!(recalibrate(&mut chip), Err(Nak), "it measures");
        reply(&mut chip, 0x3F86, INTERVAL);
        assert_eq!(recalibrate(&mut chip), Ok(vec![0x8000 - 80]));
        assert_eq!(chip.words(Duration::ZERO)[0], 420);
        assert_eq!(recalibrate(&mut chip), Ok(vec![0x8000]), "nothing is left to correct");
        chip.power_on();
        assert_eq!(chip.words(Duration::ZERO)[0], 420);
        assert_eq!(recalibrate(&mut chip), Ok(vec![0xFFFF]));
    }
}
