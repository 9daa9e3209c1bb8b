//! The feed: what the broker sends, understood, with the state of the connection.

use core::time::Duration;
use std::{error::Error, io, process};

use domain::{GatewayId, Monotonic};
use ports::{Clock, PublishError};
use publisher_mqtt::{Broker, Event, Question, Session, Subscription, SubscriptionOptions};
use wire::{
    Topics,
    replay::{Answer, Request},
};

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
    /// Whether to hear what gateways send by themselves, answers, or both.
    pub(crate) to: ListenTo,
}

/// What to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenTo {
    /// What gateways send by themselves.
    Samples,
    /// What they answer.
    Answers,
    /// All of that.
    Both,
}

/// One thing that happened.
pub(crate) enum News {
    /// The connection stands.
    Connected,
    /// The connection broke, or an attempt to mend it failed.
    Disconnected(PublishError),
    /// A message; `is_live` unless the broker had kept it from before we listened.
    Arrived { arrival: Arrival, is_live: bool },
    /// A message of an answer, and the request that it belongs to.
    Answered { answer: Answer, correlation: Vec<u8> },
    /// Whether somebody hears what was asked; if not, why.
    Asked(Result<(), String>),
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
    /// How answers to us are addressed, and what no other's correlation begins with.
    requester: String,
    unique: String,
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
        let unique = format!("{}-{:x}", process::id(), now.wall.as_nanos());
        // Unlike any other's: a second client of one name would throw the first out.
        let client_id = || format!("telemetryhub-subscriber-{unique}");
        let client_id = what.session.map_or_else(client_id, str::to_owned);
        // The filters of a named session stay the same, or the broker would collect them.
        let requester = what.session.map_or_else(|| unique.clone(), requester);
        let samples = (what.to != ListenTo::Answers).then(|| what.topics.filter(what.gateway));
        let answers = what.topics.answer(what.gateway, &requester);
        let answers = (what.to != ListenTo::Samples).then_some(answers);
        let subscription = Subscription::connect(SubscriptionOptions {
            broker: what.broker.clone(),
            client_id,
            filters: samples.into_iter().chain(answers).collect(),
            session,
        })
        .map_err(FeedError::Start)?;
        let first_until = Some(now.monotonic + FIRST_CONNECTION);
        let (topics, broker) = (what.topics, what.broker);
        Ok(Self { subscription, topics, broker, clock, requester, unique, first_until })
    }

    /// Asks `gateway`, for the `n`th time that anybody is asked; gives the correlation of the answer. Without
    /// a connection nobody hears it.
    pub(crate) fn ask(&self, gateway: &GatewayId, request: &Request, n: u64) -> Vec<u8> {
        let correlation = format!("{}-{n}", self.unique).into_bytes();
        let question = Question {
            topic: self.topics.request(gateway),
            payload: request.encode(),
            respond_to: self.topics.answer(Some(gateway), &self.requester),
            correlation: correlation.clone(),
        };
        // The silence that follows is noticed by whoever asks.
        let _ = self.subscription.ask(question);
        correlation
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
            Event::Asked(is_heard) => News::Asked(is_heard),
            Event::Message { topic, payload, correlation, is_retained, .. } => {
                // What was kept in a session comes before the answer to the subscription.
                self.first_until = None;
                match Arrival::read(self.topics, &topic, &payload) {
                    Ok(Arrival::Answer(answer)) => News::Answered { answer, correlation },
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

/// The name of a session as a requester may be called.
fn requester(session: &str) -> String {
    let one = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    session.chars().map(one).take(Topics::REQUESTER_BYTES_MAX).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_any_session_makes_a_topic_for_answers() {
        let (topics, gateway) = (Topics::new("t").unwrap(), GatewayId::new("g").unwrap());
        for session in ["proof", "a b/#+", "\u{e4}\0", &"x".repeat(100)] {
            let topic = topics.answer(Some(&gateway), &requester(session));
            assert!(topics.is_answer(&gateway, &topic), "{topic}");
        }
    }
}
