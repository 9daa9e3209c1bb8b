//! The two requests to a serial driver that no safe wrapper has.
//!
//! Numbers and layout are those of `asm-generic/ioctls.h` and `linux/serial.h`, which x86, Arm and
//! RISC-V share.

#![expect(unsafe_code, reason = "no safe wrapper has TIOCSRS485 and TIOCOUTQ")]

use core::{ffi::c_int, time::Duration};
use std::{io, os::fd::OwnedFd};

use rustix::ioctl::{Getter, Opcode, Updater, ioctl};

use super::Rs485;

/// `TIOCOUTQ`: how many bytes wait to be sent.
const OUTPUT_QUEUE: Opcode = 0x5411;
/// `TIOCSRS485`: sets the driver's RS-485 mode, and gives back what it made of it.
const SET_RS485: Opcode = 0x542F;

const ENABLED: u32 = 1 << 0;
const RTS_ON_SEND: u32 = 1 << 1;
const RTS_AFTER_SEND: u32 = 1 << 2;

/// `struct serial_rs485`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SerialRs485 {
    flags: u32,
    delay_before_send_ms: u32,
    delay_after_send_ms: u32,
    padding: [u32; 5],
}

impl From<Rs485> for SerialRs485 {
    fn from(mode: Rs485) -> Self {
        let driving = if mode.is_inverted { RTS_AFTER_SEND } else { RTS_ON_SEND };
        Self {
            flags: ENABLED | driving,
            delay_before_send_ms: milliseconds(mode.delay_before_send),
            delay_after_send_ms: milliseconds(mode.delay_after_send),
            padding: [0; 5],
        }
    }
}

/// Rounded up: a delay is a minimum.
fn milliseconds(delay: Duration) -> u32 {
    u32::try_from(delay.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX)
}

/// Lets the driver switch the transceiver to send and back.
///
/// # Errors
///
/// `ENOTTY` if the driver cannot; `EINVAL` if it would not do as it was told.
pub(super) fn set_rs485(tty: &OwnedFd, mode: Rs485) -> io::Result<()> {
    let mut asked = SerialRs485::from(mode);
    // SAFETY: the request reads and writes one `struct serial_rs485`, which `SerialRs485` is (32
    // bytes without holes), and keeps no pointer to it.
    unsafe { ioctl(tty, Updater::<SET_RS485, _>::new(&mut asked)) }?;
    let is_granted = asked.flags & ENABLED != 0;
    is_granted.then_some(()).ok_or_else(|| rustix::io::Errno::INVAL.into())
}

/// How many bytes the kernel has still to hand to the UART.
pub(super) fn unsent(tty: &OwnedFd) -> io::Result<usize> {
    // SAFETY: the request writes one C `int`, and keeps no pointer to it.
    let count: c_int = unsafe { ioctl(tty, Getter::<OUTPUT_QUEUE, c_int>::new()) }?;
    Ok(usize::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_becomes_the_kernels_structure() {
        assert_eq!(size_of::<SerialRs485>(), 32);
        let mode = Rs485 {
            delay_before_send: Duration::from_micros(1_200),
            delay_after_send: Duration::ZERO,
            is_inverted: false,
        };
        let expected =
            SerialRs485 { flags: 0b011, delay_before_send_ms: 2, ..SerialRs485::default() };
        assert_eq!(SerialRs485::from(mode), expected);
        let inverted = SerialRs485::from(Rs485 { is_inverted: true, ..mode });
        assert_eq!(inverted.flags, 0b101);
    }
}
