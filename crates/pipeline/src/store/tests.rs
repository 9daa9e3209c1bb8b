use std::{
    io,
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use domain::{Celsius, QuantityKind, StreamName, Timestamp, WallTime};
use executor::Executor;
use ports::{Appended, MockSpool, Position};
use sim::time::VirtualClock;

use super::*;
use crate::queue::{Inlet, WhenFull, queue};

const AT: Timestamp =
    Timestamp { wall: WallTime::from_nanos(0), monotonic: Monotonic::from_nanos(1) };

fn stream() -> Stream {
    Stream { name: StreamName::new("d", "temperature").unwrap(), kind: QuantityKind::Temperature }
}

fn acquired(ordinal: u64) -> Acquired {
    let outcome = Ok(Celsius::new(20.0).unwrap().into());
    let reading = StreamReading { stream: stream(), reading: Reading::measured(AT, outcome) };
    Acquired { device: 0, ordinal, readings: vec![reading] }
}

struct Bench {
    inlet: Inlet<Acquired>,
    store: Store,
    clock: VirtualClock,
    counters: Arc<Counters>,
    woken: Arc<AtomicU64>,
}

fn bench(spool: MockSpool, when_full: WhenFull) -> Bench {
    let counters = Arc::new(Counters::default());
    let clock = VirtualClock::starting_at(AT);
    let executor = Arc::new(Executor::builder().build().unwrap());
    let (inlet, outlet) = queue(NonZeroUsize::new(4).unwrap(), when_full, Arc::clone(&counters));
    let woken = Arc::new(AtomicU64::new(0));
    let rung = Arc::clone(&woken);
    let store = Store::new(StoreParts {
        outlet,
        derivation: Derivation::new(Vec::new(), executor, Arc::clone(&counters)),
        streams: [(0, vec![stream()])].into(),
        spool: Arc::new(spool),
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
    Appended { end: Position(1), evicted: 0 }
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
