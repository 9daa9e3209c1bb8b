//! The memory of 32 samples that accelerometers have: LIS3DH, datasheet 17530 rev. 2, 5.1; ADXL345,
//! datasheet rev. E, "FIFO". Both have its modes in the highest two bits of a control register.
//!
//! # Invariants
//!
//! 1. In bypass mode it is empty; entering bypass mode empties it.
//! 2. Full, it drops what comes (FIFO mode) or what it has had longest (stream mode).
//!
//! # Deliberately absent
//!
//! Interrupts, and so the trigger that would end the fourth mode: it is stream mode for ever.

use std::collections::VecDeque;

/// How many samples it has room for.
const DEPTH: usize = 32;
/// Of the control register.
const STREAM: u8 = 1 << 7;
const MODE: u8 = 0b11 << 6;

/// Samples of three axes, two bytes each, oldest first, and the control register.
#[derive(Clone, Debug, Default)]
pub(super) struct Fifo {
    control: u8,
    samples: VecDeque<[u8; 6]>,
}

impl Fifo {
    /// A memory that was just powered.
    pub(super) const EMPTY: Self = Self { control: 0, samples: VecDeque::new() };

    pub(super) const fn control(&self) -> u8 {
        self.control
    }

    pub(super) fn set_control(&mut self, control: u8) {
        self.control = control;
        if !self.is_on() {
            self.samples.clear();
        }
    }

    /// Whether it is in another mode than bypass.
    pub(super) const fn is_on(&self) -> bool {
        self.control & MODE != 0
    }

    pub(super) fn push(&mut self, sample: [u8; 6]) {
        if !self.is_on() || self.is_full() && self.control & STREAM == 0 {
            return;
        }
        if self.is_full() {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    pub(super) fn oldest(&self) -> Option<[u8; 6]> {
        self.samples.front().copied()
    }

    pub(super) fn pop(&mut self) -> Option<[u8; 6]> {
        self.samples.pop_front()
    }

    pub(super) fn is_full(&self) -> bool {
        self.samples.len() == DEPTH
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many samples wait to be read, 32 at most.
    pub(super) fn len(&self) -> u8 {
        u8::try_from(self.samples.len()).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sample numbers that are left of 40, oldest first.
    fn left_of_40(control: u8) -> Vec<u8> {
        let mut fifo = Fifo::EMPTY;
        fifo.set_control(control);
        (0..40).for_each(|n| fifo.push([n; 6]));
        std::iter::from_fn(|| fifo.pop()).map(|sample| sample[0]).collect()
    }

    #[test]
    fn each_mode_keeps_what_it_shall() {
        assert!(left_of_40(0b0001_1111).is_empty(), "bypass");
        assert_eq!(left_of_40(0b0100_0000), (0..32).collect::<Vec<_>>(), "FIFO");
        assert_eq!(left_of_40(0b1000_0000), (8..40).collect::<Vec<_>>(), "stream");
        assert_eq!(left_of_40(0b1100_0000), (8..40).collect::<Vec<_>>(), "no trigger comes");
    }

    #[test]
    fn bypass_empties_it() {
        let mut fifo = Fifo::EMPTY;
        fifo.set_control(STREAM);
        fifo.push([1; 6]);
        assert_eq!((fifo.len(), fifo.is_empty()), (1, false));
        fifo.set_control(0);
        fifo.set_control(STREAM);
        assert!(fifo.is_empty());
    }
}
