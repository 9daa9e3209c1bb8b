use core::time::Duration;
use std::num::NonZeroUsize;

use domain::{
    Monotonic, Quantity, QuantityKind, Stream, WallTime,
    derived::{Entry, Group, Made, Metric, Moment, Output, Role, Urgency, Words, find},
    parameter::{Argument, Arguments, Parameter, Value},
};
use proptest::prelude::*;

use super::*;

const BOOT: BootId = BootId::from_bytes([1; 16]);

fn stream(device: &str, sensor: &str, kind: QuantityKind) -> Stream {
    Stream { name: StreamName::new(device, sensor).unwrap(), kind }
}

fn celsius(device: &str, sensor: &str) -> Stream {
    stream(device, sensor, QuantityKind::Temperature)
}

fn derived(name: &str) -> Stream {
    celsius("derived", name)
}

fn at(nanos: u64) -> Timestamp {
    let wall = WallTime::from_nanos(i64::try_from(nanos).unwrap());
    Timestamp::new(wall, Monotonic::from_nanos(nanos))
}

/// One transaction of a device.
fn acquired(device: usize, at: Timestamp, readings: &[(&Stream, Result<f64, NoData>)]) -> Acquired {
    let reading = |&(stream, number): &(&Stream, Result<f64, NoData>)| StreamReading {
        stream: stream.clone(),
        reading: Reading::measured(at, number.map(|number| stream.kind.quantity(number).unwrap())),
    };
    Acquired { device, ordinal: 0, readings: readings.iter().map(reading).collect() }
}

fn air(n: u64, temperature: Result<f64, NoData>, humidity: f64) -> Acquired {
    let humid = stream("d", "humidity", QuantityKind::RelativeHumidity);
    acquired(0, at(n), &[(&celsius("d", "temperature"), temperature), (&humid, Ok(humidity))])
}

fn plan(name: &str, function: &'static Entry, inputs: &[Stream], given: i64) -> MetricPlan {
    let is_integer = |p: &&Parameter| matches!(p.value, Value::Integer { .. });
    let integers = function.parameters.iter().filter(is_integer);
    let given = integers.map(|p| (p.name, Argument::Integer(given)));
    MetricPlan {
        stream: derived(name),
        function,
        arguments: Arguments::new(function.parameters, given).unwrap(),
        inputs: inputs.to_vec(),
        tolerance: Duration::from_nanos(5),
    }
}

fn dew_point_plan() -> MetricPlan {
    let humid = stream("d", "humidity", QuantityKind::RelativeHumidity);
    plan("dew_point", find("dew_point").unwrap(), &[celsius("d", "temperature"), humid], 0)
}

fn mean_plan(name: &str, of: Stream, samples: i64) -> MetricPlan {
    plan(name, find("moving_average").unwrap(), &[of], samples)
}

/// The first input less the second, and how often it was asked, in the words that it saves. It fails
/// over a difference of 13, and is an alarm.
static DIFFERENCE: Entry = Entry {
    function: "difference",
    group: Group::Alarm,
    summary: "for tests",
    source: "",
    edges: "",
    roles: &[
        Role { name: "first", summary: "", kinds: &[] },
        Role { name: "second", summary: "", kinds: &[] },
    ],
    parameters: &[],
    example: "",
    make: |_, _| -> Made { Ok((QuantityKind::Temperature, Box::new(Difference(0)))) },
};

struct Difference(u64);

impl Metric for Difference {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        self.0 += 1;
        let [first, second] = inputs else { panic!("two inputs") };
        let difference = first.number().and_then(|first| Ok(first - second.number()?));
        assert!(difference.map_or(true, |n| n.to_bits() != 13.0_f64.to_bits()), "bug in a formula");
        out.push(match difference {
            Ok(number) => Output::number(at, QuantityKind::Temperature, number, Quality::Good),
            Err(reason) => Output::gap(at, reason),
        });
    }

    fn save(&self, words: &mut Vec<u64>) {
        words.push(self.0);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.0 = words.word()?;
        Some(())
    }

    fn acknowledge(&mut self, at: Moment, out: &mut Vec<Output>) -> bool {
        out.push(Output::number(at, QuantityKind::Temperature, 2.0, Quality::Good));
        self.0 > 0
    }

    fn urgency(&self) -> Option<Urgency> {
        Some(Urgency::High)
    }
}

fn beginning(saved: Option<SavedState>) -> Beginning {
    Beginning { boot: BOOT, now: at(0), saved }
}

fn derivation_of(plans: Vec<MetricPlan>, workers: usize) -> Result<Derivation, BadGraph> {
    let workers = NonZeroUsize::new(workers).unwrap();
    let executor = Executor::builder().workers(workers).build().unwrap();
    Derivation::new(plans, beginning(None), Arc::new(executor), Arc::default())
}

fn derivation(plans: Vec<MetricPlan>, workers: usize) -> Derivation {
    derivation_of(plans, workers).unwrap()
}

fn outcomes(derived: &[StreamReading]) -> Vec<(&str, u64, Result<f64, NoData>)> {
    let outcome = |d: &'_ StreamReading| {
        (d.reading.at.monotonic.as_nanos(), d.reading.outcome.map(Quantity::number))
    };
    derived.iter().map(|d| (d.stream.name.parts().1, outcome(d).0, outcome(d).1)).collect()
}

#[test]
fn derived_readings_bear_the_time_of_their_inputs_and_a_gap_keeps_its_reason() {
    let mut derivation = derivation(vec![dew_point_plan()], 2);
    let batch = [air(1, Ok(25.0), 50.0), air(2, Err(NoData::Absent), 50.0), air(3, Ok(25.0), 0.0)];
    let derived = derivation.derive(&batch);
    let found = outcomes(&derived);
    assert_eq!(found[0].1, 1);
    assert!((found[0].2.unwrap() - 13.85).abs() < 0.05);
    let gaps = [("dew_point", 2, Err(NoData::Absent)), ("dew_point", 3, Err(NoData::Undefined))];
    assert_eq!(found[1..], gaps);
    assert_eq!(derivation.counters.gaps(NoData::Absent), 1);
}

#[test]
fn a_stream_that_is_no_input_starts_no_job() {
    let mut derivation = derivation(vec![dew_point_plan()], 1);
    let other = acquired(7, at(1), &[(&celsius("other", "temperature"), Ok(1.0))]);
    assert_eq!(derivation.derive(&[other]), []);
    assert_eq!(derivation.executor.metrics().processed, 0);
}

#[test]
fn a_thousand_components_make_four_jobs_for_each_worker() {
    let of = |n: usize| celsius(&format!("d{n}"), "t");
    let plans = (0..1_000).map(|n| mean_plan(&format!("m{n}"), of(n), 2)).collect();
    let mut derivation = derivation(plans, 2);
    let batch: Vec<_> = (0..1_000).map(|n| acquired(n, at(1), &[(&of(n), Ok(1.0))])).collect();
    assert_eq!(derivation.derive(&batch).len(), 1_000);
    assert_eq!(derivation.executor.metrics().processed, 8);
}

#[test]
fn a_failed_device_comes_before_alarms_and_alarms_before_the_rest() {
    let of = |n: usize| celsius(&format!("d{n}"), "t");
    let plans = vec![
        mean_plan("usual", of(0), 1),
        plan("alarm", &DIFFERENCE, &[of(1), of(1)], 0),
        mean_plan("failed", of(2), 1),
    ];
    let mut derivation = derivation(plans, 1);
    let batch: Vec<_> = [Ok(1.0), Ok(1.0), Err(NoData::BusFault)]
        .into_iter()
        .enumerate()
        .map(|(n, number)| acquired(n, at(1), &[(&of(n), number)]))
        .collect();
    let derived = derivation.derive(&batch);
    let mut due = Vec::new();
    derivation.routed.concerned(&derivation.graph, &derivation.usual, &mut due);
    assert_eq!(due, [(Priority::Critical, 2), (Priority::High, 1), (Priority::Medium, 0)]);
    let streams: Vec<_> = outcomes(&derived).iter().map(|found| found.0.to_owned()).collect();
    assert_eq!(streams, ["failed", "alarm", "usual"]);
}

#[test]
fn a_metric_of_metrics_gets_what_they_tell_of_the_same_transaction() {
    let t = celsius("d", "temperature");
    let plans = vec![
        plan("above_mean", &DIFFERENCE, &[t.clone(), derived("mean")], 0),
        mean_plan("mean", t, 2),
    ];
    let mut derivation = derivation(plans, 1);
    let told: Vec<_> = (1..=3_u32)
        .flat_map(|n| derivation.derive(&[air(n.into(), Ok(f64::from(n * n)), 50.0)]))
        .filter(|d| d.stream.name.as_str() == "derived.above_mean")
        .map(|d| d.reading.outcome.unwrap().number())
        .collect();
    assert_eq!(told, [0.0, 1.5, 2.5]);
}

#[test]
fn a_metric_that_panics_is_one_gap_and_starts_afresh_and_no_other_notices() {
    let t = celsius("d", "temperature");
    let zero = celsius("d", "zero");
    let plans = vec![
        plan("difference", &DIFFERENCE, &[t.clone(), zero.clone()], 0),
        mean_plan("of_it", derived("difference"), 1),
        mean_plan("mean", t.clone(), 1),
    ];
    let mut derivation = derivation(plans, 1);
    let batch: Vec<_> = [(1, 1.0), (2, 13.0), (3, 3.0)]
        .map(|(n, number)| acquired(0, at(n), &[(&t, Ok(number)), (&zero, Ok(0.0))]))
        .into();
    let derived = derivation.derive(&batch);
    let internal = Err(NoData::Internal);
    for (name, second) in [("difference", internal), ("of_it", internal), ("mean", Ok(13.0))] {
        let found = outcomes(&derived).into_iter().filter(|found| found.0 == name);
        let expected = [(name, 1, Ok(1.0)), (name, 2, second), (name, 3, Ok(3.0))];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
    assert_eq!(derivation.counters.metric_panics.get(), 1);
    assert_eq!(derivation.save().metrics[0].words, [1], "its state started afresh");
}

#[test]
fn a_job_that_is_lost_is_a_gap_for_each_of_its_metrics_and_they_go_on_afresh() {
    let mut derivation = derivation(vec![mean_plan("mean", celsius("d", "temperature"), 3)], 1);
    derivation.derive(&[air(1, Ok(1.0), 50.0)]);
    let due = [(Priority::Medium, 0)];
    let Started::OnPool(_) = derivation.start(&due) else { panic!("there was room") };
    let job = derivation.executor.submit(|| -> Pack { panic!("bug in the pipeline") }).unwrap();
    let lost = derivation.finish(Started::OnPool(job), &due);
    assert_eq!(lost, Err(vec![derived("mean")]));
    let derived = derivation.derive(&[air(2, Ok(7.0), 50.0)]);
    assert_eq!(outcomes(&derived), [("mean", 2, Ok(7.0))]);
}

#[test]
fn inputs_of_two_devices_are_aligned_and_what_is_late_is_counted_and_not_seen() {
    let (a, b) = (celsius("a", "t"), celsius("b", "t"));
    let mut derivation =
        derivation(vec![plan("difference", &DIFFERENCE, &[a.clone(), b.clone()], 0)], 1);
    let of_a = |n, number| acquired(0, at(n), &[(&a, Ok(number))]);
    let of_b = |n, number| acquired(1, at(n), &[(&b, Ok(number))]);
    let derived = derivation.derive(&[of_a(10, 1.0), of_b(12, 3.0)]);
    assert_eq!(outcomes(&derived), [("difference", 10, Ok(-2.0))]);
    assert_eq!(derivation.derive(&[of_a(20, 1.0)]), []);
    let derived = derivation.derive(&[of_a(26, 1.0)]);
    assert_eq!(outcomes(&derived), [("difference", 20, Err(NoData::Stale))]);
    assert_eq!(derivation.derive(&[of_b(19, 8.0), of_a(25, 2.0)]), []);
    assert_eq!(derivation.counters.readings_late.get(), 2);
    assert_eq!(outcomes(&derivation.flush()), [("difference", 26, Err(NoData::Stale))]);
    assert_eq!(derivation.flush(), []);
}

#[test]
fn what_makes_no_graph_is_refused() {
    let circle = vec![mean_plan("a", derived("b"), 1), mean_plan("b", derived("a"), 1)];
    let refused = derivation_of(circle, 1).map(drop).unwrap_err();
    assert!(matches!(&refused, BadGraph::Circle(circle) if circle.len() == 2), "{refused}");
    let orphan = vec![mean_plan("a", derived("b"), 1)];
    assert!(matches!(derivation_of(orphan, 1), Err(BadGraph::NoInput { .. })));
    let mut one_input = plan("a", &DIFFERENCE, &[celsius("d", "t")], 0);
    assert!(matches!(derivation_of(vec![one_input.clone()], 1), Err(BadGraph::Roles { .. })));
    one_input.function = find("moving_average").unwrap();
    let refused = derivation_of(vec![one_input], 1).map(drop);
    assert!(matches!(refused, Err(BadGraph::Metric { .. })), "samples are missing");
}

#[test]
fn an_operators_note_reaches_the_alarm_and_what_follows_from_it() {
    let (t, zero) = (celsius("d", "t"), celsius("d", "zero"));
    let plans = vec![
        plan("alarm", &DIFFERENCE, &[t.clone(), zero.clone()], 0),
        mean_plan("of_it", derived("alarm"), 1),
        mean_plan("mean", t.clone(), 1),
    ];
    let mut derivation = derivation(plans, 1);
    let [alarm, mean, none] = ["alarm", "mean", "none"].map(|name| derived(name).name);
    assert_eq!(derivation.acknowledge(&alarm, at(4)), None, "nothing has happened yet");
    derivation.derive(&[acquired(0, at(5), &[(&t, Ok(1.0)), (&zero, Ok(0.0))])]);
    assert!(derivation.take_alarm_change() && !derivation.take_alarm_change());
    let told = derivation.acknowledge(&alarm, at(7)).unwrap();
    assert_eq!(outcomes(&told), [("alarm", 7, Ok(2.0)), ("of_it", 7, Ok(2.0))]);
    assert!(derivation.take_alarm_change());
    assert_eq!(derivation.acknowledge(&mean, at(8)), None);
    assert_eq!(derivation.acknowledge(&none, at(8)), None);
}

/// An alarm above 30 °C.
fn hot_plan(name: &str, of: Stream, given: &[(&'static str, Argument)]) -> MetricPlan {
    let function = find("alarm_high").unwrap();
    let limit = ("limit", Argument::Number(30.0));
    let arguments =
        Arguments::new(function.parameters, given.iter().cloned().chain([limit])).unwrap();
    let stream = stream("derived", name, QuantityKind::AlarmState);
    MetricPlan { stream, function, arguments, inputs: vec![of], tolerance: Duration::ZERO }
}

#[test]
fn what_an_alarm_tells_after_a_note_is_never_of_a_time_before_it() {
    let t = celsius("d", "t");
    let plans = vec![
        hot_plan("hot", t.clone(), &[]),
        plan("of_it", find("sample_count").unwrap(), &[derived("hot")], 1),
    ];
    let mut derivation = derivation(plans, 1);
    derivation.derive(&[acquired(0, at(5), &[(&t, Ok(31.0))])]);
    let told = derivation.acknowledge(&derived("hot").name, at(7)).unwrap();
    assert_eq!(outcomes(&told)[0], ("hot", 7, Ok(2.0)));
    // Measured before the note, and still on its way then.
    let told = derivation.derive(&[acquired(0, at(6), &[(&t, Ok(20.0))])]);
    assert_eq!(outcomes(&told), [("hot", 7, Ok(0.0)), ("of_it", 7, Ok(1.0))]);
    assert_eq!(derivation.counters.readings_late.get(), 0);
}

#[test]
fn what_is_acknowledged_in_a_gap_is_worth_saving_at_once() {
    let t = celsius("d", "t");
    let mut derivation = derivation(vec![hot_plan("hot", t.clone(), &[])], 1);
    let gap = Err(NoData::Absent);
    derivation.derive(&[acquired(0, at(1), &[(&t, Ok(31.0))]), acquired(0, at(2), &[(&t, gap)])]);
    assert!(derivation.take_alarm_change());
    assert_eq!(derivation.acknowledge(&derived("hot").name, at(3)), Some(Vec::new()));
    assert!(derivation.take_alarm_change());
}

/// A crash may come between what is told and what is saved, and either be the older.
#[test]
fn an_alarm_tells_its_state_again_after_a_restart() {
    let t = celsius("d", "t");
    let plans = || vec![hot_plan("hot", t.clone(), &[])];
    let degrees = |n, degrees| [acquired(0, at(n), &[(&t, Ok(degrees))])];
    let mut first = derivation(plans(), 1);
    first.derive(&degrees(1, 20.0));
    let saved = first.save();
    assert_eq!(outcomes(&first.derive(&degrees(2, 31.0))), [("hot", 2, Ok(1.0))]);
    let executor = Arc::new(Executor::builder().build().unwrap());
    let mut second =
        Derivation::new(plans(), beginning(Some(saved)), executor, Arc::default()).unwrap();
    let told = second.derive(&degrees(3, 20.0));
    assert_eq!(
        outcomes(&told),
        [("hot", 3, Ok(0.0))],
        "whoever was told 1 is told that it is over"
    );
    assert!(second.derive(&degrees(4, 20.0)).is_empty());
}

#[test]
fn an_alarm_is_as_urgent_as_it_is_configured_to_be() {
    let words = ["low", "medium", "high", "critical"];
    let priority = |word| ("priority", Argument::Choice(word));
    let plans: Vec<_> = words
        .iter()
        .map(|word| hot_plan(word, celsius(word, "t"), &[priority(word)]))
        .chain([hot_plan("a_high", celsius("high", "t"), &[priority("low")])])
        .collect();
    let derivation = derivation(plans, 1);
    let expected = [Priority::Low, Priority::Medium, Priority::High, Priority::Critical];
    assert_eq!(derivation.usual, expected, "the most urgent of a component counts");
}

#[test]
fn a_state_goes_on_only_in_the_metric_that_it_is_of() {
    let t = celsius("d", "temperature");
    let run = |plans: Vec<MetricPlan>, saved| {
        let executor = Arc::new(Executor::builder().build().unwrap());
        let mut derivation =
            Derivation::new(plans, beginning(saved), executor, Arc::default()).unwrap();
        let derived = derivation.derive(&[air(9, Ok(9.0), 50.0)]);
        let last = derived.last().unwrap().reading.outcome.map(Quantity::number);
        (last, derivation.save())
    };
    let plans = || vec![mean_plan("inner", t.clone(), 2), mean_plan("outer", derived("inner"), 3)];
    let executor = Arc::new(Executor::builder().build().unwrap());
    let mut first = Derivation::new(plans(), beginning(None), executor, Arc::default()).unwrap();
    first.derive(&[air(1, Ok(1.0), 50.0), air(2, Ok(3.0), 50.0)]);
    let saved = first.save();
    // inner: 1, 2, then (3 + 9) / 2; outer: (1 + 2 + 6) / 3.
    assert_eq!(run(plans(), Some(saved.clone())).0, Ok(3.0));
    let mut otherwise = plans();
    otherwise[0] = mean_plan("inner", t.clone(), 5);
    assert_eq!(run(otherwise, Some(saved.clone())).0, Ok(9.0), "its input is another one now");
    let mut damaged = saved.clone();
    damaged.metrics[1].words.push(7);
    assert_eq!(run(plans(), Some(damaged)).0, Ok(6.0), "only the damaged one starts afresh");
}

/// What a random graph is made of: for each metric its function, and its inputs as numbers that are taken
/// modulo of what there is: three sensors and the metrics before it.
fn graphs() -> impl Strategy<Value = Vec<(u8, usize, usize)>> {
    proptest::collection::vec((0..3_u8, 0..100_usize, 0..100_usize), 1..8)
}

fn plans_of(graph: &[(u8, usize, usize)]) -> Vec<MetricPlan> {
    let sensors = ["a", "b", "c"].map(|device| celsius(device, "t"));
    let mut streams = sensors.to_vec();
    let mut plans = Vec::new();
    for (number, &(function, first, second)) in graph.iter().enumerate() {
        let name = format!("m{number}");
        let of = |n: usize| streams[n % streams.len()].clone();
        plans.push(match function {
            0 => mean_plan(&name, of(first), 4),
            _ => plan(&name, &DIFFERENCE, &[of(first), of(second)], 0),
        });
        streams.push(derived(&name));
    }
    plans
}

proptest! {
    /// However the readings fall into batches, and with however many workers, each stream is the one of
    /// a single thread that gets them one at a time, bit for bit; for any graph and any schedule of
    /// three devices, with gaps, panics, and readings that are late.
    #[test]
    fn batching_and_parallelism_do_not_change_a_bit(
        graph in graphs(),
        schedule in proptest::collection::vec((0..3_usize, 0..60_u64, -20..20_i8), 1..60),
        cuts in proptest::collection::vec(1..20_usize, 1..8),
        workers in 1..4_usize,
    ) {
        let sensors = ["a", "b", "c"].map(|device| celsius(device, "t"));
        let acquired: Vec<_> = schedule.iter().map(|&(device, time, number)| {
            let number = if number == -20 { Err(NoData::Timeout) } else { Ok(number.into()) };
            acquired(device, at(time), &[(&sensors[device], number)])
        }).collect();
        let by_stream = |cuts: &[usize], workers| {
            let mut derivation = derivation(plans_of(&graph), workers);
            let (mut rest, mut all) = (acquired.as_slice(), Vec::new());
            for &cut in cuts.iter().cycle() {
                let (batch, later) = rest.split_at(cut.min(rest.len()));
                all.extend(derivation.derive(batch));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            all.extend(derivation.flush());
            let late = derivation.counters.readings_late.get();
            let mut told: Vec<_> = all.iter().map(|d| {
                let outcome = d.reading.outcome.map(|q| q.number().to_bits());
                (d.stream.name.clone(), d.reading.at, outcome, d.reading.quality)
            }).collect();
            // Streams apart, each in its order.
            told.sort_by(|a, b| a.0.cmp(&b.0));
            (told, late, derivation.save())
        };
        prop_assert_eq!(by_stream(&cuts, workers), by_stream(&[1], 1));
    }
}

#[test]
fn a_gap_and_the_reading_of_the_same_time_after_it_are_both_told() {
    let mut derivation = derivation(vec![dew_point_plan()], 1);
    let mut gap = air(5, Err(NoData::Overflow), 50.0);
    gap.readings[1].reading.outcome = Err(NoData::Overflow);
    let told = derivation.derive(&[gap, air(5, Ok(25.0), 100.0)]);
    assert_eq!(told[0].reading.outcome, Err(NoData::Overflow));
    assert!((told[1].reading.outcome.unwrap().number() - 25.0).abs() < 1e-9);
    assert_eq!(derivation.counters.readings_late.get(), 0);
}
