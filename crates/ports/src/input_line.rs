//! The port to one digital input.

use core::time::Duration;

use domain::NoData;

/// A change of a line's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The level after it.
    pub level: bool,
    /// How many there have been since the line was opened, with this one. Those that got lost for
    /// want of room are counted: a jump by more than one tells how many.
    pub number: u32,
    /// When, by a clock of the machine's that never goes back: only differences mean something.
    pub at: Duration,
}

/// One digital input, with an edge detector that counts while nobody looks.
///
/// # Contract
///
/// * **Shape** — levels and edges are logical: true is active, whatever the voltage.
/// * **Time** — [`level`](Self::level) does not wait; [`edges`](Self::edges) returns as soon as there is
///   one, and at the latest a little after `patience`. With no patience it takes what is there.
/// * **Failure** — any reason means that the line has been closed: edges until it is open again are
///   lost, and their numbers begin at 1 anew. A line that has come back works again without being made
///   anew.
pub trait InputLine: Send {
    /// The level now.
    ///
    /// # Errors
    ///
    /// The reason that it is not known.
    fn level(&mut self) -> Result<bool, NoData>;

    /// The edges since the last call, oldest first; none if there was none.
    ///
    /// # Errors
    ///
    /// The reason that they are not known.
    fn edges(&mut self, patience: Duration) -> Result<Vec<Edge>, NoData>;
}

impl<L: InputLine + ?Sized> InputLine for Box<L> {
    fn level(&mut self) -> Result<bool, NoData> {
        (**self).level()
    }

    fn edges(&mut self, patience: Duration) -> Result<Vec<Edge>, NoData> {
        (**self).edges(patience)
    }
}
