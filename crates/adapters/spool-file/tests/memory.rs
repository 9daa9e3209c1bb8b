//! Does memory stay flat however much waits? Counted by the allocator itself.
#![expect(unsafe_code, reason = "an allocator that counts is one by the language's own contract")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use ports::{
    Position, Spool,
    contract::spool::{BOOT, reading},
};
use spool_file::{FileSpool, Options};

/// Bytes in use, and the most there were.
static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(used, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const OPTIONS: Options =
    Options { segment_bytes: 64 << 10, bytes_max: 64 << 20, retain: 0, free_min: 0, reserve: 0 };

/// The most memory that opening and draining take, with so many samples waiting, and how many segments
/// there are of them.
fn cost(samples: u64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let spool = FileSpool::open(folder.path(), OPTIONS, BOOT).unwrap();
    for n in (0..samples).step_by(500) {
        let batch: Vec<_> = (n..n + 500).map(|n| reading("a", n)).collect();
        assert_eq!(spool.append(&batch).unwrap().evicted, 0);
    }
    drop(spool);
    let segments = std::fs::read_dir(folder.path()).unwrap().count();
    let before = USED.load(Relaxed);
    MOST.store(before, Relaxed);
    let spool = FileSpool::open(folder.path(), OPTIONS, BOOT).unwrap();
    let mut from = Position(0);
    while from < spool.end() {
        from = spool.backlog(from, 1_024).unwrap().next;
        spool.acknowledge(from).unwrap();
    }
    assert_eq!(spool.count().acknowledged, samples);
    (MOST.load(Relaxed) - before, segments)
}

#[test]
fn opening_and_draining_take_the_same_memory_however_much_waits_but_for_the_list_of_segments() {
    let (few, few_segments) = cost(20_000);
    let (many, many_segments) = cost(200_000);
    assert!(many_segments > few_segments * 5, "{few_segments} and {many_segments} segments");
    let list = (many_segments - few_segments) * 512;
    assert!(many <= few + list, "{few} bytes for {few_segments}, {many} for {many_segments}");
    assert!(few < 2 << 20, "{few} bytes");
}
