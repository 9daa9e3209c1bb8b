//! The cloud side: shows what arrives (`tail`), proves that nothing is missing (`verify`), and asks for
//! what is (`replay`, `verify --replay`).
//!
//! # Terms
//!
//! * **Arrival** — one MQTT message, understood: a batch of samples, or the status of a gateway.
//! * **Ledger** — for each stream, which sequence numbers have arrived, and which should have.
//! * **Head** — the newest sequence number of a stream that its gateway has announced; what lies
//!   between the newest arrival and the head is missing too.
//!
//! # Invariants
//!
//! 1. A message that cannot be read is counted and reported, and stops nothing.
//! 2. Memory grows with the number of streams and of holes in them, never with that of samples.
//! 3. Standard output carries what was asked for and nothing else; whatever is said about it goes to
//!    standard error.
//!
//! # Deliberately absent
//!
//! Storing samples.

mod arrival;
mod asker;
pub mod cli;
mod duration;
mod feed;
mod interrupts;
mod ledger;
mod mender;
mod replay;
mod report;
mod tail;
mod utc;
mod verify;

pub use arrival::{Arrival, Unreadable};
pub use ledger::{Account, GatewayEntry, Ledger, Origin, UnreadableCount};
pub use mender::Mended;
pub use report::{Report, StreamReport, Verdict};
