//! A thread beside the workers that watches for slow jobs and scales the pool. There is none
//! unless one of the two is asked for, and it sleeps while the pool is at rest.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    Scaling, clock,
    metrics::Counters,
    pool::Pool,
    system::{self, ThreadState},
    worker,
};

/// What the watchdog calls.
pub(crate) type OnSlow = Box<dyn Fn(&SlowJob) + Send + Sync>;

/// What the monitor is to do.
pub(crate) struct Watch {
    pub(crate) scaling: Option<Scaling>,
    pub(crate) slow: Option<(Duration, OnSlow)>,
}

/// A job that runs longer than it should, at the moment the watchdog looked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SlowJob {
    /// What its submitter called it.
    pub name: Option<&'static str>,
    /// Number of the worker that runs it.
    pub worker: usize,
    /// For how long it has been running.
    pub running_for: Duration,
    /// What its thread is doing; `None` where the system does not tell.
    pub thread: Option<ThreadState>,
}

impl fmt::Display for SlowJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.unwrap_or("unnamed");
        write!(f, "{name} has been running for {:?} on worker {}", self.running_for, self.worker)?;
        match &self.thread {
            Some(thread) => write!(f, " (thread state {})", thread.state),
            None => Ok(()),
        }
    }
}

/// The monitor's thread. Dropping it ends it.
pub(crate) struct Monitor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Starts it, if there is anything to do.
    pub(crate) fn start(pool: &Arc<Pool>, watch: Watch, name: String) -> io::Result<Option<Self>> {
        if watch.scaling.is_none() && watch.slow.is_none() {
            return Ok(None);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (pool, stopped) = (Arc::clone(pool), Arc::clone(&stop));
        let mut rounds = Rounds { scaler: watch.scaling.map(Scaler::new), watch, pool };
        let thread = thread::Builder::new().name(name).spawn(move || {
            while !stopped.load(Acquire) {
                rounds.wait();
                rounds.look(clock::ticks());
            }
        })?;
        Ok(Some(Self { stop, thread: Some(thread) }))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.store(true, Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

struct Rounds {
    pool: Arc<Pool>,
    watch: Watch,
    scaler: Option<Scaler>,
}

impl Rounds {
    /// Waits until it is time to look; while the pool is at rest, until a job comes.
    fn wait(&self) {
        let mut state = self.pool.lock();
        let at_rest = state.is_at_rest() && state.target == self.pool.settings.workers;
        if at_rest && !state.closed {
            state.monitor = Some(thread::current());
            drop(state);
            thread::park();
        } else {
            drop(state);
            thread::park_timeout(self.interval());
        }
    }

    /// A quarter of the shortest time to be noticed, within reason.
    fn interval(&self) -> Duration {
        let slow = self.watch.slow.as_ref().map(|(limit, _)| *limit);
        let scaling =
            self.watch.scaling.map(|scaling| scaling.grow_after.min(scaling.shrink_after));
        let shortest = slow.into_iter().chain(scaling).min().unwrap_or(Duration::MAX);
        (shortest / 4).clamp(Duration::from_millis(1), Duration::from_secs(1))
    }

    fn look(&mut self, now: u64) {
        if let Some((_, report)) = &self.watch.slow {
            self.look_for_slow_jobs(now, report);
        }
        if let Some(scaler) = &mut self.scaler {
            scaler.look(&self.pool, now);
        }
    }

    fn look_for_slow_jobs(&self, now: u64, report: &OnSlow) {
        for (worker, place) in self.pool.places.iter().enumerate() {
            let (spell, books) = (place.spell.current(), &place.recorder);
            let (reported, since) = (books.reported(), books.running_since.load(Acquire));
            let running = now.saturating_sub(since);
            if since == 0 || since == reported || running <= self.pool.settings.slow {
                continue;
            }
            let thread = system::thread_state(place.thread_id.load(Relaxed));
            let running_for = clock::duration(running);
            let slow = SlowJob { name: books.name(), worker, running_for, thread };
            // If it has ended meanwhile, this was not about it; then its worker has counted it.
            if books.running_since.load(Acquire) != since || !books.report(reported, since) {
                continue;
            }
            Counters::count(&self.pool.counters.timed_out);
            if slow.thread.as_ref().is_some_and(ThreadState::is_asleep) {
                worker::found_blocked(&self.pool, worker, spell);
            }
            self.pool.catches(|| report(&slow));
        }
    }
}

/// Since when the queue has been long, or empty.
struct Scaler {
    rule: Scaling,
    long_since: Option<u64>,
    empty_since: Option<u64>,
}

impl Scaler {
    fn new(rule: Scaling) -> Self {
        Self { rule, long_since: None, empty_since: None }
    }

    fn look(&mut self, pool: &Arc<Pool>, now: u64) {
        let (queued, target) = (pool.room.taken(), pool.lock().target);
        match self.decide(queued, target, now) {
            Some(Change::Grow) => {
                pool.lock().target += 1;
                // A thread that the system refuses now is asked for again after `grow_after`.
                if worker::hire(pool).is_err() {
                    pool.lock().target -= 1;
                }
            }
            Some(Change::Shrink) => {
                let wake = pool.lock().shrink();
                pool.unpark(wake);
            }
            None => {}
        }
    }

    /// The rule: no threads, no clock.
    fn decide(&mut self, queued: usize, target: usize, now: u64) -> Option<Change> {
        let over = |since: Option<u64>, limit| {
            since.is_some_and(|since| now.saturating_sub(since) >= clock::to_ticks(limit))
        };
        let long = queued > self.rule.grow_above * target;
        self.long_since = long.then(|| self.long_since.unwrap_or(now));
        self.empty_since = (queued == 0).then(|| self.empty_since.unwrap_or(now));
        if over(self.long_since, self.rule.grow_after) && target < self.rule.max.get() {
            self.long_since = Some(now);
            return Some(Change::Grow);
        }
        if over(self.empty_since, self.rule.shrink_after) && target > self.rule.min.get() {
            self.empty_since = Some(now);
            return Some(Change::Shrink);
        }
        None
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Change {
    Grow,
    Shrink,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn seconds(seconds: u64) -> u64 {
        1 + clock::to_ticks(Duration::from_secs(seconds))
    }

    fn scaler() -> Scaler {
        let min = NonZeroUsize::MIN.saturating_add(1);
        let max = min.saturating_mul(min);
        Scaler::new(Scaling { min, max, ..Scaling::default() })
    }

    #[test]
    fn grows_by_one_for_each_five_seconds_above_ten_jobs_a_worker_up_to_the_maximum() {
        let mut scaler = scaler();
        assert_eq!(scaler.decide(21, 2, seconds(0)), None);
        assert_eq!(scaler.decide(21, 2, seconds(4)), None);
        assert_eq!(scaler.decide(21, 2, seconds(5)), Some(Change::Grow));
        assert_eq!(scaler.decide(99, 3, seconds(9)), None);
        assert_eq!(scaler.decide(99, 3, seconds(10)), Some(Change::Grow));
        assert_eq!(scaler.decide(99, 4, seconds(60)), None);
    }

    #[test]
    fn a_moment_below_the_threshold_starts_the_wait_anew() {
        let mut scaler = scaler();
        assert_eq!(scaler.decide(21, 2, seconds(0)), None);
        assert_eq!(scaler.decide(20, 2, seconds(4)), None);
        assert_eq!(scaler.decide(21, 2, seconds(5)), None);
        assert_eq!(scaler.decide(21, 2, seconds(9)), None);
    }

    #[test]
    fn shrinks_by_one_for_each_thirty_empty_seconds_down_to_the_minimum() {
        let mut scaler = scaler();
        assert_eq!(scaler.decide(0, 4, seconds(0)), None);
        assert_eq!(scaler.decide(0, 4, seconds(29)), None);
        assert_eq!(scaler.decide(0, 4, seconds(30)), Some(Change::Shrink));
        assert_eq!(scaler.decide(1, 3, seconds(45)), None);
        assert_eq!(scaler.decide(0, 3, seconds(61)), None);
        assert_eq!(scaler.decide(0, 3, seconds(91)), Some(Change::Shrink));
        assert_eq!(scaler.decide(0, 2, seconds(999)), None);
    }
}
