//! ST LIS3DH: three-axis accelerometer (datasheet 17530, rev. 2).
//!
//! # Invariants
//!
//! 1. Powered up, the chip is in power-down mode (`CTRL_REG1` is 0x07): it samples only at a data
//!    rate (8.8).
//! 2. Counts are left-justified: 12 bits in high-resolution mode, 10 in normal, 8 in low-power
//!    (3.2.1).
//! 3. Reading a high byte of an axis takes its new-data flag away; a sample that was not read sets
//!    overrun (8.14).
//! 4. After a change of mode the first right sample is the eighth (table 11: 7/ODR); those before
//!    are zero here.
//! 5. With the FIFO on, the axes are those of its oldest sample, which is gone when its last byte is read, and
//!    the register after it is the first of the axes again (5.1). `FIFO_SRC_REG` has how many wait, but 31
//!    and a flag of its own when it is full (8.24).
//!
//! # Deliberately absent
//!
//! Filters, interrupts, clicks, self-test, the auxiliary converter; block data update, as one
//! transaction takes no time; noise and offset.

use std::time::Duration;

use super::{
    adc::nearest,
    fifo::Fifo,
    registered::{Registered, Registers, SpiRegisters},
    sampler::Sampler,
};
use crate::time::Elapsed;

const STANDARD_GRAVITY: f64 = 9.806_65;
const WHO_AM_I: u8 = 0x33;
const CTRL_REG1: u8 = 0x20;
const CTRL_REG4: u8 = 0x23;
const CTRL_REG6: u8 = 0x25;
/// Table 31, in normal and high-resolution mode; low-power has others for the last two.
const DATA_RATE_HERTZ: [u32; 10] = [0, 1, 10, 25, 50, 100, 200, 400, 1_600, 1_344];
/// Table 4: milligrams per count of 12 bits.
const MILLIGRAMS: [f64; 4] = [1.0, 2.0, 4.0, 12.0];
const TURN_ON_SAMPLES: u32 = 7;
/// Of `CTRL_REG5`.
const FIFO_ENABLE: u8 = 1 << 6;

/// One LIS3DH and how it is accelerated. Its register counts up if it is told to (6.1.1, 6.2).
pub type Lis3dh = Registered<Lis3dhRegisters>;

/// What a LIS3DH makes of its registers.
pub struct Lis3dhRegisters {
    /// m/s², against free fall.
    acceleration: Box<dyn Fn(Duration) -> [f64; 3] + Send>,
    state: Volatile,
}

/// All that a loss of supply clears.
#[derive(Clone, Default)]
struct Volatile {
    /// `CTRL_REG1` to `CTRL_REG6`.
    control: [u8; 6],
    sampler: Option<Sampler>,
    settled_at: Duration,
    /// `STATUS_REG`: ZYXOR to XOR, ZYXDA to XDA.
    status: u8,
    /// `OUT_X_L` to `OUT_Z_H`.
    out: [u8; 6],
    fifo: Fifo,
}

impl Volatile {
    fn after_power_on() -> Self {
        Self { control: [0x07, 0, 0, 0, 0, 0], ..Self::default() }
    }

    fn is_low_power(&self) -> bool {
        self.control[0] & 0x08 != 0
    }

    /// The bits that the mode does not resolve.
    fn resolved(&self) -> u16 {
        let is_high = self.control[3] & 0x08 != 0;
        match (self.is_low_power(), is_high) {
            (false, true) => 0xFFF0,
            (false, false) => 0xFFC0,
            (true, _) => 0xFF00,
        }
    }

    fn has_fifo(&self) -> bool {
        self.control[4] & FIFO_ENABLE != 0 && self.fifo.is_on()
    }

    /// Overrun, empty, how many wait.
    fn fifo_source(&self) -> u8 {
        let waiting = self.fifo.len().min(31);
        u8::from(self.fifo.is_full()) << 6 | u8::from(self.fifo.is_empty()) << 5 | waiting
    }
}

impl Registered<Lis3dhRegisters> {
    /// A chip that was just powered, whose acceleration at a time, in m/s², is `acceleration` of
    /// that time.
    pub fn new(
        time: Elapsed,
        acceleration: impl Fn(Duration) -> [f64; 3] + Send + 'static,
    ) -> Self {
        let (acceleration, state) = (Box::new(acceleration), Volatile::after_power_on());
        Self::powered(time, Lis3dhRegisters { acceleration, state })
    }
}

impl Lis3dhRegisters {
    fn sample(&mut self, at: Duration) {
        let state = &mut self.state;
        let is_settled = at >= state.settled_at;
        let truth = if is_settled { (self.acceleration)(at) } else { [0.0; 3] };
        let milligrams = MILLIGRAMS[usize::from(state.control[3] >> 4 & 0b11)];
        for (axis, metres) in truth.into_iter().enumerate() {
            if state.control[0] & 1 << axis == 0 {
                continue;
            }
            let counts = nearest(metres / STANDARD_GRAVITY * 1e3 / milligrams, -2_048, 2_047);
            let word = (counts << 4).cast_unsigned() & state.resolved();
            state.out[2 * axis..][..2].copy_from_slice(&word.to_le_bytes());
        }
        if state.has_fifo() {
            state.fifo.push(state.out);
        }
        // What was new and is overwritten is overrun.
        state.status = (state.status & 0x0F) << 4 | state.status & 0xF0 | 0x0F;
    }

    /// 8.8: a data rate of 1.344 kHz, or 5.376 in low power.
    fn restart(&mut self, now: Duration) {
        let rate = usize::from(self.state.control[0] >> 4);
        let hertz = match DATA_RATE_HERTZ.get(rate).copied().unwrap_or(0) {
            1_344 if self.state.is_low_power() => 5_376,
            hertz => hertz,
        };
        let period = Duration::from_secs(1).checked_div(hertz);
        self.state.sampler = period.map(|period| Sampler::new(now + period, period));
        self.state.settled_at = now + period.unwrap_or_default() * TURN_ON_SAMPLES;
    }
}

impl Registers for Lis3dhRegisters {
    const I2C_ADDRESS_HAS_FLAG: bool = true;

    fn power_on(&mut self) {
        self.state = Volatile::after_power_on();
    }

    fn catch_up(&mut self, now: Duration) {
        while let Some(at) = self.state.sampler.as_mut().and_then(|sampler| sampler.taken(now)) {
            self.sample(at);
        }
    }

    fn store(&mut self, register: u8, byte: u8, now: Duration) {
        match register {
            CTRL_REG1..=CTRL_REG6 => self.state.control[usize::from(register - CTRL_REG1)] = byte,
            0x2E => self.state.fifo.set_control(byte),
            _ => {}
        }
        if matches!(register, CTRL_REG1 | CTRL_REG4) {
            self.restart(now);
        }
    }

    fn load(&mut self, register: u8) -> u8 {
        let state = &mut self.state;
        match register {
            0x0F => WHO_AM_I,
            CTRL_REG1..=CTRL_REG6 => state.control[usize::from(register - CTRL_REG1)],
            0x27 => state.status,
            0x28..=0x2D => {
                let at = usize::from(register - 0x28);
                if at % 2 == 1 {
                    // The axis's flags, and those that say it of all axes.
                    state.status &= !(0x88 | 0x11 << (at / 2));
                }
                let oldest = state.fifo.oldest().filter(|_| state.has_fifo());
                if register == 0x2D {
                    state.fifo.pop();
                }
                oldest.unwrap_or(state.out)[at]
            }
            0x2E => state.fifo.control(),
            0x2F => state.fifo_source(),
            _ => 0,
        }
    }

    fn after(&self, register: u8) -> u8 {
        if register == 0x2D && self.state.has_fifo() { 0x28 } else { (register + 1) & 0x7F }
    }
}

impl SpiRegisters for Lis3dhRegisters {}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    };

    use super::*;
    use crate::chips::{I2cChip, SpiChip};

    /// At rest, z upwards, and time that the test moves.
    fn at_rest() -> (Lis3dh, Arc<AtomicU64>) {
        let millis = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&millis);
        let time = Elapsed::from_fn(move || Duration::from_millis(shared.load(Relaxed)));
        (Lis3dh::new(time, |_| [0.0, 0.0, STANDARD_GRAVITY]), millis)
    }

    /// The z axis, as it is in the registers.
    fn z(chip: &mut Lis3dh) -> i16 {
        let mut frame = [0x80 | 0x40 | (0x28 + 4), 0, 0];
        SpiChip::transfer(chip, &mut frame);
        i16::from_le_bytes([frame[1], frame[2]])
    }

    #[test]
    fn it_says_what_it_is_on_either_bus() {
        let (mut chip, _) = at_rest();
        let (mut byte, mut frame) = ([0], [0x80 | 0x0F, 0]);
        I2cChip::write(&mut chip, &[0x0F]).unwrap();
        I2cChip::read(&mut chip, &mut byte).unwrap();
        SpiChip::transfer(&mut chip, &mut frame);
        assert_eq!((byte, frame), ([0x33], [0xFF, 0x33]));
    }

    #[test]
    fn it_does_not_sample_until_it_is_told_to_and_forgets_that_without_supply() {
        let (mut chip, millis) = at_rest();
        millis.store(1_000, Relaxed);
        assert_eq!(z(&mut chip), 0);
        I2cChip::write(&mut chip, &[0x20, 0x57]).unwrap();
        millis.store(2_000, Relaxed);
        // One g, in the resolution after power-on.
        assert_eq!(z(&mut chip), 1_000 << 4);
        I2cChip::power_on(&mut chip);
        millis.store(3_000, Relaxed);
        assert_eq!(z(&mut chip), 0);
    }

    #[test]
    fn its_fifo_is_read_in_one_burst_and_says_how_many_wait_and_when_it_is_full() {
        let (mut chip, millis) = at_rest();
        // FIFO on, 100 Hz, stream mode after the seventh sample.
        for (register, byte) in [(0x24, 0x40), (0x20, 0x57)] {
            I2cChip::write(&mut chip, &[register, byte]).unwrap();
        }
        millis.store(75, Relaxed);
        I2cChip::write(&mut chip, &[0x2E, 0x80]).unwrap();
        let source = |chip: &mut Lis3dh| {
            let mut frame = [0x80 | 0x2F, 0];
            SpiChip::transfer(chip, &mut frame);
            frame[1]
        };
        assert_eq!(source(&mut chip), 0x20, "empty");
        millis.store(105, Relaxed);
        assert_eq!(source(&mut chip), 3);
        let mut burst = [0; 1 + 3 * 6];
        burst[0] = 0x80 | 0x40 | 0x28;
        SpiChip::transfer(&mut chip, &mut burst);
        let one_g = (1_000_i16 << 4).to_le_bytes();
        assert!(burst[1..].chunks(6).all(|sample| sample[4..] == one_g), "{burst:?}");
        assert_eq!(source(&mut chip), 0x20);
        millis.store(10_000, Relaxed);
        assert_eq!(source(&mut chip), 0x40 | 31);
    }
}
