//! Bytes in and out of an open tty, each against a deadline.

use core::time::Duration;
use std::{io, os::fd::OwnedFd};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    termios::tcdrain,
    time::{ClockId, clock_gettime},
};

use super::control;

/// Start, eight data bits and stop: what a byte takes at least.
const BITS_PER_BYTE: u32 = 10;

/// Reads what is there or comes until `deadline`; `None` if nothing does.
pub(super) fn receive(
    tty: &OwnedFd,
    buffer: &mut [u8],
    deadline: Duration,
) -> io::Result<Option<usize>> {
    loop {
        if !is_ready(tty, PollFlags::IN, deadline)? {
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

/// Writes all of `bytes` and waits until they have left, or fails with `ETIMEDOUT` at `deadline`.
pub(super) fn send(tty: &OwnedFd, bytes: &[u8], baud: u32, deadline: Duration) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        // A full queue and a pulled plug look alike to `write` until the latter has been asked for.
        if !is_ready(tty, PollFlags::OUT, deadline)? {
            return Err(Errno::TIMEDOUT.into());
        }
        match rustix::io::write(tty, rest) {
            Ok(0) | Err(Errno::IO) => return Err(Errno::NODEV.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    loop {
        let unsent = u32::try_from(control::unsent(tty)?).unwrap_or(u32::MAX);
        if unsent == 0 {
            // What is left is in the UART's own memory, a few milliseconds' worth.
            return Ok(tcdrain(tty)?);
        }
        if monotonic() >= deadline {
            return Err(Errno::TIMEDOUT.into());
        }
        let on_wire = Duration::from_secs(1) * BITS_PER_BYTE / baud.max(1) * unsent.min(256);
        pause(on_wire.min(deadline.saturating_sub(monotonic())));
    }
}

/// Reads back what the adapter has heard of us.
///
/// Something else means that another one spoke at the same time (`EPROTO`); nothing, that there is no
/// echo or no line (`ETIMEDOUT`).
pub(super) fn drop_echo(tty: &OwnedFd, sent: &[u8], deadline: Duration) -> io::Result<()> {
    let mut rest = sent;
    while !rest.is_empty() {
        let mut echo = vec![0; rest.len()];
        let len = receive(tty, &mut echo, deadline)?.ok_or(Errno::TIMEDOUT)?;
        let (expected, later) = rest.split_at_checked(len).ok_or(Errno::PROTO)?;
        if echo.get(..len) != Some(expected) {
            return Err(Errno::PROTO.into());
        }
        rest = later;
    }
    Ok(())
}

/// Waits until the tty is `wanted`, has failed or was hung up, at most until `deadline`.
fn is_ready(tty: &OwnedFd, wanted: PollFlags, deadline: Duration) -> io::Result<bool> {
    loop {
        let wait = deadline.saturating_sub(monotonic());
        let mut polled = [PollFd::new(tty, wanted)];
        // A wait too long for the kernel is as good as one without end.
        match poll(&mut polled, Timespec::try_from(wait).ok().as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

pub(super) fn is_hung_up(tty: &OwnedFd) -> io::Result<bool> {
    let mut polled = [PollFd::new(tty, PollFlags::empty())];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(polled[0].revents().contains(PollFlags::HUP))
}

/// Lets `span` pass, or less if a signal comes.
fn pause(span: Duration) {
    let _interrupted = poll(&mut [], Timespec::try_from(span).ok().as_ref());
}

/// Time since boot. Only differences are used, and only in here: a deadline across several waits.
pub(super) fn monotonic() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}
