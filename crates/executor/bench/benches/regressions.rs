//! What each way through the pool costs, for comparing two revisions on one machine:
//! `cargo bench --manifest-path crates/executor/bench/Cargo.toml`, before and after a change.
//!
//! Peers are not here; `cargo xtask bench executor` has them.

use divan::{Bencher, black_box, counter::ItemsCount};
use executor::{Executor, Key, Priority, WhenFull};

/// Jobs of one measurement: they fit the queue.
const JOBS: u64 = 4_000;

fn main() {
    divan::main();
}

fn pool() -> Executor {
    let two = 2.try_into().unwrap();
    Executor::builder().workers(two).capacity(4096.try_into().unwrap()).build().unwrap()
}

/// What the jobs do.
fn consume<T>(value: T) {
    let _ = black_box(value);
}

/// Runs `feed` and waits until the pool has run all that it was fed.
fn drained(bencher: Bencher, jobs: u64, feed: impl Fn(&Executor) + Sync) {
    bencher.counter(ItemsCount::new(jobs)).with_inputs(pool).bench_values(|pool| {
        feed(&pool);
        pool.drain().processed
    });
}

#[divan::bench]
fn detach(bencher: Bencher) {
    drained(bencher, JOBS, |pool| {
        (0..JOBS).for_each(|n| pool.submitter().detach(move || consume(n)).unwrap());
    });
}

#[divan::bench(args = Priority::ALL)]
fn detach_by_priority(bencher: Bencher, priority: Priority) {
    drained(bencher, JOBS, |pool| {
        let submitter = pool.submitter().priority(priority);
        (0..JOBS).for_each(|n| submitter.detach(move || consume(n)).unwrap());
    });
}

#[divan::bench]
fn a_closure_too_large_for_its_line(bencher: Bencher) {
    drained(bencher, JOBS, |pool| {
        let ballast = [7_u64; 16];
        (0..JOBS).for_each(|_| pool.submitter().detach(move || consume(ballast)).unwrap());
    });
}

#[divan::bench]
fn named_with_extras(bencher: Bencher) {
    drained(bencher, JOBS, |pool| {
        let submitter = pool.submitter().name("bench");
        (0..JOBS).for_each(|n| submitter.detach(move || consume(n)).unwrap());
    });
}

#[divan::bench]
fn submit_batch_of_64(bencher: Bencher) {
    drained(bencher, JOBS / 64 * 64, |pool| {
        for _ in 0..JOBS / 64 {
            let jobs = (0..64_u64).map(|n| move || consume(n));
            pool.submitter().submit_batch(jobs).unwrap();
        }
    });
}

#[divan::bench(args = [1, 64, 4_000])]
fn keyed(bencher: Bencher, keys: u64) {
    drained(bencher, JOBS, |pool| {
        for n in 0..JOBS {
            let submitter = pool.submitter().key(Key::new(n % keys));
            submitter.detach(move || consume(n)).unwrap();
        }
    });
}

#[divan::bench]
fn handles_joined_in_order(bencher: Bencher) {
    drained(bencher, JOBS, |pool| {
        let handles: Vec<_> = (0..JOBS).map(|n| pool.submit(move || n).unwrap()).collect();
        handles.into_iter().for_each(|handle| consume(handle.join()));
    });
}

#[divan::bench]
fn eviction_of_the_oldest(bencher: Bencher) {
    let pool = || {
        let one = 1.try_into().unwrap();
        let pool = Executor::builder().workers(one).capacity(64.try_into().unwrap());
        pool.build().unwrap()
    };
    bencher.counter(ItemsCount::new(JOBS)).with_inputs(pool).bench_values(|pool| {
        let submitter = pool.submitter().when_full(WhenFull::DropOldest);
        (0..JOBS).for_each(|n| submitter.detach(move || consume(n)).unwrap());
        pool.drain().dropped
    });
}

#[divan::bench]
fn idle_round_trip(bencher: Bencher) {
    let pool = pool();
    bencher.bench(|| pool.submit(|| 1).unwrap().join().unwrap());
}

#[divan::bench]
fn a_snapshot_of_the_metrics(bencher: Bencher) {
    let pool = pool();
    bencher.bench(|| pool.metrics());
}
