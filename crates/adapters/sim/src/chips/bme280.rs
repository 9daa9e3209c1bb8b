//! Bosch BME280: temperature, relative humidity and pressure (BST-BME280-DS002).
//!
//! # Terms
//!
//! * **Counts** — what the chip's converter delivers: 20 bits for temperature and pressure, 16 for
//!   humidity.
//! * **Conversion** — one pass over the enabled quantities (3.4). It ends its typical time after it
//!   began (9.1); until then the data registers hold the previous one, or their reset values.
//!
//! # Invariants
//!
//! 1. A quantity that is skipped reads as its reset value, 0x80000 or 0x8000 (3.4).
//! 2. What is written to `ctrl_hum` takes effect with the next write of `ctrl_meas` (5.4.3).
//! 3. In forced mode one conversion runs, then the mode reads as sleep (3.3.3).
//!
//! # Deliberately absent
//!
//! Three-wire SPI; the converter's noise and its errors against the truth: the counts are the best
//! there are.

mod calibration;
mod registers;

use std::time::Duration;

pub use calibration::Calibration;
use calibration::Counts;
use registers::{Config, CtrlMeas, Mode, Oversampling, address};

use super::{I2cChip, Nak, SpiChip};
use crate::{environment::Climate, time::Elapsed};

/// From power-on or reset until the calibration is copied from non-volatile memory (1.1: at most 2
/// ms).
const START_UP: Duration = Duration::from_millis(2);
/// Conversions of normal mode that nobody read are computed for the sake of the filter's memory;
/// after this many the memory has forgotten what was before.
const CATCH_UP_MAX: u32 = 64;

/// One BME280 and the air around it.
pub struct Bme280 {
    time: Elapsed,
    climate: Box<dyn Fn(Duration) -> Climate + Send>,
    calibration: Calibration,
    /// The register that the next byte is read from.
    pointer: u8,
    state: Volatile,
}

/// All that a reset clears.
struct Volatile {
    ready_at: Duration,
    ctrl_hum: u8,
    ctrl_meas: CtrlMeas,
    config: Config,
    /// Humidity oversampling in effect, latched from `ctrl_hum`.
    humidity: Oversampling,
    conversion_ends: Option<Duration>,
    filter_temperature: Option<u64>,
    filter_pressure: Option<u64>,
    data: Counts,
}

impl Volatile {
    fn after_reset(at: Duration) -> Self {
        Self {
            ready_at: at + START_UP,
            ctrl_hum: 0,
            ctrl_meas: CtrlMeas(0),
            config: Config(0),
            humidity: Oversampling(0),
            conversion_ends: None,
            filter_temperature: None,
            filter_pressure: None,
            data: Counts::RESET,
        }
    }
}

impl Bme280 {
    /// A chip that was just powered, in air whose state at a time is `climate` of that time.
    pub fn new(time: Elapsed, climate: impl Fn(Duration) -> Climate + Send + 'static) -> Self {
        let state = Volatile::after_reset(time.now());
        let calibration = Calibration::TYPICAL;
        Self { time, climate: Box::new(climate), calibration, pointer: 0, state }
    }

    /// The same chip from another place on the wafer.
    #[must_use]
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        self.calibration = calibration;
        self
    }

    /// 9.1: typical time of one conversion.
    fn conversion_time(&self) -> Duration {
        let passes = |sampling: Oversampling, extra_micros: u64| {
            sampling.factor().map_or(0, |factor| 2_000 * u64::from(factor) + extra_micros)
        };
        Duration::from_micros(
            1_000
                + passes(self.state.ctrl_meas.temperature(), 0)
                + passes(self.state.ctrl_meas.pressure(), 500)
                + passes(self.state.humidity, 500),
        )
    }

    /// Ends the conversions that are over by now.
    fn catch_up(&mut self) {
        let now = self.time.now();
        let cycle = self.state.config.standby() + self.conversion_time();
        let is_cyclic = self.state.ctrl_meas.mode() == Mode::Normal;
        while let Some(end) = self.state.conversion_ends.filter(|&end| end <= now) {
            self.convert(end);
            self.state.conversion_ends = is_cyclic.then(|| {
                let next = end + cycle;
                next.max(now.saturating_sub(cycle * CATCH_UP_MAX))
            });
            if !is_cyclic {
                self.state.ctrl_meas = self.state.ctrl_meas.asleep();
            }
        }
    }

    /// One conversion that ends at `at`: figure 6.
    fn convert(&mut self, at: Duration) {
        let exact = self.calibration.counts((self.climate)(at));
        let state = &mut self.state;
        let coefficient = state.config.filter_coefficient();
        let temperature = state.ctrl_meas.temperature();
        let pressure = state.ctrl_meas.pressure();
        state.data = Counts {
            temperature: temperature.factor().map_or(Counts::RESET.temperature, |_| {
                filtered(exact.temperature, temperature, coefficient, &mut state.filter_temperature)
            }),
            pressure: pressure.factor().map_or(Counts::RESET.pressure, |_| {
                filtered(exact.pressure, pressure, coefficient, &mut state.filter_pressure)
            }),
            humidity: state.humidity.factor().map_or(Counts::RESET.humidity, |_| exact.humidity),
        };
    }

    fn store(&mut self, register: u8, value: u8) {
        let now = self.time.now();
        match register {
            address::RESET if value == address::RESET_WORD => {
                self.state = Volatile::after_reset(now);
            }
            address::CTRL_HUM => self.state.ctrl_hum = value & 0x07,
            address::CTRL_MEAS => {
                self.state.ctrl_meas = CtrlMeas(value);
                self.state.humidity = Oversampling(self.state.ctrl_hum);
                let is_asleep = self.state.ctrl_meas.mode() == Mode::Sleep;
                self.state.conversion_ends = (!is_asleep).then(|| now + self.conversion_time());
            }
            address::CONFIG => {
                // 3.4.4: the next counts pass unchanged and become the filter's memory.
                self.state.config = Config(value);
                self.state.filter_temperature = None;
                self.state.filter_pressure = None;
            }
            _ => {} // Read-only or reserved: acknowledged and without effect.
        }
    }

    fn load(&self, register: u8) -> u8 {
        let from = |bytes: &[u8], first: u8| bytes[usize::from(register - first)];
        match register {
            0x88..=0xA1 => from(&self.calibration.low_block(), 0x88),
            address::ID => address::ID_BME280,
            0xE1..=0xE7 => from(&self.calibration.high_block(), 0xE1),
            address::CTRL_HUM => self.state.ctrl_hum,
            address::STATUS => self.status(),
            address::CTRL_MEAS => self.state.ctrl_meas.0,
            address::CONFIG => self.state.config.0,
            0xF7..=0xFE => from(&self.state.data.registers(), 0xF7),
            _ => 0,
        }
    }

    /// 5.4.4: `measuring` in bit 3, `im_update` in bit 0. In normal mode the standby counts as
    /// idle.
    fn status(&self) -> u8 {
        let now = self.time.now();
        let is_measuring =
            self.state.conversion_ends.is_some_and(|end| end <= now + self.conversion_time());
        u8::from(is_measuring) << 3 | u8::from(now < self.state.ready_at)
    }
}

/// 3.4.4: with the filter off the resolution is 16 bits and one more per doubling of the samples;
/// with it on, 20 bits, and the output is the new memory. Memory has 16 bits below the point.
fn filtered(
    counts: u32,
    sampling: Oversampling,
    coefficient: u64,
    memory: &mut Option<u64>,
) -> u32 {
    if coefficient == 1 {
        return sampling.quantised(counts);
    }
    let new = u64::from(counts) << 16;
    let kept = memory.map_or(new, |old| (old * (coefficient - 1) + new) / coefficient);
    *memory = Some(kept);
    u32::try_from((kept + 0x8000) >> 16).unwrap_or(u32::MAX)
}

impl I2cChip for Bme280 {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.state = Volatile::after_reset(self.time.now());
    }

    /// 6.2.1: pairs of register and value. A register alone is where the next read begins.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        for pair in bytes.chunks(2) {
            self.pointer = pair[0];
            if let [register, value] = *pair {
                self.store(register, value);
            }
        }
        Ok(())
    }

    /// 6.2.2: the register counts up while the controller goes on reading.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        for byte in bytes {
            *byte = self.load(self.pointer);
            self.pointer = self.pointer.wrapping_add(1);
        }
        Ok(())
    }
}

impl SpiChip for Bme280 {
    fn power_on(&mut self) {
        I2cChip::power_on(self);
    }

    /// 6.3: the highest bit of the register's address is 1 to read and 0 to write, and is taken for
    /// 1 then. A read counts up, a write is pairs. While the chip does not answer, its output is at
    /// high impedance.
    fn transfer(&mut self, frame: &mut [u8]) {
        self.catch_up();
        if frame.first().is_some_and(|command| command & 0x80 != 0) {
            self.pointer = frame[0];
            frame[0] = 0xFF;
            for byte in &mut frame[1..] {
                *byte = self.load(self.pointer);
                self.pointer = self.pointer.wrapping_add(1);
            }
            return;
        }
        for pair in frame.chunks_exact(2) {
            self.store(pair[0] | 0x80, pair[1]);
        }
        frame.fill(0xFF);
    }
}

#[cfg(test)]
mod tests;
