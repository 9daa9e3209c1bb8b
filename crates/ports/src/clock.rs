//! The port to time.

use domain::{Monotonic, Timestamp};

/// Both clocks, and the wait for one of them.
///
/// # Contract
///
/// * **Shape** — [`now`](Self::now) takes wall and monotonic time of one instant.
/// * **Time** — monotonic time never runs backwards, whatever happens to the wall clock. All clocks
///   of one process share it, so that times from different threads compare.
/// * **Waiting** — [`sleep_until`](Self::sleep_until) goes by monotonic time only: a step of the wall
///   clock neither shortens nor lengthens it. It never returns [`Wake::Due`] early.
/// * **Interruption** — once interrupted, every present and future sleep on this clock returns
///   [`Wake::Interrupted`] at once; this is how a shutdown reaches a sleeping worker.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present instant on both clocks.
    fn now(&self) -> Timestamp;

    /// Blocks until `deadline` or until interrupted. Returns at once if `deadline` has passed.
    fn sleep_until(&self, deadline: Monotonic) -> Wake;
}

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an interrupted sleeper has to wind up"]
pub enum Wake {
    /// The deadline has come.
    Due,
    /// The gateway is shutting down.
    Interrupted,
}
