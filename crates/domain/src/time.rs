//! How well wall time is known, and how it is corrected afterwards.
//!
//! # Terms
//!
//! * **Synchronised** — somebody who knows the time disciplines the wall clock, and vouches for how
//!   wrong it can be at most: its **error**.
//! * **Offset** — wall time less monotonic time. A step of the wall clock changes it; discipline without a
//!   step does not, because the kernel slews both clocks alike.
//! * **Stretch** — a span of one boot in which the clock was synchronised and not stepped: what times of
//!   that boot are anchored to.
//! * **Drift** — what a clock that nobody disciplines may gain or lose: at most 500 ppm, which is also
//!   the most that the kernel slews (`adjtimex(2)`).
//!
//! # Invariants
//!
//! 1. A correction changes the wall time of a sample and what is said of it, nothing else: order,
//!    identity and monotonic time are the sample's own.
//! 2. A corrected time is wrong by no more than the error that goes with it, as long as those who
//!    vouched for the clock were right and it drifted by no more than is said above.
//! 3. The table is bounded: [`BOOTS_MAX`] boots with [`STRETCHES_MAX`] stretches each. What is let go is
//!    the oldest.
//!
//! # Deliberately absent
//!
//! Clocks; a time that somebody set by hand as a source of its own, because nothing tells who set it.

mod boot;
mod look;
mod stretch;
mod table;
mod trust;

pub use self::{
    boot::{BootTimes, STRETCHES_MAX},
    look::Look,
    stretch::{Point, Stretch},
    table::{BOOTS_MAX, Noted, TimeTable},
    trust::{TimeSource, Trust},
};

#[cfg(test)]
mod tests;
