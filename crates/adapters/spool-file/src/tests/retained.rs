//! What is acknowledged stays for a while, and is found again by its number.

use super::*;

fn replay(spool: &FileSpool, numbers: RangeInclusive<u64>) -> Vec<u64> {
    let stream = reading(0, 0).stream.name;
    let numbers = SequenceNumber(*numbers.start())..=SequenceNumber(*numbers.end());
    let samples = spool.replay(&stream, Some(BOOT), numbers, usize::MAX).unwrap();
    samples.iter().map(|(_, sample)| sample.seq.0).collect()
}

/// Three hundred samples of one stream in two dozen segments, closed.
fn many_segments() -> CrashingDisk {
    let disk = CrashingDisk::default();
    let spool = open_with(&disk, Options { bytes_max: 64 * 1024, ..SMALL });
    append_each(&spool, 0..300);
    assert!(disk.segments().len() > 20);
    disk
}

#[test]
fn acknowledged_segments_stay_within_their_limit() {
    let disk = CrashingDisk::default();
    let spool = open_with(&disk, RETAINING);
    let mut most = 0;
    for n in 0..300 {
        append_each(&spool, n..n + 1);
        spool.acknowledge(spool.end()).unwrap();
        most = most.max(spool.count().retained);
    }
    assert!(most <= 2048 && most > 2048 - SMALL.segment_bytes, "{most} bytes");
    let oldest = segment::first_of(&disk.segments()[0]).unwrap();
    assert_eq!(replay(&spool, 0..=u64::MAX), (oldest + 1..=300).collect::<Vec<_>>());
    let count = spool.count();
    assert_eq!((count.acknowledged, count.evicted), (300, 0));
    drop(spool);
    let spool = open_with(&disk, RETAINING);
    assert_eq!(spool.count(), count, "reopening removes nothing");
    assert!(waiting(&spool).is_empty());
    drop(spool);
    assert_eq!(open(&disk).count().retained, 0, "unless the limit is lower now");
}

#[test]
fn acknowledged_segments_go_first_and_are_not_counted_as_evicted() {
    let disk = CrashingDisk::default();
    let spool = open_with(&disk, RETAINING);
    append_each(&spool, 0..100);
    spool.acknowledge(spool.end()).unwrap();
    assert!(spool.count().retained > 1024);
    let mut n = 100;
    while spool.count().retained > 0 {
        assert_eq!(append(&spool, &[reading(0, n)]), 0, "evicted while some were retained");
        n += 1;
    }
    assert_eq!(waiting(&spool).len() as u64, n - 100);
    while append(&spool, &[reading(0, n)]) == 0 {
        n += 1;
    }
    assert!(spool.count().evicted > 0 && spool.count().bytes <= SMALL.bytes_max);
}

#[test]
fn a_replay_reads_the_headers_it_needs_and_the_segments_that_have_the_numbers() {
    let disk = many_segments();
    let spool = open_with(&disk, Options { bytes_max: 64 * 1024, ..SMALL });
    disk.count_reads();
    assert_eq!(replay(&spool, 150..=152), [150, 151, 152]);
    let reads = disk.count_reads();
    // Two for each header in a search through some thirty, one or two for what is in a segment.
    assert!(reads <= 2 * 6 + 6, "{reads} reads for three samples");
}

#[test]
fn opening_reads_the_newest_segment_and_how_the_others_begin() {
    let disk = many_segments();
    disk.count_reads();
    let spool = open_with(&disk, Options { bytes_max: 64 * 1024, ..SMALL });
    let (reads, segments) = (disk.count_reads(), disk.segments().len());
    // Two for each beginning; those of the newest again, one for what is in it, one for the cursor.
    assert!(reads <= 2 * segments + 6, "{reads} reads of {segments} segments");
    assert_eq!(spool.end().0, 300);
}

#[test]
fn damaged_headers_only_make_a_replay_read_more() {
    let disk = many_segments();
    let (first, last) = (1, disk.segments().len() - 1);
    for name in &disk.segments()[first..last] {
        disk.edit(name, |bytes| bytes[30] ^= 1);
        let spool = open_with(&disk, Options { bytes_max: 64 * 1024, ..SMALL });
        for from in [1, 2, 77, 150, 290, 300] {
            assert_eq!(
                replay(&spool, from..=from + 3),
                (from..=300.min(from + 3)).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn damage_among_what_is_retained_is_passed_over_and_counted_once() {
    let disk = many_segments();
    let options = Options { bytes_max: 64 * 1024, retain: 64 * 1024, ..SMALL };
    let spool = open_with(&disk, options);
    spool.acknowledge(spool.end()).unwrap();
    let third = disk.segments()[2].clone();
    let first = segment::first_of(&third).unwrap();
    disk.edit(&third, |bytes| *bytes.last_mut().unwrap() ^= 1);
    for _ in 0..2 {
        let numbers = replay(&spool, first..=first + 40);
        assert_eq!(numbers.len(), 40, "one sample in each record");
        assert_eq!(spool.count().corrupt, 1);
    }
    let vanished = disk.segments()[3].clone();
    disk.remove(&vanished).unwrap();
    let after = segment::first_of(&disk.segments()[3]).unwrap();
    assert_eq!(replay(&spool, after + 1..=after + 2), [after + 1, after + 2]);
    assert!(replay(&spool, 1..=300).len() > 270);
    assert_eq!(spool.count().corrupt, 2);
}

#[test]
fn without_a_cursor_what_is_retained_is_delivered_again() {
    let disk = CrashingDisk::default();
    let spool = open_with(&disk, RETAINING);
    append_each(&spool, 0..100);
    spool.acknowledge(spool.end()).unwrap();
    drop(spool);
    disk.remove(cursor::NAME).unwrap();
    let oldest = segment::first_of(&disk.segments()[0]).unwrap();
    let spool = open_with(&disk, RETAINING);
    assert_eq!(spool.cursor(), Position(oldest));
    assert_eq!(waiting(&spool).len() as u64, 100 - oldest);
}

#[test]
fn a_sample_of_another_boot_is_told_apart() {
    let disk = CrashingDisk::default();
    append_each(&open(&disk), 0..3);
    let later = BootId::from_bytes([9; 16]);
    let spool = FileSpool::open_on(Arc::new(disk.clone()), SMALL, later).unwrap();
    append_each(&spool, 3..6);
    assert_eq!(replay(&spool, 1..=6), [1, 2, 3]);
    let all = SequenceNumber(0)..=SequenceNumber(u64::MAX);
    let numbers = |boot, limit| {
        let samples = spool.replay(&reading(0, 0).stream.name, boot, all.clone(), limit).unwrap();
        samples.iter().map(|(_, sample)| sample.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(numbers(Some(later), 2), [4, 5]);
    assert_eq!(numbers(None, 99), [1, 2, 3, 4, 5, 6], "whichever boot they were taken in");
}
