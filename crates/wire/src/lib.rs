//! Bytes on MQTT and on disk, shared by the gateway, the subscriber and the simulator.
//!
//! * [`Topics`] — where messages go and what a topic means.
//! * [`payload`] — batches of samples as JSON, version 1 (`docs/specs/payload.md`).
//! * [`compression`] — the same in fewer bytes.
//! * [`command`] — what an operator asks for, and the answer, version 1.
//! * [`status`] — what a gateway says of itself, version 1.
//! * [`replay`] — what a consumer asks for again, and the answer, version 1 (`docs/specs/replay.md`).
//! * [`record`] — batches of samples on disk, version 1 (`docs/specs/spool-format.md`).
//!
//! # Invariants
//!
//! 1. The bytes of a released version never change; tests freeze them.
//! 2. Decoding takes any bytes and gives a value or an error; it never panics, and its memory is
//!    bounded by the length of its input; of a compressed payload, by
//!    [`PLAIN_BYTES_MAX`](compression::PLAIN_BYTES_MAX).
//!
//! # Deliberately absent
//!
//! I/O, clocks, and the names of MQTT libraries.

pub mod command;
pub mod compression;
pub mod payload;
pub mod record;
pub mod replay;
pub mod status;
mod topic;

pub use topic::{NotARoot, Topic, Topics};

/// The version of topics and payloads that this crate writes and reads.
pub const VERSION: u32 = 1;
