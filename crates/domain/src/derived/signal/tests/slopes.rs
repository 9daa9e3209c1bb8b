//! Rates, trends and integrals.

use proptest::prelude::*;

use crate::{
    NoData,
    Quality::{Good, Uncertain},
    QuantityKind::{
        Count, Course, Current, Dimensionless, Duration, Energy, Frequency, Illuminance, Power,
        Temperature, TemperatureRate, Voltage, VoltageRate,
    },
    derived::{
        signal::{rules, time_to_threshold},
        testing::{
            each_second, gap, good, make, outcomes, qualities, refusal, seconds, tell, tell_all,
            try_make,
        },
    },
    parameter::Argument,
};

#[test]
fn a_rate_is_over_the_time_between_and_has_none_at_the_first_and_at_the_same_moment() {
    let (kind, mut rate) = try_make("rate_of_change", Temperature, &[]).unwrap();
    let given =
        [good(0, 20.0), good(1_800_000, 21.0), good(1_800_000, 25.0), good(5_400_000, 20.0)];
    let out = tell_all(&mut *rate, Temperature, &given);
    assert_eq!(kind, TemperatureRate);
    assert_eq!(outcomes(&out), [Err(NoData::Undefined), Ok(2.0), Ok(-5.0)]);
}

#[test]
fn a_rate_over_a_span_is_from_its_oldest_sample_and_uncertain_until_there_is_one_so_old() {
    let mut rate = make("rate_of_change", Voltage, &[("span", seconds(2))]);
    let out = tell_all(&mut *rate, Voltage, &each_second(&[0.0, 1.0, 4.0, 9.0, 16.0]));
    let hour = 3_600.0;
    let expected =
        [Err(NoData::Undefined), Ok(hour), Ok(2.0 * hour), Ok(4.0 * hour), Ok(6.0 * hour)];
    assert_eq!(outcomes(&out), expected);
    assert_eq!(qualities(&out), [Good, Uncertain, Good, Good, Good]);
}

#[test]
fn a_rate_across_a_gap_is_uncertain() {
    let mut rate = make("rate_of_change", Voltage, &[]);
    let given = [good(0, 0.0), gap(1_000, NoData::Timeout), good(2_000, 2.0), good(3_000, 3.0)];
    let out = tell_all(&mut *rate, Voltage, &given);
    let expected = [Err(NoData::Undefined), Err(NoData::Timeout), Ok(3_600.0), Ok(3_600.0)];
    assert_eq!(
        (outcomes(&out), qualities(&out)),
        (expected.into(), vec![Good, Good, Uncertain, Good])
    );
}

#[test]
fn what_has_no_rate_or_integral_is_refused_with_what_has() {
    for kind in [Course, Illuminance] {
        for function in ["rate_of_change", "trend"] {
            let refused = refusal(function, kind, &[]);
            assert!(refused.contains(&format!("{} has no rate", kind.name())), "{refused}");
            assert!(refused.contains("what can be differentiated: temperature, "), "{refused}");
        }
        let refused = refusal("integral", kind, &[("gap_max", seconds(1))]);
        assert!(refused.contains("what can be integrated: power, current, "), "{refused}");
    }
}

#[test]
fn a_rate_undoes_an_integral() {
    for kind in [Power, Current] {
        let (integral, there) = rules::integral(kind).unwrap();
        let (rate, back) = rules::rate(integral).unwrap();
        assert_eq!(rate, kind);
        assert!((there * back - 1.0).abs() < 1e-15);
    }
}

/// The case `step_0_to_1000_at_half`: an hour at 10 s, from 0 W to 1,000 W at its half.
#[test]
fn the_three_rules_of_an_integral_tell_a_step_apart() {
    let given: Vec<_> =
        (0..=360).map(|n| good(n * 10_000, if n < 180 { 0.0 } else { 1_000.0 })).collect();
    for (rule, watt_hours) in [("left", 500.0), ("trapezoid", 501.39), ("right", 502.78)] {
        let arguments = [("rule", Argument::Choice(rule)), ("gap_max", seconds(10))];
        let (kind, mut integral) = try_make("integral", Power, &arguments).unwrap();
        let out = tell_all(&mut *integral, Power, &given);
        let found = outcomes(&out)[360].unwrap() * 1_000.0;
        assert!((found - watt_hours).abs() < 0.005, "{rule}: {found}");
        assert_eq!((kind, qualities(&out)[360]), (Energy, Good));
    }
}

#[test]
fn an_integral_bridges_gaps_that_are_short_and_leaves_out_long_ones() {
    let mut integral = make("integral", Power, &[("gap_max", seconds(3_600))]);
    let hour = 3_600_000;
    let given = [
        good(0, 1_000.0),
        gap(hour / 2, NoData::Absent),
        good(hour, 1_000.0),
        good(3 * hour, 1_000.0),
        good(4 * hour, 1_000.0),
    ];
    let out = tell_all(&mut *integral, Power, &given);
    let found = outcomes(&out);
    assert_eq!((found[0], found[1]), (Ok(0.0), Err(NoData::Absent)));
    assert_eq!(
        found[2..].iter().map(|kwh| kwh.unwrap().round()).collect::<Vec<_>>(),
        [1.0, 1.0, 2.0]
    );
    assert_eq!(qualities(&out), [Good, Good, Good, Uncertain, Uncertain]);
}

#[test]
fn no_time_is_counted_twice_and_of_one_moment_the_last_sample_counts() {
    let given = [("gap_max", seconds(3_600)), ("rule", Argument::Choice("left"))];
    let mut integral = make("integral", Frequency, &given);
    let readings =
        [good(0, 7.0), good(0, 1.0), good(2_000, 2.0), good(1_000, 9.0), good(3_000, 0.0)];
    let out = tell_all(&mut *integral, Frequency, &readings);
    assert_eq!(outcomes(&out), [0.0, 0.0, 2.0, 2.0, 4.0].map(Ok));
}

#[test]
fn small_steps_are_not_lost_in_a_large_total() {
    let mut integral = make("integral", Dimensionless, &[("gap_max", seconds(1 << 24))]);
    let large = good(10_000_000, 1e5);
    tell_all(&mut *integral, Dimensionless, &[good(0, 1e5), large, good(10_000_000, 1e-6)]);
    let mut total = 0.0;
    for n in 1..=1_000_000 {
        let out = tell(&mut *integral, Dimensionless, good(10_000_000 + n, 1e-6));
        total = outcomes(&out)[0].unwrap();
    }
    // The last place of 1e9 is 1.2e-7; a plain sum would take each step of 1e-9 for nothing.
    assert!((total - 1e9 - 1e-3).abs() <= 1.2e-7, "{}", total - 1e9);
}

#[test]
fn a_trend_on_a_huge_offset_is_exact_and_none_while_time_stands_still() {
    let mut trend = make("trend", Voltage, &[("samples", Argument::Integer(4))]);
    let numbers: Vec<_> = (0..9).map(|n| 1e8 + 0.25 * f64::from(n)).collect();
    let out = tell_all(&mut *trend, Voltage, &each_second(&numbers));
    assert_eq!(outcomes(&out)[0], Err(NoData::Undefined));
    for slope in &outcomes(&out)[1..] {
        assert!((slope.unwrap() - 900.0).abs() < 1e-9);
    }
    let mut trend = make("trend", Voltage, &[("samples", Argument::Integer(4))]);
    let still = tell_all(&mut *trend, Voltage, &[good(0, 1.0), good(0, 2.0), good(0, 3.0)]);
    assert_eq!(outcomes(&still), [Err(NoData::Undefined); 3]);
}

#[test]
fn a_battery_that_loses_a_volt_in_an_hour_is_empty_in_two() {
    let given = [("threshold", Argument::Number(10.0)), ("span", seconds(3_600))];
    let (kind, mut time) = try_make("time_to_threshold", Voltage, &given).unwrap();
    let out = tell_all(&mut *time, Voltage, &[good(0, 13.0), good(3_599_000, 12.0)]);
    let left = outcomes(&out)[1].unwrap();
    assert!((left - 2.0 * 3_599.0).abs() < 1e-6, "{left}");
    assert_eq!((kind, outcomes(&out)[0]), (Duration, Err(NoData::Undefined)));
    let charged = tell(&mut *time, Voltage, good(3_599_500, 16.0));
    assert_eq!(outcomes(&charged), [Err(NoData::Undefined)], "it rises: never");
}

#[test]
fn a_threshold_that_is_never_met_has_no_time_and_one_that_is_met_has_0() {
    let time = |level, slope, threshold| {
        time_to_threshold(level, slope, threshold).map(crate::Second::get)
    };
    assert_eq!(time(1.0, 2.0, 5.0), Ok(2.0));
    assert_eq!(time(1.0, -2.0, 5.0), Err(NoData::Undefined));
    assert_eq!(time(1.0, 0.0, 5.0), Err(NoData::Undefined));
    assert_eq!(time(1.0, 1e-30, 5.0), Err(NoData::Undefined));
    assert_eq!(time(5.0, 0.0, 5.0), Ok(0.0));
}

#[test]
fn the_slope_of_a_count_is_a_frequency() {
    let mut trend = make("trend", Count, &[("samples", Argument::Integer(3))]);
    let out = tell_all(&mut *trend, Count, &each_second(&[1.0, 3.0, 5.0, 0.0]));
    assert_eq!(outcomes(&out)[2..], [Ok(2.0), Err(NoData::Implausible)]);
}

proptest! {
    #[test]
    fn the_integral_of_what_is_not_negative_never_falls(
        steps in proptest::collection::vec((-5..2_000_i64, 0.0..1e6_f64), 1..50),
    ) {
        let mut integral = make("integral", Power, &[("gap_max", seconds(1))]);
        let (mut at, mut total) = (0, 0.0);
        for (step, number) in steps {
            at += step;
            let next = outcomes(&tell(&mut *integral, Power, good(at, number)))[0].unwrap();
            prop_assert!(next >= total && next.is_finite());
            total = next;
        }
    }

    #[test]
    fn a_straight_line_is_its_own_trend_and_rate(
        steps in proptest::collection::vec(1..9_000_i64, 2..30), slope in -1e3..1e3_f64, level in -1e6..1e6_f64,
    ) {
        let mut at = 1_700_000_000_000;
        let line = |at: i64| {
            #[expect(clippy::cast_precision_loss, reason = "a few hours in milliseconds")]
            let seconds = (at - 1_700_000_000_000) as f64 / 1e3;
            level + slope / 3_600.0 * seconds
        };
        let (_, mut trend) = try_make("trend", Voltage, &[("samples", Argument::Integer(9))]).unwrap();
        let (kind, mut rate) = try_make("rate_of_change", Voltage, &[]).unwrap();
        prop_assert_eq!(kind, VoltageRate);
        for (n, step) in steps.into_iter().enumerate() {
            at += step;
            let reading = good(at, line(at));
            let slopes = [tell(&mut *trend, Voltage, reading), tell(&mut *rate, Voltage, reading)];
            if n > 0 && step >= 100 {
                for found in slopes {
                    let found = outcomes(&found)[0].unwrap();
                    prop_assert!((found - slope).abs() < 1e-3, "{found} is not {slope}");
                }
            }
        }
    }
}
