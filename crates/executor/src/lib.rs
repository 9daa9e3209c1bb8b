//! A bounded thread pool for jobs submitted from outside.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use executor::Executor;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = Executor::builder().workers(NonZeroUsize::MIN).build()?;
//! let answer = executor.submit(|| 6 * 7).map_err(|refused| refused.to_string())?;
//! assert_eq!(answer.join()?, 42);
//! assert_eq!(executor.drain().processed, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Terms
//!
//! * **Job** — one unit of work: a closure, run once, whose result goes to its [`JobHandle`].
//! * **Worker** — one thread of the pool; it runs one job at a time.
//! * **Queue** — the jobs accepted but not yet started; never more than the capacity.
//! * **Drain** — to run what is queued, accept nothing new, and join the workers.
//!
//! # Invariants
//!
//! 1. An accepted job runs exactly once; a refused one travels back inside [`SubmitError`].
//! 2. The queue never holds more than its capacity.
//! 3. A panic ends the job that raised it and nothing else.
//! 4. A worker never waits for room in its own queue: submitting from a job cannot deadlock.
//!
//! # Deliberately absent
//!
//! An async runtime, I/O, timers, and any knowledge of what a job is for.

mod builder;
mod error;
mod handle;
mod metrics;
mod pool;

pub use builder::{BuildError, Builder};
pub use error::{JobError, SubmitError};
pub use handle::JobHandle;
pub use metrics::Metrics;
pub use pool::Executor;
