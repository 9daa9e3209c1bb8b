use core::time::Duration;
use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use crossbeam_channel::Receiver;
use domain::{
    Celsius, DeviceState, FaultPolicy, NoData, Quantity, QuantityKind, Return, Stream, StreamName,
    Timestamp, WallTime,
};
use ports::{Measurement, MockDevice, Pacing};
use sim::time::VirtualClock;

use super::*;
use crate::{
    queue::{WhenFull, queue},
    supervise::Board,
    telemetry::Counter,
};

const SECOND: Duration = Duration::from_secs(1);

type Answer = Result<f64, NoData>;

/// A device that gives each scripted answer once and the last one for ever.
fn device(pacing: Pacing, answers: &[Answer], asked: &Arc<Mutex<u32>>) -> MockDevice {
    let answers = answers.to_vec();
    let asked = Arc::clone(asked);
    let mut device = MockDevice::new();
    device.expect_pacing().return_const(pacing);
    device.expect_worst_case().return_const(SECOND);
    device.expect_sample_period_max().return_const(None);
    device.expect_procedures().return_const(&[][..]);
    device.expect_time_on_bus().return_const(SECOND / 10);
    device.expect_unwedge().returning(|| Ok(()));
    device.expect_frames().returning(ports::FrameCount::default);
    device.expect_earlier().returning(Vec::new);
    device.expect_measure().returning(move |_| {
        let mut asked = asked.lock().unwrap();
        let answer = answers[answers.len().min(*asked as usize + 1) - 1];
        *asked += 1;
        answer.map(|degrees| Measurement {
            age: Duration::ZERO,
            outcomes: vec![(0, Ok(Celsius::new(degrees).unwrap().into()))],
        })
    });
    device
}

fn plan(number: usize, device: MockDevice, rhythm: Rhythm) -> DevicePlan {
    let name = StreamName::new(&format!("d{number}"), "temperature").unwrap();
    DevicePlan {
        number,
        name: format!("d{number}"),
        device: Box::new(device),
        streams: vec![Stream { name, kind: QuantityKind::Temperature }],
        rhythm,
        faults: FaultPolicy { retry_max: 4 * SECOND, ..FaultPolicy::default() },
        priority: Priority::Normal,
    }
}

/// Every bench starts one second after boot.
fn seconds_since_start(at: Monotonic) -> f64 {
    at.saturating_since(Monotonic::default() + SECOND).as_secs_f64()
}

struct Bench {
    clock: VirtualClock,
    worker: BusWorker,
    inlet: Inlet<Acquired>,
    outlet: Receiver<Acquired>,
    counters: Arc<Counters>,
}

fn bench(plans: Vec<DevicePlan>) -> Bench {
    let clock = VirtualClock::starting_at(Timestamp::new(
        WallTime::from_nanos(0),
        Monotonic::from_nanos(1_000_000_000),
    ));
    let counters = Arc::new(Counters::default());
    let (inlet, outlet) =
        queue(NonZeroUsize::new(1_000).unwrap(), WhenFull::Block, Arc::clone(&counters));
    let worker = BusWorker::new(plans, Arc::new(clock.clone()), inlet.clone(), &counters);
    Bench { clock, worker, inlet, outlet, counters }
}

impl Bench {
    /// Runs the worker for `span` and gives what the device with that number said: seconds since the
    /// start, and the outcome.
    fn run(&mut self, span: Duration, number: usize) -> Vec<(f64, Result<f64, NoData>)> {
        let end = self.clock.now().monotonic + span;
        // A device that speaks is due at any time.
        let is_within = |clock: &VirtualClock, due| clock.now().monotonic.max(due) < end;
        while let Some(due) = self.worker.next_due().filter(|&due| is_within(&self.clock, due)) {
            let _ = self.clock.sleep_until(due);
            assert!(self.worker.step());
        }
        let _ = self.clock.sleep_until(end);
        let ours = self.outlet.try_iter().filter(|acquired| acquired.device == number);
        ours.map(|acquired| {
            let reading = acquired.readings[0].reading;
            let seconds = seconds_since_start(reading.at.monotonic);
            (seconds, reading.outcome.map(Quantity::number))
        })
        .collect()
    }
}

#[test]
fn each_slot_gives_one_reading_at_its_time() {
    let asked = Arc::default();
    let mut bench =
        bench(vec![plan(0, device(Pacing::Asked, &[Ok(20.0)], &asked), Rhythm::Every(SECOND))]);
    let readings = bench.run(3 * SECOND, 0);
    assert_eq!(readings, [(0.0, Ok(20.0)), (1.0, Ok(20.0)), (2.0, Ok(20.0))]);
    assert_eq!(bench.counters.measurements_taken.get(), 3);
}

#[test]
fn a_failing_device_is_a_gap_in_each_slot_but_is_asked_less_and_less() {
    let asked = Arc::default();
    let absent = device(Pacing::Asked, &[Err(NoData::Absent)], &asked);
    let mut bench = bench(vec![plan(0, absent, Rhythm::Every(SECOND))]);
    let readings = bench.run(30 * SECOND, 0);
    assert_eq!(readings.len(), 30);
    assert!(readings.iter().all(|(_, outcome)| *outcome == Err(NoData::Absent)));
    let asked = *asked.lock().unwrap();
    assert!((8..=14).contains(&asked), "asked {asked} times in 30 s with a back-off up to 4 s");
    assert_eq!(bench.counters.device_failures.get(), u64::from(asked));
    assert_eq!(bench.counters.gaps(NoData::Absent), 30);
}

#[test]
fn a_device_that_comes_back_is_heard_again_and_that_is_counted() {
    let asked = Arc::default();
    let answers = [Ok(20.0), Err(NoData::BusFault), Err(NoData::Timeout), Ok(21.0)];
    let mut bench =
        bench(vec![plan(0, device(Pacing::Asked, &answers, &asked), Rhythm::Every(SECOND))]);
    let readings = bench.run(12 * SECOND, 0);
    assert_eq!(readings[0].1, Ok(20.0));
    assert_eq!(readings[1].1, Err(NoData::BusFault));
    assert_eq!(readings.last().unwrap().1, Ok(21.0));
    assert_eq!(bench.counters.device_recoveries.get(), 1);
    assert_eq!(readings.len(), 12, "every slot has its outcome");
}

/// A device that is emptied in bursts: each second it has what it took in each quarter of it.
fn burst() -> MockDevice {
    let taken = |age: u32, degrees: f64| Measurement {
        age: Duration::from_millis(250) * age,
        outcomes: vec![(0, Ok(Celsius::new(degrees).unwrap().into()))],
    };
    let mut device = MockDevice::new();
    device.expect_sample_period_max().return_const(None);
    device.expect_procedures().return_const(&[][..]);
    device.expect_time_on_bus().return_const(Duration::from_millis(1));
    device.expect_worst_case().return_const(Duration::from_millis(5));
    device.expect_pacing().return_const(Pacing::Asked);
    device.expect_frames().returning(ports::FrameCount::default);
    device.expect_measure().returning(move |_| Ok(taken(0, 24.0)));
    device.expect_earlier().returning(move || vec![taken(3, 21.0), taken(2, 22.0), taken(1, 23.0)]);
    device
}

#[test]
fn what_a_burst_found_before_its_newest_comes_first_each_at_its_own_time() {
    let mut bench = bench(vec![plan(0, burst(), Rhythm::Every(SECOND))]);
    let _first = bench.run(SECOND, 0);
    let readings = bench.run(SECOND, 0);
    assert_eq!(readings, [(0.25, Ok(21.0)), (0.5, Ok(22.0)), (0.75, Ok(23.0)), (1.0, Ok(24.0))]);
    assert_eq!(bench.counters.measurements_taken.get(), 8);
}

/// A device whose clock is off by 5 %: it believes to take 100 samples in a second. From one burst to the
/// next it takes so many.
fn self_timed(per_burst: u32) -> MockDevice {
    let taken = |age: u32| Measurement {
        age: Duration::from_millis(10) * age,
        outcomes: vec![(0, Ok(Celsius::new(20.0).unwrap().into()))],
    };
    let mut device = MockDevice::new();
    device.expect_sample_period_max().return_const(Some(Duration::from_millis(11)));
    device.expect_procedures().return_const(&[][..]);
    device.expect_time_on_bus().return_const(Duration::from_millis(1));
    device.expect_worst_case().return_const(Duration::from_millis(5));
    device.expect_pacing().return_const(Pacing::Asked);
    device.expect_frames().returning(ports::FrameCount::default);
    device.expect_measure().returning(move |_| Ok(taken(0)));
    device.expect_earlier().returning(move || (1..per_burst).rev().map(taken).collect());
    device
}

#[test]
fn samples_that_a_device_timed_itself_are_spread_evenly_over_the_time_since_the_burst_before() {
    for per_burst in [95, 105] {
        let mut bench = bench(vec![plan(0, self_timed(per_burst), Rhythm::Every(SECOND))]);
        let _first = bench.run(SECOND, 0);
        let readings = bench.run(2 * SECOND, 0);
        assert_eq!(readings.len(), 2 * per_burst as usize);
        for (nth, (seconds, _)) in (1_u32..).zip(&readings) {
            let even = f64::from(nth) / f64::from(per_burst);
            assert!((seconds - even).abs() < 1e-6, "{nth} of {per_burst}: {seconds}");
        }
    }
}

#[test]
fn samples_that_a_device_timed_itself_are_no_further_apart_than_its_slowest_clock_has_them() {
    let mut bench = bench(vec![plan(0, self_timed(10), Rhythm::Every(SECOND))]);
    let _first = bench.run(SECOND, 0);
    let second = bench.run(SECOND, 0);
    assert!((second[0].0 - (1.0 - 9.0 * 0.011)).abs() < 1e-9, "{second:?}");
}

#[test]
fn a_burst_that_fails_tells_nothing_of_what_was_before() {
    let mut device = MockDevice::new();
    device.expect_sample_period_max().return_const(None);
    device.expect_procedures().return_const(&[][..]);
    device.expect_time_on_bus().return_const(Duration::from_millis(1));
    device.expect_worst_case().return_const(Duration::from_millis(5));
    device.expect_pacing().return_const(Pacing::Asked);
    device.expect_frames().returning(ports::FrameCount::default);
    device.expect_measure().returning(|_| Err(NoData::Corrupt));
    device.expect_earlier().never();
    let mut bench = bench(vec![plan(0, device, Rhythm::Every(SECOND))]);
    assert_eq!(bench.run(SECOND, 0), [(0.0, Err(NoData::Corrupt))]);
}

#[test]
fn a_device_that_panics_is_an_internal_gap_and_its_neighbour_goes_on() {
    let asked = Arc::default();
    let mut broken = MockDevice::new();
    broken.expect_earlier().returning(Vec::new);
    broken.expect_pacing().return_const(Pacing::Asked);
    broken.expect_worst_case().return_const(SECOND);
    broken.expect_sample_period_max().return_const(None);
    broken.expect_procedures().return_const(&[][..]);
    broken.expect_time_on_bus().return_const(SECOND / 10);
    broken.expect_unwedge().returning(|| Ok(()));
    broken.expect_measure().returning(|_| panic!("driver bug"));
    let sound = device(Pacing::Asked, &[Ok(20.0)], &asked);
    let rhythm = Rhythm::Every(SECOND);
    let mut bench = bench(vec![plan(0, broken, rhythm), plan(1, sound, rhythm)]);
    assert_eq!(bench.run(5 * SECOND, 1).len(), 5);
    assert!(bench.counters.device_panics.get() >= 2, "it is asked again after a panic");
    assert_eq!(bench.counters.gaps(NoData::Internal), 5);
}

#[test]
fn slots_that_pass_while_the_bus_is_busy_are_one_gap_and_all_counted() {
    let asked = Arc::default();
    let clock_of_slow = Arc::new(Mutex::new(None::<VirtualClock>));
    let clock = Arc::clone(&clock_of_slow);
    let mut slow = MockDevice::new();
    slow.expect_earlier().returning(Vec::new);
    slow.expect_pacing().return_const(Pacing::Asked);
    slow.expect_worst_case().return_const(SECOND);
    slow.expect_sample_period_max().return_const(None);
    slow.expect_procedures().return_const(&[][..]);
    slow.expect_time_on_bus().return_const(SECOND / 10);
    slow.expect_unwedge().returning(|| Ok(()));
    slow.expect_frames().returning(ports::FrameCount::default);
    slow.expect_measure().returning(move |_| {
        let stall = clock.lock().unwrap().take();
        if let Some(clock) = stall {
            clock.advance(3 * SECOND);
        }
        Err(NoData::Timeout)
    });
    let sound = device(Pacing::Asked, &[Ok(20.0)], &asked);
    let plans =
        vec![plan(0, slow, Rhythm::Every(60 * SECOND)), plan(1, sound, Rhythm::Every(SECOND))];
    let mut bench = bench(plans);
    *clock_of_slow.lock().unwrap() = Some(bench.clock.clone());
    let readings = bench.run(6 * SECOND, 1);
    assert_eq!(
        readings,
        [
            (0.0, Ok(20.0)),
            (3.5, Err(NoData::Missed)),
            (3.5, Ok(20.0)),
            (4.0, Ok(20.0)),
            (5.0, Ok(20.0))
        ],
        "the slow one has the bus from 0.5 to 3.5"
    );
    assert_eq!(bench.counters.deadlines_missed.get(), 2);
}

fn policy(failures_max: u32, comes_back: Return) -> FaultPolicy {
    FaultPolicy {
        failures_max: NonZeroU32::new(failures_max).unwrap(),
        retry_first: SECOND,
        retry_max: 4 * SECOND,
        comes_back,
    }
}

/// A bench with one device, asked each second, that fails as long as `is_broken`.
fn fragile(
    faults: FaultPolicy,
    is_broken: &Arc<AtomicBool>,
    calls: &Arc<Mutex<Vec<&'static str>>>,
) -> Bench {
    let (is_broken, calls) = (Arc::clone(is_broken), Arc::clone(calls));
    let unwedged = Arc::clone(&calls);
    let mut device = MockDevice::new();
    device.expect_earlier().returning(Vec::new);
    device.expect_pacing().return_const(Pacing::Asked);
    device.expect_worst_case().return_const(SECOND);
    device.expect_sample_period_max().return_const(None);
    device.expect_procedures().return_const(&[][..]);
    device.expect_time_on_bus().return_const(SECOND / 10);
    device.expect_frames().returning(ports::FrameCount::default);
    device.expect_unwedge().returning(move || {
        unwedged.lock().unwrap().push("unwedge");
        Err(NoData::BusFault)
    });
    device.expect_measure().returning(move |_| {
        calls.lock().unwrap().push("measure");
        if is_broken.load(Relaxed) {
            return Err(NoData::BusFault);
        }
        let outcomes = vec![(0, Ok(Celsius::new(20.0).unwrap().into()))];
        Ok(Measurement { age: Duration::ZERO, outcomes })
    });
    let plan = plan(0, device, Rhythm::Every(SECOND));
    bench(vec![DevicePlan { faults, ..plan }])
}

#[test]
fn after_too_many_failures_the_bus_is_left_alone_until_a_reset() {
    let (is_broken, calls) = (Arc::new(AtomicBool::new(true)), Arc::default());
    let mut bench = fragile(policy(3, Return::OnReset), &is_broken, &calls);
    let board = Board::of([&bench.worker]);
    let gaps = bench.run(60 * SECOND, 0);
    assert_eq!(gaps.len(), 60, "each slot has its gap");
    assert!(gaps.iter().all(|(_, outcome)| *outcome == Err(NoData::BusFault)));
    let expected = ["measure", "unwedge", "measure", "measure", "unwedge"];
    assert_eq!(*calls.lock().unwrap(), expected, "at the first fault, and when it is given up");
    assert_eq!(bench.counters.safe_states_entered.get(), 1);
    assert_eq!(
        [&bench.counters.unwedges_tried, &bench.counters.unwedges_failed].map(Counter::get),
        [2, 2]
    );
    assert_eq!(board.report()["d0"].state, DeviceState::SafeState);
    assert_eq!(board.changes(), 2, "to error, to safe state");

    is_broken.store(false, Relaxed);
    assert!(bench.run(60 * SECOND, 0).iter().all(|(_, outcome)| outcome.is_err()));
    assert!(board.reset("d0") && !board.reset("d1"));
    assert_eq!(board.changes(), 3);
    let readings = bench.run(5 * SECOND, 0);
    assert!(readings.len() == 5 && readings.iter().all(|(_, outcome)| *outcome == Ok(20.0)));
}

#[test]
fn a_device_that_comes_back_by_itself_is_probed_in_its_safe_state() {
    let (is_broken, calls) = (Arc::new(AtomicBool::new(true)), Arc::default());
    let comes_back = Return::Automatic { probe_every: 20 * SECOND };
    let mut bench = fragile(policy(3, comes_back), &is_broken, &calls);
    let board = Board::of([&bench.worker]);
    bench.run(10 * SECOND, 0);
    calls.lock().unwrap().clear();
    bench.run(200 * SECOND, 0);
    let probes = calls.lock().unwrap().len();
    assert!((10..=20).contains(&probes), "{probes} probes in 200 s, each 10 s to 20 s apart");
    is_broken.store(false, Relaxed);
    let readings = bench.run(30 * SECOND, 0);
    assert_eq!(readings.len(), 30);
    assert_eq!(readings[29].1, Ok(20.0));
    let report = board.report()["d0"];
    assert_eq!((report.state, report.failures, report.reason), (DeviceState::Idle, 0, None));
    assert_eq!(bench.counters.device_recoveries.get(), 1);
}

#[test]
fn the_report_tells_how_late_and_how_long_and_how_old() {
    let clock = Arc::new(Mutex::new(None::<VirtualClock>));
    let now = Arc::clone(&clock);
    let mut device = MockDevice::new();
    device.expect_earlier().returning(Vec::new);
    device.expect_pacing().return_const(Pacing::Asked);
    device.expect_worst_case().return_const(SECOND);
    device.expect_sample_period_max().return_const(None);
    device.expect_procedures().return_const(&[][..]);
    device.expect_time_on_bus().return_const(SECOND / 10);
    device.expect_frames().returning(ports::FrameCount::default);
    device.expect_unwedge().returning(|| Ok(()));
    let mut asked = 0;
    device.expect_measure().returning(move |_| {
        asked += 1;
        let clock = now.lock().unwrap().clone().unwrap();
        // Once so long that the next slot begins 200 ms late.
        clock.advance(Duration::from_millis(if asked == 3 { 1_200 } else { 10 }));
        let outcomes = vec![(0, Ok(Celsius::new(20.0).unwrap().into()))];
        let measurement = Measurement { age: Duration::ZERO, outcomes };
        if asked > 8 { Err(NoData::Absent) } else { Ok(measurement) }
    });
    let mut bench = bench(vec![plan(0, device, Rhythm::Every(SECOND))]);
    *clock.lock().unwrap() = Some(bench.clock.clone());
    let board = Board::of([&bench.worker]);
    assert_eq!(board.report()["d0"].last_good, None);
    bench.run(9 * SECOND, 0);
    let report = board.report()["d0"];
    let millis = |n: u64| n * 1_000_000;
    assert_eq!((report.lateness.p50, report.lateness.max), (0, millis(200)));
    assert_eq!(report.on_bus_ns_max, millis(1_200));
    assert_eq!(report.on_bus_ns, millis(8 * 10 + 1_200), "nine attempts");
    assert_eq!(report.last_good.map(|at| seconds_since_start(at.monotonic)), Some(7.01));
    assert_eq!((report.missed, report.reason), (0, Some(NoData::Absent)));
}

#[test]
fn a_device_of_low_priority_slows_down_while_the_queue_is_filling_up() {
    let (low, normal) = (Arc::default(), Arc::default());
    let slow_down = Priority::LOW;
    let rhythm = Rhythm::Every(SECOND);
    let low_plan = plan(0, device(Pacing::Asked, &[Ok(20.0)], &low), rhythm);
    let plans = vec![
        DevicePlan { priority: slow_down, ..low_plan },
        plan(1, device(Pacing::Asked, &[Ok(20.0)], &normal), rhythm),
    ];
    let mut bench = bench(plans);
    let filler = Acquired { device: 9, ordinal: 0, readings: Vec::new() };
    for _ in 0..800 {
        bench.inlet.put(filler.clone()).unwrap();
    }
    let end = bench.clock.now().monotonic + 12 * SECOND;
    while let Some(due) = bench.worker.next_due().filter(|&due| due < end) {
        let _ = bench.clock.sleep_until(due);
        assert!(bench.worker.step());
    }
    assert_eq!((*low.lock().unwrap(), *normal.lock().unwrap()), (3, 12));
    assert_eq!(bench.counters.slots_shed.get(), 9);
    assert_eq!(bench.counters.gaps(NoData::Shed), 3, "one for each run of three");
    let taken: Vec<_> = bench.outlet.try_iter().collect();
    assert_eq!(taken.iter().filter(|acquired| acquired.device == 0).count(), 3 + 3);
    let readings = bench.run(4 * SECOND, 0);
    assert_eq!(readings.iter().filter(|(_, outcome)| outcome.is_ok()).count(), 4, "relieved");
    assert_eq!(bench.counters.slots_shed.get(), 9);
    assert_eq!(Board::of([&bench.worker]).report()["d0"].shed, 9);
}

/// A device that speaks, and lets virtual time pass while it is listened to.
fn speaker(
    clock: &Arc<Mutex<Option<VirtualClock>>>,
    says: impl Fn(f64) -> Answer + Send + 'static,
) -> MockDevice {
    let clock = Arc::clone(clock);
    let mut device = MockDevice::new();
    device.expect_pacing().return_const(Pacing::Speaks);
    device.expect_worst_case().return_const(SECOND);
    device.expect_sample_period_max().return_const(None);
    device.expect_procedures().return_const(&[][..]);
    device.expect_time_on_bus().return_const(SECOND / 10);
    device.expect_unwedge().returning(|| Ok(()));
    device.expect_frames().returning(ports::FrameCount::default);
    device.expect_earlier().returning(Vec::new);
    device.expect_measure().returning(move |patience| {
        let clock = clock.lock().unwrap();
        let clock = clock.as_ref().unwrap();
        let seconds = seconds_since_start(clock.now().monotonic);
        clock.advance(patience.max(Duration::from_millis(1)));
        says(seconds).map(|number| Measurement {
            age: Duration::ZERO,
            outcomes: vec![(0, Ok(Celsius::new(number).unwrap().into()))],
        })
    });
    device
}

fn listen(
    span: Duration,
    says: impl Fn(f64) -> Answer + Send + 'static,
) -> (Vec<(f64, Answer)>, Bench) {
    let clock = Arc::default();
    let plans = vec![plan(0, speaker(&clock, says), Rhythm::SilentFor(2 * SECOND))];
    let mut bench = bench(plans);
    *clock.lock().unwrap() = Some(bench.clock.clone());
    (bench.run(span, 0), bench)
}

#[test]
fn silence_is_a_gap_only_when_the_time_for_it_is_over() {
    let (readings, _) = listen(7 * SECOND, |_| Err(NoData::Silent));
    let gaps: Vec<_> =
        readings.iter().map(|(seconds, outcome)| (seconds.round(), *outcome)).collect();
    assert_eq!(gaps, [2.0, 4.0, 6.0].map(|seconds| (seconds, Err(NoData::Silent))));
}

#[test]
fn a_device_that_talks_of_other_things_is_not_called_silent() {
    let says = |seconds: f64| Err(if seconds < 0.9 { NoData::NotReady } else { NoData::Silent });
    let (readings, _) = listen(3 * SECOND, says);
    assert_eq!(readings[0].1, Err(NoData::NotReady));
}

#[test]
fn garbage_makes_the_gap_say_corrupt_and_a_measurement_clears_it() {
    let (readings, bench) =
        listen(5 * SECOND, |seconds| if seconds < 2.5 { Err(NoData::Corrupt) } else { Ok(1.0) });
    assert_eq!(readings[0].1, Err(NoData::Corrupt));
    assert!(readings[1..].iter().all(|(_, outcome)| *outcome == Ok(1.0)));
    assert_eq!(bench.counters.gaps(NoData::Corrupt), 1);
}

#[test]
fn an_unplugged_speaker_is_a_gap_at_once_then_one_per_silence_and_comes_back() {
    let (readings, bench) =
        listen(12 * SECOND, |seconds| if seconds < 6.0 { Err(NoData::Absent) } else { Ok(1.0) });
    let gaps: Vec<_> = readings.iter().filter(|(_, outcome)| outcome.is_err()).collect();
    assert!(gaps[0].0 < 0.5, "told at once");
    assert!((3..=5).contains(&gaps.len()), "{gaps:?}");
    assert!(gaps.iter().all(|(_, outcome)| *outcome == Err(NoData::Absent)));
    assert_eq!(readings.last().unwrap().1, Ok(1.0));
    assert_eq!(bench.counters.device_recoveries.get(), 1);
}
