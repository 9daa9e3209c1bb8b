//! Delivery: sends what waits in the spools and acknowledges what the broker has.
//!
//! # Terms
//!
//! * **Class** — the streams of one spool; the first class is the highest.
//! * **Lane** — half of a class: **live** is what comes during an epoch, **history** what waited when
//!   the epoch began, if it was more than a little.
//! * **Epoch** — one connection, from up to down. See [`Publisher`].
//! * **Flight** — samples read from the spool together and on their way in one or more messages.
//! * **Landed** — a flight whose messages are all answered, and all before it in its lane.
//! * **Held** — a stream of which the broker refuses messages. Its samples stay in the spool while the
//!   others go on, and its oldest message is tried again after a back-off.
//! * **Owed** — what a held stream has in flights that have landed.
//! * **Withheld** — positions that have landed and are not acknowledged, because something is owed
//!   there.
//! * **Set aside** — owed samples that were given up, counted: the oldest, when more than
//!   `held_samples_max` positions are withheld.
//!
//! # Invariants
//!
//! 1. The spool is told that a sample is delivered only when its flight has landed, and a sample of a
//!    held stream only when it is acknowledged or set aside. The cursor follows by itself.
//! 2. When an epoch ends, everything not landed is read from the spool again. The client library's own
//!    memory of what was sent is thrown away with the epoch: it loses messages (see
//!    `docs/adr/0003-connection-epochs.md`).
//! 3. Samples of one stream and lane are handed over in the order of their numbers; of history that
//!    goes newest first, within each block. What was owed goes, in order, when the stream is taken
//!    again; what was on its way while a message before it was refused has overtaken that.
//! 4. Within one epoch no sample is acknowledged by the broker twice, as long as the spool remembers
//!    what it was told (see [`Spool`], 10).
//! 5. At most one window of messages is on its way, and one flight per lane is made ready, so memory
//!    is bounded however long the backlog.
//! 6. A refusal never ends an epoch: one topic that the broker's access rules forbid holds no other
//!    stream up (see `docs/adr/0014-refused-messages.md`); a sample that fits into no message that the
//!    broker takes is passed and counted.
//! 7. What is higher in the order of `send` never waits for more than the answer to one message of
//!    what is lower, as long as `history_share` leaves room (see `docs/adr/0016-two-lanes.md`).
//! 8. What is replayed has been delivered before, goes last, and is never acknowledged to the spool.
//!
//! # When samples go
//!
//! Live ones at once when none of their lane are on their way, so that a single live sample on an idle
//! link waits for nothing. While some are, more are collected until the answers are there, or as many
//! wait as fill a message of each stream, or the first of them has waited for `batch_age_max`. So messages
//! grow with the round-trip time and the rate, and the window, which the broker's Receive Maximum may
//! lower, bounds how many of them are on their way: while it is full, what comes is collected, and goes in
//! messages as full as they may be. History goes in blocks that fill messages, as fast as its rate and its
//! share of the window allow.
//!
//! # Deliberately absent
//!
//! Anything about the protocol to the broker; any wait for a sensor; which stream is of which class.

mod brokers;
mod class;
mod epoch;
mod flight;
mod held;
mod hold;
mod lane;
mod news;
mod options;
mod pace;
mod replay;
mod send;

use core::time::Duration;
use std::{collections::BTreeMap, sync::Arc};

use domain::{Backoff, Monotonic, StreamName};
use ports::{Clock, Publisher, Spool};
use wire::{
    compression::Compressor,
    status::{DeviceStatus, Origin, State},
};

pub use self::options::{ForwardOptions, HistoryOrder};
use self::{
    brokers::Brokers, class::Class, epoch::Link, hold::Holds, lane::Which, pace::Pace,
    replay::Replays,
};
use crate::{telemetry::Counters, time::Times};

/// Gives the counts for the status message.
pub type Tally = Box<dyn Fn() -> BTreeMap<String, u64> + Send>;

/// What the status says of the devices.
pub struct DeviceNews {
    /// How each of them fares, by name.
    pub report: Box<dyn Fn() -> BTreeMap<String, DeviceStatus> + Send>,
    /// Grows when that is to be published at once. Whoever makes it grow wakes the publisher.
    pub changes: Box<dyn Fn() -> u64 + Send>,
}

/// Sends the backlog of spools, one for each class, through one publisher.
pub struct Forwarder<P> {
    options: ForwardOptions,
    /// The highest first.
    classes: Vec<Class>,
    publisher: P,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    tally: Tally,
    devices: Option<DeviceNews>,
    derived: BTreeMap<StreamName, Origin>,
    compressor: Compressor,
    /// The changes that the newest status tells of.
    changes_told: u64,
    backoff: Backoff,
    brokers: Brokers,
    link: Link,
    /// How fast history may go, over all classes.
    pace: Pace,
    /// What was asked for again in this epoch.
    replays: Replays,
    /// The newest epoch broke, and nothing has landed since.
    is_careful: bool,
    /// What the status says: online, until the drain has sent what there was.
    state: State,
    last_token: u64,
}

/// How many samples are read from the spool at one time, at the most, where so many fill messages.
const FLIGHT_SAMPLES: usize = 1_024;

/// How many where there are so many streams that those would fill none: few enough to hold in memory, and
/// to be made ready while something more urgent comes.
const FLIGHT_SAMPLES_MAX: usize = 8_192;

/// The most answers that are taken in one step, before what they made room for is sent.
const DELIVERIES_MAX: usize = 64;

/// The longest that a step waits when nothing else is due.
const IDLE: Duration = Duration::from_secs(60);

/// Two statuses are at least so far apart, however often devices come and go.
const STATUS_SPACING: Duration = Duration::from_millis(200);

/// How long to wait before reading a spool again that could not be read.
const SPOOL_RETRY: Duration = Duration::from_secs(1);

impl<P: Publisher> Forwarder<P> {
    /// Sends the backlog of `spools`, of which the first goes first. Connects at the first step.
    pub fn new(
        options: ForwardOptions,
        spools: Vec<Arc<dyn Spool>>,
        publisher: P,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
        tally: Tally,
    ) -> Self {
        // Different for each gateway and boot, so that a fleet does not reconnect in step.
        let seed = u64::from_be_bytes(core::array::from_fn(|i| options.boot.as_bytes()[i]));
        let seed =
            options.gateway.as_str().bytes().fold(seed, |s, b| s.rotate_left(5) ^ u64::from(b));
        let backoff = Backoff::new(options.retry_first, options.retry_max, seed);
        let class =
            |spool| Class::new(spool, Holds::new(options.retry_first, options.retry_max, seed));
        let now = clock.now().monotonic;
        Self {
            classes: spools.into_iter().map(class).collect(),
            publisher,
            clock,
            counters,
            tally,
            devices: None,
            derived: BTreeMap::new(),
            compressor: Compressor::new(options.compression),
            changes_told: 0,
            backoff,
            brokers: Brokers::new(options.brokers, options.return_after),
            link: Link::Down { retry_at: Monotonic::default() },
            pace: Pace::new(options.history_rate, FLIGHT_SAMPLES as u64, now),
            replays: Replays::default(),
            is_careful: false,
            state: State::Online,
            last_token: 0,
            options,
        }
    }

    /// Lets the status tell what each derived stream is made of.
    #[must_use]
    pub fn with_derived(mut self, derived: BTreeMap<StreamName, Origin>) -> Self {
        self.derived = derived;
        self
    }

    /// Corrects the times of samples by `times`, and lets samples wait for it if that is to be.
    #[must_use]
    pub fn with_times(mut self, times: &Times) -> Self {
        self.classes.iter_mut().for_each(|class| class.correct_by(times.clone()));
        self
    }

    /// Lets the status tell of the devices too.
    #[must_use]
    pub fn with_devices(mut self, devices: DeviceNews) -> Self {
        self.devices = Some(devices);
        self
    }

    /// Does what is due, then waits for the next things to happen, at most `patience`.
    pub fn step(&mut self, patience: Duration) {
        self.connect_if_due();
        self.return_if_due();
        self.send();
        let mut patience = patience.min(self.until_due());
        // What else is already there is taken, too, before more is sent.
        for _ in 0..DELIVERIES_MAX {
            let Some(delivery) = self.publisher.next_delivery(patience) else { break };
            self.take(delivery);
            patience = Duration::ZERO;
        }
    }

    /// Forwards until `stops_by` names a time, then [`drain`](Self::drain)s until then.
    ///
    /// Whoever sets the time calls the publisher's waker afterwards.
    pub fn run(mut self, stops_by: impl Fn() -> Option<Monotonic>) {
        let until = loop {
            match stops_by() {
                Some(until) => break until,
                None => self.step(IDLE),
            }
        };
        self.drain(until);
    }

    /// Sends what is left in the spools, what is live first, says goodbye and disconnects; gives up at
    /// `until`, or as soon as the broker proves to be away. What is left then, what is owed, and what
    /// waits for the clock stays in the spools. True if nothing is.
    pub fn drain(&mut self, until: Monotonic) -> bool {
        let is_sent = |this: &Self| this.unlanded() == 0 || this.is_waiting_for_clock();
        self.step_until(until, |this| is_sent(this) && !matches!(this.link, Link::Connecting));
        self.state = State::Stopped;
        self.say_status();
        self.step_until(until, |this| !this.is_saying_status());
        self.publisher.disconnect();
        self.classes.iter().all(|class| class.spool.cursor() == class.spool.end())
    }

    fn step_until(&mut self, until: Monotonic, is_done: impl Fn(&Self) -> bool) {
        let is_broker_away =
            |this: &Self| matches!(this.link, Link::Down { .. }) && this.backoff.failures() > 0;
        while !is_done(self) && !is_broker_away(self) && !self.left(until).is_zero() {
            self.step(self.left(until));
        }
    }

    fn left(&self, until: Monotonic) -> Duration {
        until.saturating_since(self.clock.now().monotonic)
    }

    /// How many samples wait in the spools and have not landed.
    fn unlanded(&self) -> u64 {
        self.classes.iter().map(|class| class.unlanded().count()).sum()
    }

    fn is_waiting_for_clock(&self) -> bool {
        let now = self.clock.now().monotonic;
        self.classes.iter().any(|class| class.waiting_until(now).is_some())
    }

    /// How long until something is due without anything happening.
    fn until_due(&self) -> Duration {
        match &self.link {
            Link::Down { retry_at } => self.left(*retry_at),
            Link::Connecting => IDLE,
            // Only answers are waited for.
            Link::Up(epoch) if epoch.is_over(self.clock.now().monotonic) => IDLE,
            Link::Up(epoch) => {
                let due = self.samples_due(epoch.run_max);
                let due = [due, self.replay_due(), epoch.return_at].into_iter().flatten();
                self.left(due.fold(epoch.status_due, Ord::min))
            }
        }
    }

    /// When more samples may go, if the window has room.
    fn samples_due(&self, run_max: usize) -> Option<Monotonic> {
        if !self.has_window_for(Which::Live) {
            return None;
        }
        let now = self.clock.now().monotonic;
        let of = |class: &Class| {
            let history = class.history.flight(run_max);
            let paced = (history > 0 && self.has_window_for(Which::History))
                .then(|| self.pace.due(history));
            let held = class.holds.next_due().filter(|_| self.may_probe());
            let due = [held, class.live.ripe_at, paced];
            let not_before = class.read_not_before.max(class.waiting_until(now));
            not_before.or_else(|| due.into_iter().flatten().min())
        };
        self.classes.iter().filter_map(of).min()
    }
}

#[cfg(test)]
mod tests;
