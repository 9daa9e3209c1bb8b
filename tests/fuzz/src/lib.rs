//! Every decoder of bytes from outside, as a function that takes any bytes.
//!
//! # Terms
//!
//! * **Target** — one decoder, or several that read the same kind of bytes, with what must hold whatever
//!   they are given.
//! * **Seed** — bytes that the target takes: frozen ones, or what our own encoder writes. A fuzzer begins
//!   with them, and property tests cut and damage them.
//! * **Taken** — decoded to a value.
//!
//! # Invariants
//!
//! 1. A target never panics unless a promise is broken: no decoder panics, what it gives is bounded by
//!    what it was given, and what it takes comes back from our encoder and its decoder as the same value.
//! 2. The same functions are run by `cargo test` (`tests/promises.rs`) and by `cargo xtask fuzz`
//!    (`libfuzzer/`), so that what the fuzzer finds is a test by adding its bytes to `tests/finds.rs`.
//!
//! # Deliberately absent
//!
//! What the values mean: the tests beside each decoder.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a target says by a panic that a promise is broken"
)]

mod spool;
mod state;
mod uart;
mod wire;

/// One decoder, or several of the same kind of bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Decodes any bytes and checks what must hold. True if they were taken.
    pub run: fn(&[u8]) -> bool,
    /// Bytes that are taken.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "payload", run: wire::payload, seeds: wire::payloads },
    Target { name: "compression", run: wire::compression, seeds: wire::payloads },
    Target { name: "status", run: wire::status, seeds: wire::statuses },
    Target { name: "command", run: wire::command, seeds: wire::commands },
    Target { name: "answer", run: wire::answer, seeds: wire::answers },
    Target { name: "replay", run: wire::replay, seeds: wire::requests },
    Target { name: "topic", run: wire::topic, seeds: wire::topics },
    Target { name: "record", run: wire::record, seeds: wire::records },
    Target { name: "header", run: wire::header, seeds: wire::headers },
    Target { name: "cursor", run: wire::cursor, seeds: wire::cursors },
    Target { name: "spool", run: spool::run, seeds: spool::seeds },
    Target { name: "state", run: state::state, seeds: state::states },
    Target { name: "times", run: state::times, seeds: state::all_times },
    Target { name: "settings", run: state::settings, seeds: state::all_settings },
    Target { name: "nmea0183", run: uart::nmea0183, seeds: uart::sentences },
    Target { name: "pms7003", run: uart::pms7003, seeds: uart::particles },
    Target { name: "delimited_text", run: uart::delimited_text, seeds: uart::lines },
    Target { name: "cobs_binary", run: uart::cobs_binary, seeds: uart::frames },
    Target { name: "modbus_rtu", run: uart::modbus_rtu, seeds: uart::answers },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
