//! Where a job with a handle lives: its closure until it starts, its result from then on.
//!
//! # Terms
//!
//! * **Job side** — the [`Pending`] in the queue, then the worker that runs it.
//! * **Handle side** — the [`Receiver`] inside a `JobHandle`.
//! * **To claim** — to win the closure by being the first to set `CLAIMED`.
//!
//! # Invariants
//!
//! 1. The closure belongs to whoever set `CLAIMED`; before that it stays where it is.
//! 2. The result is written by who ran the closure, before `DONE` is set, and belongs to the handle
//!    side afterwards.
//! 3. Setting `DONE` is the job side's last touch of the cell, setting `GONE` the handle side's,
//!    unless it finds the other's bit set: then it frees the cell. So exactly one side does.
//! 4. Whoever waits is woken: a waiter is put in place before `WAITING` is set, and `DONE` is only
//!    ever set by a compare-exchange that saw `WAITING` clear, after taking every waiter that set it.
//!
//! # Memory ordering
//!
//! Every change of `state` is an acquire-release operation on the one word, so who sees a bit also
//! sees what its setter did before. That is all the protocol needs; there is no second word.

#![expect(unsafe_code, reason = "one allocation shared by two owners, without a reference count")]

use std::{
    mem::{self, ManuallyDrop, MaybeUninit},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    sync::atomic::Ordering::{AcqRel, Acquire},
    task::Waker,
};

use crate::{
    JobError,
    error::Abandoned,
    job::Task,
    pool::Pool,
    recorder::Started,
    sync::{AtomicU8, Mutex, Thread, UnsafeCell, lock},
};

/// Someone took the closure.
const CLAIMED: u8 = 1;
/// The job side is finished with the cell; unless `STOLEN` or `CANCELLED`, the result is there.
const DONE: u8 = 2;
/// There is a waiter.
const WAITING: u8 = 4;
/// The handle is gone.
const GONE: u8 = 8;
/// The handle side claimed the closure, to run it.
const STOLEN: u8 = 16;
/// The handle side claimed the closure, to drop it.
const CANCELLED: u8 = 32;
/// The closure may only run from the queue: it is keyed, has a deadline or a
/// token, or is a scope's.
const PINNED: u8 = 64;

/// Who waits for a result.
pub(crate) enum Waiter {
    Thread(Thread),
    Task(Waker),
}

impl Waiter {
    fn wake(self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Task(waker) => waker.wake(),
        }
    }
}

/// What both sides know of the cell.
struct Head<T> {
    state: AtomicU8,
    submitted: u64,
    waiter: Mutex<Option<Waiter>>,
    result: UnsafeCell<MaybeUninit<Result<T, JobError>>>,
    erased: &'static Erased,
}

/// The handle side's way to a closure whose type it does not know. Pointers to the head; `run`
/// writes the `Result<T, JobError>` where its second argument points.
struct Erased {
    run: unsafe fn(NonNull<()>, *mut ()),
    drop_closure: unsafe fn(NonNull<()>),
    free: unsafe fn(NonNull<()>),
}

#[repr(C)]
struct Cell<F, T> {
    head: Head<T>,
    closure: UnsafeCell<MaybeUninit<F>>,
}

impl<F: FnOnce() -> T + Send, T: Send> Cell<F, T> {
    const ERASED: Erased = Erased {
        // SAFETY: the callers' promises are those of the three functions; `to` has room for a result.
        run: |head, to| unsafe { to.cast::<Result<T, JobError>>().write(Self::run(head.cast())) },
        // SAFETY: as above.
        drop_closure: |head| unsafe { Self::drop_closure(head.cast()) },
        // SAFETY: as above.
        free: |head| unsafe { Self::free(head.cast()) },
    };

    /// # Safety
    ///
    /// The caller has claimed the closure and calls this once.
    unsafe fn closure(this: NonNull<Head<T>>) -> F {
        // SAFETY: every head is the first field of a `repr(C)` cell; the closure is initialised
        // and the caller's alone (invariant 1).
        unsafe {
            this.cast::<Self>().as_ref().closure.with_mut(|closure| (*closure).assume_init_read())
        }
    }

    /// # Safety
    ///
    /// As for `closure`.
    unsafe fn run(this: NonNull<Head<T>>) -> Result<T, JobError> {
        // SAFETY: the caller's promise is `closure`'s.
        let closure = unsafe { Self::closure(this) };
        catch_unwind(AssertUnwindSafe(closure)).map_err(JobError::from_panic)
    }

    /// # Safety
    ///
    /// As for `closure`.
    unsafe fn drop_closure(this: NonNull<Head<T>>) {
        // SAFETY: the caller's promise is `closure`'s.
        drop(unsafe { Self::closure(this) });
    }

    /// # Safety
    ///
    /// The other side is finished with the cell, and so is the caller.
    unsafe fn free(this: NonNull<Head<T>>) {
        // SAFETY: made by `Box::new` in `cell`, and this is its last owner (invariant 3).
        drop(unsafe { Box::from_raw(this.cast::<Self>().as_ptr()) });
    }
}

/// The job side.
pub(crate) struct Pending<F: FnOnce() -> T + Send, T: Send> {
    cell: NonNull<Head<T>>,
    closure: std::marker::PhantomData<F>,
}

// SAFETY: the closure and the result that it leads to are `Send`.
unsafe impl<F: FnOnce() -> T + Send, T: Send> Send for Pending<F, T> {}

/// The handle side.
pub(crate) struct Receiver<T> {
    cell: NonNull<Head<T>>,
}

// SAFETY: the result is `Send`; no method gives out a reference to it.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: as above; `&self` methods only change the atomic word and the waiter under its lock.
unsafe impl<T: Send> Sync for Receiver<T> {}

/// A cell with `closure` in it, seen from both sides.
pub(crate) fn cell<F: FnOnce() -> T + Send, T: Send>(
    closure: F,
    submitted: u64,
    pinned: bool,
) -> (Pending<F, T>, Receiver<T>) {
    let head = Head::<T> {
        state: AtomicU8::new(if pinned { PINNED } else { 0 }),
        submitted,
        waiter: Mutex::new(None),
        result: UnsafeCell::new(MaybeUninit::uninit()),
        erased: const { &Cell::<F, T>::ERASED },
    };
    let cell = Cell { head, closure: UnsafeCell::new(MaybeUninit::new(closure)) };
    let cell = NonNull::from(Box::leak(Box::new(cell))).cast::<Head<T>>();
    (Pending { cell, closure: std::marker::PhantomData }, Receiver { cell })
}

impl<F: FnOnce() -> T + Send, T: Send> Pending<F, T> {
    fn head(&self) -> &Head<T> {
        // SAFETY: the cell lives until the job side sets `DONE` (invariant 3), which consumes self.
        unsafe { self.cell.as_ref() }
    }

    /// Claims the closure for the job side; `None` if the handle side was first.
    fn claim(&self) -> Result<(), u8> {
        let before = self.head().state.fetch_or(CLAIMED, AcqRel);
        if before & CLAIMED == 0 { Ok(()) } else { Err(before) }
    }

    /// Publishes the result and gives the cell up.
    fn publish(self, result: Result<T, JobError>) {
        // SAFETY: only the claimer writes, before `DONE` (invariant 2).
        self.head().result.with_mut(|slot| unsafe { (*slot).write(result) });
        self.done(true);
    }

    /// Sets `DONE`, wakes who waits, and frees the cell if the handle is gone.
    fn done(self, with_result: bool) {
        let mut woken = None;
        let mut seen = self.head().state.load(Acquire);
        loop {
            let next = if seen & WAITING == 0 {
                seen | DONE
            } else {
                woken = lock(&self.head().waiter).take();
                seen & !WAITING
            };
            match self.head().state.compare_exchange(seen, next, AcqRel, Acquire) {
                Ok(_) if next & DONE != 0 => break,
                Ok(_) => seen = next,
                Err(now) => seen = now,
            }
        }
        if seen & GONE != 0 {
            // SAFETY: the handle set `GONE` before, so this side is last (invariant 3); the result
            // was written above and nobody read it.
            unsafe { discard(self.cell, with_result) };
        }
        if let Some(waiter) = woken {
            waiter.wake();
        }
    }

    /// Undoes [`cell`] for a job that nobody accepted.
    pub(crate) fn into_closure(self, receiver: Receiver<T>) -> F {
        let receiver = ManuallyDrop::new(receiver);
        debug_assert_eq!(self.cell, receiver.cell, "both sides of one cell");
        // SAFETY: both sides are here, so nobody else claims or frees.
        unsafe {
            let closure = Cell::<F, T>::closure(self.cell);
            Cell::<F, T>::free(self.cell);
            closure
        }
    }
}

/// # Safety
///
/// The caller is the last to touch the cell; `with_result` says whether there is one.
unsafe fn discard<T>(cell: NonNull<Head<T>>, with_result: bool) {
    struct Free<T>(NonNull<Head<T>>);
    impl<T> Drop for Free<T> {
        fn drop(&mut self) {
            // SAFETY: `discard`'s caller is last, and nothing touches the cell after this.
            unsafe { (self.0.as_ref().erased.free)(self.0.cast()) };
        }
    }
    // Frees also when the drop of the result panics.
    let free = Free(cell);
    if with_result {
        // SAFETY: `DONE` was set with a result, which nobody took.
        let head = unsafe { free.0.as_ref() };
        // SAFETY: as above.
        head.result.with_mut(|slot| unsafe { (*slot).assume_init_drop() });
    }
}

impl<F: FnOnce() -> T + Send, T: Send> Task for Pending<F, T> {
    fn run(self, started: &Started<'_>) {
        if let Err(before) = self.claim() {
            if before & CANCELLED != 0 {
                started.cancelled();
            }
            return self.done(false);
        }
        // SAFETY: claimed on the line above.
        let result = unsafe { Cell::<F, T>::run(self.cell) };
        started.finish(matches!(result, Err(JobError::Panicked { .. })));
        self.publish(result);
    }

    fn abandon(self, why: Abandoned, _: Option<&Pool>) -> bool {
        if let Err(before) = self.claim() {
            self.done(false);
            return before & STOLEN == 0;
        }
        // SAFETY: claimed on the line above.
        let closure = unsafe { Cell::<F, T>::closure(self.cell) };
        self.publish(Err(why.into()));
        // After the news is out: a drop that panics must not keep the waiter waiting.
        drop(closure);
        true
    }
}

impl<T> Receiver<T> {
    fn head(&self) -> &Head<T> {
        // SAFETY: the cell lives until the handle side sets `GONE` (invariant 3), in `drop`.
        unsafe { self.cell.as_ref() }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.head().state.load(Acquire) & DONE != 0
    }

    /// Takes the result if it is there.
    pub(crate) fn take(self) -> Result<Result<T, JobError>, Self> {
        if !self.is_done() {
            return Err(self);
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: `DONE` without a claim of ours (which consumes the receiver): the result is there
        // and this side's alone (invariant 2). The job side is finished, so this one frees.
        let result = this.head().result.with_mut(|slot| unsafe { (*slot).assume_init_read() });
        // SAFETY: as above; `ManuallyDrop` keeps `drop` off the cell.
        unsafe { discard(this.cell, false) };
        Ok(result)
    }

    /// Puts `waiter` in place; false if the result is there already and nobody will wake it.
    pub(crate) fn wait(&self, waiter: Waiter) -> bool {
        let before = lock(&self.head().waiter).replace(waiter);
        // Not under the lock: dropping a waker is the user's code.
        drop(before);
        self.head().state.fetch_or(WAITING, AcqRel) & DONE == 0
    }

    /// Claims the closure for this side, unless it has started or `refused_by` is set.
    fn claim(&self, how: u8, refused_by: u8) -> bool {
        let mut seen = self.head().state.load(Acquire);
        while seen & (CLAIMED | refused_by) == 0 {
            let next = seen | CLAIMED | how;
            match self.head().state.compare_exchange(seen, next, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Drops the closure unrun, if it has not started.
    pub(crate) fn cancel(self) -> Result<(), Self> {
        if !self.claim(CANCELLED, 0) {
            return Err(self);
        }
        // SAFETY: claimed on the line above. `self` is alive, and with it the cell.
        let drop_closure = || unsafe { (self.head().erased.drop_closure)(self.cell.cast()) };
        // Whoever cancels does not answer for a closure whose drop panics.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(drop_closure)) {
            mem::forget(panic);
        }
        Ok(())
    }

    /// Claims the closure for [`Stolen::run`], if it has not started and may run out of its turn.
    pub(crate) fn steal(self) -> Result<Stolen<T>, Self> {
        if self.claim(STOLEN, PINNED) { Ok(Stolen(self)) } else { Err(self) }
    }
}

/// A closure that the handle side has claimed, to run it.
pub(crate) struct Stolen<T>(Receiver<T>);

impl<T> Stolen<T> {
    pub(crate) fn submitted(&self) -> u64 {
        self.0.head().submitted
    }

    pub(crate) fn run(self) -> Result<T, JobError> {
        let mut result = MaybeUninit::<Result<T, JobError>>::uninit();
        // SAFETY: claimed by `steal`; `run` consumes the claim and writes the result. The cell
        // lives as long as `self.0`.
        unsafe {
            (self.0.head().erased.run)(self.0.cell.cast(), result.as_mut_ptr().cast());
            result.assume_init()
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let before = self.head().state.fetch_or(GONE, AcqRel);
        if before & DONE != 0 {
            let with_result = before & (STOLEN | CANCELLED) == 0;
            // SAFETY: the job side is finished, so this one is last (invariant 3); a result is
            // there unless this side had claimed the closure.
            unsafe { discard(self.cell, with_result) };
        }
    }
}
