use std::num::NonZeroUsize;

use domain::{Celsius, Monotonic, Percent, Timestamp, WallTime};
use proptest::prelude::*;

use super::*;

fn stream(device: &str, sensor: &str, kind: QuantityKind) -> Stream {
    Stream { name: StreamName::new(device, sensor).unwrap(), kind }
}

fn air(n: u64, temperature: Result<f64, NoData>, humidity: f64) -> Acquired {
    let at = Timestamp { wall: WallTime::from_nanos(0), monotonic: Monotonic::from_nanos(n) };
    let reading =
        |stream, outcome| StreamReading { stream, reading: Reading::measured(at, outcome) };
    let temperature = temperature.map(|t| Celsius::new(t).unwrap().into());
    Acquired {
        device: 0,
        ordinal: n,
        readings: vec![
            reading(stream("d", "temperature", QuantityKind::Temperature), temperature),
            reading(
                stream("d", "humidity", QuantityKind::RelativeHumidity),
                Ok(Percent::new(humidity).unwrap().into()),
            ),
        ],
    }
}

fn dew_point_plan() -> MetricPlan {
    MetricPlan {
        stream: stream("derived", "dew_point", QuantityKind::Temperature),
        device: 0,
        function: Function::DewPoint {
            temperature: StreamName::new("d", "temperature").unwrap(),
            humidity: StreamName::new("d", "humidity").unwrap(),
        },
    }
}

fn mean_plan(samples: usize) -> MetricPlan {
    MetricPlan {
        stream: stream("derived", "mean", QuantityKind::Temperature),
        device: 0,
        function: Function::MovingAverage {
            of: StreamName::new("d", "temperature").unwrap(),
            samples: NonZeroUsize::new(samples).unwrap(),
        },
    }
}

fn derivation(plans: Vec<MetricPlan>, workers: usize) -> Derivation {
    let workers = NonZeroUsize::new(workers).unwrap();
    let executor = Executor::builder().workers(workers).build().unwrap();
    Derivation::new(plans, Arc::new(executor), Arc::default())
}

#[test]
fn derived_readings_bear_the_time_of_their_inputs_and_a_gap_keeps_its_reason() {
    let mut derivation = derivation(vec![dew_point_plan()], 2);
    let batch: Arc<[Acquired]> =
        [air(1, Ok(25.0), 50.0), air(2, Err(NoData::Absent), 50.0), air(3, Ok(25.0), 0.0)].into();
    let derived = derivation.derive(&batch);
    let found: Vec<_> = derived
        .iter()
        .map(|d| (d.reading.at.monotonic.as_nanos(), d.reading.outcome.map(Quantity::number)))
        .collect();
    assert_eq!(found[0].0, 1);
    assert!((found[0].1.unwrap() - 13.85).abs() < 0.05);
    assert_eq!(found[1..], [(2, Err(NoData::Absent)), (3, Err(NoData::Undefined))]);
}

#[test]
fn a_device_that_is_no_input_starts_no_job() {
    let mut derivation = derivation(vec![dew_point_plan()], 1);
    let mut other = air(1, Ok(25.0), 50.0);
    other.device = 7;
    assert_eq!(derivation.derive(&[other].into()), []);
    assert_eq!(derivation.executor.metrics().processed, 0);
}

#[test]
fn a_job_that_panics_is_a_gap_for_each_input_and_the_metric_goes_on_afresh() {
    let mut metric = Metric { plan: Arc::new(mean_plan(3)), state: None };
    let executor = Executor::builder().build().unwrap();
    let mut foreign = air(3, Ok(3.0), 50.0);
    foreign.readings.remove(0);
    let batch = [air(1, Ok(1.0), 50.0), air(2, Ok(2.0), 50.0), foreign];
    let job = executor.submit(|| -> Outcome { panic!("bug in a formula") }).unwrap();
    let readings = metric.finish(Started::OnPool(job), &batch);
    let outcomes: Vec<_> = readings.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Err(NoData::Internal); 2]);
    let started = metric.start(&executor, &batch.to_vec().into());
    assert_eq!(metric.finish(started, &batch).len(), 2);
}

proptest! {
    /// However the readings fall into batches, and with however many workers, the result is the one
    /// of a single thread that gets them one at a time, bit for bit.
    #[test]
    fn batching_and_parallelism_do_not_change_a_bit(
        degrees in proptest::collection::vec(-40.0..85.0_f64, 1..60), cut in 1..20_usize, workers in 1..4_usize,
    ) {
        let acquired: Vec<_> = (0..).zip(&degrees).map(|(n, &t)| air(n, Ok(t), 40.0)).collect();
        let by_stream = |size: usize, workers| {
            let mut derivation = derivation(vec![dew_point_plan(), mean_plan(7)], workers);
            let all: Vec<_> = acquired.chunks(size).flat_map(|c| derivation.derive(&c.to_vec().into())).collect();
            ["derived.dew_point", "derived.mean"].map(|name| {
                all.iter().filter(|d| d.stream.name.as_str() == name)
                    .map(|d| d.reading.outcome.map(|q| q.number().to_bits())).collect::<Vec<_>>()
            })
        };
        prop_assert_eq!(by_stream(cut, workers), by_stream(1, 1));
    }
}
