mod quality;

use proptest::prelude::*;

use crate::{
    NoData, Quality, Quantity, QuantityKind,
    derived::{
        BadMetric, Input, Metric, Moment, Output, find,
        testing::{each_second, make, moment, outcomes, seconds, tell_all},
    },
    parameter::{Argument, Arguments},
};

type Given = Vec<(&'static str, Argument)>;

fn metric(function: &str, given: &Given) -> Box<dyn Metric> {
    make(function, QuantityKind::Dimensionless, given)
}

fn number(number: f64) -> Input {
    let outcome = Ok(QuantityKind::Dimensionless.quantity(number).unwrap());
    Input { outcome, quality: Quality::Good }
}

fn gap(reason: NoData) -> Input {
    Input { outcome: Err(reason), quality: Quality::Good }
}

fn after(seconds: i64) -> Moment {
    moment(1_000 * seconds)
}

/// What comes of the inputs, one a second.
fn run(metric: &mut dyn Metric, inputs: &[Input]) -> Vec<Output> {
    let mut out = Vec::new();
    for (second, &input) in (0..).zip(inputs) {
        metric.next(after(second), &[input], &mut out);
    }
    out
}

/// The numbers that come of numbers, and the gaps.
fn numbers(function: &str, given: &Given, inputs: &[f64]) -> Vec<Result<f64, NoData>> {
    let kind = QuantityKind::Dimensionless;
    outcomes(&tell_all(metric(function, given).as_mut(), kind, &each_second(inputs)))
}

fn samples(count: i64) -> (&'static str, Argument) {
    ("samples", Argument::Integer(count))
}

fn of(name: &'static str, number: f64) -> (&'static str, Argument) {
    (name, Argument::Number(number))
}

fn span(name: &'static str, of: u64) -> (&'static str, Argument) {
    (name, seconds(of))
}

/// Every function with one input and a state, with small windows.
fn stateful() -> Vec<(&'static str, Given)> {
    vec![
        ("z_score", vec![samples(5)]),
        ("mad_score", vec![samples(5)]),
        ("cusum", vec![of("target", 0.0), of("slack", 1.0), of("threshold", 9.0)]),
        ("cusum_learned", vec![samples(4)]),
        ("stuck_at", vec![span("time", 3), of("resolution", 2.0)]),
        ("spike", vec![of("threshold", 4.0)]),
        ("missing", vec![span("interval", 1), span("window", 6)]),
    ]
}

#[test]
fn scores_are_not_ready_for_the_first_two_and_uncertain_until_the_window_is_full() {
    for function in ["z_score", "mad_score"] {
        let mut metric = metric(function, &vec![samples(3)]);
        let out = run(metric.as_mut(), &[1.0, 2.0, 4.0, 5.0, 3.0].map(number));
        let gaps: Vec<_> = out.iter().map(|output| output.outcome.err()).collect();
        assert_eq!(gaps[..3], [Some(NoData::NotReady), Some(NoData::NotReady), None]);
        assert_eq!((out[2].quality, out[3].quality), (Quality::Uncertain, Quality::Good));
    }
}

#[test]
fn a_score_without_spread_is_zero_undefined_or_by_the_least_spread() {
    for function in ["z_score", "mad_score"] {
        let flat = [7.0, 7.0, 7.0, 7.0, 8.0];
        let plain = numbers(function, &vec![samples(4)], &flat);
        assert_eq!(plain[3..], [Ok(0.0), Err(NoData::Undefined)], "{function}");
        let floored = numbers(function, &vec![samples(4), of("spread_min", 0.5)], &flat);
        assert_eq!(floored[4], Ok(2.0), "{function}");
    }
}

#[test]
fn an_outlier_that_has_left_the_window_leaves_no_trace() {
    let mut tail = vec![1.0, 2.0, 4.0, 3.0, 9.0];
    let clean = numbers("z_score", &vec![samples(4)], &tail)[4];
    tail.splice(0..0, [1e200, -1e200, 5.0]);
    let after = numbers("z_score", &vec![samples(4)], &tail)[7];
    assert!((after.unwrap() / clean.unwrap() - 1.0).abs() < 1e-15, "{after:?} and {clean:?}");
}

#[test]
fn a_small_spread_on_a_huge_offset_is_exact() {
    let offset = [4.0, 7.0, 13.0, 16.0, 10.0 + 30.0_f64.sqrt()].map(|n| n + 1e9);
    let score = numbers("z_score", &vec![samples(4)], &offset)[4].unwrap();
    assert!((score - 1.0).abs() < 1e-7, "{score}");
}

#[test]
fn cusum_detects_a_shift_up_and_down_and_only_beyond_the_threshold() {
    let given = vec![of("target", 10.0), of("slack", 1.0), of("threshold", 4.0)];
    let found = numbers("cusum", &given, &[10.0, 13.0, 13.0, 13.0, 10.0, 7.0, 7.0, 7.0, 11.0]);
    let expected = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0].map(Ok);
    assert_eq!(found, expected);
}

#[test]
fn cusum_learns_what_is_usual_and_learns_anew_after_a_change() {
    let mut stream = vec![5.0, 5.0, 5.0, 5.0, 6.0, 4.0, 5.0, 9.0, 9.0];
    stream.extend([9.0, 9.5, 8.5, 9.0, 9.0, 9.0]);
    let found = numbers("cusum_learned", &vec![samples(3)], &stream);
    assert_eq!(found[..5], [Err(NoData::NotReady); 5], "the first four have no spread");
    assert_eq!(found[5..8], [0.0, 0.0, 1.0].map(Ok));
    assert_eq!(found[8..11], [Err(NoData::NotReady); 3]);
    assert_eq!(found[11..], [0.0; 4].map(Ok));
}

#[test]
fn stuck_is_what_stays_within_the_resolution_for_the_time() {
    let given = vec![span("time", 3), of("resolution", 0.5)];
    let found = numbers("stuck_at", &given, &[1.0, 1.5, 1.0, 1.2, 1.4, 1.6, 1.6]);
    assert_eq!(found, [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0].map(Ok));
}

#[test]
fn stuck_is_uncertain_before_the_first_change_and_across_a_gap() {
    let mut metric = metric("stuck_at", &vec![span("time", 2)]);
    let inputs = [1.0, 2.0].map(number).into_iter();
    let inputs: Vec<_> = inputs.chain([gap(NoData::Absent), number(2.0)]).collect();
    let out = run(metric.as_mut(), &inputs);
    let found: Vec<_> = out.iter().map(|o| (o.outcome.map(Quantity::number), o.quality)).collect();
    let doubtful = Quality::Uncertain;
    assert_eq!(found[..2], [(Ok(0.0), doubtful), (Ok(0.0), Quality::Good)]);
    assert_eq!(found[2..], [(Err(NoData::Absent), Quality::Good), (Ok(1.0), doubtful)]);
}

#[test]
fn a_spike_stands_out_from_both_sides_and_a_step_does_not() {
    let given = vec![of("threshold", 2.0)];
    let spike = numbers("spike", &given, &[1.0, 1.0, 9.0, 1.0, 1.0, 1.0]);
    assert_eq!(spike, [0.0, 0.0, 1.0, 0.0].map(Ok), "two still wait for their neighbours");
    let step = numbers("spike", &given, &[1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0]);
    assert!(step.iter().all(|found| *found == Ok(0.0)), "{step:?}");
}

#[test]
fn those_who_wait_for_neighbours_are_judged_before_a_gap() {
    let mut metric = metric("spike", &vec![of("threshold", 2.0)]);
    let inputs = [number(1.0), number(9.0), number(1.0), gap(NoData::Timeout), number(5.0)];
    let mut out = run(metric.as_mut(), &inputs);
    let found = outcomes(&out);
    assert_eq!(found, [Ok(0.0), Ok(1.0), Ok(0.0), Err(NoData::Timeout)]);
    assert!(out[..3].iter().all(|output| output.quality == Quality::Uncertain));
    assert!(out.is_sorted_by_key(|output| output.at));
    out.clear();
    metric.next(after(5), &[gap(NoData::Absent)], &mut out);
    let found: Vec<_> = out.iter().map(|output| output.outcome.err()).collect();
    assert_eq!(found, [Some(NoData::Undefined), Some(NoData::Absent)], "5 had no neighbour");
}

#[test]
fn missing_counts_gaps_and_what_never_came() {
    let mut metric = metric("missing", &vec![span("interval", 1), span("window", 4)]);
    let mut out = Vec::new();
    let told = [
        (0, number(1.0), 0.0),
        (1, gap(NoData::Absent), 50.0),
        (1, number(1.0), 0.0),
        (4, number(1.0), 50.0),
        (5, number(1.0), 50.0),
        (6, number(1.0), 25.0),
        (7, number(1.0), 0.0),
        (7, number(1.0), 0.0),
        (20, gap(NoData::Silent), 100.0),
    ];
    for (second, input, percent) in told {
        metric.next(after(second), &[input], &mut out);
        let last = out.pop().unwrap();
        assert_eq!(last.outcome.unwrap().number().to_bits(), f64::to_bits(percent), "at {second}");
        assert_eq!(last.quality, Quality::good_if(second >= 4), "at {second}");
    }
}

#[test]
fn a_window_of_too_many_intervals_is_refused() {
    let entry = find("missing").unwrap();
    for window in [1, 200_000] {
        let given = [span("interval", 2), span("window", window)];
        let arguments = Arguments::new(entry.parameters, given).unwrap();
        let refused = (entry.make)(&[QuantityKind::Power], &arguments).err();
        assert!(matches!(refused, Some(BadMetric::Unfit { parameter: "window", .. })));
    }
}

#[test]
fn the_median_of_three_outvotes_one_and_says_when_there_are_two() {
    let mut metric = metric("median_of_three", &vec![]);
    let mut ask = |inputs: [Input; 3]| {
        let mut out = Vec::new();
        metric.next(after(0), &inputs, &mut out);
        (out[0].outcome.map(Quantity::number), out[0].quality)
    };
    let (a, b, c) = (number(1.0), number(1e300), number(3.0));
    for inputs in [[a, b, c], [b, c, a], [c, a, b], [c, b, a]] {
        assert_eq!(ask(inputs), (Ok(3.0), Quality::Good));
    }
    let (gone, late) = (gap(NoData::Absent), gap(NoData::Stale));
    assert_eq!(ask([gone, a, c]), (Ok(2.0), Quality::Uncertain));
    assert_eq!(ask([late, a, gone]), (Err(NoData::Stale), Quality::Good));
    assert_eq!(ask([gone, late, gone]), (Err(NoData::Absent), Quality::Good));
    let doubtful = Input { quality: Quality::Uncertain, ..a };
    assert_eq!(ask([doubtful, b, c]), (Ok(3.0), Quality::Uncertain));
}

#[test]
fn three_sensors_of_different_kinds_have_no_median() {
    let make = find("median_of_three").unwrap().make;
    let kinds = [QuantityKind::Temperature, QuantityKind::Temperature, QuantityKind::Pressure];
    let refused = make(&kinds, &Arguments::default()).err();
    assert!(matches!(refused, Some(BadMetric::Unfit { parameter: "c", .. })));
}

#[test]
fn a_gap_is_no_sample_of_any_window() {
    for (function, given) in
        stateful().into_iter().filter(|(name, _)| !["stuck_at", "spike", "missing"].contains(name))
    {
        let plain: Vec<_> = [1.0, 5.0, 2.0, 4.0, 30.0, 1.0].map(number).to_vec();
        let mut holed = plain.clone();
        holed.insert(3, gap(NoData::Corrupt));
        let mut out = run(metric(function, &given).as_mut(), &holed);
        assert_eq!(out.remove(3).outcome, Err(NoData::Corrupt), "{function}");
        let found: Vec<_> = out.iter().map(|output| output.outcome).collect();
        let plain = run(metric(function, &given).as_mut(), &plain);
        let expected: Vec<_> = plain.iter().map(|output| output.outcome).collect();
        assert_eq!(found, expected, "{function}");
    }
}

proptest! {
    #[test]
    fn scores_know_neither_unit_nor_zero(
        numbers_ in prop::collection::vec(-9..9_i16, 3..30), shift in -99..99_i16, scale in 1..5_u8,
    ) {
        let (scale, shift) = (f64::from(1 << scale), f64::from(shift));
        let plain: Vec<_> = numbers_.iter().copied().map(f64::from).collect();
        let moved: Vec<_> = plain.iter().map(|number| number * scale + shift).collect();
        for function in ["z_score", "mad_score"] {
            let before = numbers(function, &vec![samples(6)], &plain);
            let after = numbers(function, &vec![samples(6)], &moved);
            for (before, after) in before.into_iter().zip(after) {
                match (before, after) {
                    (Ok(before), Ok(after)) => prop_assert!((before - after).abs() < 1e-6 * before.abs().max(1.0)),
                    (before, after) => prop_assert_eq!(before.is_err(), after.is_err()),
                }
            }
        }
    }
}
