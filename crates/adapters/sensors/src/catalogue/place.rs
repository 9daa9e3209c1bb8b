//! Where a device is put: the bus, whoever serves it, without its type.
//!
//! An [`Entry`](super::Entry) is data and so cannot be generic. Its `make` gets handles that wrap a bus
//! of any type and implement embedded-hal's traits, so that drivers stay generic over those.

use core::{fmt, time::Duration};

use domain::NoData;
use embedded_hal::{
    delay::DelayNs,
    i2c::{self, I2c, NoAcknowledgeSource, Operation, SevenBitAddress},
    spi::{self, SpiDevice},
};
use ports::{Attributes, ByteSource, Edge, InputLine, Received, SerialLine};

/// A place on an I2C bus.
#[derive(Debug)]
pub struct I2cPlace {
    /// The bus, shared with others.
    pub bus: I2cHandle,
    /// What waits for conversions.
    pub delay: DelayHandle,
    /// The address, one of the attachment's.
    pub address: SevenBitAddress,
    /// How long the bus waits for a chip that holds it. The first wait ends the transaction.
    pub bus_timeout: Duration,
}

/// A place behind a chip select.
#[derive(Debug)]
pub struct SpiPlace {
    /// The chip select, in a mode and at a clock rate that the attachment allows.
    pub chip: SpiHandle,
    /// What waits for conversions.
    pub delay: DelayHandle,
    /// The clock rate, in hertz.
    pub clock_hz: u32,
}

/// A place at a serial line.
pub struct UartPlace {
    /// What comes in and, for devices that are asked, goes out; those share it with others.
    pub line: Box<dyn SerialLine>,
    /// Bits per second, for what bytes and silence take.
    pub baud: u32,
}

/// What a bus of any type did not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusFault {
    /// On I2C.
    I2c {
        /// Why there is no data.
        reason: NoData,
        /// The same in embedded-hal's words, for drivers that look at it.
        kind: i2c::ErrorKind,
    },
    /// On SPI.
    Spi {
        /// Why there is no data.
        reason: NoData,
        /// The same in embedded-hal's words.
        kind: spi::ErrorKind,
    },
}

impl From<BusFault> for NoData {
    fn from(fault: BusFault) -> Self {
        let (BusFault::I2c { reason, .. } | BusFault::Spi { reason, .. }) = fault;
        reason
    }
}

impl i2c::Error for BusFault {
    fn kind(&self) -> i2c::ErrorKind {
        match self {
            Self::I2c { kind, .. } => *kind,
            Self::Spi { .. } => i2c::ErrorKind::Other,
        }
    }
}

impl spi::Error for BusFault {
    fn kind(&self) -> spi::ErrorKind {
        match self {
            Self::Spi { kind, .. } => *kind,
            Self::I2c { .. } => spi::ErrorKind::Other,
        }
    }
}

/// An I2C bus of any type.
pub struct I2cHandle(Box<dyn I2c<Error = BusFault> + Send>);

impl I2cHandle {
    /// Wraps `bus`.
    pub fn new<B>(bus: B) -> Self
    where
        B: I2c<Error: Into<NoData>> + Send + 'static,
    {
        Self(Box::new(Erased(bus)))
    }
}

/// A chip select of any type.
pub struct SpiHandle(Box<dyn SpiDevice<Error = BusFault> + Send>);

impl SpiHandle {
    /// Wraps `chip`.
    pub fn new<S>(chip: S) -> Self
    where
        S: SpiDevice<Error: Into<NoData>> + Send + 'static,
    {
        Self(Box::new(Erased(chip)))
    }
}

/// A delay of any type.
pub struct DelayHandle(Box<dyn DelayNs + Send>);

impl DelayHandle {
    /// Wraps `delay`.
    pub fn new(delay: impl DelayNs + Send + 'static) -> Self {
        Self(Box::new(delay))
    }
}

/// Gives a bus's faults the type that all handles have.
struct Erased<B>(B);

fn i2c_fault<E: i2c::Error + Into<NoData>>(error: E) -> BusFault {
    let kind = error.kind();
    BusFault::I2c { reason: error.into(), kind }
}

fn spi_fault<E: spi::Error + Into<NoData>>(error: E) -> BusFault {
    let kind = error.kind();
    BusFault::Spi { reason: error.into(), kind }
}

impl<B> i2c::ErrorType for Erased<B> {
    type Error = BusFault;
}

impl<B> spi::ErrorType for Erased<B> {
    type Error = BusFault;
}

impl<B: I2c<Error: Into<NoData>>> I2c for Erased<B> {
    fn read(&mut self, address: u8, into: &mut [u8]) -> Result<(), BusFault> {
        self.0.read(address, into).map_err(i2c_fault)
    }

    fn write(&mut self, address: u8, out: &[u8]) -> Result<(), BusFault> {
        self.0.write(address, out).map_err(i2c_fault)
    }

    fn write_read(&mut self, address: u8, out: &[u8], into: &mut [u8]) -> Result<(), BusFault> {
        self.0.write_read(address, out, into).map_err(i2c_fault)
    }

    fn transaction(&mut self, address: u8, ops: &mut [Operation<'_>]) -> Result<(), BusFault> {
        self.0.transaction(address, ops).map_err(i2c_fault)
    }
}

impl<S: SpiDevice<Error: Into<NoData>>> SpiDevice for Erased<S> {
    fn transaction(&mut self, ops: &mut [spi::Operation<'_, u8>]) -> Result<(), BusFault> {
        self.0.transaction(ops).map_err(spi_fault)
    }
}

impl i2c::ErrorType for I2cHandle {
    type Error = BusFault;
}

impl I2c for I2cHandle {
    fn read(&mut self, address: u8, into: &mut [u8]) -> Result<(), BusFault> {
        self.0.read(address, into)
    }

    fn write(&mut self, address: u8, out: &[u8]) -> Result<(), BusFault> {
        self.0.write(address, out)
    }

    fn write_read(&mut self, address: u8, out: &[u8], into: &mut [u8]) -> Result<(), BusFault> {
        self.0.write_read(address, out, into)
    }

    fn transaction(&mut self, address: u8, ops: &mut [Operation<'_>]) -> Result<(), BusFault> {
        self.0.transaction(address, ops)
    }
}

impl spi::ErrorType for SpiHandle {
    type Error = BusFault;
}

impl SpiDevice for SpiHandle {
    fn transaction(&mut self, ops: &mut [spi::Operation<'_, u8>]) -> Result<(), BusFault> {
        self.0.transaction(ops)
    }
}

impl DelayNs for DelayHandle {
    fn delay_ns(&mut self, ns: u32) {
        self.0.delay_ns(ns);
    }

    fn delay_us(&mut self, us: u32) {
        self.0.delay_us(us);
    }

    fn delay_ms(&mut self, ms: u32) {
        self.0.delay_ms(ms);
    }
}

/// The bus, chip select, line and delay of a place where nothing is.
struct Nowhere;

impl i2c::ErrorType for Nowhere {
    type Error = BusFault;
}

impl I2c for Nowhere {
    fn transaction(&mut self, _: u8, _: &mut [Operation<'_>]) -> Result<(), BusFault> {
        let kind = i2c::ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
        Err(BusFault::I2c { reason: NoData::Absent, kind })
    }
}

impl spi::ErrorType for Nowhere {
    type Error = BusFault;
}

impl SpiDevice for Nowhere {
    fn transaction(&mut self, _: &mut [spi::Operation<'_, u8>]) -> Result<(), BusFault> {
        Err(BusFault::Spi { reason: NoData::Absent, kind: spi::ErrorKind::Other })
    }
}

impl ByteSource for Nowhere {
    fn read(&mut self, _: &mut [u8], _: Duration) -> Result<Received, NoData> {
        Err(NoData::Absent)
    }
}

impl SerialLine for Nowhere {
    fn write(&mut self, _: &[u8], _: Duration) -> Result<(), NoData> {
        Err(NoData::Absent)
    }

    fn discard_input(&mut self) -> Result<(), NoData> {
        Err(NoData::Absent)
    }
}

impl DelayNs for Nowhere {
    fn delay_ns(&mut self, _: u32) {}
}

impl I2cPlace {
    /// A place where nothing answers, to make a device that is only asked what it would do.
    pub fn nowhere(address: SevenBitAddress, bus_timeout: Duration) -> Self {
        let (bus, delay) = (I2cHandle(Box::new(Nowhere)), DelayHandle::new(Nowhere));
        Self { bus, delay, address, bus_timeout }
    }
}

impl SpiPlace {
    /// A place where nothing answers, to make a device that is only asked what it would do.
    pub fn nowhere(clock_hz: u32) -> Self {
        let (chip, delay) = (SpiHandle(Box::new(Nowhere)), DelayHandle::new(Nowhere));
        Self { chip, delay, clock_hz }
    }
}

/// Opens the buffer of an IIO device by the name of its node.
pub type Scans = Box<dyn Fn(&str) -> Box<dyn ByteSource> + Send>;

/// A place in the tree of the kernel's own devices.
pub struct SysfsPlace {
    /// What the kernel tells of them.
    pub tree: Box<dyn Attributes>,
    /// Opens the buffer of an IIO device by the name of its node, such as `iio:device0`.
    pub scans: Scans,
}

/// What a digital input is drawn to while nobody drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// As it is.
    AsIs,
    /// To nothing.
    Disabled,
    /// To the supply.
    PullUp,
    /// To ground.
    PullDown,
}

impl Bias {
    /// Each with the word that configuration has for it.
    pub const NAMES: &[(&str, Self)] = &[
        ("as_is", Self::AsIs),
        ("disabled", Self::Disabled),
        ("pull_up", Self::PullUp),
        ("pull_down", Self::PullDown),
    ];
}

/// Which changes of a digital input are edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// To active.
    Rising,
    /// To inactive.
    Falling,
    /// Each.
    Both,
}

impl Edges {
    /// Each with the word that configuration has for it.
    pub const NAMES: &[(&str, Self)] =
        &[("rising", Self::Rising), ("falling", Self::Falling), ("both", Self::Both)];
}

/// Which digital input, and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputWish {
    /// Its number on the chip.
    pub line: u32,
    /// Whether a low voltage is active.
    pub is_active_low: bool,
    /// What it is drawn to.
    pub bias: Bias,
    /// What is counted.
    pub edges: Edges,
    /// How long a level must hold to be one; zero: not at all.
    pub debounce: Duration,
}

/// A place on a chip of digital inputs.
pub struct GpioPlace {
    /// Makes an input, without touching it.
    pub input: Box<dyn FnOnce(InputWish) -> Box<dyn InputLine>>,
}

impl GpioPlace {
    /// A place where nothing is, to make a device that is only asked what it would do.
    pub fn nowhere() -> Self {
        Self { input: Box::new(|_| Box::new(Nowhere)) }
    }
}

impl fmt::Debug for GpioPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GpioPlace")
    }
}

impl InputLine for Nowhere {
    fn level(&mut self) -> Result<bool, NoData> {
        Err(NoData::Absent)
    }

    fn edges(&mut self, _: Duration) -> Result<Vec<Edge>, NoData> {
        Err(NoData::Absent)
    }
}

impl SysfsPlace {
    /// A place where nothing is, to make a device that is only asked what it would do.
    pub fn nowhere() -> Self {
        Self { tree: Box::new(Nowhere), scans: Box::new(|_| Box::new(Nowhere)) }
    }
}

impl fmt::Debug for SysfsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SysfsPlace")
    }
}

impl Attributes for Nowhere {
    fn read(&mut self, _: &str) -> Result<String, NoData> {
        Err(NoData::Absent)
    }

    fn write(&mut self, _: &str, _: &str) -> Result<(), NoData> {
        Err(NoData::Absent)
    }

    fn list(&mut self, _: &str) -> Result<Vec<String>, NoData> {
        Err(NoData::Absent)
    }
}

impl UartPlace {
    /// A place where nothing speaks, to make a device that is only asked what it would do.
    pub fn nowhere(baud: u32) -> Self {
        Self { line: Box::new(Nowhere), baud }
    }
}

impl fmt::Debug for I2cHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("I2cHandle")
    }
}

impl fmt::Debug for SpiHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpiHandle")
    }
}

impl fmt::Debug for DelayHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DelayHandle")
    }
}

impl fmt::Debug for UartPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UartPlace")
    }
}
