//! A part of the gateway that runs on a thread of its own.

use core::convert::Infallible;
use std::{
    thread::{Builder, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::RunError;

/// A named thread whose end can be waited for with a bound.
pub(super) struct Part {
    name: String,
    thread: JoinHandle<()>,
    /// Closed when the thread ends, by returning or by a panic.
    ended: Receiver<Infallible>,
}

impl Part {
    pub(super) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<Self, RunError> {
        let (alive, ended) = bounded(0);
        let run = move || {
            let _alive = alive;
            run();
        };
        let thread = Builder::new().name(name.to_owned()).spawn(run).map_err(RunError::Thread)?;
        Ok(Self { name: name.to_owned(), thread, ended })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn ended(&self) -> &Receiver<Infallible> {
        &self.ended
    }

    /// Whether it ends within `patience`.
    pub(super) fn is_over_within(&self, patience: Duration) -> bool {
        matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Disconnected))
    }

    /// Joins it if it ends within `patience`, and leaves it to the process's end otherwise. Says what
    /// is amiss.
    pub(super) fn join(self, patience: Duration) -> Option<String> {
        if !self.is_over_within(patience) {
            Some(format!("{} does not stop", self.name))
        } else if self.thread.join().is_err() {
            Some(format!("{} ended in a panic", self.name))
        } else {
            None
        }
    }
}
