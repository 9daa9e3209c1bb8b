//! The whole spool, over a real folder and over a disk that fails.

mod ahead;
mod classed;
mod crashing_disk;
mod damaged;
mod failing;
mod model;
mod retained;
mod short_of_room;
mod unreadable;

use domain::{
    Monotonic, NoData, QuantityKind, Reading, Sample, Stream, StreamName, StreamReading, Timestamp,
    WallTime,
};
use ports::contract::spool::{BOOT, Reopen, holds};

use self::crashing_disk::CrashingDisk;
use super::*;

/// Segments so small that a few appends fill one.
const SMALL: Options =
    Options { segment_bytes: 512, bytes_max: 8 * 1024, retain: 0, free_min: 0, reserve: 0 };
/// The same, with a few acknowledged segments.
const RETAINING: Options = Options { retain: 2048, ..SMALL };

/// The `n`-th reading of all, in one of four streams; a fifth has the name of the fourth but
/// another kind, as after a change of configuration.
fn reading(stream: u8, n: u64) -> StreamReading {
    let (sensor, kind) = match stream % 5 {
        0 => ("a", QuantityKind::Temperature),
        1 => ("b", QuantityKind::Pressure),
        2 => ("c", QuantityKind::Voltage),
        3 => ("d", QuantityKind::Count),
        _ => ("d", QuantityKind::Dimensionless),
    };
    let number = f64::from(u32::try_from(n % 1000).unwrap());
    let outcome =
        if n % 11 == 5 { Err(NoData::Absent) } else { Ok(kind.quantity(number).unwrap()) };
    // The wall time is the reading's own: no two are equal.
    let at = Timestamp::new(WallTime::from_nanos(n.cast_signed()), Monotonic::from_nanos(n * 3));
    let stream = Stream { name: StreamName::new("test", sensor).unwrap(), kind };
    StreamReading { stream, reading: Reading::measured(at, outcome) }
}

fn open(disk: &CrashingDisk) -> FileSpool {
    open_with(disk, SMALL)
}

fn open_with(disk: &CrashingDisk, options: Options) -> FileSpool {
    FileSpool::open_on(Arc::new(disk.clone()), options, BOOT).unwrap()
}

/// Gives how many samples were evicted.
fn append(spool: &FileSpool, readings: &[StreamReading]) -> u64 {
    spool.append(readings).unwrap().evicted
}

/// One append for each number.
fn append_each(spool: &FileSpool, numbers: core::ops::Range<u64>) {
    for n in numbers {
        append(spool, &[reading(0, n)]);
    }
}

/// Everything that waits, read in runs of a length that fits no record.
fn waiting(spool: &FileSpool) -> Vec<Sample> {
    let (mut from, mut samples) = (spool.cursor(), Vec::new());
    while from < spool.end() {
        let run = spool.backlog(from, 7).unwrap();
        assert!(run.next > from && run.samples.len() <= 7, "reading went from {from:?} to {run:?}");
        samples.extend(run.samples);
        from = run.next;
    }
    samples
}

struct OnFolder(tempfile::TempDir, Options);

impl Reopen for OnFolder {
    type Spool = FileSpool;

    fn reopen(&mut self) -> FileSpool {
        FileSpool::open(self.0.path().join("spool"), self.1, BOOT).unwrap()
    }
}

#[test]
fn a_file_spool_keeps_the_contract_of_the_port() {
    for options in [Options::default(), Options { bytes_max: 1 << 20, retain: 1 << 18, ..SMALL }] {
        holds(|| OnFolder(tempfile::tempdir().unwrap(), options));
    }
}

struct Late(OnFolder);

impl Reopen for Late {
    type Spool = LateSpool;

    fn reopen(&mut self) -> LateSpool {
        LateSpool::open(self.0.0.path(), self.0.1, BOOT).unwrap()
    }
}

#[test]
fn a_late_spool_keeps_the_contract_of_the_port() {
    holds(|| Late(OnFolder(tempfile::tempdir().unwrap(), Options::default())));
}

#[test]
fn a_folder_is_open_once_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(folder.path(), SMALL, BOOT).unwrap();
    let second = FileSpool::open(folder.path(), SMALL, BOOT);
    assert!(matches!(second, Err(SpoolError::InUse)));
    drop(spool);
    assert!(FileSpool::open(folder.path(), SMALL, BOOT).is_ok());
}

#[test]
fn a_newer_version_is_refused_and_left_untouched() {
    let disk = CrashingDisk::default();
    append(&open(&disk), &[reading(0, 0)]);
    disk.edit(&segment::name(0), |bytes| bytes[..16].copy_from_slice(&segment::prefix(9)));
    let before = disk.contents();
    let refused = FileSpool::open_on(Arc::new(disk.clone()), SMALL, BOOT);
    assert!(matches!(refused, Err(SpoolError::TooNew { found: 9, known: wire::record::VERSION })));
    assert_eq!(disk.contents(), before);
}

#[test]
fn a_segment_of_an_older_version_is_read_and_becomes_one_of_ours_before_it_is_written_to() {
    let disk = CrashingDisk::default();
    append(&open(&disk), &[reading(0, 0)]);
    disk.edit(&segment::name(0), |bytes| bytes[..16].copy_from_slice(&segment::prefix(1)));
    let spool = open(&disk);
    assert_eq!(spool.end().0, 1);
    assert_eq!(disk.contents()[&segment::name(0)][..16], segment::prefix(wire::record::VERSION));
    append(&spool, &[reading(0, 1)]);
    assert_eq!(spool.count().corrupt, 0);
}

#[test]
fn files_that_are_not_ours_are_left_alone() {
    let disk = CrashingDisk::default();
    let foreign = ["README", "1.seg", "0000000000000000000x.seg", "00000000000000000000.seg.bak"];
    for name in foreign {
        disk.create(name).unwrap().write_at(b"mine", 0).unwrap();
    }
    let spool = open(&disk);
    append_each(&spool, 0..200);
    spool.acknowledge(spool.end()).unwrap();
    for name in foreign {
        assert_eq!(disk.contents()[name], b"mine", "{name}");
    }
}

#[test]
fn acknowledged_segments_are_removed_and_the_newest_stays() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append_each(&spool, 0..60);
    assert!(disk.segments().len() > 3);
    spool.acknowledge(spool.end()).unwrap();
    assert_eq!(disk.segments().len(), 1);
    let on_disk: usize = disk.contents().values().map(Vec::len).sum();
    assert_eq!(spool.count().bytes, on_disk as u64);
}

#[test]
fn the_oldest_unacknowledged_samples_make_room_and_are_counted() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    let mut evicted = 0;
    for n in 0..2_000 {
        evicted += append(&spool, &[reading(0, n)]);
        assert!(spool.count().bytes <= SMALL.bytes_max);
    }
    let count = spool.count();
    assert!(evicted > 0);
    assert_eq!((count.evicted, count.acknowledged), (evicted, 0));
    let waiting = waiting(&spool);
    assert_eq!(waiting.first().map(|sample| sample.seq), Some(SequenceNumber(evicted + 1)));
    assert_eq!(waiting.len() as u64, 2_000 - evicted);
    drop(spool);
    assert_eq!(open(&disk).count(), count, "counts are those of the spool's whole life");
}

#[test]
fn a_reader_whose_place_was_evicted_goes_on_at_the_oldest_that_is_left() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append_each(&spool, 0..50);
    let place = spool.backlog(Position(0), 3).unwrap().next;
    append_each(&spool, 50..2_000);
    assert!(spool.cursor() > place);
    let run = spool.backlog(place, 1).unwrap();
    assert_eq!(run.samples[0].seq, SequenceNumber(spool.cursor().0 + 1));
    assert_eq!(run.next, Position(spool.cursor().0 + 1));
}

#[test]
fn readings_that_can_never_be_stored_are_refused_and_use_up_no_number() {
    let spool = open(&CrashingDisk::default());
    let mut mismatched = reading(0, 0);
    mismatched.stream.kind = QuantityKind::Pressure;
    let too_many: Vec<_> = (0..10_000).map(|n| reading(0, n)).collect();
    for unstorable in [&[reading(1, 1), mismatched][..], &too_many] {
        let refused = spool.append(unstorable).unwrap_err();
        assert!(matches!(refused, SpoolError::Unstorable(_)) && !refused.is_transient());
    }
    assert_eq!((spool.end(), spool.heads()), (Position(0), vec![]));
    append(&spool, &[reading(1, 2)]);
    assert_eq!(waiting(&spool)[0].seq, SequenceNumber::FIRST);
}

#[test]
fn a_stream_that_changes_its_kind_keeps_its_numbers() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append(&spool, &[reading(3, 0), reading(4, 1), reading(3, 2)]);
    drop(spool);
    let spool = open(&disk);
    append(&spool, &[reading(4, 3)]);
    let numbers: Vec<_> =
        waiting(&spool).iter().map(|sample| (sample.stream.kind, sample.seq.0)).collect();
    let (count, ratio) = (QuantityKind::Count, QuantityKind::Dimensionless);
    assert_eq!(numbers, [(count, 1), (ratio, 2), (count, 3), (ratio, 4)]);
}

#[test]
fn options_are_brought_within_bounds() {
    let bounded = |segment_bytes, bytes_max| {
        let options = Options { segment_bytes, bytes_max, ..SMALL }.within_bounds();
        (options.segment_bytes, options.bytes_max)
    };
    assert_eq!(bounded(1 << 20, 256 << 20), (1 << 20, 256 << 20));
    assert_eq!(bounded(u64::MAX, 0), (2 * 1024, 8 * 1024));
    assert_eq!(bounded(0, 512 << 20), (1 << 20, 512 << 20));
}
