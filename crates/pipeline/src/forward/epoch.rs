//! One connection: how it begins, what the broker answers, how it ends.

use core::time::Duration;

use domain::Monotonic;
use ports::{Delivery, Message, PublishError, Publisher, Token};

use super::{Forwarder, class::Class, flight::Limits, lane::Which, pace::Speed, replay::Replays};

/// What connects us to the broker.
pub(super) enum Link {
    /// No connection; the next attempt is due then.
    Down { retry_at: Monotonic },
    /// Asked for, not yet there.
    Connecting,
    /// An epoch.
    Up(Box<Epoch>),
}

/// What there is for the length of one connection, besides the lanes of the classes.
pub(super) struct Epoch {
    /// When it ends for the preferred broker, if it is at another.
    pub(super) return_at: Option<Monotonic>,
    /// How large messages may be.
    pub(super) limits: Limits,
    /// The most samples in one.
    pub(super) run_max: usize,
    /// What the broker grants.
    window_max: usize,
    /// That, or 1 until something lands in an epoch that follows one that broke: a broker
    /// that refuses a message and hangs up is heard only if nothing else is on its way.
    pub(super) window: usize,
    /// How many messages the publisher has taken and the broker has not answered.
    pub(super) in_flight: usize,
    /// A status made and not yet taken by the publisher.
    pub(super) status: Option<(Token, Message)>,
    /// Tokens of status messages on their way.
    pub(super) statuses: Vec<Token>,
    pub(super) status_due: Monotonic,
    /// The next status must not be made before, whatever changes.
    pub(super) status_not_before: Monotonic,
    /// How fast history goes.
    pub(super) speed: Speed,
}

impl Epoch {
    /// Whether it is to end as soon as nothing is on its way any more.
    pub(super) fn is_over(&self, now: Monotonic) -> bool {
        self.return_at.is_some_and(|at| at <= now)
    }

    /// A message was answered: whether it is a status.
    pub(super) fn is_answer_to_status(&mut self, token: Token) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        let status = self.statuses.iter().position(|&status| status == token);
        status.map(|index| self.statuses.swap_remove(index)).is_some()
    }
}

impl<P: Publisher> Forwarder<P> {
    pub(super) fn connect_if_due(&mut self) {
        if let Link::Down { retry_at } = self.link
            && retry_at <= self.clock.now().monotonic
        {
            self.publisher.connect(self.brokers.present());
            self.link = Link::Connecting;
        }
    }

    /// Leaves another broker for the preferred one. The publisher lets go of the connection without a
    /// farewell, so that the broker that is left says `lost` of us.
    pub(super) fn return_if_due(&mut self) {
        let now = self.clock.now().monotonic;
        if let Link::Up(epoch) = &self.link
            && epoch.is_over(now)
            && self.messages() == 0
        {
            tracing::info!("trying the preferred broker again");
            self.brokers.begin_again();
            self.replays = Replays::default();
            self.publisher.connect(self.brokers.present());
            self.link = Link::Connecting;
        }
    }

    pub(super) fn take(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Up { window, payload_bytes_max } => {
                self.begin_epoch(window, payload_bytes_max);
            }
            Delivery::Acknowledged(token) => self.land(token),
            Delivery::Refused { token, reason } => self.refuse(token, &reason),
            Delivery::Request(request) => self.note_request(request),
            Delivery::Deaf { reason } => {
                tracing::warn!(reason, "broker does not let us hear requests for a replay");
            }
            Delivery::Down(error) => self.note_down(&error),
        }
    }

    fn begin_epoch(&mut self, window: usize, payload_bytes_max: usize) {
        self.counters.connections_made.add(1);
        let broker = self.brokers.present();
        tracing::info!(broker, window, payload_bytes_max, "connected to the broker");
        let now = self.clock.now().monotonic;
        for class in &mut self.classes {
            class.begin_epoch(self.options.history_min);
        }
        let limits = Limits {
            samples: self.options.message_samples_max,
            payload_bytes: payload_bytes_max.min(self.options.payload_bytes_max),
            messages: usize::MAX,
        };
        self.link = Link::Up(Box::new(Epoch {
            return_at: self.brokers.return_at(now),
            limits,
            run_max: limits.run(&self.compressor),
            window_max: window.max(1),
            window: if self.is_careful { 1 } else { window.max(1) },
            in_flight: 0,
            status: None,
            statuses: Vec::new(),
            status_due: now,
            status_not_before: now,
            speed: Speed::new(now),
        }));
        self.tell_of_history();
    }

    fn note_down(&mut self, error: &PublishError) {
        if matches!(error, PublishError::Stalled { .. }) {
            self.counters.connections_stalled.add(1);
        }
        // The first failure is news; the hundredth in a row is not.
        if self.backoff.failures() == 0 {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let waiting = self.unlanded();
            tracing::warn!(%error, cause, waiting, "not connected to the broker");
        } else {
            tracing::debug!(%error, attempts = self.backoff.failures(), "still not connected");
        }
        self.end_epoch();
    }

    fn end_epoch(&mut self) {
        self.counters.connections_lost.add(1);
        let now = self.clock.now().monotonic;
        for class in &mut self.classes {
            class.end_epoch(now);
        }
        self.replays = Replays::default();
        self.is_careful |= matches!(self.link, Link::Up(_));
        let wait = if self.brokers.fail() { self.backoff.fail() } else { Duration::ZERO };
        let retry_at = now + wait;
        self.link = Link::Down { retry_at };
        self.tell_of_history();
    }

    fn land(&mut self, token: Token) {
        let now = self.clock.now().monotonic;
        let Link::Up(epoch) = &mut self.link else { return };
        self.counters.messages_acknowledged.add(1);
        if epoch.is_answer_to_status(token) {
            return;
        }
        if let Some(samples) = self.replays.land(token) {
            self.counters.samples_replayed.add(samples);
            return;
        }
        for class in &mut self.classes {
            let Some((lane, samples)) = class.unload(token, now) else { continue };
            match lane {
                Which::Live => self.counters.samples_live.add(samples),
                Which::History => {
                    self.counters.samples_history.add(samples);
                    epoch.speed.delivered(samples);
                }
            }
            if class.settle(now) {
                // Only what has landed for good shows that all is well: a broker that drops every
                // connection must not be called upon in a tight loop.
                self.backoff.succeed();
                self.brokers.succeed();
                self.is_careful = false;
                epoch.window = epoch.window_max;
            }
            return;
        }
    }

    /// How much history there is in this epoch, and how long it will take.
    pub(super) fn tell_of_history(&mut self) {
        // What was evicted meanwhile is not waited for.
        let of = |class: &Class| class.history.waiting(class.spool.cursor().0);
        let waiting: u64 = self.classes.iter().map(of).sum();
        let Link::Up(epoch) = &mut self.link else {
            self.counters.history_waiting.set(None);
            self.counters.history_drained_in_s.set(None);
            return;
        };
        let drained_in = epoch.speed.drained_in(waiting, self.clock.now().monotonic);
        self.counters.history_waiting.set(Some(waiting));
        self.counters.history_drained_in_s.set(drained_in);
    }
}
