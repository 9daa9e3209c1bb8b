use domain::{Celsius, Monotonic, Quantity, WallTime};
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn told(order: u32, seconds: f64, number: f64) -> Told {
    #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
    let at = Moment::from_nanos((seconds * 1e9) as i64);
    let stamp = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0));
    let outcome = Ok(Celsius::new(number).unwrap().into());
    Told { order, at, stamp, input: Input { outcome, quality: Quality::Good } }
}

/// Tells each `(role, time, number)` in turn, and gives what came out: the number of the pace and what
/// the other input said, or why not.
fn run(aligner: &mut Aligner, told_by: &[(usize, f64, f64)]) -> Vec<(f64, Result<f64, NoData>)> {
    let (mut inputs, mut out) = (Vec::new(), Vec::new());
    for (order, &(role, seconds, number)) in (0..).zip(told_by) {
        aligner.tell(role, told(order, seconds, number));
        while let Some(pace) = aligner.next(&mut inputs, false) {
            out.push((number_of(pace.input).unwrap(), number_of(inputs[1])));
        }
    }
    out
}

fn number_of(input: Input) -> Result<f64, NoData> {
    input.outcome.map(Quantity::number)
}

#[test]
fn the_nearest_in_time_is_taken_and_of_two_as_near_the_earlier() {
    let mut aligner = Aligner::new(2, SECOND);
    let found = run(
        &mut aligner,
        &[(1, 0.0, 10.0), (0, 0.4, 1.0), (1, 1.0, 11.0), (0, 1.5, 2.0), (1, 2.0, 12.0)],
    );
    assert_eq!(found, [(1.0, Ok(10.0)), (2.0, Ok(11.0))]);
}

#[test]
fn a_result_waits_for_the_others_until_an_input_is_past_the_tolerance() {
    let mut aligner = Aligner::new(2, SECOND);
    assert_eq!(run(&mut aligner, &[(0, 0.0, 1.0), (0, 1.0, 2.0)]), []);
    assert_eq!(run(&mut aligner, &[(0, 1.1, 3.0)]), [(1.0, Err(NoData::Stale))]);
    assert_eq!(run(&mut aligner, &[(1, 1.2, 9.0)]), [(2.0, Ok(9.0)), (3.0, Ok(9.0))]);
}

#[test]
fn nothing_within_the_tolerance_is_stale_and_its_edge_is_within() {
    let mut aligner = Aligner::new(2, SECOND);
    let found = run(
        &mut aligner,
        &[(1, 0.0, 7.0), (0, 1.0, 1.0), (0, 1.5, 2.0), (1, 2.6, 8.0), (0, 3.7, 3.0), (0, 5.0, 4.0)],
    );
    assert_eq!(found, [(1.0, Ok(7.0)), (2.0, Err(NoData::Stale)), (3.0, Err(NoData::Stale))]);
}

#[test]
fn what_is_older_than_its_stream_or_than_what_was_decided_is_late() {
    let mut aligner = Aligner::new(2, SECOND);
    run(&mut aligner, &[(0, 5.0, 1.0), (0, 7.0, 2.0)]);
    assert!(!aligner.tell(0, told(9, 6.9, 0.0)), "older than its stream");
    assert!(!aligner.tell(1, told(9, 4.9, 0.0)), "its time was decided on");
    assert!(aligner.tell(1, told(9, 5.0, 0.0)), "the time that was decided on is not before it");
    assert!(aligner.tell(0, told(9, 7.0, 0.0)), "equal times are in order");
}

#[test]
fn of_one_time_the_reading_that_came_later_is_taken() {
    let mut aligner = Aligner::new(2, SECOND);
    let found = run(&mut aligner, &[(1, 1.0, 1.0), (1, 1.0, 2.0), (0, 1.0, 5.0)]);
    assert_eq!(found, [(5.0, Ok(2.0))]);
}

#[test]
fn the_end_waits_for_nobody() {
    let (mut aligner, mut inputs) = (Aligner::new(2, SECOND), Vec::new());
    assert!(aligner.tell(0, told(0, 0.0, 1.0)));
    assert!(aligner.next(&mut inputs, false).is_none());
    assert!(aligner.next(&mut inputs, true).is_some());
    assert_eq!(inputs[1].outcome, Err(NoData::Stale));
}

#[test]
fn what_waits_is_bounded_on_both_sides() {
    let mut aligner = Aligner::new(2, Duration::from_secs(1_000_000));
    let mut inputs = Vec::new();
    let mut decided = 0;
    for n in 0..10_000 {
        assert!(aligner.tell(0, told(n, f64::from(n), 1.0)));
        while aligner.next(&mut inputs, false).is_some() {
            decided += 1;
        }
    }
    assert_eq!((decided, aligner.pace.len()), (10_000 - WAITING_MAX, WAITING_MAX));
    let mut aligner = Aligner::new(2, SECOND);
    for n in 0..10_000 {
        assert!(aligner.tell(1, told(n, f64::from(n), 1.0)));
    }
    assert_eq!(aligner.others[0].known.len(), WAITING_MAX);
}

proptest! {
    /// Against a dull model that knows everything: if no input is ever more than the tolerance behind,
    /// each reading of the pace gets the nearest of the other.
    #[test]
    fn whoever_is_on_time_gets_the_nearest_there_is(
        pace in proptest::collection::vec(0..500_u16, 1..40),
        other in proptest::collection::vec(0..500_u16, 1..40),
        tolerance in 0..60_u16,
    ) {
        let of = |role: usize, times: &[u16]| {
            let mut times = times.to_vec();
            times.sort_unstable();
            times.dedup();
            times.into_iter().map(move |time| (role, f64::from(time), f64::from(time)))
        };
        let mut all: Vec<_> = of(0, &pace).chain(of(1, &other)).collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut aligner = Aligner::new(2, u32::from(tolerance) * SECOND);
        let mut found = run(&mut aligner, &all);
        let mut inputs = Vec::new();
        while let Some(pace) = aligner.next(&mut inputs, true) {
            found.push((number_of(pace.input).unwrap(), number_of(inputs[1])));
        }
        let expected: Vec<_> = of(0, &pace).map(|(_, at, _)| {
            let near = of(1, &other).map(|(_, time, _)| time);
            let near = near.filter(|time| (time - at).abs() <= f64::from(tolerance));
            // The first of the nearest is the earlier one.
            let nearest = near.min_by(|a, b| (a - at).abs().total_cmp(&(b - at).abs()));
            (at, nearest.ok_or(NoData::Stale))
        }).collect();
        prop_assert_eq!(found, expected);
    }
}
