//! How tests make metrics and feed them.

use core::time::Duration;

use super::{BadMetric, Input, Made, Metric, Moment, Output, find};
use crate::{
    NoData, Quality, QuantityKind,
    parameter::{Argument, Arguments},
};

/// What is given to a metric: milliseconds, the number or the gap, the quality.
pub(super) type Given = (i64, Result<f64, NoData>, Quality);

/// The kind and the metric that `function` makes of inputs of `kind`.
pub(super) fn try_make(
    function: &str,
    kind: QuantityKind,
    given: &[(&'static str, Argument)],
) -> Made {
    let entry = find(function).unwrap();
    let arguments = Arguments::new(entry.parameters, given.iter().cloned()).unwrap();
    (entry.make)(&vec![kind; entry.roles.len()], &arguments)
}

pub(super) fn make(
    function: &str,
    kind: QuantityKind,
    given: &[(&'static str, Argument)],
) -> Box<dyn Metric> {
    try_make(function, kind, given).unwrap().1
}

/// Why there is no such metric.
pub(super) fn refusal(
    function: &str,
    kind: QuantityKind,
    given: &[(&'static str, Argument)],
) -> String {
    match try_make(function, kind, given) {
        Err(BadMetric::Unfit { parameter, message, mend }) => {
            format!("{parameter}: {message}; {mend}")
        }
        Err(BadMetric::Undeclared(undeclared)) => undeclared.to_string(),
        Ok((kind, _)) => format!("{} it is", kind.name()),
    }
}

pub(super) fn moment(millis: i64) -> Moment {
    Moment::from_nanos(millis * 1_000_000)
}

/// What the metric says to one reading of `kind`.
pub(super) fn tell(metric: &mut dyn Metric, kind: QuantityKind, given: Given) -> Vec<Output> {
    let (millis, number, quality) = given;
    let outcome = number.map(|number| kind.quantity(number).unwrap());
    let mut out = Vec::new();
    metric.next(moment(millis), &[Input { outcome, quality }], &mut out);
    out
}

/// What the metric says to all of them.
pub(super) fn tell_all(
    metric: &mut dyn Metric,
    kind: QuantityKind,
    given: &[Given],
) -> Vec<Output> {
    given.iter().flat_map(|&given| tell(metric, kind, given)).collect()
}

/// Good numbers, one each second from 0 on.
pub(super) fn each_second(numbers: &[f64]) -> Vec<Given> {
    (0..).step_by(1_000).zip(numbers).map(|(at, &number)| good(at, number)).collect()
}

pub(super) fn good(millis: i64, number: f64) -> Given {
    (millis, Ok(number), Quality::Good)
}

pub(super) fn gap(millis: i64, reason: NoData) -> Given {
    (millis, Err(reason), Quality::Good)
}

/// The numbers and gaps without their times and qualities.
pub(super) fn outcomes(out: &[Output]) -> Vec<Result<f64, NoData>> {
    out.iter().map(|output| output.outcome.map(crate::Quantity::number)).collect()
}

pub(super) fn qualities(out: &[Output]) -> Vec<Quality> {
    out.iter().map(|output| output.quality).collect()
}

pub(super) fn seconds(seconds: u64) -> Argument {
    Argument::Duration(Duration::from_secs(seconds))
}
