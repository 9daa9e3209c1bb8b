//! Laws that the statistics obey whatever the numbers.

use proptest::prelude::*;

use crate::{
    QuantityKind::Dimensionless,
    derived::{
        testing::{each_second, make, outcomes, tell_all},
        window::{mean, percentile, standard_deviation},
    },
    parameter::Argument,
};

/// The number that the last window of `function` gives.
fn last(function: &str, numbers: &[f64]) -> f64 {
    let mut metric = make(function, Dimensionless, &[("samples", Argument::Integer(7))]);
    let out = tell_all(&mut *metric, Dimensionless, &each_second(numbers));
    outcomes(&out).last().copied().unwrap().unwrap()
}

proptest! {
    #[test]
    fn levels_shift_and_scale_with_the_numbers_and_scatters_only_scale(
        numbers in proptest::collection::vec(-1e3..1e3_f64, 2..30),
        shift in -1e3..1e3_f64,
        scale in 0.01..100.0_f64,
    ) {
        let moved: Vec<_> = numbers.iter().map(|number| number * scale + shift).collect();
        for function in ["moving_average", "median", "minimum", "maximum"] {
            let (before, after) = (last(function, &numbers), last(function, &moved));
            prop_assert!((before * scale + shift - after).abs() < 1e-8, "{function}");
        }
        for function in ["standard_deviation", "range"] {
            let (before, after) = (last(function, &numbers), last(function, &moved));
            prop_assert!((before * scale - after).abs() < 1e-8, "{function}");
        }
    }

    #[test]
    fn levels_are_between_the_least_and_the_greatest(
        numbers in proptest::collection::vec(-1e300..1e300_f64, 1..30),
    ) {
        let (least, greatest) = (last("minimum", &numbers), last("maximum", &numbers));
        prop_assert!((least..=greatest).contains(&last("median", &numbers)));
        let slack = 1e-15 * least.abs().max(greatest.abs());
        prop_assert!((least - slack..=greatest + slack).contains(&last("moving_average", &numbers)));
    }

    #[test]
    fn percentiles_rise_with_the_percent_and_do_not_depend_on_the_order(
        numbers in proptest::collection::vec(-1e3..1e3_f64, 1..30), low in 0.0..50.0_f64, more in 0.0..50.0_f64,
    ) {
        let (below, above) = (percentile(&numbers, low), percentile(&numbers, low + more));
        prop_assert!(below.unwrap() <= above.unwrap() + 1e-12);
        let reversed: Vec<_> = numbers.iter().rev().copied().collect();
        prop_assert_eq!(percentile(&reversed, low), below);
    }

    #[test]
    fn no_number_is_further_from_the_mean_than_the_deviations_allow(
        numbers in proptest::collection::vec(-1e3..1e3_f64, 1..30),
    ) {
        let (mean, deviation) = (mean(&numbers).unwrap(), standard_deviation(&numbers, 0).unwrap());
        let count: f64 = numbers.iter().map(|_| 1.0).sum();
        for number in numbers {
            prop_assert!((number - mean).abs() <= deviation * count.sqrt() + 1e-9);
        }
    }
}
