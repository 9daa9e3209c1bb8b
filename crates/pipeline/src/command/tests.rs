use std::num::NonZeroUsize;

use crossbeam_channel::Receiver;
use domain::{
    Calibration, DeviceState, FaultPolicy, Monotonic, NoData, Percent, Procedure, QuantityKind,
    Return, Stream, StreamName, Timestamp, WallTime,
};
use ports::{
    Calibrating, Device, Measurement, NotCalibrated, NotKept, Pacing, Sensor, TargetRange,
};
use sim::time::VirtualClock;

use super::*;
use crate::{
    acquire::{Acquired, BusWorker, DevicePlan, Priority, Rhythm},
    queue::{WhenFull, queue},
    telemetry::Counters,
};

const SECOND: Duration = Duration::from_secs(1);

/// Gives 60 % of humidity, or fails while it is broken.
struct Hygrometer {
    pacing: Pacing,
    is_broken: Arc<Mutex<bool>>,
    procedure: Result<Option<Correction>, NotCalibrated>,
    /// A step of its procedure is behind it.
    has_begun: bool,
}

const OFFERED: &[ports::Procedure] = &[ports::Procedure {
    name: "wet_sponge",
    target: Some(TargetRange { kind: QuantityKind::RelativeHumidity, low: 90.0, high: 100.0 }),
}];

impl Device for Hygrometer {
    fn sensors(&self) -> &[Sensor] {
        &[]
    }

    fn pacing(&self) -> Pacing {
        self.pacing
    }

    fn time_on_bus(&self) -> Duration {
        SECOND / 10
    }

    fn worst_case(&self) -> Duration {
        SECOND
    }

    fn measure(&mut self, _: Duration) -> Result<Measurement, NoData> {
        if self.has_begun {
            return Err(NoData::NotReady);
        }
        if *lock(&self.is_broken) {
            return Err(NoData::Absent);
        }
        let outcomes = vec![(0, Ok(Percent::new(60.0).unwrap().into()))];
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }

    fn procedures(&self) -> &'static [ports::Procedure] {
        if self.procedure == Err(NotCalibrated::NoProcedure) { &[] } else { OFFERED }
    }

    /// Half a second, in two steps.
    fn calibrate(&mut self, name: &str, target: Option<f64>) -> Result<Calibrating, NotCalibrated> {
        assert_eq!((name, target), ("wet_sponge", Some(99.0)));
        self.has_begun = !self.has_begun;
        if self.has_begun {
            return Ok(Calibrating::Waits(SECOND / 2));
        }
        self.procedure.map(Calibrating::Done)
    }
}

/// What was kept and audited, newest last.
#[derive(Clone, Default)]
struct Medium {
    is_full: Arc<Mutex<bool>>,
    kept: Arc<Mutex<Vec<Kept>>>,
    audited: Arc<Mutex<Vec<String>>>,
}

impl Medium {
    fn take(&self, what: &'static str) -> Result<(), NotKept> {
        let cause = std::io::Error::from(std::io::ErrorKind::StorageFull);
        if *lock(&self.is_full) { Err(NotKept { what, cause }) } else { Ok(()) }
    }
}

impl Keeper for Medium {
    fn keep(&mut self, settings: &Kept) -> Result<(), NotKept> {
        self.take("settings")?;
        lock(&self.kept).push(settings.clone());
        Ok(())
    }
}

impl Audit for Medium {
    fn record(&mut self, record: &AuditRecord<'_>) -> Result<(), NotKept> {
        self.take("audit")?;
        let outcome = record.outcome.as_ref().map_or_else(Refusal::code, |()| "done");
        let (who, word) = (record.who, record.command.word());
        let correction = record.correction.map(|correction| format!(" {:+}", correction.number));
        let correction = correction.unwrap_or_default();
        lock(&self.audited).push(format!("{who} {word} {outcome}{correction}"));
        Ok(())
    }
}

struct Bench {
    clock: VirtualClock,
    worker: BusWorker,
    outlet: Receiver<Acquired>,
    medium: Medium,
    is_broken: Arc<Mutex<bool>>,
    commander: Arc<Commander>,
    counters: Arc<Counters>,
}

fn plan(number: usize, name: &str, device: Hygrometer) -> DevicePlan {
    let stream = StreamName::new(name, "humidity").unwrap();
    let rhythm = match device.pacing {
        Pacing::Asked => Rhythm::Every(SECOND),
        Pacing::Speaks => Rhythm::SilentFor(SECOND),
    };
    DevicePlan {
        number,
        name: name.to_owned(),
        device: Box::new(device),
        streams: vec![Stream { name: stream, kind: QuantityKind::RelativeHumidity }],
        rhythm,
        faults: FaultPolicy { comes_back: Return::OnReset, ..FaultPolicy::default() },
        priority: Priority::Normal,
    }
}

/// Devices `air` (0) and, if they are asked, `soil` (1) on one bus.
fn bench(
    pacing: Pacing,
    procedure: Result<Option<Correction>, NotCalibrated>,
    kept: Kept,
) -> Bench {
    let clock = VirtualClock::starting_at(Timestamp::new(
        WallTime::from_nanos(0),
        Monotonic::from_nanos(1_000_000_000),
    ));
    let counters = Arc::new(Counters::default());
    let room = NonZeroUsize::new(10_000).unwrap();
    let (inlet, outlet) = queue(room, WhenFull::Block, Arc::clone(&counters));
    let is_broken = Arc::new(Mutex::new(false));
    let device = || {
        let is_broken = Arc::clone(&is_broken);
        Hygrometer { pacing, is_broken, procedure, has_begun: false }
    };
    let mut plans = vec![plan(0, "air", device())];
    if pacing == Pacing::Asked {
        plans.push(plan(1, "soil", device()));
    }
    let worker = BusWorker::new(plans, Arc::new(clock.clone()), inlet, &counters);
    let medium = Medium::default();
    let (keeper, audit) = (Box::new(medium.clone()), Box::new(medium.clone()));
    let board = Board::of([&worker]);
    let (time, counts) = (Arc::new(clock.clone()), Arc::clone(&counters));
    let commander = Commander::new(board, time, kept, keeper, audit, counts);
    let commander = Arc::new(commander);
    Bench { clock, worker, outlet, medium, is_broken, commander, counters }
}

fn asked() -> Bench {
    bench(Pacing::Asked, Ok(None), Kept::new())
}

fn air() -> String {
    "air".to_owned()
}

fn device(name: &str) -> Target {
    Target::Device(name.to_owned())
}

fn rate(millis: u64, is_kept: bool) -> Command {
    Command::SetRate { device: air(), period: Duration::from_millis(millis), is_kept }
}

fn calibrate(sensor: &str, gain: f64, offset: f64) -> Command {
    let calibration = Calibration::new(gain, offset).unwrap();
    Command::Calibrate { device: air(), sensor: sensor.to_owned(), calibration }
}

impl Bench {
    fn give(&self, command: &Command) -> Outcome {
        self.commander.execute("test", command).outcome
    }

    /// Runs the worker for `span` and gives what `air` said: milliseconds since the start, and outcome.
    fn run(&mut self, span: Duration) -> Vec<(u128, Result<f64, NoData>)> {
        let end = self.clock.now().monotonic + span;
        let is_within = |clock: &VirtualClock, due| clock.now().monotonic.max(due) < end;
        while let Some(due) = self.worker.next_due().filter(|&due| is_within(&self.clock, due)) {
            let _ = self.clock.sleep_until(due);
            assert!(self.worker.step());
        }
        let _ = self.clock.sleep_until(end);
        let start = Monotonic::default() + SECOND;
        let ours = self.outlet.try_iter().filter(|acquired| acquired.device == 0);
        ours.map(|acquired| {
            let reading = acquired.readings[0].reading;
            let at = reading.at.monotonic.saturating_since(start).as_millis();
            (at, reading.outcome.map(domain::Quantity::number))
        })
        .collect()
    }

    fn status(&self) -> DeviceStatus {
        self.commander.execute("test", &Command::GetStatus(device("air"))).devices["air"]
    }
}

#[test]
fn a_new_rate_is_in_force_at_once_and_kept_only_if_asked_to() {
    let mut bench = asked();
    assert_eq!(bench.run(SECOND).len(), 1);
    assert_eq!(bench.give(&rate(250, false)), Ok(()));
    let times: Vec<_> = bench.run(SECOND).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [1_000, 1_250, 1_500, 1_750]);
    assert!(lock(&bench.medium.kept).is_empty());
    assert_eq!(bench.give(&rate(500, true)), Ok(()));
    let kept = lock(&bench.medium.kept).pop().unwrap();
    assert_eq!(kept["air"].period, Some(SECOND / 2));
    assert_eq!(bench.status().period_us, Some(500_000));
    let after = super::tests::bench(Pacing::Asked, Ok(None), kept);
    assert_eq!(after.status().period_us, Some(500_000), "after a restart");
}

#[test]
fn a_rate_that_the_bus_has_no_time_for_is_refused_and_nothing_changes() {
    let bench = asked();
    // Both take 100 ms: soil 10 % of the time, air more than all of it.
    let percent = 210;
    assert_eq!(bench.give(&rate(50, true)), Err(Refusal::BusTooBusy { device: air(), percent }));
    assert_eq!(bench.give(&rate(0, true)), Err(Refusal::BadPeriod));
    assert_eq!(bench.status().period_us, Some(1_000_000));
    let speaking = super::tests::bench(Pacing::Speaks, Ok(None), Kept::new());
    assert_eq!(speaking.give(&rate(500, true)), Err(Refusal::SpeaksUnasked { device: air() }));
    assert!(lock(&bench.medium.kept).is_empty());
}

#[test]
fn a_stopped_device_gives_one_gap_and_then_nothing_until_it_is_started() {
    for pacing in [Pacing::Asked, Pacing::Speaks] {
        let mut bench = bench(pacing, Ok(None), Kept::new());
        if pacing == Pacing::Asked {
            assert_eq!(bench.run(3 * SECOND / 2).len(), 2);
        }
        assert_eq!(bench.give(&Command::Stop { target: device("air"), is_kept: false }), Ok(()));
        let told = bench.run(20 * SECOND);
        assert_eq!(
            told.iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(),
            [Err(NoData::Stopped)]
        );
        assert!(bench.status().is_stopped);
        assert_eq!(bench.counters.gaps(NoData::Stopped), 1);
        assert_eq!(bench.counters.deadlines_missed.get(), 0, "none was due");
        assert_eq!(bench.give(&Command::Start(Target::Gateway)), Ok(()));
        assert!(!bench.status().is_stopped);
        if pacing == Pacing::Asked {
            let told = bench.run(2 * SECOND);
            assert_eq!(told, [(21_500, Ok(60.0)), (22_500, Ok(60.0))]);
        }
    }
}

#[test]
fn a_stop_that_is_kept_is_in_force_after_a_restart_and_a_start_ends_that() {
    let bench = asked();
    assert_eq!(bench.give(&Command::Stop { target: Target::Gateway, is_kept: true }), Ok(()));
    let kept = lock(&bench.medium.kept).pop().unwrap();
    assert_eq!(kept.len(), 2);
    let mut after = super::tests::bench(Pacing::Asked, Ok(None), kept);
    assert_eq!(after.run(5 * SECOND), [(0, Err(NoData::Stopped))], "each life says it once");
    assert_eq!(after.give(&Command::Start(device("air"))), Ok(()));
    let kept = lock(&after.medium.kept).pop().unwrap();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["soil"]);
    assert_eq!(after.run(SECOND).len(), 1);
}

#[test]
fn a_calibration_corrects_from_the_next_measurement_on_and_never_past_what_is_possible() {
    let mut bench = asked();
    assert_eq!(bench.give(&calibrate("humidity", 1.5, -10.0)), Ok(()));
    assert_eq!(bench.run(SECOND), [(0, Ok(80.0))]);
    assert!(bench.status().is_calibrated);
    let kept = lock(&bench.medium.kept).last().cloned().unwrap();
    let mut after = super::tests::bench(Pacing::Asked, Ok(None), kept);
    assert_eq!(after.run(SECOND), [(0, Ok(80.0))], "after a restart");
    assert_eq!(bench.give(&calibrate("humidity", 2.0, 0.0)), Ok(()));
    assert_eq!(bench.run(SECOND), [(1_000, Err(NoData::Implausible))], "120 %");
    assert_eq!(bench.counters.gaps(NoData::Implausible), 1);
    assert_eq!(bench.give(&calibrate("humidity", 1.0, 0.0)), Ok(()));
    assert_eq!(bench.run(SECOND), [(2_000, Ok(60.0))]);
    assert!(!bench.status().is_calibrated && lock(&bench.medium.kept).last().unwrap().is_empty());
    let refused = bench.give(&calibrate("humidty", 1.0, 0.0)).unwrap_err();
    assert_eq!((refused.code(), refused.known()), ("no_sensor", &["humidity".to_owned()][..]));
}

#[test]
fn a_reset_leaves_the_safe_state() {
    let mut bench = asked();
    *lock(&bench.is_broken) = true;
    bench.run(600 * SECOND);
    assert_eq!(bench.status().state, DeviceState::SafeState);
    *lock(&bench.is_broken) = false;
    bench.run(600 * SECOND);
    assert_eq!(bench.status().state, DeviceState::SafeState, "on reset only");
    assert_eq!(bench.give(&Command::Reset(device("air"))), Ok(()));
    assert_eq!(bench.run(SECOND).last().unwrap().1, Ok(60.0));
    assert_eq!(bench.status().state, DeviceState::Idle);
}

fn procedure(name: Option<&str>, target: Option<f64>) -> Procedure {
    Procedure { name: name.map(str::to_owned), target }
}

fn wet_sponge() -> Procedure {
    procedure(Some("wet_sponge"), Some(99.0))
}

/// Gives the command while the bus is served.
fn run_procedure(bench: &mut Bench, procedure: Procedure) -> Answer {
    let commander = Arc::clone(&bench.commander);
    std::thread::scope(|scope| {
        let command = Command::RunProcedure { device: air(), procedure };
        let given = scope.spawn(move || commander.execute("test", &command));
        while !given.is_finished() {
            bench.run(Duration::from_millis(1));
        }
        given.join().unwrap()
    })
}

#[test]
fn a_chips_own_procedure_is_run_by_its_worker_and_its_outcome_told() {
    let correction = Correction { number: -2.5, kind: QuantityKind::RelativeHumidity };
    let failed = NotCalibrated::Failed(NoData::Absent);
    let failure = Err(Refusal::ProcedureFailed { device: air(), reason: NoData::Absent });
    let rejected = Err(Refusal::ProcedureRejected { device: air() });
    for (comes_of_it, told, audited) in [
        (Ok(None), Ok(()), "done"),
        (Ok(Some(correction)), Ok(()), "done -2.5"),
        (Err(failed), failure, "procedure_failed"),
        (Err(NotCalibrated::Rejected), rejected, "procedure_failed"),
    ] {
        let mut bench = bench(Pacing::Asked, comes_of_it, Kept::new());
        let answer = run_procedure(&mut bench, wet_sponge());
        assert_eq!((answer.outcome, answer.correction), (told, comes_of_it.unwrap_or(None)));
        assert_eq!(*lock(&bench.medium.audited), [format!("test run_procedure {audited}")]);
        let without_a_name = run_procedure(&mut bench, procedure(None, Some(99.0)));
        assert_eq!(without_a_name.correction, comes_of_it.unwrap_or(None), "it has only one");
    }
}

#[test]
fn a_procedure_that_the_device_does_not_offer_is_refused_with_those_that_it_does() {
    let bench = asked();
    let give = |procedure| bench.give(&Command::RunProcedure { device: air(), procedure });
    let refused = give(procedure(Some("dry_sponge"), None)).unwrap_err();
    assert_eq!(refused.known(), ["wet_sponge"]);
    assert_eq!(refused.to_string(), "device `air` has no calibration procedure `dry_sponge`");
    for target in [None, Some(89.9), Some(101.0), Some(f64::NAN)] {
        let refused = give(procedure(Some("wet_sponge"), target)).unwrap_err();
        assert_eq!(refused.code(), "bad_target");
        let wanted = "procedure `wet_sponge` wants a target of 90 to 100 %";
        assert_eq!(refused.to_string(), wanted);
    }
    let bench = self::bench(Pacing::Asked, Err(NotCalibrated::NoProcedure), Kept::new());
    let command = Command::RunProcedure { device: air(), procedure: Procedure::default() };
    let refused = bench.give(&command).unwrap_err();
    assert_eq!((refused.code(), refused.known()), ("no_procedure", &[][..]));
    assert_eq!(refused.to_string(), "device `air` has no calibration procedure of its own");
}

#[test]
fn while_a_chip_calibrates_itself_its_neighbour_is_asked_in_time() {
    let mut bench = asked();
    bench.run(10 * SECOND);
    let board = Board::of([&bench.worker]);
    let told = std::thread::scope(|scope| {
        let run = scope.spawn(|| board.run_procedure("air", &wet_sponge(), 30 * SECOND));
        while bench.worker.next_due() != Some(Monotonic::default()) {
            std::thread::yield_now();
        }
        // It takes from 10 s to 10.5 s. `air` is due each full second, `soil` each half.
        let told = bench.run(2 * SECOND);
        assert_eq!(run.join().unwrap(), Ok(None));
        told
    });
    assert_eq!(told, [(10_000, Err(NoData::NotReady)), (11_000, Ok(60.0))]);
    assert_eq!(bench.counters.deadlines_missed.get(), 0);
    assert_eq!(bench.counters.gaps(NoData::NotReady), 1, "none of `soil`");
    assert_eq!(bench.counters.measurements_taken.get(), 23);
}

#[test]
fn a_procedure_that_has_begun_is_run_to_its_end_and_no_other_is_begun_meanwhile() {
    let mut bench = asked();
    let board = Board::of([&bench.worker]);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| board.run_procedure("air", &wet_sponge(), 30 * SECOND));
        while bench.worker.next_due() != Some(Monotonic::default()) {
            std::thread::yield_now();
        }
        assert!(bench.worker.step());
        let other = board.run_procedure("air", &wet_sponge(), Duration::ZERO);
        assert_eq!(other, Err(Refusal::BusStuck { device: air() }));
        bench.run(SECOND);
        assert_eq!(run.join().unwrap(), Ok(None));
    });
    assert!(bench.worker.next_due().unwrap() > Monotonic::default());
}

#[test]
fn a_procedure_that_no_worker_comes_round_to_is_given_up_and_not_run_later() {
    let bench = asked();
    let board = Board::of([&bench.worker]);
    let refused = board.run_procedure("air", &wet_sponge(), Duration::ZERO);
    assert_eq!(refused, Err(Refusal::BusStuck { device: air() }));
    assert!(bench.worker.next_due().unwrap() > Monotonic::default());
}

/// It is begun when the patience for that is nearly over.
#[test]
fn a_procedure_that_has_begun_in_time_is_waited_for() {
    let mut bench = asked();
    let board = Board::of([&bench.worker]);
    std::thread::scope(|scope| {
        let patience = SECOND / 2;
        let run = scope.spawn(move || board.run_procedure("air", &wet_sponge(), patience));
        while bench.worker.next_due() != Some(Monotonic::default()) {
            std::thread::yield_now();
        }
        assert!(bench.worker.step());
        std::thread::park_timeout(2 * patience);
        bench.run(SECOND);
        assert_eq!(run.join().unwrap(), Ok(None));
    });
}

#[test]
fn a_procedure_is_refused_at_once_when_its_worker_has_ended_and_not_waited_for_when_it_ends() {
    let bench = asked();
    let (board, other) = (Board::of([&bench.worker]), Board::of([&bench.worker]));
    let asks = |board: Board| move || board.run_procedure("air", &wet_sponge(), 30 * SECOND);
    std::thread::scope(|scope| {
        let waits = scope.spawn(asks(board));
        while bench.worker.next_due() != Some(Monotonic::default()) {
            std::thread::yield_now();
        }
        bench.clock.interrupt();
        bench.worker.run();
        let late = scope.spawn(asks(other));
        let (mut looks, is_answered) = (0, || waits.is_finished() && late.is_finished());
        while !is_answered() && looks < 500 {
            std::thread::park_timeout(SECOND / 100);
            looks += 1;
        }
        assert!(is_answered(), "long before its patience is over");
        let stuck = Err(Refusal::BusStuck { device: air() });
        assert_eq!((waits.join().unwrap(), late.join().unwrap()), (stuck.clone(), stuck));
    });
}

#[test]
fn each_command_is_audited_with_its_outcome() {
    let bench = asked();
    bench.status();
    let unknown = bench.give(&Command::Reset(device("airs"))).unwrap_err();
    assert_eq!(unknown.known(), ["air", "soil"]);
    assert_eq!(bench.give(&rate(0, false)), Err(Refusal::BadPeriod));
    assert_eq!(
        *lock(&bench.medium.audited),
        ["test get_status done", "test reset no_device", "test set_rate bad_period"]
    );
}

#[test]
fn what_the_medium_does_not_take_is_in_force_and_said_to_be_forgotten_later() {
    let mut bench = asked();
    *lock(&bench.medium.is_full) = true;
    assert_eq!(bench.give(&rate(500, true)), Err(Refusal::NotKept));
    assert_eq!(bench.run(SECOND).len(), 2);
    *lock(&bench.medium.is_full) = false;
    assert_eq!(bench.give(&calibrate("humidity", 1.0, 1.0)), Ok(()));
    let kept = lock(&bench.medium.kept).pop().unwrap();
    assert_eq!(kept["air"].period, Some(SECOND / 2), "the next time that it takes something");
}

#[test]
fn what_is_kept_of_a_device_that_is_gone_is_not_lost() {
    let gone = KeptDevice { period: Some(SECOND), ..KeptDevice::default() };
    let bench = bench(Pacing::Asked, Ok(None), [("gone".to_owned(), gone.clone())].into());
    assert_eq!(bench.give(&rate(500, true)), Ok(()));
    assert_eq!(lock(&bench.medium.kept).last().unwrap()["gone"], gone);
}

#[test]
fn each_command_is_counted_once_and_the_status_of_all_devices_tells_it() {
    let bench = asked();
    let give = |command: &Command| bench.commander.execute("me", command);
    give(&rate(500, false));
    give(&rate(0, false));
    give(&Command::GetStatus(device("nobody")));
    *lock(&bench.medium.is_full) = true;
    give(&rate(700, true));
    assert!(give(&Command::GetStatus(device("air"))).counters.is_empty());
    let mut counters = give(&Command::GetStatus(Target::Gateway)).counters;
    counters.retain(|_, count| *count > 0);
    let expected = [
        ("commands_get_status_done", 2),
        ("commands_get_status_refused", 1),
        ("commands_set_rate_done", 1),
        ("commands_set_rate_failed", 1),
        ("commands_set_rate_refused", 1),
    ];
    assert!(counters.iter().map(|(name, count)| (name.as_str(), *count)).eq(expected));
}

#[test]
fn an_acknowledgement_goes_to_the_store_and_is_audited_and_has_no_devices_to_tell_of() {
    let mut bench = asked();
    let alarm = StreamName::derived("too_hot").unwrap();
    let (desk, notes) = AlarmDesk::new(vec![alarm.clone()]);
    bench.commander = Arc::new(Arc::into_inner(bench.commander).unwrap().with_alarms(desk));
    let store = || {
        let note = notes.recv().unwrap();
        assert!(note.take());
        note.answer.send(true).unwrap();
    };
    let answer = std::thread::scope(|scope| {
        scope.spawn(store);
        bench.commander.execute("me", &Command::Acknowledge { alarm })
    });
    assert_eq!((&answer.outcome, answer.devices.len()), (&Ok(()), 0));
    let other = Command::Acknowledge { alarm: StreamName::derived("too_cold").unwrap() };
    let refusal = bench.commander.execute("me", &other).outcome.unwrap_err();
    assert_eq!(
        (refusal.code(), refusal.known()),
        ("no_alarm", &["derived.too_hot".to_owned()][..])
    );
}
