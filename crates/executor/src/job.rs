//! A job without its type, in one cache line.
//!
//! # Terms
//!
//! * **Task** — what a job does when a worker takes it, or when it is given up.
//! * **Extras** — what few jobs have (a name, a deadline, a token), behind one pointer.
//!
//! A task of up to 40 bytes lives inside the job; a larger one is boxed. Which of the two is
//! decided by its type, in [`Job::new`] and nowhere else.
//!
//! # Invariants
//!
//! 1. The payload is initialised with the task the vtable was made for, from `new` until exactly
//!    one of `run`, `abandon`, `into_task` or `drop` takes it out.

#![expect(unsafe_code, reason = "type erasure without an allocation")]

use std::{
    mem::{self, ManuallyDrop, MaybeUninit},
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    cancel::CancelToken, error::Abandoned, policy::WhenLate, pool::Pool, recorder::Started,
};

/// What a job does. Both ways consume it, and exactly one is taken.
pub(crate) trait Task: Send {
    /// Does the work. Calls [`Started::finish`] once, after the user's code has ended and before
    /// anyone can see its result. Unwinds only if the drop of a user's value does.
    fn run(self, started: &Started<'_>);

    /// The work will not be done; tells whoever waits for it. `None` if the pool itself is going.
    /// False if there was nothing to give up: its handle had run it.
    fn abandon(self, why: Abandoned, pool: Option<&Pool>) -> bool;
}

/// What few jobs have.
#[derive(Clone, Debug)]
pub(crate) struct Extras {
    pub(crate) name: Option<&'static str>,
    /// When the job is late, in ticks.
    pub(crate) deadline: Option<u64>,
    pub(crate) when_late: WhenLate,
    pub(crate) token: Option<CancelToken>,
}

/// Room for a task, aligned for a pointer.
type Payload = [MaybeUninit<*mut ()>; 5];

struct Vtable {
    run: unsafe fn(*const Payload, &Started<'_>),
    abandon: unsafe fn(*const Payload, Abandoned, Option<&Pool>) -> bool,
}

/// A job on its way to a worker: 64 bytes on a 64-bit machine.
pub(crate) struct Job {
    vtable: &'static Vtable,
    /// When it was submitted, in ticks; 0 if it is not to be timed.
    pub(crate) submitted: u64,
    pub(crate) extras: Option<Box<Extras>>,
    payload: Payload,
}

// SAFETY: a job is built from tasks only, and every task is `Send`.
unsafe impl Send for Job {}

const WORD: usize = size_of::<*mut ()>();

const fn is_made_of_words<K>() -> bool {
    size_of::<K>().is_multiple_of(WORD) && align_of::<K>() == align_of::<*mut ()>()
}

const fn fits<K>() -> bool {
    size_of::<K>() <= size_of::<Payload>() && align_of::<K>() <= align_of::<Payload>()
}

/// # Safety
///
/// `payload` holds a `K` as [`Job::new`] put it there, and nobody takes it out again.
#[inline(always)]
unsafe fn take<K>(payload: *const Payload) -> K {
    if fits::<K>() {
        // SAFETY: `new` wrote a `K` here, which by `fits` has room and alignment.
        unsafe { payload.cast::<K>().read() }
    } else {
        // SAFETY: `new` wrote a pointer from `Box::into_raw` here.
        *unsafe { Box::from_raw(payload.cast::<*mut K>().read()) }
    }
}

struct Erased<K>(std::marker::PhantomData<K>);

impl<K: Task> Erased<K> {
    const VTABLE: Vtable = Vtable { run: Self::run, abandon: Self::abandon };

    unsafe fn run(payload: *const Payload, started: &Started<'_>) {
        // SAFETY: the caller's promise is `take`'s.
        unsafe { take::<K>(payload) }.run(started);
    }

    unsafe fn abandon(payload: *const Payload, why: Abandoned, pool: Option<&Pool>) -> bool {
        // SAFETY: the caller's promise is `take`'s.
        unsafe { take::<K>(payload) }.abandon(why, pool)
    }
}

impl Job {
    /// Erases `task`.
    #[inline(always)]
    pub(crate) fn new<K: Task + 'static>(
        task: K,
        submitted: u64,
        extras: Option<Box<Extras>>,
    ) -> Self {
        // SAFETY: the task borrows nothing.
        unsafe { Self::new_borrowing(task, submitted, extras) }
    }

    /// Erases `task`, and with it the lifetime of what it borrows.
    ///
    /// # Safety
    ///
    /// What the task borrows outlives the job.
    #[inline(always)]
    pub(crate) unsafe fn new_borrowing<K: Task>(
        task: K,
        submitted: u64,
        extras: Option<Box<Extras>>,
    ) -> Self {
        let mut payload: Payload = [MaybeUninit::uninit(); 5];
        if !fits::<K>() {
            payload[0] = MaybeUninit::new(Box::into_raw(Box::new(task)).cast());
        } else if is_made_of_words::<K>() {
            let task = ManuallyDrop::new(task);
            let words = (&raw const task).cast::<MaybeUninit<*mut ()>>();
            for (number, word) in payload.iter_mut().enumerate().take(size_of::<K>() / WORD) {
                // SAFETY: a `K` is so many words long and aligned like one. Volatile only so that
                // they are read one by one: captured variables were stored one by one a moment ago,
                // and a wider load would wait until those stores, and all before them, are in the
                // cache. Measured: 20 ns of a job's 50.
                *word = unsafe { words.add(number).read_volatile() };
            }
        } else {
            // SAFETY: by `fits` there is room for a `K`, and it is aligned.
            unsafe { (&raw mut payload).cast::<K>().write(task) };
        }
        Self { vtable: const { &Erased::<K>::VTABLE }, submitted, extras, payload }
    }

    /// Runs it.
    #[inline]
    pub(crate) fn run(self, started: &Started<'_>) {
        let mut this = ManuallyDrop::new(self);
        let extras = this.extras.take();
        // SAFETY: the payload is initialised (invariant 1) and `ManuallyDrop` keeps `drop` off it.
        unsafe { (this.vtable.run)(&raw const this.payload, started) };
        drop(extras);
    }

    /// Runs the job at `job`, which is as good as moved out afterwards.
    ///
    /// # Safety
    ///
    /// There is a job without extras, and it is the caller's alone.
    #[inline(always)]
    pub(crate) unsafe fn run_at(job: *const Self, started: &Started<'_>) {
        // SAFETY: the payload is initialised (invariant 1); the caller promises that nobody else
        // takes it out.
        unsafe { ((*job).vtable.run)(&raw const (*job).payload, started) };
    }

    /// Gives it up, unless its handle had run it: then false. Whoever does so is not the one to
    /// answer for a closure whose drop panics.
    pub(crate) fn abandon(self, why: Abandoned, pool: Option<&Pool>) -> bool {
        self.abandon_for(pool, why, pool)
    }

    /// Gives up a job that follows a leader: none takes its place.
    pub(crate) fn abandon_follower(self, why: Abandoned, pool: &Pool) -> bool {
        self.abandon_for(None, why, Some(pool))
    }

    /// Gives it up, as if there were no pool but `seen`; a panic is counted in `pool`.
    fn abandon_for(self, seen: Option<&Pool>, why: Abandoned, pool: Option<&Pool>) -> bool {
        let mut this = ManuallyDrop::new(self);
        this.extras = None;
        let payload = &raw const this.payload;
        // SAFETY: the payload is initialised (invariant 1) and `ManuallyDrop` keeps `drop` off it.
        let abandon = AssertUnwindSafe(|| unsafe { (this.vtable.abandon)(payload, why, seen) });
        catch_unwind(abandon).unwrap_or_else(|panic| {
            match pool {
                Some(pool) => pool.caught(panic),
                None => mem::forget(panic),
            }
            true
        })
    }

    /// Undoes [`Job::new`].
    ///
    /// # Safety
    ///
    /// The job was made from a `K`.
    pub(crate) unsafe fn into_task<K>(self) -> K {
        let mut this = ManuallyDrop::new(self);
        this.extras = None;
        // SAFETY: the caller vouches for the type, `ManuallyDrop` keeps `drop` off the payload.
        unsafe { take::<K>(&raw const this.payload) }
    }

    /// Whether it is too late to start it, and why.
    pub(crate) fn given_up(&self, now: u64) -> Option<Abandoned> {
        let extras = self.extras.as_deref()?;
        if extras.token.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Some(Abandoned::Cancelled);
        }
        (self.is_late(now) && extras.when_late == WhenLate::Drop).then_some(Abandoned::Expired)
    }

    /// Whether its deadline has passed.
    pub(crate) fn is_late(&self, now: u64) -> bool {
        self.extras.as_deref().and_then(|extras| extras.deadline).is_some_and(|late| now > late)
    }

    pub(crate) fn name(&self) -> Option<&'static str> {
        self.extras.as_deref().and_then(|extras| extras.name)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: dropped, so nobody took the payload out (invariant 1), and nobody will.
        unsafe { (self.vtable.abandon)(&raw const self.payload, Abandoned::Cancelled, None) };
    }
}

/// A job whose result nobody waits for.
pub(crate) struct Detached<F>(pub(crate) F);

impl<F: FnOnce() + Send> Task for Detached<F> {
    #[inline]
    fn run(self, started: &Started<'_>) {
        let outcome = catch_unwind(AssertUnwindSafe(self.0));
        started.finish(outcome.is_err());
    }

    fn abandon(self, _: Abandoned, _: Option<&Pool>) -> bool {
        true
    }
}

const _: () = assert!(mem::size_of::<Job>() == 64 || mem::size_of::<*mut ()>() != 8);

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_job_given_up_drops_its_closure_once_whatever_its_size() {
        for big in [false, true] {
            let witness = Arc::new(());
            let held = Arc::clone(&witness);
            let job = if big {
                let ballast = [0_u8; 200];
                Job::new(
                    Detached(move || assert_eq!(ballast.len(), Arc::strong_count(&held))),
                    1,
                    None,
                )
            } else {
                Job::new(Detached(move || assert_eq!(Arc::strong_count(&held), 0)), 1, None)
            };
            assert_eq!(Arc::strong_count(&witness), 2);
            job.abandon(Abandoned::Evicted, None);
            assert_eq!(Arc::strong_count(&witness), 1, "big: {big}");
        }
    }

    #[test]
    fn a_refused_task_comes_back_as_it_was() {
        let job = Job::new(Detached([7_u64; 9]), 1, None);
        // SAFETY: made of this type one line above.
        assert_eq!(unsafe { job.into_task::<Detached<[u64; 9]>>() }.0, [7; 9]);
    }

    impl Task for Detached<[u64; 9]> {
        fn run(self, started: &Started<'_>) {
            started.finish(false);
        }

        fn abandon(self, _: Abandoned, _: Option<&Pool>) -> bool {
            true
        }
    }
}
