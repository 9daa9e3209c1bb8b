//! Black-box tests: stories in deterministic simulation, and the real processes against a real broker.
//!
//! * `catalogue/` — each driver against its chip's model: the whole range, and what goes wrong on a bus.
//! * `stories/` — the whole pipeline with real drivers over simulated chips, on virtual time, in one
//!   thread. A story that fails prints its seed, and replays by it.
//! * `system/` — the release gateway as a process, simulated device nodes, mosquitto, signals.
//! * `nmea/` — logs of real receivers, with their licence.

pub mod mosquitto;
pub mod site;
