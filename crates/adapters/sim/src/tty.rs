//! A serial line in a pseudo-terminal: to a program, a tty like that of a UART.
//!
//! # Terms
//!
//! * **Terminal** — the end that the program under test opens; a path under `/dev/pts`.
//! * **Listener** — whoever has the terminal open.
//! * **Frame** — bytes that a device sends in one go, such as the sentences of one fix.
//!
//! # Invariants
//!
//! 1. As with a UART, what is sent while nobody listens is lost. What a listener has left unread is
//!    thrown away as soon as we look and find it gone; a [`Player`] looks before each frame.
//! 2. A program may close and open the terminal as often as it likes; unplugging ends it as a hang-up.
//! 3. A [`Player`] never blocks for good: it stops within a few milliseconds when told.
//!
//! # Deliberately absent
//!
//! Baud rates, parity and noise on the wire: corrupt the frames instead. A listener that sets
//! `TIOCEXCL` keeps later ones out even after it has gone (unless they are privileged), because a
//! pseudo-terminal, other than a UART, lives on.

mod attendant;
mod nmea;
mod player;

use std::{
    ffi::OsString,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use attendant::Attendant;
pub use player::{Played, PlayedCount, Player};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    io::Errno,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr},
};

/// A serial line; we are the device at its far end. Clones are the same line.
#[derive(Clone, Debug)]
pub struct Pty(Arc<Mutex<Socket>>);

#[derive(Debug)]
struct Socket {
    line: Option<Line>,
    /// How often the device was plugged in: tells one line from the next.
    plugged_count: u64,
}

#[derive(Debug)]
struct Line {
    master: OwnedFd,
    terminal: PathBuf,
    /// Since the last flush somebody has listened, and may have left bytes behind.
    is_used: bool,
}

impl Pty {
    /// A new line, in raw mode.
    ///
    /// # Errors
    ///
    /// What the kernel says if it has no more pseudo-terminals.
    pub fn open() -> io::Result<Self> {
        let socket = Socket { line: Some(Line::open()?), plugged_count: 1 };
        Ok(Self(Arc::new(Mutex::new(socket))))
    }

    /// What a program opens to listen, or `None` while unplugged.
    pub fn terminal(&self) -> Option<PathBuf> {
        self.socket().line.as_ref().map(|line| line.terminal.clone())
    }

    /// Pulls the plug: whoever listens sees the end of the file.
    pub fn unplug(&self) {
        self.socket().line = None;
    }

    /// Plugs the device in again, under a new path as USB does. Does nothing if it is in.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn replug(&self) -> io::Result<()> {
        let mut socket = self.socket();
        if socket.line.is_none() {
            socket.line = Some(Line::open()?);
            socket.plugged_count += 1;
        }
        Ok(())
    }

    /// Whether a program has the terminal open.
    pub fn has_listener(&self) -> bool {
        self.listened().is_some()
    }

    /// Sends as many of `bytes` as the listener's buffer takes, and says how many: 0 if it is full.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] if nobody listens or the device is unplugged.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket().send(bytes)
    }

    /// Takes what a program has written to the terminal, as much as fits and 0 if there is nothing.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] if the device is unplugged or nobody has the terminal open.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket().receive(buffer)
    }

    /// As [`send`](Self::send), but only to the line of that `plugged_count`.
    fn send_on(&self, plugged_count: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut socket = self.socket();
        if socket.plugged_count != plugged_count {
            return Err(io::ErrorKind::NotConnected.into());
        }
        socket.send(bytes)
    }

    /// The `plugged_count` of the line if somebody listens to it.
    fn listened(&self) -> Option<u64> {
        let mut socket = self.socket();
        let has_listener = socket.line.as_mut().is_some_and(Line::has_listener);
        has_listener.then_some(socket.plugged_count)
    }

    fn socket(&self) -> MutexGuard<'_, Socket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        match rustix::io::read(&line.master, buffer) {
            Ok(len) => Ok(len),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(Errno::IO) => Err(io::ErrorKind::NotConnected.into()),
            Err(errno) => Err(errno.into()),
        }
    }
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        if !line.has_listener() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        match rustix::io::write(&line.master, bytes) {
            Ok(sent) => Ok(sent),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Line {
    fn open() -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let terminal = ptsname(&master, Vec::new())?.into_bytes();
        let terminal = PathBuf::from(OsString::from_vec(terminal));
        let mut settings = tcgetattr(&master)?;
        settings.make_raw();
        tcsetattr(&master, OptionalActions::Now, &settings)?;
        // Only a terminal that was open once reports that nobody has it open.
        drop(open_terminal(&terminal)?);
        Ok(Self { master, terminal, is_used: false })
    }

    /// Also throws away what the last listener has not read.
    fn has_listener(&mut self) -> bool {
        let mut watched = [PollFd::from_borrowed_fd(self.master.as_fd(), PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let polled = poll(&mut watched, Some(&at_once));
        let is_open = polled.is_ok() && !watched[0].revents().contains(PollFlags::HUP);
        if self.is_used && !is_open {
            self.forget();
        }
        self.is_used = is_open;
        is_open
    }
    /// Throws away what is under way. It lies in two places: the master's flush reaches the bytes that
    /// the kernel has not yet handed to the terminal, the terminal's own flush those that it has.
    ///
    /// Failing leaves them for the next listener, who must stand a torn sentence anyway.
    fn forget(&self) {
        let _under_way = tcflush(&self.master, QueueSelector::IOFlush);
        let _waiting = open_terminal(&self.terminal)
            .and_then(|terminal| tcflush(terminal, QueueSelector::IOFlush));
    }
}

fn open_terminal(terminal: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(terminal, flags, Mode::empty())
}

#[cfg(test)]
mod tests;
