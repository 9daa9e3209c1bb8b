//! Analog Devices ADXL345: three-axis accelerometer (rev. E).
//!
//! # Invariants
//!
//! 1. Powered up, the chip is in standby: it samples only with the Measure bit set.
//! 2. Counts are right-justified: in full resolution 256 per g in every range, else 10 bits of the
//!    range (table 1).
//! 3. `DATA_READY` is set by a sample and cleared by reading data; an unread sample sets Overrun.
//! 4. From standby the first sample comes 1.1 ms and one period after (table 1, turn-on time).
//!
//! # Deliberately absent
//!
//! FIFO, offsets, taps, activity, free fall, sleep, self-test, left justification, three-wire SPI,
//! noise.

use std::time::Duration;

use super::{I2cChip, Nak, SpiChip, adc::nearest, sampler::Sampler};
use crate::time::Elapsed;

const STANDARD_GRAVITY: f64 = 9.806_65;
const DEVID: u8 = 0xE5;
const BW_RATE_RESET: u8 = 0x0A;
const MEASURE: u8 = 1 << 3;
const FULL_RESOLUTION: u8 = 1 << 3;
const DATA_READY: u8 = 1 << 7;
const OVERRUN: u8 = 1;
const TURN_ON: Duration = Duration::from_micros(1_100);
/// Table 7: of the code 15; half as long with each code less.
const FASTEST_HERTZ: u32 = 3_200;

/// One ADXL345 and how it is accelerated.
pub struct Adxl345 {
    time: Elapsed,
    /// m/s², against free fall.
    acceleration: Box<dyn Fn(Duration) -> [f64; 3] + Send>,
    pointer: u8,
    state: Volatile,
}

/// All that a loss of supply clears.
#[derive(Clone)]
struct Volatile {
    rate: u8,
    power: u8,
    format: u8,
    fifo: u8,
    sampler: Option<Sampler>,
    flags: u8,
    /// `DATAX0` to `DATAZ1`.
    data: [u8; 6],
}

impl Volatile {
    const AFTER_POWER_ON: Self = Self {
        rate: BW_RATE_RESET,
        power: 0,
        format: 0,
        fifo: 0,
        sampler: None,
        flags: 0,
        data: [0; 6],
    };
}

impl Adxl345 {
    /// A chip that was just powered, whose acceleration at a time, in m/s², is `acceleration` of
    /// that time.
    pub fn new(
        time: Elapsed,
        acceleration: impl Fn(Duration) -> [f64; 3] + Send + 'static,
    ) -> Self {
        let acceleration = Box::new(acceleration);
        Self { time, acceleration, pointer: 0, state: Volatile::AFTER_POWER_ON }
    }

    fn catch_up(&mut self) {
        let now = self.time.now();
        while let Some(at) = self.state.sampler.as_mut().and_then(|sampler| sampler.taken(now)) {
            self.sample(at);
        }
    }

    fn sample(&mut self, at: Duration) {
        let truth = (self.acceleration)(at);
        let state = &mut self.state;
        let range = state.format & 0b11;
        let is_full = state.format & FULL_RESOLUTION != 0;
        let (end, per_g) =
            if is_full { (512 << range, 256.0) } else { (512, 256.0 / f64::from(1_u8 << range)) };
        for (axis, metres) in truth.into_iter().enumerate() {
            let counts = nearest(metres / STANDARD_GRAVITY * per_g, -end, end - 1);
            state.data[2 * axis..][..2].copy_from_slice(&counts.to_le_bytes());
        }
        let overrun = if state.flags & DATA_READY != 0 { OVERRUN } else { 0 };
        state.flags |= DATA_READY | overrun;
    }

    fn restart(&mut self) {
        let now = self.time.now();
        let period = Duration::from_secs(1 << (15 - (self.state.rate & 0x0F))) / FASTEST_HERTZ;
        let is_measuring = self.state.power & MEASURE != 0;
        self.state.sampler = is_measuring.then(|| Sampler::new(now + TURN_ON + period, period));
    }

    fn store(&mut self, register: u8, byte: u8) {
        match register {
            0x2C => self.state.rate = byte,
            0x2D => self.state.power = byte,
            0x31 => self.state.format = byte,
            0x38 => self.state.fifo = byte,
            _ => return,
        }
        if matches!(register, 0x2C | 0x2D) {
            self.restart();
        }
    }

    fn load(&mut self, register: u8) -> u8 {
        match register {
            0x00 => DEVID,
            0x2C => self.state.rate,
            0x2D => self.state.power,
            0x30 => self.state.flags,
            0x31 => self.state.format,
            0x32..=0x37 => {
                self.state.flags &= !(DATA_READY | OVERRUN);
                self.state.data[usize::from(register - 0x32)]
            }
            0x38 => self.state.fifo,
            _ => 0,
        }
    }
}

impl I2cChip for Adxl345 {
    fn power_on(&mut self) {
        self.pointer = 0;
        self.state = Volatile::AFTER_POWER_ON;
    }

    /// Figure 40: the register counts up by itself.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.catch_up();
        let [pointer, rest @ ..] = bytes else { return Ok(()) };
        self.pointer = *pointer;
        for byte in rest {
            self.store(self.pointer, *byte);
            self.pointer = self.pointer.wrapping_add(1);
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        self.catch_up();
        for byte in bytes {
            *byte = self.load(self.pointer);
            self.pointer = self.pointer.wrapping_add(1);
        }
        Ok(())
    }
}

impl SpiChip for Adxl345 {
    fn power_on(&mut self) {
        I2cChip::power_on(self);
    }

    /// Figures 36 to 38: read bit, multiple-byte bit, register; then data.
    fn transfer(&mut self, frame: &mut [u8]) {
        self.catch_up();
        let [command, data @ ..] = frame else { return };
        let (is_read, is_multiple) = (*command & 0x80 != 0, *command & 0x40 != 0);
        self.pointer = *command & 0x3F;
        *command = 0xFF;
        for byte in data {
            if is_read {
                *byte = self.load(self.pointer);
            } else {
                self.store(self.pointer, *byte);
                *byte = 0xFF;
            }
            self.pointer = (self.pointer + u8::from(is_multiple)) & 0x3F;
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
    fn at_rest() -> (Adxl345, Arc<AtomicU64>) {
        let millis = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&millis);
        let time = Elapsed::from_fn(move || Duration::from_millis(shared.load(Relaxed)));
        (Adxl345::new(time, |_| [0.0, 0.0, STANDARD_GRAVITY]), millis)
    }

    /// The z axis, as it is in the registers.
    fn z(chip: &mut Adxl345) -> i16 {
        let mut frame = [0x80 | 0x40 | (0x32 + 4), 0, 0];
        SpiChip::transfer(chip, &mut frame);
        i16::from_le_bytes([frame[1], frame[2]])
    }

    #[test]
    fn it_says_what_it_is_on_either_bus() {
        let (mut chip, _) = at_rest();
        let (mut byte, mut frame) = ([0], [0x80, 0]);
        I2cChip::write(&mut chip, &[0x00]).unwrap();
        I2cChip::read(&mut chip, &mut byte).unwrap();
        SpiChip::transfer(&mut chip, &mut frame);
        assert_eq!((byte, frame), ([0xE5], [0xFF, 0xE5]));
    }

    #[test]
    fn it_does_not_sample_until_it_is_told_to_and_forgets_that_without_supply() {
        let (mut chip, millis) = at_rest();
        millis.store(1_000, Relaxed);
        assert_eq!(z(&mut chip), 0);
        I2cChip::write(&mut chip, &[0x2D, 0x08]).unwrap();
        millis.store(2_000, Relaxed);
        // One g, in the resolution after power-on.
        assert_eq!(z(&mut chip), 256);
        I2cChip::power_on(&mut chip);
        millis.store(3_000, Relaxed);
        assert_eq!(z(&mut chip), 0);
    }
}
