//! Asking jobs to stop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// A switch that many jobs can watch and anyone holding a clone can throw, once.
///
/// A job submitted under it ([`Submitter::cancel_on`](crate::Submitter::cancel_on)) is dropped if
/// it has not started; a running one stops when it looks at [`CancelToken::is_cancelled`].
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token not yet cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws the switch. It carries no data with it: what a job must see, send it otherwise.
    pub fn cancel(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether the switch has been thrown.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Relaxed)
    }
}
