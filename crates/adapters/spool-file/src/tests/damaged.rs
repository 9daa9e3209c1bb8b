//! Damage in one place at a time.

use proptest::{collection::vec, prelude::*};

use super::*;

/// A spool of one segment with ten records of three samples, closed.
fn ten_records() -> CrashingDisk {
    let disk = CrashingDisk::default();
    let spool = open_with(&disk, Options { segment_bytes: 2048, ..SMALL });
    for n in 0..10 {
        let readings: Vec<_> = (0..3).map(|i| reading(i, n * 3 + u64::from(i))).collect();
        append(&spool, &readings);
    }
    disk
}

/// Where the records of a segment begin.
fn records(disk: &CrashingDisk, name: &str) -> Vec<usize> {
    let bytes = &disk.contents()[name];
    let mark = &[0xF5, b'R', b'e', b'c'];
    (0..bytes.len()).filter(|&at| bytes[at..].starts_with(mark)).collect()
}

fn numbers_of_a(spool: &FileSpool) -> Vec<u64> {
    let samples = waiting(spool).into_iter();
    samples.filter(|s| s.stream.name.as_str() == "test.a").map(|s| s.seq.0).collect()
}

fn quarantined(disk: &CrashingDisk) -> Vec<Vec<u8>> {
    let contents = disk.contents().into_iter();
    contents.filter(|(name, _)| name.ends_with(".quarantine")).map(|(_, bytes)| bytes).collect()
}

#[test]
fn a_damaged_record_is_passed_over_counted_and_copied_aside() {
    let disk = ten_records();
    let name = segment::name(0);
    let places = records(&disk, &name);
    // In turn: the mark, the length, the checksum, the payload.
    for offset in [0, 5, 9, 30] {
        let at = places[4] + offset;
        disk.edit(&name, |bytes| bytes[at] ^= 0x40);
        let damaged = disk.contents()[&name][places[4]..places[5]].to_vec();
        let spool = open(&disk);
        assert_eq!(numbers_of_a(&spool), [1, 2, 3, 4, 6, 7, 8, 9, 10], "byte {offset}");
        assert_eq!(spool.count().corrupt, 1, "found on open, and again when read: one place");
        assert_eq!(spool.end(), Position(30));
        assert_eq!(quarantined(&disk)[0].len(), damaged.len());
        drop(spool);
        disk.edit(&name, |bytes| bytes[at] ^= 0x40);
    }
}

#[test]
fn what_follows_damage_can_be_acknowledged_and_the_hole_stays_a_hole() {
    let disk = ten_records();
    let name = segment::name(0);
    let place = records(&disk, &name)[4] + 20;
    disk.edit(&name, |bytes| bytes[place] ^= 1);
    let spool = open(&disk);
    let run = spool.backlog(Position(0), 13).unwrap();
    assert_eq!((run.samples.len(), run.next), (13, Position(16)), "three positions are missing");
    spool.acknowledge(run.next).unwrap();
    append(&spool, &[reading(0, 99)]);
    assert_eq!(numbers_of_a(&spool), [7, 8, 9, 10, 11]);
    let count = spool.count();
    assert_eq!((count.appended, count.acknowledged, count.lost), (31, 13, 3));
    drop(spool);
    let reopened = open(&disk).count();
    assert_eq!((reopened.acknowledged, reopened.lost), (13, 3), "of the spool's whole life");
}

#[test]
fn what_is_lost_is_counted_once_however_often_it_is_read_and_not_as_evicted() {
    let disk = ten_records();
    let name = segment::name(0);
    let place = records(&disk, &name)[4] + 20;
    disk.edit(&name, |bytes| bytes[place] ^= 1);
    let spool = open(&disk);
    for _ in 0..3 {
        assert_eq!(waiting(&spool).len(), 27);
    }
    spool.acknowledge(Position(13)).unwrap();
    assert_eq!((spool.count().acknowledged, spool.count().lost), (12, 1));
    let mut n = 30;
    while spool.cursor() < Position(30) {
        append(&spool, &[reading(0, n)]);
        n += 1;
    }
    let count = spool.count();
    assert_eq!((count.lost, count.acknowledged), (3, 12));
    assert_eq!(count.evicted, spool.cursor().0 - 15);
}

#[test]
fn a_torn_tail_is_cut_and_is_no_damage() {
    let disk = ten_records();
    let name = segment::name(0);
    let last = *records(&disk, &name).last().unwrap();
    for tail in [1, 11, 13, 40] {
        let copy = CrashingDisk::default();
        let bytes = disk.contents()[&name][..last + tail].to_vec();
        copy.create(&name).unwrap().write_at(&bytes, 0).unwrap();
        let spool = open(&copy);
        assert_eq!((spool.end(), spool.count().corrupt), (Position(27), 0));
        assert_eq!(copy.contents()[&name].len(), last);
        append(&spool, &[reading(0, 99)]);
        assert_eq!(numbers_of_a(&spool).last(), Some(&10));
    }
}

#[test]
fn a_tail_of_zeros_is_torn_and_one_of_garbage_is_damage() {
    for (byte, corrupt) in [(0, 0), (0xA5, 1)] {
        let disk = ten_records();
        disk.edit(&segment::name(0), |bytes| bytes.extend([byte; 100]));
        let spool = open(&disk);
        assert_eq!((spool.end(), spool.count().corrupt), (Position(30), corrupt));
        assert_eq!(quarantined(&disk).len() as u64, corrupt);
    }
}

#[test]
fn numbering_survives_a_damaged_header_of_the_newest_segment() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    for n in 0..40 {
        append(&spool, &[reading(0, n), reading(1, n + 100)]);
    }
    drop(spool);
    let newest = disk.segments().pop().unwrap();
    assert!(disk.segments().len() > 2);
    disk.edit(&newest, |bytes| bytes[40] ^= 1);
    for round in 0..2 {
        let spool = open(&disk);
        let numbers: Vec<_> = (1..=40 + round).collect();
        assert_eq!(numbers_of_a(&spool), numbers);
        append(&spool, &[reading(0, 1_000 + round)]);
        assert!(disk.segments().last() > Some(&newest), "a sound header was written");
    }
}

#[test]
fn a_segment_that_was_only_just_being_made_is_made_again() {
    for len in [0, 10, 20, 40] {
        let disk = ten_records();
        let beginning = disk.contents()[&segment::name(0)][..len.min(40)].to_vec();
        disk.create(&segment::name(30)).unwrap().write_at(&beginning, 0).unwrap();
        let spool = open(&disk);
        assert_eq!(disk.segments(), [segment::name(0)], "{len} bytes");
        assert_eq!((spool.end(), spool.count().corrupt), (Position(30), u64::from(len == 40)));
    }
}

#[test]
fn a_header_that_ends_in_zeros_is_torn_without_them() {
    let disk = CrashingDisk::default();
    drop(open(&disk));
    let name = segment::name(0);
    let header = disk.contents()[&name].clone();
    assert!(header.ends_with(&[0, 0, 0]), "nothing is known yet");
    disk.edit(&name, |bytes| bytes.truncate(bytes.len() - 1));
    drop(open(&disk));
    assert_eq!(disk.contents()[&name], header, "made again");
}

#[test]
fn a_cursor_file_without_a_whole_slot_lets_everything_wait_again() {
    let disk = ten_records();
    let spool = open(&disk);
    spool.acknowledge(Position(5)).unwrap();
    spool.sync().unwrap();
    spool.acknowledge(Position(9)).unwrap();
    drop(spool);
    disk.edit(cursor::NAME, |bytes| bytes[20] ^= 1);
    assert_eq!(open(&disk).cursor(), Position(5), "the other slot");
    disk.edit(cursor::NAME, |bytes| bytes.fill(7));
    let spool = open(&disk);
    assert_eq!((spool.cursor(), spool.count().corrupt), (Position(0), 1));
    assert_eq!(waiting(&spool).len(), 30);
}

#[test]
fn a_cursor_beyond_the_end_keeps_its_place_and_nothing_is_acknowledged_unseen() {
    let disk = ten_records();
    open(&disk).acknowledge(Position(30)).unwrap();
    let name = segment::name(0);
    let place = records(&disk, &name)[6];
    disk.edit(&name, |bytes| bytes.truncate(place));
    for round in 0..3 {
        let spool = open(&disk);
        assert_eq!((spool.cursor(), spool.end()), (Position(30), Position(30 + round)));
        append(&spool, &[reading(0, 100 + round)]);
        assert_eq!(waiting(&spool).len() as u64, round + 1);
    }
}

#[test]
fn a_segment_that_vanished_is_a_hole() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append_each(&spool, 0..60);
    let second = disk.segments()[1].clone();
    disk.remove(&second).unwrap();
    let numbers = numbers_of_a(&spool);
    assert_eq!((numbers.first(), numbers.last()), (Some(&1), Some(&60)));
    assert!(numbers.len() < 60 && numbers.is_sorted());
    assert_eq!(spool.count().corrupt, 1);
    spool.acknowledge(spool.end()).unwrap();
    assert_eq!(disk.segments().len(), 1);
}

#[test]
fn quarantine_is_limited_to_the_size_of_one_segment() {
    let disk = ten_records();
    for place in records(&disk, &segment::name(0)) {
        disk.edit(&segment::name(0), |bytes| bytes[place + 15] ^= 1);
    }
    let spool = open(&disk);
    assert_eq!(spool.end(), Position(0));
    append_each(&spool, 0..500);
    for name in disk.segments() {
        for place in records(&disk, &name).into_iter().step_by(2) {
            disk.edit(&name, |bytes| bytes[place + 15] ^= 1);
        }
    }
    assert!(waiting(&spool).len() > 50);
    let copied: usize = quarantined(&disk).iter().map(Vec::len).sum();
    assert!(copied > 0 && copied as u64 <= SMALL.segment_bytes);
    assert!(spool.count().corrupt > 50);
}

proptest! {
    /// Marks of frames are strewn in, so that the reader has something to fall for.
    #[test]
    fn any_bytes_open_and_the_spool_works(
        segments in vec((0_u64..200, vec(prop_oneof![
            4 => vec(any::<u8>(), 1..40),
            1 => Just(vec![0xF5, b'R', b'e', b'c', 9, 0, 0, 0]),
            1 => Just(segment::beginning(&wire::record::Header::default()).unwrap()),
        ], 0..20)), 0..4),
        cursor in vec(any::<u8>(), 0..1200),
    ) {
        let disk = CrashingDisk::default();
        disk.create(cursor::NAME).unwrap().write_at(&cursor, 0).unwrap();
        for (first, parts) in segments {
            disk.create(&segment::name(first)).unwrap().write_at(&parts.concat(), 0).unwrap();
        }
        let spool = open(&disk);
        let start = spool.end();
        append_each(&spool, 0..3);
        prop_assert_eq!(waiting(&spool).len(), 3);
        prop_assert_eq!(spool.end(), Position(start.0 + 3));
        spool.acknowledge(spool.end()).unwrap();
        drop(spool);
        prop_assert_eq!(open(&disk).end(), Position(start.0 + 3));
    }
}
