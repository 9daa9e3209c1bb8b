//! Wires in memory: chips on an I2C bus or behind an SPI chip select, and their faults.
//!
//! # Terms
//!
//! * **[`I2cBus`]**, **[`SpiLine`]** — the wires; cheap handles that share the chips. Both speak
//!   embedded-hal, for drivers in this process, and calls of their own, for the kernel front.
//! * **[`Wiring`]** — the handle to one chip's connection: unplug it, inject faults, count.
//!
//! # Invariants
//!
//! 1. Transactions on one bus exclude each other, as wires do.
//! 2. A chip that is plugged in again has just been powered: its registers are reset.
//! 3. Faults follow from the plan and its seed alone.
//!
//! # Deliberately absent
//!
//! Waiting. A stalled transaction says how long it held the bus; who serves it lets that time pass.

mod chance;
mod i2c;
mod spi;
mod wiring;

pub use chance::Chance;
pub use i2c::I2cBus;
pub use spi::SpiLine;
pub use wiring::{BusError, BusFault, Effect, FaultPlan, Tally, When, Wiring};
