//! Stories on virtual time: nights without uplink, crashes, broken sensors, wrong clocks.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, and a failed one shows its seed"
)]

mod broker;
mod bursts;
mod commands;
mod devices;
mod faults;
mod metrics;
mod procedures;
mod recordings;
mod supervisor;
mod time;
mod windows;
mod world;
