//! Watchdog, scaling, traces and the numbers.

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{Arc, mpsc::sync_channel},
    thread,
    time::Duration,
};

use executor::{BuildError, Executor, Scaling, Scheduling, Timing, blocking};
use support::{builder, plug, pool, some};

#[test]
fn the_watchdog_reports_a_slow_job_while_it_runs_and_counts_it_once() {
    let (report, reports) = sync_channel(1);
    let limit = Duration::from_millis(2);
    let watched = builder(1, 4).slow_after(limit, move |slow| report.send(slow.clone()).unwrap());
    let executor = watched.build().unwrap();
    let plugged = plug(&executor);
    let slow = reports.recv().unwrap();
    assert_eq!((slow.name, slow.worker), (Some("plug"), 0));
    assert!(slow.running_for > limit);
    #[cfg(target_os = "linux")]
    assert!(slow.thread.as_ref().unwrap().is_asleep(), "{slow}");
    drop(plugged);
    assert_eq!(executor.drain().timed_out, 1);
}

#[test]
fn a_worker_that_the_watchdog_finds_asleep_is_stood_in_for() {
    let executor = builder(1, 4).slow_after(Duration::from_millis(2), |_| ()).build().unwrap();
    let plugged = plug(&executor);
    // Runs only if another worker comes: the plug still holds the first.
    assert_eq!(executor.submit(|| 1).unwrap().join(), Ok(1));
    assert_eq!(executor.metrics().blocked, 1);
    drop(plugged);
}

#[test]
fn the_pool_grows_under_load_and_shrinks_when_empty() {
    let scaling = Scaling {
        min: some(1),
        max: some(3),
        grow_above: 1,
        grow_after: Duration::from_millis(4),
        shrink_after: Duration::from_millis(4),
    };
    let executor = Executor::builder().scaling(scaling).capacity(some(64)).build().unwrap();
    let plugs = [plug(&executor)];
    for _ in 0..60 {
        executor.submitter().detach(|| thread::park_timeout(Duration::from_millis(1))).unwrap();
    }
    while executor.metrics().workers < 2 {
        thread::yield_now();
    }
    drop(plugs);
    while executor.metrics().workers > 1 {
        thread::yield_now();
    }
    assert_eq!(executor.drain().processed, 61);
}

#[test]
fn every_job_is_timed_and_the_numbers_move() {
    let executor = pool(1, 64);
    let start = executor.metrics();
    for _ in 0..20 {
        executor.submit(|| thread::park_timeout(Duration::from_millis(1))).unwrap().join().unwrap();
    }
    let totals = executor.metrics().since(&start);
    assert_eq!(
        (totals.processed, totals.run_time.count(), totals.queue_wait.count()),
        (20, 20, 20)
    );
    assert!(totals.run_time.p50() > Duration::from_micros(500), "{:?}", totals.run_time.p50());
    assert!(totals.run_time.max() >= totals.run_time.p999());
    assert!(totals.average_run > Duration::from_micros(500), "{:?}", totals.average_run);
    assert!(totals.busy[0] >= Duration::from_millis(10) && totals.busy_share(0) > 0.1);
    assert!(totals.uptime >= totals.busy[0]);
}

#[test]
fn sampled_timing_counts_every_job_and_times_one_in_eight() {
    let executor = builder(1, 64).timing(Timing::Sampled).build().unwrap();
    for _ in 0..80 {
        executor.submitter().detach(|| ()).unwrap();
    }
    let totals = executor.drain();
    assert_eq!((totals.processed, totals.run_time.count()), (80, 10));
}

#[test]
fn the_trace_keeps_the_last_jobs_with_name_and_times() {
    let executor = builder(1, 64).trace(2).build().unwrap();
    for name in ["first", "second", "third"] {
        executor.submitter().name(name).submit(|| ()).unwrap().join().unwrap();
    }
    let records = executor.take_trace();
    let names: Vec<_> = records.iter().map(|record| (record.name, record.worker)).collect();
    assert_eq!(names, [(Some("second"), Some(0)), (Some("third"), Some(0))]);
    for record in records {
        assert!(record.submitted <= record.started && record.started <= record.ended);
    }
    assert!(executor.take_trace().is_empty());
}

#[test]
fn threads_are_named_pinned_and_scheduled_as_asked() {
    let executor = builder(1, 4)
        .thread_name("probe")
        .stack_size(256 << 10)
        .affinity([0])
        .scheduling(Scheduling::Batch)
        .build()
        .unwrap();
    let job = || {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        (thread::current().name().map(ToOwned::to_owned), status)
    };
    let (name, status) = executor.submit(job).unwrap().join().unwrap();
    assert_eq!(name.as_deref(), Some("probe-0"));
    #[cfg(target_os = "linux")]
    assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
}

#[test]
fn blocking_outside_of_a_job_just_runs() {
    assert_eq!(blocking(|| 5), 5);
}

/// Nothing spins, polls or keeps a timer: a pool at rest is not scheduled at all.
#[cfg(target_os = "linux")]
#[test]
fn an_idle_pool_is_never_woken() {
    let executor = builder(2, 4096).thread_name("resting").build().unwrap();
    // A flood first: it must not leave anybody looking for more.
    for _ in 0..10_000 {
        executor.submitter().detach(|| ()).unwrap();
    }
    let is_quiet_for_once = (0..20).any(|_| {
        let before = switches("resting");
        thread::park_timeout(Duration::from_millis(100));
        before.len() == 2 && switches("resting") == before
    });
    assert!(is_quiet_for_once, "{:?}", switches("resting"));
}

/// How often each thread of that name gave up its core.
#[cfg(target_os = "linux")]
fn switches(name: &str) -> Vec<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of_thread = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).ok()?;
        let value = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key))?;
            line.split_whitespace().nth(1).map(str::to_owned)
        };
        if !value("Name:")?.starts_with(name) {
            return None;
        }
        value("voluntary_ctxt_switches:")?.parse().ok()
    };
    tasks.filter_map(of_thread).collect()
}

/// In a flood one worker may rest while the other works; a job that waits for the next one must not
/// leave that one lying there.
#[test]
fn jobs_that_need_each_other_meet_in_the_middle_of_a_flood() {
    let executor = pool(2, 4096);
    for _ in 0..200 {
        for _ in 0..500 {
            executor.submitter().detach(|| ()).unwrap();
        }
        let (to, from) = std::sync::mpsc::sync_channel(1);
        let waits = executor.submit(move || from.recv().unwrap()).unwrap();
        executor.submitter().detach(move || to.send(7).unwrap()).unwrap();
        assert_eq!(waits.join().unwrap(), 7);
    }
}

#[test]
fn what_cannot_be_built_is_an_error_and_no_panic() {
    let too_many = [
        Executor::builder().workers(std::num::NonZeroUsize::MAX),
        Executor::builder().compensation(usize::MAX),
        Executor::builder().compensation(1 << 30),
    ];
    for builder in too_many {
        assert!(matches!(builder.build(), Err(BuildError::TooMany { .. })));
    }
    let named = Executor::builder().thread_name("wor\0ker").build();
    assert!(matches!(named, Err(BuildError::Thread { .. })), "{named:?}");
}

#[test]
fn a_report_that_panics_does_not_end_the_watchdog() {
    let (report, reports) = sync_channel(2);
    let watched = builder(1, 4).slow_after(Duration::from_millis(2), move |_| {
        report.send(()).unwrap();
        panic!("slow");
    });
    let executor = watched.build().unwrap();
    for _ in 0..2 {
        let plugged = plug(&executor);
        assert_eq!(reports.recv_timeout(Duration::from_secs(5)), Ok(()));
        drop(plugged);
    }
}

#[test]
fn a_worker_that_is_blocked_in_two_ways_is_stood_in_for_once() {
    let limit = Duration::from_millis(2);
    let (report, reports) = sync_channel(1);
    let watched = builder(1, 4).slow_after(limit, move |_| {
        let _ = report.try_send(());
    });
    let executor = watched.build().unwrap();
    let (release, released) = sync_channel::<()>(1);
    let job = move || blocking(|| blocking(|| released.recv().is_ok()));
    executor.submit(job).unwrap().detach();
    reports.recv().unwrap();
    assert_eq!(executor.submit(|| 1).unwrap().join(), Ok(1));
    let metrics = executor.metrics();
    assert_eq!((metrics.blocked, metrics.workers), (1, 2));
    drop(release);
    assert_eq!(executor.drain().blocked, 0);
}

#[test]
fn an_endless_trace_and_a_maximum_below_the_minimum_are_errors_that_name_what_was_asked() {
    let endless = builder(1, 4).trace(usize::MAX).build().unwrap_err().to_string();
    assert!(endless.contains(&usize::MAX.to_string()), "{endless}");
    let scaling = Scaling { min: some(3), max: some(2), ..Scaling::default() };
    let inverted = Executor::builder().scaling(scaling).build().unwrap_err().to_string();
    assert!(inverted.contains('3') && inverted.contains('2'), "{inverted}");
    let vast = builder(1, 4).stack_size(usize::MAX / 2).build().unwrap_err();
    assert!(std::error::Error::source(&vast).is_some(), "{vast}");
}

#[test]
fn a_slow_job_that_runs_a_slow_job_is_reported_once_and_so_is_the_inner_one() {
    let pause = || {
        let (_nobody, silence) = sync_channel::<()>(1);
        let _ = silence.recv_timeout(Duration::from_millis(30));
    };
    let (report, reports) = sync_channel(16);
    let limit = Duration::from_millis(4);
    let watched = builder(1, 4).slow_after(limit, move |_| report.send(()).unwrap());
    let executor = Arc::new(watched.build().unwrap());
    let inner = Arc::clone(&executor);
    let outer = executor.submit(move || {
        pause();
        inner.scope(|scope| scope.submit(pause).unwrap().join()).unwrap();
        pause();
    });
    outer.unwrap().join().unwrap();
    assert_eq!(executor.metrics().timed_out, 2);
    // One that the watchdog came too late for is counted by its worker, and not reported.
    assert!(reports.try_iter().count() <= 2);
}
