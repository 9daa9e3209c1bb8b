//! Wall time that corrects itself: looks at the clock, remembers when it was right, and corrects the times of
//! samples when they are sent.
//!
//! # Terms
//!
//! Those of [`domain::time`], and
//!
//! * **Mark** — what is said of the wall clock with each time that it tells.
//! * **Waiting** — samples wait in the spool, if so configured, until the clock has been synchronised once in
//!   this boot, or that has taken too long.
//!
//! # Invariants
//!
//! 1. Samples are stored as their times were found, and corrected whenever they are read to be sent: what is
//!    learned later counts for all that are still there.
//! 2. Nothing waits for the clock for longer than was configured, from the boot of the machine on.
//! 3. What is kept of the times is written when it has news, at most once in `KEEP_PAUSE`, and else once in
//!    `KEEP_EVERY`: what a crash costs is how long the boot lasted.
//!
//! # Deliberately absent
//!
//! Setting a clock. The time of derived metrics, which does not follow the wall clock.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{
    BootId, Monotonic, Sample,
    time::{Look, TimeTable},
};
use ports::{Clock, Discipline, TimesKeeper, Wake, Waker};

use crate::telemetry::Counters;

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Two writes of the table for the sake of news are at least so far apart.
const KEEP_PAUSE: Duration = Duration::from_secs(60);

/// The table is written so often if there is no news: how long this boot lasted.
const KEEP_EVERY: Duration = Duration::from_secs(3_600);

/// What is known of wall time, shared by those who learn it and those who correct by it. Clones share it.
#[derive(Clone, Debug)]
pub struct Times {
    boot: BootId,
    wait_max: Option<Duration>,
    table: Arc<Mutex<TimeTable>>,
}

impl Times {
    /// What `table` knows, in `boot`. Samples wait for the clock for at most `wait_max` after the boot of
    /// the machine; not at all if there is none.
    pub fn new(boot: BootId, table: TimeTable, wait_max: Option<Duration>) -> Self {
        Self { boot, wait_max, table: Arc::new(Mutex::new(table)) }
    }

    /// Corrects the times of samples that are about to be sent. Their order, their numbers and what they
    /// say of monotonic time stay.
    pub fn correct<'s>(&self, samples: impl IntoIterator<Item = &'s mut Sample>) {
        let table = self.table();
        for sample in samples {
            sample.reading.at = table.correct(sample.boot, sample.reading.at);
        }
    }

    /// Until when samples wait for the clock; none if they do not, or no longer.
    pub fn waiting_until(&self, now: Monotonic) -> Option<Monotonic> {
        let until = Monotonic::default() + self.wait_max?;
        (now < until && !self.table().is_anchored(self.boot)).then_some(until)
    }

    /// It is changed in one go, so a panic elsewhere leaves it whole.
    fn table(&self) -> MutexGuard<'_, TimeTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a [`Timekeeper`] needs.
pub struct TimekeeperParts {
    /// What it learns.
    pub times: Times,
    /// What it looks at.
    pub discipline: Box<dyn Discipline>,
    /// What keeps the table over a restart.
    pub keeper: Box<dyn TimesKeeper>,
    /// What it sleeps on.
    pub clock: Arc<dyn Clock>,
    /// What it counts in.
    pub counters: Arc<Counters>,
    /// Called when samples need not wait any longer.
    pub wake_forwarder: Waker,
}

/// Looks at the clock, gives times their mark, and keeps what it has learned.
pub struct Timekeeper {
    parts: TimekeeperParts,
    newest: Option<Look>,
    look_due: Monotonic,
    keep_due: Monotonic,
    keep_not_before: Monotonic,
}

impl Timekeeper {
    /// Takes a first look: from the return on, times have their mark.
    pub fn new(parts: TimekeeperParts) -> Self {
        let now = parts.clock.now().monotonic;
        parts.times.table().enter(parts.times.boot, now);
        let mut keeper =
            Self { parts, newest: None, look_due: now, keep_due: now, keep_not_before: now };
        if keeper.parts.times.waiting_until(now).is_some() {
            tracing::warn!("samples wait until the clock is synchronised");
        }
        keeper.step();
        keeper
    }

    /// Does what is due.
    pub fn step(&mut self) {
        let now = self.parts.clock.now().monotonic;
        if self.look_due <= now {
            self.look_due = now + LOOK_EVERY;
            self.look();
        }
        if self.keep_due <= now && self.keep_not_before <= now {
            self.keep(now);
        }
    }

    /// Does so until the clock is interrupted, then keeps what it knows.
    pub fn run(mut self) {
        while self.parts.clock.sleep_until(self.look_due) == Wake::Due {
            self.step();
        }
        self.finish();
    }

    /// Keeps what it knows.
    pub fn finish(&mut self) {
        self.look();
        self.keep(self.parts.clock.now().monotonic);
    }

    fn look(&mut self) {
        let look = self.parts.discipline.look();
        let was_anchored = self.is_anchored();
        let (noted, trust) = {
            let mut table = self.parts.times.table();
            (table.note(self.newest.as_ref(), &look), table.trust(&look))
        };
        self.parts.discipline.tell(trust);
        if noted.is_step {
            self.parts.counters.clock_steps.add(1);
            let before = self.newest.map_or(0, |before| before.offset());
            let by_ms = look.offset().saturating_sub(before) / 1_000_000;
            tracing::warn!(by_ms, source = trust.source().code(), "the wall clock was stepped");
        }
        if noted.is_news {
            self.keep_due = look.monotonic;
        }
        if !was_anchored && self.is_anchored() {
            tracing::info!("clock is synchronised");
            (self.parts.wake_forwarder)();
        }
        self.tell(&look);
        self.newest = Some(look);
    }

    fn is_anchored(&self) -> bool {
        self.parts.times.table().is_anchored(self.parts.times.boot)
    }

    fn tell(&self, look: &Look) {
        let counters = &self.parts.counters;
        let error = look.vouched.map(|error| u64::try_from(error.as_millis()).unwrap_or(u64::MAX));
        counters.clock_synchronised.set(Some(look.vouched.is_some().into()));
        counters.clock_error_ms.set(error);
        let until = self.parts.times.waiting_until(look.monotonic);
        let left = until.map(|until| until.saturating_since(look.monotonic).as_secs());
        if counters.clock_waits_s.get().is_some() && left.is_none() && !self.is_anchored() {
            tracing::warn!("clock is still not synchronised; samples are sent and say so");
        }
        counters.clock_waits_s.set(left);
    }

    fn keep(&mut self, now: Monotonic) {
        self.keep_not_before = now + KEEP_PAUSE;
        let table = self.parts.times.table().clone();
        match self.parts.keeper.keep(&table) {
            Ok(()) => self.keep_due = now + KEEP_EVERY,
            Err(error) => {
                self.parts.counters.times_unsaved.add(1);
                tracing::warn!(%error, cause = %error.cause, "what is known of the time is not kept");
            }
        }
    }
}

#[cfg(test)]
mod tests;
