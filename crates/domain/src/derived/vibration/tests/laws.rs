//! Laws that hold for any block.

use core::num::NonZeroUsize;

use proptest::prelude::*;

use super::{
    super::{
        Band, Dc, Spectrum, Window, crest_factor, kurtosis, peak, peak_to_peak, rms, spectrum,
    },
    sine,
};
use crate::{NoData, Quality};

fn transform(block: &[f64], window: Window) -> Spectrum {
    Spectrum::new(NonZeroUsize::new(block.len()).unwrap(), window)
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1e-9)
}

fn blocks() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(-100.0..100.0_f64, 1..300)
}

#[test]
fn textbook_signals_have_their_textbook_figures() {
    let sine = sine(1000, 10.0);
    assert!(is_near(rms(&sine, Dc::Without).unwrap(), 0.5_f64.sqrt()));
    assert!(is_near(crest_factor(&sine, Dc::Without).unwrap(), 2_f64.sqrt()));
    assert!(is_near(kurtosis(&sine).unwrap(), 1.5));
    let square = [1.0, -1.0].repeat(50);
    assert_eq!(crest_factor(&square, Dc::Without), Ok(1.0));
    assert_eq!(kurtosis(&square), Ok(1.0));
    assert_eq!((peak(&square, Dc::Without), peak_to_peak(&square)), (Ok(1.0), Ok(2.0)));
}

#[test]
fn a_tone_on_a_line_reads_its_amplitude_under_any_window_and_between_lines_as_documented() {
    for (window, between) in
        [(Window::Rectangular, 0.37), (Window::Hann, 0.152), (Window::FlatTop, 0.001_2)]
    {
        let of = |periods| {
            let lines = spectrum(&sine(1000, periods), window).unwrap();
            assert_eq!(lines.len(), 501);
            lines.into_iter().fold(0.0, f64::max)
        };
        assert!(is_near(of(100.0), 1.0), "{window:?}");
        let low = 1.0 - of(100.5);
        assert!(low.abs() < between, "{window:?}: {low}");
    }
}

#[test]
fn a_tone_between_lines_is_found_within_two_hundredths_of_a_line() {
    let mut worst = 0.0_f64;
    for step in 0..400_u32 {
        for periods in [4.0 + f64::from(step) * 0.037, 496.0 - f64::from(step) * 0.037] {
            let block = sine(1000, periods);
            let mut transform = transform(&block, Window::Hann);
            let found = transform.of(&block).unwrap().dominant_frequency(1000.0).unwrap();
            worst = worst.max((found - periods).abs());
        }
    }
    assert!(worst < 0.02, "{worst} lines");
}

#[test]
fn silence_and_constants_have_no_deviation_and_no_frequency() {
    for block in [vec![0.0; 64], vec![9.81; 64], vec![1e9 / 3.0; 64], vec![3.5], vec![-1e300; 3]] {
        assert_eq!(rms(&block, Dc::Without), Ok(0.0));
        assert_eq!(peak(&block, Dc::Without), Ok(0.0));
        assert_eq!(crest_factor(&block, Dc::Without), Err(NoData::Undefined));
        assert_eq!(kurtosis(&block), Err(NoData::Undefined));
        let mut transform = transform(&block, Window::Hann);
        let lines = transform.of(&block).unwrap();
        assert_eq!(lines.dominant_frequency(1000.0), Err(NoData::Undefined));
        assert!(is_near(lines.amplitudes().next().unwrap(), block[0].abs()));
    }
    assert_eq!(crest_factor(&[0.0; 3], Dc::With), Err(NoData::Undefined));
    assert_eq!(crest_factor(&[9.81; 3], Dc::With), Ok(1.0));
}

#[test]
fn no_samples_have_no_figure_and_what_overflows_is_implausible() {
    assert_eq!(rms(&[], Dc::With), Err(NoData::Undefined));
    assert_eq!(peak_to_peak(&[]), Err(NoData::Undefined));
    assert_eq!(spectrum(&[], Window::Hann), Err(NoData::Undefined));
    assert_eq!(rms(&[1e300, -1e300], Dc::Without), Err(NoData::Implausible));
    let mut transform = transform(&[0.0; 4], Window::Hann);
    assert_eq!(transform.of(&[0.0; 3]).err(), Some(NoData::Internal));
}

#[test]
fn a_small_signal_on_a_huge_offset_survives() {
    let block = [4.0, 7.0, 13.0, 16.0].map(|x| x + 1e9).repeat(64);
    assert!(is_near(rms(&block, Dc::Without).unwrap(), 22.5_f64.sqrt()));
    assert!(is_near(kurtosis(&block).unwrap(), 1.36));
}

#[test]
fn a_band_is_uncertain_where_the_spectrum_does_not_reach_and_undefined_without_lines() {
    let block = sine(1000, 100.0);
    let mut transform = transform(&block, Window::Hann);
    let lines = transform.of(&block).unwrap();
    let of = |low_hz, high_hz| lines.band_rms(Band { low_hz, high_hz }, 1000.0);
    assert_eq!(of(10.0, 500.0).unwrap().1, Quality::Good);
    assert_eq!(of(0.0, 500.0).unwrap().1, Quality::Good);
    assert_eq!(of(10.0, 500.1).unwrap().1, Quality::Uncertain);
    assert_eq!(of(0.5, 500.0).unwrap().1, Quality::Uncertain);
    assert_eq!(of(10.1, 10.9), Err(NoData::Undefined));
    assert_eq!(of(500.0, 600.0), Err(NoData::Undefined), "of the band that ends there");
}

#[test]
fn a_tone_has_the_velocity_of_its_integral() {
    // a = A sin(ωt) has the velocity A / ω, √2 times its root mean square.
    let block = sine(1000, 80.0);
    let mut transform = transform(&block, Window::Hann);
    let band = Band { low_hz: 10.0, high_hz: 1000.0 };
    let (found, _) = transform.of(&block).unwrap().velocity_rms(band, 4000.0).unwrap();
    let expected = 1000.0 / (core::f64::consts::TAU * 320.0) / 2_f64.sqrt();
    assert!((found / expected - 1.0).abs() < 1e-3, "{found} mm/s, {expected} mm/s");
}

proptest! {
    #[test]
    fn lines_add_up_to_the_mean_square_and_so_do_bands(
        block in blocks(), rate in 1.0..1e5_f64, at in 0.0..0.6_f64,
    ) {
        let mut transform = transform(&block, Window::Rectangular);
        let lines = transform.of(&block).unwrap();
        let whole = rms(&block, Dc::Without).unwrap().powi(2);
        prop_assert!(is_near(lines.mean_squares().sum(), whole));
        let of = |low_hz, high_hz| {
            lines.band_rms(Band { low_hz, high_hz }, rate).map_or(0.0, |(rms, _)| rms.powi(2))
        };
        let middle = (at * rate).min(rate / 2.0);
        prop_assert!(is_near(of(0.0, middle) + of(middle, f64::MAX), whole));
        prop_assert!(is_near(of(0.0, rate / 2.0), whole));
    }

    #[test]
    fn an_offset_changes_nothing_but_what_is_with_dc(block in blocks(), offset in -1e6..1e6_f64) {
        let moved: Vec<_> = block.iter().map(|x| x + offset).collect();
        let is_same = |a: f64, b: f64| (a - b).abs() < 1e-6 * (1.0 + b.abs());
        let before = rms(&block, Dc::Without).unwrap();
        prop_assert!(is_same(rms(&moved, Dc::Without).unwrap(), before));
        prop_assert!(is_same(peak_to_peak(&moved).unwrap(), peak_to_peak(&block).unwrap()));
        prop_assert!(is_same(
            rms(&moved, Dc::With).unwrap().powi(2),
            before.powi(2) + (block.iter().sum::<f64>() / sizes(&block) + offset).powi(2),
        ));
        if before > 1e-3 {
            prop_assert!(is_same(kurtosis(&moved).unwrap(), kurtosis(&block).unwrap()));
        }
    }

    #[test]
    fn a_factor_scales_what_has_a_unit_and_leaves_ratios(
        block in blocks(), factor in prop_oneof![0.001..1000.0_f64, -1000.0..-0.001_f64],
    ) {
        let scaled: Vec<_> = block.iter().map(|x| x * factor).collect();
        for dc in [Dc::Without, Dc::With] {
            let (before, after) = (rms(&block, dc).unwrap(), rms(&scaled, dc).unwrap());
            prop_assert!(is_near(after, before * factor.abs()));
            let (before, after) = (peak(&block, dc).unwrap(), peak(&scaled, dc).unwrap());
            prop_assert!(is_near(after, before * factor.abs()));
        }
        if let (Ok(before), Ok(after)) = (kurtosis(&block), kurtosis(&scaled)) {
            prop_assert!(is_near(after, before));
            let (before, after) = (lead(&block), lead(&scaled));
            prop_assert!((before - after).abs() < 1e-6, "{before} Hz, {after} Hz");
        }
    }

    #[test]
    fn ratios_are_never_below_one_and_the_peak_is_never_below_the_root_mean_square(
        block in blocks(),
    ) {
        if let Ok(kurtosis) = kurtosis(&block) {
            prop_assert!(kurtosis >= 1.0 - 1e-9);
            prop_assert!(crest_factor(&block, Dc::Without).unwrap() >= 1.0 - 1e-9);
        }
        let (peak, whole) = (peak(&block, Dc::Without).unwrap(), peak_to_peak(&block).unwrap());
        prop_assert!(peak <= whole * (1.0 + 1e-9) && peak >= whole / 2.0 * (1.0 - 1e-9));
    }

    #[test]
    fn whatever_the_numbers_nothing_is_infinite(
        block in proptest::collection::vec(
            prop_oneof![-1e300..1e300_f64, -1e-300..1e-300_f64, Just(0.0), Just(1e300)], 1..20,
        ),
    ) {
        for found in [
            rms(&block, Dc::Without), peak(&block, Dc::With), peak_to_peak(&block),
            crest_factor(&block, Dc::Without), kurtosis(&block), frequency(&block), velocity(&block),
        ] {
            prop_assert!(found.is_ok_and(f64::is_finite) || found.is_err());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "blocks of some hundred samples")]
fn sizes(block: &[f64]) -> f64 {
    block.len() as f64
}

fn frequency(block: &[f64]) -> Result<f64, NoData> {
    transform(block, Window::Hann).of(block)?.dominant_frequency(1000.0)
}

/// The frequency; 0 where there is none.
fn lead(block: &[f64]) -> f64 {
    frequency(block).unwrap_or(0.0)
}

fn velocity(block: &[f64]) -> Result<f64, NoData> {
    let band = Band { low_hz: 0.0, high_hz: 1e9 };
    transform(block, Window::Hann).of(block)?.velocity_rms(band, 1000.0).map(|(rms, _)| rms)
}
