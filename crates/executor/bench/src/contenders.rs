//! Every pool behind one trait, each used as its documentation shows.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{
            AtomicBool, AtomicPtr, AtomicU32, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    thread::JoinHandle,
    time::Duration,
};

use executor::{Executor, Key, Priority};

/// Jobs that wait at most, where a contender has a bound.
pub static CAPACITY: AtomicUsize = AtomicUsize::new(0);

fn capacity() -> usize {
    CAPACITY.load(Relaxed)
}

type Boxed = Box<dyn FnOnce() + Send>;

/// A pool. Dropping it drains it and joins its threads.
pub trait Contender: Sync {
    fn detach(&self, job: impl FnOnce() + Send + 'static);

    /// The result comes back through `wait`.
    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> Waiting {
        let (to, from) = oneshot::channel();
        self.detach(move || drop(to.send(job())));
        Waiting::Oneshot(from)
    }

    fn batch<F: FnOnce() + Send + 'static>(&self, jobs: impl Iterator<Item = F>) {
        jobs.for_each(|job| self.detach(job));
    }

    fn keyed(&self, _key: u64, job: impl FnOnce() + Send + 'static) {
        self.detach(job);
    }

    /// A job that is to overtake, where the contender can.
    fn critical(&self, job: impl FnOnce() + Send + 'static) {
        self.detach(job);
    }
}

pub enum Waiting {
    Oneshot(oneshot::Receiver<u64>),
    Ours(executor::JobHandle<u64>),
    Reference(Arc<(Mutex<Option<u64>>, Condvar)>),
    Done(u64),
}

impl Waiting {
    pub fn wait(self) -> u64 {
        match self {
            Self::Oneshot(from) => from.recv().unwrap(),
            Self::Ours(handle) => handle.join().unwrap(),
            Self::Reference(slot) => {
                let mut value = slot.0.lock().unwrap();
                loop {
                    if let Some(value) = value.take() {
                        return value;
                    }
                    value = slot.1.wait(value).unwrap();
                }
            }
            Self::Done(value) => value,
        }
    }
}

pub struct Ours(pub Executor);

impl Ours {
    pub fn new(workers: usize) -> Self {
        Self(Self::builder(workers).build().unwrap())
    }

    pub fn coalesced(workers: usize) -> Self {
        let window = Duration::from_micros(500);
        Self(Self::builder(workers).coalesce(Priority::Medium, window).build().unwrap())
    }

    pub fn batch_class(workers: usize) -> Self {
        Self(Self::builder(workers).scheduling(executor::Scheduling::Batch).build().unwrap())
    }

    fn builder(workers: usize) -> executor::Builder {
        Executor::builder()
            .workers(workers.try_into().unwrap())
            .capacity(capacity().try_into().unwrap())
    }
}

impl Contender for Ours {
    fn detach(&self, job: impl FnOnce() + Send + 'static) {
        self.0.submitter().detach(job).unwrap();
    }

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> Waiting {
        Waiting::Ours(self.0.submit(job).unwrap())
    }

    fn batch<F: FnOnce() + Send + 'static>(&self, jobs: impl Iterator<Item = F>) {
        self.0.submitter().submit_batch(jobs).unwrap();
    }

    fn keyed(&self, key: u64, job: impl FnOnce() + Send + 'static) {
        self.0.submitter().key(Key::new(key)).detach(job).unwrap();
    }

    fn critical(&self, job: impl FnOnce() + Send + 'static) {
        self.0.submitter().priority(Priority::Critical).detach(job).unwrap();
    }
}

/// The predecessor's design: a queue of boxed closures, one lock, a future for every job, notify
/// outside the lock. Bounded only here, so that it does not win by memory.
pub struct Reference {
    shared: Arc<(Mutex<(VecDeque<Boxed>, bool)>, Condvar, Condvar)>,
    workers: Vec<JoinHandle<()>>,
}

impl Reference {
    pub fn new(workers: usize) -> Self {
        let shared: Arc<(Mutex<(VecDeque<Boxed>, bool)>, Condvar, Condvar)> = Arc::default();
        let work = |shared: Arc<(Mutex<(VecDeque<Boxed>, bool)>, Condvar, Condvar)>| {
            move || {
                loop {
                    let mut state = shared.0.lock().unwrap();
                    while state.0.is_empty() && !state.1 {
                        state = shared.1.wait(state).unwrap();
                    }
                    let Some(job) = state.0.pop_front() else { return };
                    drop(state);
                    shared.2.notify_one();
                    job();
                }
            }
        };
        let workers = (0..workers).map(|_| std::thread::spawn(work(Arc::clone(&shared)))).collect();
        Self { shared, workers }
    }
}

impl Contender for Reference {
    fn detach(&self, job: impl FnOnce() + Send + 'static) {
        self.submit(move || {
            job();
            0
        });
    }

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> Waiting {
        let slot: Arc<(Mutex<Option<u64>>, Condvar)> = Arc::default();
        let future = Arc::clone(&slot);
        let boxed: Boxed = Box::new(move || {
            *slot.0.lock().unwrap() = Some(job());
            slot.1.notify_all();
        });
        let mut state = self.shared.0.lock().unwrap();
        while state.0.len() >= capacity() {
            state = self.shared.2.wait(state).unwrap();
        }
        state.0.push_back(boxed);
        drop(state);
        self.shared.1.notify_one();
        Waiting::Reference(future)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        self.shared.0.lock().unwrap().1 = true;
        self.shared.1.notify_all();
        self.workers.drain(..).for_each(|worker| worker.join().unwrap());
    }
}

pub struct Threadpool(threadpool::ThreadPool);

impl Threadpool {
    pub fn new(workers: usize) -> Self {
        Self(threadpool::ThreadPool::new(workers))
    }
}

impl Contender for Threadpool {
    fn detach(&self, job: impl FnOnce() + Send + 'static) {
        self.0.execute(job);
    }
}

impl Drop for Threadpool {
    fn drop(&mut self) {
        self.0.join();
    }
}

pub struct RustyPool(Option<rusty_pool::ThreadPool>);

impl RustyPool {
    pub fn new(workers: usize) -> Self {
        let builder = rusty_pool::Builder::new().core_size(workers).max_size(workers);
        Self(Some(builder.build()))
    }
}

impl Contender for RustyPool {
    fn detach(&self, job: impl FnOnce() + Send + 'static) {
        self.0.as_ref().unwrap().execute(job);
    }
}

impl Drop for RustyPool {
    fn drop(&mut self) {
        self.0.take().unwrap().shutdown_join();
    }
}

pub struct Rayon(rayon::ThreadPool);

impl Rayon {
    pub fn new(workers: usize) -> Self {
        Self(rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap())
    }
}

impl Contender for Rayon {
    fn detach(&self, job: impl FnOnce() + Send + 'static) {
        self.0.spawn(job);
    }
}

pub struct Tokio<const BLOCKING: bool>(tokio::runtime::Runtime);

impl<const BLOCKING: bool> Tokio<BLOCKING> {
    pub fn new(workers: usize) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = if BLOCKING {
            builder.worker_threads(1).max_blocking_threads(workers)
        } else {
            builder.worker_threads(workers)
        };
        Self(builder.build().unwrap())
    }
}

impl<const BLOCKING: bool> Contender for Tokio<BLOCKING> {
    fn detach(&self, job: impl FnOnce() + Send + 'static) {
        if BLOCKING {
            drop(self.0.spawn_blocking(job));
        } else {
            drop(self.0.spawn(async move { job() }));
        }
    }
}

/// Threads that receive boxed closures from a channel.
macro_rules! channel {
    ($name:ident, $sender:ty, $make:expr) => {
        pub struct $name(Option<$sender>, Vec<JoinHandle<()>>);

        impl $name {
            pub fn new(workers: usize) -> Self {
                let (to, from) = $make;
                let work = |_| {
                    let from = from.clone();
                    std::thread::spawn(move || {
                        while let Ok(job) = from.recv() {
                            let job: Boxed = job;
                            job();
                        }
                    })
                };
                let threads = (0..workers).map(work).collect();
                Self(Some(to), threads)
            }
        }

        impl Contender for $name {
            fn detach(&self, job: impl FnOnce() + Send + 'static) {
                let _ = self.0.as_ref().unwrap().send(Box::new(job) as Boxed);
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0 = None;
                self.1.drain(..).for_each(|thread| thread.join().unwrap());
            }
        }
    };
}

channel!(CrossbeamBounded, crossbeam_channel::Sender<Boxed>, crossbeam_channel::bounded(capacity()));
channel!(CrossbeamUnbounded, crossbeam_channel::Sender<Boxed>, crossbeam_channel::unbounded());
channel!(Flume, flume::Sender<Boxed>, flume::bounded(capacity()));
channel!(Kanal, kanal::Sender<Boxed>, kanal::bounded(capacity()));

/// The least that can wake a sleeping thread for one job: a slot and a futex. One job at a time.
pub struct Futex(Arc<FutexSlot>, Option<JoinHandle<()>>);

struct FutexSlot {
    word: AtomicU32,
    job: AtomicPtr<Boxed>,
    stop: AtomicBool,
}

fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word outlives the call; no timeout, no second word.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            0_usize,
        )
    };
}

impl Futex {
    pub fn new(_workers: usize) -> Self {
        let slot = Arc::new(FutexSlot {
            word: AtomicU32::new(0),
            job: AtomicPtr::default(),
            stop: AtomicBool::new(false),
        });
        let mine = Arc::clone(&slot);
        let thread = std::thread::spawn(move || {
            loop {
                while mine.word.swap(0, AcqRel) == 0 {
                    futex(&mine.word, libc::FUTEX_WAIT, 0);
                }
                let job = mine.job.swap(std::ptr::null_mut(), AcqRel);
                if !job.is_null() {
                    // SAFETY: put there by `detach` with `Box::into_raw`, taken once.
                    unsafe { Box::from_raw(job)() };
                }
                if mine.stop.load(Acquire) {
                    return;
                }
            }
        });
        Self(slot, Some(thread))
    }

    fn ring(&self) {
        self.0.word.store(1, Release);
        futex(&self.0.word, libc::FUTEX_WAKE, 1);
    }
}

impl Contender for Futex {
    fn detach(&self, job: impl FnOnce() + Send + 'static) {
        while !self.0.job.load(Relaxed).is_null() {
            std::thread::yield_now();
        }
        let boxed: Boxed = Box::new(job);
        self.0.job.store(Box::into_raw(Box::new(boxed)), Release);
        self.ring();
    }
}

impl Drop for Futex {
    fn drop(&mut self) {
        self.0.stop.store(true, Release);
        self.ring();
        self.1.take().unwrap().join().unwrap();
    }
}

/// No pool at all.
pub struct Inline;

impl Contender for Inline {
    fn detach(&self, job: impl FnOnce() + Send + 'static) {
        job();
    }

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> Waiting {
        Waiting::Done(job())
    }
}
