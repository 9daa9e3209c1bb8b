use std::{
    io,
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use domain::{TimeSource, Timestamp, Trust, WallTime};
use ports::{NotKept, Position, Spool as _, contract::spool::reading};
use sim::{memory_spool::MemorySpool, time::VirtualClock};

use super::*;

const BOOT: BootId = ports::contract::spool::BOOT;
const SECOND: Duration = Duration::from_secs(1);
/// 2026-11-23T09:15:00Z, in nanoseconds.
const START: i64 = 1_795_425_300_000_000_000;

/// What was kept, how often it was tried, and whether the medium fails.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<(TimeTable, usize, bool)>>);

impl TimesKeeper for Kept {
    fn keep(&mut self, times: &TimeTable) -> Result<(), NotKept> {
        let mut kept = self.0.lock().unwrap();
        kept.1 += 1;
        if kept.2 {
            return Err(NotKept { what: "times", cause: io::Error::other("worn out") });
        }
        kept.0 = times.clone();
        Ok(())
    }
}

struct Bench {
    clock: VirtualClock,
    times: Times,
    kept: Kept,
    counters: Arc<Counters>,
    wakes: Arc<AtomicU64>,
    timekeeper: Timekeeper,
}

fn bench(wait_max: Option<Duration>) -> Bench {
    let clock = VirtualClock::starting_at(Timestamp::new(
        WallTime::from_nanos(0),
        Monotonic::default() + SECOND,
    ));
    let times = Times::new(BOOT, TimeTable::default(), wait_max);
    let (kept, counters) = (Kept::default(), Arc::new(Counters::default()));
    let wakes = Arc::new(AtomicU64::new(0));
    let woken = Arc::clone(&wakes);
    let timekeeper = Timekeeper::new(TimekeeperParts {
        times: times.clone(),
        discipline: Box::new(clock.clone()),
        keeper: Box::new(kept.clone()),
        clock: Arc::new(clock.clone()),
        counters: Arc::clone(&counters),
        wake_forwarder: Arc::new(move || {
            woken.fetch_add(1, Relaxed);
        }),
    });
    Bench { clock, times, kept, counters, wakes, timekeeper }
}

impl Bench {
    fn run(&mut self, span: Duration) {
        let end = self.clock.now().monotonic + span;
        while self.clock.now().monotonic < end {
            self.clock.advance(SECOND / 4);
            self.timekeeper.step();
        }
    }

    fn synchronise(&mut self) {
        let up = self.clock.now().monotonic.saturating_since(Monotonic::default());
        let wall = START + i64::try_from(up.as_nanos()).unwrap();
        self.clock.set_wall(WallTime::from_nanos(wall));
        self.clock.set_vouched(Some(Duration::from_millis(3)));
    }

    fn kept_times(&self) -> usize {
        self.kept.0.lock().unwrap().1
    }
}

#[test]
fn samples_in_a_spool_are_corrected_once_the_clock_is_right() {
    let mut bench = bench(None);
    let spool = MemorySpool::new(BOOT, NonZeroUsize::new(10).unwrap());
    let mut early = reading("a", 0);
    early.reading.at = bench.clock.now();
    let _ = spool.append(&[early]).unwrap();
    let read = |times: &Times| {
        let mut samples = spool.backlog(Position(0), 10).unwrap().samples;
        times.correct(&mut samples);
        samples.remove(0)
    };
    assert_eq!(read(&bench.times).reading.at.trust, Trust::UNKNOWN);
    bench.run(SECOND * 10);
    bench.synchronise();
    bench.run(SECOND);
    let (stored, corrected) =
        (spool.backlog(Position(0), 10).unwrap().samples.remove(0), read(&bench.times));
    assert_eq!(corrected.reading.at.wall, WallTime::from_nanos(START + 1_000_000_000));
    assert!(corrected.reading.at.trust.is_corrected());
    assert_eq!(corrected.reading.at.monotonic, stored.reading.at.monotonic);
    assert_eq!(
        (corrected.seq, corrected.boot, corrected.stream),
        (stored.seq, stored.boot, stored.stream)
    );
    assert_eq!(stored.reading.at.wall, WallTime::from_nanos(0), "it is stored as it was found");
}

#[test]
fn times_have_the_mark_of_the_newest_look_and_steps_are_counted() {
    let mut bench = bench(None);
    let gauges = |bench: &Bench| {
        let counters = &bench.counters;
        (counters.clock_synchronised.get(), counters.clock_error_ms.get())
    };
    assert_eq!(gauges(&bench), (Some(0), None));
    bench.synchronise();
    bench.run(SECOND);
    assert_eq!(gauges(&bench), (Some(1), Some(3)));
    assert_eq!(
        bench.clock.now().trust,
        Trust::found(TimeSource::Ntp, Some(Duration::from_millis(3)))
    );
    assert_eq!(bench.counters.clock_steps.get(), 1);
    bench.clock.set_wall(WallTime::from_nanos(-1));
    bench.clock.set_vouched(None);
    bench.run(SECOND);
    assert_eq!((bench.clock.now().trust, bench.counters.clock_steps.get()), (Trust::UNKNOWN, 2));
    assert_eq!(gauges(&bench), (Some(0), None));
}

#[test]
fn waiting_ends_with_the_first_word_of_ntp_and_the_forwarder_is_woken() {
    let mut bench = bench(Some(SECOND * 60));
    let waits = |bench: &Bench| bench.times.waiting_until(bench.clock.now().monotonic);
    bench.run(SECOND * 10);
    assert_eq!(waits(&bench), Some(Monotonic::default() + SECOND * 60));
    assert_eq!(bench.counters.clock_waits_s.get(), Some(49));
    bench.synchronise();
    bench.run(SECOND);
    assert_eq!((waits(&bench), bench.wakes.load(Relaxed)), (None, 1));
    assert_eq!(bench.counters.clock_waits_s.get(), None);
    // Once is enough: later times follow from it.
    bench.clock.set_vouched(None);
    bench.run(SECOND * 5);
    assert_eq!((waits(&bench), bench.wakes.load(Relaxed)), (None, 1));
}

#[test]
fn nothing_waits_for_ever() {
    let mut bench = bench(Some(SECOND * 60));
    bench.run(SECOND * 58);
    assert!(bench.times.waiting_until(bench.clock.now().monotonic).is_some());
    bench.run(SECOND);
    assert_eq!(bench.times.waiting_until(bench.clock.now().monotonic), None);
    assert_eq!(bench.counters.clock_waits_s.get(), None);
}

#[test]
fn what_is_known_is_kept_at_news_once_an_hour_and_at_the_end() {
    let mut bench = bench(None);
    assert_eq!(bench.kept_times(), 1, "the boot is news");
    bench.synchronise();
    bench.run(SECOND * 10);
    assert_eq!(bench.kept_times(), 1, "not at once after the first time");
    bench.run(SECOND * 60);
    assert_eq!(bench.kept_times(), 2);
    assert!(bench.kept.0.lock().unwrap().0.is_anchored(BOOT));
    bench.run(SECOND * 7_200);
    assert_eq!(bench.kept_times(), 4);
    bench.clock.interrupt();
    bench.timekeeper.run();
    let kept = bench.kept.0.lock().unwrap();
    assert_eq!((kept.1, kept.0.boots()[0].seen), (5, bench.clock.now().monotonic));
}

#[test]
fn a_medium_that_fails_is_counted_and_tried_again_after_a_minute() {
    let mut bench = bench(None);
    bench.kept.0.lock().unwrap().2 = true;
    bench.synchronise();
    bench.run(SECOND * 150);
    assert_eq!(bench.counters.times_unsaved.get(), 2);
    bench.kept.0.lock().unwrap().2 = false;
    bench.run(SECOND * 60);
    assert_eq!(bench.counters.times_unsaved.get(), 2);
    assert!(bench.kept.0.lock().unwrap().0.is_anchored(BOOT));
}
