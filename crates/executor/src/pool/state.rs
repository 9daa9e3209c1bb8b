//! All that changes under the pool's lock: who works, who sleeps and how, and whom new work wakes.

use std::thread;

use super::Settings;
use crate::{block::BLOCK, queue::Queue, sync::Thread};

/// With so many jobs waiting, whoever rests is called.
const RALLY: usize = 4 * BLOCK;

/// How a worker sleeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Bed {
    /// Until woken.
    Idle,
    /// Until woken, or the coalescing window is over.
    Nap,
    /// Until woken, or for [`REST`](super::visit::REST).
    Rest,
}

/// A worker that sleeps: where, and how to wake it.
pub(super) struct Sleeper {
    pub(super) place: usize,
    pub(super) thread: Thread,
}

/// All that changes under the lock.
pub(crate) struct State {
    pub(crate) queue: Queue,
    pub(crate) closed: bool,
    pub(super) idle: Vec<Sleeper>,
    pub(super) napper: Option<Sleeper>,
    pub(super) resting: Vec<Sleeper>,
    pub(super) waking: usize,
    /// Submitters may be asleep on `has_room` that nobody has notified yet.
    pub(super) room_is_awaited: bool,
    /// See [`RALLY`].
    pub(super) rally_at: usize,
    /// How many workers there should be, not counting blocked ones.
    pub(crate) target: usize,
    /// Worker threads, started or about to be.
    pub(crate) alive: usize,
    /// Of those, the ones that count as blocked; see [`Spell`](crate::spell::Spell).
    pub(crate) blocked: usize,
    /// Places without a worker.
    pub(crate) vacant: Vec<usize>,
    /// No place from this one on has ever had a worker.
    pub(super) used: usize,
    /// The monitor sleeps until work comes.
    pub(crate) monitor: Option<thread::Thread>,
}

/// Whom to unpark once the lock is free.
#[derive(Default)]
#[must_use = "a sleeper taken off the list and not woken sleeps for ever"]
pub(crate) struct Wake {
    pub(super) sleeper: Option<Sleeper>,
    pub(super) monitor: Option<thread::Thread>,
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            queue: Queue::new(),
            closed: false,
            idle: Vec::with_capacity(settings.places),
            napper: None,
            resting: Vec::with_capacity(settings.places),
            waking: 0,
            room_is_awaited: false,
            rally_at: RALLY.min(settings.capacity / 2),
            target: settings.workers,
            alive: 0,
            blocked: 0,
            vacant: (0..settings.places).rev().collect(),
            used: 0,
            monitor: None,
        }
    }

    /// Takes a sleeper off the list for work just made visible (invariant 2).
    #[inline(always)]
    pub(super) fn wake(&mut self, urgent: bool, prompt: bool) -> Option<Wake> {
        let nobody_sleeps =
            self.idle.is_empty() && self.resting.is_empty() && self.napper.is_none();
        if nobody_sleeps || (self.waking > 0 && !urgent) {
            return None;
        }
        self.wake_one(urgent, prompt)
    }

    #[inline(never)]
    fn wake_one(&mut self, urgent: bool, prompt: bool) -> Option<Wake> {
        let is_in_good_hands =
            !self.resting.is_empty() && self.awake() > 0 && self.queue.waiting() < self.rally_at;
        if (is_in_good_hands && !urgent) || (self.napper.is_some() && !prompt) {
            return None;
        }
        let sleeper =
            self.napper.take().or_else(|| self.resting.pop()).or_else(|| self.idle.pop())?;
        self.waking += 1;
        Some(Wake { sleeper: Some(sleeper), monitor: self.monitor.take() })
    }

    /// Takes a vacant place for a new worker.
    pub(crate) fn occupy(&mut self) -> Option<usize> {
        let place = self.vacant.pop()?;
        self.used = self.used.max(place + 1);
        self.alive += 1;
        Some(place)
    }

    /// Whether nothing happens, and nothing will until a job comes.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.queue.is_dry() && self.napper.is_none() && self.idle.len() == self.alive
    }

    /// Takes a worker whose time is over off the napper's place or the list of those that rest;
    /// false if it is being woken.
    pub(super) fn gets_up(&mut self, place: usize) -> bool {
        let napped = self.napper.take_if(|napper| napper.place == place).is_some();
        let rested = self.resting.iter().position(|sleeper| sleeper.place == place);
        rested.map(|index| self.resting.swap_remove(index)).is_some() || napped
    }

    /// Lowers the target by one and takes the sleeper off the list who is to leave.
    pub(crate) fn shrink(&mut self) -> Wake {
        self.target -= 1;
        let sleeper = self.idle.pop();
        self.waking += usize::from(sleeper.is_some());
        Wake { sleeper, monitor: None }
    }

    /// Workers asleep.
    pub(crate) fn idle(&self) -> usize {
        self.idle.len() + self.resting.len() + usize::from(self.napper.is_some())
    }

    /// Workers that will visit by themselves as soon as their batch is done.
    pub(super) fn awake(&self) -> usize {
        self.alive.saturating_sub(self.blocked + self.idle())
    }

    /// Whether one worker more than wanted could run.
    pub(super) fn has_surplus(&self) -> bool {
        self.alive.saturating_sub(self.blocked) > self.target
    }
}
