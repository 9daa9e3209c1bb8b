//! The signal functions at their edges.

mod counts;
mod slopes;
mod thresholds;

use proptest::prelude::*;

use super::{interpolate, polynomial, weight};
use crate::{
    NoData,
    Quality::{Good, Uncertain},
    QuantityKind::{Frequency, Power, RotationalSpeed, Temperature, Voltage},
    derived::testing::{
        each_second, gap, good, make, outcomes, qualities, refusal, seconds, tell, tell_all,
        try_make,
    },
    parameter::Argument,
};

fn text(name: &'static str, text: &str) -> (&'static str, Argument) {
    (name, Argument::Text(text.to_owned()))
}

#[test]
fn a_calibration_is_a_straight_line_that_stays_in_what_is_physical() {
    let given = [("gain", Argument::Number(2.0)), ("offset", Argument::Number(-300.0))];
    let mut metric = make("calibrate", Temperature, &given);
    let out = tell_all(&mut *metric, Temperature, &each_second(&[200.0, 0.0]));
    assert_eq!(outcomes(&out), [Ok(100.0), Err(NoData::Implausible)]);
}

#[test]
fn a_polynomial_makes_one_quantity_of_another() {
    let given = [text("coefficients", "-50, 100, 2"), text("to", "temperature")];
    let (kind, mut metric) = try_make("polynomial", Voltage, &given).unwrap();
    let out = tell_all(&mut *metric, Voltage, &each_second(&[0.0, 2.0]));
    assert_eq!((kind, outcomes(&out)), (Temperature, vec![Ok(-50.0), Ok(158.0)]));
    assert_eq!(polynomial(&[], 3.0).to_bits(), 0.0_f64.to_bits());
}

#[test]
fn what_is_no_polynomial_is_refused_by_its_word() {
    for (coefficients, expected) in [
        ("1, two", "coefficients: `two` is not a number to reckon with"),
        ("1,, 2", "coefficients: `` is not a number"),
        ("1, inf", "coefficients: `inf` is not a number"),
        ("0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1", "coefficients: 17 are too many, 16 the most"),
    ] {
        let refused = refusal("polynomial", Voltage, &[text("coefficients", coefficients)]);
        assert!(refused.starts_with(expected), "{refused}");
    }
    let refused =
        refusal("polynomial", Voltage, &[text("coefficients", "1"), text("to", "warmth")]);
    assert!(refused.starts_with("to: `warmth` is no quantity"), "{refused}");
}

#[test]
fn a_table_is_clamped_and_says_so_or_ends_where_it_ends() {
    let points = text("points", "1: 10, 2: 20, 4: 0");
    let numbers = [0.0, 1.0, 1.5, 3.0, 4.0, 4.1];
    let mut clamped = make("table", Voltage, std::slice::from_ref(&points));
    let out = tell_all(&mut *clamped, Voltage, &each_second(&numbers));
    assert_eq!(outcomes(&out), [10.0, 10.0, 15.0, 10.0, 0.0, 0.0].map(Ok));
    assert_eq!(qualities(&out), [Uncertain, Good, Good, Good, Good, Uncertain]);
    let given = [points, ("outside", Argument::Choice("undefined"))];
    let mut open = make("table", Voltage, &given);
    let out = tell_all(&mut *open, Voltage, &each_second(&numbers));
    assert_eq!(outcomes(&out)[0], Err(NoData::Undefined));
    assert_eq!(outcomes(&out)[5], Err(NoData::Undefined));
    assert_eq!(outcomes(&out)[4], Ok(0.0));
}

#[test]
fn what_is_no_table_is_refused() {
    for (points, expected) in [
        ("1: 10", "points: a table has 2 to 1000 points, not 1"),
        ("1: 10, 2", "points: `2` is not a point"),
        ("1: 10, 1: 20", "points: x does not rise from 1 to 1"),
        ("1: 10, 0.5: 20", "points: x does not rise from 1 to 0.5"),
        ("", "points: `` is not a point"),
    ] {
        let refused = refusal("table", Voltage, &[text("points", points)]);
        assert!(refused.starts_with(expected), "{refused}");
    }
}

#[test]
fn units_of_one_thing_need_no_factor_and_others_do() {
    let to = |kind| ("to", Argument::Quantity(kind));
    let (kind, mut turns) = try_make("convert", Frequency, &[to(RotationalSpeed)]).unwrap();
    let out = tell_all(&mut *turns, Frequency, &each_second(&[50.0]));
    assert_eq!((kind, outcomes(&out)), (RotationalSpeed, vec![Ok(3_000.0)]));
    let refused = refusal("convert", Voltage, &[to(Power)]);
    assert_eq!(
        refused,
        "factor: nothing by itself makes power of voltage; write how many W one V is"
    );
    let given = [to(Power), ("factor", Argument::Number(2.5)), ("offset", Argument::Number(1.0))];
    let mut power = make("convert", Voltage, &given);
    assert_eq!(outcomes(&tell_all(&mut *power, Voltage, &each_second(&[4.0]))), [Ok(11.0)]);
}

#[test]
fn a_smoothed_step_has_come_to_63_percent_after_the_time_constant_however_it_is_sampled() {
    let given = [("time_constant", seconds(10))];
    for times in [&[10_000][..], &[1, 2_500, 2_500, 9_999, 10_000]] {
        let mut metric = make("ewma", Voltage, &given);
        let mut readings = vec![good(0, 0.0)];
        readings.extend(times.iter().map(|&at| good(at, 1.0)));
        let out = tell_all(&mut *metric, Voltage, &readings);
        let found = outcomes(&out).last().copied().unwrap().unwrap();
        assert!((found - (1.0 - (-1.0_f64).exp())).abs() < 1e-15, "{found}");
    }
}

#[test]
fn a_smoothed_stream_is_uncertain_for_a_time_constant_after_its_start_and_after_gaps() {
    let mut metric = make("ewma", Voltage, &[("time_constant", seconds(2))]);
    let mut readings = each_second(&[1.0; 4]);
    readings.extend([gap(4_000, NoData::Absent), good(5_000, 1.0), good(7_000, 1.0)]);
    let out = tell_all(&mut *metric, Voltage, &readings);
    assert_eq!(outcomes(&out)[4], Err(NoData::Absent));
    assert_eq!(qualities(&out), [Uncertain, Uncertain, Good, Good, Good, Uncertain, Good]);
}

proptest! {
    #[test]
    fn a_smoothed_number_is_between_the_mean_so_far_and_the_sample(
        dt in -1.0..1e6_f64, tau in 1e-3..1e6_f64,
    ) {
        prop_assert!((0.0..=1.0).contains(&weight(dt, tau)));
    }

    #[test]
    fn a_table_stays_between_its_points(
        heights in proptest::collection::vec(-1e3..1e3_f64, 2..9), x in -2.0..12.0_f64,
    ) {
        let points: Vec<_> = (0..).map(f64::from).zip(heights.iter().copied()).collect();
        let least = heights.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = heights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (y, is_inside) = interpolate(&points, x);
        prop_assert!(y >= least - 1e-9 && y <= greatest + 1e-9);
        prop_assert_eq!(is_inside, x >= 0.0 && x <= points.last().unwrap().0);
    }

    #[test]
    fn any_text_is_a_table_and_a_polynomial_or_is_refused(words in ".{0,40}") {
        let _ = refusal("table", Voltage, &[text("points", &words)]);
        let _ = refusal("polynomial", Voltage, &[text("coefficients", &words)]);
    }
}

/// 205,000 samples in 102 s, two of each millisecond.
#[test]
fn a_window_that_cannot_hold_all_of_its_time_is_uncertain() {
    let span = ("span", seconds(100));
    let tumbling = ("kind", Argument::Choice("tumbling"));
    let half = ("threshold", Argument::Number(0.5));
    for (function, given) in [
        ("moving_average", vec![span.clone()]),
        ("median", vec![span.clone(), tumbling]),
        ("rate_of_change", vec![span.clone()]),
        ("duty_cycle", vec![span.clone(), half, ("gap_max", seconds(1))]),
    ] {
        let mut metric = make(function, Voltage, &given);
        let mut last = None;
        for n in 0..205_000_i32 {
            let reading = good((n / 2).into(), f64::from(n % 2));
            last = tell(&mut *metric, Voltage, reading).pop().or(last);
        }
        assert_eq!(last.map(|output| output.quality), Some(Uncertain), "{function}");
    }
}
