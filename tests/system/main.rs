//! The release gateway as a process, with real device ABIs, a real broker, and real signals.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests too, and a failed one shows its seed"
)]

mod broker;
mod commands;
mod crash;
mod delivery;
mod devices;
mod forty;
mod kernel_sources;
mod parts;
mod recovery;
mod replay;
mod scan;
mod stuck_bus;
mod switch;
