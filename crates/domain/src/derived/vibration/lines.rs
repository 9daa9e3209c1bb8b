//! Figures of a block in frequency.

use core::{f64::consts::TAU, ops::Range};

use super::{Lines, figures::finite};
use crate::{NoData, Quality};

/// Frequencies from `low_hz` up to, but without, `high_hz`; with the last line if half the rate is above the
/// one and not above the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The lower edge.
    pub low_hz: f64,
    /// The upper edge, above the lower.
    pub high_hz: f64,
}

impl Band {
    /// The lines in this band; none if they are too far apart or all below it.
    #[expect(clippy::cast_possible_truncation, reason = "limited to the lines there are")]
    #[expect(clippy::cast_sign_loss, reason = "below zero there are no lines, and 0 is meant")]
    #[expect(clippy::cast_precision_loss, reason = "a block has far fewer than 2^52 samples")]
    fn lines(self, block: usize, rate_hz: f64) -> Range<usize> {
        let count = block / 2 + 1;
        let line = |hz: f64| ((hz / rate_hz * block as f64).ceil() as usize).min(count);
        let nyquist_hz = rate_hz / 2.0;
        let end = if self.high_hz >= nyquist_hz { count } else { line(self.high_hz) };
        if self.low_hz < nyquist_hz { line(self.low_hz)..end } else { 0..0 }
    }

    /// Uncertain where the spectrum does not reach to both edges of the band.
    #[expect(clippy::cast_precision_loss, reason = "a block has far fewer than 2^52 samples")]
    fn quality(self, block: usize, rate_hz: f64) -> Quality {
        let spacing_hz = rate_hz / block as f64;
        let is_within = self.high_hz <= rate_hz / 2.0 && spacing_hz <= self.low_hz;
        let is_open = self.low_hz == 0.0 && self.high_hz <= rate_hz / 2.0;
        if is_within || is_open { Quality::Good } else { Quality::Uncertain }
    }
}

impl Lines<'_> {
    /// Root mean square of what is in `band`, in the unit of the block, at `rate_hz` samples a second.
    ///
    /// `√(Σ P(k))` over the band's lines, where P are the [`mean_squares`](Self::mean_squares).
    /// Uncertain if the band reaches beyond half the rate, or begins below the first line.
    ///
    /// # Errors
    ///
    /// [`NoData::Undefined`] if there is no line in the band.
    pub fn band_rms(self, band: Band, rate_hz: f64) -> Result<(f64, Quality), NoData> {
        self.band(band, rate_hz, |_| 1.0)
    }

    /// Root mean square of the velocity in `band`, in mm/s, if the block is of m/s² at `rate_hz`.
    ///
    /// `1000 √(Σ P(k) / (2π f(k))²)`: integration in the frequency domain, without a constant and without
    /// drift. The figure of ISO 20816-1:2016, whose band is 10 to 1000 Hz. Quality as [`band_rms`](Self::band_rms).
    ///
    /// # Errors
    ///
    /// As [`band_rms`](Self::band_rms).
    pub fn velocity_rms(self, band: Band, rate_hz: f64) -> Result<(f64, Quality), NoData> {
        let (metres, quality) = self.band(band, rate_hz, |hz| (TAU * hz).powi(-2))?;
        Ok((finite(metres * 1000.0)?, quality))
    }

    /// The frequency of the greatest line but the first, DC, in Hz at `rate_hz`.
    ///
    /// Refined by a parabola through the logarithms of it and its neighbours (Gasior and Gonzalez,
    /// CERN AB-Note-2004-021): within 0.02 lines for a tone alone under a Hann window, four lines or more from
    /// either end; within half a line of the greatest for anything. Of equal lines it is the lowest.
    ///
    /// # Errors
    ///
    /// [`NoData::Undefined`] if nothing but DC is there.
    #[expect(clippy::cast_precision_loss, reason = "a block has far fewer than 2^52 samples")]
    pub fn dominant_frequency(self, rate_hz: f64) -> Result<f64, NoData> {
        let lines = self.squares().enumerate().skip(1);
        let greatest = lines.fold((0, 0.0), |best, line| if line.1 > best.1 { line } else { best });
        match greatest.0 {
            0 => Err(NoData::Undefined),
            line => finite((line as f64 + self.offset(line)) * rate_hz / self.block() as f64),
        }
    }

    /// How far beyond `line` the summit is, -0.5 to 0.5 lines.
    fn offset(self, line: usize) -> f64 {
        let mut three = self.squares().skip(line.saturating_sub(1)).map(f64::ln);
        let (Some(before), Some(top), Some(after)) = (three.next(), three.next(), three.next())
        else {
            return 0.0;
        };
        let offset = 0.5 * (before - after) / (before - 2.0 * top + after);
        if offset.is_finite() { offset.clamp(-0.5, 0.5) } else { 0.0 }
    }

    /// The root of the sum of the mean squares in `band`, each by a factor of its frequency.
    #[expect(clippy::cast_precision_loss, reason = "a block has far fewer than 2^52 samples")]
    fn band(
        self,
        band: Band,
        rate_hz: f64,
        factor: impl Fn(f64) -> f64,
    ) -> Result<(f64, Quality), NoData> {
        let lines = band.lines(self.block(), rate_hz);
        if lines.is_empty() {
            return Err(NoData::Undefined);
        }
        let hz = |line: usize| line as f64 * rate_hz / self.block() as f64;
        let inside = self.mean_squares().enumerate().skip(lines.start).take(lines.len());
        let sum: f64 = inside.map(|(line, square)| square * factor(hz(line))).sum();
        Ok((finite(sum.sqrt())?, band.quality(self.block(), rate_hz)))
    }
}
