//! Delivery: sends the backlog and moves the cursor by what the broker acknowledged.
//!
//! # Terms
//!
//! * **Epoch** — one connection, from up to down. See [`Publisher`].
//! * **Flight** — samples read from the spool together and on their way in one or more messages.
//! * **Landed** — a flight whose messages are all answered: acknowledged, or their streams held.
//! * **Held** — a stream of which the broker refuses messages. Its samples stay in the spool while the
//!   others go on, and its oldest message is tried again after a back-off.
//! * **Set aside** — samples of a held stream that the cursor passed all the same, counted: those more
//!   than `held_samples_max` behind what has landed.
//!
//! # Invariants
//!
//! 1. The cursor moves over a flight only when it and all flights before it have landed, and over a
//!    sample of a held stream only when that is acknowledged or set aside.
//! 2. When an epoch ends, everything not landed is read from the spool again. The client library's own
//!    memory of what was sent is thrown away with the epoch: it loses messages (see
//!    `docs/adr/0003-connection-epochs.md`).
//! 3. Samples of one stream are handed over in the order of their numbers. What is on its way while a
//!    message before it is refused may overtake that, and comes again after it.
//! 4. At most one window of messages is on its way, so memory is bounded however long the backlog.
//! 5. A refusal never ends an epoch: one topic that the broker's access rules forbid, or one message
//!    that does not fit, holds no other stream up (see `docs/adr/0014-refused-messages.md`).
//!
//! # When samples go
//!
//! At once when none are on their way, so that a single live sample on an idle link waits for nothing.
//! While some are, more are collected until the answers are there, or as many wait as one message
//! takes, or the first of them has waited for `batch_age_max`. So messages grow with the round-trip
//! time and the rate, and the window, which the broker's Receive Maximum may lower, bounds how many
//! of them are on their way.
//!
//! # Deliberately absent
//!
//! Anything about the protocol to the broker; any wait for a sensor.

mod brokers;
mod flight;
mod held;
mod hold;
mod news;

use core::time::Duration;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use domain::{Backoff, BootId, GatewayId, Monotonic, StreamName};
use ports::{
    Clock, Delivery, Message, NotTaken, Position, PublishError, Publisher, Spool, SpoolError, Token,
};
use wire::{
    Topics,
    status::{DeviceStatus, Origin, State},
};

use self::{
    brokers::Brokers,
    flight::{Flights, messages},
    hold::Holds,
};
use crate::telemetry::Counters;

/// How the backlog is sent.
#[derive(Clone, Debug)]
pub struct ForwardOptions {
    /// Who is sending.
    pub gateway: GatewayId,
    /// The boot this process runs in.
    pub boot: BootId,
    /// The program's version, for the status.
    pub program: String,
    /// Where messages go.
    pub topics: Topics,
    /// The most samples in one message.
    pub message_samples_max: usize,
    /// The longest payload, in bytes, if the broker allows that much.
    pub payload_bytes_max: usize,
    /// How long a sample waits for others to travel with, while some are on their way.
    pub batch_age_max: Duration,
    /// How often the status is published.
    pub status_interval: Duration,
    /// The first wait after a lost connection; doubles up to `retry_max`.
    pub retry_first: Duration,
    /// The longest wait between two attempts to connect.
    pub retry_max: Duration,
    /// How many positions of the spool the cursor may stay behind what has landed for the sake of
    /// refused samples; older ones are set aside. After a restart as many samples may come twice.
    pub held_samples_max: u64,
    /// How many brokers the publisher knows, in the order of preference.
    pub brokers: usize,
    /// How long an epoch at another than the preferred broker lasts before that is tried again.
    pub return_after: Duration,
}

/// Gives the counts for the status message.
pub type Tally = Box<dyn Fn() -> BTreeMap<String, u64> + Send>;

/// What the status says of the devices.
pub struct DeviceNews {
    /// How each of them fares, by name.
    pub report: Box<dyn Fn() -> BTreeMap<String, DeviceStatus> + Send>,
    /// Grows when that is to be published at once. Whoever makes it grow wakes the publisher.
    pub changes: Box<dyn Fn() -> u64 + Send>,
}

/// Sends the backlog of one spool through one publisher.
pub struct Forwarder<P> {
    options: ForwardOptions,
    spool: Arc<dyn Spool>,
    publisher: P,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    tally: Tally,
    devices: Option<DeviceNews>,
    derived: BTreeMap<StreamName, Origin>,
    /// The changes that the newest status tells of.
    changes_told: u64,
    backoff: Backoff,
    brokers: Brokers,
    link: Link,
    /// Up to where everything is acknowledged, but for what is held.
    landed: Position,
    /// The streams that the broker refuses.
    holds: Holds,
    /// The newest epoch broke, and nothing has landed since.
    is_careful: bool,
    /// What the status says: online, until the drain has sent what there was.
    state: State,
    last_token: u64,
}

enum Link {
    /// No connection; the next attempt is due then.
    Down { retry_at: Monotonic },
    /// Asked for, not yet there.
    Connecting,
    /// An epoch.
    Up(Box<Epoch>),
}

struct Epoch {
    /// When it ends for the preferred broker, if it is at another.
    return_at: Option<Monotonic>,
    payload_bytes_max: usize,
    /// What the broker grants.
    window_max: usize,
    /// That, or 1 until something lands in an epoch that follows one that broke: a broker
    /// that refuses a message and hangs up is heard only if nothing else is on its way.
    window: usize,
    /// Where to read on.
    next: Position,
    flights: Flights,
    /// Messages made and not yet taken by the publisher, oldest first.
    outbox: VecDeque<(Token, Message)>,
    /// Tokens of status messages on their way.
    statuses: Vec<Token>,
    /// When what waits in the spool is sent at the latest, if it is less than fills a message.
    ripe_at: Option<Monotonic>,
    status_due: Monotonic,
    /// The next status must not be made before, whatever changes.
    status_not_before: Monotonic,
}

/// How many samples are read from the spool at one time: enough to fill messages of several streams,
/// few enough to hold in memory.
const FLIGHT_SAMPLES: usize = 1_024;

/// The longest that a step waits when nothing else is due.
const IDLE: Duration = Duration::from_secs(60);

/// Two statuses are at least so far apart, however often devices come and go.
const STATUS_SPACING: Duration = Duration::from_millis(200);

/// How long to wait before reading a spool again that could not be read.
const SPOOL_RETRY: Duration = Duration::from_secs(1);

impl<P: Publisher> Forwarder<P> {
    /// Connects at the first step.
    pub fn new(
        options: ForwardOptions,
        spool: Arc<dyn Spool>,
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
        let holds = Holds::new(options.retry_first, options.retry_max, seed);
        let brokers = Brokers::new(options.brokers, options.return_after);
        let link = Link::Down { retry_at: Monotonic::default() };
        let state = State::Online;
        let landed = spool.cursor();
        Self {
            options,
            spool,
            publisher,
            clock,
            counters,
            tally,
            devices: None,
            derived: BTreeMap::new(),
            changes_told: 0,
            backoff,
            brokers,
            link,
            landed,
            holds,
            is_careful: false,
            state,
            last_token: 0,
        }
    }

    /// Lets the status tell what each derived stream is made of.
    #[must_use]
    pub fn with_derived(mut self, derived: BTreeMap<StreamName, Origin>) -> Self {
        self.derived = derived;
        self
    }

    /// Lets the status tell of the devices too.
    #[must_use]
    pub fn with_devices(mut self, devices: DeviceNews) -> Self {
        self.devices = Some(devices);
        self
    }

    /// Does what is due, then waits for the next thing to happen, at most `patience`.
    pub fn step(&mut self, patience: Duration) {
        self.connect_if_due();
        self.return_if_due();
        self.send();
        let patience = patience.min(self.until_due());
        if let Some(delivery) = self.publisher.next_delivery(patience) {
            self.take(delivery);
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

    /// Sends what is left in the spool, says goodbye and disconnects; gives up at `until`, or as soon
    /// as the broker proves to be away. What is left then, and what is held, stays in the spool. True
    /// if nothing is.
    pub fn drain(&mut self, until: Monotonic) -> bool {
        let is_sent = |this: &Self| this.landed.max(this.spool.cursor()) >= this.spool.end();
        self.step_until(until, |this| is_sent(this) && !matches!(this.link, Link::Connecting));
        self.state = State::Stopped;
        self.say_status();
        self.step_until(until, |this| !this.is_saying_status());
        self.publisher.disconnect();
        self.spool.cursor() == self.spool.end()
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

    fn connect_if_due(&mut self) {
        if let Link::Down { retry_at } = self.link
            && retry_at <= self.clock.now().monotonic
        {
            self.publisher.connect(self.brokers.present());
            self.link = Link::Connecting;
        }
    }

    /// Leaves another broker for the preferred one. The publisher lets go of the connection without a
    /// farewell, so that the broker that is left says `lost` of us.
    fn return_if_due(&mut self) {
        let now = self.clock.now().monotonic;
        if let Link::Up(epoch) = &self.link
            && epoch.is_over(now)
            && epoch.messages() + self.holds.probes() == 0
        {
            tracing::info!("trying the preferred broker again");
            self.brokers.begin_again();
            self.publisher.connect(self.brokers.present());
            self.link = Link::Connecting;
        }
    }

    /// How long until something is due without anything happening.
    fn until_due(&self) -> Duration {
        match &self.link {
            Link::Down { retry_at } => self.left(*retry_at),
            Link::Connecting => IDLE,
            // Only answers are waited for.
            Link::Up(epoch) if epoch.is_over(self.clock.now().monotonic) => IDLE,
            Link::Up(epoch) => {
                let try_again = self.holds.next_due().filter(|_| self.has_room(epoch));
                let ripe_at = epoch.ripe_at.filter(|_| self.has_room(epoch));
                let due = [try_again, epoch.return_at, ripe_at].into_iter().flatten();
                self.left(due.fold(epoch.status_due, Ord::min))
            }
        }
    }

    fn take(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Up { window, payload_bytes_max } => {
                self.begin_epoch(window, payload_bytes_max);
            }
            Delivery::Acknowledged(token) => self.land(token),
            Delivery::Refused { token, reason } => self.refuse(token, &reason),
            Delivery::Down(error) => self.note_down(&error),
        }
    }

    fn begin_epoch(&mut self, window: usize, payload_bytes_max: usize) {
        self.counters.connections_made.add(1);
        let broker = self.brokers.present();
        tracing::info!(broker, window, payload_bytes_max, "connected to the broker");
        let smallest = wire::payload::HEADER_BYTES_MAX + wire::payload::SAMPLE_BYTES_MAX;
        let now = self.clock.now().monotonic;
        self.link = Link::Up(Box::new(Epoch {
            return_at: self.brokers.return_at(now),
            payload_bytes_max: payload_bytes_max.min(self.options.payload_bytes_max).max(smallest),
            window_max: window.max(1),
            window: if self.is_careful { 1 } else { window.max(1) },
            next: self.landed.max(self.spool.cursor()),
            flights: Flights::default(),
            outbox: VecDeque::new(),
            statuses: Vec::new(),
            ripe_at: None,
            status_due: now,
            status_not_before: now,
        }));
    }

    fn note_down(&mut self, error: &PublishError) {
        if matches!(error, PublishError::Stalled { .. }) {
            self.counters.connections_stalled.add(1);
        }
        // The first failure is news; the hundredth in a row is not.
        if self.backoff.failures() == 0 {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(%error, cause, waiting = self.waiting(), "not connected to the broker");
        } else {
            tracing::debug!(%error, attempts = self.backoff.failures(), "still not connected");
        }
        self.end_epoch();
    }

    fn end_epoch(&mut self) {
        self.counters.connections_lost.add(1);
        let now = self.clock.now().monotonic;
        self.holds.lose_probes(now);
        self.is_careful |= matches!(self.link, Link::Up(_));
        let wait = if self.brokers.fail() { self.backoff.fail() } else { Duration::ZERO };
        let retry_at = now + wait;
        self.link = Link::Down { retry_at };
    }

    fn waiting(&self) -> u64 {
        self.spool.end().0.saturating_sub(self.spool.cursor().0)
    }

    fn land(&mut self, token: Token) {
        let Link::Up(epoch) = &mut self.link else { return };
        self.counters.messages_acknowledged.add(1);
        if let Some(index) = epoch.statuses.iter().position(|&status| status == token) {
            epoch.statuses.swap_remove(index);
            return;
        }
        if !self.holds.land(token, self.clock.now().monotonic) {
            epoch.flights.unload(token);
        }
        if self.advance() {
            // Only what has landed for good shows that all is well: a broker that drops every
            // connection must not be called upon in a tight loop.
            self.backoff.succeed();
            self.brokers.succeed();
            self.is_careful = false;
            if let Link::Up(epoch) = &mut self.link {
                epoch.window = epoch.window_max;
            }
        }
    }

    /// Moves the cursor as far as nothing before it is on its way or held. True if anything moved.
    fn advance(&mut self) -> bool {
        let Link::Up(epoch) = &mut self.link else { return false };
        let before = self.landed;
        self.landed = epoch.flights.landed().map_or(before, |landed| landed.max(before));
        let cursor = self.holds.first().map_or(self.landed, |held| held.min(self.landed));
        let moves = cursor > self.spool.cursor();
        if moves && let Err(error) = self.spool.acknowledge(cursor) {
            // The samples are delivered; not knowing it can only deliver them once more.
            tracing::error!(%error, "cursor not stored");
        }
        moves || self.landed > before
    }

    fn send(&mut self) {
        let now = self.clock.now().monotonic;
        self.notice_changes();
        if matches!(&self.link, Link::Up(epoch) if epoch.status_due <= now && !epoch.is_over(now)) {
            self.say_status();
        }
        if let Err(error) = self.send_samples(now) {
            tracing::error!(%error, "spool cannot be read");
            // Through these timers the next step is no further off than this, and no nearer.
            self.holds.put_off(now + SPOOL_RETRY);
            if let Link::Up(epoch) = &mut self.link {
                epoch.status_due = epoch.status_due.min(now + SPOOL_RETRY);
            }
        }
    }

    fn send_samples(&mut self, now: Monotonic) -> Result<(), SpoolError> {
        self.set_aside()?;
        if matches!(&self.link, Link::Up(epoch) if epoch.is_over(now)) {
            self.hand_over();
            return Ok(());
        }
        self.try_held_again(now)?;
        loop {
            self.hand_over();
            if !self.refill()? {
                return Ok(());
            }
        }
    }

    /// Gives the publisher as much of the outbox as it takes.
    fn hand_over(&mut self) {
        let Link::Up(epoch) = &mut self.link else { return };
        while epoch.messages() + self.holds.probes() - epoch.outbox.len() < epoch.window {
            let Some((token, message)) = epoch.outbox.pop_front() else { return };
            match self.publisher.publish(token, message) {
                Ok(()) => self.counters.messages_published.add(1),
                Err(NotTaken::WindowFull(message) | NotTaken::NotConnected(message)) => {
                    epoch.outbox.push_front((token, message));
                    return;
                }
            }
        }
    }

    /// Whether one more message would fit into the window.
    fn has_room(&self, epoch: &Epoch) -> bool {
        epoch.messages() + self.holds.probes() < epoch.window
    }

    /// Whether what waits in the spool is to be sent now; see the head of this module.
    fn is_ripe(&mut self) -> bool {
        let Link::Up(epoch) = &mut self.link else { return false };
        let waiting = self.spool.end().0.saturating_sub(epoch.next.0);
        if waiting == 0 {
            return false;
        }
        let now = self.clock.now().monotonic;
        let ripe_at = *epoch.ripe_at.get_or_insert(now + self.options.batch_age_max);
        let fills = waiting >= self.options.message_samples_max as u64;
        let is_ripe = fills || epoch.flights.messages() == 0 || ripe_at <= now;
        if is_ripe {
            epoch.ripe_at = None;
        }
        is_ripe
    }

    /// Reads the next flight from the spool if the outbox is empty and the window is not full. True
    /// if there was one.
    fn refill(&mut self) -> Result<bool, SpoolError> {
        let Link::Up(epoch) = &self.link else { return Ok(false) };
        if !epoch.outbox.is_empty() || !self.has_room(epoch) {
            return Ok(false);
        }
        if !self.is_ripe() {
            return Ok(false);
        }
        let Link::Up(epoch) = &mut self.link else { return Ok(false) };
        let backlog = self.spool.backlog(epoch.next, FLIGHT_SAMPLES)?;
        if backlog.samples.is_empty() {
            epoch.next = epoch.next.max(backlog.next);
            return Ok(false);
        }
        let samples =
            backlog.samples.iter().filter(|sample| !self.holds.holds(&sample.stream.name));
        let run_max = self.options.message_samples_max;
        let made = messages(&self.options, samples, run_max, epoch.payload_bytes_max);
        let mut cargo = Vec::with_capacity(made.len());
        for (run, message) in made {
            self.last_token += 1;
            cargo.push((Token(self.last_token), run));
            epoch.outbox.push_back((Token(self.last_token), message));
        }
        epoch.flights.take_off(epoch.next, backlog.next, cargo);
        epoch.next = backlog.next;
        // A flight of which all is held lands at once.
        self.advance();
        Ok(true)
    }
}

impl Epoch {
    /// Whether it is to end as soon as nothing is on its way any more.
    fn is_over(&self, now: Monotonic) -> bool {
        self.return_at.is_some_and(|at| at <= now)
    }

    /// How many messages wait to be handed over or answered, but for those of held streams.
    fn messages(&self) -> usize {
        self.flights.messages() + self.statuses.len()
    }
}

#[cfg(test)]
mod tests;
