//! Texas Instruments TCA9548A: a switch from one I2C bus to eight others.
//!
//! Datasheet SCPS207. One register (section 8.6.2): bit n connects channel n. It is 0 after power-on and
//! after a low reset pin. While a channel is connected its chips are on the upstream bus as if wired
//! to it, which [`SwitchedBus`](crate::bus::SwitchedBus) does.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use super::{I2cChip, Nak};

/// The switch's register, shared with the bus that it connects.
#[derive(Clone, Debug, Default)]
pub struct Tca9548a(Arc<AtomicU8>);

impl Tca9548a {
    /// A switch that has just been powered: no channel is connected.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which channels are connected now, bit by bit.
    pub fn connected(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }
}

impl I2cChip for Tca9548a {
    fn power_on(&mut self) {
        self.0.store(0, Ordering::SeqCst);
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        // Section 8.6.2: of several bytes the last is kept.
        if let Some(&last) = bytes.last() {
            self.0.store(last, Ordering::SeqCst);
        }
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        bytes.fill(self.connected());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_written_is_kept_until_the_supply_goes() {
        let mut switch = Tca9548a::new();
        switch.write(&[1, 0x80]).unwrap();
        let mut bytes = [0; 2];
        switch.read(&mut bytes).unwrap();
        assert_eq!((bytes, switch.connected()), ([0x80; 2], 0x80));
        switch.power_on();
        assert_eq!(switch.connected(), 0);
    }
}
