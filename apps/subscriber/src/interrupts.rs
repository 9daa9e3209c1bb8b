//! SIGINT and SIGTERM, as a count.

use std::io;

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// How often we were asked to end. From its making on, these signals no longer kill the process.
pub(crate) struct Interrupts {
    signals: Signals,
    count: usize,
}

impl Interrupts {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { signals: Signals::new([SIGINT, SIGTERM])?, count: 0 })
    }

    /// How many have come so far.
    pub(crate) fn count(&mut self) -> usize {
        self.count += self.signals.pending().count();
        self.count
    }
}
