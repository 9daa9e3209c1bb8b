//! Random histories against a dull model, and against the laws that hold whatever the threads do.
//!
//! Seconds by default. For ten minutes: `PROPTEST_CASES=200000 cargo test -p executor --release
//! --test history`.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "support/mod.rs"]
mod support;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use executor::{CancelToken, Executor, JobError, JobHandle, Priority, WhenFull};
use proptest::prelude::*;
use support::{Log, builder, plug, pool};

const CAPACITY: usize = 6;

#[derive(Clone, Copy, Debug)]
enum Act {
    Submit(Priority, WhenFull),
    /// Cancels the job submitted that many ago, if it is there.
    Cancel(usize),
}

fn priority() -> impl Strategy<Value = Priority> {
    prop::sample::select(&Priority::ALL[..])
}

fn act() -> impl Strategy<Value = Act> {
    let policies = [WhenFull::Reject, WhenFull::DropOldest, WhenFull::DropLowest];
    prop_oneof![
        4 => (priority(), prop::sample::select(policies.to_vec())).prop_map(|(p, w)| Act::Submit(p, w)),
        1 => (0_usize..8).prop_map(Act::Cancel),
    ]
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Waits,
    Refused,
    Evicted,
    Cancelled,
}

/// The queue as a list, and every rule as a search through it.
#[derive(Default)]
struct Model {
    jobs: Vec<(Priority, Fate)>,
}

impl Model {
    /// Jobs that take up room: a cancelled one does, until its turn comes.
    fn queued(&self) -> impl Iterator<Item = (usize, Priority)> {
        let queued = |fate| matches!(fate, Fate::Waits | Fate::Cancelled);
        let jobs = self.jobs.iter().enumerate();
        jobs.filter(move |(_, job)| queued(job.1)).map(|(number, job)| (number, job.0))
    }

    fn submit(&mut self, priority: Priority, when_full: WhenFull) {
        if self.queued().count() == CAPACITY {
            let oldest = self.queued().find(|(_, p)| *p >= priority);
            let lowest = self.queued().map(|(_, p)| p).max().filter(|p| *p > priority);
            let victim = match when_full {
                WhenFull::DropOldest => oldest,
                WhenFull::DropLowest => lowest.and_then(|l| self.queued().find(|(_, p)| *p == l)),
                WhenFull::Block
                | WhenFull::BlockFor(_)
                | WhenFull::Reject
                | WhenFull::RunInCaller => None,
            };
            let Some((victim, _)) = victim else {
                return self.jobs.push((priority, Fate::Refused));
            };
            if self.jobs[victim].1 == Fate::Waits {
                self.jobs[victim].1 = Fate::Evicted;
            } else {
                // It had been cancelled, and now its place is gone too.
                self.jobs[victim].1 = Fate::Refused;
            }
        }
        self.jobs.push((priority, Fate::Waits));
    }
}

type Running = HashMap<usize, JobHandle<usize>>;

fn apply(
    executor: &Executor,
    log: &Log<(Priority, usize)>,
    acts: &[Act],
) -> (Model, Running, Vec<usize>) {
    let (mut model, mut handles, mut cancelled) = (Model::default(), HashMap::new(), Vec::new());
    for act in acts {
        match *act {
            Act::Submit(priority, when_full) => {
                let number = model.jobs.len();
                let writes = log.writes((priority, number));
                let submitter = executor.submitter().priority(priority).when_full(when_full);
                let outcome = submitter.submit(move || {
                    writes();
                    number
                });
                model.submit(priority, when_full);
                assert_eq!(outcome.is_err(), model.jobs[number].1 == Fate::Refused, "{number}");
                outcome.ok().map(|handle| handles.insert(number, handle));
            }
            Act::Cancel(back) => {
                let Some(number) = model.jobs.len().checked_sub(1 + back) else { continue };
                if model.jobs[number].1 == Fate::Waits {
                    handles.remove(&number).unwrap().cancel().ok().unwrap();
                    model.jobs[number].1 = Fate::Cancelled;
                    cancelled.push(number);
                }
            }
        }
    }
    (model, handles, cancelled)
}

/// Priority, key, and what is done with the handle.
type History = Vec<(Priority, Option<u64>, u8)>;

fn history() -> impl Strategy<Value = History> {
    prop::collection::vec((priority(), prop::option::of(0_u64..3), 0_u8..10), 0..200)
}

proptest! {
    /// While its one worker is busy the pool is a list: every fate can be foretold.
    #[test]
    fn each_job_meets_the_fate_the_model_foretells(acts in prop::collection::vec(act(), 0..60)) {
        let executor = pool(1, CAPACITY);
        let plugged = plug(&executor);
        let log = Log::new();
        let (model, handles, cancelled) = apply(&executor, &log, &acts);
        drop(plugged);
        for (number, handle) in handles {
            let foretold = match model.jobs[number].1 {
                Fate::Waits => Ok(number),
                Fate::Evicted => Err(JobError::Evicted),
                fate @ (Fate::Refused | Fate::Cancelled) => panic!("job {number} has a handle and the fate {fate:?}"),
            };
            prop_assert_eq!(handle.join(), foretold);
        }
        let totals = executor.drain();
        let waited = model.jobs.iter().filter(|job| job.1 == Fate::Waits).count();
        prop_assert_eq!(totals.processed, waited as u64 + 1);
        prop_assert!(totals.cancelled <= cancelled.len() as u64);
        for class in Priority::ALL {
            let ran: Vec<_> = log.read().into_iter().filter(|(p, _)| *p == class).collect();
            prop_assert!(ran.is_sorted_by_key(|(_, number)| *number), "{:?}", ran);
        }
    }

    /// Whatever the threads do: nothing is lost, nothing runs twice, keys keep their order.
    #[test]
    fn every_accepted_job_has_one_end(
        workers in 1_usize..4,
        capacity in 1_usize..20,
        histories in prop::collection::vec(history(), 1..4),
    ) {
        let executor = builder(workers, capacity).build().unwrap();
        let log = Log::new();
        let ended = Arc::new(AtomicUsize::new(0));
        let (token, mut accepted) = (CancelToken::new(), 0);
        thread::scope(|scope| {
            let run = |(thread, history): (usize, &History)| {
                let (log, token, ended) = (log.clone(), token.clone(), Arc::clone(&ended));
                let (executor, history) = (&executor, history.clone());
                scope.spawn(move || submit_all(executor, thread, &history, &log, &token, &ended))
            };
            let threads: Vec<_> = histories.iter().enumerate().map(run).collect();
            accepted = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        });
        let totals = executor.drain();
        let ends = totals.processed + totals.dropped + totals.cancelled + totals.expired;
        prop_assert_eq!(ends, accepted);
        prop_assert_eq!(ended.load(Relaxed) as u64, totals.processed);
        prop_assert_eq!((totals.queued, totals.keys), (0, 0));
        for thread in 0..histories.len() {
            for key in 0..3 {
                let ran = log.read().into_iter().filter(|(t, k, _)| (*t, *k) == (thread, key));
                prop_assert!(ran.map(|(_, _, number)| number).is_sorted());
            }
        }
    }
}

fn submit_all(
    executor: &Executor,
    thread: usize,
    history: &History,
    log: &Log<(usize, u64, usize)>,
    token: &CancelToken,
    ended: &Arc<AtomicUsize>,
) -> u64 {
    let mut accepted = 0;
    for (number, (priority, key, choice)) in history.iter().enumerate() {
        let policies = [WhenFull::Block, WhenFull::Reject, WhenFull::DropOldest];
        let mut submitter = executor.submitter().priority(*priority);
        submitter = submitter.when_full(policies[usize::from(*choice) % 3]);
        submitter = if *choice == 9 { submitter.cancel_on(token) } else { submitter };
        submitter = if let Some(key) = key { submitter.key(*key) } else { submitter };
        let (log, ended, key) = (log.clone(), Arc::clone(ended), *key);
        let outcome = submitter.submit(move || {
            if let Some(key) = key {
                log.push((thread, key, number));
            }
            ended.fetch_add(1, Relaxed);
        });
        let Ok(handle) = outcome else { continue };
        accepted += 1;
        match choice {
            // What its handle cancels is counted when its place comes up.
            0 => drop(handle.cancel()),
            1 => drop(handle.join()),
            _ => handle.detach(),
        }
        if number == 150 {
            token.cancel();
        }
    }
    accepted
}
