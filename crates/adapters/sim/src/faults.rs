//! Faults by script: what goes wrong with which device, when, and for how long.
//!
//! # Terms
//!
//! * **[`Fault`]** — one way to go wrong, by the name that scripts use.
//! * **[`Episode`]** — a fault of one device, from a time on, for a while.
//! * **[`Script`]** — episodes; written by people, or drawn by chance from a seed.
//! * **[`Target`]** — what of a device can be broken: its wiring, its line, its plug, what it senses.
//! * **[`Staging`]** — a script that is being played to targets.
//!
//! # The text of a script
//!
//! One episode a line; `#` begins a comment.
//!
//! ```text
//! DEVICE at TIME [for TIME] EFFECT [KEY=VALUE …]
//!
//! air   at 10s for 5s  nak errno=ENXIO
//! air   at 20s for 8s  stretch hold=30ms probability=0.5
//! gps   at 12s for 4s  unplug
//! ```
//!
//! # Invariants
//!
//! 1. What happens follows from the script and the time that [`Staging::step`] is told.
//! 2. When an episode ends, its target is as it was: episodes of one device may overlap.
//! 3. A script as it is displayed reads back as the same script.
//!
//! # Deliberately absent
//!
//! Threads and clocks: whoever plays a script says what time it is.

mod effect;
mod noise;
mod parse;
mod random;
mod senses;
mod staging;
mod target;

use core::fmt;
use std::time::Duration;

pub use effect::Fault;
pub use noise::{LineFault, LineNoise, Noisy};
pub use parse::Mistake;
pub use senses::Senses;
pub use staging::Staging;
pub use target::{Plug, Target};

use crate::bus::When;

/// One fault of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Whose.
    pub device: String,
    /// When it begins, since the start of the staging.
    pub at: Duration,
    /// How long it lasts; `None`: for ever.
    pub span: Option<Duration>,
    /// What goes wrong.
    pub fault: Fault,
    /// With which transactions or frames.
    pub when: When,
    /// The line of the script that it stands in, from 1; 0 if nobody wrote it.
    pub line: usize,
}

/// What goes wrong at a site.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// In the order of the text.
    pub episodes: Vec<Episode>,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.episodes.iter().try_for_each(|episode| writeln!(f, "{episode}"))
    }
}

impl fmt::Display for Episode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.device, parse::Span(self.at))?;
        if let Some(span) = self.span {
            write!(f, " for {}", parse::Span(span))?;
        }
        write!(f, " {}", self.fault)?;
        match self.when {
            When::Always => Ok(()),
            When::After(good) => write!(f, " after={good}"),
            When::Next(bad) => write!(f, " count={bad}"),
            When::Sometimes { probability, seed } => {
                write!(f, " probability={probability} seed={seed}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
