//! When what is found is uncertain, and of what nothing can be found.

use super::{Given, gap, metric, number, of, run, samples, span};
use crate::{
    NoData, Quality, QuantityKind,
    derived::{BadMetric, Input, find},
    parameter::Arguments,
};

/// The qualities of what comes of numbers; of some an uncertain one, and in place of some a gap.
fn qualities(function: &str, given: &Given, numbers: &[f64], bad: usize) -> [Vec<Quality>; 2] {
    let whole: Vec<_> = numbers.iter().copied().map(number).collect();
    let of = |input: Input| {
        let mut inputs = whole.clone();
        inputs[bad] = input;
        let out = run(metric(function, given).as_mut(), &inputs);
        out.into_iter().map(|output| output.quality).collect()
    };
    [of(Input { quality: Quality::Uncertain, ..whole[bad] }), of(gap(NoData::Timeout))]
}

#[test]
fn a_score_is_uncertain_until_the_window_is_whole_again() {
    let walk = [1.0, 2.0, 4.0, 5.0, 3.0, 2.0, 4.0, 1.0, 3.0, 2.0];
    for function in ["z_score", "mad_score"] {
        for found in qualities(function, &vec![samples(3)], &walk, 5) {
            let good: Vec<_> = (6..10).filter(|&at| found[at] == Quality::Good).collect();
            assert_eq!(good, [9], "{function}: three before it and itself");
        }
    }
}

#[test]
fn cusum_is_uncertain_while_its_sums_are_of_a_gap_or_an_uncertain_number() {
    let given = vec![of("target", 10.0), of("slack", 1.0), of("threshold", 9.0)];
    let numbers = [10.0, 13.0, 13.0, 13.0, 6.0, 5.0, 11.5, 10.0];
    let [doubtful, gapped] = qualities("cusum", &given, &numbers, 2);
    let uncertain = |found: &[Quality]| -> Vec<_> {
        (0..8).filter(|&at| found[at] == Quality::Uncertain).collect()
    };
    assert_eq!(uncertain(&doubtful), [2, 3, 4, 5, 6, 7], "the lower sum has left 0 at 4");
    assert_eq!(uncertain(&gapped), [3, 4, 5, 6, 7]);
    let [doubtful, gapped] = qualities("cusum", &given, &[13.0, 5.0, 10.0, 13.0, 11.0, 9.0], 2);
    let clean = [10.0, 10.0, 13.0, 12.0, 10.0, 10.0, 10.0, 10.0];
    let [after, _] = qualities("cusum", &given, &clean, 1);
    assert_eq!(uncertain(&[after, vec![Quality::Good]].concat()), [1], "the sums were at 0");
    assert_eq!((doubtful[5], gapped[5]), (Quality::Uncertain, Quality::Uncertain));
}

#[test]
fn what_was_learned_of_a_gap_or_an_uncertain_number_stays_uncertain() {
    let numbers = [5.0, 6.0, 4.0, 5.0, 5.0, 5.0, 5.0];
    for found in qualities("cusum_learned", &vec![samples(3)], &numbers, 1) {
        assert!(found[4..].iter().all(|&quality| quality == Quality::Uncertain), "{found:?}");
    }
    for found in qualities("cusum_learned", &vec![samples(3)], &numbers, 3) {
        assert!(found[4..].iter().all(|&quality| quality == Quality::Good), "{found:?}");
    }
}

#[test]
fn what_is_round_or_a_code_has_no_spread_and_no_median() {
    let functions = ["z_score", "mad_score", "cusum", "cusum_learned", "spike"];
    let functions = functions.into_iter().chain(["median_of_three", "ewma", "time_to_threshold"]);
    for function in functions.chain(["alarm_rate", "alarm_deviation"]) {
        let entry = find(function).unwrap();
        for kind in [QuantityKind::Course, QuantityKind::AlarmState] {
            let kinds = vec![kind; entry.roles.len()];
            let refused = (entry.make)(&kinds, &Arguments::example(entry.parameters)).err();
            let Some(BadMetric::Unfit { parameter, .. }) = refused else { panic!("{function}") };
            assert_eq!(parameter, entry.roles[0].name, "{function}");
        }
    }
}

#[test]
fn what_is_stuck_across_an_uncertain_number_is_uncertain() {
    let given = vec![span("time", 2)];
    for found in qualities("stuck_at", &given, &[1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0], 2) {
        assert_eq!((found[3], found[6]), (Quality::Uncertain, Quality::Good));
    }
}
