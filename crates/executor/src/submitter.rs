//! How jobs are handed over: with which priority, under which key, and what happens when there is
//! no room.

#![expect(unsafe_code, reason = "a refused job goes back to what it was made from")]

use std::{fmt, iter, time::Duration};

use crate::{
    Executor, JobHandle, SubmitError,
    block::Section,
    cancel::CancelToken,
    cell, clock,
    error::Refusal,
    job::{Detached, Extras, Job, Task},
    metrics::Counters,
    policy::{Priority, Timing, WhenFull, WhenLate},
    pool::{Admission, Advance, Order},
    strand::{Key, Leader},
    worker,
};

/// Submits jobs to an executor, all in one way. Cheap to make, to clone and to keep.
///
/// ```
/// use executor::{Executor, Priority, WhenFull};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let executor = Executor::builder().build()?;
/// let alarms = executor.submitter().priority(Priority::High).name("alarm");
/// let samples = executor.submitter().when_full(WhenFull::DropOldest);
/// samples.detach(|| ()).map_err(|refused| refused.to_string())?;
/// let alarm = alarms.submit(|| 81.5 > 80.0).map_err(|refused| refused.to_string())?;
/// assert!(alarm.join()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a submitter does nothing until it is given a job"]
pub struct Submitter<'a> {
    executor: &'a Executor,
    priority: Priority,
    when_full: WhenFull,
    key: Option<Key>,
    name: Option<&'static str>,
    deadline: Option<Duration>,
    when_late: WhenLate,
    token: Option<CancelToken>,
}

impl<'a> Submitter<'a> {
    #[inline]
    pub(crate) fn new(executor: &'a Executor) -> Self {
        Self {
            executor,
            priority: Priority::default(),
            when_full: WhenFull::default(),
            key: None,
            name: None,
            deadline: None,
            when_late: WhenLate::default(),
            token: None,
        }
    }

    /// How urgent its jobs are. Default: `Medium`.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// What to do when the queue is full. Default: `Block`.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Puts its jobs on the strand of `key`: they run in order of submission and never at the same
    /// time as another job of an equal key, whoever submitted it. Default: no key.
    ///
    /// Between strands priority decides as ever; within one, order does.
    pub fn key(mut self, key: impl Into<Key>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// What its jobs are called, in reports, traces and spans. Default: nothing. Costs its jobs an
    /// allocation, like a deadline or a token.
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// How long after submission a job is still wanted. Default: for ever.
    pub fn deadline(mut self, deadline: Duration, when_late: WhenLate) -> Self {
        (self.deadline, self.when_late) = (Some(deadline), when_late);
        self
    }

    /// Gives its jobs up before they start once `token` is cancelled. Default: no token.
    pub fn cancel_on(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Hands a job over for its result.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], with the job in it, when there is no room and the policy does not make
    /// any, or after shutdown has begun.
    pub fn submit<T, F>(&self, job: F) -> Result<JobHandle<T>, SubmitError<F>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (stamp, extras) = (self.stamp(), self.extras());
        let pinned = self.key.is_some() || extras.is_some();
        let (pending, receiver) = cell::cell(job, stamp, pinned);
        match self.hand_over(pending, stamp, extras, true) {
            Ok(()) => Ok(JobHandle::new(receiver)),
            Err((pending, refusal)) => Err(self.refused(refusal, pending.into_closure(receiver))),
        }
    }

    /// Hands a job over whose result nobody waits for: no handle, and no allocation for a closure
    /// of up to 40 bytes, or 32 under a key.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    #[inline]
    pub fn detach<F>(&self, job: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        let outcome = self.hand_over(Detached(job), self.stamp(), self.extras(), false);
        outcome.map_err(|(task, refusal)| self.refused(refusal, task.0))
    }

    /// Hands many jobs over, 64 under one lock with one wake-up, in order, as [`detach`](Self::detach)
    /// does one. Under a key, one by one.
    ///
    /// # Errors
    ///
    /// [`BatchError`], with the jobs that were not accepted in it.
    pub fn submit_batch<F>(&self, jobs: impl IntoIterator<Item = F>) -> Result<(), BatchError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        if self.key.is_some() {
            return self.submit_keyed_batch(jobs);
        }
        let stamp = self.stamp();
        let mut waiting = jobs.into_iter();
        let mut section = Section::new();
        loop {
            while section.has_room()
                && let Some(job) = waiting.next()
            {
                let job = Job::new(Detached(job), stamp, self.extras());
                let Ok(()) = section.push(job) else { unreachable!("there was room") };
            }
            if section.is_empty() {
                return Ok(());
            }
            self.plain_section(&mut section).map_err(|refusal| {
                // SAFETY: all were made of this type above; these the pool did not take.
                let closure = |job: Job| unsafe { job.into_task::<Detached<F>>() }.0;
                let made = (&mut section).map(closure);
                self.batch_refused(refusal, made.chain(&mut waiting).collect())
            })?;
        }
    }

    fn submit_keyed_batch<F>(&self, jobs: impl IntoIterator<Item = F>) -> Result<(), BatchError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        let (stamp, mut waiting) = (self.stamp(), jobs.into_iter());
        while let Some(job) = waiting.next() {
            let outcome = self.hand_over(Detached(job), stamp, self.extras(), false);
            outcome.map_err(|(task, refusal)| {
                self.batch_refused(refusal, iter::once(task.0).chain(&mut waiting).collect())
            })?;
        }
        Ok(())
    }

    fn batch_refused<F>(&self, refusal: Refusal, jobs: Vec<F>) -> BatchError<F> {
        let rejected = &self.executor.pool().counters.rejected;
        rejected.fetch_add(jobs.len() as u64, std::sync::atomic::Ordering::Relaxed);
        BatchError { why: refusal.with_job(()), jobs }
    }

    fn plain_section(&self, jobs: &mut Section) -> Result<(), Refusal> {
        loop {
            match self.executor.pool().submit_section(jobs, self.order(false)) {
                Advance::Done => return Ok(()),
                Advance::Refused(refusal) => return Err(refusal),
                Advance::RunNextHere => jobs.pop().into_iter().for_each(|job| self.run_here(job)),
            }
        }
    }

    #[inline(always)]
    fn order(&self, prompt: bool) -> Order {
        Order { priority: self.priority, when_full: self.when_full, prompt }
    }

    /// When a job is submitted: now; or never, if it is not to be timed.
    #[inline(always)]
    fn stamp(&self) -> u64 {
        match self.executor.timing() {
            Timing::Exact => clock::ticks(),
            Timing::Sampled => crate::sampling::stamp(),
        }
    }

    #[inline(always)]
    fn extras(&self) -> Option<Box<Extras>> {
        let has_none = self.name.is_none() && self.deadline.is_none() && self.token.is_none();
        if has_none { None } else { Some(Box::new(self.make_extras())) }
    }

    #[cold]
    fn make_extras(&self) -> Extras {
        let deadline =
            self.deadline.map(|late| clock::ticks().saturating_add(clock::to_ticks(late)));
        let (name, when_late, token) = (self.name, self.when_late, self.token.clone());
        Extras { name, deadline, when_late, token }
    }

    /// Hands a task over; `prompt` if somebody waits for it.
    #[inline(always)]
    fn hand_over<K: Task + 'static>(
        &self,
        task: K,
        stamp: u64,
        extras: Option<Box<Extras>>,
        prompt: bool,
    ) -> Result<(), (K, Refusal)> {
        if let Some(key) = self.key {
            let (leader, order) = (Leader { key, task }, self.order(prompt));
            let outcome = self.executor.pool().submit_keyed(leader, stamp, extras, order);
            return outcome.map_err(|(leader, refusal)| (leader.task, refusal));
        }
        self.admit(Job::new(task, stamp, extras), prompt).map_err(|(job, refusal)| {
            // SAFETY: made of this type above; the pool hands back the very job it was given.
            (unsafe { job.into_task::<K>() }, refusal)
        })
    }

    /// Hands an erased job over that has no key; `prompt` if somebody waits for it.
    #[inline(always)]
    pub(crate) fn admit(&self, job: Job, prompt: bool) -> Result<(), (Job, Refusal)> {
        let pool = self.executor.pool();
        match pool.submit(job, self.order(prompt)) {
            Admission::Accepted => Ok(()),
            Admission::Refused(job, refusal) => Err((job, refusal)),
            Admission::RunHere(job) => {
                self.run_here(job);
                Ok(())
            }
        }
    }

    #[cold]
    fn run_here(&self, job: Job) {
        let pool = self.executor.pool();
        worker::run_job(pool, &pool.outside, job, clock::ticks());
    }

    #[cold]
    pub(crate) fn refused<J>(&self, refusal: Refusal, job: J) -> SubmitError<J> {
        Counters::count(&self.executor.pool().counters.rejected);
        refusal.with_job(job)
    }
}

/// Not all jobs of a batch were accepted. The rest travels back, in order.
#[derive(thiserror::Error)]
#[error("{} jobs of the batch were not accepted", jobs.len())]
pub struct BatchError<Job> {
    /// The refused jobs, untouched.
    pub jobs: Vec<Job>,
    /// Why the first of them was refused.
    #[source]
    pub why: SubmitError<()>,
}

/// By hand, because a closure is no `Debug` and the refusal must still be.
impl<Job> fmt::Debug for BatchError<Job> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("BatchError");
        f.field("jobs", &self.jobs.len()).field("why", &self.why).finish()
    }
}
