//! Gathering blocks: gaps, holes, stamps, overlap, restarts.

use proptest::prelude::*;

use super::*;

fn of_four(overlap: bool, rate_hz: f64) -> Box<dyn Metric> {
    let overlap = ("overlap", Argument::Flag(overlap));
    let rate = ("rate_hz", Argument::Number(rate_hz));
    metric("peak_to_peak", &[("block", Argument::Integer(4)), overlap, rate])
}

#[test]
fn a_block_gives_one_value_at_the_time_of_its_last_sample() {
    let out = each_millisecond(of_four(false, 0.0).as_mut(), 0.0, &[0.0, 1.0, 2.0, 3.0, 9.0, 9.0]);
    assert_eq!(out.len(), 1);
    assert_eq!((out[0].at, out[0].quality), (milliseconds(3.0), Quality::Good));
    assert_eq!(number(&out[0]).to_bits(), 3.0_f64.to_bits());
}

#[test]
fn overlapping_blocks_begin_in_the_middle_of_the_one_before() {
    let samples = [0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0];
    let out = each_millisecond(of_four(true, 1000.0).as_mut(), 0.0, &samples);
    assert_eq!(out.iter().map(number).collect::<Vec<_>>(), [3.0, 6.0, 16.0]);
    assert!(out.iter().all(|output| output.quality == Quality::Good));
}

#[test]
fn a_gap_begins_the_block_anew_and_is_told_once() {
    let mut metric = of_four(true, 0.0);
    let mut out = each_millisecond(metric.as_mut(), 0.0, &[0.0, 0.0, 0.0]);
    for (at, reason) in [(3.0, NoData::BusFault), (4.0, NoData::Timeout)] {
        metric.next(milliseconds(at), &[input(Err(reason))], &mut out);
    }
    assert_eq!(out, [Output::gap(milliseconds(3.0), NoData::BusFault)]);
    let out = each_millisecond(metric.as_mut(), 5.0, &[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(out.iter().map(number).collect::<Vec<_>>(), [3.0]);
    let mut out = Vec::new();
    metric.next(milliseconds(9.0), &[input(Err(NoData::Absent))], &mut out);
    assert_eq!(out, [Output::gap(milliseconds(9.0), NoData::Absent)], "the next is told again");
}

#[test]
fn a_hole_of_more_than_one_and_a_half_intervals_begins_the_block_anew() {
    for rate in [0.0, 1000.0] {
        let mut metric = of_four(false, rate);
        let mut out = each_millisecond(metric.as_mut(), 0.0, &[0.0, 0.0, 0.0]);
        out.extend(each_millisecond(metric.as_mut(), 3.6, &[5.0, 6.0, 7.0, 8.0]));
        assert_eq!(out[0], Output::gap(milliseconds(3.6), NoData::Missed), "{rate} Hz");
        assert_eq!((out.len(), number(&out[1]).to_bits()), (2, 3.0_f64.to_bits()));
        let mut metric = of_four(false, rate);
        each_millisecond(metric.as_mut(), 0.0, &[0.0, 0.0, 0.0]);
        let out = each_millisecond(metric.as_mut(), 3.4, &[5.0]);
        assert_eq!(
            (number(&out[0]).to_bits(), out[0].quality),
            (5.0_f64.to_bits(), Quality::Uncertain)
        );
    }
}

#[test]
fn a_hole_after_the_first_sample_is_seen_when_the_rate_is() {
    let mut metric = of_four(false, 0.0);
    each_millisecond(metric.as_mut(), 0.0, &[0.0]);
    let out = each_millisecond(metric.as_mut(), 7.0, &[0.0, 0.0, 0.0]);
    assert_eq!(out, [Output::gap(milliseconds(9.0), NoData::Missed)]);
}

#[test]
fn stamps_a_tenth_of_an_interval_from_even_are_good_and_further_ones_uncertain() {
    for (late, quality) in [(0.05, Quality::Good), (0.2, Quality::Uncertain)] {
        for rate in [0.0, 1000.0] {
            let mut metric = of_four(false, rate);
            each_millisecond(metric.as_mut(), 0.0, &[0.0, 0.0]);
            let out = each_millisecond(metric.as_mut(), 2.0 + late, &[0.0, 0.0]);
            assert_eq!(out[0].quality, quality, "{late} ms late, {rate} Hz");
        }
    }
    let out = each_millisecond(of_four(false, 1200.0).as_mut(), 0.0, &[0.0; 4]);
    assert_eq!(out[0].quality, Quality::Uncertain, "even, but not at the rate that is said");
}

#[test]
fn stamps_that_are_all_the_same_are_uncertain_and_have_no_frequency() {
    let given = [("block", Argument::Integer(64))];
    let mut out = Vec::new();
    for function in ["rms", "dominant_frequency"] {
        let mut metric = metric(function, &given);
        for sample in sine(64, 100.0) {
            metric.next(Moment::default(), &[input(Ok(sample))], &mut out);
        }
    }
    assert_eq!(out[0].quality, Quality::Uncertain);
    assert_eq!(out[1].outcome, Err(NoData::Undefined));
}

#[test]
fn an_uncertain_sample_makes_its_blocks_uncertain_and_no_other() {
    let mut metric = of_four(true, 0.0);
    let mut out = Vec::new();
    for i in 0..12_u32 {
        let quality = if i == 4 { Quality::Uncertain } else { Quality::Good };
        let input = Input { quality, ..input(Ok(0.0)) };
        metric.next(milliseconds(f64::from(i)), &[input], &mut out);
    }
    let is_good: Vec<_> = out.iter().map(|output| output.quality == Quality::Good).collect();
    assert_eq!(is_good, [true, false, false, true, true]);
}

#[test]
fn the_rate_scales_frequencies() {
    for (rate, expected) in [(0.0, 125.0), (1000.0, 125.0)] {
        let given = [("block", Argument::Integer(64)), ("rate_hz", Argument::Number(rate))];
        let mut metric = metric("dominant_frequency", &given);
        let out = each_millisecond(metric.as_mut(), 0.0, &sine(64, 125.0));
        assert!((number(&out[0]) - expected).abs() < 0.01, "{}", number(&out[0]));
    }
}

/// Time steps in tenths of a millisecond, and what comes then.
fn histories() -> impl Strategy<Value = Vec<(u32, Result<f64, NoData>)>> {
    let step = prop_oneof![8 => Just(10_u32), 1 => Just(13), 1 => Just(0), 1 => Just(40)];
    let outcome = prop_oneof![
        12 => (-9.0..9.0_f64).prop_map(Ok),
        1 => Just(Err(NoData::BusFault)),
        1 => Just(Err(NoData::Absent)),
    ];
    proptest::collection::vec((step, outcome), 0..120)
}

fn run(metric: &mut dyn Metric, from: u32, history: &[(u32, Result<f64, NoData>)]) -> Vec<Output> {
    let (mut out, mut at) = (Vec::new(), from);
    for (step, outcome) in history {
        at += step;
        metric.next(milliseconds(f64::from(at) / 10.0), &[input(*outcome)], &mut out);
    }
    out
}

proptest! {
    #[test]
    fn a_restart_in_the_middle_changes_no_bit(
        history in histories(), cut in 0..120_usize, overlap: bool, rate in prop_oneof![Just(0.0), Just(1000.0)],
        block in 2..9_i64,
    ) {
        let make = || metric("rms", &[
            ("block", Argument::Integer(block)), ("overlap", Argument::Flag(overlap)),
            ("rate_hz", Argument::Number(rate)),
        ]);
        let (first, second) = history.split_at(cut.min(history.len()));
        let until = first.iter().map(|(step, _)| step).sum();
        let (mut whole, mut before, mut after) = (make(), make(), make());
        let expected = run(whole.as_mut(), 0, &history);
        let mut found = run(before.as_mut(), 0, first);
        let words = saved(before.as_ref());
        let mut read = Words::new(&words);
        prop_assert!(after.restore(&mut read).is_some() && read.is_over());
        found.extend(run(after.as_mut(), until, second));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(saved(after.as_ref()), saved(whole.as_ref()));
    }

    /// The dull model: runs without gaps and holes, cut into blocks.
    #[test]
    fn there_is_a_value_for_each_block_of_an_unbroken_run(history in histories(), overlap: bool) {
        let mut metric = of_four(overlap, 1000.0);
        let found = run(metric.as_mut(), 0, &history);
        let (mut runs, mut at, mut last) = (vec![Vec::new()], 0, None);
        for (step, outcome) in history {
            at += step;
            let is_hole = last.is_some_and(|last| at - last > 15);
            last = outcome.is_ok().then_some(at);
            match outcome {
                Ok(number) if is_hole => runs.push(vec![number]),
                Ok(number) => runs.last_mut().unwrap().push(number),
                Err(_) => runs.push(Vec::new()),
            }
        }
        let hop = if overlap { 2 } else { 4 };
        let blocks = runs.iter().flat_map(|run| run.windows(4).step_by(hop));
        let expected: Vec<_> = blocks.map(|block| super::super::peak_to_peak(block).unwrap()).collect();
        let found: Vec<_> = found.iter().filter(|output| output.outcome.is_ok()).map(number).collect();
        prop_assert_eq!(found, expected);
    }
}
