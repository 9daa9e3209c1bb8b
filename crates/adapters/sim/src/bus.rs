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
//! Waiting in the buses' own calls. They say how long a transaction held the bus; who serves it lets
//! that time pass. The embedded-hal face does so by what it was given: see [`I2cBus::waiting_by`].

mod chance;
mod fault;
mod i2c;
mod spi;
mod switched;
mod wiring;

use std::{sync::Arc, time::Duration};

pub use chance::Chance;
pub(crate) use fault::Occasion;
pub use fault::{BusError, BusFault, Effect, FaultPlan, When};
pub use i2c::I2cBus;
pub use spi::SpiLine;
pub use switched::SwitchedBus;
pub use wiring::{PlanId, Tally, Wiring};

/// Lets time pass while a transaction holds its bus.
type Wait = Arc<dyn Fn(Duration) + Send + Sync>;

/// How long a transaction held its bus, however it ended.
fn held(outcome: &Result<Duration, BusError>) -> Duration {
    match outcome {
        Ok(held) => *held,
        Err(error) => error.held,
    }
}
