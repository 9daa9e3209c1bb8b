//! The pool from outside: results, panics, the full queue, and shutdown.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use executor::{Executor, JobError, SubmitError};

fn pool(workers: usize, capacity: usize) -> Executor {
    let [workers, capacity] = [workers, capacity].map(|n| NonZeroUsize::new(n).unwrap());
    Executor::builder().workers(workers).capacity(capacity).build().unwrap()
}

/// Occupies the only worker until the returned barrier is passed.
fn occupied(executor: &Executor) -> (Arc<Barrier>, executor::JobHandle<()>) {
    let [started, release] = [2, 2].map(|n| Arc::new(Barrier::new(n)));
    let (inside, gate) = (Arc::clone(&started), Arc::clone(&release));
    let handle = executor.submit(move || {
        inside.wait();
        gate.wait();
    });
    started.wait();
    (release, handle.unwrap())
}

#[test]
fn a_hundred_jobs_in_parallel_each_return_their_own_value() {
    let executor = pool(4, 16);
    let handles: Vec<_> = (0..100).map(|n| executor.submit(move || n * n).unwrap()).collect();
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.join(), Ok(n * n));
    }
    let totals = executor.drain();
    assert_eq!((totals.processed, totals.queued, totals.panicked), (100, 0, 0));
}

#[test]
fn a_panic_reaches_its_handle_and_nothing_else() {
    let executor = pool(1, 4);
    let failing = executor.submit(|| -> u8 { panic!("sensor {} burnt", 3) }).unwrap();
    let panicked = JobError::Panicked { message: "sensor 3 burnt".to_owned() };
    assert_eq!(failing.join(), Err(panicked));
    assert_eq!(executor.submit(|| 1).unwrap().join(), Ok(1));
    let totals = executor.drain();
    assert_eq!((totals.processed, totals.panicked), (2, 1));
}

#[test]
fn a_result_whose_drop_panics_does_not_kill_the_worker() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let executor = pool(1, 4);
    let (release, handle) = occupied(&executor);
    drop(executor.submit(|| Grenade).unwrap());
    release.wait();
    assert_eq!(handle.join(), Ok(()));
    assert_eq!(executor.submit(|| 1).unwrap().join(), Ok(1));
}

#[test]
fn drain_runs_everything_that_was_queued() {
    let executor = pool(2, 64);
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let done = Arc::clone(&done);
        drop(executor.submit(move || done.fetch_add(1, Relaxed)).unwrap());
    }
    assert_eq!(executor.drain().processed, 50);
    assert_eq!(done.load(Relaxed), 50);
}

#[test]
fn a_full_queue_holds_the_submitter_back_and_loses_nothing() {
    let executor = pool(1, 1);
    let (release, _handle) = occupied(&executor);
    drop(executor.submit(|| ()).unwrap());
    assert_eq!(executor.metrics().queued, 1);
    thread::scope(|scope| {
        let blocked = scope.spawn(|| executor.submit(|| 5).unwrap().join());
        release.wait();
        assert_eq!(blocked.join().unwrap(), Ok(5));
    });
}

#[test]
fn a_worker_whose_queue_is_full_gets_its_job_back_instead_of_a_deadlock() {
    let executor = Arc::new(pool(1, 1));
    let inner = Arc::clone(&executor);
    let outcome = executor.submit(move || {
        drop(inner.submit(|| 1).unwrap());
        match inner.submit(|| 2) {
            Err(SubmitError::Full { job, capacity: 1 }) => job(),
            _ => 0,
        }
    });
    assert_eq!(outcome.unwrap().join(), Ok(2));
    assert_eq!(executor.metrics().rejected, 1);
}

#[test]
fn the_last_owner_may_be_one_of_its_own_jobs() {
    let executor = Arc::new(pool(1, 4));
    let (gate, inner) = (Arc::new(Barrier::new(2)), Arc::clone(&executor));
    let wait = Arc::clone(&gate);
    let handle = executor.submit(move || {
        wait.wait();
        drop(inner);
        7
    });
    drop(executor);
    gate.wait();
    assert_eq!(handle.unwrap().join(), Ok(7));
}

#[test]
fn the_executor_and_its_handles_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Executor>();
    crosses::<executor::JobHandle<u8>>();
}
