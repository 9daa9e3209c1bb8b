//! Statistics over windows.
//!
//! # Terms
//!
//! * **Window** — the samples that a result is of: the last so many or of so much time, each time anew
//!   (**sliding**) or one after the other (**tumbling**).
//! * **Statistic** — what is told of a window. It is either read from an aggregate that samples are
//!   folded into, or from the samples in order.
//!
//! # Invariants
//!
//! 1. A sample costs O(1) steps in the mean where samples are folded (one in as many steps as the window
//!    has samples takes as many), and O(log n) where they are in order.
//! 2. What has left a window leaves no trace: no rounding error builds up, whatever has been in it.
//! 3. A gap is not averaged over: it takes no part, and makes the window uncertain. So does a reading
//!    that is uncertain itself, and a window that has not been full yet.
//!
//! # Memory
//!
//! By samples at most 1,000,000 are held, by time 100,000: the oldest give way, and the result is
//! uncertain. Per sample: 16 bytes and those of one aggregate, 16 to 80; median and percentile 24, or 40
//! beyond 1,024; by time up to twice as many. Tumbling windows hold no samples, but for median and
//! percentile. Saved: two words per sample.
//!
//! # Deliberately absent
//!
//! Means of what is round, such as a course, or a code, such as the state of an alarm. Metrics of the
//! variance: its unit is the square of the input's and no quantity has it; [`variance`] is a function, and
//! `standard_deviation` says the same in the unit of the input.

mod aggregate;
mod entries;
mod fold;
mod order;
mod ordered;
mod pure;
mod shape;
mod sliding;
mod tumbling;

use super::{Moment, Words, run::Held};

pub(super) use aggregate::{Aggregate, Line, Spread};
pub(super) use entries::{ENTRIES, OF};
pub(super) use fold::{Finish, Folded};
pub(super) use ordered::Ordered;
pub use pure::{mean, percentile, standard_deviation, variance};
pub(super) use shape::{KIND, SAMPLES, SPAN, Shape, not_of_one};
pub use shape::{MOST_BY_SPAN, beyond_room};

/// Samples that come to a window.
pub(super) trait Gather: Send {
    /// Takes a sample, the newest. The moment of the oldest, if it had to give way.
    fn push(&mut self, sample: Held) -> Option<Moment>;

    /// Begins an empty window.
    fn clear(&mut self);

    /// The statistic; none if there is none of so few samples.
    fn number(&self) -> Option<f64>;

    /// Reads what the next push will.
    fn touch(&self) {}

    /// Appends the samples, or what they are folded into, to `words`.
    fn save(&self, words: &mut Vec<u64>);

    /// Takes what [`save`](Self::save) wrote.
    fn restore(&mut self, words: &mut Words<'_>) -> Option<()>;
}

/// Samples that come to a window and leave it in the same order.
pub(super) trait Slide: Gather {
    /// The moment of the oldest.
    fn oldest(&self) -> Option<Moment>;

    /// Lets the oldest go, and gives its moment.
    fn evict(&mut self) -> Option<Moment>;
}

#[cfg(test)]
mod tests;
