//! The contract of [`Spool`], clause by clause.
//!
//! The suite drives a spool through `Reopen`, which makes a new one over the same medium: for a file
//! spool the same folder, for a spool in memory the same memory. It must retain a few hundred
//! acknowledged samples.

#![expect(clippy::expect_used, reason = "a suite for tests: a panic is how it reports")]

use core::time::Duration;

use domain::{
    BootId, Monotonic, NoData, Quality, QuantityKind, Reading, Sample, SequenceNumber, Stream,
    StreamName, StreamReading, TimeSource, Timestamp, Trust, WallTime,
};

use crate::{Position, Spool};

/// The boot that a spool under test must be opened with.
pub const BOOT: BootId = BootId::from_bytes([7; 16]);

/// Opens the spool under test again after the previous one was dropped.
pub trait Reopen {
    /// The spool under test.
    type Spool: Spool;

    /// Opens it over whatever the previous one left behind.
    fn reopen(&mut self) -> Self::Spool;
}

/// The `n`-th reading of a stream; every seventh is a gap.
///
/// # Panics
///
/// Never: the names are fixed and valid.
pub fn reading(sensor: &str, n: u64) -> StreamReading {
    #[expect(clippy::expect_used, reason = "the suite's own constant names are valid")]
    let name = StreamName::new("contract", sensor).expect("valid name");
    #[expect(clippy::cast_precision_loss, reason = "n counts the steps of a test")]
    let outcome = if n % 7 == 6 {
        Err(NoData::Absent)
    } else {
        QuantityKind::Voltage.quantity(n as f64 / 8.0).map_err(|_| NoData::Implausible)
    };
    let error = n.is_multiple_of(2).then(|| Duration::from_millis(101 + n % 4));
    let source = match n % 9 {
        0..6 => TimeSource::Unsynchronised,
        6..8 => TimeSource::Rtc,
        _ => TimeSource::Ntp,
    };
    let at = Timestamp {
        wall: WallTime::from_nanos(1_700_000_000_000_000_000 + n.cast_signed() * 1_000),
        monotonic: Monotonic::from_nanos(n * 1_000),
        trust: Trust::found(source, error),
    };
    let quality = Quality::good_if(n % 5 != 3 || outcome.is_err());
    StreamReading {
        stream: Stream { name, kind: QuantityKind::Voltage },
        reading: Reading { at, outcome, quality },
    }
}

/// Runs every clause on a fresh spool each.
///
/// # Panics
///
/// Where the contract is broken.
pub fn holds<R: Reopen>(mut fresh: impl FnMut() -> R) {
    numbers_each_stream_from_one_without_holes(&mut fresh());
    gives_back_what_was_appended_in_order_and_takes_nothing_away(&mut fresh());
    acknowledging_moves_the_cursor_forward_only(&mut fresh());
    everything_is_there_after_reopening(&mut fresh());
    numbering_goes_on_when_all_was_acknowledged_and_reopened(&mut fresh());
    an_empty_append_changes_nothing(&mut fresh());
    every_sample_is_accounted_for(&mut fresh());
    what_was_acknowledged_can_be_read_again_by_number(&mut fresh());
    a_replay_finds_what_waits_too_and_moves_no_cursor(&mut fresh());
    what_is_acknowledged_ahead_waits_no_more_and_the_cursor_passes_it(&mut fresh());
}

fn append<S: Spool>(spool: &S, sensor: &str, numbers: impl IntoIterator<Item = u64>) -> Position {
    let readings: Vec<_> = numbers.into_iter().map(|n| reading(sensor, n)).collect();
    spool.append(&readings).expect("append").end
}

fn numbers_each_stream_from_one_without_holes<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    append(&spool, "a", 0..3);
    append(&spool, "b", 0..1);
    append(&spool, "a", 3..5);
    let samples = spool.backlog(spool.cursor(), 100).expect("backlog").samples;
    let numbers: Vec<_> =
        samples.iter().map(|s| (s.stream.name.as_str().to_owned(), s.seq.0)).collect();
    let expected = [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("a", 4), ("a", 5)]
        .map(|(sensor, seq)| (format!("contract.{sensor}"), seq));
    assert_eq!(numbers, expected);
    let heads: Vec<_> =
        spool.heads().into_iter().map(|(name, seq)| (name.to_string(), seq)).collect();
    assert_eq!(
        heads,
        [
            ("contract.a".to_owned(), SequenceNumber(5)),
            ("contract.b".to_owned(), SequenceNumber(1))
        ]
    );
}

fn gives_back_what_was_appended_in_order_and_takes_nothing_away<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    let end = append(&spool, "a", 0..50);
    for _ in 0..2 {
        let (mut from, mut found) = (spool.cursor(), Vec::new());
        while from < spool.end() {
            let run = spool.backlog(from, 7).expect("backlog");
            assert!(!run.samples.is_empty() && run.samples.len() <= 7);
            assert_eq!(run.next.0, from.0 + run.samples.len() as u64);
            found.extend(run.samples);
            from = run.next;
        }
        assert_eq!(from, end);
        for (n, sample) in (0..).zip(&found) {
            let expected = reading("a", n);
            assert_eq!(sample.stream, expected.stream);
            assert_eq!(sample.reading, expected.reading);
            assert_eq!((sample.boot, sample.seq), (BOOT, SequenceNumber(n + 1)));
        }
        assert_eq!(found.len(), 50);
    }
    let beyond = spool.backlog(end, 7).expect("backlog");
    assert_eq!((beyond.samples.len(), beyond.next), (0, end));
}

fn acknowledging_moves_the_cursor_forward_only<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    let end = append(&spool, "a", 0..10);
    let middle = Position(end.0 - 4);
    spool.acknowledge(middle).expect("acknowledge");
    assert_eq!(spool.cursor(), middle);
    spool.acknowledge(Position(end.0 - 8)).expect("acknowledge");
    assert_eq!(spool.cursor(), middle, "the cursor went back");
    let first = spool.backlog(middle, 1).expect("backlog").samples.remove(0);
    assert_eq!(first.seq, SequenceNumber(7));
    spool.acknowledge(Position(end.0 + 99)).expect("acknowledge");
    assert_eq!(spool.cursor(), end, "the cursor passed what was appended");
}

fn everything_is_there_after_reopening<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    append(&spool, "a", 0..20);
    spool.acknowledge(Position(spool.cursor().0 + 5)).expect("acknowledge");
    let (cursor, end) = (spool.cursor(), spool.end());
    drop(spool);
    let spool = medium.reopen();
    assert_eq!((spool.cursor(), spool.end()), (cursor, end));
    let samples = spool.backlog(cursor, 100).expect("backlog").samples;
    let numbers: Vec<_> = samples.iter().map(|s| s.seq.0).collect();
    assert_eq!(numbers, (6..=20).collect::<Vec<_>>());
    assert_eq!(samples.last().map(|s| s.reading), Some(reading("a", 19).reading));
}

fn numbering_goes_on_when_all_was_acknowledged_and_reopened<R: Reopen>(medium: &mut R) {
    for round in 0..3_u64 {
        let spool = medium.reopen();
        let end = append(&spool, "a", round * 10..round * 10 + 10);
        append(&spool, "b", [round]);
        let samples = spool.backlog(spool.cursor(), 100).expect("backlog").samples;
        assert_eq!(samples.len(), 11, "round {round}");
        assert_eq!(samples[0].seq, SequenceNumber(round * 10 + 1));
        assert_eq!(samples[10].seq, SequenceNumber(round + 1));
        spool.acknowledge(Position(end.0 + 1)).expect("acknowledge");
    }
}

fn an_empty_append_changes_nothing<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    let end = append(&spool, "a", 0..2);
    assert_eq!(append(&spool, "a", []), end);
    spool.sync().expect("sync");
    assert_eq!(spool.end(), end);
}

fn every_sample_is_accounted_for<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    for n in 0..100 {
        append(&spool, "a", n * 3..n * 3 + 3);
        if n % 4 == 0 {
            spool.acknowledge(Position(spool.cursor().0 + 7)).expect("acknowledge");
        }
        let count = spool.count();
        let waiting = spool.end().0 - spool.cursor().0;
        let gone = count.acknowledged + count.evicted + count.lost;
        assert_eq!(count.appended, gone + waiting, "{count:?}");
    }
    assert_eq!(spool.count().appended, 300);
    assert!(spool.count().bytes > 0);
}

fn replay<S: Spool>(spool: &S, sensor: &str, numbers: (u64, u64), limit: usize) -> Vec<Sample> {
    placed(spool, sensor, numbers, limit).into_iter().map(|(_, sample)| sample).collect()
}

fn placed<S: Spool>(
    spool: &S,
    sensor: &str,
    numbers: (u64, u64),
    limit: usize,
) -> Vec<(Position, Sample)> {
    let stream = reading(sensor, 0).stream.name;
    let numbers = SequenceNumber(numbers.0)..=SequenceNumber(numbers.1);
    spool.replay(&stream, Some(BOOT), numbers, limit).expect("replay")
}

fn numbers(samples: &[Sample]) -> Vec<u64> {
    samples.iter().map(|sample| sample.seq.0).collect()
}

fn what_was_acknowledged_can_be_read_again_by_number<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    for n in 0..20 {
        append(&spool, "a", n * 2..n * 2 + 2);
        append(&spool, "b", [n]);
    }
    spool.acknowledge(spool.end()).expect("acknowledge");
    let check = |spool: &R::Spool| {
        let samples = replay(spool, "a", (5, 31), 100);
        assert_eq!(numbers(&samples), (5..=31).collect::<Vec<_>>());
        for (n, sample) in (4..).zip(&samples) {
            let expected = reading("a", n);
            assert_eq!((sample.boot, &sample.stream), (BOOT, &expected.stream));
            assert_eq!(sample.reading, expected.reading);
        }
        assert_eq!(numbers(&replay(spool, "b", (0, u64::MAX), 100)), (1..=20).collect::<Vec<_>>());
        assert_eq!(numbers(&replay(spool, "a", (5, 31), 4)), [5, 6, 7, 8], "at most the limit");
        assert_eq!(replay(spool, "a", (5, 31), 0), []);
        assert_eq!(replay(spool, "a", (41, 99), 100), [], "not yet appended");
        assert_eq!(replay(spool, "a", (9, 8), 100), [], "no number lies between");
        assert_eq!(replay(spool, "c", (1, 99), 100), [], "no such stream");
        let another = BootId::from_bytes([8; 16]);
        let all = SequenceNumber::FIRST..=SequenceNumber(99);
        let of = |boot| spool.replay(&reading("a", 0).stream.name, boot, all.clone(), 100);
        assert_eq!(of(Some(another)).expect("replay"), [], "no such boot");
        assert_eq!(of(None).expect("replay").len(), 40, "of whichever boot");
    };
    check(&spool);
    drop(spool);
    check(&medium.reopen());
}

fn a_replay_finds_what_waits_too_and_moves_no_cursor<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    append(&spool, "a", 0..30);
    spool.acknowledge(Position(11)).expect("acknowledge");
    assert_eq!(numbers(&replay(&spool, "a", (9, 14), 100)), [9, 10, 11, 12, 13, 14]);
    let places: Vec<_> = placed(&spool, "a", (11, 13), 100).into_iter().map(|(at, _)| at).collect();
    assert_eq!(places, [10, 11, 12].map(Position), "each where it is in the spool");
    assert_eq!(spool.cursor(), Position(11));
    let first = spool.backlog(spool.cursor(), 1).expect("backlog").samples.remove(0);
    assert_eq!(first.seq, SequenceNumber(12));
}

fn what_is_acknowledged_ahead_waits_no_more_and_the_cursor_passes_it<R: Reopen>(medium: &mut R) {
    let spool = medium.reopen();
    append(&spool, "a", 0..40);
    let run = |from, until| Position(from)..Position(until);
    spool.acknowledge_ahead(run(10, 20)).expect("acknowledge");
    spool.acknowledge_ahead(run(30, 99)).expect("acknowledge");
    spool.acknowledge_ahead(run(7, 7)).expect("acknowledge");
    assert_eq!(spool.cursor(), Position(0));
    assert_eq!(spool.waiting(), [run(0, 10), run(20, 30)]);
    append(&spool, "a", 40..50);
    assert_eq!(spool.waiting(), [run(0, 10), run(20, 30), run(40, 50)], "never ahead of the end");
    spool.acknowledge(Position(10)).expect("acknowledge");
    assert_eq!(spool.cursor(), Position(20));
    drop(spool);
    let spool = medium.reopen();
    assert_eq!(spool.waiting(), [run(20, 30), run(40, 50)], "it outlives the process");
    spool.acknowledge_ahead(run(15, 35)).expect("acknowledge");
    assert_eq!((spool.cursor(), spool.waiting()), (Position(40), vec![run(40, 50)]));
    let count = spool.count();
    assert_eq!((count.acknowledged, count.evicted, count.lost), (40, 0, 0));
    spool.acknowledge(spool.end()).expect("acknowledge");
    assert_eq!(spool.waiting(), []);
}
