//! Counters, and report by exception.

use core::time::Duration;

use crate::{
    NoData, Quality,
    Quality::{Good, Uncertain},
    QuantityKind::{Count, Power, Temperature, VolumeFlow},
    derived::{
        signal::counted,
        testing::{each_second, gap, good, make, outcomes, qualities, tell_all, try_make},
    },
    parameter::Argument,
};

#[test]
fn a_counter_that_falls_began_anew_unless_it_is_known_to_go_round() {
    let numbers = each_second(&[65_530.0, 65_535.0, 4.0, 14.0]);
    let mut plain = make("counter_rate", Count, &[]);
    let expected = [Err(NoData::Undefined), Ok(5.0), Err(NoData::Undefined), Ok(10.0)];
    assert_eq!(outcomes(&tell_all(&mut *plain, Count, &numbers)), expected);
    let mut round = make("counter_rate", Count, &[("wrap_bits", Argument::Integer(16))]);
    let expected = [Err(NoData::Undefined), Ok(5.0), Ok(5.0), Ok(10.0)];
    assert_eq!(outcomes(&tell_all(&mut *round, Count, &numbers)), expected);
}

#[test]
fn a_counter_goes_round_at_its_bits_and_has_no_more_than_they_hold() {
    assert_eq!(counted(65_535.0, 0.0, 16), Ok(1.0));
    assert_eq!(counted(4_294_967_295.0, 1.0, 32), Ok(2.0));
    assert_eq!(counted(65_535.0, 65_536.0, 16), Err(NoData::Implausible));
    assert_eq!(counted(-5.0, 3.0, 16), Err(NoData::Implausible));
    assert_eq!(counted(3.0, -5.0, 16), Err(NoData::Implausible));
    assert_eq!(counted(7.0, 7.0, 0), Ok(0.0));
}

#[test]
fn what_a_counter_counts_has_a_rate_of_its_own() {
    for (to, per_count, expected_kind, expected) in
        [("power", 0.001, Power, 3_600.0), ("volume_flow", 0.01, VolumeFlow, 36.0)]
    {
        let given = [("to", Argument::Choice(to)), ("per_count", Argument::Number(per_count))];
        let (kind, mut rate) = try_make("counter_rate", Count, &given).unwrap();
        let out = tell_all(&mut *rate, Count, &each_second(&[5.0, 6.0]));
        let found = outcomes(&out)[1].unwrap();
        assert!((found - expected).abs() < 1e-9, "{found}");
        assert_eq!(kind, expected_kind);
    }
}

#[test]
fn a_counter_at_one_moment_gives_nothing_and_across_a_gap_what_is_uncertain() {
    let mut rate = make("counter_rate", Count, &[]);
    let given = [
        good(0, 1.0),
        good(0, 2.0),
        good(1_000, 4.0),
        gap(2_000, NoData::Absent),
        good(3_000, 10.0),
        good(4_000, 11.0),
    ];
    let out = tell_all(&mut *rate, Count, &given);
    let expected = [Err(NoData::Undefined), Ok(2.0), Err(NoData::Absent), Ok(3.0), Ok(1.0)];
    assert_eq!(outcomes(&out), expected);
    assert_eq!(qualities(&out), [Good, Good, Good, Uncertain, Good]);
}

#[test]
fn a_band_is_told_only_when_it_is_left() {
    let mut band = make("deadband", Temperature, &[("absolute", Argument::Number(0.5))]);
    let out =
        tell_all(&mut *band, Temperature, &each_second(&[20.0, 20.5, 19.5, 20.75, 20.25, 20.0]));
    assert_eq!(outcomes(&out), [Ok(20.0), Ok(20.75), Ok(20.0)]);
}

#[test]
fn of_two_bands_the_wider_one_counts() {
    let given = [("absolute", Argument::Number(1.0)), ("percent", Argument::Number(10.0))];
    let mut band = make("deadband", Temperature, &given);
    let numbers = [5.0, 5.75, 6.25, 100.0, 109.0, 111.0, -100.0, -109.0];
    let out = tell_all(&mut *band, Temperature, &each_second(&numbers));
    assert_eq!(outcomes(&out), [5.0, 6.25, 100.0, 111.0, -100.0].map(Ok));
}

#[test]
fn without_a_band_every_change_is_told_and_nothing_else() {
    let mut band = make("deadband", Temperature, &[]);
    let out = tell_all(&mut *band, Temperature, &each_second(&[1.0, 1.0, 1.1, 1.1]));
    assert_eq!(outcomes(&out), [Ok(1.0), Ok(1.1)]);
}

#[test]
fn silence_ends_and_gaps_and_qualities_are_news_once() {
    let silence = ("silence_max", Argument::Duration(Duration::from_secs(10)));
    let mut band = make("deadband", Temperature, &[("absolute", Argument::Number(5.0)), silence]);
    let given = [
        good(0, 1.0),
        good(9_999, 1.0),
        good(10_000, 2.0),
        gap(11_000, NoData::Absent),
        gap(12_000, NoData::Absent),
        gap(13_000, NoData::Timeout),
        gap(23_000, NoData::Timeout),
        good(24_000, 2.0),
        (25_000, Ok(2.0), Quality::Uncertain),
        (26_000, Ok(2.0), Quality::Uncertain),
    ];
    let out = tell_all(&mut *band, Temperature, &given);
    let timeout = Err(NoData::Timeout);
    let expected = [Ok(1.0), Ok(2.0), Err(NoData::Absent), timeout, timeout, Ok(2.0), Ok(2.0)];
    assert_eq!(outcomes(&out), expected);
    assert_eq!(qualities(&out).last(), Some(&Uncertain));
}

#[test]
fn a_counter_that_leaps_past_what_a_frequency_can_be_is_implausible() {
    let mut rate = make("counter_rate", Count, &[]);
    let given = [good(0, 0.0), good(1, 9e15)];
    let out = tell_all(&mut *rate, Count, &given);
    assert_eq!(outcomes(&out)[1], Err(NoData::Implausible));
}
