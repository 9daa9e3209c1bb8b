//! Delivery: sends the backlog and moves the cursor by what the broker acknowledged.
//!
//! # Terms
//!
//! * **Epoch** — one connection, from up to down. See [`Publisher`].
//! * **Flight** — samples read from the spool together and on their way in one or more messages.
//! * **Landed** — a flight whose messages are all acknowledged.
//!
//! # Invariants
//!
//! 1. The cursor moves over a flight only when it and all flights before it have landed.
//! 2. When an epoch ends, everything not landed is read from the spool again. The client library's own
//!    memory of what was sent is thrown away with the epoch: it loses messages (see
//!    `docs/adr/0003-connection-epochs.md`).
//! 3. Samples of one stream are handed over in the order of their numbers.
//! 4. At most one window of messages is on its way, so memory is bounded however long the backlog.
//!
//! # Deliberately absent
//!
//! Anything about the protocol to the broker; any wait for a sensor.

mod flight;

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
    status::{DeviceStatus, Origin, State, Status},
};

use self::flight::{Flights, messages};
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
    /// How often the status is published.
    pub status_interval: Duration,
    /// The first wait after a lost connection; doubles up to `retry_max`.
    pub retry_first: Duration,
    /// The longest wait between two attempts to connect.
    pub retry_max: Duration,
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
    link: Link,
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
    Up(Epoch),
}

struct Epoch {
    payload_bytes_max: usize,
    window: usize,
    /// Where to read on.
    next: Position,
    flights: Flights,
    /// Messages made and not yet taken by the publisher, oldest first.
    outbox: VecDeque<(Token, Message)>,
    /// Tokens of status messages on their way.
    statuses: Vec<Token>,
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
        let link = Link::Down { retry_at: Monotonic::default() };
        let state = State::Online;
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
            link,
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
    /// as the broker proves to be away. What is left then stays in the spool. True if nothing is.
    pub fn drain(&mut self, until: Monotonic) -> bool {
        let is_sent = |this: &Self| this.spool.cursor() >= this.spool.end();
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
            self.publisher.connect();
            self.link = Link::Connecting;
        }
    }

    /// How long until something is due without anything happening.
    fn until_due(&self) -> Duration {
        let due = match &self.link {
            Link::Down { retry_at } => *retry_at,
            Link::Connecting => return IDLE,
            Link::Up(epoch) => epoch.status_due,
        };
        self.left(due)
    }

    fn take(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Up { window, payload_bytes_max } => {
                self.begin_epoch(window, payload_bytes_max);
            }
            Delivery::Acknowledged(token) => self.land(token),
            Delivery::Refused { token: _, reason } => {
                self.counters.messages_refused.add(1);
                tracing::warn!(
                    reason,
                    "broker refuses a message; trying again in a new connection"
                );
                self.publisher.disconnect();
                self.end_epoch();
            }
            Delivery::Down(error) => self.note_down(&error),
        }
    }

    fn begin_epoch(&mut self, window: usize, payload_bytes_max: usize) {
        self.counters.connections_made.add(1);
        tracing::info!(window, payload_bytes_max, "connected to the broker");
        let smallest = wire::payload::HEADER_BYTES_MAX + wire::payload::SAMPLE_BYTES_MAX;
        self.link = Link::Up(Epoch {
            payload_bytes_max: payload_bytes_max.min(self.options.payload_bytes_max).max(smallest),
            window: window.max(1),
            next: self.spool.cursor(),
            flights: Flights::default(),
            outbox: VecDeque::new(),
            statuses: Vec::new(),
            status_due: self.clock.now().monotonic,
            status_not_before: self.clock.now().monotonic,
        });
    }

    fn note_down(&mut self, error: &PublishError) {
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
        let retry_at = self.clock.now().monotonic + self.backoff.fail();
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
        } else {
            let Some(landed) = epoch.flights.land(token) else { return };
            // Only a cursor that moves shows that all is well: a broker that drops every connection,
            // or refuses one topic of many, must not be called upon in a tight loop.
            self.backoff.succeed();
            if let Err(error) = self.spool.acknowledge(landed) {
                // The samples are delivered; not knowing it can only deliver them once more.
                tracing::error!(%error, "cursor not stored");
            }
        }
    }

    fn send(&mut self) {
        let now = self.clock.now().monotonic;
        self.notice_changes();
        if matches!(&self.link, Link::Up(epoch) if epoch.status_due <= now) {
            self.say_status();
        }
        loop {
            self.hand_over();
            match self.refill() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%error, "spool cannot be read");
                    // Through the status timer the next step is no further off than this.
                    if let Link::Up(epoch) = &mut self.link {
                        epoch.status_due = epoch.status_due.min(now + SPOOL_RETRY);
                    }
                    return;
                }
            }
        }
    }

    /// Makes a status due at once if something has changed that the newest does not tell of.
    fn notice_changes(&mut self) {
        let changes = self.devices.as_ref().map_or(0, |devices| (devices.changes)());
        if let Link::Up(epoch) = &mut self.link
            && changes != self.changes_told
        {
            epoch.status_due = epoch.status_due.min(epoch.status_not_before);
        }
    }

    /// Gives the publisher as much of the outbox as it takes.
    fn hand_over(&mut self) {
        let Link::Up(epoch) = &mut self.link else { return };
        while epoch.flights.messages() + epoch.statuses.len() - epoch.outbox.len() < epoch.window {
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

    /// Reads the next flight from the spool if the outbox is empty and the window is not full. True
    /// if there is something to hand over.
    fn refill(&mut self) -> Result<bool, SpoolError> {
        let Link::Up(epoch) = &mut self.link else { return Ok(false) };
        if !epoch.outbox.is_empty()
            || epoch.flights.messages() + epoch.statuses.len() >= epoch.window
        {
            return Ok(false);
        }
        let backlog = self.spool.backlog(epoch.next, FLIGHT_SAMPLES)?;
        if backlog.samples.is_empty() {
            epoch.next = epoch.next.max(backlog.next);
            return Ok(false);
        }
        let made = messages(&self.options, &backlog.samples, epoch.payload_bytes_max);
        let tokens = self.last_token + 1..;
        epoch.outbox.extend(tokens.map(Token).zip(made));
        self.last_token += epoch.outbox.len() as u64;
        epoch.flights.take_off(backlog.next, epoch.outbox.iter().map(|&(token, _)| token));
        epoch.next = backlog.next;
        Ok(true)
    }

    /// Puts a status message into the outbox, and takes back one that has not gone out yet.
    fn say_status(&mut self) {
        // Asked first: a change in between is told twice rather than never.
        let changes = self.devices.as_ref().map_or(0, |devices| (devices.changes)());
        let status = Status {
            gateway: self.options.gateway.clone(),
            state: self.state,
            boot: Some(self.options.boot),
            program: self.options.program.clone(),
            heads: self.spool.heads().into_iter().collect(),
            counters: (self.tally)(),
            devices: self.devices.as_ref().map(|devices| (devices.report)()).unwrap_or_default(),
            derived: self.derived.clone(),
        };
        let now = self.clock.now().monotonic;
        let Link::Up(epoch) = &mut self.link else { return };
        self.last_token += 1;
        let token = Token(self.last_token);
        let topic = self.options.topics.status(&self.options.gateway);
        let payload = shortened(status, epoch.payload_bytes_max);
        let is_stale = |(token, _): &(Token, Message)| epoch.statuses.contains(token);
        if let Some(stale) = epoch.outbox.iter().position(is_stale)
            && let Some((stale, _)) = epoch.outbox.remove(stale)
        {
            epoch.statuses.retain(|&status| status != stale);
        }
        epoch.outbox.push_front((token, Message { topic, payload, is_retained: true }));
        epoch.statuses.push(token);
        epoch.status_due = now + self.options.status_interval;
        epoch.status_not_before = now + STATUS_SPACING;
        self.changes_told = changes;
    }

    fn is_saying_status(&self) -> bool {
        matches!(&self.link, Link::Up(epoch) if !epoch.statuses.is_empty())
    }
}

/// The bytes of a status, without what derived streams are made of, then without devices, and then
/// without heads and counters too, where the broker does not take as many: a status must never be what
/// ends an epoch.
fn shortened(mut status: Status, bytes_max: usize) -> Vec<u8> {
    let whole = status.encode();
    if whole.len() <= bytes_max {
        return whole;
    }
    tracing::debug!(length = whole.len(), bytes_max, "status sent without all that it could say");
    let shorter: [fn(&mut Status); 2] =
        [|status| status.derived.clear(), |status| status.devices.clear()];
    for shorten in shorter {
        shorten(&mut status);
        let short = status.encode();
        if short.len() <= bytes_max {
            return short;
        }
    }
    Status { heads: BTreeMap::new(), counters: BTreeMap::new(), ..status }.encode()
}

#[cfg(test)]
mod tests;
