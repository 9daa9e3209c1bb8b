//! One chip behind an SPI chip select.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use embedded_hal::spi::{ErrorType, Operation, SpiDevice};

use super::{BusError, Wait, Wiring, held, wiring::Passage};
use crate::chips::SpiChip;

/// One chip select line and the chip on it. Clones are the same line.
///
/// SPI has no acknowledge: where no chip is, the data line floats high and reads as ones.
#[derive(Clone)]
pub struct SpiLine {
    socket: Arc<Mutex<Socket>>,
    wiring: Wiring,
    /// None: a driver in this process does not notice that the bus is held.
    wait: Option<Wait>,
}

struct Socket {
    chip: Box<dyn SpiChip>,
    plugged_count: u64,
}

impl SpiLine {
    /// A line with `chip` on it.
    pub fn new(chip: impl SpiChip + 'static) -> Self {
        let socket = Socket { chip: Box::new(chip), plugged_count: 1 };
        Self { socket: Arc::new(Mutex::new(socket)), wiring: Wiring::plugged(), wait: None }
    }

    /// The same line, on which a driver in this process waits by `wait` while a fault holds it.
    #[must_use]
    pub fn waiting_by(mut self, wait: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.wait = Some(Arc::new(wait));
        self
    }

    /// The handle to the chip's connection.
    pub fn wiring(&self) -> Wiring {
        self.wiring.clone()
    }

    /// One activation of the chip select: on entry what is sent, on return what is received. Returns
    /// how much longer than usual it took, which this call does not wait for.
    ///
    /// # Errors
    ///
    /// [`BusError`] if a fault was injected.
    pub fn exchange(&self, frame: &mut [u8]) -> Result<Duration, BusError> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let (plugged_count, mut distortion) = match self.wiring.pass(true) {
            Passage::Absent => {
                frame.fill(0xFF);
                return Ok(Duration::ZERO);
            }
            Passage::Fails(error) => return Err(error),
            Passage::Reaches { plugged_count, distortion } => (plugged_count, distortion),
        };
        if plugged_count != socket.plugged_count {
            socket.plugged_count = plugged_count;
            socket.chip.power_on();
        }
        socket.chip.transfer(frame);
        distortion.distort(frame);
        Ok(distortion.held(frame.len()))
    }
}

impl ErrorType for SpiLine {
    type Error = BusError;
}

impl SpiDevice for SpiLine {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), BusError> {
        let mut frame: Vec<u8> = operations.iter().flat_map(sent).collect();
        let outcome = self.exchange(&mut frame);
        if let Some(wait) = &self.wait {
            wait(held(&outcome));
        }
        outcome?;
        let mut clocked = 0;
        for operation in operations {
            let length = sent(operation).len();
            receive(operation, &frame[clocked..clocked + length]);
            clocked += length;
        }
        Ok(())
    }
}

/// What an operation clocks out: zeros where it only receives.
fn sent(operation: &Operation<'_, u8>) -> Vec<u8> {
    match operation {
        Operation::Read(words) => vec![0; words.len()],
        Operation::Write(words) => words.to_vec(),
        Operation::TransferInPlace(words) => words.to_vec(),
        Operation::Transfer(read, write) => {
            let mut words = write.to_vec();
            words.resize(read.len().max(write.len()), 0);
            words
        }
        Operation::DelayNs(_) => Vec::new(),
    }
}

fn receive(operation: &mut Operation<'_, u8>, received: &[u8]) {
    match operation {
        Operation::Read(words) | Operation::Transfer(words, _) => {
            words.copy_from_slice(&received[..words.len()]);
        }
        Operation::TransferInPlace(words) => words.copy_from_slice(received),
        Operation::Write(_) | Operation::DelayNs(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{BusFault, Effect, FaultPlan, When};

    /// Sends back the inverse of what it hears.
    struct Inverter;

    impl SpiChip for Inverter {
        fn power_on(&mut self) {}

        fn transfer(&mut self, frame: &mut [u8]) {
            for byte in frame {
                *byte = !*byte;
            }
        }
    }

    #[test]
    fn the_operations_of_one_transaction_are_one_frame() {
        let (mut read, mut long, mut in_place) = ([0; 2], [0; 3], [0x0F]);
        let mut operations = [
            Operation::Write(&[1, 2]),
            Operation::Read(&mut read),
            Operation::DelayNs(5),
            Operation::Transfer(&mut long, &[0xF0]),
            Operation::TransferInPlace(&mut in_place),
        ];
        SpiLine::new(Inverter).transaction(&mut operations).unwrap();
        assert_eq!((read, long, in_place), ([0xFF; 2], [0x0F, 0xFF, 0xFF], [0xF0]));
    }

    #[test]
    fn an_unplugged_chip_reads_as_ones_and_a_failing_controller_says_so() {
        let line = SpiLine::new(Inverter);
        line.wiring().unplug();
        let mut frame = [0x55];
        line.exchange(&mut frame).unwrap();
        assert_eq!(frame, [0xFF]);
        line.wiring().replug();
        line.wiring().inject(FaultPlan { when: When::Always, effect: Effect::Fail(BusFault::Io) });
        assert_eq!(line.exchange(&mut frame), Err(BusError::at_once(BusFault::Io)));
    }
}
