//! The port to what disciplines the wall clock.

use domain::{Trust, time::Look};

/// What disciplines the wall clock, and the mark that times of this process get.
///
/// # Contract
///
/// * **Shape** — a [`look`](Self::look) has both clocks at one instant and says how far apart they were
///   read at most.
/// * **Time** — cheap enough for once a second; blocks on nothing.
/// * **Mark** — from the return of [`tell`](Self::tell) on, each time that a clock of this process
///   gives has the mark that was told last; before the first, it has none.
pub trait Discipline: Send {
    /// What the clocks are, and whether anybody vouches for them.
    fn look(&mut self) -> Look;

    /// From now on times have the mark `trust`.
    fn tell(&mut self, trust: Trust);
}
