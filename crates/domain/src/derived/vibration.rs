//! Vibration: figures of blocks of samples of one stream, in time and in frequency.
//!
//! # Terms
//!
//! * **Block** — so many samples in a row without a gap between them. Each gives one output, at the time
//!   of its last sample.
//! * **Rate** — samples per second: as configured, or by the block's own time stamps.
//! * **Hole** — more than 1.5 intervals between two samples: some are missing.
//! * **Line** — one frequency of a spectrum, a multiple of rate / block.
//! * **DC** — the mean of a block. Figures are about it, unless they are asked for with it.
//! * **Band** — lines from a frequency up to, but without, another. The last line, at half the rate, is
//!   of the band that begins before it and ends there or beyond. So bands side by side share no line and
//!   leave none out.
//!
//! # Invariants
//!
//! 1. No block has a gap or a hole in it. Either begins it anew, and is told once, as a gap, until two
//!    samples have come in a row again.
//! 2. No sample allocates: plan, window and scratch are made once with the metric.
//! 3. What does not exist (the crest factor of silence) is [`Undefined`](crate::NoData), never infinite.
//!
//! A sample costs O(1), and the last of a block O(block), or O(block · log block) for figures of
//! frequency. A metric keeps 8 bytes for each sample of its block, and about 60 more for figures of frequency.
//!
//! # Deliberately absent
//!
//! Averaging over blocks (Welch), envelopes and order tracking. Saving spectra: a quantity is one number.

mod block;
mod entries;
mod figures;
mod lines;
mod parameters;
mod rhythm;
mod spectrum;

pub(super) use entries::ENTRIES;
pub use figures::{Dc, crest_factor, kurtosis, peak, peak_to_peak, rms};
pub use lines::Band;
pub use spectrum::{Lines, Spectrum, Window, spectrum};

#[cfg(test)]
mod tests;
