//! The inputs of one metric, aligned in time.
//!
//! # Terms
//!
//! * **Pace** — the first input: each of its readings becomes one call of the metric.
//! * **Ripe** — a reading of the pace of which no better company can come: each other input has told
//!   something of its time or later, or some input is past the tolerance.
//!
//! # Invariants
//!
//! 1. What is taken of another input is its reading that is nearest in time, within the tolerance; of two
//!    as near the earlier, of two of one time before or at the pace's the one that came later. If there
//!    is none, that input is a gap, `stale`.
//! 2. A reading that is older than one of the same input, or than the last reading of the pace that was
//!    decided on, is late: it is refused.
//! 3. No more than [`WAITING_MAX`] readings of an input wait; beyond it the oldest of the pace is
//!    decided on at once, and the oldest of another input is forgotten.
//! 4. What comes out depends on what came in and in which order, not on how it was cut into batches.

use core::time::Duration;
use std::collections::VecDeque;

use domain::{
    NoData, Quality, Timestamp,
    derived::{Input, Moment},
};

/// The most readings of one input that wait.
const WAITING_MAX: usize = 4_096;

/// What an input has told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    /// Which outcome of the batch it came from: all of one transaction have the same.
    pub(super) order: u32,
    /// Its time on the axis of the metrics.
    pub(super) at: Moment,
    /// The same instant on the clocks.
    pub(super) stamp: Timestamp,
    /// What it says.
    pub(super) input: Input,
}

/// Waits for what belongs together.
#[derive(Debug)]
pub(super) struct Aligner {
    tolerance: Duration,
    pace: VecDeque<Told>,
    others: Vec<Lane>,
    /// The newest of the pace.
    newest_of_pace: Option<Moment>,
    /// The newest of any input.
    newest: Option<Moment>,
    decided: Option<Moment>,
}

/// An input other than the first: what of it may still be the nearest.
#[derive(Debug, Default)]
struct Lane {
    known: VecDeque<(Moment, Input)>,
    newest: Option<Moment>,
}

impl Aligner {
    /// For so many `inputs`, one at least, which belong together if they are no more than `tolerance`
    /// apart.
    pub(super) fn new(inputs: usize, tolerance: Duration) -> Self {
        let others = (1..inputs).map(|_| Lane::default()).collect();
        let (newest_of_pace, newest, decided) = (None, None, None);
        Self { tolerance, pace: VecDeque::new(), others, newest_of_pace, newest, decided }
    }

    /// Takes what the input of number `role` tells. False if it is late.
    pub(super) fn tell(&mut self, role: usize, told: Told) -> bool {
        let lane = role.checked_sub(1).and_then(|other| self.others.get_mut(other));
        let before =
            lane.as_ref().map_or(self.newest_of_pace, |lane| lane.newest.max(self.decided));
        if before.is_some_and(|before| told.at < before) {
            return false;
        }
        self.newest = self.newest.max(Some(told.at));
        match lane {
            None => {
                self.newest_of_pace = Some(told.at);
                self.pace.push_back(told);
            }
            Some(lane) => {
                let wanted = self.pace.front().map(|pace| pace.at).or(self.newest_of_pace);
                lane.tell(told, wanted);
            }
        }
        true
    }

    /// The next reading of the pace that is ripe, or any if this `is_the_end`; `inputs` are then what the
    /// inputs say of its time.
    pub(super) fn next(&mut self, inputs: &mut Vec<Input>, is_the_end: bool) -> Option<Told> {
        let at = self.pace.front()?.at;
        if !is_the_end && !self.is_ripe(at) {
            return None;
        }
        let pace = self.pace.pop_front()?;
        self.decided = Some(at);
        inputs.clear();
        inputs.push(pace.input);
        let tolerance = self.tolerance;
        inputs.extend(self.others.iter_mut().map(|lane| lane.nearest(at, tolerance)));
        Some(pace)
    }

    fn is_ripe(&self, at: Moment) -> bool {
        self.others.iter().all(|lane| lane.newest >= Some(at))
            || self.newest > Some(at.after(self.tolerance))
            || self.pace.len() > WAITING_MAX
    }
}

impl Lane {
    fn tell(&mut self, told: Told, wanted: Option<Moment>) {
        self.newest = Some(told.at);
        self.known.push_back((told.at, told.input));
        if let Some(wanted) = wanted {
            self.forget_before(wanted);
        }
        if self.known.len() > WAITING_MAX {
            self.known.pop_front();
        }
    }

    /// Forgets all that is farther from `at`, and from whatever comes after it, than something else.
    fn forget_before(&mut self, at: Moment) {
        while self.known.get(1).is_some_and(|&(next, _)| next <= at) {
            self.known.pop_front();
        }
    }

    fn nearest(&mut self, at: Moment, tolerance: Duration) -> Input {
        self.forget_before(at);
        let is_near =
            |&&(of, _): &&(Moment, Input)| at.before(tolerance) <= of && of <= at.after(tolerance);
        let distance = |&&(of, _): &&(Moment, Input)| of.as_nanos().abs_diff(at.as_nanos());
        let nearest = self.known.iter().take(2).filter(is_near).min_by_key(distance);
        let stale = Input { outcome: Err(NoData::Stale), quality: Quality::Good };
        nearest.map_or(stale, |&(_, input)| input)
    }
}

#[cfg(test)]
mod tests;
