//! The primitives the protocol is built of, from `std` or, under `cfg(loom)`, from the model checker.
//!
//! Everything that more than one thread touches goes through here, so that the models in
//! `models.rs` exercise the code that ships and not a copy of it.

#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicUsize},
    },
    thread::{Thread, current, park},
};
#[cfg(not(loom))]
pub(crate) use std::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicUsize},
    },
    thread::{Thread, current, park},
};

use std::{sync::PoisonError, time::Duration};

#[cfg(not(loom))]
use crate::clock;

/// Locks, whether or not a panic was seen under the lock: user code never runs under one of ours,
/// so what it guards is always whole.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits on `condvar`, no longer than `most`.
#[cfg(not(loom))]
pub(crate) fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    most: Option<Duration>,
) -> MutexGuard<'a, T> {
    let Some(most) = most else {
        return condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
    };
    condvar.wait_timeout(guard, most).unwrap_or_else(PoisonError::into_inner).0
}

/// Waits on `condvar`. In a model time stands still: nothing times out.
#[cfg(loom)]
pub(crate) fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    _most: Option<Duration>,
) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Parks until `done`, or until `most` is over.
#[cfg(not(loom))]
pub(crate) fn park_for(most: Duration, done: impl Fn() -> bool) {
    let until = clock::ticks().saturating_add(clock::to_ticks(most));
    while !done() {
        let left = clock::duration(until.saturating_sub(clock::ticks()));
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

/// Parks until `done`, or not at all: in a model the time may be over at once.
#[cfg(loom)]
pub(crate) fn park_for(_most: Duration, _done: impl Fn() -> bool) {
    loom::thread::yield_now();
}

/// `UnsafeCell` with the interface of loom's, which tracks every access.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Keeps what one thread writes off the cache lines that others read.
///
/// 128 bytes, because recent x86 prefetches lines in pairs and some ARM lines are that long.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

impl<T> std::ops::Deref for Padded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
