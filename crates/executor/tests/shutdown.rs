//! How an executor ends, what it reports, and the mistakes of its predecessor.

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::sync_channel,
    },
    thread,
    time::Duration,
};

use executor::{JobError, SubmitError, WhenFull};
use support::{builder, plug, pool};

#[test]
fn ten_jobs_that_pause_are_all_done_after_a_drain() {
    let executor = pool(4, 16);
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..10 {
        let done = Arc::clone(&done);
        let job = move || {
            thread::park_timeout(Duration::from_millis(5));
            done.fetch_add(1, Relaxed);
        };
        executor.submitter().detach(job).unwrap();
    }
    assert_eq!(executor.drain().processed, 10);
    assert_eq!(done.load(Relaxed), 10);
}

#[test]
fn after_close_jobs_come_back_and_what_was_queued_runs() {
    let executor = pool(1, 4);
    let plugged = plug(&executor);
    let queued = executor.submit(|| 1).unwrap();
    executor.close();
    match executor.submit(|| 2) {
        Err(SubmitError::Closed { job }) => assert_eq!(job(), 2),
        _ => panic!("closed"),
    }
    drop(plugged);
    assert_eq!(queued.join(), Ok(1));
}

#[test]
fn close_wakes_a_submitter_that_waits_for_room() {
    let executor = pool(1, 1);
    let plugged = plug(&executor);
    executor.submitter().detach(|| ()).unwrap();
    thread::scope(|scope| {
        let waiting =
            scope.spawn(|| matches!(executor.submit(|| 1), Err(SubmitError::Closed { .. })));
        executor.close();
        assert!(waiting.join().unwrap());
    });
    drop(plugged);
}

#[test]
fn a_job_that_hangs_is_named_and_left_behind_and_the_rest_given_up() {
    let executor = pool(1, 8);
    let _plugged = plug(&executor);
    let waiting = executor.submitter().name("calibrate").submit(|| 1).unwrap();
    let strand = executor.submitter().key(1);
    let keyed = [strand.submit(|| 2).unwrap(), strand.submit(|| 3).unwrap()];
    let report = executor.drain_for(Duration::from_millis(2));
    assert!(!report.is_complete());
    assert_eq!(report.unfinished.len(), 1);
    assert_eq!(report.unfinished[0].name, Some("plug"));
    assert_eq!((report.discarded, report.names), (3, vec!["calibrate"]));
    assert_eq!((report.metrics.cancelled, report.metrics.queued), (3, 0));
    assert_eq!(waiting.join(), Err(JobError::Cancelled));
    assert_eq!(
        keyed.map(executor::JobHandle::join),
        [Err(JobError::Cancelled), Err(JobError::Cancelled)]
    );
}

#[test]
fn drain_for_returns_as_soon_as_all_is_done() {
    let executor = pool(2, 8);
    let handle = executor.submit(|| 1).unwrap();
    let report = executor.drain_for(Duration::from_hours(1));
    assert!(report.is_complete());
    assert_eq!((handle.join(), report.metrics.workers), (Ok(1), 0));
}

#[test]
fn abort_starts_nothing_more() {
    let executor = pool(1, 8);
    let plugged = plug(&executor);
    let waiting = executor.submit(|| 1).unwrap();
    let report = executor.abort();
    assert_eq!((report.discarded, report.unfinished.len()), (1, 1));
    assert_eq!(waiting.join(), Err(JobError::Cancelled));
    drop(plugged);
}

#[test]
fn dropping_the_executor_joins_its_threads() {
    // The predecessor detached them: a job could outlive what it used.
    let held = Arc::new(());
    let executor = pool(3, 8);
    for _ in 0..3 {
        let held = Arc::clone(&held);
        executor.submitter().detach(move || drop(held)).unwrap();
    }
    drop(executor);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn stopping_while_workers_go_to_sleep_never_hangs() {
    // The predecessor set its stop flag outside the lock: a worker between check and sleep missed it.
    for _ in 0..200 {
        let executor = pool(3, 8);
        executor.submitter().detach(|| ()).unwrap();
        executor.drain();
    }
}

#[test]
fn every_idle_worker_leaves_at_a_stop() {
    // The predecessor's wait did not look at the flag, and its notification woke one worker only.
    let executor = pool(8, 8);
    while executor.metrics().idle < 8 {
        thread::yield_now();
    }
    assert_eq!(executor.drain().workers, 0);
}

#[test]
fn a_submit_between_two_sleeps_always_finds_a_worker() {
    // The hunt for a lost wake-up: the worker goes to sleep exactly while the next job comes.
    let executor = pool(2, 8);
    for number in 0..20_000_u32 {
        assert_eq!(executor.submit(move || number).unwrap().join(), Ok(number));
    }
}

#[test]
fn jobs_behind_a_long_one_are_stolen_from_its_batch() {
    let executor = pool(2, 64);
    let (plugged, other) = (plug(&executor), plug(&executor));
    let gate = Arc::new(Barrier::new(2));
    let inside = Arc::clone(&gate);
    executor
        .submitter()
        .detach(move || {
            inside.wait();
        })
        .unwrap();
    let handles: Vec<_> = (0..20).map(|n| executor.submit(move || n).unwrap()).collect();
    drop((plugged, other));
    for (number, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.join(), Ok(number));
    }
    gate.wait();
}

#[test]
fn coalesced_wakes_delay_patient_jobs_and_nothing_is_lost() {
    let window = Duration::from_millis(1);
    let executor = builder(2, 8).coalesce(executor::Priority::Medium, window).build().unwrap();
    let (done, jobs) = sync_channel(1);
    for number in 0..200 {
        let done = done.clone();
        executor.submitter().detach(move || done.send(number).unwrap()).unwrap();
        assert_eq!(jobs.recv(), Ok(number));
        assert_eq!(executor.submit(move || number).unwrap().join(), Ok(number));
    }
}

#[test]
fn four_producers_against_a_tiny_queue_lose_nothing() {
    let executor = pool(3, 2);
    let ran = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    let ran = Arc::clone(&ran);
                    let job = move || {
                        ran.fetch_add(1, Relaxed);
                    };
                    executor.submitter().when_full(WhenFull::Block).detach(job).unwrap();
                }
            });
        }
    });
    let totals = executor.drain();
    assert_eq!((ran.load(Relaxed), totals.processed, totals.queued), (20_000, 20_000, 0));
    assert_eq!((totals.run_time.count(), totals.queue_wait.count()), (20_000, 20_000));
}

#[test]
fn a_job_that_drains_its_own_pool_waits_for_the_others_only() {
    let executor = pool(2, 8);
    let (give, given) = sync_channel::<executor::Executor>(1);
    let (tell, told) = sync_channel(1);
    let job = move || {
        let executor = given.recv().unwrap();
        let report = executor.drain_for(Duration::from_mins(1));
        tell.send(report.unfinished.len()).unwrap();
    };
    executor.submitter().detach(job).unwrap();
    give.send(executor).unwrap();
    let unfinished = told.recv_timeout(Duration::from_secs(10));
    assert_eq!(unfinished, Ok(1), "the job itself");
}

/// A job that is not timed has no start of its own; it runs all the same.
#[test]
fn a_job_that_hangs_is_reported_also_if_it_is_not_timed() {
    for position in 8..16 {
        let executor = builder(1, 4096).timing(executor::Timing::Sampled).build().unwrap();
        for _ in 0..2000 {
            executor.submitter().detach(|| ()).unwrap();
        }
        let plugged = plug(&executor);
        let (started, starts) = sync_channel(1);
        let (release, released) = sync_channel::<()>(1);
        (0..position).for_each(|_| executor.submitter().detach(|| ()).unwrap());
        let hangs = move || {
            started.send(()).unwrap();
            released.recv().unwrap();
        };
        executor.submitter().detach(hangs).unwrap();
        drop(plugged);
        starts.recv().unwrap();
        let report = executor.abort();
        release.send(()).unwrap();
        assert_eq!(report.unfinished.len(), 1, "position {position}");
        assert!(report.unfinished[0].running_for < Duration::from_secs(60));
    }
}

#[test]
fn what_a_hung_strand_has_in_hand_is_given_up_and_reported() {
    let executor = pool(1, 64);
    let plugged = plug(&executor);
    let strand = executor.submitter().key(1);
    let (started, starts) = sync_channel(1);
    let (release, released) = sync_channel::<()>(1);
    let hangs = move || {
        started.send(()).unwrap();
        let _ = released.recv();
    };
    strand.detach(|| ()).unwrap();
    strand.detach(hangs).unwrap();
    let behind =
        [1, 2, 3].map(|number| strand.clone().name("behind").submit(move || number).unwrap());
    drop(plugged);
    starts.recv().unwrap();
    assert_eq!(executor.metrics().queued, 3);
    let report = executor.abort();
    assert_eq!((report.discarded, report.names), (3, vec!["behind"; 3]));
    assert_eq!((report.metrics.cancelled, report.metrics.queued), (3, 0));
    for handle in behind {
        let outcome = handle.join_timeout(Duration::from_secs(2));
        assert_eq!(outcome.ok(), Some(Err(JobError::Cancelled)));
    }
    drop(release);
}

#[test]
fn an_abort_amid_strands_leaves_nothing_queued_and_counts_every_job() {
    for round in 0..200 {
        let executor = pool(2, 256);
        let ran = Arc::new(AtomicUsize::new(0));
        for number in 0..200_u64 {
            let ran = Arc::clone(&ran);
            let job = move || {
                ran.fetch_add(1, Relaxed);
                if number % 16 == 0 {
                    thread::park_timeout(Duration::from_micros(20));
                }
            };
            executor.submitter().key(number % 3).detach(job).unwrap();
        }
        let report = executor.abort();
        let (metrics, running) = (&report.metrics, report.unfinished.len() as u64);
        let known = metrics.processed + report.discarded as u64 + running;
        // A job that ends between the two looks is in both.
        assert!(
            (200..=200 + running).contains(&known),
            "round {round}: {known} of 200: {report:?}"
        );
        assert_eq!((metrics.queued, metrics.queued_by_priority), (0, [0; 4]), "round {round}");
    }
}
