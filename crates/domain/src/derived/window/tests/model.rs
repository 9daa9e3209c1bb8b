//! Every statistic against the same reckoned afresh from the whole past.

use core::time::Duration;

use proptest::prelude::*;

use crate::{
    NoData, Quality, Quantity,
    QuantityKind::Dimensionless,
    derived::{
        Moment, Output,
        testing::{Given, each_second, make, moment, outcomes, tell_all},
        window::{mean, percentile, standard_deviation},
    },
    parameter::Argument,
};

type Statistic = fn(&[f64]) -> Result<f64, NoData>;

fn extreme(numbers: &[f64], pick: fn(f64, f64) -> f64) -> Result<f64, NoData> {
    numbers.iter().copied().reduce(pick).ok_or(NoData::Undefined)
}

const STATISTICS: &[(&str, Statistic)] = &[
    ("moving_average", mean),
    ("median", |numbers| percentile(numbers, 50.0)),
    ("percentile", |numbers| percentile(numbers, 95.0)),
    ("minimum", |numbers| extreme(numbers, f64::min)),
    ("maximum", |numbers| extreme(numbers, f64::max)),
    ("range", |numbers| Ok(extreme(numbers, f64::max)? - extreme(numbers, f64::min)?)),
    ("standard_deviation", |numbers| standard_deviation(numbers, 1)),
    ("sum", |numbers| mean(numbers).map(|_| numbers.iter().sum())),
    ("sample_count", |numbers| mean(numbers).map(|_| numbers.iter().map(|_| 1.0).sum())),
];

/// Uneven times, some equal, some far apart; few different numbers, so that there are equal ones.
pub(super) fn readings() -> impl Strategy<Value = Vec<Given>> {
    let number = prop_oneof![(-8..8_i32).prop_map(f64::from), -1e3..1e3_f64];
    let outcome = prop_oneof![
        9 => number.prop_map(Ok),
        1 => prop_oneof![Just(NoData::Absent), Just(NoData::Timeout)].prop_map(Err),
    ];
    let quality = prop_oneof![15 => Just(Quality::Good), 1 => Just(Quality::Uncertain)];
    let step = prop_oneof![1 => Just(0), 8 => 1..1_500_i64, 1 => 5_000..40_000_i64];
    proptest::collection::vec((step, outcome, quality), 1..120).prop_map(|steps| {
        let mut at = -20_000;
        let readings = steps.into_iter().map(|(step, outcome, quality)| {
            at += step;
            (at, outcome, if outcome.is_ok() { quality } else { Quality::Good })
        });
        readings.collect()
    })
}

fn arguments(
    function: &str,
    size: (&'static str, Argument),
    kind: &'static str,
) -> Vec<(&'static str, Argument)> {
    let mut given = vec![size, ("kind", Argument::Choice(kind))];
    given.extend((function == "percentile").then_some(("percent", Argument::Number(95.0))));
    given
}

fn found(function: &str, given: &[(&'static str, Argument)], readings: &[Given]) -> Vec<Output> {
    tell_all(&mut *make(function, Dimensionless, given), Dimensionless, readings)
}

fn numbers(readings: &[Given]) -> Vec<f64> {
    readings.iter().filter_map(|reading| reading.1.ok()).collect()
}

fn is_whole(readings: &[Given]) -> bool {
    readings.iter().all(|reading| reading.1.is_ok() && reading.2 == Quality::Good)
}

/// What a window of `readings` that ends at `end` is expected to give.
fn expected(
    end: i64,
    of: Statistic,
    readings: &[Given],
    reason: Option<NoData>,
    is_good: bool,
) -> (Moment, Result<f64, NoData>, Quality) {
    let number = of(&numbers(readings)).map_err(|none| reason.unwrap_or(none));
    (moment(end), number, Quality::good_if(is_good || number.is_err()))
}

fn assert_same(
    function: &str,
    found: &[Output],
    expected: &[(Moment, Result<f64, NoData>, Quality)],
) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len(), "{}", function);
    for (found, expected) in found.iter().zip(expected) {
        prop_assert_eq!((found.at, found.quality), (expected.0, expected.2), "{}", function);
        match (found.outcome.map(Quantity::number), expected.1) {
            (Ok(a), Ok(b)) => prop_assert!((a - b).abs() < 1e-9, "{}: {} not {}", function, a, b),
            (a, b) => prop_assert_eq!(a, b, "{}", function),
        }
    }
    Ok(())
}

fn last_reason(readings: &[Given]) -> Option<NoData> {
    readings.iter().rev().find_map(|reading| reading.1.err())
}

/// The readings of the run that the last one ends: since the last gap or uncertain one.
fn run(readings: &[Given]) -> &[Given] {
    let bad = readings.iter().rposition(|reading| !is_whole(&[*reading]));
    &readings[bad.map_or(0, |bad| bad + 1)..]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn large_windows_in_any_order_with_equal_numbers(
        numbers in proptest::collection::vec(
            prop_oneof![(-20..20_i32).prop_map(f64::from), Just(-0.0), -1e3..1e3_f64], 300..600),
        size in 50..250_usize,
        percent in 0.0..=100.0_f64,
    ) {
        let given = [("samples", Argument::Integer(i64::try_from(size).unwrap()))];
        let of_percent = [given[0].clone(), ("percent", Argument::Number(percent))];
        let readings = each_second(&numbers);
        let percentiles = outcomes(&found("percentile", &of_percent, &readings));
        let deviations = outcomes(&found("standard_deviation", &given, &readings));
        for last in 0..numbers.len() {
            let window = &numbers[(last + 1).saturating_sub(size)..=last];
            prop_assert_eq!(percentiles[last], percentile(window, percent));
            let (found, expected) = (deviations[last], standard_deviation(window, 1));
            let is_close = match (found, expected) {
                (Ok(found), Ok(expected)) => (found - expected).abs() <= 1e-12 * expected,
                (found, expected) => found == expected,
            };
            prop_assert!(is_close, "{:?} is not {:?}", found, expected);
        }
    }
}

proptest! {
    #[test]
    fn sliding_by_samples(readings in readings(), size in 1..12_usize) {
        let refused = |function: &str| size == 1 && function == "standard_deviation";
        for &(function, of) in STATISTICS.iter().filter(|(function, _)| !refused(function)) {
            let size_given = ("samples", Argument::Integer(i64::try_from(size).unwrap()));
            let found = found(function, &arguments(function, size_given, "sliding"), &readings);
            let expected: Vec<_> = (0..readings.len()).map(|last| {
                let past = &readings[..=last];
                if let Err(reason) = past[last].1 {
                    return (moment(past[last].0), Err(reason), Quality::Good);
                }
                let all = numbers(past);
                let window: Vec<_> = all[all.len().saturating_sub(size)..].iter()
                    .map(|&number| (0, Ok(number), Quality::Good)).collect();
                expected(past[last].0, of, &window, None, run(past).len() >= size)
            }).collect();
            assert_same(function, &found, &expected)?;
        }
    }

    #[test]
    fn sliding_by_time(readings in readings(), span in 1..12_u64) {
        for &(function, of) in STATISTICS {
            let given = arguments(function, ("span", Argument::Duration(Duration::from_secs(span))), "sliding");
            let found = found(function, &given, &readings);
            let expected: Vec<_> = (0..readings.len()).map(|last| {
                let past = &readings[..=last];
                let (at, outcome, _) = past[last];
                if let Err(reason) = outcome {
                    return (moment(at), Err(reason), Quality::Good);
                }
                let start = at - i64::try_from(span).unwrap() * 1_000;
                let window: Vec<_> = past.iter().copied().filter(|reading| reading.0 > start).collect();
                let is_good = run(past).first().is_some_and(|first| first.0 <= start);
                expected(at, of, &window, None, is_good)
            }).collect();
            assert_same(function, &found, &expected)?;
        }
    }

    #[test]
    fn tumbling_by_samples(readings in readings(), size in 1..12_usize) {
        let refused = |function: &str| size == 1 && function == "standard_deviation";
        for &(function, of) in STATISTICS.iter().filter(|(function, _)| !refused(function)) {
            let size_given = ("samples", Argument::Integer(i64::try_from(size).unwrap()));
            let found = found(function, &arguments(function, size_given, "tumbling"), &readings);
            let windows = readings.chunks_exact(size);
            let expected: Vec<_> = windows.map(|window| {
                expected(window[size - 1].0, of, window, last_reason(window), is_whole(window))
            }).collect();
            assert_same(function, &found, &expected)?;
        }
    }

    #[test]
    fn tumbling_by_time(readings in readings(), span in 1..12_u64) {
        let millis = i64::try_from(span).unwrap() * 1_000;
        let place = |reading: &Given| reading.0.div_euclid(millis);
        for &(function, of) in STATISTICS {
            let given = arguments(function, ("span", Argument::Duration(Duration::from_secs(span))), "tumbling");
            let found = found(function, &given, &readings);
            let mut expected_of = Vec::new();
            let mut seen = 0;
            for window in readings.chunk_by(|a, b| place(a) == place(b)) {
                seen += window.len();
                let start = place(&window[0]) * millis;
                let first = seen_from(&readings[..seen], millis);
                let is_good = first.is_some_and(|first| first <= start);
                expected_of.push(expected(start + millis, of, window, last_reason(window), is_good));
            }
            // The last window is not over.
            expected_of.pop();
            assert_same(function, &found, &expected_of)?;
        }
    }
}

/// Since when the readings have come without a gap, an uncertain one or a window without any.
fn seen_from(past: &[Given], millis: i64) -> Option<i64> {
    let mut first = None;
    for (n, reading) in run(past).iter().enumerate().rev() {
        first = Some(reading.0);
        let before = n.checked_sub(1).map_or(reading, |n| &run(past)[n]);
        if reading.0.div_euclid(millis) > before.0.div_euclid(millis) + 1 {
            break;
        }
    }
    first
}
