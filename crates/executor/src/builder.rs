//! How an executor is set up.

use std::{io, num::NonZeroUsize, thread};

use crate::Executor;

/// Jobs that wait at most, unless the builder is told otherwise.
const DEFAULT_CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Sets up an [`Executor`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    pub(crate) workers: NonZeroUsize,
    pub(crate) capacity: NonZeroUsize,
    pub(crate) thread_name: String,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            workers: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            capacity: DEFAULT_CAPACITY,
            thread_name: "worker".to_owned(),
        }
    }

    /// How many threads run jobs. Default: one per available core.
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = workers;
        self
    }

    /// How many accepted jobs may wait to start. Default: 4096.
    pub fn capacity(mut self, capacity: NonZeroUsize) -> Self {
        self.capacity = capacity;
        self
    }

    /// What the threads are called: `name-0`, `name-1`, … Default: `worker`. Linux shows the
    /// first 15 bytes.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// Starts the workers.
    ///
    /// # Errors
    ///
    /// [`BuildError::Thread`] when the system refuses a thread; those already started are joined.
    pub fn build(self) -> Result<Executor, BuildError> {
        Executor::start(&self)
    }
}

/// The executor did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A worker thread could not be created.
    #[error("could not start worker thread {name:?}")]
    Thread {
        /// The thread's intended name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}
