//! Jobs that borrow from the stack of whoever waits for them.
//!
//! # Invariants
//!
//! 1. Every job of a scope has a [`Ticket`] out until its closure is gone, run or not. Whoever claims
//!    the closure gives it back: the task, or the handle that has run the job itself.
//! 2. [`Executor::scope`] does not return, nor unwind, before all tickets are back.
//!
//! So what a job borrows outlives it. A [`ScopedHandle`] cannot leave the scope, therefore neither
//! can a closure that is claimed by its handle. What then remains in the queue of a job whose handle
//! has run it may outlive the scope: there is neither closure nor result in it, nothing borrowed is
//! looked at or dropped. The scope must not wait for it: the worker that would come by may be the
//! one that waits.

#![expect(unsafe_code, reason = "the lifetime of a borrowing job is erased")]

use std::{
    fmt,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use crate::{
    Executor, JobError, JobHandle, SubmitError,
    cell::{self, Pending},
    clock,
    error::Abandoned,
    job::{Job, Task},
    pool::Pool,
    recorder::Started,
    worker,
};

/// How many jobs of a scope are not over.
#[derive(Default)]
struct Tickets {
    out: Mutex<usize>,
    back: Condvar,
}

impl Tickets {
    fn issue(self: &Arc<Self>) -> Ticket {
        *self.out.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Ticket { tickets: Arc::clone(self), is_owed: true }
    }

    fn give_back(&self) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        *out -= 1;
        if *out == 0 {
            self.back.notify_all();
        }
    }

    fn wait(&self) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        while *out > 0 {
            out = self.back.wait(out).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Given back when it is dropped, unless the job's handle does that.
struct Ticket {
    tickets: Arc<Tickets>,
    is_owed: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.is_owed {
            self.tickets.give_back();
        }
    }
}

/// A task and its ticket.
struct Scoped<F: FnOnce() -> T + Send, T: Send> {
    task: Pending<F, T>,
    ticket: Ticket,
}

impl<F: FnOnce() -> T + Send, T: Send> Task for Scoped<F, T> {
    fn run(self, started: &Started<'_>) {
        let Self { task, mut ticket } = self;
        ticket.is_owed = task.run_if_mine(started);
    }

    fn abandon(self, why: Abandoned, pool: Option<&Pool>) -> bool {
        let Self { task, mut ticket } = self;
        // No handle of a scope cancels: what is not given up here, the handle has run.
        ticket.is_owed = task.abandon(why, pool);
        ticket.is_owed
    }
}

/// Where jobs that borrow are submitted; see [`Executor::scope`].
pub struct Scope<'scope, 'env: 'scope> {
    executor: &'scope Executor,
    tickets: Arc<Tickets>,
    /// Invariant, like the scopes of `std::thread`: neither lifetime may be stretched or shrunk.
    invariant: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// The result of a scope's job. It cannot leave the scope.
#[must_use = "the job's result, or its panic, is lost with its handle"]
pub struct ScopedHandle<'scope, T> {
    handle: JobHandle<T>,
    tickets: &'scope Tickets,
}

impl<T> ScopedHandle<'_, T> {
    /// As [`JobHandle::join`].
    ///
    /// # Errors
    ///
    /// [`JobError`] when the job panicked or was given up before it started.
    pub fn join(self) -> Result<T, JobError> {
        let Self { handle, tickets } = self;
        handle.join_or_run(|| tickets.give_back())
    }

    /// As [`JobHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScopedHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedHandle").field("is_finished", &self.is_finished()).finish()
    }
}

impl<'scope> Scope<'scope, '_> {
    /// As [`Executor::submit`], for a job that may borrow what outlives the scope.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], with the job in it, when the queue is full and the caller is a worker, or
    /// after shutdown has begun.
    pub fn submit<T, F>(&'scope self, job: F) -> Result<ScopedHandle<'scope, T>, SubmitError<F>>
    where
        T: Send + 'scope,
        F: FnOnce() -> T + Send + 'scope,
    {
        let stamp = clock::ticks();
        let (task, receiver) = cell::cell(job, stamp, false);
        let task = Scoped { task, ticket: self.tickets.issue() };
        // SAFETY: the ticket keeps the scope open, and with it what the job borrows, until closure
        // and result are out of the task (invariants 1 and 2).
        let job = unsafe { Job::new_borrowing(task, stamp, None) };
        let submitter = self.executor.submitter();
        match submitter.admit(job, true) {
            Ok(()) => Ok(ScopedHandle { handle: JobHandle::new(receiver), tickets: &self.tickets }),
            Err((job, refusal)) => {
                // SAFETY: made of this type above; the pool hands back the very job it was given.
                let scoped = unsafe { job.into_task::<Scoped<F, T>>() };
                Err(submitter.refused(refusal, scoped.task.into_closure(receiver)))
            }
        }
    }
}

impl Executor {
    /// Lets jobs borrow from the caller's stack: returns after all of them have ended.
    ///
    /// On a worker of the pool, join the handles: a job that has not started is then run here and
    /// now. For jobs that nobody joins a worker that comes to the end of a scope can but wait, as
    /// [`blocking`](crate::blocking); when more workers wait so at one time than
    /// [`Builder::compensation`](crate::Builder::compensation) allows, they wait for ever.
    ///
    /// ```
    /// # let executor = executor::Executor::builder().build()?;
    /// let samples = vec![20.5, 21.0, 19.5];
    /// let (sum, max) = executor.scope(|scope| {
    ///     let sum = scope.submit(|| samples.iter().sum::<f64>()).map_err(|e| e.to_string())?;
    ///     let max = scope.submit(|| samples.iter().copied().fold(f64::MIN, f64::max));
    ///     let max = max.map_err(|e| e.to_string())?;
    ///     Ok::<_, String>((sum.join().ok(), max.join().ok()))
    /// })?;
    /// assert_eq!((sum, max), (Some(61.0), Some(21.0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A job cannot borrow what ends before the scope does:
    ///
    /// ```compile_fail,E0597
    /// # let executor = executor::Executor::builder().build().unwrap();
    /// executor.scope(|scope| {
    ///     let local = 5;
    ///     drop(scope.submit(|| &local + 1));
    /// });
    /// ```
    pub fn scope<'env, R>(
        &'env self,
        body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    ) -> R {
        struct Closing<'a>(&'a Tickets);
        impl Drop for Closing<'_> {
            fn drop(&mut self) {
                let here = worker::current();
                let _blocked =
                    here.as_ref().map(|(pool, place)| worker::Blocked::new(pool, *place));
                self.0.wait();
            }
        }
        let tickets = Arc::new(Tickets::default());
        let _closing = Closing(&tickets);
        let tickets = Arc::clone(&tickets);
        body(&Scope { executor: self, tickets, invariant: PhantomData, env: PhantomData })
    }

    /// Applies `map` to every item, on all workers at once, and returns the results in order. What
    /// finds no room, or the executor closed, is done by the caller.
    ///
    /// # Errors
    ///
    /// The first [`JobError`]: `map` panicked for an item, or the executor gave a job up.
    pub fn par_map<I: Sync, R: Send>(
        &self,
        items: &[I],
        map: impl Fn(&I) -> R + Sync,
    ) -> Result<Vec<R>, JobError> {
        // Four pieces to a worker even out pieces of unequal work.
        let pieces = 4 * self.pool().settings.workers;
        let map = &map;
        self.scope(|scope| {
            let piece = |items: &'_ [I]| items.iter().map(map).collect::<Vec<R>>();
            let chunks = items.chunks(items.len().div_ceil(pieces).max(1));
            let submitted: Vec<_> =
                chunks.map(|chunk| scope.submit(move || piece(chunk))).collect();
            let mut results = Vec::with_capacity(items.len());
            for outcome in submitted {
                results.extend(match outcome {
                    Ok(handle) => handle.join()?,
                    // No room, and we are a worker ourselves, or shutdown has begun: then it is
                    // done here.
                    Err(refused) => catch_unwind(AssertUnwindSafe(refused.into_job()))
                        .map_err(JobError::from_panic)?,
                });
            }
            Ok(results)
        })
    }
}
