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
//! has the tty open.

use core::time::Duration;
use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use domain::NoData;
use ports::{ByteSource, Received};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FlockOperation, Mode, OFlags, flock},
    io::Errno,
    termios::{
        ControlModes, InputModes, OptionalActions, QueueSelector, SpecialCodeIndex, tcflush,
        tcgetattr, tcsetattr,
    },
    time::{ClockId, clock_gettime},
};

use crate::node::Node;

/// The parity bit of each byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parity {
    /// There is none.
    #[default]
    None,
    /// An even number of ones. A byte that has an odd number is read as 0.
    Even,
    /// An odd number of ones. A byte that has an even number is read as 0.
    Odd,
}

/// How the device speaks; always 8 data bits, 1 stop bit and no flow control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtySettings {
    /// Bits per second. Any number that the UART can divide down to, not only the customary ones.
    pub baud: u32,
    /// The parity bit.
    pub parity: Parity,
}

impl Default for TtySettings {
    /// 9600 baud, no parity.
    fn default() -> Self {
        Self { baud: 9600, parity: Parity::None }
    }
}

/// One tty, read only.
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
}

impl ByteSource for Tty {
    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<Received, NoData> {
        let began = monotonic();
        let settings = self.settings;
        let len = self
            .node
            .with(|path| open(path, settings), |tty| receive(tty, buffer, began + patience))?
            .ok_or(NoData::Silent)?;
        Ok(Received { len, waited: monotonic().saturating_sub(began) })
    }
}

/// Opens the tty and drops what had been waiting there: nobody knows how old it is.
fn open(path: &Path, settings: TtySettings) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let tty = rustix::fs::open(path, flags, Mode::empty())?;
    flock(&tty, FlockOperation::NonBlockingLockExclusive)?;
    let mut attributes = tcgetattr(&tty)?;
    attributes.make_raw();
    attributes.control_modes.remove(
        ControlModes::CSTOPB | ControlModes::CRTSCTS | ControlModes::PARENB | ControlModes::PARODD,
    );
    attributes.control_modes.insert(ControlModes::CLOCAL | ControlModes::CREAD);
    match settings.parity {
        Parity::None => {}
        Parity::Even => attributes.control_modes.insert(ControlModes::PARENB),
        Parity::Odd => {
            attributes.control_modes.insert(ControlModes::PARENB | ControlModes::PARODD);
        }
    }
    attributes.input_modes.set(InputModes::INPCK, settings.parity != Parity::None);
    attributes.special_codes[SpecialCodeIndex::VMIN] = 1;
    attributes.special_codes[SpecialCodeIndex::VTIME] = 0;
    attributes.set_speed(settings.baud)?;
    tcsetattr(&tty, OptionalActions::Now, &attributes)?;
    tcflush(&tty, QueueSelector::IFlush)?;
    Ok(tty)
}

/// Reads what is there or comes until `deadline`; `None` if nothing does.
fn receive(tty: &OwnedFd, buffer: &mut [u8], deadline: Duration) -> io::Result<Option<usize>> {
    loop {
        let wait = deadline.saturating_sub(monotonic());
        let mut polled = [PollFd::new(tty, PollFlags::IN)];
        // A wait too long for the kernel is as good as one without end.
        let is_ready = match poll(&mut polled, Timespec::try_from(wait).ok().as_ref()) {
            Ok(count) => count > 0,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        if !is_ready {
            return Ok(None);
        }
        match rustix::io::read(tty, &mut *buffer) {
            Ok(0) | Err(Errno::IO) => return Err(Errno::NODEV.into()),
            Ok(len) => return Ok(Some(len)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Time since boot. Only differences are used, and only in here: a deadline across several waits.
fn monotonic() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
