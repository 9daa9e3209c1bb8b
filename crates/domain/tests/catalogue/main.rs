//! What every function of the catalogue keeps to, whichever it is.
//!
//! Each is made as its example and its parameters say, for several kinds of input, and fed thousands of
//! samples with gaps, equal times and jumps of hours.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod allocations;
mod cases;
mod entries;
mod example;
mod samples;
mod states;

use domain::{
    NoData, Quality, QuantityKind,
    derived::{Entry, Group, Moment, Output},
};

use crate::{
    cases::{Case, cases},
    samples::{Sample, samples},
};

/// What an output is, to the bit.
type Bits = (Moment, Result<u64, NoData>, Quality);

fn bits(out: &[Output]) -> Vec<Bits> {
    let of = |output: &Output| {
        let number = output.outcome.map(|quantity| quantity.number().to_bits());
        (output.at, number, output.quality)
    };
    out.iter().map(of).collect()
}

/// Whether all are in order, finite and of the kind.
fn check(case: &Case, out: &[Output], kind: QuantityKind) {
    assert!(out.is_sorted_by_key(|output| output.at), "{case:?}");
    for quantity in out.iter().filter_map(|output| output.outcome.ok()) {
        assert_eq!(quantity.kind(), kind, "{case:?}");
        assert!(quantity.number().is_finite(), "{case:?}");
    }
}

/// Whether a gap in is told at once, each time: not by what tells the end of a window or of a block, what
/// tells news only, and what counts gaps or does without one of its inputs.
fn tells_each_gap(case: &Case) -> bool {
    let Entry { function, group, .. } = case.entry;
    let is_exempt = ["deadband", "missing", "median_of_three"].contains(function);
    !is_exempt && !case.is_tumbling() && !matches!(group, Group::Vibration | Group::Alarm)
}

#[test]
fn what_comes_of_an_uncertain_reading_is_uncertain() {
    // What is missing is known for certain, and of a window that is over the next reading tells nothing.
    let is_meant = |case: &Case| case.entry.function != "missing" && !case.is_tumbling();
    for case in cases().into_iter().filter(is_meant) {
        let (_, mut metric) = case.make();
        let (mut out, mut count) = (Vec::new(), 0);
        for Sample { at, inputs } in samples(&case.kinds, 7) {
            out.clear();
            metric.next(at, &inputs, &mut out);
            if inputs.iter().any(|input| input.quality == Quality::Uncertain) {
                let mut good = out.iter().filter(|output| output.at == at);
                count += 1;
                let good =
                    good.find(|output| output.outcome.is_ok() && output.quality == Quality::Good);
                assert_eq!(good, None, "{case:?}");
            }
        }
        assert!(count > 30, "{case:?}: {count}");
    }
}

#[test]
fn outputs_are_in_order_finite_and_as_absent_as_the_inputs() {
    let mut told = std::collections::BTreeSet::new();
    for case in cases() {
        let (kind, mut metric) = case.make();
        let mut all = Vec::new();
        for Sample { at, inputs } in samples(&case.kinds, 1) {
            let before = all.len();
            metric.next(at, &inputs, &mut all);
            assert!(
                all[before..].iter().all(|output| output.at <= at),
                "{case:?}: from the future"
            );
            let gap = inputs.iter().find_map(|input| input.outcome.err());
            if let Some(reason) = gap.filter(|_| tells_each_gap(&case)) {
                let last = all[before..].last().map(|output| (output.at, output.outcome));
                assert_eq!(last, Some((at, Err(reason))), "{case:?}");
            }
        }
        check(&case, &all, kind);
        if all.iter().any(|output| output.outcome.is_ok()) {
            told.insert(case.entry.function);
        }
    }
    let silent: Vec<_> = domain::derived::entries()
        .map(|entry| entry.function)
        .filter(|function| !told.contains(function))
        .collect();
    assert_eq!(silent, [""; 0], "no number was ever told by these");
}

#[test]
fn samples_may_be_at_either_end_of_time_and_without_what_they_should_have() {
    for case in cases() {
        let (kind, mut metric) = case.make();
        let mut out = Vec::new();
        let sample = samples(&case.kinds, 6).swap_remove(0);
        for nanos in [i64::MIN, i64::MIN, i64::MIN + 1, 0, i64::MAX - 1, i64::MAX, i64::MAX] {
            metric.next(Moment::from_nanos(nanos), &sample.inputs, &mut out);
            metric.next(Moment::from_nanos(nanos), &[], &mut out);
        }
        check(&case, &out, kind);
    }
}
