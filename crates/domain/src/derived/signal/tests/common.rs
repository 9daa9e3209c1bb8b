//! What every function of one stream does, whichever it is.

use proptest::prelude::*;

use crate::{
    NoData, Quality, QuantityKind,
    QuantityKind::{Count, Power, Voltage},
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Words, entries,
        testing::{Given, good, make, moment, seconds, tell, tell_all},
    },
    parameter::{Argument, Arguments},
};

/// Every metric of one stream, each shape of window among them, made of an input that it takes.
fn metrics() -> Vec<(&'static str, QuantityKind, Box<dyn Metric>)> {
    let ours = |entry: &&Entry| matches!(entry.group, Group::Signal | Group::Window);
    let mut metrics = Vec::new();
    for entry in entries().filter(ours) {
        let kinds = entry.roles[0].kinds;
        let kind = [Voltage, Power, Count]
            .into_iter()
            .find(|kind| kinds.is_empty() || kinds.contains(kind));
        let kind = kind.unwrap();
        for given in shapes(entry) {
            let (_, metric) = (entry.make)(&[kind], &given).unwrap();
            metrics.push((entry.function, kind, metric));
        }
    }
    metrics
}

fn shapes(entry: &Entry) -> Vec<Arguments> {
    let examples = Arguments::example(entry.parameters);
    if entry.parameters.iter().all(|parameter| parameter.name != "samples") {
        let mut given: Vec<_> =
            examples.iter().map(|(name, argument)| (name, argument.clone())).collect();
        if entry.function == "convert" {
            given.push(("factor", Argument::Number(2.0)));
        }
        return vec![Arguments::new(entry.parameters, given).unwrap()];
    }
    let span = Argument::Duration(core::time::Duration::from_secs(5));
    let sizes = [("samples", Argument::Integer(6)), ("span", span)];
    let kinds = ["sliding", "tumbling"].map(|kind| ("kind", Argument::Choice(kind)));
    let required = entry.parameters.iter().filter(|parameter| parameter.is_required());
    let required: Vec<_> =
        required.map(|parameter| (parameter.name, parameter.value.preset())).collect();
    let mut shapes = Vec::new();
    for size in &sizes {
        for kind in &kinds {
            let given = required.iter().chain([size, kind]).cloned();
            shapes.push(Arguments::new(entry.parameters, given).unwrap());
        }
    }
    shapes
}

fn readings() -> impl Strategy<Value = Vec<Given>> {
    let outcome = prop_oneof![
        8 => (0.0..500.0_f64).prop_map(Ok),
        1 => prop_oneof![Just(NoData::Absent), Just(NoData::Timeout)].prop_map(Err),
    ];
    let quality = prop_oneof![9 => Just(Quality::Good), 1 => Just(Quality::Uncertain)];
    let step = prop_oneof![1 => Just(0), 8 => 1..3_000_i64, 1 => 5_000..4_000_000_i64];
    proptest::collection::vec((step, outcome, quality), 1..60).prop_map(|steps| {
        let mut at = -7_000;
        let readings = steps.into_iter().map(|(step, outcome, quality)| {
            at += step;
            (at, outcome, if outcome.is_ok() { quality } else { Quality::Good })
        });
        readings.collect()
    })
}

/// To the bit: that is what the text of an `f64` tells.
fn spelt(out: &[Output]) -> String {
    format!("{out:?}")
}

proptest! {
    #[test]
    fn a_metric_that_is_saved_and_restored_goes_on_bit_for_bit(
        readings in readings(), cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(readings.len());
        let fresh = metrics().into_iter().zip(metrics());
        for ((function, kind, mut whole), (_, _, mut second)) in fresh {
            tell_all(&mut *whole, kind, &readings[..cut]);
            let mut saved = Vec::new();
            whole.save(&mut saved);
            // What it was before makes no difference.
            tell_all(&mut *second, kind, &readings);
            let mut words = Words::new(&saved);
            prop_assert_eq!(second.restore(&mut words), Some(()), "{}", function);
            prop_assert!(words.is_over(), "{}", function);
            let rest = &readings[cut..];
            let expected = spelt(&tell_all(&mut *whole, kind, rest));
            prop_assert_eq!(spelt(&tell_all(&mut *second, kind, rest)), expected, "{}", function);
        }
    }

    #[test]
    fn words_that_are_no_state_do_no_harm(
        words in proptest::collection::vec(
            prop_oneof![any::<u64>(), 0..9_u64, any::<f64>().prop_map(f64::to_bits)], 0..40),
        readings in readings(),
    ) {
        for (_, kind, mut metric) in metrics() {
            let _ = metric.restore(&mut Words::new(&words));
            let out = tell_all(&mut *metric, kind, &readings);
            prop_assert!(out.iter().filter_map(|o| o.outcome.ok()).all(|q| q.number().is_finite()));
        }
    }

    #[test]
    fn outputs_are_in_the_order_of_time_and_no_later_than_their_inputs(readings in readings()) {
        for (function, kind, mut metric) in metrics() {
            let mut last = None;
            for &reading in &readings {
                for output in tell(&mut *metric, kind, reading) {
                    prop_assert!(Some(output.at) >= last, "{}", function);
                    prop_assert!(output.at <= moment(reading.0), "{}", function);
                    last = Some(output.at);
                }
            }
        }
    }
}

#[test]
fn the_first_reading_may_be_at_either_end_of_time() {
    for (_, kind, mut metric) in metrics() {
        let mut out = Vec::new();
        for nanos in [i64::MIN, i64::MIN, i64::MIN + 1, 0, i64::MAX - 1, i64::MAX, i64::MAX] {
            let input = Input { outcome: Ok(kind.quantity(1.0).unwrap()), quality: Quality::Good };
            metric.next(Moment::from_nanos(nanos), &[input], &mut out);
            metric.next(Moment::from_nanos(nanos), &[], &mut out);
        }
        assert!(out.iter().filter_map(|o| o.outcome.ok()).all(|q| q.number().is_finite()));
    }
}

#[test]
fn a_gap_gives_no_number_of_its_moment() {
    for (function, kind, mut metric) in metrics() {
        for reading in [(0, Ok(1.0), Quality::Good), (1, Err(NoData::Shed), Quality::Good)] {
            let out = tell(&mut *metric, kind, reading);
            let told = out.iter().filter(|output| output.at == moment(1));
            assert!(
                told.map(|output| output.outcome).all(|o| o == Err(NoData::Shed)),
                "{function}"
            );
        }
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
        assert_eq!(last.map(|output| output.quality), Some(Quality::Uncertain), "{function}");
    }
}
