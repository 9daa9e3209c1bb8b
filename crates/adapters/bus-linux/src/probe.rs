//! Is somebody at an address? Asked so that no chip is changed by it.
//!
//! # What is put on the wires
//!
//! The address with the read bit, and one byte read: `SMBus` "receive byte". No data is ever written: a
//! byte written to a chip that one does not know may be a command. `i2cdetect` does the same for 0x30 to
//! 0x37 and 0x50 to 0x5F, where EEPROMs are, and for all others a "quick write": an address with the
//! write bit and no data, which some chips take for a command, and which locks up some buses.
//!
//! Reading one byte has its own price, which is smaller: a chip that clears a flag when it is read
//! has cleared it, and one that acknowledges reads only when it has something to say (Sensirion's between
//! two measurements) is not noticed. So an address where nobody answers may still be somebody's.
//!
//! An address that a driver of the kernel has taken is not asked at all.

use std::{io, path::Path};

use linux_embedded_hal::i2cdev::{
    core::{I2CMessage as _, I2CTransfer as _},
    linux::{LinuxI2CDevice, LinuxI2CError, LinuxI2CMessage},
};
use rustix::io::Errno;

use crate::{BusError, i2c::errno_of};

/// Who is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Somebody acknowledged.
    Answers,
    /// Nobody acknowledged.
    Silent,
    /// A driver of the kernel has this address; it was not asked.
    Kernel,
}

/// Asks whether somebody is at `address` of the bus at `path`.
///
/// # Errors
///
/// [`BusError`] if the node cannot be opened, or the bus failed otherwise than by nobody answering.
pub fn presence(path: &Path, address: u8) -> Result<Presence, BusError> {
    let fault = |error: &LinuxI2CError| errno_of(error);
    // The kernel opens the node for this address only if no driver has it.
    let mut device = match LinuxI2CDevice::new(path, u16::from(address)) {
        Ok(device) => device,
        Err(error) => return refused(path, fault(&error)),
    };
    let mut byte = [0];
    match device.transfer(&mut [LinuxI2CMessage::read(&mut byte)]) {
        Ok(_) => Ok(Presence::Answers),
        Err(error) => silent(path, fault(&error)),
    }
}

fn refused(path: &Path, source: io::Error) -> Result<Presence, BusError> {
    match Errno::from_io_error(&source) {
        Some(Errno::BUSY) => Ok(Presence::Kernel),
        _ => Err(BusError::Open { path: path.to_owned(), source }),
    }
}

fn silent(path: &Path, source: io::Error) -> Result<Presence, BusError> {
    match Errno::from_io_error(&source) {
        // As adapters say that an address is not acknowledged: `errno.rs`.
        Some(Errno::NXIO | Errno::REMOTEIO | Errno::NODEV) => Ok(Presence::Silent),
        _ => Err(BusError::Transaction { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_and_a_driver_of_the_kernel_are_answers_and_anything_else_is_a_fault() {
        let path = Path::new("/dev/i2c-1");
        for errno in [Errno::NXIO, Errno::REMOTEIO] {
            assert_eq!(silent(path, errno.into()).unwrap(), Presence::Silent);
        }
        assert_eq!(refused(path, Errno::BUSY.into()).unwrap(), Presence::Kernel);
        assert!(matches!(silent(path, Errno::TIMEDOUT.into()), Err(BusError::Transaction { .. })));
        assert!(matches!(refused(path, Errno::NOENT.into()), Err(BusError::Open { .. })));
    }
}
