//! Spools that cannot be read, or have evicted what was to be read.

use core::{
    ops::{Range, RangeInclusive},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use domain::{Sample, StreamReading};
use ports::{Backlog, SpoolCount, SpoolError};

use super::*;

/// A spool that can be made to fail, and counts how often it is read.
struct Moody {
    spool: MemorySpool,
    fails: AtomicBool,
    /// It has not opened yet.
    is_closed: AtomicBool,
    reads: AtomicUsize,
}

impl Moody {
    fn new(capacity: usize) -> Arc<Self> {
        let spool = MemorySpool::new(BOOT, capacity.try_into().unwrap());
        let (fails, is_closed) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { spool, fails, is_closed, reads: AtomicUsize::new(0) })
    }

    fn fill(&self, sensor: &str, numbers: Range<u64>) {
        let readings: Vec<_> = numbers.map(|n| reading(sensor, n)).collect();
        let _ = self.spool.append(&readings).unwrap();
    }
}

impl Spool for Moody {
    fn append(&self, readings: &[StreamReading]) -> Result<Appended, SpoolError> {
        self.spool.append(readings)
    }

    fn sync(&self) -> Result<(), SpoolError> {
        self.spool.sync()
    }

    fn backlog(&self, from: Position, limit: usize) -> Result<Backlog, SpoolError> {
        self.reads.fetch_add(1, SeqCst);
        if self.fails.load(SeqCst) {
            return Err(SpoolError::Access(std::io::Error::other("moody")));
        }
        self.spool.backlog(from, limit)
    }

    fn replay(
        &self,
        stream: &StreamName,
        boot: Option<BootId>,
        numbers: RangeInclusive<SequenceNumber>,
        limit: usize,
    ) -> Result<Vec<(Position, Sample)>, SpoolError> {
        if self.fails.load(SeqCst) {
            return Err(SpoolError::Access(std::io::Error::other("moody")));
        }
        self.spool.replay(stream, boot, numbers, limit)
    }

    fn acknowledge(&self, upto: Position) -> Result<(), SpoolError> {
        self.spool.acknowledge(upto)
    }

    fn acknowledge_ahead(&self, delivered: Range<Position>) -> Result<(), SpoolError> {
        self.spool.acknowledge_ahead(delivered)
    }

    fn waiting(&self) -> Vec<Range<Position>> {
        if self.is_closed.load(SeqCst) { Vec::new() } else { self.spool.waiting() }
    }

    fn cursor(&self) -> Position {
        if self.is_closed.load(SeqCst) { Position::default() } else { self.spool.cursor() }
    }

    fn end(&self) -> Position {
        if self.is_closed.load(SeqCst) { Position::default() } else { self.spool.end() }
    }

    fn heads(&self) -> Vec<(StreamName, SequenceNumber)> {
        self.spool.heads()
    }

    fn count(&self) -> SpoolCount {
        self.spool.count()
    }
}

fn over(spools: &[&Arc<Moody>], adjust: impl FnOnce(&mut ForwardOptions)) -> Bench {
    let mut bench = bench_with(1, 4, 100_000, adjust);
    let spools = spools.iter().map(|spool| Arc::clone(spool) as Arc<dyn Spool>).collect();
    let (clock, counters) = (Arc::new(bench.clock.clone()), Arc::clone(&bench.counters));
    let (options, publisher) = (bench.forwarder.options.clone(), bench.broker.publisher());
    let tally = Box::new(BTreeMap::new);
    bench.forwarder = Forwarder::new(options, spools, publisher, clock, counters, tally);
    bench
}

#[test]
fn a_class_that_cannot_be_read_holds_no_other_up() {
    let (high, low) = (Moody::new(1_000), Moody::new(1_000));
    let mut bench = over(&[&high, &low], |_| {});
    bench.run(5);
    high.fails.store(true, SeqCst);
    high.fill("high", 0..5);
    low.fill("low", 0..5);
    bench.run(100);
    assert_eq!(low.cursor(), low.end());
    assert_eq!(high.cursor(), Position(0));
    assert!((5..=12).contains(&high.reads.load(SeqCst)), "about once a second");
    high.fails.store(false, SeqCst);
    bench.run(20);
    assert_eq!(high.cursor(), high.end());
}

#[test]
fn a_replay_that_cannot_be_read_is_answered_counted_and_holds_nothing_up() {
    let (high, low) = (Moody::new(1_000), Moody::new(1_000));
    let mut bench = over(&[&high, &low], |_| {});
    low.fill("low", 0..5);
    bench.run(10);
    high.fails.store(true, SeqCst);
    let payload = br#"{"v":1,"stream":"contract.low","ranges":[[1,3],[5,5]]}"#.to_vec();
    let respond_to = Some("t/replay/v1/g/answer/cloud".to_owned());
    bench.broker.ask(ports::Request { respond_to, payload, ..ports::Request::default() });
    bench.run(5);
    let end = bench.broker.taken().pop().unwrap();
    let end = String::from_utf8(end.payload).unwrap();
    assert!(end.contains(r#""not_sent":{"unreadable":[[1,3],[5,5]]}"#), "{end}");
    assert_eq!(bench.counters.replays_failed.get(), 1);
    low.fill("low", 5..10);
    bench.run(5);
    assert_eq!(low.cursor(), low.end(), "and delivery goes on");
}

#[test]
fn a_spool_that_could_not_be_read_is_read_again_although_nothing_else_happens() {
    let spool = Moody::new(1_000);
    let mut bench = over(&[&spool], |_| {});
    bench.run(5);
    spool.fails.store(true, SeqCst);
    spool.fill("a", 0..5);
    bench.forwarder.step(Duration::ZERO);
    assert!(bench.forwarder.until_due() <= SPOOL_RETRY, "{:?}", bench.forwarder.until_due());
}

#[test]
fn what_was_evicted_before_it_was_read_costs_no_reading() {
    let spool = Moody::new(10_000);
    let mut bench = over(&[&spool], |o| o.history_rate = core::num::NonZeroU64::new(1_000));
    spool.fill("a", 0..10_000);
    bench.run(3);
    spool.fill("a", 10_000..19_000);
    let reads = spool.reads.load(SeqCst);
    bench.run(1_000);
    assert_eq!(spool.cursor(), spool.end());
    assert!(spool.reads.load(SeqCst) - reads < 60, "{}", spool.reads.load(SeqCst) - reads);
}

#[test]
fn a_long_history_of_a_held_stream_does_not_keep_a_step_from_ending() {
    let spool = Moody::new(1_000_000);
    let mut bench = over(&[&spool], |o| o.held_samples_max = 2_000_000);
    bench.broker.forbid(&["t/v1/g/samples/contract/a"]);
    spool.fill("a", 0..5);
    bench.run(10);
    bench.broker.set_up(false);
    bench.run(3);
    spool.fill("a", 5..200_000);
    bench.broker.set_up(true);
    let mut most = 0;
    for _ in 0..300 {
        let before = spool.reads.load(SeqCst);
        bench.run(1);
        most = most.max(spool.reads.load(SeqCst) - before);
    }
    assert!(most <= 40, "{most} readings in one step");
    assert!(spool.reads.load(SeqCst) >= 190, "all of it was read");
}

#[test]
fn what_is_in_a_spool_that_opens_late_is_history_and_what_follows_is_live() {
    let spool = Moody::new(100_000);
    spool.fill("a", 0..5_000);
    spool.is_closed.store(true, SeqCst);
    let mut bench = over(&[&spool], |_| {});
    bench.run(5);
    spool.is_closed.store(false, SeqCst);
    bench.run(2);
    assert!(bench.counters.history_waiting.get() > Some(4_000));
    spool.fill("a", 5_000..5_003);
    bench.run(500);
    let counters = &bench.counters;
    assert_eq!((counters.samples_live.get(), counters.samples_history.get()), (3, 5_000));
    assert_eq!(spool.cursor(), spool.end());
}

#[test]
fn evicted_history_is_not_said_to_wait() {
    let spool = Moody::new(5_000);
    spool.fill("a", 0..5_000);
    let mut bench = over(&[&spool], |o| o.history_rate = core::num::NonZeroU64::new(1));
    bench.run(5);
    assert!(bench.counters.history_waiting.get() > Some(4_990));
    spool.fill("b", 0..4_000);
    bench.run(1);
    assert_eq!(bench.counters.history_waiting.get(), Some(1_000));
}
