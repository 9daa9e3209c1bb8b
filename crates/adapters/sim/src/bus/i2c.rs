//! An I2C bus with chips on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use embedded_hal::i2c::{ErrorType, I2c, Operation, SevenBitAddress};

use super::{
    BusError, BusFault, Wiring,
    wiring::{Distortion, Passage},
};
use crate::chips::{I2cChip, Nak};

/// An I2C bus in memory. Clones are the same bus.
#[derive(Clone)]
pub struct I2cBus {
    sockets: Arc<Mutex<BTreeMap<SevenBitAddress, Socket>>>,
    /// The addresses that a driver of the kernel has, whether or not somebody is there.
    claimed: Arc<Mutex<BTreeSet<SevenBitAddress>>>,
    no_acknowledge: BusFault,
}

struct Socket {
    chip: Box<dyn I2cChip>,
    wiring: Wiring,
    plugged_count: u64,
}

impl Default for I2cBus {
    fn default() -> Self {
        Self::new()
    }
}

impl I2cBus {
    /// A bus without chips, behind a controller like the Raspberry Pi's (bcm2835).
    pub fn new() -> Self {
        Self {
            sockets: Arc::default(),
            claimed: Arc::default(),
            no_acknowledge: BusFault::RemoteIo,
        }
    }

    /// The same bus behind a controller that reports a missing acknowledge as `fault`.
    #[must_use]
    pub fn reporting_no_acknowledge_as(mut self, fault: BusFault) -> Self {
        self.no_acknowledge = fault;
        self
    }

    /// Lets a driver of the kernel have `address`: a program is then refused it by `I2C_SLAVE`.
    pub fn claim(&self, address: SevenBitAddress) {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
    }

    /// Whether a driver of the kernel has `address`.
    pub fn is_claimed(&self, address: SevenBitAddress) -> bool {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).contains(&address)
    }

    /// Puts `chip` on the bus, in place of any that had `address` before.
    pub fn attach(&self, address: SevenBitAddress, chip: impl I2cChip + 'static) -> Wiring {
        let wiring = Wiring::plugged();
        let socket = Socket { chip: Box::new(chip), wiring: wiring.clone(), plugged_count: 1 };
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).insert(address, socket);
        wiring
    }

    /// One transaction: a start, a repeated start between the operations (also between two of one
    /// direction, other than embedded-hal's transactions have it), a stop.
    ///
    /// # Errors
    ///
    /// [`BusError`] if nobody has `address`, the chip refuses, or a fault was injected.
    pub fn transfer(
        &self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        let refused = BusError::at_once(self.no_acknowledge);
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = sockets.get_mut(&address).ok_or(refused)?;
        let (plugged_count, distortion) = match socket.wiring.pass() {
            Passage::Absent => return Err(refused),
            Passage::Fails(error) => return Err(error),
            Passage::Reaches { plugged_count, distortion } => (plugged_count, distortion),
        };
        if plugged_count != socket.plugged_count {
            socket.plugged_count = plugged_count;
            socket.chip.power_on();
        }
        exchange(&mut *socket.chip, operations, distortion).map_err(|Nak| refused)
    }
}

fn exchange(
    chip: &mut dyn I2cChip,
    operations: &mut [Operation<'_>],
    distortion: Distortion,
) -> Result<(), Nak> {
    for operation in operations {
        match operation {
            Operation::Write(bytes) => chip.write(bytes)?,
            Operation::Read(bytes) => {
                chip.read(bytes)?;
                distortion.distort(bytes);
            }
        }
    }
    Ok(())
}

impl ErrorType for I2cBus {
    type Error = BusError;
}

impl I2c for I2cBus {
    fn transaction(
        &mut self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        // Its contract: neighbours of one direction follow each other without a repeated start.
        let mut runs: Vec<_> = operations.chunk_by_mut(is_same_way).map(Run::of).collect();
        let mut segments: Vec<_> = runs.iter_mut().map(Run::segment).collect();
        let outcome = self.transfer(address, &mut segments);
        runs.into_iter().for_each(Run::scatter);
        outcome
    }
}

fn is_same_way(a: &Operation<'_>, b: &Operation<'_>) -> bool {
    matches!(a, Operation::Read(_)) == matches!(b, Operation::Read(_))
}

/// Neighbouring operations of one direction as one segment.
struct Run<'a, 'b> {
    operations: &'a mut [Operation<'b>],
    bytes: Vec<u8>,
}

impl<'a, 'b> Run<'a, 'b> {
    fn of(operations: &'a mut [Operation<'b>]) -> Self {
        let bytes = operations.iter().flat_map(|operation| match operation {
            Operation::Read(bytes) => &**bytes,
            Operation::Write(bytes) => bytes,
        });
        Self { bytes: bytes.copied().collect(), operations }
    }

    fn segment(&mut self) -> Operation<'_> {
        match self.operations.first() {
            Some(Operation::Read(_)) => Operation::Read(&mut self.bytes),
            Some(Operation::Write(_)) | None => Operation::Write(&self.bytes),
        }
    }

    fn scatter(self) {
        let mut rest = self.bytes.as_slice();
        for operation in self.operations {
            if let Operation::Read(bytes) = operation {
                let (mine, others) = rest.split_at(bytes.len());
                bytes.copy_from_slice(mine);
                rest = others;
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        bus.transfer(address, &mut [Operation::Read(&mut byte)]).map(|()| byte[0])
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
}
