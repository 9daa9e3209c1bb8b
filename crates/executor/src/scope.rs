//! Jobs that borrow from the stack of whoever waits for them.
//!
//! # Terms
//!
//! * **Waiting job** — a job of a scope that nobody has begun. It lies in the scope.
//! * **Open job** — one that waits, or whose closure is not gone yet.
//! * **Stub** — what stands in the pool's queue for a waiting job.
//!
//! # Invariants
//!
//! 1. A waiting job is taken by one: the worker that comes to its stub, the handle that is joined on
//!    a worker, or the worker that comes to the end of the scope. Who takes it runs it, gives it up or
//!    gives it back, and then counts it as over.
//! 2. [`Executor::scope`] does not return, nor unwind, while a job is open.
//! 3. A worker at the end of its scope sleeps only while no job of the scope waits.
//!
//! So what a job borrows outlives it. A stub may outlive the scope: nothing borrowed is in it. And a
//! worker that sleeps at the end of a scope waits for jobs that run, on workers that sleep, if at all,
//! for jobs further down: scopes on workers cannot wait for each other in a circle.

#![expect(unsafe_code, reason = "the lifetime of a borrowing job is erased")]

use std::{
    collections::BTreeMap,
    fmt,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    Executor, JobError, JobHandle, SubmitError,
    cell::{self, Pending},
    clock,
    error::Abandoned,
    job::{Job, Task},
    pool::Pool,
    recorder::{Recorder, Started},
    sync::{Condvar, Mutex, lock, wait},
    worker,
};

/// The jobs of one scope.
pub(crate) struct Jobs {
    books: Mutex<Books>,
    /// Whoever is at the end of the scope waits here.
    news: Condvar,
}

#[derive(Default)]
struct Books {
    waiting: BTreeMap<usize, Job>,
    /// Number of the next job.
    next: usize,
    open: usize,
    /// Somebody is at the end of the scope.
    is_ending: bool,
}

/// Counts a job that was taken as over, when it is dropped.
struct Over<'a>(&'a Jobs);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut books = lock(&self.0.books);
        books.open -= 1;
        let is_news = books.open == 0 && books.is_ending;
        drop(books);
        if is_news {
            self.0.news.notify_all();
        }
    }
}

impl Jobs {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { books: Mutex::new(Books::default()), news: Condvar::new() })
    }

    /// Puts a job where it waits, and says under which number.
    pub(crate) fn add(&self, job: Job) -> usize {
        let mut books = lock(&self.books);
        let number = books.next;
        books.next += 1;
        books.open += 1;
        books.waiting.insert(number, job);
        let is_news = books.is_ending;
        drop(books);
        if is_news {
            self.news.notify_all();
        }
        number
    }

    /// Takes a job, if it still waits; it is the caller's to count as over.
    fn take(&self, number: usize) -> Option<Job> {
        lock(&self.books).waiting.remove(&number)
    }

    fn take_first(&self) -> Option<Job> {
        Some(lock(&self.books).waiting.pop_first()?.1)
    }

    /// Runs a job that was taken.
    fn run(&self, job: Job, pool: &Pool, recorder: &Recorder) {
        let _over = Over(self);
        worker::run_job(pool, recorder, job, clock::ticks());
    }

    /// Returns when all are over. Runs those that wait, if there is a recorder to run them under.
    pub(crate) fn end(&self, helper: Option<(&Pool, &Recorder)>) {
        loop {
            if let Some((pool, recorder)) = helper {
                while let Some(job) = self.take_first() {
                    self.run(job, pool, recorder);
                }
            }
            if lock(&self.books).open == 0 {
                return;
            }
            let here = worker::current();
            let _blocked = here.as_ref().map(|(pool, place)| worker::Blocked::new(pool, *place));
            self.wait_for_news(helper.is_some());
        }
    }

    /// Sleeps until none is open, or, if `helps`, until one waits.
    fn wait_for_news(&self, helps: bool) {
        let mut books = lock(&self.books);
        books.is_ending = true;
        while books.open > 0 && (books.waiting.is_empty() || !helps) {
            books = wait(&self.news, books, None);
        }
    }
}

/// Stands for a job of a scope, until that is taken.
pub(crate) struct Stub {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) number: usize,
}

impl Task for Stub {
    fn run(self, started: &Started<'_>) {
        if let Some(job) = self.jobs.take(self.number) {
            let _over = Over(&self.jobs);
            job.run(started);
        }
    }

    fn abandon(self, why: Abandoned, pool: Option<&Pool>) -> bool {
        let Some(job) = self.jobs.take(self.number) else { return false };
        let _over = Over(&self.jobs);
        job.abandon(why, pool)
    }
}

/// Where jobs that borrow are submitted; see [`Executor::scope`]. The jobs may do so, too.
pub struct Scope<'scope, 'env: 'scope> {
    executor: &'scope Executor,
    jobs: Arc<Jobs>,
    /// Invariant, like the scopes of `std::thread`: neither lifetime may be stretched or shrunk.
    invariant: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// The result of a scope's job. It cannot leave the scope.
#[must_use = "the job's result, or its panic, is lost with its handle"]
pub struct ScopedHandle<'scope, T> {
    handle: JobHandle<T>,
    executor: &'scope Executor,
    jobs: &'scope Jobs,
    number: usize,
}

impl<T> ScopedHandle<'_, T> {
    /// As [`JobHandle::join`].
    ///
    /// # Errors
    ///
    /// [`JobError`] when the job panicked or was given up before it started.
    pub fn join(self) -> Result<T, JobError> {
        if let Some((pool, recorder)) = helper(self.executor)
            && let Some(job) = self.jobs.take(self.number)
        {
            self.jobs.run(job, pool, recorder);
        }
        self.handle.join()
    }

    /// As [`JobHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

/// What a worker of the executor runs jobs of a scope under; nobody else does.
fn helper(executor: &Executor) -> Option<(&Pool, &Recorder)> {
    let pool = executor.pool();
    worker::place_in(pool).map(|place| (pool, &pool.places[place].recorder))
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
        // Pinned: it is taken out of the scope, not out of the cell.
        let (task, receiver) = cell::cell(job, stamp, true);
        // SAFETY: the scope stays open, and with it what the job borrows, until closure and result
        // are out of the task (invariants 1 and 2).
        let job = unsafe { Job::new_borrowing(task, stamp, None) };
        let number = self.jobs.add(job);
        let stub = Stub { jobs: Arc::clone(&self.jobs), number };
        let submitter = self.executor.submitter();
        if let Err((stub, refusal)) = submitter.admit(Job::new(stub, stamp, None), true) {
            // Without a stub it may have been taken all the same, at the end of the scope.
            let untaken = self.jobs.take(number);
            drop(stub);
            if let Some(job) = untaken {
                let _over = Over(&self.jobs);
                // SAFETY: made of this type above, and `add` gave it this number.
                let task = unsafe { job.into_task::<Pending<F, T>>() };
                return Err(submitter.refused(refusal, task.into_closure(receiver)));
            }
        }
        let (executor, jobs) = (self.executor, &*self.jobs);
        Ok(ScopedHandle { handle: JobHandle::new(receiver), executor, jobs, number })
    }
}

impl Executor {
    /// Lets jobs borrow from the caller's stack: returns after all of them have ended.
    ///
    /// A worker of the pool that comes to the end of a scope, or joins a handle, runs what has not
    /// started here and now; for what runs elsewhere it waits, as [`blocking`](crate::blocking).
    /// So scopes nest in jobs to any depth, on any number of workers.
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
        struct Ending<'a>(&'a Executor, &'a Jobs);
        impl Drop for Ending<'_> {
            fn drop(&mut self) {
                self.1.end(helper(self.0));
            }
        }
        // Not made where `body` is called: it would be gone before the end, and its jobs may have it.
        let scope =
            Scope { executor: self, jobs: Jobs::new(), invariant: PhantomData, env: PhantomData };
        let _ending = Ending(self, &scope.jobs);
        body(&scope)
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
