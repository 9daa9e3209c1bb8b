//! How fast something changes, smoothed.

use core::time::Duration;

use crate::derived::{Moment, Words};

/// Rate of change: the slopes between consecutive values, averaged exponentially with a time constant.
///
/// After an interval h: `r ← r + (slope - r) (1 - e^(-h/τ))`. That is the filtered derivative `s / (1 + τ s)` in
/// its ramp-equivalent form, exact for uneven sampling (Åström and Wittenmark, Computer-Controlled Systems,
/// 1997, chapter 8): a ramp is read within 5 % after three time constants, and a step of Δ as Δ/τ at the
/// most, dying away.
///
/// * It begins at 0: in its first time constants it is cautious.
/// * Values of equal times: the last of them holds, and the rate stays.
/// * Across a gap it takes the slope between the values on both sides. State: three numbers.
#[derive(Clone, Debug)]
pub struct Slope {
    span_s: f64,
    last: Option<(Moment, f64)>,
    per_second: f64,
}

/// Slopes are kept within this, so that arithmetic with them is finite.
const STEEPEST: f64 = 1e300;

impl Slope {
    /// With this time constant; zero stands for no smoothing.
    pub const fn new(span: Duration) -> Self {
        Self { span_s: span.as_secs_f64(), last: None, per_second: 0.0 }
    }

    /// Takes the value at `at`, not earlier than the one before, and gives the rate per second.
    pub fn next(&mut self, at: Moment, value: f64) -> f64 {
        let last = self.last.replace((at, value));
        if let Some((then, before)) = last.filter(|(then, _)| *then < at) {
            let interval_s = at.seconds_since(then);
            let slope = ((value - before) / interval_s).clamp(-STEEPEST, STEEPEST);
            let weight = -(-interval_s / self.span_s).exp_m1();
            self.per_second += (slope - self.per_second) * weight;
        }
        self.per_second
    }

    pub(super) fn save(&self, words: &mut Vec<u64>) {
        let (at, value) = self.last.unwrap_or_default();
        let is_begun = u64::from(self.last.is_some());
        words.extend([self.per_second.to_bits(), is_begun, at.word(), value.to_bits()]);
    }

    /// Nothing is changed if the words are no state.
    pub(super) fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        let (per_second, is_begun) = (words.number()?, words.word()? != 0);
        let last = (words.moment()?, words.number()?);
        *self = Self { span_s: self.span_s, last: Some(last).filter(|_| is_begun), per_second };
        Some(())
    }
}
