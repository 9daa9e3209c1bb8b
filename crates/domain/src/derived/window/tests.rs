//! Windows against a dull model, and what happens at their edges.

mod laws;
mod model;

use super::{MOST_BY_SPAN, percentile, variance};
use crate::{
    NoData,
    Quality::{Good, Uncertain},
    QuantityKind::{AlarmState, Count, Course, Dimensionless, Temperature, TemperatureDifference},
    derived::testing::{
        each_second, gap, good, make, moment, outcomes, qualities, refusal, seconds, tell,
        tell_all, try_make,
    },
    parameter::Argument,
};

const TUMBLING: (&str, Argument) = ("kind", Argument::Choice("tumbling"));

fn samples(count: i64) -> (&'static str, Argument) {
    ("samples", Argument::Integer(count))
}

#[test]
fn a_moving_average_takes_what_there_is_and_then_the_last_n() {
    let mut average = make("moving_average", Temperature, &[samples(3)]);
    let out = tell_all(&mut *average, Temperature, &each_second(&[1.0, 3.0, 5.0, 10.0]));
    assert_eq!(outcomes(&out), [Ok(1.0), Ok(2.0), Ok(3.0), Ok(6.0)]);
    assert_eq!(qualities(&out), [Uncertain, Uncertain, Good, Good]);
}

#[test]
fn a_gap_slides_through_and_makes_uncertain_what_spans_it() {
    let mut average = make("moving_average", Temperature, &[samples(2)]);
    let given = [good(0, 1.0), good(1, 3.0), gap(2, NoData::Absent), good(3, 5.0), good(4, 7.0)];
    let out = tell_all(&mut *average, Temperature, &given);
    assert_eq!(outcomes(&out), [Ok(1.0), Ok(2.0), Err(NoData::Absent), Ok(4.0), Ok(6.0)]);
    assert_eq!(qualities(&out), [Uncertain, Good, Good, Uncertain, Good]);
}

#[test]
fn a_window_by_time_leaves_out_its_start_and_has_its_end() {
    let mut count = make("sample_count", Temperature, &[("span", seconds(2))]);
    let given = [good(0, 1.0), good(1_999, 1.0), good(2_000, 1.0), good(2_000, 1.0)];
    let out = tell_all(&mut *count, Temperature, &given);
    assert_eq!(outcomes(&out), [Ok(1.0), Ok(2.0), Ok(2.0), Ok(3.0)]);
    assert_eq!(qualities(&out), [Uncertain, Uncertain, Good, Good]);
}

#[test]
fn tumbling_windows_end_at_multiples_of_their_span_and_are_told_with_what_comes_then() {
    let mut sum = make("sum", Count, &[TUMBLING, ("span", seconds(10))]);
    let given = [good(-9_000, 1.0), good(0, 2.0), good(9_999, 3.0), good(12_000, 4.0)];
    let out = tell_all(&mut *sum, Count, &given);
    assert_eq!(outcomes(&out), [Ok(1.0), Ok(5.0)]);
    assert_eq!([out[0].at, out[1].at], [moment(0), moment(10_000)]);
    assert_eq!(
        qualities(&out),
        [Uncertain, Good],
        "the first did not see its window from the start"
    );
}

#[test]
fn a_tumbling_window_of_gaps_gives_the_last_reason_and_one_without_anything_is_not_told() {
    let mut mean = make("moving_average", Count, &[TUMBLING, ("span", seconds(10))]);
    let given = [
        gap(1_000, NoData::Absent),
        gap(2_000, NoData::Timeout),
        good(10_000, 4.0),
        gap(11_000, NoData::Absent),
        good(20_000, 5.0),
        good(50_000, 6.0),
        good(60_000, 7.0),
        good(71_000, 8.0),
        good(99_000, 8.0),
    ];
    let out = tell_all(&mut *mean, Count, &given);
    let expected = [Err(NoData::Timeout), Ok(4.0), Ok(5.0), Ok(6.0), Ok(7.0), Ok(8.0)];
    assert_eq!(outcomes(&out), expected);
    let ends: Vec<_> = out.iter().map(|output| output.at).collect();
    assert_eq!(ends, [10_000, 20_000, 30_000, 60_000, 70_000, 80_000].map(moment));
    assert_eq!(qualities(&out), [Good, Uncertain, Good, Good, Good, Good]);
}

#[test]
fn after_windows_of_silence_the_next_is_whole_only_if_it_is_seen_from_its_start() {
    let mut mean = make("moving_average", Count, &[TUMBLING, ("span", seconds(10))]);
    let given = [good(0, 4.0), good(55_000, 6.0), good(60_000, 7.0), good(70_000, 1.0)];
    let out = tell_all(&mut *mean, Count, &given);
    assert_eq!(qualities(&out), [Good, Uncertain, Good]);
}

#[test]
fn a_tumbling_window_by_samples_is_over_after_so_many_readings_gaps_among_them() {
    let mut mean = make("moving_average", Count, &[TUMBLING, samples(2)]);
    let absent = |at| gap(at, NoData::Absent);
    let given = [good(0, 1.0), good(1, 3.0), absent(2), good(3, 5.0), absent(4), absent(5)];
    let out = tell_all(&mut *mean, Count, &given);
    assert_eq!(outcomes(&out), [Ok(2.0), Ok(5.0), Err(NoData::Absent)]);
    assert_eq!(qualities(&out), [Good, Uncertain, Good]);
}

#[test]
fn one_sample_has_no_deviation_unless_ddof_is_0() {
    let mut of_sample = make("standard_deviation", Temperature, &[samples(4)]);
    let mut of_all =
        make("standard_deviation", Temperature, &[samples(4), ("ddof", Argument::Integer(0))]);
    let one = good(0, 20.0);
    assert_eq!(outcomes(&tell(&mut *of_sample, Temperature, one)), [Err(NoData::Undefined)]);
    assert_eq!(outcomes(&tell(&mut *of_all, Temperature, one)), [Ok(0.0)]);
    assert_eq!(variance(&[1.0], 1), Err(NoData::Undefined));
    assert_eq!(percentile(&[], 50.0), Err(NoData::Undefined));
}

#[test]
fn how_temperatures_scatter_is_a_difference() {
    for function in ["standard_deviation", "range"] {
        let (kind, _) = try_make(function, Temperature, &[samples(4)]).unwrap();
        assert_eq!(kind, TemperatureDifference);
    }
}

#[test]
fn a_window_needs_one_size_and_a_stream_whose_numbers_can_be_averaged() {
    let refused = refusal("median", Temperature, &[]);
    assert!(refused.starts_with("samples: the window has no size; write either"), "{refused}");
    let refused = refusal("median", Temperature, &[samples(3), ("span", seconds(3))]);
    assert!(refused.starts_with("span: the window has two sizes"), "{refused}");
    let of_one = [
        refusal("standard_deviation", Temperature, &[samples(1)]),
        refusal("trend", Temperature, &[samples(1)]),
    ];
    for refused in of_one {
        assert!(refused.starts_with("samples: of one sample there is none"), "{refused}");
    }
    let whole = [samples(1), ("ddof", Argument::Integer(0))];
    assert!(try_make("standard_deviation", Temperature, &whole).is_ok());
    for kind in [Course, AlarmState] {
        assert!(refusal("moving_average", kind, &[samples(3)]).starts_with("of: "));
    }
}

#[test]
fn after_a_million_samples_around_1e9_mean_and_variance_are_those_of_the_window() {
    let number = |n: u32| 1e9 + [4.0, 7.0, 13.0, 16.0][n as usize % 4] + f64::from(n % 7) / 8.0;
    let given = [samples(1_000), ("ddof", Argument::Integer(0))];
    let mut deviation = make("standard_deviation", Dimensionless, &given);
    let mut mean = make("moving_average", Dimensionless, &[samples(1_000)]);
    let mut last = (Vec::new(), Vec::new());
    for n in 0..1_000_000 {
        let reading = good(n.into(), number(n));
        last.0 = tell(&mut *deviation, Dimensionless, reading);
        last.1 = tell(&mut *mean, Dimensionless, reading);
    }
    let offsets: Vec<_> = (999_000..1_000_000).map(|n| number(n) - 1e9).collect();
    let expected = variance(&offsets, 0).unwrap();
    let found = outcomes(&last.0)[0].unwrap().powi(2);
    assert!((found / expected - 1.0).abs() < 1e-12, "{found} instead of {expected}");
    let expected = 1e9 + super::mean(&offsets).unwrap();
    let found = outcomes(&last.1)[0].unwrap();
    assert!((found / expected - 1.0).abs() < 1e-15, "{found} instead of {expected}");
}

#[test]
fn the_classic_hard_case_has_a_variance_of_22_5() {
    let numbers = [4.0, 7.0, 13.0, 16.0].map(|n| 1e9 + n);
    assert_eq!(variance(&numbers, 0), Ok(22.5));
    assert_eq!(variance(&numbers, 1), Ok(30.0));
}

#[test]
fn an_outlier_that_has_left_leaves_no_trace() {
    for function in ["moving_average", "standard_deviation", "maximum", "sum", "median"] {
        let mut seen = make(function, Dimensionless, &[samples(3)]);
        let mut fresh = make(function, Dimensionless, &[samples(3)]);
        tell_all(&mut *seen, Dimensionless, &each_second(&[1.0, 1e300, -1e300, 0.1, 1e200]));
        let small = each_second(&[0.1, 0.2, 0.4]);
        let seen = outcomes(&tell_all(&mut *seen, Dimensionless, &small));
        let fresh = outcomes(&tell_all(&mut *fresh, Dimensionless, &small));
        let (seen, fresh) = (seen[2].unwrap(), fresh[2].unwrap());
        assert!((seen - fresh).abs() < 1e-15, "{function}: {seen} instead of {fresh}");
    }
}

#[test]
fn a_window_by_time_that_is_too_full_lets_the_oldest_go_and_says_so() {
    let mut count = make("sample_count", Dimensionless, &[("span", seconds(200))]);
    let most = i64::try_from(MOST_BY_SPAN).unwrap();
    let mut last = Vec::new();
    for at in 0..most + 5 {
        last = tell(&mut *count, Dimensionless, good(at, 1.0));
    }
    #[expect(clippy::cast_precision_loss, reason = "100,000 is exact")]
    let held = MOST_BY_SPAN as f64;
    assert_eq!((outcomes(&last), qualities(&last)), (vec![Ok(held)], vec![Uncertain]));
    let later = tell(&mut *count, Dimensionless, good(most + 250_000, 1.0));
    assert_eq!((outcomes(&later), qualities(&later)), (vec![Ok(1.0)], vec![Good]));
}
