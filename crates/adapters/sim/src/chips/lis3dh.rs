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
//!
//! # Deliberately absent
//!
//! FIFO, filters, interrupts, clicks, self-test, the auxiliary converter; block data update, as one
//! transaction takes no time; noise and offset.

use std::time::Duration;

use super::{I2cChip, Nak, SpiChip, adc::nearest, sampler::Sampler};
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

/// One LIS3DH and how it is accelerated.
pub struct Lis3dh {
    time: Elapsed,
    /// m/s², against free fall.
    acceleration: Box<dyn Fn(Duration) -> [f64; 3] + Send>,
    pointer: u8,
    counts_up: bool,
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
}

impl Lis3dh {
    /// A chip that was just powered, whose acceleration at a time, in m/s², is `acceleration` of
    /// that time.
    pub fn new(
        time: Elapsed,
        acceleration: impl Fn(Duration) -> [f64; 3] + Send + 'static,
    ) -> Self {
        let state = Volatile::after_power_on();
        Self { time, acceleration: Box::new(acceleration), pointer: 0, counts_up: false, state }
    }

    fn catch_up(&mut self) {
        let now = self.time.now();
        while let Some(at) = self.state.sampler.as_mut().and_then(|sampler| sampler.taken(now)) {
            self.sample(at);
        }
    }

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
        // What was new and is overwritten is overrun.
        state.status = (state.status & 0x0F) << 4 | state.status & 0xF0 | 0x0F;
    }

    /// 8.8: a data rate of 1.344 kHz, or 5.376 in low power.
    fn restart(&mut self) {
        let now = self.time.now();
        let rate = usize::from(self.state.control[0] >> 4);
        let hertz = match DATA_RATE_HERTZ.get(rate).copied().unwrap_or(0) {
            1_344 if self.state.is_low_power() => 5_376,
            hertz => hertz,
        };
        let period = Duration::from_secs(1).checked_div(hertz);
        self.state.sampler = period.map(|period| Sampler::new(now + period, period));
        self.state.settled_at = now + period.unwrap_or_default() * TURN_ON_SAMPLES;
    }

    fn store(&mut self, register: u8, byte: u8) {
        if (CTRL_REG1..=CTRL_REG6).contains(&register) {
            self.state.control[usize::from(register - CTRL_REG1)] = byte;
        }
        if matches!(register, CTRL_REG1 | CTRL_REG4) {
            self.restart();
        }
    }

    fn load(&mut self, register: u8) -> u8 {
        match register {
            0x0F => WHO_AM_I,
            CTRL_REG1..=CTRL_REG6 => self.state.control[usize::from(register - CTRL_REG1)],
            0x27 => self.state.status,
            0x28..=0x2D => {
                let at = usize::from(register - 0x28);
                if at % 2 == 1 {
                    // The axis's flags, and those that say it of all axes.
                    self.state.status &= !(0x88 | 0x11 << (at / 2));
                }
                self.state.out[at]
            }
            _ => 0,
        }
    }

    fn step(&mut self, counts_up: bool) {
        self.pointer = if counts_up { (self.pointer + 1) & 0x7F } else { self.pointer };
    }
}

impl I2cChip for Lis3dh {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.state = Volatile::after_power_on();
    }

    /// 6.1.1: the register in seven bits, and a bit that makes it count up.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        let [pointer, rest @ ..] = bytes else { return Ok(()) };
        self.counts_up = pointer & 0x80 != 0;
        self.pointer = pointer & 0x7F;
        for byte in rest {
            self.store(self.pointer, *byte);
            self.step(self.counts_up);
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        for byte in bytes {
            *byte = self.load(self.pointer);
            self.step(self.counts_up);
        }
        Ok(())
    }
}

impl SpiChip for Lis3dh {
    fn power_on(&mut self) {
        I2cChip::power_on(self);
    }

    /// 6.2: read bit, count-up bit, register; then data.
    fn transfer(&mut self, frame: &mut [u8]) {
        self.catch_up();
        let [command, data @ ..] = frame else { return };
        let (is_read, counts_up) = (*command & 0x80 != 0, *command & 0x40 != 0);
        self.pointer = *command & 0x3F;
        *command = 0xFF;
        for byte in data {
            if is_read {
                *byte = self.load(self.pointer);
            } else {
                self.store(self.pointer, *byte);
                *byte = 0xFF;
            }
            self.step(counts_up);
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
}
