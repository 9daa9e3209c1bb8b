//! TDK MPU-6050: accelerometer, gyroscope and thermometer (RM-MPU-6000A-00 rev. 4.2,
//! PS-MPU-6000A-00 rev. 3.4).
//!
//! # Invariants
//!
//! 1. Powered up, the chip is asleep (`PWR_MGMT_1` is 0x40): it does not sample (4.28).
//! 2. The sample rate is the gyroscope's, 8 kHz or 1 kHz with the filter on, divided by
//!    `SMPLRT_DIV` + 1 (4.2).
//! 3. `DATA_RDY` is set by a sample and cleared by reading `INT_STATUS` (4.16). Samples of the
//!    gyroscope are zero until it has started up, 30 ms after waking (specification 6.1).
//!
//! # Deliberately absent
//!
//! The filter's effect, FIFO, motion processor, auxiliary bus, self-test, cycling, noise.

use std::time::Duration;

use super::{
    adc::nearest,
    registered::{Registered, Registers},
    sampler::Sampler,
};
use crate::{environment::Motion, time::Elapsed};

const STANDARD_GRAVITY: f64 = 9.806_65;
const WHO_AM_I: u8 = 0x68;
const SLEEP: u8 = 0x40;
const DEVICE_RESET: u8 = 0x80;
const DATA_READY: u8 = 1;
/// Specification 6.1: LSB/(°/s).
const PER_DEGREE: [f64; 4] = [131.0, 65.5, 32.8, 16.4];
const GYROSCOPE_START_UP: Duration = Duration::from_millis(30);

/// One MPU-6050 and how it moves. Its register counts up by itself (specification 9.3).
pub type Mpu6050 = Registered<Mpu6050Registers>;

/// What an MPU-6050 makes of its registers.
pub struct Mpu6050Registers {
    motion: Box<dyn Fn(Duration) -> Motion + Send>,
    state: Volatile,
}

/// All that a reset clears.
#[derive(Clone)]
struct Volatile {
    /// `SMPLRT_DIV`, `CONFIG`, `GYRO_CONFIG`, `ACCEL_CONFIG`.
    configuration: [u8; 4],
    power: u8,
    sampler: Option<Sampler>,
    awake_since: Duration,
    status: u8,
    /// `ACCEL_XOUT_H` to `GYRO_ZOUT_L`.
    data: [u8; 14],
}

impl Volatile {
    const AFTER_RESET: Self = Self {
        configuration: [0; 4],
        power: SLEEP,
        sampler: None,
        awake_since: Duration::ZERO,
        status: 0,
        data: [0; 14],
    };
}

impl Registered<Mpu6050Registers> {
    /// A chip that was just powered, whose state at a time is `motion` of that time.
    pub fn new(time: Elapsed, motion: impl Fn(Duration) -> Motion + Send + 'static) -> Self {
        let (motion, state) = (Box::new(motion), Volatile::AFTER_RESET);
        Self::powered(time, Mpu6050Registers { motion, state })
    }
}

impl Mpu6050Registers {
    fn sample(&mut self, at: Duration) {
        let Motion { acceleration, rotation, celsius } = (self.motion)(at);
        let state = &mut self.state;
        let per_g = 16_384.0 / f64::from(1_u8 << (state.configuration[3] >> 3 & 0b11));
        let per_degree = PER_DEGREE[usize::from(state.configuration[2] >> 3 & 0b11)];
        let is_started = at >= state.awake_since + GYROSCOPE_START_UP;
        let force = acceleration.map(|metres| metres / STANDARD_GRAVITY * per_g);
        let turn = rotation.map(|degrees| if is_started { degrees * per_degree } else { 0.0 });
        // 4.18: counts / 340 + 36.53 is the temperature in °C.
        let heat = [(celsius - 36.53) * 340.0];
        let numbers = force.into_iter().chain(heat).chain(turn);
        for (word, number) in state.data.chunks_exact_mut(2).zip(numbers) {
            word.copy_from_slice(&nearest(number, i16::MIN, i16::MAX).to_be_bytes());
        }
        state.status |= DATA_READY;
    }

    fn restart(&mut self, now: Duration) {
        let [divider, config, ..] = self.state.configuration;
        let hertz = if matches!(config & 0b111, 0 | 7) { 8_000 } else { 1_000 };
        let period = Duration::from_secs(1) * (u32::from(divider) + 1) / hertz;
        let is_awake = self.state.power & SLEEP == 0;
        self.state.sampler = is_awake.then(|| Sampler::new(now + period, period));
    }
}

impl Registers for Mpu6050Registers {
    fn power_on(&mut self) {
        self.state = Volatile::AFTER_RESET;
    }

    fn catch_up(&mut self, now: Duration) {
        while let Some(at) = self.state.sampler.as_mut().and_then(|sampler| sampler.taken(now)) {
            self.sample(at);
        }
    }

    fn store(&mut self, register: u8, byte: u8, now: Duration) {
        match register {
            0x19..=0x1C => self.state.configuration[usize::from(register - 0x19)] = byte,
            0x6B if byte & DEVICE_RESET != 0 => self.state = Volatile::AFTER_RESET,
            0x6B => {
                let is_waking = self.state.power & SLEEP != 0 && byte & SLEEP == 0;
                self.state.power = byte;
                if is_waking {
                    self.state.awake_since = now;
                }
            }
            _ => return,
        }
        self.restart(now);
    }

    fn load(&mut self, register: u8) -> u8 {
        match register {
            0x19..=0x1C => self.state.configuration[usize::from(register - 0x19)],
            0x3A => std::mem::take(&mut self.state.status),
            0x3B..=0x48 => self.state.data[usize::from(register - 0x3B)],
            0x6B => self.state.power,
            0x75 => WHO_AM_I,
            _ => 0,
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

    #[test]
    fn it_wakes_samples_and_starts_its_gyroscope_late() {
        let millis = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&millis);
        let time = Elapsed::from_fn(move || Duration::from_millis(shared.load(Relaxed)));
        let motion =
            Motion { acceleration: [STANDARD_GRAVITY; 3], rotation: [1.0; 3], celsius: 36.53 };
        let mut chip = Mpu6050::new(time, move |_| motion);
        let mut look = |at, register: u8| {
            millis.store(at, Relaxed);
            let mut bytes = [0; 2];
            chip.write(&[register]).unwrap();
            chip.read(&mut bytes).unwrap();
            u16::from_be_bytes(bytes)
        };
        assert_eq!(look(100, 0x6B) >> 8, 0x40, "asleep");
        assert_eq!(look(100, 0x3B), 0);
        assert_eq!(look(100, 0x3A) >> 8, 0, "nothing new");
        chip.write(&[0x6B, 0x01]).unwrap();
        let mut look = |at, register: u8| {
            millis.store(at, Relaxed);
            let mut bytes = [0; 2];
            chip.write(&[register]).unwrap();
            chip.read(&mut bytes).unwrap();
            u16::from_be_bytes(bytes)
        };
        assert_eq!([look(110, 0x3B), look(110, 0x41), look(110, 0x43)], [16_384, 0, 0]);
        assert_eq!([look(131, 0x3A) >> 8, look(131, 0x3A) >> 8], [1, 0], "reading clears it");
        assert_eq!(look(131, 0x43), 131);
    }
}
