//! The executor: one bounded queue behind one lock, and the workers that empty it.
//!
//! A worker sleeps on `work` while the queue is empty, a submitter on `room` while it is full.
//! Both conditions, and the shutdown flag, change only under the lock, and every wait re-checks
//! them under it: no wake-up can fall between the check and the sleep.

use std::{
    cell::Cell,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{
    BuildError, Builder, JobError, JobHandle, Metrics, SubmitError,
    handle::{Sender, Slot},
    metrics::Counters,
};

/// A job without its type. The flag it returns says whether it panicked.
type Job = Box<dyn FnOnce(&Counters) + Send>;

struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    room: Condvar,
    capacity: usize,
    counters: Counters,
}

thread_local! {
    /// Which pool this thread works for; null elsewhere. Compared, never followed.
    static POOL: Cell<*const Shared> = const { Cell::new(ptr::null()) };
}

/// A bounded thread pool. Share it by reference or in an `Arc`; dropping it drains it.
pub struct Executor {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Executor {
    /// Sets up an executor.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn start(builder: &Builder) -> Result<Self, BuildError> {
        let capacity = builder.capacity.get();
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { jobs: VecDeque::with_capacity(capacity), closed: false }),
            work: Condvar::new(),
            room: Condvar::new(),
            capacity,
            counters: Counters::default(),
        });
        // On an early return `drop` joins those already started.
        let mut executor = Self { shared, workers: Vec::new() };
        for number in 0..builder.workers.get() {
            let name = format!("{}-{number}", builder.thread_name);
            let shared = Arc::clone(&executor.shared);
            let worker = thread::Builder::new().name(name.clone()).spawn(move || shared.work());
            let worker = worker.map_err(|source| BuildError::Thread { name, source })?;
            executor.workers.push(worker);
        }
        Ok(executor)
    }

    /// Hands a job over, waiting for room when the queue is full.
    ///
    /// A worker of this pool does not wait, since nobody might be left to make room: it is
    /// refused with [`SubmitError::Full`].
    ///
    /// # Errors
    ///
    /// [`SubmitError`], with the job in it, when the queue is full and the caller is a worker.
    pub fn submit<T, F>(&self, job: F) -> Result<JobHandle<T>, SubmitError<F>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let refused = match self.shared.queue_with_room() {
            Ok(mut queue) => {
                let (sender, handle) = Slot::pair();
                queue.jobs.push_back(erase(job, sender));
                drop(queue);
                self.shared.work.notify_one();
                return Ok(handle);
            }
            Err(Refusal::Closed) => SubmitError::Closed { job },
            Err(Refusal::Full) => SubmitError::Full { job, capacity: self.shared.capacity },
        };
        Counters::count(&self.shared.counters.rejected);
        Err(refused)
    }

    /// The counters as they are now.
    pub fn metrics(&self) -> Metrics {
        let queued = self.shared.lock().jobs.len();
        self.shared.counters.snapshot(queued, self.workers.len())
    }

    /// Runs what is queued, joins the workers, and returns the final counters.
    ///
    /// Called from one of its own jobs it cannot wait for that job: the worker ends after it.
    pub fn drain(mut self) -> Metrics {
        self.close_and_join();
        self.metrics()
    }

    fn close_and_join(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        self.shared.room.notify_all();
        for worker in self.workers.drain(..) {
            if worker.thread().id() != thread::current().id() {
                // A worker catches every panic of a job, so there is nothing left to report.
                drop(worker.join());
            }
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.close_and_join();
    }
}

/// Ties a job to its result and makes it run without unwinding.
fn erase<T, F>(job: F, sender: Sender<T>) -> Job
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    Box::new(move |counters| {
        let outcome = catch_unwind(AssertUnwindSafe(job));
        if outcome.is_err() {
            Counters::count(&counters.panicked);
        }
        // Counted first, so that whoever has the result also sees it counted.
        Counters::count(&counters.processed);
        sender.send(outcome.map_err(|payload| JobError::from_panic(&*payload)));
    })
}

enum Refusal {
    Closed,
    Full,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No job runs under the lock, so a poisoned queue is still a whole one.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue_with_room(&self) -> Result<MutexGuard<'_, Queue>, Refusal> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return Err(Refusal::Closed);
            }
            if queue.jobs.len() < self.capacity {
                return Ok(queue);
            }
            if ptr::eq(POOL.get(), self) {
                return Err(Refusal::Full);
            }
            queue = self.room.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                self.room.notify_one();
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(self: Arc<Self>) {
        POOL.set(&raw const *self);
        while let Some(job) = self.next_job() {
            // Beyond the job's own panics, the drop of its result may panic too.
            if catch_unwind(AssertUnwindSafe(|| job(&self.counters))).is_err() {
                Counters::count(&self.counters.panicked);
            }
        }
    }
}
