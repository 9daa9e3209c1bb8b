//! What can go wrong with a job: before it is accepted, and after.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// The job was not accepted. It travels back inside the error, so failing to submit loses nothing.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError<Job> {
    /// Every slot is taken and the policy, or the calling thread, does not wait.
    #[error("queue of {capacity} jobs is full")]
    Full {
        /// The refused job, untouched.
        job: Job,
        /// How many jobs the queue holds.
        capacity: usize,
    },
    /// Shutdown has begun; accepted jobs still run, new ones do not.
    #[error("executor is shutting down")]
    Closed {
        /// The refused job, untouched.
        job: Job,
    },
}

impl<Job> SubmitError<Job> {
    /// The job, to be run by the caller, kept, or submitted again.
    pub fn into_job(self) -> Job {
        match self {
            Self::Full { job, .. } | Self::Closed { job } => job,
        }
    }
}

/// By hand, because a closure is no `Debug` and the refusal must still be.
impl<Job> fmt::Debug for SubmitError<Job> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity, .. } => {
                f.debug_struct("Full").field("capacity", capacity).finish_non_exhaustive()
            }
            Self::Closed { .. } => f.debug_struct("Closed").finish_non_exhaustive(),
        }
    }
}

/// An accepted job has no result.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The job panicked; its worker caught the panic and went on.
    #[error("job panicked: {message}")]
    Panicked {
        /// The panic's message; a placeholder when its payload is not text.
        message: String,
    },
    /// The job was given up before it started, and its closure dropped without being run.
    #[error("job was cancelled before it started")]
    Cancelled,
    /// A full queue evicted the job in favour of a newer or more urgent one.
    #[error("job was evicted from a full queue")]
    Evicted,
    /// The job's deadline passed before it started.
    #[error("job's deadline passed before it started")]
    Expired,
}

impl JobError {
    /// Reads the message out of what `catch_unwind` returned.
    ///
    /// The payload is leaked if its own drop panics: by then the job has ended, and its result
    /// must still reach the handle.
    pub(crate) fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        if let Err(second) = dropped {
            std::mem::forget(second);
        }
        Self::Panicked { message: text.unwrap_or_else(|| "(payload is not text)".to_owned()) }
    }
}

/// Why an accepted job is given up without being run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Abandoned {
    Cancelled,
    Evicted,
    Expired,
}

impl From<Abandoned> for JobError {
    fn from(why: Abandoned) -> Self {
        match why {
            Abandoned::Cancelled => Self::Cancelled,
            Abandoned::Evicted => Self::Evicted,
            Abandoned::Expired => Self::Expired,
        }
    }
}

/// Why a job is not accepted; the queue's side of [`SubmitError`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    Full { capacity: usize },
    Closed,
}

impl Refusal {
    pub(crate) fn with_job<Job>(self, job: Job) -> SubmitError<Job> {
        match self {
            Self::Full { capacity } => SubmitError::Full { job, capacity },
            Self::Closed => SubmitError::Closed { job },
        }
    }
}
