//! The way of a result from the worker to whoever waits for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::JobError;

/// One slot for one result, filled once and taken once.
pub(crate) struct Slot<T> {
    outcome: Mutex<Option<Result<T, JobError>>>,
    filled: Condvar,
}

impl<T> Slot<T> {
    /// A slot for one job: the worker's end and the caller's end.
    pub(crate) fn pair() -> (Sender<T>, JobHandle<T>) {
        let slot = Arc::new(Self { outcome: Mutex::new(None), filled: Condvar::new() });
        (Sender { slot: Some(Arc::clone(&slot)) }, JobHandle { slot })
    }

    fn fill(&self, outcome: Result<T, JobError>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.filled.notify_one();
    }
}

/// The worker's end. Dropped unused, it reports [`JobError::Cancelled`], so nobody waits for ever.
pub(crate) struct Sender<T> {
    slot: Option<Arc<Slot<T>>>,
}

impl<T> Sender<T> {
    pub(crate) fn send(mut self, outcome: Result<T, JobError>) {
        if let Some(slot) = self.slot.take() {
            slot.fill(outcome);
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.fill(Err(JobError::Cancelled));
        }
    }
}

/// The result of one accepted job, now or later.
///
/// Dropping it abandons the result, not the job.
#[must_use = "the job's result, or its panic, is lost with its handle"]
pub struct JobHandle<T> {
    slot: Arc<Slot<T>>,
}

impl<T> JobHandle<T> {
    /// Waits for the job to end.
    ///
    /// # Errors
    ///
    /// [`JobError`] when the job panicked or was given up before it started.
    pub fn join(self) -> Result<T, JobError> {
        let mut outcome = self.slot.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = outcome.take() {
                return outcome;
            }
            outcome = self.slot.filled.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
