//! An I2C bus with chips on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use embedded_hal::i2c::{ErrorType, I2c, Operation, SevenBitAddress};

use super::{
    BusError, BusFault, Wait, Wiring, held,
    switched::Branch,
    wiring::{Distortion, Passage},
};
use crate::chips::{I2cChip, Nak};

/// How long the kernel waits for a bus that is held.
const PATIENCE: Duration = Duration::from_secs(1);

/// An I2C bus in memory. Clones are the same bus.
#[derive(Clone)]
pub struct I2cBus {
    sockets: Arc<Mutex<BTreeMap<SevenBitAddress, Socket>>>,
    /// The addresses that a driver of the kernel has, whether or not somebody is there.
    claimed: Arc<Mutex<BTreeSet<SevenBitAddress>>>,
    no_acknowledge: BusFault,
    /// None: a driver in this process does not notice that the bus is held.
    wait: Option<Wait>,
    /// What is behind the switches on it.
    branches: Arc<Mutex<Vec<Branch>>>,
    /// How many clocks the chip needs that holds SDA; 0 if nobody does.
    clocks_to_go: Arc<AtomicU32>,
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
            wait: None,
            branches: Arc::default(),
            clocks_to_go: Arc::default(),
        }
    }

    pub(super) fn branch_off(&self, branch: Branch) {
        self.branches.lock().unwrap_or_else(PoisonError::into_inner).push(branch);
    }

    /// A chip was interrupted in the middle of a byte, and holds SDA until SCL has been clocked so often:
    /// every transaction fails as timed out, a second later.
    pub fn wedge(&self, clocks: u32) {
        self.clocks_to_go.store(clocks, SeqCst);
    }

    /// Whether a chip holds SDA.
    pub fn is_wedged(&self) -> bool {
        self.clocks_to_go.load(SeqCst) > 0
    }

    /// Somebody clocks SCL once, other than in a transaction.
    pub fn clock(&self) {
        let less = |clocks: u32| Some(clocks.saturating_sub(1));
        let _before = self.clocks_to_go.fetch_update(SeqCst, SeqCst, less);
    }

    /// Switches the supply of every chip here and behind switches: off, as if all were unplugged, which also
    /// ends a wedge; on, as if all were plugged in.
    pub fn set_supply(&self, is_on: bool) {
        self.clocks_to_go.store(0, SeqCst);
        let switch = if is_on { Wiring::replug } else { Wiring::unplug };
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.values().for_each(|socket| switch(&socket.wiring));
        drop(sockets);
        let behind = self.branches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        behind.iter().flat_map(Branch::channels).for_each(|bus| bus.set_supply(is_on));
    }

    /// The same bus, on which a driver in this process waits by `wait` while a fault holds it.
    #[must_use]
    pub fn waiting_by(mut self, wait: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.wait = Some(Arc::new(wait));
        self
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
    /// direction, other than embedded-hal's transactions have it), a stop. Returns how much longer
    /// than usual it held the bus, which this call does not wait for.
    ///
    /// It reaches the bus itself, then each that a switch connects. Two chips that have one address on two
    /// of them both answer, and the lines are wired-and: that is [`BusFault::Io`].
    ///
    /// # Errors
    ///
    /// [`BusError`] if nobody has `address`, the chip refuses, a fault was injected, or the bus is wedged.
    pub fn transfer(
        &self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<Duration, BusError> {
        if self.is_wedged() {
            return Err(BusError { fault: BusFault::TimedOut, held: PATIENCE });
        }
        let branches = self.branches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // As they were when the transaction began.
        let connected: Vec<_> = branches.iter().flat_map(Branch::connected).collect();
        let mut outcome = self.transfer_here(address, operations);
        let mut answers = u32::from(!is_nobody(&outcome));
        for bus in connected {
            let answer = bus.transfer(address, operations);
            if !is_nobody(&answer) {
                answers += 1;
                outcome = answer;
            }
        }
        if answers > 1 { Err(BusError::at_once(BusFault::Io)) } else { outcome }
    }

    /// The same without what is behind switches.
    fn transfer_here(
        &self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<Duration, BusError> {
        let refused = BusError::at_once(self.no_acknowledge);
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = sockets.get_mut(&address).ok_or(refused)?;
        let reads = operations.iter().any(|operation| matches!(operation, Operation::Read(_)));
        let (plugged_count, distortion) = match socket.wiring.pass(reads) {
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

/// Whether no chip answered.
fn is_nobody(outcome: &Result<Duration, BusError>) -> bool {
    let fault = outcome.as_ref().err().map(|error| error.fault);
    matches!(fault, Some(BusFault::RemoteIo | BusFault::NoAcknowledge))
}

fn exchange(
    chip: &mut dyn I2cChip,
    operations: &mut [Operation<'_>],
    mut distortion: Distortion,
) -> Result<Duration, Nak> {
    let mut bytes_moved = 0;
    for operation in operations {
        match operation {
            Operation::Write(bytes) => {
                chip.write(bytes)?;
                bytes_moved += bytes.len();
            }
            Operation::Read(bytes) => {
                chip.read(bytes)?;
                distortion.distort(bytes);
                bytes_moved += bytes.len();
            }
        }
    }
    Ok(distortion.held(bytes_moved))
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
        if let Some(wait) = &self.wait {
            wait(held(&outcome));
        }
        outcome.map(|_held| ())
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
mod tests;
