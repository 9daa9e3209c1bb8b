//! Loom models: the shipped code under every interleaving within a bound.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p executor --lib --release models`
//!
//! Each model says its bound: how many threads, jobs and preemptions. Time stands still in them,
//! so no timer can hide a lost wake-up: it would be a deadlock, which loom reports.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use loom::thread;

use crate::{
    cell,
    error::Abandoned,
    handle,
    job::{Detached, Job},
    policy::{Priority, Timing, WhenFull},
    pool::{Admission, Order, Pool, Settings},
    scope::{Jobs, Stub},
    strand::{Key, Leader},
    sync::AtomicBool,
    worker::{self, Crew},
};

const ORDER: Order = Order { priority: Priority::Medium, when_full: WhenFull::Block, prompt: true };

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn pool(workers: usize, capacity: usize) -> Arc<Pool> {
    let settings = Settings {
        capacity,
        workers,
        places: workers,
        nap: Duration::ZERO,
        patient: [false; 4],
        timing: Timing::Exact,
        slow: u64::MAX,
        trace: 0,
        warn_at: usize::MAX,
    };
    Arc::new(Pool::new(settings, Crew::default(), None))
}

/// Starts a worker as `worker::hire` does, without the thread's name and options.
fn hire(pool: &Arc<Pool>) -> thread::JoinHandle<()> {
    let place = pool.lock().occupy().unwrap();
    let pool = Arc::clone(pool);
    thread::spawn(move || worker::run(&pool, place))
}

/// Counts without loom's seeing it: the models are about the pool, not about this.
type Count = Arc<AtomicUsize>;

fn job(count: &Count) -> Job {
    let count = Arc::clone(count);
    let add = move || {
        count.fetch_add(1, Relaxed);
    };
    Job::new(Detached(add), 1, None)
}

fn submit(pool: &Pool, job: Job) {
    assert!(matches!(pool.submit(job, ORDER), Admission::Accepted));
}

fn close_and_join(pool: &Pool, workers: Vec<thread::JoinHandle<()>>) {
    pool.close();
    for worker in workers {
        worker.join().unwrap();
    }
}

/// One worker, one submitter, two jobs, then shutdown; 5 preemptions.
#[test]
fn submit_meets_park() {
    check(5, || {
        let (pool, count) = (pool(1, 2), Count::default());
        let workers = vec![hire(&pool)];
        submit(&pool, job(&count));
        submit(&pool, job(&count));
        close_and_join(&pool, workers);
        assert_eq!(count.load(Relaxed), 2);
    });
}

/// Two workers, one submitter, a job each way through a sleep; 3 preemptions.
#[test]
fn submit_meets_two_workers_that_park() {
    check(3, || {
        let (pool, count) = (pool(2, 2), Count::default());
        let workers = vec![hire(&pool), hire(&pool)];
        submit(&pool, job(&count));
        submit(&pool, job(&count));
        close_and_join(&pool, workers);
        assert_eq!(count.load(Relaxed), 2);
    });
}

/// Two workers asleep or not, two jobs each of which waits until both run: neither may be left
/// behind the other in a batch while a worker sleeps; 3 preemptions.
#[test]
fn two_jobs_that_need_each_other_find_two_workers() {
    check(3, || {
        let pool = pool(2, 2);
        let workers = vec![hire(&pool), hire(&pool)];
        let (to, from) = loom::sync::mpsc::channel();
        submit(&pool, Job::new(Detached(move || from.recv().unwrap()), 1, None));
        submit(&pool, Job::new(Detached(move || to.send(()).unwrap()), 1, None));
        close_and_join(&pool, workers);
    });
}

/// The same after each worker may have run a job, which in a model makes a flood: one may rest while
/// the other works, and must come back for the job that is waited for; 2 preemptions.
#[test]
fn a_rest_leaves_no_job_behind() {
    check(2, || {
        let (pool, count) = (pool(2, 4), Count::default());
        let workers = vec![hire(&pool), hire(&pool)];
        submit(&pool, job(&count));
        submit(&pool, job(&count));
        let (to, from) = loom::sync::mpsc::channel();
        submit(&pool, Job::new(Detached(move || from.recv().unwrap()), 1, None));
        submit(&pool, Job::new(Detached(move || to.send(()).unwrap()), 1, None));
        close_and_join(&pool, workers);
        assert_eq!(count.load(Relaxed), 2);
    });
}

/// A worker with a batch of two, a thief, and jobs still in the queue; 3 preemptions.
#[test]
fn a_batch_is_stolen_from_while_its_owner_works_it_off() {
    check(3, || {
        let (pool, count) = (pool(2, 4), Count::default());
        for _ in 0..4 {
            submit(&pool, job(&count));
        }
        let workers = vec![hire(&pool), hire(&pool)];
        close_and_join(&pool, workers);
        assert_eq!(count.load(Relaxed), 4);
    });
}

/// A queue of one, two submitters of two jobs, one worker; 3 preemptions.
#[test]
fn submitters_wait_for_room_and_get_it() {
    check(3, || {
        let (pool, count) = (pool(1, 1), Count::default());
        let workers = vec![hire(&pool)];
        let (other, others) = (Arc::clone(&pool), Arc::clone(&count));
        let submitter = thread::spawn(move || {
            submit(&other, job(&others));
            submit(&other, job(&others));
        });
        submit(&pool, job(&count));
        submit(&pool, job(&count));
        submitter.join().unwrap();
        close_and_join(&pool, workers);
        assert_eq!(count.load(Relaxed), 4);
    });
}

/// A submitter races with the shutdown: its job is run or refused, never lost; 5 preemptions.
#[test]
fn shutdown_meets_submit() {
    check(5, || {
        let (pool, count) = (pool(1, 1), Count::default());
        let workers = vec![hire(&pool)];
        let (other, others) = (Arc::clone(&pool), Arc::clone(&count));
        let submitter = thread::spawn(move || {
            usize::from(matches!(other.submit(job(&others), ORDER), Admission::Accepted))
        });
        close_and_join(&pool, workers);
        assert_eq!(count.load(Relaxed), submitter.join().unwrap());
    });
}

/// Three jobs of one key from two submitters, two workers: none lost, never two at once, and the
/// strand is gone at the end; 5 preemptions.
#[test]
fn a_strand_is_handed_over() {
    check(3, || {
        let (pool, count) = (pool(2, 4), Count::default());
        let running = Arc::new(AtomicUsize::new(0));
        let keyed = |count: &Count| {
            let (count, running) = (Arc::clone(count), Arc::clone(&running));
            let body = move || {
                assert_eq!(running.fetch_add(1, Relaxed), 0, "two jobs of one key at once");
                thread::yield_now();
                running.fetch_sub(1, Relaxed);
                count.fetch_add(1, Relaxed);
            };
            Leader { key: Key::new(1), task: Detached(body) }
        };
        let workers = vec![hire(&pool), hire(&pool)];
        for _ in 0..3 {
            assert!(pool.submit_keyed(keyed(&count), 1, None, ORDER).is_ok());
        }
        close_and_join(&pool, workers);
        assert_eq!(count.load(Relaxed), 3);
        assert_eq!(pool.strands.len(), 0);
    });
}

/// A patient job, a napper, and the nap's end; 5 preemptions.
#[test]
fn a_nap_loses_no_job() {
    check(5, || {
        let mut settings = pool(1, 2).settings.clone();
        settings.nap = Duration::from_secs(1);
        settings.patient = [true; 4];
        let pool = Arc::new(Pool::new(settings, Crew::default(), None));
        let count = Count::default();
        let workers = vec![hire(&pool)];
        assert!(matches!(
            pool.submit(job(&count), Order { prompt: false, ..ORDER }),
            Admission::Accepted
        ));
        submit(&pool, job(&count));
        close_and_join(&pool, workers);
        assert_eq!(count.load(Relaxed), 2);
    });
}

/// A result is published while its handle waits, unbounded.
#[test]
fn a_result_reaches_who_waits() {
    loom::model(|| {
        let (pool, payload) = (pool(1, 1), Arc::new(7));
        let held = Arc::clone(&payload);
        let (pending, receiver) = cell::cell(move || held, 1, false);
        let runner = thread::spawn(move || {
            worker::run_job(&pool, &pool.outside, Job::new(pending, 1, None), 1);
        });
        assert_eq!(handle::wait(receiver), Ok(Arc::clone(&payload)));
        runner.join().unwrap();
        assert_eq!(Arc::strong_count(&payload), 1, "the result was leaked");
    });
}

/// A handle is dropped, or cancels, while the job runs: run or not, nothing leaks; unbounded.
#[test]
fn a_handle_goes_while_its_job_runs() {
    for cancel in [false, true] {
        loom::model(move || {
            let (pool, payload) = (pool(1, 1), Arc::new(7));
            let held = Arc::clone(&payload);
            let (pending, receiver) = cell::cell(move || held, 1, false);
            let runner = thread::spawn(move || {
                worker::run_job(&pool, &pool.outside, Job::new(pending, 1, None), 1);
            });
            if cancel {
                drop(receiver.cancel());
            } else {
                drop(receiver);
            }
            runner.join().unwrap();
            assert_eq!(Arc::strong_count(&payload), 1, "closure or result was leaked");
        });
    }
}

/// A handle runs its job itself while the queue's side gives it up; unbounded.
#[test]
fn a_job_is_run_by_its_handle_or_given_up_and_not_both() {
    loom::model(|| {
        let count = Count::default();
        let counted = Arc::clone(&count);
        let (pending, receiver) = cell::cell(move || counted.fetch_add(1, Relaxed), 1, false);
        let queue = thread::spawn(move || {
            Job::new(pending, 1, None).abandon(Abandoned::Evicted, None);
        });
        let ran = match receiver.steal() {
            Ok(stolen) => stolen.run().is_ok(),
            Err(receiver) => handle::wait(receiver).is_ok(),
        };
        queue.join().unwrap();
        assert_eq!(count.load(Relaxed), usize::from(ran));
    });
}

/// The end of a scope, on a thread that helps, meets the worker that comes to the job's stub: it runs
/// once, so does the one that it submits meanwhile and waits for, and the end is not before theirs; 2
/// preemptions.
#[test]
fn the_end_of_a_scope_meets_a_worker() {
    check(2, || {
        let (pool, count, jobs) = (pool(1, 2), Count::default(), Jobs::new());
        let workers = vec![hire(&pool)];
        let again = (Arc::clone(&pool), Arc::clone(&jobs), Arc::clone(&count));
        let first = move || {
            let (pool, jobs, count) = again;
            let (to, from) = loom::sync::mpsc::channel();
            scoped(&pool, &jobs, Job::new(Detached(move || to.send(()).unwrap()), 1, None));
            from.recv().unwrap();
            count.fetch_add(1, Relaxed);
        };
        scoped(&pool, &jobs, Job::new(Detached(first), 1, None));
        jobs.end(Some((&pool, &pool.outside)));
        assert_eq!(count.load(Relaxed), 1);
        close_and_join(&pool, workers);
    });
}

fn scoped(pool: &Pool, jobs: &Arc<Jobs>, job: Job) {
    let stub = Stub { number: jobs.add(job), jobs: Arc::clone(jobs) };
    submit(pool, Job::new(stub, 1, None));
}

/// The same where the end only waits, as it does outside of the pool; 3 preemptions.
#[test]
fn the_end_of_a_scope_waits_for_its_jobs() {
    check(3, || {
        let (pool, count, jobs) = (pool(1, 2), Count::default(), Jobs::new());
        let workers = vec![hire(&pool)];
        scoped(&pool, &jobs, job(&count));
        scoped(&pool, &jobs, job(&count));
        jobs.end(None);
        assert_eq!(count.load(Relaxed), 2);
        close_and_join(&pool, workers);
    });
}

/// The watchdog finds a job blocked that may end at any time: nothing of that is left when the worker is
/// done; 3 preemptions.
#[test]
fn a_finding_does_not_outlive_the_job_it_is_about() {
    check(3, || {
        let (pool, runs) = (pool(1, 1), Arc::new(AtomicBool::new(false)));
        let workers = vec![hire(&pool)];
        let (watched, looked_at) = (Arc::clone(&pool), Arc::clone(&runs));
        let watchdog = thread::spawn(move || {
            let seen = watched.places[0].spell.current();
            if looked_at.load(Acquire) {
                let _strength = watched.block(0, |spell| spell.find(seen));
            }
        });
        let body = move || {
            runs.store(true, Release);
            runs.store(false, Release);
        };
        submit(&pool, Job::new(Detached(body), 1, None));
        watchdog.join().unwrap();
        close_and_join(&pool, workers);
        assert_eq!(pool.lock().blocked, 0);
    });
}

/// A strand's worker has jobs in hand while a shutdown gives everything up: each runs or is given up,
/// and no place stays taken; 3 preemptions.
#[test]
fn giving_up_meets_a_strand() {
    check(3, || {
        let (pool, count) = (pool(1, 4), Count::default());
        for _ in 0..3 {
            let counted = Arc::clone(&count);
            let add = move || {
                counted.fetch_add(1, Relaxed);
            };
            let leader = Leader { key: Key::new(1), task: Detached(add) };
            assert!(pool.submit_keyed(leader, 1, None, ORDER).is_ok());
        }
        let workers = vec![hire(&pool)];
        pool.close();
        let given_up = pool.discard();
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(count.load(Relaxed) + given_up.len(), 3);
        assert_eq!((pool.room.taken(), pool.strands.len()), (0, 0));
    });
}
