//! What is acknowledged ahead of the cursor: reading in two places, eviction, and power cuts.

use super::*;

fn run(from: u64, until: u64) -> Range<Position> {
    Position(from)..Position(until)
}

#[test]
fn reading_in_two_places_in_turn_costs_no_more_than_reading_each() {
    let disk = CrashingDisk::default();
    let options = Options { segment_bytes: 16 * 1024, bytes_max: 1 << 20, ..SMALL };
    let spool = open_with(&disk, options);
    append_each(&spool, 0..6_000);
    let history = |from: u64| spool.backlog(Position(from), 10).unwrap().samples[0].seq.0;
    disk.count_reads();
    (0..3_000).step_by(10).for_each(|from| assert_eq!(history(from), from + 1));
    let alone = disk.count_reads();
    for from in (0..3_000).step_by(10) {
        assert_eq!(history(from), from + 1);
        append_each(&spool, 6_000 + from..6_010 + from);
        assert_eq!(history(6_000 + from), 6_001 + from);
    }
    let in_turn = disk.count_reads();
    // What is appended is read record by record as it comes, at most once each.
    assert!(in_turn <= alone + 3_100, "{in_turn} reads instead of {alone}");
}

#[test]
fn newest_first_in_history_leaves_the_live_place_alone() {
    let disk = CrashingDisk::default();
    let options = Options { segment_bytes: 16 * 1024, bytes_max: 1 << 20, ..SMALL };
    let spool = open_with(&disk, options);
    append_each(&spool, 0..6_000);
    let read = |from: u64| {
        disk.count_reads();
        let found = spool.backlog(Position(from), 10).unwrap().samples[0].seq.0;
        assert_eq!(found, from + 1);
        disk.count_reads()
    };
    read(5_990);
    for history in (0..59_u64).rev().map(|hundred| hundred * 100) {
        read(history);
        append_each(&spool, 0..1);
        let live = spool.end().0 - 1;
        disk.count_reads();
        assert_eq!(spool.backlog(Position(live), 10).unwrap().samples.len(), 1);
        assert!(disk.count_reads() <= 4, "the live place was lost at {history}");
    }
}

#[test]
fn what_is_acknowledged_ahead_is_not_evicted_with_its_segment() {
    let spool = open(&CrashingDisk::default());
    append_each(&spool, 0..100);
    spool.acknowledge_ahead(run(3, 100)).unwrap();
    let mut n = 100;
    while spool.count().evicted == 0 {
        append_each(&spool, n..n + 1);
        n += 1;
    }
    let count = spool.count();
    assert_eq!((count.evicted, count.acknowledged, count.lost), (3, 97, 0));
    assert_eq!((spool.cursor(), spool.waiting()), (Position(100), vec![run(100, n)]));
}

#[test]
fn what_is_lost_ahead_is_counted_once_and_not_as_acknowledged() {
    let disk = CrashingDisk::default();
    append_each(&open(&disk), 0..60);
    let name = disk.segments()[1].clone();
    let first = segment::first_of(&name).unwrap();
    disk.edit(&name, |bytes| bytes.iter_mut().skip(16).for_each(|byte| *byte = 0x55));
    let spool = open(&disk);
    let there = waiting(&spool).len() as u64;
    let lost = 60 - there;
    assert!(lost > 0 && first > 1);
    spool.acknowledge_ahead(run(1, 60)).unwrap();
    let count = spool.count();
    assert_eq!((count.acknowledged, count.lost), (59 - lost, lost));
    waiting(&spool);
    assert_eq!(spool.count(), count, "reading it again changes nothing");
    spool.acknowledge(Position(1)).unwrap();
    let count = spool.count();
    assert_eq!((spool.cursor(), count.acknowledged, count.lost), (Position(60), 60 - lost, lost));
}

#[test]
fn positions_acknowledged_ahead_of_a_power_cut_are_not_given_out_again() {
    for seed in 0..200 {
        let disk = CrashingDisk::default();
        let spool = open(&disk);
        append_each(&spool, 0..10);
        spool.sync().unwrap();
        append_each(&spool, 10..30);
        spool.acknowledge_ahead(run(15, 25)).unwrap();
        drop(spool);
        disk.cut_power(seed);
        let spool = open(&disk);
        let begin = spool.end().0;
        append_each(&spool, 100..130);
        drop(spool);
        let spool = open(&disk);
        let waiting = spool.waiting();
        let new = waiting.iter().any(|run| run.start.0 <= begin && run.end.0 == begin + 30);
        assert!(new, "seed {seed}: of {begin}.. wait {waiting:?}");
    }
}
