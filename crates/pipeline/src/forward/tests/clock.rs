//! Samples that wait for the clock, and times that are corrected on their way.

use domain::time::{Look, TimeTable};

use super::*;
use crate::time::Times;

const START: i64 = 1_795_425_300_000_000_000;

/// What is known in the end: the clock was synchronised at once.
pub(super) fn anchored() -> TimeTable {
    let mut table = TimeTable::default();
    table.enter(BOOT, Monotonic::default());
    let look = Look {
        wall: WallTime::from_nanos(START),
        monotonic: Monotonic::default(),
        width: Duration::ZERO,
        vouched: Some(Duration::from_millis(2)),
        is_leap_near: false,
        has_rtc: false,
    };
    table.note(None, &look);
    table
}

pub(super) fn with(bench: Bench, times: &Times) -> Bench {
    Bench { forwarder: bench.forwarder.with_times(times), ..bench }
}

fn times_taken(bench: &Bench) -> Vec<Timestamp> {
    let messages = bench.broker.taken().into_iter().filter(|message| !message.is_retained);
    let samples = messages.flat_map(|m| wire::payload::decode(&m.payload).unwrap().samples);
    samples.map(|sample| sample.reading.at).collect()
}

fn waiting(bench: Bench) -> Bench {
    with(bench, &Times::new(BOOT, TimeTable::default(), Some(TICK * 100)))
}

#[test]
fn nothing_is_sent_while_samples_wait_for_the_clock_and_everything_when_that_is_over() {
    let mut bench = waiting(bench(1, 4, 100_000));
    bench.append("a", 0..100);
    bench.run(90);
    assert!(bench.taken().is_empty());
    assert!(bench.broker.taken().len() == 1, "the status does not wait");
    bench.run(60);
    let taken: Vec<_> = bench.taken().into_values().collect();
    assert_eq!(taken, [(1..=100).collect::<Vec<_>>()]);
    assert!(times_taken(&bench).iter().all(|at| !at.trust.is_corrected()), "they are marked");
    assert_eq!(bench.counters.samples_restamped.get(), 0);
}

/// The forwarder's own thread sleeps until then, and not for a turn at a time.
#[test]
fn the_end_of_the_wait_is_when_something_is_due() {
    let mut bench = waiting(bench(1, 4, 100_000));
    bench.append("a", 0..1);
    bench.run(5);
    let left = bench.forwarder.until_due();
    assert_eq!(bench.clock.now().monotonic + left, Monotonic::default() + TICK * 100);
}

#[test]
fn a_shutdown_does_not_wait_for_the_clock() {
    let mut bench = waiting(bench(1, 4, 100_000));
    bench.append("a", 0..10);
    bench.run(5);
    let begun = bench.clock.now().monotonic;
    assert!(!bench.forwarder.drain(begun + TICK * 50));
    assert!(bench.clock.now().monotonic < begun + TICK * 20);
    assert_eq!(bench.last_status().state, State::Stopped);
    assert_eq!((bench.spool.cursor().0, bench.spool.end().0), (0, 10));
}

#[test]
fn times_are_corrected_in_either_lane_and_of_held_streams() {
    let mut bench = with(bench(1, 4, 100_000), &Times::new(BOOT, anchored(), None));
    bench.broker.forbid(&["t/v1/g/samples/contract/a"]);
    bench.append("a", 0..10);
    bench.append("b", 0..200);
    bench.run(10);
    bench.append("b", 200..210);
    bench.broker.forbid(&[]);
    bench.run(300);
    let times = times_taken(&bench);
    assert_eq!(times.len(), 220);
    // What is at zero was before the boot.
    for at in times.into_iter().filter(|at| at.monotonic > Monotonic::default()) {
        let since = i64::try_from(at.monotonic.as_nanos()).unwrap();
        assert_eq!(at.wall.as_nanos(), (START + since) / 1_000 * 1_000);
        assert!(at.trust.is_corrected());
    }
    assert!(bench.counters.samples_restamped.get() >= 218);
}
