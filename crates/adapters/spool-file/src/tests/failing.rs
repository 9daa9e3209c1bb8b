//! A disk that is full or fails, and comes back.

use super::{crashing_disk::Call, *};

#[test]
fn a_full_disk_refuses_whole_appends_and_acknowledging_makes_room() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append_each(&spool, 0..30);
    for room in [0, 1, 12, 40] {
        disk.set_room(Some(room));
        let (before, count) = (disk.contents(), spool.count());
        let refused = spool.append(&[reading(0, 30), reading(1, 31)]).unwrap_err();
        assert!(matches!(refused, SpoolError::Full(_)) && refused.is_transient());
        assert_eq!((disk.contents(), spool.count()), (before, count), "{room} bytes left");
    }
    assert_eq!(waiting(&spool).len(), 30, "reading goes on");
    spool.acknowledge(Position(25)).unwrap();
    append(&spool, &[reading(0, 32)]);
    drop(spool);
    let spool = open(&disk);
    let numbers: Vec<_> = waiting(&spool).iter().map(|sample| sample.seq.0).collect();
    assert_eq!(numbers, [26, 27, 28, 29, 30, 31]);
}

#[test]
fn a_short_write_that_cannot_be_undone_is_written_over() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append(&spool, &[reading(0, 0)]);
    disk.set_room(Some(50));
    disk.fail(Call::Truncate, true);
    let readings: Vec<_> = (1..9).map(|n| reading(0, n)).collect();
    assert!(spool.append(&readings).is_err());
    disk.set_room(None);
    disk.fail(Call::Truncate, false);
    append(&spool, &[reading(0, 9)]);
    drop(spool);
    let spool = open(&disk);
    let numbers: Vec<_> = waiting(&spool).iter().map(|sample| sample.seq.0).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_disk_that_is_full_at_the_very_first_start_is_reported() {
    let disk = CrashingDisk::default();
    disk.set_room(Some(3));
    let refused = FileSpool::open_on(Arc::new(disk.clone()), SMALL, BOOT);
    assert!(matches!(refused, Err(SpoolError::Full(_))));
    disk.set_room(None);
    append(&open(&disk), &[reading(0, 0)]);
}

#[test]
fn a_late_spool_is_empty_and_refuses_until_the_disk_has_room_for_it() {
    let disk = CrashingDisk::default();
    disk.set_room(Some(3));
    let opened = disk.clone();
    let open = move || FileSpool::open_on(Arc::new(opened.clone()), SMALL, BOOT);
    let spool = LateSpool::open_by(Box::new(open)).unwrap();
    for _ in 0..2 {
        assert!(matches!(spool.append(&[reading(0, 0)]), Err(SpoolError::Full(_))));
        assert!(!spool.is_open());
        spool.sync().unwrap();
        let run = spool.backlog(spool.cursor(), 9).unwrap();
        assert_eq!((run.samples.len(), run.next, spool.heads().len()), (0, Position(0), 0));
        assert_eq!((spool.end(), spool.count()), (Position(0), SpoolCount::default()));
    }
    disk.set_room(None);
    assert_eq!(spool.append(&[reading(0, 0)]).unwrap().end, Position(1));
    assert!(spool.is_open() && spool.backlog(Position(0), 9).unwrap().samples.len() == 1);
}

#[test]
fn a_late_spool_that_cannot_be_opened_for_another_reason_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let _first = FileSpool::open(folder.path(), SMALL, BOOT).unwrap();
    let refused = LateSpool::open(folder.path(), SMALL, BOOT);
    assert!(matches!(refused, Err(SpoolError::InUse)));
}

#[test]
fn a_sync_after_a_failed_one_writes_again_what_the_kernel_forgot() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append_each(&spool, 0..5);
    disk.fail_sync(true);
    assert!(matches!(spool.sync(), Err(SpoolError::Access(_))));
    disk.fail_sync(false);
    spool.sync().unwrap();
    drop(spool);
    disk.cut_power(1);
    assert_eq!(waiting(&open(&disk)).len(), 5);
}

#[test]
fn syncing_twice_asks_the_disk_once() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append(&spool, &[reading(0, 0)]);
    spool.acknowledge(Position(1)).unwrap();
    spool.sync().unwrap();
    disk.fail_sync(true);
    spool.sync().expect("nothing to sync, nothing to fail");
}

#[test]
fn what_recovery_found_is_synced_before_it_is_built_on() {
    let disk = CrashingDisk::default();
    append_each(&open(&disk), 0..100); // As after a kill: all of it is in the page cache only.
    let spool = open(&disk);
    append_each(&spool, 100..120);
    drop(spool);
    disk.cut_power(3);
    let numbers: Vec<_> = waiting(&open(&disk)).iter().map(|sample| sample.seq.0).collect();
    assert_eq!(numbers[..100], (1..=100).collect::<Vec<_>>());
}

#[test]
fn numbering_survives_a_power_cut_right_after_the_segments_that_knew_it_were_removed() {
    for seed in 0..50 {
        let disk = CrashingDisk::default();
        let spool = open(&disk);
        append(&spool, &[reading(0, 0), reading(1, 1), reading(2, 2)]);
        spool.sync().unwrap();
        append_each(&spool, 3..40);
        spool.acknowledge(spool.end()).unwrap();
        assert_eq!(disk.segments().len(), 1);
        drop(spool);
        disk.cut_power(seed);
        let names: Vec<_> = open(&disk).heads().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 3, "seed {seed}");
    }
}

#[test]
fn no_segment_is_removed_while_the_newest_cannot_be_synced() {
    let disk = CrashingDisk::default();
    let spool = open(&disk);
    append_each(&spool, 0..40);
    let segments = disk.segments();
    disk.fail_sync(true);
    assert!(spool.acknowledge(spool.end()).is_err());
    assert_eq!((disk.segments(), spool.cursor()), (segments, spool.end()));
    disk.fail_sync(false);
    append_each(&spool, 40..41);
    spool.acknowledge(spool.end()).unwrap();
    assert_eq!(disk.segments().len(), 1);
}
