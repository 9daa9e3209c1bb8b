//! Transactions, and what befalls them.

use std::time::Duration;

use embedded_hal::i2c::{Error as _, ErrorKind, NoAcknowledgeSource};

use super::*;
use crate::bus::{Effect, FaultPlan, Tally, When};

/// One register that a power cycle sets to 0xA5; refuses to be written 0xFF.
struct Latch(u8);

impl I2cChip for Latch {
    fn power_on(&mut self) {
        self.0 = 0xA5;
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        self.0 = *bytes.last().unwrap_or(&self.0);
        if self.0 == 0xFF { Err(Nak) } else { Ok(()) }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        bytes.fill(self.0);
        Ok(())
    }
}

fn bus() -> (I2cBus, Wiring) {
    let bus = I2cBus::new();
    let wiring = bus.attach(0x20, Latch(1));
    (bus, wiring)
}

fn read(bus: &I2cBus, address: u8) -> Result<u8, BusError> {
    let mut byte = [0];
    bus.transfer(address, &mut [Operation::Read(&mut byte)]).map(|_held| byte[0])
}

#[test]
fn nobody_at_an_address_is_no_acknowledge_in_the_controllers_own_words() {
    let (bus, _) = bus();
    assert_eq!(read(&bus, 0x21), Err(BusError::at_once(BusFault::RemoteIo)));
    let usb = bus.reporting_no_acknowledge_as(BusFault::NoAcknowledge);
    let refused = read(&usb, 0x21).unwrap_err();
    assert_eq!(refused, BusError::at_once(BusFault::NoAcknowledge));
    assert_eq!(refused.kind(), ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown));
}

#[test]
fn a_chip_that_refuses_a_byte_ends_the_transaction() {
    let (mut bus, _) = bus();
    assert!(bus.write(0x20, &[7]).is_ok());
    assert_eq!(bus.write(0x20, &[0xFF]), Err(BusError::at_once(BusFault::RemoteIo)));
}

#[test]
fn neighbours_of_one_direction_are_one_segment_to_the_chip() {
    /// Counts how many segments it was written and read in.
    struct Segments([u8; 2]);

    impl I2cChip for Segments {
        fn power_on(&mut self) {}

        fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
            self.0[0] += u8::from(bytes == [1, 2, 3]);
            Ok(())
        }

        fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
            self.0[1] += 1;
            bytes.copy_from_slice(&[self.0[0], self.0[1], 9]);
            Ok(())
        }
    }

    let mut bus = I2cBus::new();
    bus.attach(0x20, Segments([0, 0]));
    let (mut first, mut second) = ([0; 2], [0; 1]);
    let mut operations = [
        Operation::Write(&[1, 2]),
        Operation::Write(&[3]),
        Operation::Read(&mut first),
        Operation::Read(&mut second),
    ];
    bus.transaction(0x20, &mut operations).unwrap();
    assert_eq!((first, second), ([1, 1], [9]));
}

#[test]
fn a_chip_plugged_in_again_has_forgotten_its_registers() {
    let (bus, wiring) = bus();
    wiring.replug(); // It was never gone: no power cycle.
    assert_eq!(read(&bus, 0x20), Ok(1));
    wiring.unplug();
    assert_eq!(read(&bus, 0x20), Err(BusError::at_once(BusFault::RemoteIo)));
    wiring.replug();
    assert_eq!(read(&bus, 0x20), Ok(0xA5));
    assert_eq!(wiring.tally(), Tally { transactions: 3, spoilt: 1 });
}

#[test]
fn a_fault_after_some_transactions_leaves_those_alone_and_heals() {
    let (bus, wiring) = bus();
    let stall = Effect::Stall(Duration::from_secs(1));
    wiring.inject(FaultPlan { when: When::After(2), effect: stall });
    let stalled = BusError { fault: BusFault::TimedOut, held: Duration::from_secs(1) };
    assert_eq!([(); 4].map(|()| read(&bus, 0x20)), [Ok(1), Ok(1), Err(stalled), Err(stalled)]);
    wiring.heal();
    assert_eq!(read(&bus, 0x20), Ok(1));
}

#[test]
fn distorted_bytes_arrive_as_a_success() {
    let (bus, wiring) = bus();
    wiring.inject(FaultPlan { when: When::Always, effect: Effect::Flip(0x81) });
    assert_eq!(read(&bus, 0x20), Ok(0x80));
    wiring.inject(FaultPlan { when: When::Always, effect: Effect::StickAt(0) });
    assert_eq!(read(&bus, 0x20), Ok(0));
    assert_eq!(wiring.tally().spoilt, 2);
}

#[test]
fn one_byte_is_wrong_once_and_the_rest_of_the_bus_is_right() {
    let (bus, wiring) = bus();
    let effect = Effect::FlipAt { index: 2, bits: 0x10 };
    wiring.inject(FaultPlan { when: When::Next(1), effect });
    let (mut first, mut second) = ([0; 2], [0; 2]);
    let mut parts = [Operation::Read(&mut first), Operation::Read(&mut second)];
    assert_eq!(bus.transfer(0x20, &mut parts), Ok(Duration::ZERO));
    assert_eq!((first, second), ([1, 1], [0x11, 1]));
    assert_eq!(read(&bus, 0x20), Ok(1));
    assert_eq!(wiring.tally(), Tally { transactions: 2, spoilt: 1 });
}

#[test]
fn a_held_bus_says_for_how_long_and_a_driver_waits_for_it() {
    let waited = Arc::new(Mutex::new(Duration::ZERO));
    let sum = Arc::clone(&waited);
    let (bus, wiring) = bus();
    let mut bus = bus.waiting_by(move |held| *sum.lock().unwrap() += held);
    let milli = Duration::from_millis(1);
    let stretch = FaultPlan { when: When::Always, effect: Effect::Stretch(50 * milli) };
    let stretch = wiring.inject(stretch);
    wiring.inject(FaultPlan { when: When::Always, effect: Effect::SlowDown(milli) });
    let mut bytes = [0; 3];
    assert_eq!(bus.transfer(0x20, &mut [Operation::Read(&mut bytes)]), Ok(53 * milli));
    bus.write_read(0x20, &[7], &mut bytes).unwrap();
    assert_eq!((*waited.lock().unwrap(), bytes), (54 * milli, [7; 3]));
    wiring.withdraw(stretch);
    bus.write_read(0x20, &[7], &mut bytes).unwrap();
    assert_eq!(*waited.lock().unwrap(), 58 * milli);
    wiring.inject(FaultPlan { when: When::Always, effect: Effect::Stall(100 * milli) });
    assert!(bus.read(0x20, &mut bytes).is_err());
    assert_eq!(*waited.lock().unwrap(), 158 * milli);
}

#[test]
fn chance_is_as_frequent_as_told_and_the_same_for_the_same_seed() {
    let run = |seed| {
        let (bus, wiring) = bus();
        let when = When::Sometimes { probability: 0.2, seed };
        wiring.inject(FaultPlan { when, effect: Effect::Fail(BusFault::Io) });
        (0..1_000).map(|_| read(&bus, 0x20).is_err()).collect::<Vec<_>>()
    };
    let failures = run(9).iter().filter(|&&failed| failed).count();
    assert!((150..250).contains(&failures), "{failures}");
    assert_eq!(run(9), run(9));
    assert_ne!(run(9), run(10));
}
