//! The way of a result from the worker to whoever waits for it.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    JobError,
    cell::{Receiver, Waiter},
    clock,
    pool::Pool,
    recorder::Started,
    sync, worker,
};

/// The result of one accepted job, now or later: wait with [`join`](Self::join), or `.await` it.
///
/// Dropping it abandons the result, not the job; [`cancel`](Self::cancel) abandons the job.
#[must_use = "the job's result, or its panic, is lost with its handle"]
pub struct JobHandle<T> {
    /// Taken when the result is.
    receiver: Option<Receiver<T>>,
}

impl<T> JobHandle<T> {
    pub(crate) fn new(receiver: Receiver<T>) -> Self {
        Self { receiver: Some(receiver) }
    }

    fn receiver(self) -> Receiver<T> {
        match self.receiver {
            Some(receiver) => receiver,
            None => unreachable!("only a finished future has no receiver, and it is not joined"),
        }
    }

    /// Waits for the job to end.
    ///
    /// On a worker of the pool this cannot exhaust the pool: a plain job that has not started is
    /// run here and now, and while another worker runs it this one counts as
    /// [`blocking`](crate::blocking). A job that waits for itself, or for a later job of its own
    /// key, waits for ever.
    ///
    /// # Errors
    ///
    /// [`JobError`] when the job panicked or was given up before it started.
    ///
    /// # Panics
    ///
    /// If the handle was polled as a future to its end before.
    pub fn join(self) -> Result<T, JobError> {
        let receiver = match self.receiver().take() {
            Ok(result) => return result,
            Err(receiver) => receiver,
        };
        match worker::current() {
            Some((pool, place)) => join_on_worker(receiver, &pool, place),
            None => wait(receiver),
        }
    }

    /// The result, if it is there.
    ///
    /// # Errors
    ///
    /// The handle itself, while the job has not ended.
    ///
    /// # Panics
    ///
    /// If the handle was polled as a future to its end before.
    pub fn try_join(self) -> Result<Result<T, JobError>, Self> {
        self.receiver().take().map_err(Self::new)
    }

    /// Waits for the job to end, but no longer than `most`.
    ///
    /// # Errors
    ///
    /// The handle itself, if the job has not ended by then.
    ///
    /// # Panics
    ///
    /// If the handle was polled as a future to its end before.
    pub fn join_timeout(self, most: Duration) -> Result<Result<T, JobError>, Self> {
        let receiver = self.receiver();
        if receiver.wait(Waiter::Thread(sync::current())) {
            sync::park_for(most, || receiver.is_done());
        }
        receiver.take().map_err(Self::new)
    }

    /// Whether the job has ended, or was given up, so that `join` would not wait.
    pub fn is_finished(&self) -> bool {
        self.receiver.as_ref().is_none_or(Receiver::is_done)
    }

    /// Gives the job up if it has not started: its closure is dropped here, unrun. If that panics,
    /// the panic ends here: the job is given up all the same.
    ///
    /// # Errors
    ///
    /// The handle itself, if the job has started or ended.
    ///
    /// # Panics
    ///
    /// If the handle was polled as a future to its end before.
    pub fn cancel(self) -> Result<(), Self> {
        self.receiver().cancel().map_err(Self::new)
    }

    /// Lets the job go its own way; the same as dropping the handle, but said.
    pub fn detach(self) {}
}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = self.receiver.as_ref().is_none_or(Receiver::is_done);
        f.debug_struct("JobHandle").field("is_finished", &ended).finish()
    }
}

/// Waits for `receiver`'s result in the calling thread.
pub(crate) fn wait<T>(receiver: Receiver<T>) -> Result<T, JobError> {
    let mut receiver = receiver;
    let _nobody_to_wake = receiver.wait(Waiter::Thread(sync::current()));
    loop {
        receiver = match receiver.take() {
            Ok(result) => return result,
            Err(receiver) => receiver,
        };
        sync::park();
    }
}

/// Runs the job here if it may, or waits for it without weakening the pool.
#[cold]
fn join_on_worker<T>(receiver: Receiver<T>, pool: &Arc<Pool>, place: usize) -> Result<T, JobError> {
    let stolen = match receiver.steal() {
        Ok(stolen) => stolen,
        Err(receiver) => {
            let _blocked = worker::Blocked::new(pool, place);
            return wait(receiver);
        }
    };
    let recorder = &pool.places[place].recorder;
    let started = Started::new(recorder, pool, stolen.submitted(), clock::ticks());
    recorder.within(started.start, || {
        let result = stolen.run();
        started.finish(matches!(result, Err(JobError::Panicked { .. })));
        result
    })
}

impl<T> Future for JobHandle<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(receiver) = self.receiver.take() else {
            panic!("a job's handle was polled after it had given its result");
        };
        if receiver.wait(Waiter::Task(context.waker().clone())) {
            self.receiver = Some(receiver);
            return Poll::Pending;
        }
        match receiver.take() {
            Ok(result) => Poll::Ready(result),
            Err(receiver) => {
                self.receiver = Some(receiver);
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// A handle is moved freely: what its job shares with it is elsewhere.
impl<T> Unpin for JobHandle<T> {}
