//! Aosong AHT20: temperature and relative humidity (AHT20 product manuals, version 1.1).
//!
//! # Terms
//!
//! * **Status** — the first byte of every read: bit 7 busy, bit 3 calibration enabled (table 10).
//!
//! # Invariants
//!
//! 1. Without calibration a trigger does nothing. Power takes the calibration away; real chips often
//!    have it from the start, which spares a driver the harder way.
//! 2. While the chip measures it can be read: busy, and the data of before (5.4).
//! 3. The checksum is that of the six bytes before it, busy or not.
//!
//! # Deliberately absent
//!
//! Noise, and the registers of the calibration.

use std::time::Duration;

use super::{I2cChip, Nak, sensirion::checksum};
use crate::{environment::Climate, time::Elapsed};

/// 5.4: after power 40 ms, after a reset 20 ms, for the calibration 10 ms, to measure 80 ms.
const POWER_UP: Duration = Duration::from_millis(40);
const RESET: Duration = Duration::from_millis(20);
const CALIBRATION: Duration = Duration::from_millis(10);
const CONVERSION: Duration = Duration::from_millis(80);

const BUSY: u8 = 0x80;
const CALIBRATED: u8 = 0x08;
/// 6: both quantities have 20 bits.
const FULL: f64 = 1_048_576.0;

/// One AHT20 and the air around it.
pub struct Aht20 {
    time: Elapsed,
    climate: Box<dyn Fn(Duration) -> Climate + Send>,
    answers_at: Duration,
    busy_until: Duration,
    is_calibrated: bool,
    /// Humidity and temperature as of the last conversion, 20 bits each.
    data: [u8; 5],
    /// When the conversion under way ends.
    conversion_ends: Option<Duration>,
}

impl Aht20 {
    /// A chip that was just powered, in air whose state at a time is `climate` of that time.
    pub fn new(time: Elapsed, climate: impl Fn(Duration) -> Climate + Send + 'static) -> Self {
        let climate = Box::new(climate);
        let mut chip = Self {
            time,
            climate,
            answers_at: Duration::ZERO,
            busy_until: Duration::ZERO,
            is_calibrated: false,
            data: [0; 5],
            conversion_ends: None,
        };
        chip.forget(POWER_UP);
        chip
    }

    fn forget(&mut self, silence: Duration) {
        self.answers_at = self.time.now() + silence;
        self.busy_until = self.answers_at;
        self.is_calibrated = false;
        self.data = [0; 5];
        self.conversion_ends = None;
    }

    /// Fails while the chip does not answer; ends the conversion that is over.
    fn catch_up(&mut self) -> Result<Duration, Nak> {
        let now = self.time.now();
        if now < self.answers_at {
            return Err(Nak);
        }
        if let Some(end) = self.conversion_ends.take_if(|end| *end <= now) {
            self.data = data((self.climate)(end));
        }
        Ok(now)
    }

    fn status(&self, now: Duration) -> u8 {
        let busy = if now < self.busy_until { BUSY } else { 0 };
        busy | if self.is_calibrated { CALIBRATED } else { 0 }
    }
}

/// 6.1 and 6.2, the other way round: humidity in the upper 20 bits, temperature in the lower.
fn data(air: Climate) -> [u8; 5] {
    let humidity = counts(air.humidity_percent / 100.0);
    let temperature = counts((air.celsius + 50.0) / 200.0);
    let [_, _, _, bytes @ ..] = (humidity << 20 | temperature).to_be_bytes();
    bytes
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 20 bits first; what is no number becomes 0"
)]
fn counts(share: f64) -> u64 {
    (share * FULL).round().clamp(0.0, FULL - 1.0) as u64
}

impl I2cChip for Aht20 {
    fn power_on(&mut self) {
        self.forget(POWER_UP);
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        let now = self.catch_up()?;
        match *bytes {
            [] => {}
            _ if now < self.busy_until => return Err(Nak),
            [0xBE, 0x08, 0x00] => {
                self.is_calibrated = true;
                self.busy_until = now + CALIBRATION;
            }
            [0xAC, 0x33, 0x00] if self.is_calibrated => {
                self.busy_until = now + CONVERSION;
                self.conversion_ends = Some(self.busy_until);
            }
            [0xAC, 0x33, 0x00] => {}
            [0xBA] => self.forget(RESET),
            _ => return Err(Nak),
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        let now = self.catch_up()?;
        let mut frame = [self.status(now), 0, 0, 0, 0, 0];
        frame[1..].copy_from_slice(&self.data);
        let mut sent = frame.into_iter().chain([checksum(&frame)]);
        // After the checksum nobody drives the line.
        bytes.fill_with(|| sent.next().unwrap_or(0xFF));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{Monotonic, Timestamp, WallTime};

    use super::*;
    use crate::time::VirtualClock;

    fn chip() -> (Aht20, VirtualClock) {
        let start = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0));
        let clock = VirtualClock::starting_at(start);
        let air = Climate { celsius: 50.0, humidity_percent: 25.0, hectopascals: 1013.0 };
        let chip = Aht20::new(clock.elapsed(), move |_| air);
        (chip, clock)
    }

    fn read(chip: &mut Aht20) -> [u8; 7] {
        let mut bytes = [0; 7];
        chip.read(&mut bytes).unwrap();
        assert_eq!(checksum(&bytes[..6]), bytes[6]);
        bytes
    }

    #[test]
    fn it_is_silent_at_first_and_uncalibrated_then() {
        let (mut chip, clock) = chip();
        assert_eq!(chip.read(&mut [0]), Err(Nak));
        clock.advance(POWER_UP);
        chip.write(&[0xAC, 0x33, 0x00]).unwrap();
        assert_eq!(read(&mut chip)[..6], [0; 6], "a trigger without calibration does nothing");
        chip.write(&[0xBE, 0x08, 0x00]).unwrap();
        assert_eq!(read(&mut chip)[0], 0x88);
        clock.advance(CALIBRATION);
        assert_eq!(read(&mut chip)[0], 0x08);
    }

    #[test]
    fn a_conversion_is_busy_with_the_data_of_before_and_then_a_quarter_and_a_half() {
        let (mut chip, clock) = chip();
        clock.advance(POWER_UP);
        chip.write(&[0xBE, 0x08, 0x00]).unwrap();
        clock.advance(CALIBRATION);
        chip.write(&[0xAC, 0x33, 0x00]).unwrap();
        clock.advance(CONVERSION.saturating_sub(Duration::from_nanos(1)));
        assert_eq!(read(&mut chip)[..6], [0x88, 0, 0, 0, 0, 0]);
        assert_eq!(chip.write(&[0xAC, 0x33, 0x00]), Err(Nak));
        clock.advance(Duration::from_nanos(1));
        assert_eq!(read(&mut chip)[..6], [0x08, 0x40, 0x00, 0x08, 0x00, 0x00]);
    }

    #[test]
    fn a_reset_and_power_take_calibration_and_data() {
        let (mut chip, clock) = chip();
        for forget in [
            |chip: &mut Aht20| chip.write(&[0xBA]),
            |chip: &mut Aht20| {
                chip.power_on();
                Ok(())
            },
        ] {
            clock.advance(POWER_UP);
            chip.write(&[0xBE, 0x08, 0x00]).unwrap();
            clock.advance(CALIBRATION);
            forget(&mut chip).unwrap();
            assert_eq!(chip.read(&mut [0]), Err(Nak));
            clock.advance(POWER_UP);
            assert_eq!(read(&mut chip)[0], 0);
        }
    }
}
