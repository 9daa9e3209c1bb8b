//! The registers of a BME280 behind a chip select, as the driver wants them: as if on I2C.
//!
//! Section 6.3 of the datasheet: the highest bit of the register's address is 1 to read and 0 to
//! write. Every register has it set on I2C, where there is room for both. The registers then count
//! up.
//!
//! The published `bme280::spi` (0.5.1) clocks address and answer in the same byte, which
//! embedded-hal 1.0 means by `transfer`: whatever it reads is shifted by a byte.

use domain::NoData;
use embedded_hal::{
    i2c::{self, I2c, Operation},
    spi::{self, SpiDevice},
};

const READ: u8 = 0x80;

/// A BME280 behind a chip select of its own.
#[derive(Debug)]
pub struct Bme280OnSpi<SPI> {
    chip: SPI,
}

impl<SPI> Bme280OnSpi<SPI> {
    pub(super) const fn new(chip: SPI) -> Self {
        Self { chip }
    }
}

/// Why a transaction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(NoData);

impl i2c::Error for Fault {
    fn kind(&self) -> i2c::ErrorKind {
        i2c::ErrorKind::Other
    }
}

impl From<Fault> for NoData {
    fn from(fault: Fault) -> Self {
        fault.0
    }
}

impl<SPI> i2c::ErrorType for Bme280OnSpi<SPI> {
    type Error = Fault;
}

impl<SPI: SpiDevice<Error: Into<NoData>>> I2c for Bme280OnSpi<SPI> {
    fn transaction(&mut self, _: u8, operations: &mut [Operation<'_>]) -> Result<(), Fault> {
        let is_read = operations.iter().any(|operation| matches!(operation, Operation::Read(_)));
        let out: Vec<u8> = operations.iter().flat_map(written).copied().collect();
        let command = commands(&out, is_read);
        let mut frame = vec![spi::Operation::Write(&command)];
        frame.extend(operations.iter_mut().filter_map(|operation| match operation {
            Operation::Read(bytes) => Some(spi::Operation::Read(bytes)),
            Operation::Write(_) => None,
        }));
        self.chip.transaction(&mut frame).map_err(|fault| Fault(fault.into()))
    }
}

fn written<'a>(operation: &'a Operation<'_>) -> &'a [u8] {
    match operation {
        Operation::Write(bytes) => bytes,
        Operation::Read(_) => &[],
    }
}

/// The bytes as on I2C, a register or pairs of register and value, with the direction told.
fn commands(out: &[u8], is_read: bool) -> Vec<u8> {
    let told = |(at, &byte): (usize, &u8)| match (at % 2, is_read) {
        (0, true) => byte | READ,
        (0, false) => byte & !READ,
        _ => byte,
    };
    out.iter().enumerate().map(told).collect()
}
