//! What a full queue does, what goes first, and what is given up.

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::sync_channel,
    },
    thread,
    time::Duration,
};

use executor::{CancelToken, Executor, JobError, Priority, SubmitError, WhenFull, WhenLate};
use support::{Log, builder, plug, pool, some};

#[test]
fn the_most_urgent_go_first_and_equals_in_order() {
    let executor = pool(1, 16);
    let (log, plugged) = (Log::new(), plug(&executor));
    for (priority, number) in [
        (Priority::Low, 5),
        (Priority::Medium, 3),
        (Priority::Critical, 1),
        (Priority::Medium, 4),
        (Priority::High, 2),
    ] {
        executor.submitter().priority(priority).detach(log.writes(number)).unwrap();
    }
    assert_eq!(executor.metrics().queued_by_priority, [1, 1, 2, 1]);
    drop(plugged);
    executor.drain();
    assert_eq!(log.read(), [1, 2, 3, 4, 5]);
}

/// Each critical job submits the next: there is always one queued, for a thousand of them.
fn flood(executor: &Arc<Executor>, ran: &Arc<AtomicUsize>, left: usize) {
    if left == 0 {
        return;
    }
    let (again, count) = (Arc::clone(executor), Arc::clone(ran));
    let job = move || {
        count.fetch_add(1, Relaxed);
        flood(&again, &count, left - 1);
    };
    executor.submitter().priority(Priority::Critical).detach(job).ok();
}

#[test]
fn a_low_job_starts_within_eight_visits_of_an_endless_critical_flood() {
    let executor = Arc::new(pool(1, 64));
    let ran = Arc::new(AtomicUsize::new(0));
    let plugged = plug(&executor);
    // Twenty chains keep twenty critical jobs queued at any time.
    for _ in 0..20 {
        flood(&executor, &ran, 1000);
    }
    let seen = Arc::clone(&ran);
    let low = executor.submitter().priority(Priority::Low).submit(move || seen.load(Relaxed));
    drop(plugged);
    let before = low.unwrap().join().unwrap();
    // Eight visits of at most 64 jobs, each followed by at most eight more of the urgent ones.
    assert!(before <= 8 * 64 * 9, "the low job waited for {before} critical ones");
    assert!(before < 20_000, "the flood was over before the low job started");
}

#[test]
fn reject_gives_the_closure_back_and_counts_it() {
    let executor = pool(1, 1);
    let plugged = plug(&executor);
    let submitter = executor.submitter().when_full(WhenFull::Reject);
    submitter.detach(|| ()).unwrap();
    let text = String::from("kept");
    match submitter.submit(move || text) {
        Err(SubmitError::Full { job, capacity: 1 }) => assert_eq!(job(), "kept"),
        _ => panic!("the queue is full"),
    }
    assert_eq!(executor.metrics().rejected, 1);
    drop(plugged);
    assert_eq!(executor.drain().processed, 2);
}

#[test]
fn block_for_gives_up_when_its_time_is_over() {
    let executor = pool(1, 1);
    let _plugged = plug(&executor);
    let submitter = executor.submitter().when_full(WhenFull::BlockFor(Duration::from_millis(5)));
    submitter.detach(|| ()).unwrap();
    assert!(matches!(submitter.detach(|| ()), Err(SubmitError::Full { .. })));
    assert_eq!(executor.metrics().rejected, 1);
}

#[test]
fn block_for_gets_the_room_that_is_made_in_time() {
    let executor = pool(1, 1);
    let plugged = plug(&executor);
    let submitter = executor.submitter().when_full(WhenFull::BlockFor(Duration::from_mins(1)));
    submitter.detach(|| ()).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| submitter.submit(|| 3).unwrap().join());
        drop(plugged);
        assert_eq!(waiting.join().unwrap(), Ok(3));
    });
}

#[test]
fn drop_oldest_evicts_the_oldest_that_is_no_more_urgent() {
    let executor = pool(1, 3);
    let plugged = plug(&executor);
    let critical = executor.submitter().priority(Priority::Critical).submit(|| 0).unwrap();
    let oldest = executor.submit(|| 1).unwrap();
    let low = executor.submitter().priority(Priority::Low).submit(|| 2).unwrap();
    let fresh = executor.submitter().when_full(WhenFull::DropOldest);
    let newest = fresh.submit(|| 3).unwrap();
    assert_eq!(oldest.join(), Err(JobError::Evicted));
    assert_eq!(executor.metrics().dropped, 1);
    drop(plugged);
    assert_eq!([critical.join(), low.join(), newest.join()], [Ok(0), Ok(2), Ok(3)]);
}

#[test]
fn drop_oldest_does_not_evict_what_is_more_urgent() {
    let executor = pool(1, 1);
    let _plugged = plug(&executor);
    executor.submitter().priority(Priority::High).detach(|| ()).unwrap();
    let samples = executor.submitter().when_full(WhenFull::DropOldest);
    assert!(matches!(samples.detach(|| ()), Err(SubmitError::Full { .. })));
}

#[test]
fn drop_lowest_evicts_only_what_is_less_urgent() {
    let executor = pool(1, 2);
    let plugged = plug(&executor);
    let medium = executor.submit(|| 1).unwrap();
    let low = executor.submitter().priority(Priority::Low).submit(|| 2).unwrap();
    let submitter = executor.submitter().when_full(WhenFull::DropLowest);
    let newcomer = submitter.submit(|| 3).unwrap();
    assert_eq!(low.join(), Err(JobError::Evicted));
    assert!(matches!(submitter.submit(|| 4), Err(SubmitError::Full { .. })));
    drop(plugged);
    assert_eq!([medium.join(), newcomer.join()], [Ok(1), Ok(3)]);
    assert_eq!(executor.metrics().dropped, 1);
}

#[test]
fn run_in_caller_runs_in_the_caller_and_counts() {
    let executor = pool(1, 1);
    let plugged = plug(&executor);
    let submitter = executor.submitter().when_full(WhenFull::RunInCaller);
    submitter.detach(|| ()).unwrap();
    let here = thread::current().id();
    let ran_in = submitter.submit(|| thread::current().id()).unwrap().join();
    assert_eq!(ran_in, Ok(here));
    assert_eq!(executor.metrics().processed, 1);
    drop(plugged);
}

#[test]
fn a_batch_that_does_not_fit_gives_the_rest_back_in_order() {
    let executor = pool(1, 3);
    let (log, plugged) = (Log::new(), plug(&executor));
    let submitter = executor.submitter().when_full(WhenFull::Reject);
    let refused = submitter.submit_batch((0..5).map(|n| log.writes(n))).unwrap_err();
    assert!(matches!(refused.why, SubmitError::Full { capacity: 3, .. }));
    assert_eq!(executor.metrics().rejected, 2);
    refused.jobs.into_iter().for_each(|job| job());
    assert_eq!(log.read(), [3, 4]);
    drop(plugged);
    executor.drain();
    assert_eq!(log.read(), [3, 4, 0, 1, 2]);
}

#[test]
fn a_batch_larger_than_the_queue_blocks_its_way_through() {
    let executor = pool(2, 4);
    let ran = Arc::new(AtomicUsize::new(0));
    let jobs = (0..1000).map(|_| {
        let ran = Arc::clone(&ran);
        move || {
            ran.fetch_add(1, Relaxed);
        }
    });
    executor.submitter().submit_batch(jobs).unwrap();
    executor.drain();
    assert_eq!(ran.load(Relaxed), 1000);
}

#[test]
fn a_job_past_its_deadline_is_dropped_or_run_as_asked_and_counted() {
    let executor = pool(1, 4);
    let plugged = plug(&executor);
    let late =
        |when_late| executor.submitter().deadline(Duration::ZERO, when_late).submit(|| 1).unwrap();
    let (dropped, run) = (late(WhenLate::Drop), late(WhenLate::Run));
    let long = Duration::from_hours(1);
    let in_time = executor.submitter().deadline(long, WhenLate::Drop).submit(|| 2).unwrap();
    drop(plugged);
    assert_eq!(dropped.join(), Err(JobError::Expired));
    assert_eq!([run.join(), in_time.join()], [Ok(1), Ok(2)]);
    let totals = executor.drain();
    assert_eq!((totals.expired, totals.processed), (2, 3));
}

#[test]
fn a_cancelled_token_gives_waiting_jobs_up_and_running_ones_can_see_it() {
    let executor = pool(1, 4);
    let token = CancelToken::new();
    let watched = token.clone();
    let running = executor.submit(move || {
        while !watched.is_cancelled() {
            thread::yield_now();
        }
        "stopped"
    });
    let waiting = executor.submitter().cancel_on(&token).submit(|| 1).unwrap();
    token.cancel();
    assert_eq!(running.unwrap().join(), Ok("stopped"));
    assert_eq!(waiting.join(), Err(JobError::Cancelled));
    assert_eq!(executor.drain().cancelled, 1);
}

#[test]
fn the_warning_comes_once_until_the_queue_has_been_half_empty() {
    let log = Log::new();
    let seen = log.clone();
    let executor = builder(1, 8).warn_at(some(2), move |jobs| seen.push(jobs)).build().unwrap();
    for _ in 0..2 {
        let plugged = plug(&executor);
        let last = (0..4).map(|_| executor.submit(|| ()).unwrap()).reduce(|_, last| last).unwrap();
        drop(plugged);
        last.join().unwrap();
    }
    assert_eq!(log.read(), [2, 2]);
}

#[test]
fn a_warning_at_one_comes_again_after_the_queue_was_empty() {
    let (log, executor) = (Log::new(), builder(1, 8));
    let seen = log.clone();
    let executor = executor.warn_at(some(1), move |jobs| seen.push(jobs)).build().unwrap();
    for _ in 0..20 {
        let plugged = plug(&executor);
        let waits = executor.submit(|| ()).unwrap();
        drop(plugged);
        waits.join().unwrap();
    }
    // A worker that takes the plug while its submitter looks may hide a warning.
    assert!(log.read().len() >= 10, "{} warnings", log.read().len());
}

/// Its shell stays in the queue until its turn comes; what becomes of that is no job's fate.
#[test]
fn a_job_run_by_its_handle_is_not_counted_as_evicted_too() {
    let executor = Arc::new(pool(1, 1));
    let (inner, (ran, has_run)) = (Arc::clone(&executor), sync_channel(1));
    let (release, released) = sync_channel::<()>(1);
    let outer = move || {
        ran.send(inner.submit(|| 5).unwrap().join()).unwrap();
        released.recv().unwrap();
    };
    executor.submitter().detach(outer).unwrap();
    assert_eq!(has_run.recv().unwrap(), Ok(5));
    executor.submitter().when_full(WhenFull::DropOldest).detach(|| ()).unwrap();
    release.send(()).unwrap();
    let Ok(executor) = until_alone(executor) else { panic!("a job holds the executor") };
    let totals = executor.drain();
    assert_eq!((totals.processed, totals.dropped), (3, 0));
}

fn until_alone(mut shared: Arc<Executor>) -> Result<Executor, Arc<Executor>> {
    for _ in 0..1000 {
        match Arc::try_unwrap(shared) {
            Ok(executor) => return Ok(executor),
            Err(still) => shared = still,
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    Err(shared)
}

/// Places that the jobs of a strand hold do not come back by themselves: a queue that has been
/// emptied may be less than half free.
#[test]
fn a_submitter_gets_the_room_beside_a_strand_that_is_stuck() {
    let executor = pool(2, 64);
    for _ in 0..20_000 {
        executor.submitter().detach(|| ()).unwrap();
    }
    let (started, starts) = sync_channel(1);
    let (release, released) = sync_channel::<()>(1);
    let keyed = executor.submitter().key(1);
    let stuck = move || {
        started.send(()).unwrap();
        released.recv().unwrap();
    };
    keyed.detach(stuck).unwrap();
    starts.recv().unwrap();
    let plugged = plug(&executor);
    (0..40).for_each(|_| keyed.detach(|| ()).unwrap());
    (0..24).for_each(|_| executor.submitter().detach(|| ()).unwrap());
    let (submitted, outcome) = sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(|| submitted.send(executor.submitter().detach(|| ()).is_ok()).unwrap());
        thread::park_timeout(Duration::from_millis(20));
        drop(plugged);
        let outcome = outcome.recv_timeout(Duration::from_secs(2));
        release.send(()).unwrap();
        assert_eq!(outcome, Ok(true), "24 places were free");
    });
}

#[test]
fn a_warning_that_panics_does_not_reach_the_submitter() {
    let executor = builder(1, 8).warn_at(some(1), |_| panic!("too long")).build().unwrap();
    let plugged = plug(&executor);
    let key = executor.submitter().key(1);
    let handles = [key.submit(|| 1).unwrap(), key.submit(|| 2).unwrap()];
    drop(plugged);
    assert_eq!(handles.map(executor::JobHandle::join), [Ok(1), Ok(2)]);
}

/// The worker's turn for the strand ends with its first job, and its runner goes to the end of the queue.
#[test]
fn drop_oldest_knows_the_age_of_a_keyed_job_whose_turn_has_not_come() {
    let executor = pool(1, 3);
    let strand = executor.submitter().key(1).priority(Priority::Low);
    let (started, starts) = sync_channel(1);
    let (release, released) = sync_channel::<()>(1);
    let long = move || {
        started.send(()).unwrap();
        released.recv().unwrap();
    };
    strand.detach(long).unwrap();
    starts.recv().unwrap();
    let oldest = strand.submit(|| 1).unwrap();
    let (held, holds) = sync_channel(1);
    let (let_go, gone) = sync_channel::<()>(1);
    let holder = move || {
        held.send(()).unwrap();
        let _ = gone.recv();
    };
    executor.submitter().detach(holder).unwrap();
    let younger = executor.submit(|| 2).unwrap();
    release.send(()).unwrap();
    holds.recv().unwrap();
    let last = executor.submit(|| 3).unwrap();
    let newest = executor.submitter().when_full(WhenFull::DropOldest).submit(|| 4).unwrap();
    drop(let_go);
    assert_eq!(oldest.join(), Err(JobError::Evicted));
    assert_eq!([younger.join(), last.join(), newest.join()], [Ok(2), Ok(3), Ok(4)]);
}

#[test]
fn drop_oldest_takes_from_the_least_urgent_class_where_ages_are_not_known() {
    for low_is_first in [true, false] {
        let executor = builder(1, 2).timing(executor::Timing::Sampled).build().unwrap();
        let plugged = plug(&executor);
        let submit = |priority| executor.submitter().priority(priority).submit(|| 1).unwrap();
        let (low, medium);
        if low_is_first {
            low = submit(Priority::Low);
            medium = submit(Priority::Medium);
        } else {
            medium = submit(Priority::Medium);
            low = submit(Priority::Low);
        }
        let fresh = executor.submitter().when_full(WhenFull::DropOldest);
        let first = fresh.submit(|| 2).unwrap();
        let soon = Duration::from_secs(2);
        let low = low.join_timeout(soon).ok();
        assert_eq!(low, Some(Err(JobError::Evicted)), "low is first: {low_is_first}");
        let second = fresh.submit(|| 3).unwrap();
        assert_eq!(medium.join_timeout(soon).ok(), Some(Err(JobError::Evicted)));
        drop(plugged);
        assert_eq!([first.join(), second.join()], [Ok(2), Ok(3)]);
    }
}
