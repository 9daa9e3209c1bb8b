//! A medium that does not give some blocks, or does not sync.

use super::*;

const LARGE: Options = Options { segment_bytes: 16 * 1024, bytes_max: 64 * 1024, ..SMALL };

/// Two segments and a bit of one stream, closed, and its numbers.
fn closed() -> (CrashingDisk, Vec<u64>) {
    let disk = CrashingDisk::default();
    let spool = open_with(&disk, LARGE);
    append_each(&spool, 0..900);
    assert_eq!(disk.segments().len(), 3);
    (disk, (1..=900).collect())
}

/// Reads everything that waits, trying on when the medium fails. Gives the numbers and the failures.
fn persist(spool: &FileSpool) -> (Vec<u64>, u32) {
    let (mut from, mut numbers, mut failures) = (spool.cursor(), Vec::new(), 0);
    while from < spool.end() {
        match spool.backlog(from, 50) {
            Ok(run) => {
                numbers.extend(run.samples.iter().map(|sample| sample.seq.0));
                from = run.next;
            }
            Err(error) => {
                assert!(error.is_transient());
                failures += 1;
                assert!(failures < 20, "held up at {from:?}");
            }
        }
    }
    (numbers, failures)
}

#[test]
fn a_block_that_is_never_given_is_passed_over_after_a_few_attempts_and_the_rest_salvaged() {
    for block in 0..4 {
        let (disk, all) = closed();
        let spool = open_with(&disk, LARGE);
        let second = disk.segments()[1].clone();
        disk.spoil(&second, block * 4096 + 100..block * 4096 + 200);
        let (numbers, failures) = persist(&spool);
        assert_eq!((failures, spool.count().corrupt), (3, 1), "block {block}");
        // A block holds some ninety of these records.
        assert!(numbers.len() > all.len() - 110 && numbers.len() < all.len(), "{}", numbers.len());
        assert!(numbers.is_sorted() && numbers.last() == Some(&900));
    }
}

#[test]
fn a_fault_that_passes_costs_nothing() {
    let (disk, all) = closed();
    let spool = open_with(&disk, LARGE);
    let first = disk.segments()[0].clone();
    disk.spoil(&first, 5_000..5_100);
    assert!(spool.backlog(Position(0), 50).is_err() && spool.backlog(Position(0), 50).is_err());
    disk.spoil(&first, 0..0);
    assert_eq!(persist(&spool), (all, 0));
    assert_eq!(spool.count().corrupt, 0);
}

#[test]
fn a_replay_reads_around_what_is_not_given() {
    let (disk, _) = closed();
    let spool = open_with(&disk, LARGE);
    disk.spoil(&disk.segments()[1].clone(), 5_000..5_100);
    let all = SequenceNumber(0)..=SequenceNumber(u64::MAX);
    let samples = spool.replay(&reading(0, 0).stream.name, Some(BOOT), all, 1_000).unwrap();
    assert!((790..900).contains(&samples.len()) && samples.last().unwrap().1.seq.0 == 900);
}

#[test]
fn the_spool_opens_whatever_cannot_be_read_and_nothing_that_can_be_is_lost() {
    for index in 0..3 {
        for block in 0..4 {
            let (disk, all) = closed();
            let name = disk.segments()[index].clone();
            let len = disk.contents()[&name].len();
            if block * 4096 >= len {
                continue;
            }
            disk.spoil(&name, block * 4096..len.min(block * 4096 + 4096));
            let spool = open_with(&disk, LARGE);
            append_each(&spool, 900..910);
            let (numbers, _) = persist(&spool);
            assert!(numbers.len() > 910 - 120, "segment {index}, block {block}: {}", numbers.len());
            assert_eq!(waiting(&spool).last().map(|s| s.reading), Some(reading(0, 909).reading));
            drop(spool);
            // Readable again: what was not given before is there, but for what took its place.
            disk.spoil(&name, 0..0);
            let numbers: Vec<_> =
                waiting(&open_with(&disk, LARGE)).iter().map(|sample| sample.seq.0).collect();
            assert!(numbers.len() > 910 - 120);
            if index < 2 {
                assert_eq!(numbers[..900], all);
            }
        }
    }
}

#[test]
fn a_cursor_that_cannot_be_read_lets_everything_wait_again_and_works_on() {
    let (disk, all) = closed();
    open_with(&disk, LARGE).acknowledge(Position(100)).unwrap();
    disk.spoil(cursor::NAME, 0..1024);
    let spool = open_with(&disk, LARGE);
    assert_eq!((spool.cursor(), spool.count().corrupt), (Position(0), 1));
    assert_eq!(persist(&spool), (all, 0));
    spool.acknowledge(Position(200)).unwrap();
    drop(spool);
    assert_eq!(open_with(&disk, LARGE).cursor(), Position(200));
}

#[test]
fn a_disk_that_does_not_sync_opens_and_what_was_found_is_synced_later() {
    let disk = CrashingDisk::default();
    append_each(&open(&disk), 0..100);
    disk.fail_sync(true);
    let spool = open(&disk);
    assert!(spool.sync().is_err());
    disk.fail_sync(false);
    append_each(&spool, 100..110);
    spool.sync().unwrap();
    drop(spool);
    for seed in 0..10 {
        disk.cut_power(seed);
        assert_eq!(waiting(&open(&disk)).len(), 110, "seed {seed}");
    }
}
