//! Do figures and blocks keep their word?

mod blocks;
mod laws;

use crate::{
    NoData, Quality, Quantity, QuantityKind,
    derived::{BadMetric, Input, Made, Metric, Moment, Output, Words},
    parameter::{Argument, Arguments},
};

fn make(function: &str, given: &[(&'static str, Argument)]) -> Made {
    let entry = super::ENTRIES.iter().find(|entry| entry.function == function).unwrap();
    let arguments = Arguments::new(entry.parameters, given.iter().cloned()).unwrap();
    (entry.make)(&[QuantityKind::Acceleration], &arguments)
}

fn metric(function: &str, given: &[(&'static str, Argument)]) -> Box<dyn Metric> {
    make(function, given).unwrap().1
}

fn unfit(made: &Made) -> &'static str {
    match made {
        Err(BadMetric::Unfit { parameter, .. }) => parameter,
        Err(BadMetric::Undeclared(name)) => panic!("{name}"),
        Ok(_) => panic!("this was made"),
    }
}

fn input(outcome: Result<f64, NoData>) -> Input {
    let quantity = |number| QuantityKind::Acceleration.quantity(number).unwrap();
    Input { outcome: outcome.map(quantity), quality: Quality::Good }
}

fn milliseconds(time: f64) -> Moment {
    #[expect(clippy::cast_possible_truncation, reason = "times of tests are short")]
    Moment::from_nanos((time * 1e6).round() as i64)
}

/// What `metric` says of `samples`, one each millisecond from `from_ms`.
fn each_millisecond(metric: &mut dyn Metric, from_ms: f64, samples: &[f64]) -> Vec<Output> {
    let mut out = Vec::new();
    for (sample, at) in samples.iter().zip(0_u32..) {
        metric.next(milliseconds(from_ms + f64::from(at)), &[input(Ok(*sample))], &mut out);
    }
    out
}

/// `n` samples of a sine, `lines` periods in a thousand.
fn sine(n: u32, periods: f64) -> Vec<f64> {
    let sample = |i| (core::f64::consts::TAU * periods * f64::from(i) / 1000.0).sin();
    (0..n).map(sample).collect()
}

fn number(output: &Output) -> f64 {
    output.outcome.map(Quantity::number).unwrap()
}

fn saved(metric: &dyn Metric) -> Vec<u64> {
    let mut words = Vec::new();
    metric.save(&mut words);
    words
}

#[test]
fn every_function_says_what_its_output_is() {
    use QuantityKind::{Acceleration, Dimensionless, Frequency, VibrationVelocity};
    let kinds: Vec<_> = super::ENTRIES
        .iter()
        .map(|entry| {
            (entry.make)(&[Acceleration], &Arguments::example(entry.parameters)).unwrap().0
        })
        .collect();
    let same = [Acceleration; 3];
    let others = [Dimensionless, Dimensionless, VibrationVelocity, Frequency, Acceleration];
    assert_eq!(kinds, [&same[..], &others].concat());
}

#[test]
fn what_cannot_be_is_refused_by_the_parameter_to_mend() {
    let block = ("block", Argument::Integer(1000));
    assert_eq!(unfit(&make("dominant_frequency", &[block])), "block");
    let band = |low, high, rate| {
        let given = [("low_hz", low), ("high_hz", high), ("rate_hz", rate)];
        make("band_rms", &given.map(|(name, hz)| (name, Argument::Number(hz))))
    };
    assert_eq!(unfit(&band(20.0, 20.0, 0.0)), "high_hz");
    assert_eq!(unfit(&band(500.0, 700.0, 1000.0)), "low_hz");
    assert!(band(499.0, 700.0, 1000.0).is_ok() && band(600.0, 700.0, 0.0).is_ok());
}

#[test]
fn words_that_are_no_state_leave_a_metric_that_goes_on() {
    let given = [("block", Argument::Integer(4)), ("overlap", Argument::Flag(true))];
    let mut source = metric("rms", &given);
    each_millisecond(source.as_mut(), 0.0, &[1.0, 2.0, 3.0]);
    let words = saved(source.as_ref());
    for length in 0..words.len() {
        let mut metric = metric("rms", &given);
        assert_eq!(metric.restore(&mut Words::new(&words[..length])), None, "{length} words");
        let out = each_millisecond(metric.as_mut(), 10.0, &[1.0, -1.0, 1.0, -1.0]);
        assert_eq!(out.len(), 1);
        assert_eq!(number(&out[0]).to_bits(), 1.0_f64.to_bits());
    }
    let mut short = metric("rms", &[("block", Argument::Integer(3))]);
    assert_eq!(short.restore(&mut Words::new(&words)), None, "more samples than a block has");
}
