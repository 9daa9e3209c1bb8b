//! Texas Instruments INA226: current shunt and supply monitor of 16 bits (SBOS547B).
//!
//! # Invariants
//!
//! 1. Data registers change at the end of a conversion; a triggered one runs once, for shunt and
//!    bus (6.4.1).
//! 2. Current is `shunt x calibration / 2048`, power `current x bus / 20000` (equations 3 and 4),
//!    in integers. With a calibration of zero, as after power-on, both are zero.
//! 3. CVRF falls when the configuration is written or mask/enable is read; OVF says that current
//!    did not fit.
//!
//! # Deliberately absent
//!
//! The alert pin and its limits, power-down of one of the two converters, offset and noise.

use std::time::Duration;

use super::{adc::nearest, words::Words};
use crate::{environment::Load, time::Elapsed};

const CONFIGURATION_RESET: u16 = 0x4127;
const RESET: u16 = 1 << 15;
/// Bits 14 to 12 cannot be written and read as 100.
const FIXED: u16 = 0x4000;
const WRITABLE: u16 = 0x0FFF;
const CONVERSION_READY: u16 = 1 << 3;
const OVERFLOW: u16 = 1 << 2;

/// Tables 7-3 and 7-4, microseconds, typical.
const CONVERSION_MICROS: [u64; 8] = [140, 204, 332, 588, 1_100, 2_116, 4_156, 8_244];
/// Table 7-2.
const AVERAGED: [u32; 8] = [1, 4, 16, 64, 128, 256, 512, 1_024];

/// One INA226, its shunt, and the line that it is in.
pub struct Ina226 {
    time: Elapsed,
    load: Box<dyn Fn(Duration) -> Load + Send>,
    shunt_ohms: f64,
    pointer: u8,
    state: Volatile,
}

/// All that a reset clears.
struct Volatile {
    configuration: u16,
    calibration: u16,
    flags: u16,
    conversion_ends: Option<Duration>,
    shunt: i16,
    bus: u16,
    current: i16,
    power: u16,
}

impl Volatile {
    fn after_reset(at: Duration) -> Self {
        let mut state = Self {
            configuration: CONFIGURATION_RESET,
            calibration: 0,
            flags: 0,
            conversion_ends: None,
            shunt: 0,
            bus: 0,
            current: 0,
            power: 0,
        };
        state.start(at);
        state
    }

    fn start(&mut self, at: Duration) {
        self.flags &= !CONVERSION_READY;
        let is_converting = self.configuration & 0b011 != 0;
        self.conversion_ends = is_converting.then(|| at + self.conversion());
    }

    fn conversion(&self) -> Duration {
        let field = |from: u32| usize::from(self.configuration >> from & 0b111);
        let micros = CONVERSION_MICROS[field(3)] + CONVERSION_MICROS[field(6)];
        Duration::from_micros(micros) * AVERAGED[field(9)]
    }

    fn is_continuous(&self) -> bool {
        self.configuration & 0b111 > 0b100
    }
}

impl Ina226 {
    /// A chip that was just powered, with a shunt of `shunt_ohms` in a line whose state is `load`
    /// of time.
    pub fn new(
        time: Elapsed,
        shunt_ohms: f64,
        load: impl Fn(Duration) -> Load + Send + 'static,
    ) -> Self {
        let state = Volatile::after_reset(time.now());
        Self { time, load: Box::new(load), shunt_ohms, pointer: 0, state }
    }

    fn convert(&mut self, at: Duration) {
        let Load { volts, amperes } = (self.load)(at);
        let state = &mut self.state;
        state.shunt = nearest(amperes * self.shunt_ohms / 2.5e-6, i16::MIN, i16::MAX);
        state.bus = nearest(volts / 1.25e-3, 0, i16::MAX).unsigned_abs();
        let current = i32::from(state.shunt) * i32::from(state.calibration) / 2_048;
        let is_over = i16::try_from(current).is_err();
        state.current = i16::try_from(current).unwrap_or(i16::MAX);
        let power = u32::from(state.current.unsigned_abs()) * u32::from(state.bus) / 20_000;
        state.power = u16::try_from(power).unwrap_or(u16::MAX);
        state.flags = CONVERSION_READY | if is_over { OVERFLOW } else { 0 };
    }
}

impl Words for Ina226 {
    fn reset(&mut self) {
        self.pointer = 0;
        self.state = Volatile::after_reset(self.time.now());
    }

    fn catch_up(&mut self) {
        let now = self.time.now();
        let Some(end) = self.state.conversion_ends.filter(|&end| end <= now) else {
            return;
        };
        let cycle = self.state.conversion();
        let whole = now.saturating_sub(end).as_nanos() / cycle.as_nanos();
        let is_continuous = self.state.is_continuous();
        let last = end + cycle * u32::try_from(whole).unwrap_or(u32::MAX);
        self.convert(if is_continuous { last } else { end });
        self.state.conversion_ends = is_continuous.then_some(last + cycle);
    }

    /// 7.1.2 and 7.1.3: 2.5 µV and 1.25 mV a count.
    fn pointer(&mut self) -> &mut u8 {
        &mut self.pointer
    }

    fn load(&mut self, register: u8) -> u16 {
        match register {
            0x00 => self.state.configuration,
            0x01 => self.state.shunt.cast_unsigned(),
            0x02 => self.state.bus,
            0x03 => self.state.power,
            0x04 => self.state.current.cast_unsigned(),
            0x05 => self.state.calibration,
            0x06 => {
                let flags = self.state.flags;
                self.state.flags &= !CONVERSION_READY;
                flags
            }
            0xFE => 0x5449,
            0xFF => 0x2260,
            _ => 0,
        }
    }

    fn store(&mut self, register: u8, word: u16) {
        let now = self.time.now();
        match register {
            0x00 if word & RESET != 0 => self.state = Volatile::after_reset(now),
            0x00 => {
                self.state.configuration = FIXED | word & WRITABLE;
                self.state.start(now);
            }
            0x05 => self.state.calibration = word & 0x7FFF,
            _ => {}
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

    /// The example of the datasheet: 10 A through 2 mΩ at 11.98 V, and time that the test moves.
    fn example() -> (Ina226, Arc<AtomicU64>) {
        let micros = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&micros);
        let time = Elapsed::from_fn(move || Duration::from_micros(shared.load(Relaxed)));
        (Ina226::new(time, 0.002, |_| Load { volts: 11.98, amperes: 10.0 }), micros)
    }

    fn word(chip: &mut Ina226, register: u8) -> u16 {
        let mut bytes = [0; 2];
        chip.write(&[register]).unwrap();
        chip.read(&mut bytes).unwrap();
        u16::from_be_bytes(bytes)
    }

    #[test]
    fn the_datasheets_example_has_the_datasheets_registers() {
        let (mut chip, micros) = example();
        chip.write(&[0x05, 0x0A, 0x00]).unwrap();
        micros.store(10_000, Relaxed);
        assert_eq!(
            [0x02, 0x01, 0x04, 0x03].map(|register| word(&mut chip, register)),
            [0x2570, 0x1F40, 0x2710, 0x12B8]
        );
    }

    #[test]
    fn without_calibration_the_current_is_zero_whatever_flows() {
        let (mut chip, micros) = example();
        micros.store(10_000, Relaxed);
        assert_eq!([word(&mut chip, 0x04), word(&mut chip, 0x03)], [0, 0]);
        assert_eq!(word(&mut chip, 0x00), 0x4127);
    }

    #[test]
    fn a_triggered_conversion_runs_once_and_takes_its_time() {
        let (mut chip, micros) = example();
        let [high, low] = (0x4127_u16 & !0b100).to_be_bytes();
        chip.write(&[0x00, high, low]).unwrap();
        let end = chip.state.conversion_ends.unwrap();
        micros.store(u64::try_from(end.as_micros()).unwrap() - 1, Relaxed);
        assert_eq!(word(&mut chip, 0x01), 0);
        micros.fetch_add(1, Relaxed);
        assert_ne!(word(&mut chip, 0x01), 0);
        assert_eq!(chip.state.conversion_ends, None);
    }
}
