//! Texas Instruments ADS1115: 16-bit converter with four inputs (SBAS444).
//!
//! # Invariants
//!
//! 1. In single-shot mode a conversion begins when the configuration is written with its start bit;
//!    the bit reads as 0 while it runs and as 1 when it is over (table 8-3).
//! 2. The conversion register holds the previous result until the next is complete.
//! 3. Codes saturate at 0x7FFF and 0x8000 (7.5.4).
//!
//! # Deliberately absent
//!
//! The comparator and its thresholds, the clamping diodes (an input may be told any voltage),
//! noise.

use std::time::Duration;

use super::{adc::nearest, words::Words};
use crate::time::Elapsed;

const CONFIGURATION_RESET: u16 = 0x8583;
const START: u16 = 1 << 15;
const SINGLE_SHOT: u16 = 1 << 8;

/// Table 8-3: full scale in volt by PGA.
const FULL_SCALE: [f64; 8] = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256];
/// Conversions a second by DR.
const DATA_RATE: [u32; 8] = [8, 16, 32, 64, 128, 250, 475, 860];
/// 7.3.7: from power-down to the start of a conversion.
const WAKE_UP: Duration = Duration::from_micros(25);
/// A second in nanoseconds, by an oscillator that is slower by a twentieth than it should.
const SLOW_SECOND: Duration = Duration::from_millis(1_050);

/// One ADS1115 and what its inputs are connected to.
pub struct Ads1115 {
    time: Elapsed,
    input_volts: Box<dyn Fn(u8, Duration) -> f64 + Send>,
    pointer: u8,
    /// Without the start bit.
    configuration: u16,
    conversion_ends: Option<Duration>,
    code: i16,
}

impl Ads1115 {
    /// A converter whose input `n` (0 to 3) is at `input_volts(n, time)`.
    pub fn new(time: Elapsed, input_volts: impl Fn(u8, Duration) -> f64 + Send + 'static) -> Self {
        Self {
            time,
            input_volts: Box::new(input_volts),
            pointer: 0,
            configuration: CONFIGURATION_RESET & !START,
            conversion_ends: None,
            code: 0,
        }
    }

    fn field(&self, from: u32) -> usize {
        usize::from(self.configuration >> from & 0b111)
    }

    fn cycle(&self) -> Duration {
        SLOW_SECOND / DATA_RATE[self.field(5)]
    }

    fn convert(&mut self, at: Duration) {
        let pin = |pin| (self.input_volts)(pin, at);
        let volts = match self.field(12) {
            0 => pin(0) - pin(1),
            1 => pin(0) - pin(3),
            2 => pin(1) - pin(3),
            3 => pin(2) - pin(3),
            4 => pin(0),
            5 => pin(1),
            6 => pin(2),
            _ => pin(3),
        };
        self.code = nearest(volts / FULL_SCALE[self.field(9)] * 32_768.0, i16::MIN, i16::MAX);
    }

    fn configure(&mut self, word: u16) {
        let now = self.time.now();
        self.configuration = word & !START;
        let is_continuous = word & SINGLE_SHOT == 0;
        if is_continuous || word & START != 0 {
            self.conversion_ends = Some(now + WAKE_UP + self.cycle());
        }
    }
}

impl Words for Ads1115 {
    fn reset(&mut self) {
        self.pointer = 0;
        self.configuration = CONFIGURATION_RESET & !START;
        self.conversion_ends = None;
        self.code = 0;
    }

    fn catch_up(&mut self) {
        let now = self.time.now();
        let Some(end) = self.conversion_ends.filter(|&end| end <= now) else {
            return;
        };
        if self.configuration & SINGLE_SHOT != 0 {
            self.convert(end);
            self.conversion_ends = None;
            return;
        }
        let whole = now.saturating_sub(end).as_nanos() / self.cycle().as_nanos();
        let last = end + self.cycle() * u32::try_from(whole).unwrap_or(u32::MAX);
        self.convert(last);
        self.conversion_ends = Some(last + self.cycle());
    }

    fn pointer(&mut self) -> &mut u8 {
        &mut self.pointer
    }

    fn load(&mut self, register: u8) -> u16 {
        let is_idle = self.configuration & SINGLE_SHOT != 0 && self.conversion_ends.is_none();
        match register & 0b11 {
            0 => self.code.cast_unsigned(),
            1 => self.configuration | if is_idle { START } else { 0 },
            2 => 0x8000, // Lo_thresh
            _ => 0x7FFF, // Hi_thresh
        }
    }

    fn store(&mut self, register: u8, word: u16) {
        if register & 0b11 == 1 {
            self.configure(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    };

    use super::*;
    use crate::chips::I2cChip as _;

    fn word(chip: &mut Ads1115, register: u8) -> u16 {
        let mut bytes = [0; 2];
        chip.write(&[register]).unwrap();
        chip.read(&mut bytes).unwrap();
        u16::from_be_bytes(bytes)
    }

    /// Table 7-3.
    #[test]
    fn codes_are_the_datasheets_at_the_ends_and_around_zero() {
        let step = 2.048 / 32_768.0;
        for (volts, code) in [
            (2.048, 0x7FFF),
            (step, 1),
            (0.0, 0),
            (-step, 0xFFFF),
            (-2.048, 0x8000),
            (-9.0, 0x8000),
        ] {
            let mut chip = Ads1115::new(Elapsed::from_fn(|| Duration::ZERO), move |_, _| volts);
            chip.configure(0xC583);
            chip.convert(Duration::ZERO);
            assert_eq!(word(&mut chip, 0), code, "{volts} V");
        }
    }

    #[test]
    fn a_single_shot_runs_once_and_its_bit_says_when_it_is_over() {
        let micros = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&micros);
        let time = Elapsed::from_fn(move || Duration::from_micros(shared.load(Relaxed)));
        let mut chip = Ads1115::new(time, |_, _| 1.024);
        assert_eq!(word(&mut chip, 1), 0x8583, "the reset value");
        chip.write(&[1, 0xC5, 0x83]).unwrap();
        micros.store(8_227, Relaxed); // 1.05 / 128 s and the wake-up.
        assert_eq!([word(&mut chip, 1), word(&mut chip, 0)], [0x4583, 0]);
        micros.store(8_229, Relaxed);
        assert_eq!([word(&mut chip, 1), word(&mut chip, 0)], [0xC583, 0x4000]);
    }
}
