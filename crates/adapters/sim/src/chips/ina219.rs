//! Texas Instruments INA219: current shunt and supply monitor (SBOS448G).
//!
//! # Invariants
//!
//! 1. Data registers change at the end of a conversion; a triggered one runs once, for shunt and
//!    bus (8.3.1.1).
//! 2. Current is `shunt x calibration / 4096`, power `current x bus / 5000` (equations 4 and 5), in
//!    integers. With a calibration of zero, as after power-on, both are zero.
//! 3. CNVR falls when the configuration is written or power is read; OVF says that current did not
//!    fit (8.6.3.2).
//!
//! # Deliberately absent
//!
//! Resolutions below 12 bits, whose lowest bits are no zeros here; power-down of one of the two;
//! the bus timeout; the converter's offset and noise.

use std::time::Duration;

use super::{adc::nearest, words::Words};
use crate::{environment::Load, time::Elapsed};

const CONFIGURATION_RESET: u16 = 0x399F;
const RESET: u16 = 1 << 15;
const BUS_RANGE_32_V: u16 = 1 << 13;
const CONVERSION_READY: u16 = 1 << 1;
const OVERFLOW: u16 = 1;
/// 6.5: 12 bits, typical.
const CONVERSION: Duration = Duration::from_micros(532);

/// One INA219, its shunt, and the line that it is in.
pub struct Ina219 {
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
    conversion_ends: Option<Duration>,
    shunt: i16,
    /// As in the register: counts in bits 15 to 3, flags below.
    bus: u16,
    current: i16,
    power: u16,
}

impl Volatile {
    fn after_reset(at: Duration) -> Self {
        let mut state = Self {
            configuration: CONFIGURATION_RESET,
            calibration: 0,
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
        self.bus &= !CONVERSION_READY;
        let is_converting = self.configuration & 0b011 != 0;
        self.conversion_ends = is_converting.then(|| at + self.conversion());
    }

    /// Table 5, for both converters in turn.
    fn conversion(&self) -> Duration {
        let samples = |code: u16| match code & 0b1111 {
            averaging @ 0b1001..=0b1111 => 1 << (averaging & 0b111),
            _ => 1,
        };
        CONVERSION * (samples(self.configuration >> 3) + samples(self.configuration >> 7))
    }

    fn is_continuous(&self) -> bool {
        self.configuration & 0b111 > 0b100
    }
}

impl Ina219 {
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
        // Table 4: 40 mV, and twice as much with each next code; 10 µV a count.
        let end = 4_000_i16 << (state.configuration >> 11 & 0b11);
        state.shunt = nearest(amperes * self.shunt_ohms * 1e5, -end, end);
        let bus_end = if state.configuration & BUS_RANGE_32_V == 0 { 4_000 } else { 8_000 };
        let bus = nearest(volts / 0.004, 0, bus_end).unsigned_abs();
        let current = i32::from(state.shunt) * i32::from(state.calibration) / 4_096;
        let is_over = i16::try_from(current).is_err();
        state.current = i16::try_from(current).unwrap_or(i16::MAX);
        let power = u32::from(state.current.unsigned_abs()) * u32::from(bus) / 5_000;
        state.power = u16::try_from(power).unwrap_or(u16::MAX);
        state.bus = bus << 3 | CONVERSION_READY | if is_over { OVERFLOW } else { 0 };
    }
}

impl Words for Ina219 {
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

    fn pointer(&mut self) -> &mut u8 {
        &mut self.pointer
    }

    fn load(&mut self, register: u8) -> u16 {
        match register {
            0x00 => self.state.configuration,
            0x01 => self.state.shunt.cast_unsigned(),
            0x02 => self.state.bus,
            0x03 => {
                self.state.bus &= !CONVERSION_READY;
                self.state.power
            }
            0x04 => self.state.current.cast_unsigned(),
            0x05 => self.state.calibration,
            _ => 0,
        }
    }

    fn store(&mut self, register: u8, word: u16) {
        let now = self.time.now();
        match register {
            0x00 if word & RESET != 0 => self.state = Volatile::after_reset(now),
            0x00 => {
                self.state.configuration = word;
                self.state.start(now);
            }
            // Bit 0 is always 0 (8.6.3.5).
            0x05 => self.state.calibration = word & !1,
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
    fn example() -> (Ina219, Arc<AtomicU64>) {
        let micros = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&micros);
        let time = Elapsed::from_fn(move || Duration::from_micros(shared.load(Relaxed)));
        (Ina219::new(time, 0.002, |_| Load { volts: 11.98, amperes: 10.0 }), micros)
    }

    fn word(chip: &mut Ina219, register: u8) -> u16 {
        let mut bytes = [0; 2];
        chip.write(&[register]).unwrap();
        chip.read(&mut bytes).unwrap();
        u16::from_be_bytes(bytes)
    }

    #[test]
    fn the_datasheets_example_has_the_datasheets_registers() {
        let (mut chip, micros) = example();
        chip.write(&[0x05, 0x50, 0x00]).unwrap();
        micros.store(10_000, Relaxed);
        assert_eq!(
            [0x02, 0x01, 0x04, 0x03].map(|register| word(&mut chip, register)),
            [0x5D9A, 0x07D0, 0x2710, 0x1766]
        );
    }

    #[test]
    fn without_calibration_the_current_is_zero_whatever_flows() {
        let (mut chip, micros) = example();
        micros.store(10_000, Relaxed);
        assert_eq!([word(&mut chip, 0x04), word(&mut chip, 0x03)], [0, 0]);
        assert_eq!(word(&mut chip, 0x00), 0x399F);
    }

    #[test]
    fn a_triggered_conversion_runs_once_and_takes_its_time() {
        let (mut chip, micros) = example();
        let [high, low] = (0x399F_u16 & !0b100).to_be_bytes();
        chip.write(&[0x00, high, low]).unwrap();
        let end = chip.state.conversion_ends.unwrap();
        micros.store(u64::try_from(end.as_micros()).unwrap() - 1, Relaxed);
        assert_eq!(word(&mut chip, 0x01), 0);
        micros.fetch_add(1, Relaxed);
        assert_ne!(word(&mut chip, 0x01), 0);
        assert_eq!(chip.state.conversion_ends, None);
    }
}
