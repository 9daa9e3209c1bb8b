//! One truth out of three sensors.

use crate::{
    NoData, Quality, QuantityKind,
    derived::{BadMetric, Entry, Group, Input, Metric, Moment, Output, Role, run::is_level},
};

pub(super) const MEDIAN_OF_THREE: Entry = Entry {
    function: "median_of_three",
    group: Group::Anomaly,
    summary: "The median of three sensors of the same thing: one of them may be as wrong as it \
              likes.",
    source: "the middle one of three; the mean of two: triple modular redundancy, Lyons and \
             Vanderkulk 1962",
    edges: "Of one kind all three. One gap: the mean of the two others, uncertain. Two gaps: the \
            first of them. The first input sets the pace, also by its gaps.",
    roles: &[
        of("a", "the first sensor, which sets the pace"),
        of("b", "the second"),
        of("c", "the third"),
    ],
    parameters: &[],
    example: "function = \"median_of_three\"\na = \"north.temperature\"\n\
              b = \"south.temperature\"\nc = \"roof.temperature\"\n",
    make: |kinds, _| {
        let first = kinds.first().copied().unwrap_or(QuantityKind::Dimensionless);
        is_level("a", first)?;
        let other = kinds.iter().zip(["a", "b", "c"]).find(|(kind, _)| **kind != first);
        match other {
            Some((kind, role)) => Err(unfit(role, first, *kind)),
            None => Ok((first, Box::new(MedianOfThree { kind: first }))),
        }
    },
};

const fn of(name: &'static str, summary: &'static str) -> Role {
    Role { name, summary, kinds: &[] }
}

fn unfit(role: &'static str, first: QuantityKind, other: QuantityKind) -> BadMetric {
    BadMetric::Unfit {
        parameter: role,
        message: format!("this is a {}, and `a` a {}", other.name(), first.name()),
        mend: "name three sensors that measure the same".to_owned(),
    }
}

struct MedianOfThree {
    kind: QuantityKind,
}

impl Metric for MedianOfThree {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        out.push(match median(inputs) {
            Ok((number, quality)) => Output::number(at, self.kind, number, quality),
            Err(reason) => Output::gap(at, reason),
        });
    }
}

fn median(inputs: &[Input]) -> Result<(f64, Quality), NoData> {
    let worst = |quality: Quality, input: &Input| quality.and(input.quality);
    let known = inputs.iter().filter(|input| input.outcome.is_ok());
    let quality = known.clone().fold(Quality::Good, worst);
    let mut numbers = known.filter_map(|input| input.number().ok());
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(a), Some(b), Some(c)) => Ok((a.min(b).max(a.max(b).min(c)), quality)),
        (Some(a), Some(b), None) => Ok((f64::midpoint(a, b), Quality::Uncertain)),
        _ => {
            let gap = inputs.iter().find_map(|input| input.outcome.err());
            Err(gap.unwrap_or(NoData::Internal))
        }
    }
}
