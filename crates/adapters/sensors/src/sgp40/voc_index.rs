//! Sensirion's VOC index: how the air is against the average of the last day.
//!
//! Written after Sensirion's `sensirion_voc_algorithm.c` (2020), whose licence is below, in double
//! precision where the original has 16 bits on either side of the point.
//!
//! # The way of a sample
//!
//! Ticks, as many standard deviations from their mean as they are ([`MoxModel`]), through a logistic
//! curve onto 0 to 500, so that the mean is 100, and through a low-pass that follows slow changes
//! slowly and fast ones fast ([`Lowpass`]). Mean and deviation are estimated with time constants of
//! hours, faster at first, and not while the index says that the air is bad ([`Estimator`]).
//!
//! # Invariants
//!
//! 1. Every sequence of ticks gives numbers from 1 to 500.
//! 2. The state follows from the ticks and the interval alone.
//!
//! # Deliberately absent
//!
//! Tuning, and saving of the state.

/*
 * Copyright (c) 2020, Sensirion AG
 * All rights reserved.
 *
 * Redistribution and use in source and binary forms, with or without
 * modification, are permitted provided that the following conditions are met:
 *
 * * Redistributions of source code must retain the above copyright notice, this
 *   list of conditions and the following disclaimer.
 *
 * * Redistributions in binary form must reproduce the above copyright notice,
 *   this list of conditions and the following disclaimer in the documentation
 *   and/or other materials provided with the distribution.
 *
 * * Neither the name of Sensirion AG nor the names of its
 *   contributors may be used to endorse or promote products derived from
 *   this software without specific prior written permission.
 *
 * THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
 * AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
 * IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
 * ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE
 * LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR
 * CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF
 * SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS
 * INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN
 * CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE)
 * ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE
 * POSSIBILITY OF SUCH DAMAGE.
 */

use core::time::Duration;

/// No index for so many seconds.
const BLACKOUT: f64 = 45.0;
/// Ticks are taken as from 20 001 to 52 767, less 20 000.
const TICKS: (f64, f64) = (20_001.0, 52_767.0);
const TICKS_OFFSET: f64 = 20_000.0;

const INDEX_GAIN: f64 = 230.0;
const INDEX_MAX: f64 = 500.0;
const DEVIATION_BONUS: f64 = 220.0;
const DEVIATION_FIRST: f64 = 50.0;
/// Logistic curve from deviations to the index.
const SCALE: Logistic = Logistic { height: INDEX_MAX, steepness: -0.006_5, middle: 213.0 };

/// Seconds: time constants of the low-pass, and how much a difference hurries it.
const LOWPASS_FAST: f64 = 20.0;
const LOWPASS_SLOW: f64 = 500.0;
const LOWPASS_HURRY: f64 = -0.2;

/// The estimator's numbers are kept this much larger, and the ticks so much smaller.
const GAMMA: f64 = 64.0;
/// Time constants: of mean and deviation in hours; of both at first, in seconds.
const LEARNING_HOURS: f64 = 12.0;
const MEAN_FIRST: f64 = 20.0;
const DEVIATION_FIRST_SECONDS: f64 = 2_500.0;
/// "At first" ends around so many seconds, this abruptly.
const MEAN_FIRST_ENDS: f64 = 2_700.0;
const DEVIATION_FIRST_ENDS: f64 = 5_220.0;
const FIRST_ENDS_STEEPNESS: f64 = 0.01;
/// Above such an index nothing is learnt: at first and later, this abruptly, and so many minutes long.
const GATE_FIRST: f64 = 510.0;
const GATE: f64 = 340.0;
const GATE_STEEPNESS: f64 = 0.09;
const GATE_MINUTES_MAX: f64 = 180.0;
/// How much faster gated minutes are counted than they are forgotten.
const GATE_RATIO: f64 = 0.3;
/// From where on the mean is moved into the offset, and larger deviations are scaled down.
const MEAN_MAX: f64 = 100.0;
const DEVIATION_MAX: f64 = 1_440.0;
/// Where the original's clocks stop, seconds.
const UPTIME_MAX: f64 = 32_767.0;

/// The index of one chip.
#[derive(Clone, Debug)]
pub(super) struct VocIndex {
    /// Seconds.
    interval: f64,
    uptime: f64,
    estimator: Estimator,
    lowpass: Lowpass,
}

impl VocIndex {
    /// An index that knows nothing yet and gets its ticks once per `interval`, 1 to 10 s.
    pub(super) fn every(interval: Duration) -> Self {
        let interval = interval.as_secs_f64().clamp(1.0, 10.0);
        Self {
            interval,
            uptime: 0.0,
            estimator: Estimator::new(interval),
            lowpass: Lowpass::default(),
        }
    }

    /// The index, a whole number from 1 to 500, as of these `ticks`. `None` during the blackout.
    pub(super) fn after(&mut self, ticks: u16) -> Option<f64> {
        if self.uptime <= BLACKOUT {
            self.uptime += self.interval;
            return None;
        }
        let (low, high) = TICKS;
        let ticks = f64::from(ticks).clamp(low, high) - TICKS_OFFSET;
        let index = self.lowpass.after(SCALE.at(self.estimator.deviations(ticks)), self.interval);
        let index = index.max(0.5);
        self.estimator.learn(ticks, index);
        Some((index + 0.5).floor())
    }
}

/// `height / (1 + exp(steepness (x - middle)))`.
#[derive(Clone, Copy)]
struct Logistic {
    height: f64,
    steepness: f64,
    middle: f64,
}

impl Logistic {
    fn at(self, x: f64) -> f64 {
        self.height / (1.0 + (self.steepness * (x - self.middle)).exp())
    }
}

/// Low-pass that is the faster the more its fast and its slow self differ.
#[derive(Clone, Debug, Default)]
struct Lowpass(Option<[f64; 3]>);

impl Lowpass {
    fn after(&mut self, sample: f64, interval: f64) -> f64 {
        let [fast, slow, adaptive] = self.0.unwrap_or([sample; 3]);
        let step =
            |from: f64, seconds: f64| from + (sample - from) * interval / (seconds + interval);
        let (fast, slow) = (step(fast, LOWPASS_FAST), step(slow, LOWPASS_SLOW));
        let hurry = (LOWPASS_HURRY * (fast - slow).abs()).exp();
        let adaptive = step(adaptive, (LOWPASS_SLOW - LOWPASS_FAST) * hurry + LOWPASS_FAST);
        self.0 = Some([fast, slow, adaptive]);
        adaptive
    }
}

/// Mean and standard deviation of the ticks over hours.
#[derive(Clone, Debug)]
struct Estimator {
    interval: f64,
    /// The mean is `offset + mean`.
    offset: Option<f64>,
    mean: f64,
    deviation: f64,
    learning: f64,
    gating: f64,
    gated_minutes: f64,
}

impl Estimator {
    const fn new(interval: f64) -> Self {
        Self {
            interval,
            offset: None,
            mean: 0.0,
            deviation: DEVIATION_FIRST,
            learning: 0.0,
            gating: 0.0,
            gated_minutes: 0.0,
        }
    }

    /// How far `ticks` are from the mean, upwards for more gas.
    fn deviations(&self, ticks: f64) -> f64 {
        let mean = self.mean + self.offset.unwrap_or(0.0);
        (mean - ticks) / (self.deviation + DEVIATION_BONUS) * INDEX_GAIN
    }

    fn learn(&mut self, ticks: f64, index: f64) {
        let Some(offset) = self.offset else {
            self.offset = Some(ticks);
            return;
        };
        let offset = if self.mean.abs() < MEAN_MAX {
            offset
        } else {
            offset + std::mem::take(&mut self.mean)
        };
        self.offset = Some(offset);
        let (of_mean, of_variance) = self.rates(index);
        let step = (ticks - offset - self.mean) / GAMMA;
        let scale = if self.deviation + step.abs() > DEVIATION_MAX { 4.0 } else { 1.0 };
        let variance =
            self.deviation * (self.deviation / (GAMMA * scale)) + of_variance * step / scale * step;
        self.deviation = (scale * (GAMMA - of_variance)).sqrt() * variance.sqrt();
        self.mean += of_mean * step;
    }

    /// How fast mean and variance are learnt now, both times [`GAMMA`].
    fn rates(&mut self, index: f64) -> (f64, f64) {
        self.learning = (self.learning + self.interval).min(UPTIME_MAX);
        self.gating = (self.gating + self.interval).min(UPTIME_MAX);
        let rate = |seconds: f64| GAMMA * self.interval / (seconds + self.interval);
        let later = rate(LEARNING_HOURS * 3_600.0);
        let mean_is_first = is_first(MEAN_FIRST_ENDS, self.learning);
        let of_mean = later + (rate(MEAN_FIRST) - later) * mean_is_first;
        let deviation_is_first = is_first(DEVIATION_FIRST_ENDS, self.learning) - mean_is_first;
        let of_variance = later + (rate(DEVIATION_FIRST_SECONDS) - later) * deviation_is_first;
        let open_for_mean = self.is_open(MEAN_FIRST_ENDS, index);
        let open_for_variance = self.is_open(DEVIATION_FIRST_ENDS, index);
        self.count_gated(open_for_mean);
        (open_for_mean * of_mean, open_for_variance * of_variance)
    }

    /// 1 while the index is low enough to learn from, and 0 while it is not, smoothly.
    fn is_open(&self, first_ends: f64, index: f64) -> f64 {
        let middle = GATE + (GATE_FIRST - GATE) * is_first(first_ends, self.gating);
        Logistic { height: 1.0, steepness: GATE_STEEPNESS, middle }.at(index)
    }

    /// Air that stays bad for hours becomes what is learnt after all.
    fn count_gated(&mut self, open: f64) {
        let gated = (1.0 - open) * (1.0 + GATE_RATIO) - GATE_RATIO;
        self.gated_minutes = (self.gated_minutes + self.interval / 60.0 * gated).max(0.0);
        if self.gated_minutes > GATE_MINUTES_MAX {
            self.gating = 0.0;
        }
    }
}

/// 1 at first, 0 later, smoothly around `ends`.
fn is_first(ends: f64, uptime: f64) -> f64 {
    Logistic { height: 1.0, steepness: FIRST_ENDS_STEEPNESS, middle: ends }.at(uptime)
}

#[cfg(test)]
mod tests;
