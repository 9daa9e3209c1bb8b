//! Does a reader get every sample once and in order while another thread appends and syncs?

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use ports::{
    Spool,
    contract::spool::{BOOT, reading},
};
use spool_file::{FileSpool, Options};

#[test]
fn a_reader_gets_everything_once_and_in_order_while_another_thread_appends() {
    const BATCHES: u64 = 4_000;
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { segment_bytes: 8 * 1024, bytes_max: 4 << 20, retain: 0, free_min: 0, reserve: 0 };
    let spool = FileSpool::open(folder.path(), options, BOOT).unwrap();
    let is_done = AtomicBool::new(false);
    let samples = thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..BATCHES {
                let batch: Vec<_> = (n * 5..n * 5 + 5).map(|n| reading("a", n)).collect();
                assert_eq!(spool.append(&batch).unwrap().evicted, 0);
            }
            is_done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                spool.sync().unwrap();
            }
        });
        let (mut samples, mut from) = (Vec::new(), spool.cursor());
        while from.0 < BATCHES * 5 {
            let run = spool.backlog(from, 33).unwrap();
            assert_eq!(run.next.0, from.0 + run.samples.len() as u64);
            samples.extend(run.samples);
            from = run.next;
            if from.0 % 7 == 0 {
                spool.acknowledge(from).unwrap();
            }
        }
        samples
    });
    assert_eq!(samples.len() as u64, BATCHES * 5);
    for (n, sample) in (0..).zip(&samples) {
        assert_eq!((sample.seq.0, sample.reading), (n + 1, reading("a", n).reading));
    }
    spool.acknowledge(spool.end()).unwrap();
    let count = spool.count();
    assert_eq!((count.acknowledged, count.evicted, count.corrupt), (BATCHES * 5, 0, 0));
    assert!(count.bytes < 16 * 1024, "{} bytes for an empty spool", count.bytes);
}
