//! A disk that others fill: what is left free, what goes, and what goes on all the same.

use super::*;

/// How much of the disk is free, in bytes.
fn free(disk: &CrashingDisk) -> u64 {
    disk.free().unwrap()
}

#[test]
fn appends_leave_room_free_and_the_oldest_samples_make_it() {
    let disk = CrashingDisk::default();
    disk.set_room(Some(5_000));
    let spool = open_with(&disk, Options { free_min: 1_500, ..SMALL });
    let mut evicted = 0;
    for n in 0..500 {
        evicted += append(&spool, &[reading(0, n)]);
        assert!(free(&disk) >= 1_500 - 128, "but for the header of a new segment");
    }
    assert!(evicted > 0);
    assert_eq!((spool.count().evicted, waiting(&spool).len() as u64), (evicted, 500 - evicted));
}

#[test]
fn what_is_acknowledged_makes_room_before_anything_that_waits() {
    let disk = CrashingDisk::default();
    append_each(&open_with(&disk, RETAINING), 0..100);
    let spool = open_with(&disk, Options { free_min: 1_500, ..RETAINING });
    spool.acknowledge(Position(90)).unwrap();
    let retained = spool.count().retained;
    assert!(retained > 1_000);
    disk.set_room(Some(1_500));
    for n in 100..110 {
        assert_eq!(append(&spool, &[reading(0, n)]), 0);
    }
    assert!(spool.count().retained < retained && free(&disk) >= 1_500 - 128);
    assert_eq!(waiting(&spool).len(), 20);
}

#[test]
fn nothing_that_waits_is_evicted_in_vain() {
    let disk = CrashingDisk::default();
    append_each(&open_with(&disk, RETAINING), 0..100);
    let spool = open_with(&disk, Options { free_min: 100_000, ..RETAINING });
    spool.acknowledge(Position(60)).unwrap();
    assert!(spool.count().retained > 0);
    disk.set_room(Some(1_000));
    let refused = spool.append(&[reading(0, 100)]).unwrap_err();
    assert!(matches!(refused, SpoolError::Full(_)));
    assert_eq!((waiting(&spool).len(), spool.count().evicted), (40, 0));
    assert_eq!(spool.count().retained, 0, "nobody waits for it");
    disk.set_room(None);
    append(&spool, &[reading(0, 100)]);
}

#[test]
fn the_disk_is_asked_once_for_many_appends() {
    let disk = CrashingDisk::default();
    let spool = open_with(&disk, Options { free_min: 1, ..SMALL });
    append_each(&spool, 0..500);
    assert_eq!(disk.asked_free(), 1, "less than 64 KiB were written");
}

#[test]
fn on_a_disk_full_to_the_last_byte_appending_goes_on_as_long_as_delivery_does() {
    for free_min in [0, 3_000] {
        let disk = CrashingDisk::default();
        let options = Options { free_min, reserve: 256, ..SMALL };
        let spool = open_with(&disk, options);
        append_each(&spool, 0..5);
        spool.acknowledge(spool.end()).unwrap();
        disk.set_room(Some(0));
        for n in 5..200 {
            append(&spool, &[reading(0, n)]);
            assert_eq!(waiting(&spool).len(), 1, "sample {n}");
            spool.acknowledge(spool.end()).unwrap();
        }
        let on_disk: usize = disk.contents().values().map(Vec::len).sum();
        assert_eq!(spool.count().bytes, on_disk as u64);
        drop(spool);
        let spool = open_with(&disk, options);
        append(&spool, &[reading(0, 200)]);
        assert_eq!(waiting(&spool)[0].seq, SequenceNumber(201));
    }
}

#[test]
fn without_delivery_a_full_disk_refuses_until_what_waits_is_acknowledged() {
    let disk = CrashingDisk::default();
    let spool = open_with(&disk, Options { reserve: 256, ..SMALL });
    append_each(&spool, 0..5);
    disk.set_room(Some(0));
    let mut n = 5;
    while spool.append(&[reading(0, n)]).is_ok() {
        n += 1;
    }
    assert!(n > 5, "the reserve gave nothing");
    assert_eq!(waiting(&spool).len() as u64, n, "and nothing was lost");
    spool.acknowledge(spool.end()).unwrap();
    append_each(&spool, n..n + 2);
    assert_eq!(waiting(&spool).len(), 2);
}

#[test]
fn a_power_cut_on_a_full_disk_costs_no_more_than_on_any_other() {
    for seed in 0..50 {
        let disk = CrashingDisk::default();
        let options = Options { reserve: 256, ..SMALL };
        let spool = open_with(&disk, options);
        disk.set_room(Some(0));
        for n in 0..30 {
            spool.acknowledge(spool.end()).unwrap();
            append(&spool, &[reading(0, n)]);
            spool.sync().unwrap();
        }
        drop(spool);
        disk.cut_power(seed);
        let spool = open_with(&disk, options);
        assert_eq!(waiting(&spool).last().map(|sample| sample.seq.0), Some(30), "seed {seed}");
    }
}

#[test]
fn a_reserve_that_is_no_longer_wanted_goes() {
    let disk = CrashingDisk::default();
    drop(open_with(&disk, Options { reserve: 256, ..SMALL }));
    assert_eq!(disk.contents()[reserve::NAME].len(), 256);
    drop(open_with(&disk, Options { reserve: 100, ..SMALL }));
    assert_eq!(disk.contents()[reserve::NAME].len(), 100);
    let spool = open(&disk);
    assert!(!disk.contents().contains_key(reserve::NAME));
    let on_disk: usize = disk.contents().values().map(Vec::len).sum();
    assert_eq!(spool.count().bytes, on_disk as u64);
}
