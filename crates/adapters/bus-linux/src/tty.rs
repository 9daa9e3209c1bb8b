//! A UART through its tty: `/dev/ttyAMA0`, `/dev/serial/by-id/…`, a pseudo-terminal.
//!
//! # Silence, unplugging and data told apart
//!
//! The tty is raw and non-blocking with VMIN 1: a read that finds nothing fails with `EAGAIN`, so that
//! 0 bytes can only mean the end, which is what a pulled USB plug looks like (`EIO` is another face of
//! it). Either closes the tty, and the next read opens it again.
//!
//! # Exclusive use
//!
//! By `flock`, as other serial programs do: two readers would each get half of the bytes. The kernel
//! drops the lock with the process, however that ends; `TIOCEXCL` would stay for as long as anybody
//! has the tty open. Devices of this process that hang on one line take clones of a [`SharedTty`].
//!
//! # Speaking
//!
//! A write is over when the last stop bit has left: the kernel's queue is watched against the deadline,
//! and only what is in the UART itself is waited for without one. On RS-485 the driver turns the
//! transceiver around ([`Rs485`]). An adapter that hears itself is told so ([`TtySettings::has_echo`]):
//! then what was sent must come back, byte by byte, and is dropped.

mod control;
mod settings;
mod transfer;

use core::time::Duration;
use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::NoData;
use ports::{ByteSource, Received, SerialLine};
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock},
    io::Errno,
    termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr},
};
pub use settings::{DataBits, Parity, Rs485, StopBits, TtySettings};
use transfer::{drop_echo, is_hung_up, monotonic, receive, send};

use crate::node::Node;

/// One tty, opened when it is first used.
#[derive(Debug)]
pub struct Tty {
    node: Node<OwnedFd>,
    settings: TtySettings,
}

impl Tty {
    /// The tty at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>, settings: TtySettings) -> Self {
        Self { node: Node::new(path.into()), settings }
    }

    /// Does `transact` on the tty, after opening it if it is not open.
    fn with<T>(&mut self, transact: impl FnOnce(&OwnedFd) -> io::Result<T>) -> Result<T, NoData> {
        let settings = self.settings;
        Ok(self.node.with(|path| open(path, settings), |tty| transact(tty))?)
    }
}

impl ByteSource for Tty {
    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<Received, NoData> {
        let began = monotonic();
        let deadline = began.saturating_add(patience);
        let len = self.with(|tty| receive(tty, buffer, deadline))?.ok_or(NoData::Silent)?;
        Ok(Received { len, waited: monotonic().saturating_sub(began) })
    }
}

impl SerialLine for Tty {
    fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), NoData> {
        let deadline = monotonic().saturating_add(patience);
        let TtySettings { baud, has_echo, .. } = self.settings;
        self.with(|tty| {
            send(tty, bytes, baud, deadline).inspect_err(|_| {
                // Closing would wait for what is left, and it must not be sent later.
                let _nothing_left = tcflush(tty, QueueSelector::OFlush);
            })?;
            if has_echo { drop_echo(tty, bytes, deadline) } else { Ok(()) }
        })
    }

    fn discard_input(&mut self) -> Result<(), NoData> {
        self.with(|tty| {
            if is_hung_up(tty)? {
                return Err(Errno::NODEV.into());
            }
            Ok(tcflush(tty, QueueSelector::IFlush)?)
        })
    }
}

/// One tty for all devices that hang on its line. Clones are the same tty.
///
/// A lock is held for one read or write, not for a request and its answer: all devices of one line are
/// served by one thread, one after the other.
#[derive(Clone, Debug)]
pub struct SharedTty(Arc<Mutex<Tty>>);

impl SharedTty {
    /// Takes the tty for good.
    pub fn new(tty: Tty) -> Self {
        Self(Arc::new(Mutex::new(tty)))
    }

    fn tty(&self) -> MutexGuard<'_, Tty> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ByteSource for SharedTty {
    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<Received, NoData> {
        self.tty().read(buffer, patience)
    }
}

impl SerialLine for SharedTty {
    fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), NoData> {
        self.tty().write(bytes, patience)
    }

    fn discard_input(&mut self) -> Result<(), NoData> {
        self.tty().discard_input()
    }
}

/// Opens the tty and drops what had been waiting there: nobody knows how old it is.
fn open(path: &Path, settings: TtySettings) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let tty = rustix::fs::open(path, flags, Mode::empty())?;
    flock(&tty, FlockOperation::NonBlockingLockExclusive)?;
    let mut attributes = tcgetattr(&tty)?;
    settings::arrange(&mut attributes, settings)?;
    tcsetattr(&tty, OptionalActions::Now, &attributes)?;
    if let Some(mode) = settings.rs485 {
        control::set_rs485(&tty, mode)?;
    }
    tcflush(&tty, QueueSelector::IFlush)?;
    Ok(tty)
}

#[cfg(test)]
mod tests;
