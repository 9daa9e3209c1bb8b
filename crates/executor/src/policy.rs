//! The choices a submitter makes for its jobs.

use std::time::Duration;

/// How urgent a job is. The order is that of urgency: `Critical` is the smallest.
///
/// Workers take the most urgent job first, except that every eighth time one comes for jobs it
/// begins with `Low`, `Medium` or `High`, these in turn, and goes on to what is less urgent first:
/// however long floods last, of eight visits one moves something below the most urgent class that
/// waits, and of 24 at least one moves each class.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Priority {
    /// Overtakes everything; wakes a worker even if one is already on its way.
    Critical,
    /// Overtakes what is below; wakes like `Critical`.
    High,
    /// What is not said to be otherwise.
    #[default]
    Medium,
    /// What can wait.
    Low,
}

impl Priority {
    /// All of them, most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// Its place in [`Priority::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    pub(crate) const fn is_urgent(self) -> bool {
        matches!(self, Self::Critical | Self::High)
    }
}

/// What a submitter wants done when the queue is full.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenFull {
    /// Wait for room, so that backpressure reaches the source. A worker of the same pool does not
    /// wait, since nobody might be left to make room: it is refused.
    #[default]
    Block,
    /// Wait for room, but no longer than this; then, and on a worker at once, be refused.
    BlockFor(Duration),
    /// Be refused at once.
    Reject,
    /// Evict and count the job that has waited longest among those no more urgent than the new
    /// one: fresh beats complete. Of each class the next in turn is looked at, and of these the one
    /// that was submitted first goes; under [`Timing::Sampled`], where not every job has an age, the
    /// one of the least urgent class. Refused if all that waits is more urgent, or waits for a running
    /// job of its key: those stay.
    DropOldest,
    /// Evict and count the oldest job of the least urgent class that waits, if that class is less
    /// urgent than the new job's. Otherwise be refused.
    DropLowest,
    /// Run the job here and now, in the submitter's thread. A keyed job is refused instead: its
    /// turn may not have come.
    RunInCaller,
}

/// What becomes of a job whose deadline has passed before it started. Counted either way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenLate {
    /// It is dropped; its handle reports [`JobError::Expired`](crate::JobError::Expired).
    #[default]
    Drop,
    /// It runs all the same.
    Run,
}

/// How many jobs are timed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Timing {
    /// Every one.
    #[default]
    Exact,
    /// One in eight of each submitting thread. Counts stay exact; histograms, averages and busy
    /// time then speak for those jobs only, and `DropOldest` goes by class.
    Sampled,
}
