//! The gateway's surroundings without a machine: chips, wires, device nodes, serial lines and time.
//!
//! # Terms
//!
//! * **Chip** — one part number at register level, written from its datasheet and from nothing else,
//!   so that a driver's mistake shows. See [`chips`].
//! * **Environment** — what the chips sense: a physical model, not noise. See [`environment`].
//! * **Wiring** — what connects one chip to its bus, and everything that can go wrong with it:
//!   unplugged, stuck, corrupting, failing now and then. See [`bus::Wiring`].
//! * **Script** — what goes wrong with which device, and when: see [`faults`].
//! * **Front** — one way to reach the same chips: [`bus`] as embedded-hal traits inside the process,
//!   `kernel` as device nodes of an unmodified program, `tty` as a serial line, [`serial`] as one inside
//!   the process.
//!
//! # Invariants
//!
//! 1. Whatever a chip or a wire does follows from its inputs, the time it is told and a seed.
//! 2. A front adds no behaviour of its own: the same chip gives the same bytes through each.
//!
//! # Deliberately absent
//!
//! MQTT, the gateway's configuration, and drivers: a driver here would prove itself by itself.

pub mod bus;
pub mod chips;
pub mod environment;
pub mod faults;
pub mod flaky_broker;
#[cfg(target_os = "linux")]
pub mod gpio;
pub mod memory_spool;
pub mod serial;
pub mod time;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub mod kernel;
#[cfg(target_os = "linux")]
pub mod tty;
