//! An I2C bus through `/dev/i2c-N`, for one device on it.

use core::time::Duration;
use std::{io, path::PathBuf};

use embedded_hal::i2c::{ErrorType, I2c, Operation, SevenBitAddress};
use linux_embedded_hal::{I2CError, I2cdev, i2cdev::linux::LinuxI2CError};

use crate::{BusError, node::Node};

/// How long the kernel waits for a device that holds the bus, unless its driver says otherwise
/// (`struct i2c_adapter`, `timeout`, set to `HZ` when an adapter registers). The call blocks so long.
pub const I2C_TIMEOUT: Duration = Duration::from_secs(1);

/// The bus behind one `/dev/i2c-N`, as seen by one device.
///
/// Give each device a node of its own: the kernel serialises their transactions, whereas a node that
/// is used for two addresses re-opens the file at each change between them.
#[derive(Debug)]
pub struct I2cNode {
    node: Node<Handle>,
}

struct Handle(I2cdev);

impl I2cNode {
    /// The bus at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { node: Node::new(path.into()) }
    }
}

impl ErrorType for I2cNode {
    type Error = BusError;
}

impl I2c for I2cNode {
    fn transaction(
        &mut self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        self.node.with(
            |path| Ok(Handle(I2cdev::new(path)?)),
            |Handle(bus)| bus.transaction(address, operations).map_err(|fault| cause(&fault)),
        )
    }
}

/// What the kernel said, which the library lends but does not give.
fn cause(fault: &I2CError) -> io::Error {
    errno_of(fault.inner())
}

/// The same error as the standard library has it.
pub(crate) fn errno_of(fault: &LinuxI2CError) -> io::Error {
    match fault {
        LinuxI2CError::Errno(errno) => io::Error::from_raw_os_error(*errno),
        LinuxI2CError::Io(error) => match error.raw_os_error() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::from(error.kind()),
        },
    }
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("I2cdev")
    }
}

#[cfg(test)]
mod tests {
    use domain::NoData;

    use super::*;

    #[test]
    fn a_bus_that_does_not_exist_is_absent_and_a_file_that_is_no_bus_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i2c-1");
        let mut bus = I2cNode::new(&path);
        assert_eq!(bus.write(0x76, &[0xD0]).map_err(NoData::from), Err(NoData::Absent));
        std::fs::write(&path, b"").unwrap();
        assert_eq!(bus.write(0x76, &[0xD0]).map_err(NoData::from), Err(NoData::BusFault));
    }

    #[test]
    fn the_kernels_errno_comes_through_the_library() {
        for fault in
            [LinuxI2CError::Errno(121), LinuxI2CError::Io(io::Error::from_raw_os_error(121))]
        {
            assert_eq!(cause(&I2CError::from(fault)).raw_os_error(), Some(121));
        }
    }
}
