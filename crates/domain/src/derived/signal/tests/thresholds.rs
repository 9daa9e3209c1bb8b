//! Shares of time and how long a state has lasted.

use proptest::prelude::*;

use crate::{
    NoData, Quality,
    Quality::{Good, Uncertain},
    QuantityKind::{Power, Voltage},
    derived::{
        Output,
        testing::{Given, each_second, gap, good, make, outcomes, qualities, seconds, tell_all},
    },
    parameter::Argument,
};

const HALF: (&str, Argument) = ("threshold", Argument::Number(0.5));

fn duty(readings: &[Given], span: u64) -> Vec<Output> {
    let given = [HALF, ("span", seconds(span)), ("gap_max", seconds(5))];
    tell_all(&mut *make("duty_cycle", Power, &given), Power, readings)
}

#[test]
fn a_pump_that_runs_every_other_second_runs_half_of_the_time() {
    let out = duty(&each_second(&[1.0, 0.0, 1.0, 0.0, 1.0]), 4);
    let expected = [Err(NoData::Undefined), Ok(100.0), Ok(50.0), Ok(2.0 / 3.0 * 100.0), Ok(50.0)];
    assert_eq!(outcomes(&out), expected);
    assert_eq!(qualities(&out), [Good, Uncertain, Uncertain, Uncertain, Good]);
}

#[test]
fn the_start_of_the_window_cuts_what_began_before_it() {
    let out = duty(&[good(0, 1.0), good(3_000, 0.0), good(4_000, 0.0), good(5_000, 1.0)], 2);
    assert_eq!(outcomes(&out)[1..], [Ok(100.0), Ok(50.0), Ok(0.0)]);
}

#[test]
fn at_the_threshold_is_not_over() {
    assert_eq!(outcomes(&duty(&each_second(&[0.5, 0.5]), 4))[1], Ok(0.0));
}

#[test]
fn what_is_not_known_counts_for_neither() {
    let given = [good(0, 1.0), gap(1_000, NoData::Absent), good(3_000, 0.0), good(4_000, 0.0)];
    let out = duty(&given, 10);
    assert_eq!(outcomes(&out)[1..], [Err(NoData::Absent), Ok(100.0), Ok(50.0)]);
    let silent = duty(&[good(0, 1.0), good(1_000, 0.0), good(7_000, 0.0), good(8_000, 0.0)], 100);
    assert_eq!(
        outcomes(&silent)[1..],
        [Ok(100.0), Ok(100.0), Ok(50.0)],
        "6 s are more than gap_max"
    );
}

#[test]
fn a_sample_lasts_for_gap_max_and_no_longer() {
    let out = duty(&[good(0, 1.0), good(5_000, 0.0), good(10_001, 1.0)], 100);
    assert_eq!(outcomes(&out)[1..], [Ok(100.0), Ok(100.0)]);
}

fn lasted(readings: &[Given], state: &'static str) -> Vec<Output> {
    let given = [HALF, ("state", Argument::Choice(state)), ("gap_max", seconds(5))];
    tell_all(&mut *make("state_duration", Voltage, &given), Voltage, readings)
}

#[test]
fn a_state_lasts_from_the_first_sample_in_it() {
    let readings = each_second(&[0.0, 1.0, 1.0, 1.0, 0.5, 1.0]);
    let over = lasted(&readings, "over");
    assert_eq!(outcomes(&over), [0.0, 0.0, 1.0, 2.0, 0.0, 0.0].map(Ok));
    assert_eq!(qualities(&over), [Good; 6]);
    let under = lasted(&readings, "under");
    assert_eq!(outcomes(&under), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0].map(Ok));
    assert_eq!(qualities(&under), [Uncertain, Good, Good, Good, Good, Good]);
}

#[test]
fn a_state_that_was_there_before_may_have_lasted_for_longer() {
    let out = lasted(&each_second(&[1.0, 1.0, 0.0, 1.0, 1.0]), "over");
    assert_eq!(outcomes(&out), [0.0, 1.0, 0.0, 0.0, 1.0].map(Ok));
    assert_eq!(qualities(&out), [Uncertain, Uncertain, Good, Good, Good]);
}

#[test]
fn a_state_is_bridged_over_a_short_gap_and_begins_again_after_a_long_one() {
    let given = [
        good(0, 0.0),
        good(1_000, 1.0),
        gap(2_000, NoData::Absent),
        good(6_000, 1.0),
        good(12_000, 1.0),
        good(13_000, 1.0),
    ];
    let out = lasted(&given, "over");
    let expected = [Ok(0.0), Ok(0.0), Err(NoData::Absent), Ok(5.0), Ok(0.0), Ok(1.0)];
    assert_eq!(outcomes(&out), expected);
    assert_eq!(qualities(&out), [Good, Good, Good, Uncertain, Uncertain, Uncertain]);
}

/// The share that the window of `span` seconds ends with, pair of readings by pair of readings.
fn share(past: &[Given], span: i64) -> Result<f64, NoData> {
    let end = past.last().map_or(0, |reading| reading.0);
    let (mut over, mut known) = (0, 0);
    for pair in past.windows(2) {
        let (from, to) = (pair[0].0.max(end - span * 1_000), pair[1].0);
        let Ok(number) = pair[0].1 else { continue };
        if to > from && to - pair[0].0 <= 5_000 {
            known += to - from;
            over += if number > 0.5 { to - from } else { 0 };
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a few seconds in milliseconds")]
    let share = over as f64 / known as f64 * 100.0;
    if known > 0 { Ok(share) } else { Err(NoData::Undefined) }
}

proptest! {
    #[test]
    fn a_share_is_that_of_its_window_reckoned_afresh_and_what_the_other_state_leaves(
        steps in proptest::collection::vec((0..6_000_i64, any::<bool>(), 0..9_u8), 1..60), span in 1..20_u64,
    ) {
        let mut at = 0;
        let readings: Vec<_> = steps.into_iter().map(|(step, is_over, gap)| {
            at += step;
            let outcome = if gap == 0 { Err(NoData::Absent) } else { Ok(f64::from(u8::from(is_over))) };
            (at, outcome, Quality::Good)
        }).collect();
        let expected = readings.iter().enumerate().map(|(last, reading)| {
            reading.1.and_then(|_| share(&readings[..=last], i64::try_from(span).unwrap()))
        });
        prop_assert_eq!(outcomes(&duty(&readings, span)), expected.collect::<Vec<_>>());
        let turned: Vec<_> = readings.iter().map(|&(at, outcome, quality)| {
            (at, outcome.map(|number| 1.0 - number), quality)
        }).collect();
        for (on, off) in outcomes(&duty(&readings, span)).into_iter().zip(outcomes(&duty(&turned, span))) {
            match (on, off) {
                (Ok(on), Ok(off)) => {
                    prop_assert!((0.0..=100.0).contains(&on));
                    prop_assert!((on + off - 100.0).abs() < 1e-9);
                }
                (on, off) => prop_assert_eq!(on, off),
            }
        }
    }
}
