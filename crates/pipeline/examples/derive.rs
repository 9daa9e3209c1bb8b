//! What deriving costs: ten metrics over each of many streams, on one worker and on two.
//!
//! Prints nanoseconds for each metric's sample, and the ratios; each figure is the best of five runs.
//! `cargo run --release -p pipeline --example derive`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    BootId, Monotonic, QuantityKind, Reading, Stream, StreamName, StreamReading, Timestamp,
    WallTime,
    derived::find,
    parameter::{Argument, Arguments},
};
use executor::Executor;
use pipeline::{
    acquire::Acquired,
    derive::{Beginning, Derivation, MetricPlan},
};

const METRICS: usize = 10;
/// As many as the store takes at one time.
const BATCH: usize = 256;
const RUNS: usize = 5;

fn at(nanos: u64) -> Timestamp {
    Timestamp { wall: WallTime::from_nanos(0), monotonic: Monotonic::from_nanos(nanos) }
}

fn stream(device: &str, sensor: &str) -> Stream {
    Stream { name: StreamName::new(device, sensor).unwrap(), kind: QuantityKind::Temperature }
}

/// Ten averages of each stream, every second one of the one before it.
fn plans(streams: &[Stream]) -> Vec<MetricPlan> {
    let function = find("moving_average").unwrap();
    let plan = |of: usize, number: usize| {
        let given = [("samples", Argument::Integer(20))];
        let input = match number % 2 {
            0 => streams[of].clone(),
            _ => stream("derived", &format!("m{of}_{}", number - 1)),
        };
        MetricPlan {
            stream: stream("derived", &format!("m{of}_{number}")),
            function,
            arguments: Arguments::new(function.parameters, given).unwrap(),
            inputs: vec![input],
            tolerance: Duration::from_secs(1),
        }
    };
    (0..streams.len()).flat_map(|of| (0..METRICS).map(move |number| plan(of, number))).collect()
}

/// Nanoseconds for one sample of one metric.
fn cost(streams: usize, workers: usize) -> f64 {
    let streams: Vec<_> = (0..streams).map(|n| stream(&format!("d{n}"), "t")).collect();
    let executor = Executor::builder().workers(NonZeroUsize::new(workers).unwrap()).build();
    let beginning = Beginning { boot: BootId::from_bytes([1; 16]), now: at(0), saved: None };
    let executor = Arc::new(executor.unwrap());
    let mut derivation =
        Derivation::new(plans(&streams), beginning, executor, Arc::default()).unwrap();
    let mut time = 0;
    let mut batch = || {
        let acquired = |_| {
            let (device, nanos) = (time % streams.len(), u64::try_from(time).unwrap());
            time += 1;
            let outcome = Ok(QuantityKind::Temperature.quantity(20.0).unwrap());
            let reading = Reading::measured(at(nanos), outcome);
            let readings = vec![StreamReading { stream: streams[device].clone(), reading }];
            Acquired { device, ordinal: nanos, readings }
        };
        (0..BATCH).map(acquired).collect::<Vec<_>>()
    };
    let batches: Vec<_> = (0..2_000).map(|_| batch()).collect();
    let (warm, measured) = batches.split_at(500);
    let mut derive = |batches: &[Vec<Acquired>]| {
        batches.iter().map(|batch| derivation.derive(batch).len()).sum::<usize>()
    };
    derive(warm);
    let begun = Instant::now();
    let samples = derive(measured);
    let taken = begun.elapsed();
    assert_eq!(samples, measured.len() * BATCH * METRICS);
    taken.as_secs_f64() * 1e9 / f64::from(u32::try_from(samples).unwrap())
}

fn best(streams: usize, workers: usize) -> f64 {
    (0..RUNS).map(|_| cost(streams, workers)).fold(f64::INFINITY, f64::min)
}

fn main() {
    let one = best(1_000, 1);
    let two = best(1_000, 2);
    println!("1000 streams: {one:.0} ns on one worker, {two:.0} ns on two: {:.2} x", one / two);
    let few = best(10, 2);
    for streams in [100, 1_000, 10_000] {
        let many = best(streams, 2);
        println!(
            "{streams} streams: {many:.0} ns, {:.2} x of 10 streams ({few:.0} ns)",
            many / few
        );
    }
}
