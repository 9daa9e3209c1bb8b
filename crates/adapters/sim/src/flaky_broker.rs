//! A broker inside the process that fails on purpose, and the [`Publisher`] that talks to it.
//!
//! Whether a message or its acknowledgement is lost follows from the seed and the sequence of calls
//! alone, so a story replays by its seed. The broker remembers every message it took, which makes it
//! the judge of what was delivered.

use core::time::Duration;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ports::{
    Delivery, Message, NotTaken, PublishError, Publisher, REQUESTS_MAX, Request, Token, Waker,
};

/// How often something goes wrong, each from 0 (never) to 1 (always), for every message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flakiness {
    /// The connection breaks before the broker has the message.
    pub message_lost: f64,
    /// The connection breaks after the broker took the message and before its acknowledgement.
    pub acknowledgement_lost: f64,
    /// The broker refuses the message, unless it is a retained one: as where an access rule forgets
    /// the topics of samples.
    pub refused: f64,
}

/// The broker. Clones are the same broker.
#[derive(Clone, Debug)]
pub struct FlakyBroker {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Up,
    /// Its connections stand, and it neither takes nor answers anything.
    Halted,
    Down,
}

#[derive(Debug)]
struct State {
    health: Health,
    window: usize,
    payload_bytes_max: usize,
    flakiness: Flakiness,
    forbidden: Vec<String>,
    hangs_up: bool,
    random: u64,
    taken: Vec<Message>,
    /// The connection was cut and its client has not seen it yet.
    is_cut: bool,
    /// What the client is asked for.
    requests: VecDeque<Request>,
    /// How much since the newest of those was not heard.
    dropped: u64,
}

impl FlakyBroker {
    /// A broker that is up and works, until told otherwise.
    pub fn new(seed: u64, window: usize, payload_bytes_max: usize) -> Self {
        let state = State {
            health: Health::Up,
            window,
            payload_bytes_max,
            flakiness: Flakiness::default(),
            forbidden: Vec::new(),
            hangs_up: false,
            random: seed,
            taken: Vec::new(),
            is_cut: false,
            requests: VecDeque::new(),
            dropped: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// From now on things go wrong this often.
    pub fn set_flakiness(&self, flakiness: Flakiness) {
        self.state().flakiness = flakiness;
    }

    /// From now on every message to one of these topics is refused, and no other.
    pub fn forbid(&self, topics: &[&str]) {
        self.state().forbidden = topics.iter().map(|&topic| topic.to_owned()).collect();
    }

    /// Whether the connection ends with each message to a topic that is forbidden.
    pub fn hang_up_on_forbidden(&self, hangs_up: bool) {
        self.state().hangs_up = hangs_up;
    }

    /// Takes the broker down, cutting the connection, or brings it up again.
    pub fn set_up(&self, is_up: bool) {
        let mut state = self.state();
        state.health = if is_up { Health::Up } else { Health::Down };
        state.is_cut |= !is_up;
    }

    /// Halts the broker, or lets it go on: connections stand, and nothing is taken or answered.
    pub fn halt(&self, is_halted: bool) {
        self.state().health = if is_halted { Health::Halted } else { Health::Up };
    }

    /// Somebody asks the client for something. Without a connection nobody hears it.
    pub fn ask(&self, request: Request) {
        let mut state = self.state();
        if state.requests.len() < REQUESTS_MAX {
            let dropped = core::mem::take(&mut state.dropped);
            state.requests.push_back(Request { dropped, ..request });
        } else {
            state.dropped += 1;
        }
    }

    /// Every message that the broker ever took, in order.
    pub fn taken(&self) -> Vec<Message> {
        self.state().taken.clone()
    }

    /// A client of this broker.
    pub fn publisher(&self) -> FlakyPublisher {
        self.publisher_with(&[])
    }

    /// A client of this broker and, in the order of preference, of `others`.
    pub fn publisher_with(&self, others: &[Self]) -> FlakyPublisher {
        FlakyPublisher {
            brokers: std::iter::once(self).chain(others).cloned().collect(),
            broker: self.clone(),
            is_connected: false,
            in_flight: VecDeque::new(),
            news: VecDeque::new(),
            waited: Duration::ZERO,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A number from 0 to 1, by the generator of Steele, Lea and Flood (2014).
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.chance() < probability
    }
}

/// A client of a [`FlakyBroker`].
#[derive(Debug)]
pub struct FlakyPublisher {
    brokers: Vec<FlakyBroker>,
    /// The one of the newest epoch.
    broker: FlakyBroker,
    is_connected: bool,
    in_flight: VecDeque<(Token, Message)>,
    news: VecDeque<Delivery>,
    /// How long a halted broker has been waited for.
    waited: Duration,
}

/// How long acknowledgements may all stay away while some are due.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);

impl FlakyPublisher {
    fn go_down(&mut self) -> Delivery {
        self.disconnect();
        let cut = io::Error::from(io::ErrorKind::ConnectionReset);
        Delivery::Down(PublishError::Unreachable(Box::new(cut)))
    }

    /// A halted broker answers nothing; whoever waits for it long enough gives it up.
    fn wait_in_vain(&mut self, patience: Duration) -> Option<Delivery> {
        self.waited += patience;
        let is_stalled = !self.in_flight.is_empty() && self.waited >= STALL_TIMEOUT;
        is_stalled.then(|| {
            self.disconnect();
            Delivery::Down(PublishError::Stalled { waited: STALL_TIMEOUT })
        })
    }

    /// Lets the broker look at one message on its way, usually the oldest.
    fn exchange_one(&mut self) -> Option<Delivery> {
        let mut state = self.broker.state();
        // Acknowledgements may come in any order; messages may not.
        let (token, message) = self.in_flight.pop_front()?;
        let flakiness = state.flakiness;
        if state.happens(flakiness.message_lost) {
            drop(state);
            return Some(self.go_down());
        }
        let is_forbidden = state.forbidden.contains(&message.topic);
        state.is_cut |= is_forbidden && state.hangs_up;
        if is_forbidden || state.happens(flakiness.refused) && !message.is_retained {
            return Some(Delivery::Refused { token, reason: "NotAuthorized".to_owned() });
        }
        state.taken.push(message);
        if state.happens(flakiness.acknowledgement_lost) {
            drop(state);
            return Some(self.go_down());
        }
        // A message that may be refused does not overtake: that would be another story.
        let may_refuse = flakiness.refused > 0.0 || !state.forbidden.is_empty();
        let is_early = !may_refuse && state.happens(0.5);
        drop(state);
        let acknowledged = Delivery::Acknowledged(token);
        if is_early && let Some(next) = self.exchange_next_if_calm() {
            self.news.push_back(acknowledged);
            return Some(next);
        }
        Some(acknowledged)
    }

    fn request(&mut self) -> Option<Delivery> {
        if !self.is_connected {
            return None;
        }
        self.broker.state().requests.pop_front().map(Delivery::Request)
    }

    /// Takes the next message too, so that its acknowledgement can overtake.
    fn exchange_next_if_calm(&mut self) -> Option<Delivery> {
        let (token, message) = self.in_flight.pop_front()?;
        self.broker.state().taken.push(message);
        Some(Delivery::Acknowledged(token))
    }
}

impl Publisher for FlakyPublisher {
    fn connect(&mut self, broker: usize) {
        self.disconnect();
        if let Some(broker) = self.brokers.get(broker).or(self.brokers.last()) {
            self.broker = broker.clone();
        }
        let mut state = self.broker.state();
        state.is_cut = false;
        state.requests.clear();
        state.dropped = 0;
        let (window, payload_bytes_max) = (state.window, state.payload_bytes_max);
        // A halted one lets the time to connect pass.
        let is_up = state.health == Health::Up;
        drop(state);
        self.is_connected = is_up;
        let news = if is_up { Delivery::Up { window, payload_bytes_max } } else { self.go_down() };
        self.news.push_back(news);
    }

    fn publish(&mut self, token: Token, message: Message) -> Result<(), NotTaken> {
        if !self.is_connected {
            return Err(NotTaken::NotConnected(message));
        }
        if self.in_flight.len() >= self.broker.state().window {
            return Err(NotTaken::WindowFull(message));
        }
        self.in_flight.push_back((token, message));
        Ok(())
    }

    /// Never waits: time in a simulation is advanced by whoever runs it, by `patience` at most.
    fn next_delivery(&mut self, patience: Duration) -> Option<Delivery> {
        if self.is_connected && self.broker.state().is_cut {
            return Some(self.go_down());
        }
        if self.is_connected && self.broker.state().health == Health::Halted && self.news.is_empty()
        {
            return self.wait_in_vain(patience);
        }
        self.waited = Duration::ZERO;
        let next = self.news.pop_front();
        let next = next.or_else(|| self.request());
        next.or_else(|| if self.is_connected { self.exchange_one() } else { None })
    }

    fn waker(&self) -> Waker {
        Arc::new(|| {})
    }

    fn disconnect(&mut self) {
        self.is_connected = false;
        self.in_flight.clear();
        self.news.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: u8) -> Message {
        Message { topic: "t".to_owned(), payload: vec![n], is_retained: false, correlation: vec![] }
    }

    fn connected(broker: &FlakyBroker) -> FlakyPublisher {
        let mut publisher = broker.publisher();
        publisher.connect(0);
        assert!(matches!(publisher.next_delivery(Duration::ZERO), Some(Delivery::Up { .. })));
        publisher
    }

    #[test]
    fn a_calm_broker_takes_and_acknowledges_everything_in_order() {
        let broker = FlakyBroker::new(1, 4, 1_000);
        let mut publisher = connected(&broker);
        for n in 0..4 {
            publisher.publish(Token(n.into()), message(n)).unwrap();
        }
        assert!(matches!(publisher.publish(Token(9), message(9)), Err(NotTaken::WindowFull(_))));
        let mut acknowledged = Vec::new();
        while let Some(delivery) = publisher.next_delivery(Duration::ZERO) {
            let Delivery::Acknowledged(token) = delivery else { panic!("{delivery:?}") };
            acknowledged.push(token.0);
        }
        acknowledged.sort_unstable();
        assert_eq!(acknowledged, [0, 1, 2, 3]);
        assert_eq!(broker.taken(), [0, 1, 2, 3].map(message));
    }

    #[test]
    fn a_lost_acknowledgement_is_a_message_taken_and_an_epoch_over() {
        let broker = FlakyBroker::new(1, 4, 1_000);
        let mut publisher = connected(&broker);
        broker.set_flakiness(Flakiness { acknowledgement_lost: 1.0, ..Flakiness::default() });
        publisher.publish(Token(1), message(1)).unwrap();
        assert!(matches!(publisher.next_delivery(Duration::ZERO), Some(Delivery::Down(_))));
        assert_eq!(broker.taken().len(), 1);
        assert!(matches!(publisher.publish(Token(2), message(2)), Err(NotTaken::NotConnected(_))));
    }

    #[test]
    fn a_forbidden_topic_is_refused_and_the_connection_stands() {
        let broker = FlakyBroker::new(1, 4, 1_000);
        broker.forbid(&["t"]);
        let mut publisher = connected(&broker);
        publisher.publish(Token(1), message(1)).unwrap();
        let refused = publisher.next_delivery(Duration::ZERO);
        assert!(matches!(refused, Some(Delivery::Refused { token: Token(1), .. })), "{refused:?}");
        broker.forbid(&[]);
        publisher.publish(Token(2), message(2)).unwrap();
        let taken = publisher.next_delivery(Duration::ZERO);
        assert!(matches!(taken, Some(Delivery::Acknowledged(Token(2)))), "{taken:?}");
        assert_eq!(broker.taken(), [message(2)]);
    }

    #[test]
    fn a_halted_broker_is_given_up_only_when_an_answer_is_due() {
        let broker = FlakyBroker::new(1, 4, 1_000);
        let mut publisher = connected(&broker);
        broker.halt(true);
        assert!(publisher.next_delivery(STALL_TIMEOUT / 2).is_none());
        publisher.publish(Token(1), message(1)).unwrap();
        assert!(publisher.next_delivery(STALL_TIMEOUT / 4).is_none());
        let down = publisher.next_delivery(STALL_TIMEOUT);
        assert!(matches!(down, Some(Delivery::Down(PublishError::Stalled { .. }))), "{down:?}");
        assert!(broker.taken().is_empty());
    }

    #[test]
    fn requests_are_heard_in_an_epoch_only_and_more_than_may_wait_are_counted() {
        let broker = FlakyBroker::new(1, 4, 1_000);
        broker.ask(Request::default());
        let mut publisher = connected(&broker);
        assert!(publisher.next_delivery(Duration::ZERO).is_none(), "asked before it");
        for _ in 0..REQUESTS_MAX + 3 {
            broker.ask(Request::default());
        }
        let mut dropped = Vec::new();
        while let Some(Delivery::Request(request)) = publisher.next_delivery(Duration::ZERO) {
            dropped.push(request.dropped);
        }
        assert_eq!(dropped, [0; REQUESTS_MAX]);
        broker.ask(Request::default());
        let next = publisher.next_delivery(Duration::ZERO);
        assert!(matches!(next, Some(Delivery::Request(Request { dropped: 3, .. }))), "{next:?}");
    }

    #[test]
    fn a_broker_that_is_down_cuts_and_refuses_connections() {
        let broker = FlakyBroker::new(1, 4, 1_000);
        let mut publisher = connected(&broker);
        broker.set_up(false);
        assert!(matches!(publisher.next_delivery(Duration::ZERO), Some(Delivery::Down(_))));
        publisher.connect(0);
        assert!(matches!(publisher.next_delivery(Duration::ZERO), Some(Delivery::Down(_))));
    }
}
