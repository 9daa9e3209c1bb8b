//! A chip calibrates itself when an operator says so: what it says of it is told, whatever comes in between.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossbeam_channel::Receiver;
use domain::{
    Command, Correction, Kept, Monotonic, NoData, Procedure, QuantityKind, Refusal, Timestamp,
    WallTime,
};
use pipeline::{
    acquire::{Acquired, BusWorker},
    command::{Answer, Commander},
    queue::{WhenFull, queue},
    supervise::Board,
    telemetry::Counters,
};
use ports::{Audit, AuditRecord, Clock as _, NotKept};
use sensors::{Repeatability, Scd41, Scd41Options, Sht31, Sht31Options};
use sim::{
    bus::{I2cBus, Wiring},
    chips::{self, BreathedAir},
    environment::Climate,
    time::VirtualClock,
};

use crate::{
    commands::Nowhere,
    world::{SECOND, START, VirtualDelay, plan},
};

const AIR: BreathedAir = BreathedAir {
    climate: Climate { celsius: 22.0, humidity_percent: 37.0, hectopascals: 1_013.0 },
    carbon_dioxide_ppm: 500.0,
};

/// What was audited.
#[derive(Clone, Default)]
struct Audited(Arc<Mutex<Vec<Told>>>);

/// Outcome and correction.
type Told = (String, Option<f64>);

impl Audit for Audited {
    fn record(&mut self, record: &AuditRecord<'_>) -> Result<(), NotKept> {
        let outcome = record.outcome.as_ref().map_or_else(Refusal::code, |()| "done").to_owned();
        let correction = record.correction.map(|correction| correction.number);
        self.0.lock().unwrap().push((outcome, correction));
        Ok(())
    }
}

/// A gateway with an SCD41, `co2`, and an SHT31, `air`, on one bus, each asked each second.
struct Bench {
    clock: VirtualClock,
    wiring: Wiring,
    worker: BusWorker,
    outlet: Receiver<Acquired>,
    commander: Commander,
    audited: Audited,
}

fn bench() -> Bench {
    let clock = VirtualClock::starting_at(Timestamp::new(
        WallTime::from_nanos(START),
        Monotonic::from_nanos(0),
    ));
    let bus = I2cBus::new();
    let wiring = bus.attach(0x62, chips::Scd41::new(clock.elapsed(), |_| AIR));
    bus.attach(0x44, chips::Sht31::new(clock.elapsed(), |_| AIR.climate));
    clock.advance(SECOND);
    let delay = || VirtualDelay(clock.clone());
    let options = Scd41Options { ambient_hectopascals: 1_013, bus_timeout: SECOND };
    let co2 = plan(0, "co2", Scd41::new(bus.clone(), delay(), options), SECOND);
    let repeatability = Repeatability::High;
    let options = Sht31Options { address: 0x44, repeatability, bus_timeout: SECOND };
    let air = plan(1, "air", Sht31::new(bus, delay(), options), SECOND);
    let counters = Arc::new(Counters::default());
    let room = NonZeroUsize::new(10_000).unwrap();
    let (inlet, outlet) = queue(room, WhenFull::Block, Arc::clone(&counters));
    let worker = BusWorker::new(vec![co2, air], Arc::new(clock.clone()), inlet, &counters);
    let (board, audited) = (Board::of([&worker]), Audited::default());
    let (shared, keeper) = (Arc::new(clock.clone()), Box::new(Nowhere));
    let audit = Box::new(audited.clone());
    let commander = Commander::new(board, shared, Kept::new(), keeper, audit, counters);
    Bench { clock, wiring, worker, outlet, commander, audited }
}

fn serve(clock: &VirtualClock, worker: &mut BusWorker, span: Duration) {
    let end = clock.now().monotonic + span;
    while let Some(due) = worker.next_due().filter(|due| *due < end) {
        let _ = clock.sleep_until(due);
        assert!(worker.step());
    }
    let _ = clock.sleep_until(end);
}

impl Bench {
    /// Serves the bus for `span`. What each outcome was: device, and its first sensor.
    fn run(&mut self, span: Duration) -> Vec<(usize, Result<f64, NoData>)> {
        serve(&self.clock, &mut self.worker, span);
        let first = |acquired: Acquired| {
            let outcome = acquired.readings[0].reading.outcome;
            (acquired.device, outcome.map(domain::Quantity::number))
        };
        self.outlet.try_iter().map(first).collect()
    }

    /// Calibrates a device to 420 ppm, with `between` done after the first step. One second passes.
    fn calibrate(&mut self, device: &str, between: impl FnOnce(&Wiring)) -> Answer {
        let name = Some("forced_recalibration".to_owned());
        let procedure = Procedure { name, target: Some(420.0) };
        let command = Command::RunProcedure { device: device.to_owned(), procedure };
        let Self { clock, worker, wiring, commander, .. } = self;
        std::thread::scope(|scope| {
            let given = scope.spawn(|| commander.execute("story", &command));
            while worker.next_due() != Some(Monotonic::default()) && !given.is_finished() {
                std::thread::yield_now();
            }
            assert!(worker.step());
            between(wiring);
            serve(clock, worker, SECOND);
            given.join().unwrap()
        })
    }

    fn audited(&self) -> Vec<Told> {
        self.audited.0.lock().unwrap().clone()
    }
}

/// The carbon dioxide that was measured, without the gaps between two measurements.
fn ppm(told: &[(usize, Result<f64, NoData>)]) -> Vec<f64> {
    told.iter().filter(|(device, _)| *device == 0).filter_map(|(_, outcome)| outcome.ok()).collect()
}

#[test]
fn a_recalibrated_chip_shows_the_target_and_the_answer_and_the_audit_say_by_how_much() {
    let mut bench = bench();
    assert_eq!(ppm(&bench.run(12 * SECOND)), [500.0; 2]);
    let answer = bench.calibrate("co2", |_| {});
    let correction = Correction { number: -80.0, kind: QuantityKind::CarbonDioxide };
    assert_eq!((answer.outcome, answer.correction), (Ok(()), Some(correction)));
    assert_eq!(bench.audited(), [("done".to_owned(), Some(-80.0))]);
    let told = bench.run(12 * SECOND);
    assert_eq!(ppm(&told), [420.0; 2], "it measures again");
    let of_neighbour: Vec<_> = told.iter().filter(|(device, _)| *device == 1).collect();
    assert!(of_neighbour.len() >= 12 && of_neighbour.iter().all(|(_, outcome)| outcome.is_ok()));
}

#[test]
fn a_chip_that_has_not_measured_says_that_it_failed_and_goes_on_as_it_was() {
    let mut bench = bench();
    let answer = bench.calibrate("co2", |_| {});
    let rejected = Refusal::ProcedureRejected { device: "co2".to_owned() };
    assert_eq!((answer.outcome, answer.correction), (Err(rejected), None));
    assert_eq!(bench.audited(), [("procedure_failed".to_owned(), None)]);
    assert_eq!(ppm(&bench.run(12 * SECOND)), [500.0; 2]);
}

#[test]
fn a_chip_that_is_unplugged_meanwhile_has_failed_and_measures_when_it_is_back() {
    let mut bench = bench();
    let _ = bench.run(12 * SECOND);
    let answer = bench.calibrate("co2", Wiring::unplug);
    let reason = NoData::Absent;
    let failed = Refusal::ProcedureFailed { device: "co2".to_owned(), reason };
    assert_eq!((answer.outcome, answer.correction), (Err(failed), None));
    assert!(ppm(&bench.run(5 * SECOND)).is_empty());
    bench.wiring.replug();
    assert_eq!(ppm(&bench.run(60 * SECOND)).first(), Some(&500.0));
}

#[test]
fn a_device_without_a_procedure_refuses_and_is_not_touched() {
    let mut bench = bench();
    let _ = bench.run(SECOND / 2);
    let answer = bench.calibrate("air", |_| {});
    let refused = answer.outcome.unwrap_err();
    assert_eq!((refused.code(), refused.known()), ("no_procedure", &[][..]));
    let told = bench.run(2 * SECOND);
    let of_device = told.iter().filter(|(device, _)| *device == 1);
    let of_device: Vec<_> = of_device.map(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(of_device, [true; 4], "one each second, also during the refused command");
}
