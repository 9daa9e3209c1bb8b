//! Analog Devices ADXL345: three-axis accelerometer (rev. E).
//!
//! # Invariants
//!
//! 1. Powered up, the chip is in standby: it samples only with the Measure bit set.
//! 2. Counts are right-justified: in full resolution 256 per g in every range, else 10 bits of the
//!    range (table 1).
//! 3. `DATA_READY` is set by a sample and cleared by reading data; an unread sample sets Overrun.
//! 4. From standby the first sample comes 1.1 ms and one period after (table 1, turn-on time).
//! 5. With the FIFO on, an access to the data takes its oldest sample, however many of the bytes are
//!    read; Overrun is set when it is full, and cleared by reading data.
//!
//! # Deliberately absent
//!
//! The 33rd sample, which waits at the FIFO's end, and the 5 µs until it has moved up; offsets, taps,
//! activity, free fall, sleep, self-test, left justification, three-wire SPI, noise.

use std::time::Duration;

use super::{
    adc::nearest,
    fifo::Fifo,
    registered::{Registered, Registers, SpiRegisters},
    sampler::Sampler,
};
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

/// One ADXL345 and how it is accelerated. On I2C its register counts up by itself (figure 40), on SPI
/// if it is told to (figures 36 to 38).
pub type Adxl345 = Registered<Adxl345Registers>;

/// What an ADXL345 makes of its registers.
pub struct Adxl345Registers {
    /// m/s², against free fall.
    acceleration: Box<dyn Fn(Duration) -> [f64; 3] + Send>,
    state: Volatile,
}

/// All that a loss of supply clears.
#[derive(Clone)]
struct Volatile {
    rate: u8,
    power: u8,
    format: u8,
    fifo: Fifo,
    /// In this access a sample was taken from the FIFO.
    is_taken: bool,
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
        fifo: Fifo::EMPTY,
        is_taken: false,
        sampler: None,
        flags: 0,
        data: [0; 6],
    };

    fn take(&mut self, sample: [u8; 6]) {
        if !self.fifo.is_on() {
            let overrun = if self.flags & DATA_READY != 0 { OVERRUN } else { 0 };
            self.flags |= DATA_READY | overrun;
            self.data = sample;
            return;
        }
        self.fifo.push(sample);
        self.flags |= DATA_READY | if self.fifo.is_full() { OVERRUN } else { 0 };
    }

    fn read_data(&mut self, index: usize) -> u8 {
        if self.fifo.is_on() && !std::mem::replace(&mut self.is_taken, true) {
            self.data = self.fifo.pop().unwrap_or(self.data);
        }
        self.flags &= !OVERRUN;
        if self.fifo.is_empty() {
            self.flags &= !DATA_READY;
        }
        self.data[index]
    }
}

impl Registered<Adxl345Registers> {
    /// A chip that was just powered, whose acceleration at a time, in m/s², is `acceleration` of
    /// that time.
    pub fn new(
        time: Elapsed,
        acceleration: impl Fn(Duration) -> [f64; 3] + Send + 'static,
    ) -> Self {
        let acceleration = Box::new(acceleration);
        Self::powered(time, Adxl345Registers { acceleration, state: Volatile::AFTER_POWER_ON })
    }
}

impl Adxl345Registers {
    fn sample(&mut self, at: Duration) {
        let truth = (self.acceleration)(at);
        let state = &mut self.state;
        let range = state.format & 0b11;
        let is_full = state.format & FULL_RESOLUTION != 0;
        let (end, per_g) =
            if is_full { (512 << range, 256.0) } else { (512, 256.0 / f64::from(1_u8 << range)) };
        let mut sample = [0; 6];
        for (word, metres) in sample.chunks_exact_mut(2).zip(truth) {
            let counts = nearest(metres / STANDARD_GRAVITY * per_g, -end, end - 1);
            word.copy_from_slice(&counts.to_le_bytes());
        }
        state.take(sample);
    }

    fn restart(&mut self, now: Duration) {
        let period = Duration::from_secs(1 << (15 - (self.state.rate & 0x0F))) / FASTEST_HERTZ;
        let is_measuring = self.state.power & MEASURE != 0;
        self.state.sampler = is_measuring.then(|| Sampler::new(now + TURN_ON + period, period));
    }
}

impl Registers for Adxl345Registers {
    fn power_on(&mut self) {
        self.state = Volatile::AFTER_POWER_ON;
    }

    fn catch_up(&mut self, now: Duration) {
        while let Some(at) = self.state.sampler.as_mut().and_then(|sampler| sampler.taken(now)) {
            self.sample(at);
        }
    }

    fn store(&mut self, register: u8, byte: u8, now: Duration) {
        match register {
            0x2C => self.state.rate = byte,
            0x2D => self.state.power = byte,
            0x31 => self.state.format = byte,
            0x38 => self.state.fifo.set_control(byte),
            _ => return,
        }
        if matches!(register, 0x2C | 0x2D) {
            self.restart(now);
        }
    }

    fn load(&mut self, register: u8) -> u8 {
        match register {
            0x00 => DEVID,
            0x2C => self.state.rate,
            0x2D => self.state.power,
            0x30 => self.state.flags,
            0x31 => self.state.format,
            0x32..=0x37 => self.state.read_data(usize::from(register - 0x32)),
            0x38 => self.state.fifo.control(),
            0x39 => self.state.fifo.len(),
            _ => 0,
        }
    }

    fn release(&mut self) {
        self.state.is_taken = false;
    }
}

impl SpiRegisters for Adxl345Registers {}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    };

    use super::*;
    use crate::chips::{I2cChip, SpiChip};

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

    #[test]
    fn its_fifo_gives_one_sample_an_access_says_how_many_wait_and_when_it_is_full() {
        let (mut chip, millis) = at_rest();
        for (register, byte) in [(0x38, 0x80), (0x2D, 0x08)] {
            I2cChip::write(&mut chip, &[register, byte]).unwrap();
        }
        // 100 Hz, the first one 11.1 ms after.
        millis.store(55, Relaxed);
        let byte = |chip: &mut Adxl345, register: u8| {
            let mut frame = [0x80 | register, 0];
            SpiChip::transfer(chip, &mut frame);
            frame[1]
        };
        assert_eq!([byte(&mut chip, 0x39), byte(&mut chip, 0x30)], [5, DATA_READY]);
        assert_eq!(z(&mut chip), 256);
        byte(&mut chip, 0x32);
        assert_eq!(byte(&mut chip, 0x39), 3, "a byte of it takes it all");
        millis.store(10_000, Relaxed);
        assert_eq!([byte(&mut chip, 0x39), byte(&mut chip, 0x30)], [32, DATA_READY | OVERRUN]);
        (0..32).for_each(|_| assert_eq!(z(&mut chip), 256));
        assert_eq!([byte(&mut chip, 0x39), byte(&mut chip, 0x30)], [0, 0]);
    }
}
