use std::{
    io,
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use domain::{
    BootId, Celsius, QuantityKind, StreamName, Timestamp, WallTime,
    derived::{Entry, Group, Input, Made, Metric, Moment, Output, Role, SavedState},
    parameter::Arguments,
};
use executor::Executor;
use ports::{Appended, MockSpool, NotKept, Position, SpoolCount};
use sim::time::VirtualClock;

use super::*;
use crate::{
    derive::{Beginning, MetricPlan},
    queue::{Inlet, WhenFull, queue},
};

const AT: Timestamp = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(1));

fn stream() -> Stream {
    Stream { name: StreamName::new("d", "temperature").unwrap(), kind: QuantityKind::Temperature }
}

fn acquired(ordinal: u64) -> Acquired {
    let outcome = Ok(Celsius::new(20.0).unwrap().into());
    let reading = StreamReading { stream: stream(), reading: Reading::measured(AT, outcome) };
    Acquired { device: 0, ordinal, readings: vec![reading] }
}

fn beginning() -> Beginning {
    Beginning { boot: BootId::from_bytes([1; 16]), now: AT, saved: None }
}

/// Counts how often the state is saved, and fails if it is told to.
#[derive(Clone, Default)]
struct Keeper {
    kept: Arc<AtomicU64>,
    fails: bool,
}

impl StateKeeper for Keeper {
    fn keep(&mut self, state: &SavedState) -> Result<(), NotKept> {
        assert!(!state.metrics.is_empty());
        self.kept.fetch_add(1, Relaxed);
        let cause = io::Error::from(io::ErrorKind::StorageFull);
        if self.fails { Err(NotKept { what: "state", cause }) } else { Ok(()) }
    }
}

/// An alarm that is active above 30 °C until somebody takes note of it.
static LATCH: Entry = Entry {
    function: "latch",
    group: Group::Alarm,
    summary: "for tests",
    source: "",
    edges: "",
    roles: &[Role { name: "of", summary: "", kinds: &[] }],
    parameters: &[],
    example: "",
    make: |_, _| -> Made { Ok((QuantityKind::AlarmState, Box::new(Latch(false, 1)))) },
};

/// The same, but with as much to save as a long window.
static HEAVY: Entry = Entry {
    make: |_, _| -> Made { Ok((QuantityKind::AlarmState, Box::new(Latch(false, 200_000)))) },
    ..LATCH
};

/// Whether it is active, and in how many words it says so.
struct Latch(bool, usize);

impl Latch {
    fn tell(&self, at: Moment, out: &mut Vec<Output>) {
        let (kind, code) = (QuantityKind::AlarmState, f64::from(u8::from(self.0)));
        out.push(Output::number(at, kind, code, domain::Quality::Good));
    }
}

impl Metric for Latch {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        self.0 |= inputs[0].number().is_ok_and(|number| number > 30.0);
        self.tell(at, out);
    }

    fn save(&self, words: &mut Vec<u64>) {
        words.extend(std::iter::repeat_n(u64::from(self.0), self.1));
    }

    fn acknowledge(&mut self, at: Moment, out: &mut Vec<Output>) -> bool {
        let was_active = std::mem::take(&mut self.0);
        self.tell(at, out);
        was_active
    }
}

fn alarm() -> StreamName {
    StreamName::derived("alarm").unwrap()
}

/// A bench with an alarm, of which the state is saved each minute.
fn bench_with_alarm(spool: MockSpool, keeper: &Keeper) -> Bench {
    bench_with(&LATCH, spool, Box::new(keeper.clone()))
}

fn bench_with(function: &'static Entry, spool: MockSpool, keeper: Box<dyn StateKeeper>) -> Bench {
    let mut bench = bench(spool, WhenFull::Block);
    let plan = MetricPlan {
        stream: Stream { name: alarm(), kind: QuantityKind::AlarmState },
        function,
        arguments: Arguments::default(),
        inputs: vec![stream()],
        tolerance: Duration::ZERO,
    };
    let executor = Arc::new(Executor::builder().build().unwrap());
    let counters = Arc::clone(&bench.counters);
    bench.store.derivation = Derivation::new(vec![plan], beginning(), executor, counters).unwrap();
    let interval = Duration::from_secs(60);
    bench.store = bench.store.with_state(StateKeeping { keeper, interval });
    bench
}

impl Bench {
    /// Lets a second pass, with a reading of `degrees`, or without any.
    fn second(&mut self, degrees: Option<f64>) {
        if let Some(degrees) = degrees {
            let mut acquired = acquired(self.clock.now().monotonic.as_nanos());
            acquired.ordinal = self.store.expected.get(&0).copied().unwrap_or_default();
            let reading = &mut acquired.readings[0].reading;
            reading.outcome = Ok(Celsius::new(degrees).unwrap().into());
            reading.at = self.clock.now();
            self.inlet.put(acquired).unwrap();
        }
        self.store.step();
        self.clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn the_state_is_saved_each_interval_at_once_when_an_alarm_changes_and_at_the_end() {
    let mut spool = MockSpool::new();
    spool.expect_append().returning(|_| Ok(appended()));
    spool.expect_sync().returning(|| Ok(()));
    let keeper = Keeper::default();
    let mut bench = bench_with_alarm(spool, &keeper);
    let kept = || keeper.kept.load(Relaxed);
    bench.second(Some(20.0));
    assert_eq!(kept(), 1, "the alarm's first word");
    (0..59).for_each(|_| bench.second(Some(20.0)));
    assert_eq!(kept(), 1);
    (0..2).for_each(|_| bench.second(Some(20.0)));
    assert_eq!(kept(), 2, "a minute after the first reading since");
    bench.second(Some(31.0));
    assert_eq!(kept(), 3, "the alarm is active");
    (0..200).for_each(|_| bench.second(None));
    assert_eq!(kept(), 3, "nothing new, nothing to save");
    bench.store.finish();
    assert_eq!((kept(), bench.counters.states_unsaved.get()), (4, 0));
}

/// A memory card takes only so much in its life.
#[test]
fn a_large_state_is_saved_as_seldom_as_it_is_large_however_often_alarms_change() {
    let mut spool = MockSpool::new();
    spool.expect_append().returning(|_| Ok(appended()));
    spool.expect_sync().returning(|| Ok(()));
    let keeper = Keeper::default();
    let mut bench = bench_with(&HEAVY, spool, Box::new(keeper.clone()));
    let (give, notes) = crossbeam_channel::bounded(1);
    bench.store = bench.store.with_notes(notes);
    let mut kept_at = Vec::new();
    for second in 0..300 {
        bench.second(Some(31.0));
        if keeper.kept.load(Relaxed) > kept_at.len() as u64 {
            kept_at.push(second);
        }
        let (answer, _answered) = crossbeam_channel::bounded(1);
        give.send(Note { alarm: alarm(), is_taken: Arc::default(), answer }).unwrap();
    }
    // 1.6 MB at 16 KiB/s.
    assert_eq!(kept_at, [0, 98, 196, 294]);
    bench.store.finish();
    assert_eq!(keeper.kept.load(Relaxed), 5, "at the end in any case");
}

/// Sees to it that nothing is at risk in a power cut when the state is saved.
struct Witness(Arc<AtomicU64>);

impl StateKeeper for Witness {
    fn keep(&mut self, _: &SavedState) -> Result<(), NotKept> {
        assert_eq!(self.0.load(Relaxed), 0, "appended, but not synced");
        Ok(())
    }
}

/// Else a power cut could take what an alarm has told, but not that it has told it.
#[test]
fn what_was_told_is_safe_before_the_state_that_has_told_it() {
    let mut spool = MockSpool::new();
    let at_risk = Arc::new(AtomicU64::new(0));
    let (appends, syncs) = (Arc::clone(&at_risk), Arc::clone(&at_risk));
    spool.expect_append().returning(move |_| {
        appends.fetch_add(1, Relaxed);
        Ok(appended())
    });
    spool.expect_sync().times(3).returning(move || {
        syncs.store(0, Relaxed);
        Ok(())
    });
    let mut bench = bench_with(&LATCH, spool, Box::new(Witness(at_risk)));
    bench.second(Some(20.0));
    bench.second(Some(20.0));
    bench.second(Some(31.0));
    bench.store.finish();
}

#[test]
fn no_state_is_saved_of_what_may_be_lost() {
    let mut spool = MockSpool::new();
    spool.expect_append().returning(|_| Ok(appended()));
    spool.expect_sync().returning(|| Err(full()));
    let keeper = Keeper::default();
    let mut bench = bench_with_alarm(spool, &keeper);
    bench.second(Some(31.0));
    assert_eq!((keeper.kept.load(Relaxed), bench.counters.states_unsaved.get()), (0, 1));
    (0..5).for_each(|_| bench.second(None));
    assert_eq!(bench.counters.states_unsaved.get(), 2, "again with the next attempt to sync");
}

#[test]
fn a_state_that_cannot_be_saved_is_counted_and_tried_again_with_the_next() {
    let mut spool = MockSpool::new();
    spool.expect_append().returning(|_| Ok(appended()));
    spool.expect_sync().returning(|| Ok(()));
    let keeper = Keeper { fails: true, ..Keeper::default() };
    let mut bench = bench_with_alarm(spool, &keeper);
    (0..70).for_each(|_| bench.second(Some(20.0)));
    assert_eq!(bench.counters.states_unsaved.get(), 2);
}

#[test]
fn an_operators_note_is_stored_saved_and_answered_once() {
    let mut spool = MockSpool::new();
    let appends = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&appends);
    spool.expect_append().returning(move |_| {
        counted.fetch_add(1, Relaxed);
        Ok(appended())
    });
    spool.expect_sync().returning(|| Ok(()));
    let keeper = Keeper::default();
    let mut bench = bench_with_alarm(spool, &keeper);
    let (give, notes) = crossbeam_channel::bounded(4);
    bench.store = bench.store.with_notes(notes);
    bench.second(Some(31.0));
    let answer = |bench: &mut Bench, alarm| {
        let (answer, answered) = crossbeam_channel::bounded(1);
        give.send(Note { alarm, is_taken: Arc::default(), answer }).unwrap();
        bench.second(None);
        answered.try_recv().unwrap()
    };
    assert!(answer(&mut bench, alarm()));
    assert_eq!((appends.load(Relaxed), keeper.kept.load(Relaxed)), (2, 2));
    assert!(!answer(&mut bench, alarm()), "it is over");
    assert!(!answer(&mut bench, stream().name), "there is no such alarm");
    let (answer, _answered) = crossbeam_channel::bounded(1);
    bench.second(Some(31.0));
    let is_taken = Arc::new(std::sync::atomic::AtomicBool::new(true));
    give.send(Note { alarm: alarm(), is_taken, answer }).unwrap();
    bench.second(None);
    assert_eq!(appends.load(Relaxed), 3, "what was taken back is not carried out");
}

#[test]
fn run_hears_notes_while_nothing_is_acquired_and_goes_on_when_nobody_can_give_any() {
    let mut spool = MockSpool::new();
    spool.expect_append().times(1).returning(|_| Ok(appended()));
    spool.expect_sync().times(1).returning(|| Ok(()));
    let (give, notes) = crossbeam_channel::bounded(1);
    let Bench { inlet, store, .. } = bench(spool, WhenFull::Block);
    let store = store.with_notes(notes);
    std::thread::scope(|scope| {
        scope.spawn(|| store.run());
        let (answer, answered) = crossbeam_channel::bounded(1);
        give.send(Note { alarm: alarm(), is_taken: Arc::default(), answer }).unwrap();
        assert_eq!(answered.recv(), Ok(false));
        drop(give);
        inlet.put(acquired(0)).unwrap();
        drop(inlet);
    });
}

struct Bench {
    inlet: Inlet<Acquired>,
    store: Store,
    clock: VirtualClock,
    counters: Arc<Counters>,
    woken: Arc<AtomicU64>,
}

/// A spool that nothing is to be appended to.
fn unused() -> MockSpool {
    let mut spool = MockSpool::new();
    spool.expect_sync().returning(|| Ok(()));
    spool
}

fn bench(spool: MockSpool, when_full: WhenFull) -> Bench {
    bench_of_classes([unused(), spool, unused()], when_full)
}

/// Stream `d.temperature` is of the class normal, `derived.alarm` of the class high.
fn bench_of_classes(spools: [MockSpool; 3], when_full: WhenFull) -> Bench {
    let counters = Arc::new(Counters::default());
    let clock = VirtualClock::starting_at(AT);
    let executor = Arc::new(Executor::builder().build().unwrap());
    let (inlet, outlet) = queue(NonZeroUsize::new(4).unwrap(), when_full, Arc::clone(&counters));
    let woken = Arc::new(AtomicU64::new(0));
    let rung = Arc::clone(&woken);
    let store = Store::new(StoreParts {
        outlet,
        derivation: Derivation::new(Vec::new(), beginning(), executor, Arc::clone(&counters))
            .unwrap(),
        streams: [(0, vec![stream()])].into(),
        spools: spools.map(|mut spool| {
            spool.expect_count().return_const(SpoolCount::default());
            Arc::new(spool) as Arc<dyn Spool>
        }),
        classes: HashMap::new(),
        clock: Arc::new(clock.clone()),
        counters: Arc::clone(&counters),
        wake_forwarder: Arc::new(move || {
            rung.fetch_add(1, Relaxed);
        }),
        sync_interval: Duration::from_secs(1),
    });
    Bench { inlet, store, clock, counters, woken }
}

fn appended() -> Appended {
    Appended { end: Position(1), evicted: 0, refused: 0 }
}

/// A reading of an alarm, of the class high.
fn alarmed(ordinal: u64) -> Acquired {
    let outcome = QuantityKind::AlarmState.quantity(1.0).map_err(|_| NoData::Implausible);
    let stream = Stream { name: alarm(), kind: QuantityKind::AlarmState };
    let reading = StreamReading { stream, reading: Reading::measured(AT, outcome) };
    Acquired { device: 1, ordinal, readings: vec![reading] }
}

/// A spool of which an append fails while the flag is up; counts the readings that it took.
fn sometimes_failing() -> (MockSpool, Arc<AtomicU64>, Arc<AtomicBool>) {
    let (taken, fails) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, failing) = (Arc::clone(&taken), Arc::clone(&fails));
    let mut spool = MockSpool::new();
    spool.expect_sync().returning(|| Ok(()));
    spool.expect_append().returning(move |readings: &[StreamReading]| {
        if failing.load(Relaxed) {
            return Err(full());
        }
        counted.fetch_add(readings.len() as u64, Relaxed);
        Ok(appended())
    });
    (spool, taken, fails)
}

#[test]
fn a_class_whose_spool_fails_holds_no_other_up_and_gets_nothing_twice() {
    let (high, alarms, alarms_fail) = sometimes_failing();
    let (normal, samples, samples_fail) = sometimes_failing();
    let mut bench = bench_of_classes([high, normal, unused()], WhenFull::Block);
    bench.store.classes = [(alarm(), StreamClass::High)].into();
    for fails in [&alarms_fail, &samples_fail] {
        let before = [&alarms, &samples].map(|taken| taken.load(Relaxed));
        fails.store(true, Relaxed);
        for _ in 0..5 {
            for acquired in [acquired, alarmed] {
                let device = acquired(0).device;
                let ordinal = bench.store.expected.get(&device).copied().unwrap_or_default();
                bench.inlet.put(acquired(ordinal)).unwrap();
            }
            bench.store.step();
        }
        let now = [&alarms, &samples].map(|taken| taken.load(Relaxed));
        assert_eq!(now.iter().sum::<u64>() - before.iter().sum::<u64>(), 5, "the other's");
        fails.store(false, Relaxed);
        bench.clock.advance(Duration::from_secs(10));
        bench.store.step();
        let now = [&alarms, &samples].map(|taken| taken.load(Relaxed));
        assert_eq!(now, before.map(|before| before + 5));
    }
    assert_eq!(bench.counters.readings_lost.get(), 0);
}

#[test]
fn too_many_readings_for_a_spool_that_fails_are_given_up_and_counted() {
    let (high, _, alarms_fail) = sometimes_failing();
    let (normal, samples, _) = sometimes_failing();
    let mut bench = bench_of_classes([high, normal, unused()], WhenFull::Block);
    bench.store.classes = [(alarm(), StreamClass::High)].into();
    alarms_fail.store(true, Relaxed);
    let mut many = alarmed(0);
    many.readings = vec![many.readings[0].clone(); 10_000];
    for ordinal in 0..2 {
        bench.inlet.put(Acquired { ordinal, ..alarmed(0) }).unwrap();
        bench
            .inlet
            .put(Acquired { ordinal: ordinal + 2, readings: many.readings.clone(), ..alarmed(0) })
            .unwrap();
        bench.inlet.put(acquired(ordinal)).unwrap();
        bench.store.step();
    }
    assert_eq!(samples.load(Relaxed), 2);
    let lost = bench.counters.readings_lost.get();
    assert!((3_000..10_000).contains(&lost), "{lost}");
}

fn full() -> SpoolError {
    SpoolError::Full(io::Error::from(io::ErrorKind::StorageFull))
}

#[test]
fn what_the_queue_dropped_is_an_overflow_gap_before_what_came_after() {
    let mut spool = MockSpool::new();
    spool
        .expect_append()
        .withf(|readings: &[StreamReading]| {
            let outcomes: Vec<_> = readings.iter().map(|r| r.reading.outcome.err()).collect();
            outcomes == [Some(NoData::Overflow), None, None, None, None]
        })
        .times(1)
        .returning(|_| Ok(appended()));
    let mut bench = bench(spool, WhenFull::DropOldest);
    for ordinal in 0..10 {
        bench.inlet.put(acquired(ordinal)).unwrap();
    }
    assert_eq!(bench.store.step(), 4);
    assert_eq!(bench.counters.measurements_dropped.get(), 6);
    assert_eq!(bench.counters.gaps(NoData::Overflow), 1);
    assert_eq!(bench.woken.load(Relaxed), 1);
}

#[test]
fn a_full_spool_is_tried_again_until_it_takes_the_batch() {
    let mut spool = MockSpool::new();
    let mut attempts = 0;
    spool.expect_append().times(4).returning(move |_| {
        attempts += 1;
        if attempts < 4 { Err(full()) } else { Ok(appended()) }
    });
    let mut bench = bench(spool, WhenFull::Block);
    bench.inlet.put(acquired(0)).unwrap();
    bench.store.step();
    assert_eq!(bench.counters.spool_retries.get(), 3);
    assert_eq!(bench.counters.readings_lost.get(), 0);
}

#[test]
fn at_the_end_of_a_shutdown_a_spool_that_stays_full_costs_counted_readings_not_a_hang() {
    let mut spool = MockSpool::new();
    spool.expect_append().returning(|_| Err(full()));
    let mut bench = bench(spool, WhenFull::Block);
    bench.clock.interrupt();
    bench.inlet.put(acquired(0)).unwrap();
    bench.store.step();
    assert_eq!(bench.counters.readings_lost.get(), 1);
}

#[test]
fn what_can_never_be_stored_is_given_up_counted_and_the_rest_goes_on() {
    let mut spool = MockSpool::new();
    let mut attempts = 0;
    spool.expect_append().times(2).returning(move |_| {
        attempts += 1;
        if attempts == 1 { Err(SpoolError::Unstorable("too long".into())) } else { Ok(appended()) }
    });
    let mut bench = bench(spool, WhenFull::Block);
    for ordinal in 0..2 {
        bench.inlet.put(acquired(ordinal)).unwrap();
        bench.store.step();
    }
    assert_eq!(bench.counters.readings_lost.get(), 1);
}

#[test]
fn syncs_once_per_interval_and_only_when_something_was_appended() {
    let mut spool = MockSpool::new();
    spool.expect_append().times(2).returning(|_| Ok(appended()));
    spool.expect_sync().times(1).returning(|| Ok(()));
    let mut bench = bench(spool, WhenFull::Block);
    for ordinal in 0..2 {
        bench.inlet.put(acquired(ordinal)).unwrap();
        bench.store.step();
    }
    for _ in 0..3 {
        bench.clock.advance(Duration::from_secs(1));
        bench.store.step();
    }
}

#[test]
fn run_ends_when_the_last_bus_worker_has_gone_and_syncs_last() {
    let mut spool = MockSpool::new();
    spool.expect_append().times(1).returning(|_| Ok(appended()));
    spool.expect_sync().times(1).returning(|| Ok(()));
    let Bench { inlet, store, .. } = bench(spool, WhenFull::Block);
    inlet.put(acquired(0)).unwrap();
    drop(inlet);
    store.run();
}

/// A record of the spool has a limit, and what does not fit into one would be lost for good.
#[test]
fn what_one_batch_gives_is_appended_in_parts_that_fit_into_a_record() {
    let parts = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&parts);
    let mut spool = MockSpool::new();
    spool.expect_append().returning(move |readings| {
        seen.lock().unwrap().push(readings.len());
        Ok(appended())
    });
    spool.expect_sync().returning(|| Ok(()));
    let mut bench = bench(spool, WhenFull::Block);
    let mut wide = acquired(0);
    wide.readings = vec![wide.readings[0].clone(); APPEND_MAX + 1];
    bench.inlet.put(wide).unwrap();
    assert_eq!(bench.store.step(), 1);
    assert_eq!(*parts.lock().unwrap(), [APPEND_MAX, 1]);
}
