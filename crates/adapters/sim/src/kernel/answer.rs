//! What a suspended call is told.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use rustix::io::Errno;

use crate::bus::{BusError, BusFault};

/// The outcome of one call.
pub(super) enum Answer {
    /// The kernel does it, as if nobody had looked.
    Continue,
    /// It returns `value`, after `writes` have been made to the child's memory.
    Done { value: i64, writes: Vec<Write> },
    /// It returns a new descriptor of `file` in the child.
    Opened { file: Arc<OwnedFd>, closes_on_exec: bool },
    /// It returns 0, after a new descriptor of `file` in the child has been written to `at` in its memory.
    Granted { file: Arc<OwnedFd>, at: u64 },
    /// It fails.
    Refused(Refusal),
    /// It ends in this way, but not before the bus has been held so long.
    Later { held: Duration, answer: Box<Answer> },
}

impl Answer {
    /// Success without anything to tell.
    pub(super) const fn done(value: i64) -> Self {
        Self::Done { value, writes: Vec::new() }
    }

    /// The same after the bus was held.
    pub(super) fn after(self, held: Duration) -> Self {
        if held.is_zero() { self } else { Self::Later { held, answer: Box::new(self) } }
    }
}

/// Bytes for the child's memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) address: u64,
    pub(super) bytes: Vec<u8>,
}

/// A failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) errno: Errno,
    /// How long the bus is held before the child learns it.
    pub(super) held: Duration,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self { errno, held: Duration::ZERO }
    }
}

/// As the kernel's `Documentation/i2c/fault-codes.rst` has it.
impl From<BusError> for Refusal {
    fn from(BusError { fault, held }: BusError) -> Self {
        let errno = match fault {
            BusFault::RemoteIo => Errno::REMOTEIO,
            BusFault::NoAcknowledge => Errno::NXIO,
            BusFault::ArbitrationLost => Errno::AGAIN,
            BusFault::TimedOut => Errno::TIMEDOUT,
            BusFault::Io => Errno::IO,
        };
        Self { errno, held }
    }
}
