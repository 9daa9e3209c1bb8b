//! Where errno becomes a reason: the one table.
//!
//! The kernel says what each errno of an I2C transaction means in
//! [Documentation/i2c/fault-codes.rst](https://docs.kernel.org/i2c/fault-codes.html). Two drivers need
//! more than that: bcm2835 (Raspberry Pi) and some others answer `EREMOTEIO`, which the document does
//! not list, where an address is not acknowledged. That is why `linux-embedded-hal`'s `ErrorKind`
//! cannot be used to tell an absent device from a broken bus.

use std::{io, path::PathBuf};

use domain::NoData;
use embedded_hal::{
    i2c::{self, NoAcknowledgeSource},
    spi,
};
use rustix::io::Errno;

/// A bus did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The device node cannot be opened or set up.
    #[error("cannot open {}", path.display())]
    Open {
        /// The device node.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The device node is open, and a transaction on it failed.
    #[error("transaction on {} failed", path.display())]
    Transaction {
        /// The device node.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl BusError {
    fn source_errno(&self) -> Option<Errno> {
        let (Self::Open { source, .. } | Self::Transaction { source, .. }) = self;
        Errno::from_io_error(source)
    }
}

/// Why there is no data when the kernel answers `errno`.
pub const fn reason(errno: Errno) -> NoData {
    match errno {
        // No such node, no such device behind it, or nobody acknowledges the address.
        Errno::NOENT | Errno::NODEV | Errno::NXIO | Errno::REMOTEIO | Errno::NOTDIR => {
            NoData::Absent
        }
        Errno::TIMEDOUT | Errno::TIME => NoData::Timeout,
        // How hwmon and IIO say that the chip has no value now.
        Errno::NODATA => NoData::NotReady,
        // The packet error code does not match.
        Errno::BADMSG => NoData::Corrupt,
        // This machine's shortage, not the bus's.
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => NoData::Internal,
        // Lost arbitration (AGAIN), held by another driver or stuck (BUSY), line fault (IO), refused
        // by the adapter (INVAL, OPNOTSUPP, PROTO, SHUTDOWN), not ours to use (ACCESS, PERM), …
        _ => NoData::BusFault,
    }
}

impl From<BusError> for NoData {
    fn from(fault: BusError) -> Self {
        fault.source_errno().map_or(Self::BusFault, reason)
    }
}

impl i2c::Error for BusError {
    /// For drivers that look at it. `EREMOTEIO` does not say whether address or data was refused, and
    /// a timeout has no kind: [`NoData::from`] tells more.
    fn kind(&self) -> i2c::ErrorKind {
        match self.source_errno() {
            Some(Errno::NXIO) => i2c::ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            Some(Errno::REMOTEIO) => i2c::ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown),
            Some(Errno::AGAIN) => i2c::ErrorKind::ArbitrationLoss,
            Some(Errno::BUSY | Errno::IO) => i2c::ErrorKind::Bus,
            Some(_) | None => i2c::ErrorKind::Other,
        }
    }
}

impl spi::Error for BusError {
    fn kind(&self) -> spi::ErrorKind {
        spi::ErrorKind::Other
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::Error as _;

    use super::*;

    fn transaction(errno: Errno) -> BusError {
        BusError::Transaction { path: "/dev/i2c-1".into(), source: errno.into() }
    }

    #[test]
    fn every_errno_of_the_kernels_document_has_its_reason() {
        for (errno, expected) in [
            (Errno::AGAIN, NoData::BusFault),
            (Errno::BADMSG, NoData::Corrupt),
            (Errno::BUSY, NoData::BusFault),
            (Errno::INVAL, NoData::BusFault),
            (Errno::IO, NoData::BusFault),
            (Errno::NODATA, NoData::NotReady),
            (Errno::NODEV, NoData::Absent),
            (Errno::NOMEM, NoData::Internal),
            (Errno::NXIO, NoData::Absent),
            (Errno::OPNOTSUPP, NoData::BusFault),
            (Errno::PROTO, NoData::BusFault),
            (Errno::SHUTDOWN, NoData::BusFault),
            (Errno::TIMEDOUT, NoData::Timeout),
        ] {
            assert_eq!(NoData::from(transaction(errno)), expected, "{errno}");
        }
    }

    #[test]
    fn a_raspberry_pi_s_missing_device_is_absent_like_anybody_elses() {
        for errno in [Errno::REMOTEIO, Errno::NXIO] {
            assert!(matches!(transaction(errno).kind(), i2c::ErrorKind::NoAcknowledge(_)));
            assert_eq!(NoData::from(transaction(errno)), NoData::Absent);
        }
    }

    #[test]
    fn a_fault_without_errno_is_a_fault_of_the_bus() {
        let source = io::Error::from(io::ErrorKind::UnexpectedEof);
        let fault = BusError::Open { path: "/dev/spidev0.0".into(), source };
        assert_eq!(NoData::from(fault), NoData::BusFault);
    }
}
