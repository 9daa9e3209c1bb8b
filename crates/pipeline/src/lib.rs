//! The use cases, named after the way of a sample.
//!
//! ```text
//! acquire ──Acquired──▶ queue ──▶ store ──(derive on the executor)──▶ Spool ──▶ forward ──▶ Publisher
//! ```
//!
//! * [`acquire`] — one worker per bus asks each device at its time, or listens to it. Uses [`schedule`].
//! * [`quality`] — how well each device is sampled.
//! * [`queue`] — bounded, with a named policy for when it is full.
//! * [`mod@derive`] — derived metrics: a graph over streams, aligned in time, as jobs on the thread pool.
//! * [`store`] — appends readings to the spool, as samples.
//! * [`supervise`] — sees a worker that hangs with its bus, and speaks for its devices.
//! * [`alarms`] — hands an operator's note to the alarm that it is for.
//! * [`command`] — carries out what an operator asks for, keeps it, and has it audited.
//! * [`forward`] — sends the backlog and moves the cursor by what the broker acknowledged.
//! * [`time`] — looks at the clock, and corrects the times of samples when they are sent.
//! * [`telemetry`] — what the gateway counts about itself.
//!
//! # Invariants
//!
//! 1. Acquisition and delivery share nothing but the spool: the network never slows a sensor down.
//! 2. Each time that a device was due gives one outcome for each of its streams: a quantity or a gap.
//!    A run of due times that passed unserved gives one gap and is counted in full.
//! 3. The readings of one stream are stored in the order in which they were taken.
//! 4. What leaves the queue unstored, and why, is counted.
//! 5. A panic in a device or a job is caught, counted, and becomes a gap; the rest goes on.
//!
//! # Deliberately absent
//!
//! Threads: each part has a `step` that does what is due now, and a `run` that a thread of the
//! composition root calls. A simulation calls `step` itself, on virtual time.

pub mod acquire;
pub mod alarms;
pub mod command;
pub mod derive;
pub mod forward;
pub mod quality;
pub mod queue;
pub mod schedule;
pub mod store;
pub mod supervise;
pub mod telemetry;
pub mod time;
