//! `/dev/i2c-*`, `/dev/spidev*`, ttys, gpiochips, IIO buffers and sysfs, as what drivers want: embedded-hal
//! buses, serial lines, digital lines, byte sources and attributes.
//!
//! The only crate that opens device nodes. Each type holds the path of one node and opens it when it
//! is first used. A node that is missing at start, or goes away with its USB adapter, is a fault like
//! any other, and the next use after it has come back finds it. Every errno becomes a reason
//! ([`domain::NoData`]) in one table, [`reason`].
//!
//! # Deliberately absent
//!
//! Knowledge of any chip, retries and back-off: a failure is reported once, and when to try again is
//! the pipeline's decision.

mod errno;
mod gpio;
mod i2c;
mod i2c_recovery;
mod node;
mod probe;
mod scans;
mod spi;
mod sysfs;
mod tty;

pub use embedded_hal::spi::{MODE_0, MODE_1, MODE_2, MODE_3, Mode};
pub use errno::{BusError, reason};
pub use gpio::{Bias, Edges, GpioInput, GpioOutput, InputSettings};
pub use i2c::{I2C_TIMEOUT, I2cNode};
pub use i2c_recovery::{I2cRecovery, PowerLine};
pub use linux_embedded_hal::Delay;
pub use probe::{Presence, presence};
pub use scans::ScanNode;
pub use spi::{SpiNode, SpiSettings};
pub use sysfs::SysfsTree;
pub use tty::{DataBits, Parity, Rs485, SharedTty, StopBits, Tty, TtySettings};
