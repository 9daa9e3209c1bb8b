//! What every derived metric is: a state that takes inputs and gives outputs, in order.
//!
//! # Terms
//!
//! * **Moment** — a time on the axis of the derived metrics. It goes on across restarts and reboots and
//!   never goes back; where it stands against the wall clock is the pipeline's business.
//! * **Words** — what a state is saved as: 64-bit numbers, which mean something only to the metric that
//!   wrote them, with the same arguments.
//!
//! # Invariants
//!
//! 1. A metric is a function of its inputs and its state: no clock, no thread, no random number.
//! 2. Outputs come in the order of their moments.
//! 3. A state that was saved and restored goes on bit for bit as the one that it was saved from.
//! 4. [`Metric::next`] allocates nothing once its windows are full.

use core::time::Duration;

use crate::{NoData, Quality, Quantity, QuantityKind};

/// A time on the axis of the derived metrics, in nanoseconds. Its zero means nothing by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds from `earlier` to this; negative if it is later.
    #[expect(
        clippy::cast_precision_loss,
        reason = "104 days to the nanosecond, and longer spans to 2^-52 of them"
    )]
    pub const fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e9
    }

    /// This and `span` more; stops at the end of the axis.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// `span` before this; stops at the beginning of the axis.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// What one input of a metric has to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// The quantity, or why there is none.
    pub outcome: Result<Quantity, NoData>,
    /// How far to trust it.
    pub quality: Quality,
}

impl Input {
    /// The number in the unit of its kind.
    ///
    /// # Errors
    ///
    /// The gap.
    pub fn number(self) -> Result<f64, NoData> {
        self.outcome.map(Quantity::number)
    }
}

/// What a metric has to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// The time it is for: that of the inputs, or the end of a window.
    pub at: Moment,
    /// The quantity, of the kind that the metric was made for, or why there is none.
    pub outcome: Result<Quantity, NoData>,
    /// How far to trust it.
    pub quality: Quality,
}

impl Output {
    /// `number` as a quantity of `kind`, and a gap if no such quantity can have it.
    pub fn number(at: Moment, kind: QuantityKind, number: f64, quality: Quality) -> Self {
        match kind.quantity(number) {
            Ok(quantity) => Self { at, outcome: Ok(quantity), quality },
            Err(_) => Self::gap(at, NoData::Implausible),
        }
    }

    /// No quantity, and why.
    pub const fn gap(at: Moment, reason: NoData) -> Self {
        Self { at, outcome: Err(reason), quality: Quality::Good }
    }
}

/// How soon somebody should see what an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// When there is nothing else.
    Low,
    /// Like any other metric.
    Medium,
    /// Before other metrics.
    High,
    /// Before everything.
    Critical,
}

impl Urgency {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word for it in configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// One derived metric with its state.
pub trait Metric: Send {
    /// Takes what the inputs say of `at`, one for each [role](super::Role) and in their order, and
    /// appends what follows to `out`: for most metrics one output, for windows that are not over and
    /// for reports by exception none.
    ///
    /// `at` is later than, or the same as, that of the call before; callers see to it.
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>);

    /// Reads what [`next`](Self::next) will, and changes nothing: whoever touches many metrics before it calls
    /// them waits once for memory that is far away, and not once for each. Worth it for a state that is large
    /// or scattered.
    fn touch(&self) {}

    /// Appends the state to `words`: as much as is needed to go on. Nothing if there is no state.
    fn save(&self, words: &mut Vec<u64>) {
        let _ = words;
    }

    /// Takes a state that [`save`](Self::save) wrote for the same function with the same arguments.
    ///
    /// `None` if the words are not one. The metric is then in any state that is good to go on from.
    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        let _ = words;
        Some(())
    }

    /// What was told last may not have arrived, or may be newer than the state: what tells no more than
    /// changes tells with the next input where it stands. After each start.
    fn repeat(&mut self) {}

    /// An operator has taken note, at `at`: for alarms. False if there is nothing to take note of.
    fn acknowledge(&mut self, at: Moment, out: &mut Vec<Output>) -> bool {
        let _ = (at, out);
        false
    }

    /// How urgent the outputs are, for alarms; nothing for what is as urgent as any other metric.
    fn urgency(&self) -> Option<Urgency> {
        None
    }
}

/// Reads a saved state. Every method gives `None` when the words are over or mean nothing.
#[derive(Clone, Debug)]
pub struct Words<'a>(core::slice::Iter<'a, u64>);

impl<'a> Words<'a> {
    /// Reads `words` from the first.
    pub fn new(words: &'a [u64]) -> Self {
        Self(words.iter())
    }

    /// The next word.
    pub fn word(&mut self) -> Option<u64> {
        self.0.next().copied()
    }

    /// A finite number, as [`f64::to_bits`] has it.
    pub fn number(&mut self) -> Option<f64> {
        self.word().map(f64::from_bits).filter(|number| number.is_finite())
    }

    /// A moment, written by [`Moment::word`].
    pub fn moment(&mut self) -> Option<Moment> {
        self.word().map(|word| Moment(word.cast_signed()))
    }

    /// How many things follow: `most` at the most, and no more than there are words left.
    pub fn count(&mut self, most: usize) -> Option<usize> {
        let count = usize::try_from(self.word()?).ok()?;
        (count <= most && count <= self.0.len()).then_some(count)
    }

    /// Whether all words are read.
    pub fn is_over(&self) -> bool {
        self.0.len() == 0
    }
}

impl Moment {
    /// The word that [`Words::moment`] reads.
    pub const fn word(self) -> u64 {
        self.0.cast_unsigned()
    }
}
