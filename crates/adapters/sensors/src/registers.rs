//! Registers of a chip: words on I2C, and bytes over I2C or SPI.
//!
//! # Terms
//!
//! * **[`Words`]** — 16-bit registers, high byte first, behind a pointer (INA219, INA226, ADS1115).
//! * **[`Registers`]** — 8-bit registers of a chip that has both interfaces; [`OverI2c`] and
//!   [`OverSpi`] are the two. One access is one transaction.
//! * **[`Burst`]** — how a chip is told that more than one register will be read.
//!
//! # A chip that is not there
//!
//! I2C has an acknowledge. SPI has none: a line that nobody drives reads as ones, so an identity of
//! 0xFF there is [`NoData::Absent`]. Every other wrong identity is [`NoData::Corrupt`].

use core::time::Duration;

use domain::NoData;
use embedded_hal::{
    i2c::{I2c, SevenBitAddress},
    spi::{Operation, SpiDevice},
};

/// The 16-bit registers of one chip, for the length of one measurement.
pub(crate) struct Words<'a, I2C> {
    bus: &'a mut I2C,
    address: SevenBitAddress,
}

impl<'a, I2C: I2c<Error: Into<NoData>>> Words<'a, I2C> {
    pub(crate) const fn at(bus: &'a mut I2C, address: SevenBitAddress) -> Self {
        Self { bus, address }
    }

    pub(crate) fn read(&mut self, register: u8) -> Result<u16, NoData> {
        let mut word = [0; 2];
        self.bus.write_read(self.address, &[register], &mut word).map_err(Into::into)?;
        Ok(u16::from_be_bytes(word))
    }

    pub(crate) fn write(&mut self, register: u8, word: u16) -> Result<(), NoData> {
        let [high, low] = word.to_be_bytes();
        self.bus.write(self.address, &[register, high, low]).map_err(Into::into)
    }
}

/// Bits set in the address of the first register of several, where the chip wants that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    pub(crate) on_i2c: u8,
    pub(crate) on_spi: u8,
}

/// The 8-bit registers of one chip, whatever it hangs on.
///
/// Implemented here alone: a chip has these two interfaces.
pub trait Registers: Send {
    /// Reads `into.len()` registers, from `first` on.
    ///
    /// # Errors
    ///
    /// Why the transaction failed.
    fn read(&mut self, first: u8, burst: Burst, into: &mut [u8]) -> Result<(), NoData>;

    /// Writes one register.
    ///
    /// # Errors
    ///
    /// Why the transaction failed.
    fn write(&mut self, register: u8, byte: u8) -> Result<(), NoData>;

    /// Why the register that identifies the chip reads as `identity`, which is not the chip's.
    fn stranger(&self, identity: u8) -> NoData;

    /// How long one transaction may take that never ends.
    fn timeout(&self) -> Duration;

    /// How long so many bytes take on the wires: on I2C at 100 kHz, each with its acknowledgement.
    fn span(&self, bytes: u32) -> Duration;

    /// Reads one register.
    ///
    /// # Errors
    ///
    /// Why the transaction failed.
    fn read_one(&mut self, register: u8) -> Result<u8, NoData> {
        let mut byte = [0];
        self.read(register, Burst { on_i2c: 0, on_spi: 0 }, &mut byte)?;
        Ok(byte[0])
    }

    /// Makes sure that the chip is the one that is expected.
    ///
    /// # Errors
    ///
    /// [`NoData::Absent`] or [`NoData::Corrupt`] if it is not, or why the transaction failed.
    fn identify(&mut self, register: u8, expected: u8) -> Result<(), NoData> {
        let identity = self.read_one(register)?;
        if identity == expected { Ok(()) } else { Err(self.stranger(identity)) }
    }
}

/// A chip on an I2C bus.
#[derive(Debug)]
pub struct OverI2c<I2C> {
    bus: I2C,
    address: SevenBitAddress,
    bus_timeout: Duration,
}

impl<I2C> OverI2c<I2C> {
    /// Takes the bus handle for good. `bus_timeout` is how long the bus waits for a chip that holds
    /// it.
    pub const fn new(bus: I2C, address: SevenBitAddress, bus_timeout: Duration) -> Self {
        Self { bus, address, bus_timeout }
    }
}

impl<I2C: I2c<Error: Into<NoData>> + Send> Registers for OverI2c<I2C> {
    fn read(&mut self, first: u8, burst: Burst, into: &mut [u8]) -> Result<(), NoData> {
        let bits = if into.len() > 1 { burst.on_i2c } else { 0 };
        self.bus.write_read(self.address, &[first | bits], into).map_err(Into::into)
    }

    fn write(&mut self, register: u8, byte: u8) -> Result<(), NoData> {
        self.bus.write(self.address, &[register, byte]).map_err(Into::into)
    }

    fn stranger(&self, _identity: u8) -> NoData {
        NoData::Corrupt
    }

    fn timeout(&self) -> Duration {
        self.bus_timeout
    }

    fn span(&self, bytes: u32) -> Duration {
        Duration::from_micros(90) * bytes
    }
}

/// A chip behind a chip select. The highest bit of the address says that it is read.
#[derive(Debug)]
pub struct OverSpi<SPI> {
    chip: SPI,
    clock_hz: u32,
}

const SPI_READ: u8 = 0x80;

impl<SPI> OverSpi<SPI> {
    /// Takes the chip select for good, and is told the clock rate of its bus, in hertz.
    pub const fn new(chip: SPI, clock_hz: u32) -> Self {
        Self { chip, clock_hz }
    }
}

impl<SPI: SpiDevice<Error: Into<NoData>> + Send> Registers for OverSpi<SPI> {
    fn read(&mut self, first: u8, burst: Burst, into: &mut [u8]) -> Result<(), NoData> {
        let bits = if into.len() > 1 { burst.on_spi } else { 0 };
        let command = [SPI_READ | bits | first];
        let mut operations = [Operation::Write(&command), Operation::Read(into)];
        self.chip.transaction(&mut operations).map_err(Into::into)
    }

    fn write(&mut self, register: u8, byte: u8) -> Result<(), NoData> {
        self.chip.write(&[register & !SPI_READ, byte]).map_err(Into::into)
    }

    fn stranger(&self, identity: u8) -> NoData {
        if identity == u8::MAX { NoData::Absent } else { NoData::Corrupt }
    }

    /// The controller makes the clock: no chip can hold it.
    fn timeout(&self) -> Duration {
        Duration::ZERO
    }

    fn span(&self, bytes: u32) -> Duration {
        Duration::from_secs(8) * bytes / self.clock_hz.max(1)
    }
}
