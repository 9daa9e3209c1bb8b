//! What the tests share: a pool of a given size, and a way to keep its workers busy.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![allow(clippy::allow_attributes, reason = "which part is dead differs from file to file")]

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use executor::{Builder, Executor};

pub fn some(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

pub fn builder(workers: usize, capacity: usize) -> Builder {
    Executor::builder().workers(some(workers)).capacity(some(capacity))
}

pub fn pool(workers: usize, capacity: usize) -> Executor {
    builder(workers, capacity).build().unwrap()
}

/// Keeps one worker busy until it is dropped.
pub struct Plug {
    _release: SyncSender<()>,
}

/// Occupies one worker of `executor`; returns when it is.
pub fn plug(executor: &Executor) -> Plug {
    let (started, starts) = sync_channel(1);
    let (release, released): (SyncSender<()>, Receiver<()>) = sync_channel(1);
    let job = move || {
        started.send(()).unwrap();
        // Ends with an error when the plug is dropped.
        let _ = released.recv();
    };
    executor.submitter().name("plug").detach(job).unwrap();
    starts.recv().unwrap();
    Plug { _release: release }
}

/// A list that jobs write to.
#[derive(Clone, Default)]
pub struct Log<V>(Arc<Mutex<Vec<V>>>);

impl<V: Clone + Send + 'static> Log<V> {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    pub fn push(&self, value: V) {
        self.0.lock().unwrap().push(value);
    }

    /// A job that writes `value`.
    pub fn writes(&self, value: V) -> impl FnOnce() + Send + 'static + use<V> {
        let log = self.clone();
        move || log.push(value)
    }

    pub fn read(&self) -> Vec<V> {
        self.0.lock().unwrap().clone()
    }
}
