//! A bounded thread pool for jobs submitted from outside: fast when flooded, prompt when idle,
//! asleep when there is nothing to do, and unable to lose a job.
//!
//! # Results
//!
//! ```
//! use std::num::NonZeroUsize;
//! use executor::{Executor, JobError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = Executor::builder().workers(NonZeroUsize::MIN).build()?;
//! let answer = executor.submit(|| 6 * 7).map_err(|refused| refused.to_string())?;
//! assert_eq!(answer.join()?, 42);
//! let broken = executor.submit(|| panic!("no reading")).map_err(|refused| refused.to_string())?;
//! let message = "no reading".to_owned();
//! assert_eq!(broken.join(), Err::<(), _>(JobError::Panicked { message }));
//! assert_eq!(executor.drain().processed, 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Priorities
//!
//! ```
//! use executor::{Executor, Priority};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = Executor::builder().build()?;
//! let alarms = executor.submitter().priority(Priority::Critical).name("alarm");
//! let health = executor.submitter().priority(Priority::Low).name("health");
//! health.detach(|| ()).map_err(|refused| refused.to_string())?;
//! let alarm = alarms.submit(|| "valve shut").map_err(|refused| refused.to_string())?;
//! assert_eq!(alarm.join()?, "valve shut");
//! # Ok(())
//! # }
//! ```
//!
//! # Strands
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use executor::{Executor, Key};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = Executor::builder().build()?;
//! let seen = Arc::new(Mutex::new(Vec::new()));
//! let sensor = executor.submitter().key(Key::of("boiler/outlet"));
//! for sequence in 0..5 {
//!     let seen = Arc::clone(&seen);
//!     let job = move || seen.lock().map(|mut seen| seen.push(sequence)).unwrap_or(());
//!     sensor.detach(job).map_err(|refused| refused.to_string())?;
//! }
//! executor.drain();
//! assert_eq!(*seen.lock().map_err(|_| "poisoned")?, [0, 1, 2, 3, 4]);
//! # Ok(())
//! # }
//! ```
//!
//! # Backpressure
//!
//! ```
//! use std::num::NonZeroUsize;
//! use executor::{Executor, SubmitError, WhenFull};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let one = NonZeroUsize::MIN;
//! let executor = Executor::builder().workers(one).capacity(one).build()?;
//! let samples = executor.submitter().when_full(WhenFull::Reject);
//! let mut kept = 0;
//! for _ in 0..100 {
//!     match samples.detach(|| std::thread::yield_now()) {
//!         Err(SubmitError::Full { job, .. }) => job(), // it is ours again: run it here
//!         Err(closed) => return Err(closed.to_string().into()),
//!         Ok(()) => kept += 1,
//!     }
//! }
//! let totals = executor.drain();
//! assert_eq!((totals.processed, totals.rejected), (kept, 100 - kept));
//! # Ok(())
//! # }
//! ```
//!
//! # Dynamic workers
//!
//! ```
//! use std::{num::NonZeroUsize, time::Duration};
//! use executor::{Executor, Scaling, blocking};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let min = NonZeroUsize::MIN;
//! let scaling = Scaling { min, grow_after: Duration::from_secs(2), ..Scaling::default() };
//! let executor = Executor::builder().scaling(scaling).compensation(4).build()?;
//! let file = executor.submit(|| blocking(|| std::fs::read_to_string("/proc/uptime")));
//! let file = file.map_err(|refused| refused.to_string())?;
//! assert!(file.join()?.is_ok_and(|uptime| !uptime.is_empty()));
//! assert!(executor.metrics().workers >= 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Shutdown
//!
//! ```
//! use std::time::Duration;
//! use executor::{Executor, SubmitError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = Executor::builder().build()?;
//! let handle = executor.submit(|| 1).map_err(|refused| refused.to_string())?;
//! executor.close();
//! assert!(matches!(executor.submit(|| 2), Err(SubmitError::Closed { .. })));
//! let report = executor.drain_for(Duration::from_secs(5));
//! assert!(report.is_complete(), "left behind: {:?}", report.unfinished);
//! assert_eq!((handle.join()?, report.metrics.processed), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # What does not compile
//!
//! A job must own what it uses, or be submitted in a [`scope`](Executor::scope):
//!
//! ```compile_fail,E0373
//! # let executor = executor::Executor::builder().build().unwrap();
//! let local = 5;
//! drop(executor.submit(|| local + 1));
//! ```
//!
//! It must be able to cross threads, and so must its result:
//!
//! ```compile_fail,E0277
//! # let executor = executor::Executor::builder().build().unwrap();
//! let shared = std::rc::Rc::new(5);
//! drop(executor.submit(move || *shared));
//! ```
//!
//! ```compile_fail,E0277
//! # let executor = executor::Executor::builder().build().unwrap();
//! drop(executor.submit(|| std::rc::Rc::new(5)));
//! ```
//!
//! A handle gives its result once, and a drained executor takes nothing:
//!
//! ```compile_fail,E0382
//! # let executor = executor::Executor::builder().build().unwrap();
//! let handle = executor.submit(|| 5).unwrap();
//! (handle.join(), handle.join());
//! ```
//!
//! ```compile_fail,E0382
//! # let executor = executor::Executor::builder().build().unwrap();
//! executor.drain();
//! drop(executor.submit(|| 5));
//! ```
//!
//! # Terms
//!
//! * **Job** — one unit of work: a closure, run at most once.
//! * **Worker** — one thread of the pool; it runs one job at a time.
//! * **Queue** — the jobs accepted and not yet taken by a worker.
//! * **Strand** — the jobs of one key, run in order, one at a time.
//! * **Drain** — to run what is queued, accept nothing new, and join the workers.
//!
//! # Invariants
//!
//! 1. An accepted job runs exactly once, or is given up, counted, and reported to its handle; a
//!    refused one travels back inside [`SubmitError`].
//! 2. No job is accepted while as many as the capacity wait. What waits is never more, but for keyed
//!    jobs that a worker had in hand and puts back: 31 for each worker, stand-ins included.
//! 3. A panic ends the job that raised it and nothing else.
//! 4. A worker never waits for room in its own queue: submitting from a job cannot deadlock.
//! 5. While a job waits, no worker sleeps unless another is on its way; in a flood of tiny jobs it
//!    may rest for 100 µs while another is at work. No timer covers up for a lost wake-up.
//!
//! The protocol behind them is told in the crate's `README.md`.
//!
//! # Deliberately absent
//!
//! An async runtime, I/O, timers, work stealing between queues of jobs that jobs spawn, and any
//! knowledge of what a job is for.

#![expect(
    clippy::inline_always,
    reason = "a job is written once, where it waits, only if the whole way there is inlined"
)]

mod batch;
mod block;
mod builder;
mod cancel;
mod cell;
mod clock;
mod error;
mod executor;
mod handle;
mod histogram;
mod job;
mod metrics;
#[cfg(all(test, loom))]
mod models;
mod monitor;
mod policy;
mod pool;
mod queue;
mod recorder;
mod room;
mod sampling;
mod scope;
mod spell;
mod strand;
mod submitter;
mod sync;
mod system;
mod worker;

pub use builder::{BuildError, Builder, Scaling};
pub use cancel::CancelToken;
pub use error::{JobError, SubmitError};
pub use executor::{DrainReport, Executor, Unfinished};
pub use handle::JobHandle;
pub use histogram::Latency;
pub use metrics::Metrics;
pub use monitor::SlowJob;
pub use policy::{Priority, Timing, WhenFull, WhenLate};
pub use recorder::TraceRecord;
pub use scope::{Scope, ScopedHandle};
pub use strand::Key;
pub use submitter::{BatchError, Submitter};
pub use system::{Scheduling, ThreadState};
pub use worker::blocking;
