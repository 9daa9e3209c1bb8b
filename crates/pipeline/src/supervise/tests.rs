use std::{
    num::NonZeroUsize,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use crossbeam_channel::Receiver;
use domain::{Celsius, FaultPolicy, NoData, QuantityKind, Stream, StreamName, Timestamp, WallTime};
use ports::{Device, Measurement, Sensor};
use proptest::prelude::*;
use sim::time::VirtualClock;

use super::*;
use crate::{
    acquire::{DevicePlan, Priority, Rhythm},
    queue::{WhenFull, queue},
    telemetry::Counters,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// What happens while a transaction hangs.
type Hang = Arc<Mutex<Option<Box<dyn FnMut() + Send>>>>;

/// Answers at once, but for its `hangs_at`-th transaction.
struct Hanging {
    hangs_at: Option<u32>,
    hang: Hang,
    asked: u32,
    unwedged: Arc<AtomicU32>,
}

impl Device for Hanging {
    fn sensors(&self) -> &[Sensor] {
        &[]
    }

    fn time_on_bus(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn worst_case(&self) -> Duration {
        SECOND
    }

    fn measure(&mut self, _: Duration) -> Result<Measurement, NoData> {
        self.asked += 1;
        if self.hangs_at == Some(self.asked) {
            let meanwhile = self.hang.lock().unwrap().take();
            if let Some(mut meanwhile) = meanwhile {
                meanwhile();
            }
        }
        let outcomes = vec![(0, Ok(Celsius::new(20.0).unwrap().into()))];
        Ok(Measurement { age: Duration::ZERO, outcomes })
    }

    fn unwedge(&mut self) -> Result<(), NoData> {
        self.unwedged.fetch_add(1, Relaxed);
        Ok(())
    }
}

fn start() -> Monotonic {
    Monotonic::default() + SECOND
}

fn plan(number: usize, device: Hanging) -> DevicePlan {
    let name = StreamName::new(&format!("d{number}"), "temperature").unwrap();
    DevicePlan {
        number,
        name: format!("d{number}"),
        device: Box::new(device),
        streams: vec![Stream { name, kind: QuantityKind::Temperature }],
        rhythm: Rhythm::Every(SECOND),
        faults: FaultPolicy::default(),
        priority: Priority::Normal,
    }
}

/// Devices 0 and 1 on the bus of a device that hangs, device 2 on another bus.
struct Bench {
    clock: VirtualClock,
    stuck: BusWorker,
    neighbour: Arc<Mutex<BusWorker>>,
    board: Board,
    outlet: Receiver<Acquired>,
    taken: Arc<Mutex<Vec<Acquired>>>,
    counters: Arc<Counters>,
    hang: Hang,
    unwedged: Arc<AtomicU32>,
}

fn bench(hangs_at: u32, capacity: usize) -> Bench {
    let clock = VirtualClock::starting_at(Timestamp::new(WallTime::from_nanos(0), start()));
    let counters = Arc::<Counters>::default();
    let (hang, unwedged) = (Hang::default(), Arc::<AtomicU32>::default());
    let capacity = NonZeroUsize::new(capacity).unwrap();
    let (inlet, outlet) = queue(capacity, WhenFull::Block, Arc::clone(&counters));
    let device = |hangs_at| {
        let (hang, unwedged) = (Arc::clone(&hang), Arc::clone(&unwedged));
        Hanging { hangs_at, hang, asked: 0, unwedged }
    };
    let worker = |plans| BusWorker::new(plans, Arc::new(clock.clone()), inlet.clone(), &counters);
    let stuck = worker(vec![plan(0, device(Some(hangs_at))), plan(1, device(None))]);
    let neighbour = worker(vec![plan(2, device(None))]);
    let board = Board::of([&stuck, &neighbour]);
    let supervisor = Supervisor::new(board.clone(), Arc::new(clock.clone()), inlet);
    let neighbour = Arc::new(Mutex::new(neighbour));
    let bench = Bench {
        clock,
        stuck,
        neighbour,
        board,
        outlet,
        taken: Arc::default(),
        counters,
        hang,
        unwedged,
    };
    bench.hang_for(10 * SECOND, supervisor, Vec::new());
    bench
}

impl Bench {
    /// While the transaction hangs, for `span`, the supervisor looks when it wants to, and after each of
    /// `pauses` too; the neighbour is served.
    fn hang_for(&self, span: Duration, supervisor: Supervisor, pauses: Vec<Duration>) {
        let (clock, neighbour) = (self.clock.clone(), Arc::clone(&self.neighbour));
        let (outlet, taken) = (self.outlet.clone(), Arc::clone(&self.taken));
        let mut pauses = pauses.into_iter();
        *self.hang.lock().unwrap() = Some(Box::new(move || {
            let end = clock.now().monotonic + span;
            loop {
                let pause = pauses.next().map(|pause| clock.now().monotonic + pause);
                let look = pause.unwrap_or_else(|| supervisor.next_due());
                let mut worker = neighbour.lock().unwrap();
                let is_due = |due: &Monotonic| *due <= look && *due < end && !outlet.is_full();
                while let Some(due) = worker.next_due().filter(is_due) {
                    let _ = clock.sleep_until(due);
                    assert!(worker.step());
                }
                if look >= end {
                    let _ = clock.sleep_until(end);
                    break;
                }
                let _ = clock.sleep_until(look);
                supervisor.step();
            }
            taken.lock().unwrap().extend(outlet.try_iter());
        }));
    }

    /// Runs both workers until `span` after the start, and gives the outcomes of each device: seconds
    /// since the start, and the reason of a gap.
    fn run(&mut self, span: Duration) -> [Vec<(f64, Option<NoData>)>; 3] {
        let end = start() + span;
        loop {
            let neighbour = self.neighbour.lock().unwrap().next_due().unwrap();
            let ours = self.stuck.next_due().unwrap();
            if ours.min(neighbour) >= end {
                break;
            }
            let _ = self.clock.sleep_until(ours.min(neighbour));
            if ours <= neighbour {
                assert!(self.stuck.step());
            } else {
                assert!(self.neighbour.lock().unwrap().step());
            }
            self.taken.lock().unwrap().extend(self.outlet.try_iter());
        }
        self.outcomes()
    }

    fn outcomes(&self) -> [Vec<(f64, Option<NoData>)>; 3] {
        let taken = self.taken.lock().unwrap();
        [0, 1, 2].map(|number| {
            let ours: Vec<_> = taken.iter().filter(|acquired| acquired.device == number).collect();
            let ordinals = ours.iter().map(|acquired| acquired.ordinal);
            assert!(ordinals.eq(0..ours.len() as u64), "in order and without holes");
            let outcome = |acquired: &&Acquired| {
                let reading = acquired.readings[0].reading;
                let at = reading.at.monotonic.saturating_since(start());
                (at.as_secs_f64(), reading.outcome.err())
            };
            ours.iter().map(outcome).collect()
        })
    }
}

fn count(outcomes: &[(f64, Option<NoData>)], reason: Option<NoData>) -> usize {
    outcomes.iter().filter(|(_, outcome)| *outcome == reason).count()
}

#[test]
fn slots_that_come_while_the_bus_is_stuck_are_timeouts_told_at_their_time_and_never_twice() {
    let mut bench = bench(3, 1_000);
    let [hanging, beside, _] = bench.run(15 * SECOND);
    // It hangs from 2 s to 12 s, and that is noticed at 3.25 s: a worst case and the margin later.
    let expected = [
        (0.0, None),
        (1.0, None),
        (3.25, Some(NoData::Timeout)), // the slot of the transaction itself
        (3.25, Some(NoData::Timeout)), // that of 3 s
        (4.0, Some(NoData::Timeout)),
    ];
    assert_eq!(hanging[..5], expected);
    assert_eq!(hanging.len(), 15, "{hanging:?}");
    assert_eq!(count(&hanging, Some(NoData::Timeout)), 11, "ten, and one in the back-off");
    assert_eq!(hanging[14], (14.0, None));
    assert_eq!((beside.len(), count(&beside, Some(NoData::Timeout))), (15, 10), "{beside:?}");
    assert_eq!(beside[12], (12.5, None));
    assert_eq!(bench.counters.deadlines_missed.get(), 0);
    assert_eq!(bench.counters.transactions_overdue.get(), 1);
    assert_eq!(bench.counters.gaps(NoData::Timeout), 21);
    assert_eq!(bench.unwedged.load(Relaxed), 1);
}

#[test]
fn a_neighbour_on_another_bus_is_not_late_by_a_nanosecond() {
    let mut bench = bench(3, 1_000);
    let [_, _, neighbour] = bench.run(15 * SECOND);
    let expected: Vec<_> = (0..15).map(|second| (f64::from(second), None)).collect();
    assert_eq!(neighbour, expected);
    assert_eq!(bench.board.report()["d2"].lateness.max, 0);
}

#[test]
fn the_board_says_that_a_bus_is_stuck_while_it_is() {
    let mut bench = bench(1, 1_000);
    let told = Arc::new(AtomicU32::new(0));
    let (board, seen) = (bench.board.clone(), Arc::new(Mutex::new(Vec::new())));
    let (rung, notes) = (Arc::clone(&told), Arc::clone(&seen));
    let listener: Waker = Arc::new(move || {
        rung.fetch_add(1, Relaxed);
        let report = board.report();
        let stuck = ["d0", "d1", "d2"].map(|name| report[name].is_stuck);
        notes.lock().unwrap().push((stuck, report["d0"].state.code(), board.changes()));
    });
    bench.board.listen(&listener);
    bench.run(15 * SECOND);
    let expected = [
        ([true, true, false], "measuring", 1),
        ([false, false, false], "error", 2),
        ([false, false, false], "idle", 3),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(told.load(Relaxed), 3);
}

#[test]
fn a_full_queue_delays_the_gaps_of_a_stuck_bus_and_loses_none() {
    let mut bench = bench(3, 4);
    let outcomes = bench.run(15 * SECOND);
    let told: usize = outcomes[..2].iter().map(Vec::len).sum();
    let report = bench.board.report();
    let missed: u64 = ["d0", "d1"].map(|name| report[name].missed).into_iter().sum();
    let runs: usize = outcomes[..2].iter().map(|all| count(all, Some(NoData::Missed))).sum();
    assert_eq!((told - runs) as u64 + missed, 30);
    assert!(missed > 0, "the queue was full");
    assert_eq!(bench.counters.measurements_dropped.get(), 0);
}

proptest! {
    /// However long the bus is stuck and whenever the supervisor looks: each slot has one outcome, or
    /// is counted as missed.
    #[test]
    fn each_slot_is_accounted_for_once(
        hangs_at in 1..6_u32,
        span_ms in 0..20_000_u32,
        pauses_ms in proptest::collection::vec(0..3_000_u32, 0..10),
    ) {
        let mut bench = bench(hangs_at, 1_000);
        let supervisor =
            Supervisor::new(bench.board.clone(), Arc::new(bench.clock.clone()), bench.stuck.inlet());
        let pauses = pauses_ms.into_iter().map(|pause| pause * MILLI).collect();
        bench.hang_for(span_ms * MILLI, supervisor, pauses);
        let outcomes = bench.run(30 * SECOND);
        let told: usize = outcomes.iter().map(Vec::len).sum();
        // A gap `missed` comes on top of the outcome of the slot that was taken after the run.
        let runs: usize = outcomes.iter().map(|all| count(all, Some(NoData::Missed))).sum();
        let missed = usize::try_from(bench.counters.deadlines_missed.get()).unwrap();
        prop_assert_eq!(told - runs + missed, 3 * 30, "{:?}", outcomes);
        prop_assert_eq!(count(&outcomes[2], None), 30);
        let report = bench.board.report();
        let counted: u64 = ["d0", "d1", "d2"].map(|name| report[name].missed).into_iter().sum();
        prop_assert_eq!(counted, bench.counters.deadlines_missed.get());
    }
}
