//! Alarms, after ISA-18.2-2016 and IEC 62682:2014.
//!
//! # Terms
//!
//! * **State** — normal, active, acknowledged (active, and somebody knows), over (and nobody knew): as
//!   [`AlarmState`]. There is no other.
//! * **Excess** — the number that is watched, such that *more* is worse: the value itself, its negative for a
//!   low alarm, a rate, a difference of two.
//! * **Limit** — the alarm is *due* while the excess is more than it. At the limit it is not.
//! * **Hysteresis** — the alarm is *past* when the excess is at the limit less this, or below. Between the two
//!   nothing changes, so that between two alarms the excess swings by more than the hysteresis. Without
//!   one, chatter about the limit is told as it is: use one, or delays.
//! * **Delays** — so long it must be due, or past, without interruption, before the state says so: from
//!   sample to sample. A metric has no clock, so an alarm waits for the first sample at the end of a delay or later.
//! * **Latch** — an alarm that is past stays, as *over*, until somebody acknowledges it.
//!
//! | state | code | due for `on_delay` | past for `off_delay` | acknowledged |
//! |---|--:|---|---|---|
//! | normal | 0 | active | | |
//! | active | 1 | | normal; with latch: over | acknowledged |
//! | acknowledged | 2 | | normal | |
//! | over | 3 | active | | normal |
//!
//! # Invariants
//!
//! 1. An output on the first sample after each start and on each change of state, and no other.
//! 2. A gap changes no state. It is told once; the state is told again with the first value after it. What
//!    is acknowledged in between is taken, and told then. Delays stand still from the last value before a gap
//!    to the first after it, and then go on.
//! 3. State, delays and all are saved: an alarm goes on after a restart, acknowledged or not.
//!
//! # Deliberately absent
//!
//! Shelving, suppression and suppression by design: those are an operator's console's. Who acknowledged: the audit
//! of commands has it.

mod entries;
mod machine;
mod metric;
mod slope;

pub(super) use entries::ENTRIES;
pub use machine::{AlarmMachine, AlarmRule, AlarmState};
pub use slope::Slope;

#[cfg(test)]
mod tests;
