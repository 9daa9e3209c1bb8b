//! Keyed jobs: order, exclusion, parallelism, and nothing left behind.

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        mpsc::sync_channel,
    },
    thread,
};

use executor::{JobError, Key, Priority, SubmitError, WhenFull};
use support::{Log, builder, plug, pool};

#[test]
fn jobs_of_one_key_run_in_order_whatever_their_priority() {
    let executor = pool(4, 64);
    let log = Log::new();
    for number in 0..1000 {
        let priority = Priority::ALL[number % 4];
        executor.submitter().key(7).priority(priority).detach(log.writes(number)).unwrap();
    }
    executor.drain();
    assert_eq!(log.read(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn jobs_of_one_key_never_run_at_the_same_time() {
    let executor = pool(4, 64);
    let running: Arc<[AtomicBool; 3]> = Arc::default();
    let overlaps = Arc::new(AtomicUsize::new(0));
    for number in 0..3000 {
        let (running, overlaps) = (Arc::clone(&running), Arc::clone(&overlaps));
        let job = move || {
            let mine = &running[number % 3];
            overlaps.fetch_add(usize::from(mine.swap(true, Relaxed)), Relaxed);
            thread::yield_now();
            mine.store(false, Relaxed);
        };
        executor.submitter().key((number % 3) as u64).detach(job).unwrap();
    }
    assert_eq!(executor.drain().processed, 3000);
    assert_eq!(overlaps.load(Relaxed), 0);
}

#[test]
fn different_keys_run_in_parallel() {
    let executor = pool(2, 8);
    let both = Arc::new(Barrier::new(2));
    let handles = [1, 2].map(|key| {
        let both = Arc::clone(&both);
        // Passes only if the other job runs at the same time.
        executor.submitter().key(key).submit(move || both.wait().is_leader()).unwrap()
    });
    let leaders = handles.map(|handle| usize::from(handle.join().unwrap()));
    assert_eq!(leaders.iter().sum::<usize>(), 1);
}

#[test]
fn a_million_keys_come_and_go_and_leave_nothing() {
    let executor = pool(2, 1024);
    let keys = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    for key in 0..keys {
        executor.submitter().key(key).detach(|| ()).unwrap();
        assert!(key % 1000 != 0 || executor.metrics().keys <= 2048);
    }
    executor.close();
    while executor.metrics().workers > 0 {
        thread::yield_now();
    }
    let rest = executor.metrics();
    assert_eq!((rest.keys, rest.queued, rest.processed), (0, 0, keys));
}

#[test]
fn waiting_for_a_key_counts_against_the_capacity() {
    let executor = pool(2, 3);
    let _plugged = plug(&executor);
    let gate = Arc::new(Barrier::new(2));
    let strand = executor.submitter().key(1).when_full(WhenFull::Reject);
    let (started, inside) = (Arc::new(Barrier::new(2)), Arc::clone(&gate));
    let starts = Arc::clone(&started);
    let blocker = move || {
        starts.wait();
        inside.wait();
    };
    strand.detach(blocker).unwrap();
    started.wait();
    for _ in 0..3 {
        strand.detach(|| ()).unwrap();
    }
    assert_eq!(executor.metrics().queued, 3);
    assert!(matches!(strand.detach(|| ()), Err(SubmitError::Full { .. })));
    gate.wait();
}

#[test]
fn run_in_caller_refuses_a_keyed_job_since_its_turn_may_not_have_come() {
    let executor = pool(1, 1);
    let _plugged = plug(&executor);
    let strand = executor.submitter().key(1).when_full(WhenFull::RunInCaller);
    strand.detach(|| ()).unwrap();
    assert!(matches!(strand.detach(|| ()), Err(SubmitError::Full { .. })));
}

#[test]
fn evicting_from_a_strand_takes_its_oldest_and_keeps_the_rest_in_order() {
    let executor = pool(1, 3);
    let (log, plugged) = (Log::new(), plug(&executor));
    let strand = executor.submitter().key(1).when_full(WhenFull::DropOldest);
    let first = strand.submit(log.writes(0)).unwrap();
    for number in 1..5 {
        strand.detach(log.writes(number)).unwrap();
    }
    assert_eq!(first.join(), Err(JobError::Evicted));
    drop(plugged);
    let totals = executor.drain();
    assert_eq!((log.read(), totals.dropped), (vec![2, 3, 4], 2));
}

#[test]
fn a_panic_does_not_stop_its_strand() {
    let executor = pool(1, 8);
    let strand = executor.submitter().key(Key::of("boiler"));
    let broken = strand.submit(|| panic!("scale")).unwrap();
    let next = strand.submit(|| 2).unwrap();
    assert!(matches!(broken.join(), Err::<(), _>(JobError::Panicked { .. })));
    assert_eq!(next.join(), Ok(2));
}

#[test]
fn a_result_whose_drop_panics_does_not_stop_its_strand() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let executor = pool(1, 8);
    let plugged = plug(&executor);
    let strand = executor.submitter().key(1);
    strand.submit(|| Grenade).unwrap().detach();
    let next = strand.submit(|| 2).unwrap();
    drop(plugged);
    assert_eq!(next.join(), Ok(2));
}

/// A turn is measured in time, also where most jobs are not timed.
#[test]
fn a_strand_has_its_whole_turn_when_jobs_are_not_timed() {
    let executor = builder(1, 4096).timing(executor::Timing::Sampled).build().unwrap();
    let log = Log::new();
    let plugged = plug(&executor);
    for key in [1, 2] {
        for _ in 0..500 {
            executor.submitter().key(key).detach(log.writes(key)).unwrap();
        }
    }
    drop(plugged);
    executor.drain();
    let turns = log.read().windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(turns < 200, "{turns} turns for 1000 jobs");
}

/// A runner takes a handful out of its strand; what its turn is too short for it puts back, and that may
/// be beyond the capacity.
#[test]
fn a_strand_puts_no_more_back_than_a_handful_beyond_the_capacity() {
    let executor = pool(1, 40);
    let plugged = plug(&executor);
    let strand = executor.submitter().key(1);
    let (started, starts) = sync_channel(1);
    let (release, released) = sync_channel::<()>(1);
    let long = move || {
        started.send(()).unwrap();
        released.recv().unwrap();
    };
    strand.detach(|| ()).unwrap();
    strand.detach(long).unwrap();
    (0..38).for_each(|_| strand.detach(|| ()).unwrap());
    drop(plugged);
    starts.recv().unwrap();
    // A handful of 32 is in hand: one runs, 31 wait, and 7 of the strand have their places.
    assert_eq!(executor.metrics().queued, 38);
    let (held, holds) = sync_channel(1);
    let (let_go, gone) = sync_channel::<()>(1);
    let holder = move || {
        held.send(()).unwrap();
        let _ = gone.recv();
    };
    executor.submitter().detach(holder).unwrap();
    let reject = executor.submitter().when_full(WhenFull::Reject);
    let mut accepted = 1;
    while reject.detach(|| ()).is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, 33);
    release.send(()).unwrap();
    holds.recv().unwrap();
    assert_eq!(executor.metrics().queued, 40 + 31 - 1);
    assert!(matches!(reject.detach(|| ()), Err(SubmitError::Full { .. })));
    drop(let_go);
    assert_eq!(executor.drain().processed, 1 + 40 + 33);
}
