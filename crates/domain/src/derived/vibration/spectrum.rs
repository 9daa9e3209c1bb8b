//! Spectra: which frequencies a block is made of.
//!
//! Windows are periodic (`DFT-even`), as for spectra they should be: `w(i) = Σ c(j) cos(2π j i / n)`.

use core::{f64::consts::TAU, num::NonZeroUsize};
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::figures::{Dc, level};
use crate::NoData;

/// What a block is multiplied by, so that a tone between two lines does not smear over all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// 1 everywhere. The narrowest lines, and the sum of the lines is that of the block (Parseval).
    Rectangular,
    /// `0.5 - 0.5 cos`. For all purposes; a tone between lines reads up to 15 % low.
    Hann,
    /// Five cosines (D'Antona and Ferrero, Digital Signal Processing for Measurement Systems, 2006). For
    /// amplitudes: a tone between lines reads within 0.12 %; its line is nine lines wide.
    FlatTop,
}

impl Window {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rectangular, Self::Hann, Self::FlatTop];

    /// The word for it in configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rectangular => "rectangular",
            Self::Hann => "hann",
            Self::FlatTop => "flat_top",
        }
    }

    const fn cosines(self) -> &'static [f64] {
        match self {
            Self::Rectangular => &[1.0],
            Self::Hann => &[0.5, -0.5],
            Self::FlatTop => {
                &[0.215_578_95, -0.416_631_58, 0.277_263_158, -0.083_578_947, 0.006_947_368]
            }
        }
    }

    /// The factor for the sample at `part` of the block, 0 to 1.
    fn weight(self, part: f64) -> f64 {
        let harmonics = (0_u8..).map(|j| (TAU * f64::from(j) * part).cos());
        self.cosines().iter().zip(harmonics).map(|(c, cosine)| c * cosine).sum()
    }
}

/// Amplitudes of `block` in its own unit, one for each line: n / 2 + 1 of them, from 0 to half the rate.
///
/// Line 0 is the mean's magnitude; the mean is taken out before the window. A tone of amplitude A on a line
/// reads A, whatever the window: amplitudes are corrected for its coherent gain, `Σ w / n`. For many blocks
/// make one [`Spectrum`].
///
/// # Errors
///
/// [`NoData::Undefined`] for no samples, [`NoData::Implausible`] for samples whose mean is beyond all numbers.
pub fn spectrum(block: &[f64], window: Window) -> Result<Vec<f64>, NoData> {
    let length = NonZeroUsize::new(block.len()).ok_or(NoData::Undefined)?;
    Ok(Spectrum::new(length, window).of(block)?.amplitudes().collect())
}

/// Plan, window and scratch for blocks of one length.
pub struct Spectrum {
    plan: Arc<dyn RealToComplex<f64>>,
    weights: Vec<f64>,
    sum: f64,
    squares: f64,
    windowed: Vec<f64>,
    lines: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl Spectrum {
    /// For blocks of `length` samples; quickest for powers of two.
    #[expect(clippy::cast_precision_loss, reason = "a block has far fewer than 2^52 samples")]
    pub fn new(length: NonZeroUsize, window: Window) -> Self {
        let plan = RealFftPlanner::new().plan_fft_forward(length.get());
        let weights: Vec<_> =
            (0..length.get()).map(|i| window.weight(i as f64 / length.get() as f64)).collect();
        Self {
            sum: weights.iter().sum(),
            squares: weights.iter().map(|w| w * w).sum(),
            windowed: plan.make_input_vec(),
            lines: plan.make_output_vec(),
            scratch: plan.make_scratch_vec(),
            weights,
            plan,
        }
    }

    /// The lines of `block`. Allocates nothing.
    ///
    /// # Errors
    ///
    /// As [`spectrum`], and [`NoData::Internal`] for a block of another length.
    pub fn of(&mut self, block: &[f64]) -> Result<Lines<'_>, NoData> {
        if block.len() != self.weights.len() {
            return Err(NoData::Internal);
        }
        let mean = level(block, Dc::Without)?;
        for ((windowed, x), weight) in self.windowed.iter_mut().zip(block).zip(&self.weights) {
            *windowed = (x - mean) * weight;
        }
        self.plan
            .process_with_scratch(&mut self.windowed, &mut self.lines, &mut self.scratch)
            .map_err(|_| NoData::Internal)?;
        Ok(Lines { transform: &self.lines, block: block.len(), mean, of: (self.sum, self.squares) })
    }
}

/// The spectrum of one block.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    transform: &'a [Complex<f64>],
    block: usize,
    mean: f64,
    /// The sum of the window, and of its squares.
    of: (f64, f64),
}

impl<'a> Lines<'a> {
    /// The amplitude of each line, as [`spectrum`] gives it.
    pub fn amplitudes(self) -> impl Iterator<Item = f64> + 'a {
        let tones = self.squares().enumerate();
        tones.map(move |(line, square)| match line {
            0 => self.mean.abs(),
            _ => self.sides(line) * square.sqrt() / self.of.0,
        })
    }

    /// What each line adds to the mean square of the block about its mean, in the square of its unit.
    ///
    /// Corrected for the power of the window, `Σ w² / n`: the sum over all lines is `Σ (w r)² / Σ w²` of
    /// the deviations r, which is the mean square itself for a rectangular window.
    #[expect(clippy::cast_precision_loss, reason = "a block has far fewer than 2^52 samples")]
    pub fn mean_squares(self) -> impl Iterator<Item = f64> + 'a {
        let whole = self.of.1 * self.block as f64;
        self.squares().enumerate().map(move |(line, square)| self.sides(line) * square / whole)
    }

    /// Squares of the magnitudes, for comparing lines.
    pub(super) fn squares(self) -> impl Iterator<Item = f64> + 'a {
        self.transform.iter().map(Complex::norm_sqr)
    }

    /// How many samples the block had.
    pub const fn block(self) -> usize {
        self.block
    }

    /// A line stands for its mirror image too, but for the first, and the last of an even block.
    const fn sides(self, line: usize) -> f64 {
        if line == 0 || line * 2 == self.block { 1.0 } else { 2.0 }
    }
}
