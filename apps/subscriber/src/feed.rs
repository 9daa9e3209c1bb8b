//! The feed: what the broker sends, understood, with the state of the connection.

use core::time::Duration;
use std::{error::Error, io, process};

use domain::{GatewayId, Monotonic};
use ports::{Clock, PublishError};
use publisher_mqtt::{Broker, Event, Session, Subscription, SubscriptionOptions};
use wire::Topics;

use crate::{Arrival, Unreadable};

/// How long the broker may be out of reach before we have heard it once.
const FIRST_CONNECTION: Duration = Duration::from_secs(10);
/// How long the broker keeps a named session.
const SESSION_EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

/// What to listen to.
pub(crate) struct Listening<'a> {
    pub(crate) broker: &'a Broker,
    pub(crate) topics: &'a Topics,
    pub(crate) gateway: Option<&'a GatewayId>,
    /// The name under which the broker keeps what arrives while we are away.
    pub(crate) session: Option<&'a str>,
}

/// One thing that happened.
pub(crate) enum News {
    /// The connection stands.
    Connected,
    /// The connection broke, or an attempt to mend it failed.
    Disconnected(PublishError),
    /// A message; `is_live` unless the broker had kept it from before we listened.
    Arrived { arrival: Arrival, is_live: bool },
    /// A message that makes no sense.
    Unreadable { topic: String, why: Unreadable },
}

/// Why there is nothing to listen to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    #[error("cannot listen")]
    Start(#[source] io::Error),
    #[error("cannot connect to {broker}")]
    NeverConnected {
        broker: Broker,
        /// `None` if time ran out before there was an answer of any kind.
        #[source]
        cause: Option<PublishError>,
    },
    #[error("broker does not let us subscribe to `{filter}`: {reason}")]
    NotSubscribed { filter: String, reason: String },
}

/// Listens to gateways.
pub(crate) struct Feed<'a> {
    subscription: Subscription,
    topics: &'a Topics,
    broker: &'a Broker,
    clock: &'a dyn Clock,
    /// Until when the first connection may take; `None` once there was one.
    first_until: Option<Monotonic>,
}

impl<'a> Feed<'a> {
    pub(crate) fn open(what: &Listening<'a>, clock: &'a dyn Clock) -> Result<Self, FeedError> {
        let now = clock.now();
        let session = match what.session {
            Some(_) => Session::Persistent { expiry: SESSION_EXPIRY },
            None => Session::Clean,
        };
        // Unlike any other's: a second client of one name would throw the first out.
        let unique = || {
            let (id, nanos) = (process::id(), now.wall.as_nanos());
            format!("telemetryhub-subscriber-{id}-{nanos:x}")
        };
        let client_id = what.session.map_or_else(unique, str::to_owned);
        let subscription = Subscription::connect(SubscriptionOptions {
            broker: what.broker.clone(),
            client_id,
            filters: vec![what.topics.filter(what.gateway)],
            session,
        })
        .map_err(FeedError::Start)?;
        let first_until = Some(now.monotonic + FIRST_CONNECTION);
        Ok(Self { subscription, topics: what.topics, broker: what.broker, clock, first_until })
    }

    /// The next thing that happened, or `None` after `patience`.
    pub(crate) fn next(&mut self, patience: Duration) -> Result<Option<News>, FeedError> {
        let Some(event) = self.subscription.next(patience) else { return Ok(None) };
        let news = match event {
            Event::Up => {
                self.first_until = None;
                News::Connected
            }
            Event::Down(cause) => self.disconnected(cause)?,
            Event::Refused { filter, reason } => {
                return Err(FeedError::NotSubscribed { filter, reason });
            }
            Event::Message { topic, payload, is_retained, .. } => {
                // What was kept in a session comes before the answer to the subscription.
                self.first_until = None;
                match Arrival::read(self.topics, &topic, &payload) {
                    Ok(arrival) => News::Arrived { arrival, is_live: !is_retained },
                    Err(why) => News::Unreadable { topic, why },
                }
            }
        };
        Ok(Some(news))
    }

    /// Before the first connection a refusal is final, and patience is short.
    fn disconnected(&self, cause: PublishError) -> Result<News, FeedError> {
        let is_refusal = matches!(cause, PublishError::Refused { .. });
        match self.first_until {
            Some(until) if is_refusal || self.clock.now().monotonic >= until => {
                Err(self.never_connected(Some(cause)))
            }
            Some(_) | None => Ok(News::Disconnected(cause)),
        }
    }

    /// Fails if there never was a connection: then what was heard, nothing, proves nothing.
    pub(crate) fn check_connected_once(&self) -> Result<(), FeedError> {
        if self.first_until.is_some() { Err(self.never_connected(None)) } else { Ok(()) }
    }

    fn never_connected(&self, cause: Option<PublishError>) -> FeedError {
        FeedError::NeverConnected { broker: self.broker.clone(), cause }
    }
}

/// An error and its causes in one line, each once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    printable(&text)
}

/// `text` without anything that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
