//! The gateway's ports: what the pipeline needs from the world, as traits.
//!
//! One file per port, named by a plain noun; an adapter that implements one is named after its
//! technology. Each trait's documentation is a contract: shape, units, time, failure. The feature
//! `contract` has the suite that an adapter runs to show that it keeps it; the feature `mocks` has a
//! mock of each port for the unit tests of the port's users.
//!
//! # Deliberately absent
//!
//! The name of any technology, and any code that does something: a boxed port only hands on.

mod attributes;
mod byte_source;
mod clock;
mod device;
mod discipline;
mod input_line;
mod keeping;
mod publisher;
mod serial_line;
mod spool;
mod unwedge;

#[cfg(feature = "contract")]
pub mod contract;

pub use attributes::Attributes;
pub use byte_source::{ByteSource, Received};
pub use clock::{Clock, Wake};
pub use device::{
    Calibrating, Device, FrameCount, Measurement, NotCalibrated, Pacing, Procedure, Sensor,
    TargetRange,
};
pub use discipline::Discipline;
pub use input_line::{Edge, InputLine};
pub use keeping::{Audit, AuditRecord, Keeper, NotKept, StateKeeper, TimesKeeper};
pub use publisher::{
    Delivery, Message, NotTaken, PublishError, Publisher, REQUESTS_MAX, Request, Token, Waker,
};
pub use serial_line::SerialLine;
pub use spool::{AHEAD_RUNS_MAX, Appended, Backlog, Position, Spool, SpoolCount, SpoolError};
pub use unwedge::Unwedge;

#[cfg(feature = "mocks")]
pub use {
    byte_source::MockByteSource, clock::MockClock, device::MockDevice, publisher::MockPublisher,
    serial_line::MockSerialLine, spool::MockSpool,
};
