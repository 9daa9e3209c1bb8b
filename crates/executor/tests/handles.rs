//! Results: waiting, polling, cancelling, borrowing.

#[path = "support/mod.rs"]
mod support;

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::sync_channel,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use executor::{Executor, JobError, JobHandle, blocking};
use support::{builder, plug, pool};

#[test]
fn try_join_gives_the_handle_back_until_the_job_has_ended() {
    let executor = pool(1, 4);
    let plugged = plug(&executor);
    let handle = executor.submit(|| 5).unwrap();
    let handle = handle.try_join().err().unwrap();
    assert!(!handle.is_finished());
    let handle = handle.join_timeout(Duration::from_millis(1)).err().unwrap();
    drop(plugged);
    assert_eq!(handle.join_timeout(Duration::from_mins(1)).ok().unwrap(), Ok(5));
}

#[test]
fn a_job_cancelled_by_its_handle_never_runs_and_drops_its_closure_at_once() {
    let executor = pool(1, 4);
    let plugged = plug(&executor);
    let witness = Arc::new(());
    let held = Arc::clone(&witness);
    let handle = executor.submit(move || Arc::strong_count(&held)).unwrap();
    assert!(handle.cancel().is_ok());
    assert_eq!(Arc::strong_count(&witness), 1);
    drop(plugged);
    let totals = executor.drain();
    // The plug ran, the cancelled job did not.
    assert_eq!((totals.processed, totals.cancelled), (1, 1));
}

#[test]
fn a_job_that_has_ended_cannot_be_cancelled() {
    let executor = pool(1, 4);
    let handle = executor.submit(|| 5).unwrap();
    executor.drain();
    assert_eq!(handle.cancel().err().unwrap().join(), Ok(5));
}

struct Unpark(thread::Thread, AtomicUsize);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Relaxed);
        self.0.unpark();
    }
}

#[test]
fn a_handle_is_a_future_that_wakes_its_task_once() {
    let executor = pool(1, 4);
    let plugged = plug(&executor);
    let mut handle = pin!(executor.submit(|| 5).unwrap());
    let unpark = Arc::new(Unpark(thread::current(), AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    assert!(handle.as_mut().poll(&mut context).is_pending());
    drop(plugged);
    let result = loop {
        match handle.as_mut().poll(&mut context) {
            Poll::Ready(result) => break result,
            Poll::Pending => thread::park(),
        }
    };
    assert_eq!(result, Ok(5));
    assert!(unpark.1.load(Relaxed) <= 1, "woken {} times", unpark.1.load(Relaxed));
}

#[test]
fn a_dropped_handle_abandons_the_result_and_not_the_job() {
    let executor = pool(1, 4);
    let plugged = plug(&executor);
    let witness = Arc::new(());
    let result = Arc::clone(&witness);
    executor.submit(move || result).unwrap().detach();
    drop(plugged);
    assert_eq!(executor.drain().processed, 2);
    assert_eq!(Arc::strong_count(&witness), 1, "the result was leaked");
}

#[test]
fn joining_from_the_only_worker_runs_the_job_there() {
    let executor = Arc::new(pool(1, 4));
    let inner = Arc::clone(&executor);
    let outer = executor.submit(move || {
        let handle: JobHandle<_> = inner.submit(|| thread::current().id()).unwrap();
        (handle.join().unwrap(), thread::current().id())
    });
    let (ran_in, joined_in) = outer.unwrap().join().unwrap();
    assert_eq!(ran_in, joined_in);
    assert_eq!(executor.metrics().processed, 2);
}

#[test]
fn joining_a_keyed_job_from_the_only_worker_hires_another_for_it() {
    let executor = Arc::new(pool(1, 4));
    let inner = Arc::clone(&executor);
    let outer = executor.submit(move || inner.submitter().key(1).submit(|| 3).unwrap().join());
    assert_eq!(outer.unwrap().join(), Ok(Ok(3)));
}

#[test]
fn a_blocked_worker_is_stood_in_for() {
    let executor = Arc::new(pool(1, 4));
    let inner = Arc::clone(&executor);
    let outer = executor.submit(move || {
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        inner.submitter().detach(move || done.send(4).unwrap()).unwrap();
        blocking(|| wait.recv().unwrap())
    });
    assert_eq!(outer.unwrap().join(), Ok(4));
    assert_eq!(executor.metrics().blocked, 0);
}

#[test]
fn scoped_jobs_borrow_and_the_scope_waits_for_them() {
    let executor = pool(2, 4);
    let mut counts = [0_usize; 8];
    executor.scope(|scope| {
        for (index, count) in counts.iter_mut().enumerate() {
            drop(scope.submit(move || *count = index).unwrap());
        }
    });
    assert_eq!(counts, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_scope_whose_body_panics_still_waits_for_its_jobs() {
    let executor = pool(1, 4);
    let ran = AtomicUsize::new(0);
    let body = || {
        executor.scope(|scope| {
            let job = || {
                thread::yield_now();
                ran.fetch_add(1, Relaxed);
            };
            drop(scope.submit(job).unwrap());
            panic!("body");
        })
    };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    assert!(outcome.is_err());
    assert_eq!(ran.load(Relaxed), 1);
}

#[test]
fn a_scope_inside_the_only_worker_does_not_deadlock() {
    let executor = Arc::new(pool(1, 4));
    let inner = Arc::clone(&executor);
    let outer = executor.submit(move || {
        let data = [1, 2, 3];
        inner.scope(|scope| scope.submit(|| data.iter().sum::<i32>()).unwrap().join())
    });
    assert_eq!(outer.unwrap().join(), Ok(Ok(6)));
}

#[test]
fn a_scope_does_not_wait_for_the_places_of_jobs_that_their_handles_have_run() {
    fn leaves(executor: &Executor, depth: u32) -> u32 {
        if depth == 0 {
            return 1;
        }
        executor.scope(|scope| {
            let halves = [(); 2].map(|()| scope.submit(|| leaves(executor, depth - 1)));
            let done = halves.map(|half| match half {
                Ok(handle) => handle.join().unwrap(),
                Err(refused) => refused.into_job()(),
            });
            done.iter().sum()
        })
    }
    let executor = builder(2, 64).compensation(2).build().unwrap();
    assert_eq!(leaves(&executor, 8), 256);
    assert_eq!(
        executor.scope(|scope| scope.submit(|| leaves(&executor, 8)).unwrap().join()),
        Ok(256)
    );
}

#[test]
fn par_map_reports_a_panic_in_what_the_caller_does_itself() {
    let executor = pool(2, 8);
    executor.close();
    assert_eq!(executor.par_map(&[1, 2, 3], |item| item * 2), Ok(vec![2, 4, 6]));
    let broken = executor.par_map(&[1, 2, 3], |item| assert_ne!(*item, 2));
    assert!(matches!(broken, Err(JobError::Panicked { .. })), "{broken:?}");
}

#[test]
fn par_map_keeps_the_order_and_reports_a_panic() {
    let executor = pool(3, 4);
    let items: Vec<u32> = (0..1000).collect();
    let squares = executor.par_map(&items, |item| item * 2).unwrap();
    assert!(squares.iter().enumerate().all(|(index, square)| *square as usize == 2 * index));
    assert_eq!(executor.par_map(&[] as &[u32], |item| *item), Ok(vec![]));
    let broken = executor.par_map(&items, |item| assert_ne!(*item, 700));
    assert!(matches!(broken, Err(JobError::Panicked { .. })));
}

#[test]
fn cancelling_a_closure_whose_drop_panics_does_not_reach_the_caller() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let executor = pool(1, 4);
    let plugged = plug(&executor);
    let grenade = Grenade;
    let handle = executor.submit(move || drop(grenade)).unwrap();
    let cancelled =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handle.cancel().is_ok()));
    assert_eq!(cancelled.ok(), Some(true));
    drop(plugged);
    assert_eq!(executor.drain().cancelled, 1);
}

/// Two scopes in each, ten deep, and nobody joins: what has not started is run where it is waited for.
#[test]
fn a_tree_of_scopes_that_nobody_joins_does_not_deadlock() {
    fn grow(executor: &Arc<Executor>, leaves: &Arc<AtomicUsize>, depth: u32) {
        if depth == 0 {
            leaves.fetch_add(1, Relaxed);
            return;
        }
        executor.scope(|scope| {
            for _ in 0..2 {
                match scope.submit(|| grow(executor, leaves, depth - 1)) {
                    Ok(handle) => drop(handle),
                    Err(refused) => refused.into_job()(),
                }
            }
        });
    }
    let executor = Arc::new(builder(2, 4096).compensation(2).build().unwrap());
    let leaves = Arc::new(AtomicUsize::new(0));
    let (inner, counted) = (Arc::clone(&executor), Arc::clone(&leaves));
    let root = executor.submit(move || grow(&inner, &counted, 10)).unwrap();
    // Stuck, its jobs hold the executor: nobody waits for them.
    assert_eq!(root.join_timeout(Duration::from_secs(20)).ok(), Some(Ok(())));
    assert_eq!(leaves.load(Relaxed), 1024);
}

#[test]
fn a_scope_whose_body_panics_runs_jobs_that_panic_too() {
    let executor = Arc::new(pool(1, 8));
    let inner = Arc::clone(&executor);
    let outer = executor.submit(move || {
        inner.scope(|scope| {
            for _ in 0..3 {
                drop(scope.submit(|| panic!("job")).unwrap());
            }
            panic!("body");
        });
    });
    let message = "body".to_owned();
    assert_eq!(outer.unwrap().join(), Err::<(), _>(JobError::Panicked { message }));
    assert_eq!(executor.metrics().panicked, 4);
}

/// The jobs of a scope may submit to it, also while its body is over.
#[test]
fn a_scope_waits_for_the_jobs_that_its_jobs_submit() {
    let executor = Arc::new(pool(2, 64));
    let inner = Arc::clone(&executor);
    let outer = executor.submit(move || {
        let ran = AtomicUsize::new(0);
        inner.scope(|scope| {
            for _ in 0..8 {
                let job = || {
                    let again = || {
                        ran.fetch_add(1, Relaxed);
                    };
                    drop(scope.submit(again).unwrap());
                };
                drop(scope.submit(job).unwrap());
            }
        });
        ran.into_inner()
    });
    assert_eq!(outer.unwrap().join_timeout(Duration::from_secs(20)).ok(), Some(Ok(8)));
}

/// What a job has of its scope lives as long as the job.
#[test]
fn a_job_submits_to_its_scope_when_the_body_has_long_returned() {
    let executor = pool(1, 8);
    let ran = AtomicUsize::new(0);
    let (body, body_ends) = sync_channel::<()>(1);
    executor.scope(|scope| {
        let _ends_here = body;
        let ran = &ran;
        let job = move || {
            let _ = body_ends.recv();
            thread::park_timeout(Duration::from_millis(20));
            let again = || {
                ran.fetch_add(1, Relaxed);
            };
            drop(scope.submit(again).unwrap());
        };
        drop(scope.submit(job).unwrap());
    });
    assert_eq!(ran.into_inner(), 1);
}
