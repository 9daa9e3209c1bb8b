//! The subscription: the cloud side's ear.

use core::{convert::Infallible, time::Duration};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io, process, thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use domain::Backoff;
use ports::PublishError;
use rumqttc::{
    v5::{
        AsyncClient, Event as LibraryEvent, EventLoop, Incoming, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{ConnectProperties, Filter, Publish, SubAck, SubscribeReasonCode},
        },
    },
    valid_filter,
};
use tokio::{
    runtime, select,
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::{
    Broker,
    asking::{Mouth, NotAsked, Question, heard_by_somebody},
    fault,
    options::{basics, probe_at_a_pace},
};

/// Events waiting to be taken. Deep enough for a burst, so that the broker's own, often shorter and
/// lossy, queue for a slow subscriber stays empty.
const QUEUE: usize = 4096;
/// How many messages the broker may send before we acknowledge one; also bounds the requests to the
/// library, which are acknowledgements, questions, and one subscription at a time.
const RECEIVE_MAX: u16 = 1000;
/// The largest packet taken, in bytes. The broker drops larger ones without a word.
const PACKET_BYTES_MAX: u32 = 4 * 1024 * 1024;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
const BACKOFF_MOST: Duration = Duration::from_secs(10);
/// How long the broker may take to close the connection when we leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the broker keeps for us while we are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Nothing: what is published while there is no connection never arrives.
    Clean,
    /// The subscriptions and, as far as the broker's limits go, the messages.
    Persistent {
        /// For how long; whole seconds.
        expiry: Duration,
    },
}

/// What to listen to, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The broker.
    pub broker: Broker,
    /// Who we are; unique among all clients of the broker. With [`Session::Persistent`], the name of
    /// the session.
    pub client_id: String,
    /// Topic filters; at least one.
    pub filters: Vec<String>,
    /// What the broker keeps for us.
    pub session: Session,
}

/// What happened on a [`Subscription`].
#[derive(Debug)]
pub enum Event {
    /// The broker has accepted the connection and answered the subscriptions.
    Up,
    /// A message.
    Message {
        /// Where it was published. Bytes that are not UTF-8 are replaced.
        topic: String,
        /// What it says.
        payload: Vec<u8>,
        /// Of an answer: which question it belongs to. Otherwise empty.
        correlation: Vec<u8>,
        /// Whether the broker had kept it from before we subscribed.
        is_retained: bool,
        /// Whether the broker may have sent it to us before.
        is_duplicate: bool,
    },
    /// The broker does not let us subscribe to `filter`. The others stand.
    Refused {
        /// Which filter.
        filter: String,
        /// What the broker said.
        reason: String,
    },
    /// The broker has taken a [question](Subscription::ask), or says why nobody hears it.
    Asked(Result<(), String>),
    /// The connection could not be made, or broke; another attempt follows by itself.
    Down(PublishError),
}

/// Receives what is published, and connects again, with back-off, whenever the connection breaks.
///
/// Subscribes anew after every connection. A message is acknowledged to the broker once it is in the
/// queue that [`next`](Self::next) takes from; when the queue is full, the thread of the connection
/// waits, and with it the broker. What is in the queue when the subscription is dropped is gone, for
/// a persistent session too.
#[derive(Debug)]
pub struct Subscription {
    /// `None` only while dropping.
    events: Option<Receiver<Event>>,
    mouth: Mouth,
    alive: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Subscription {
    /// Starts to connect; [`Event::Up`] or [`Event::Down`] follows.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] names a filter that is not one, or says that there is none;
    /// any other kind, that the operating system has no thread or no event queue to spare.
    pub fn connect(options: SubscriptionOptions) -> io::Result<Self> {
        check(&options.filters)?;
        let (tell, events) = bounded(QUEUE);
        let (alive, owner) = oneshot::channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let mouth = Mouth::default();
        let backoff = backoff(&options.client_id);
        let listener = Listener { backoff, options, tell, mouth: mouth.clone() };
        let thread = thread::Builder::new()
            .name("mqtt listener".to_owned())
            .spawn(move || runtime.block_on(listener.listen_until_let_go(owner)))?;
        Ok(Self { events: Some(events), mouth, alive: Some(alive), thread: Some(thread) })
    }

    /// The next thing that happened, or `None` after `patience`.
    pub fn next(&self, patience: Duration) -> Option<Event> {
        self.events.as_ref()?.recv_timeout(patience).ok()
    }

    /// Asks somebody something; [`Event::Asked`] follows unless the connection breaks. One question at a time:
    /// no more than that is sure to find room.
    ///
    /// # Errors
    ///
    /// [`NotAsked`] without a connection.
    pub fn ask(&self, question: Question) -> Result<(), NotAsked> {
        self.mouth.ask(question)
    }
}

impl Drop for Subscription {
    /// Takes leave of the broker; waits for that at most 1 s, and for a look-up of its name under way.
    fn drop(&mut self) {
        // First the queue, in case the thread waits for room in it.
        self.events = None;
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the library is its own report; there is nothing left to save.
            let _ = thread.join();
        }
    }
}

/// The library would otherwise drop the whole subscription without a word.
fn check(filters: &[String]) -> io::Result<()> {
    let refused = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    match filters.iter().find(|filter| !valid_filter(filter)) {
        Some(bad) => refused(format!("`{bad}` is not a topic filter")),
        None if filters.is_empty() => refused("no topic filter is given".to_owned()),
        None => Ok(()),
    }
}

fn backoff(client_id: &str) -> Backoff {
    let mut hasher = DefaultHasher::new();
    (client_id, process::id()).hash(&mut hasher);
    Backoff::new(BACKOFF_FIRST, BACKOFF_MOST, hasher.finish())
}

/// Nobody takes events any more.
struct Gone;

/// The thread's end of a subscription.
struct Listener {
    options: SubscriptionOptions,
    backoff: Backoff,
    tell: Sender<Event>,
    mouth: Mouth,
}

impl Listener {
    async fn listen_until_let_go(mut self, mut owner: oneshot::Receiver<Infallible>) {
        loop {
            // Fresh for each connection: nothing of the library's state outlives a fault.
            let (client, eventloop) =
                AsyncClient::new(self.library_options(), usize::from(RECEIVE_MAX) + 8);
            let mut link = Link { client, eventloop };
            let end = select! {
                biased;
                _ = &mut owner => None,
                end = self.listen(&mut link) => Some(end),
            };
            self.mouth.give(None);
            match end {
                None => return link.take_leave().await,
                Some(Err(Gone)) => return,
                Some(Ok(end)) => {
                    if self.tell.send(Event::Down(end)).is_err() {
                        return;
                    }
                }
            }
            select! {
                _ = &mut owner => return,
                () = sleep(self.backoff.fail()) => {}
            }
        }
    }

    /// Listens on one connection; returns what ended it.
    async fn listen(&mut self, link: &mut Link) -> Result<PublishError, Gone> {
        let Ok(mut outcome) = timeout(CONNECT_TIMEOUT, link.eventloop.poll()).await else {
            return Ok(fault::no_answer());
        };
        loop {
            match outcome {
                Ok(event) => self.hear(link, event)?,
                Err(error) => {
                    // What came in together with the fault still counts.
                    for event in core::mem::take(&mut link.eventloop.state.events) {
                        self.hear(link, event)?;
                    }
                    return Ok(fault::translate(error));
                }
            }
            outcome = link.eventloop.poll().await;
        }
    }

    fn hear(&mut self, link: &mut Link, event: LibraryEvent) -> Result<(), Gone> {
        match event {
            LibraryEvent::Incoming(Incoming::ConnAck(answer)) => {
                let keep_alive = answer.properties.and_then(|granted| granted.server_keep_alive);
                probe_at_a_pace(&mut link.eventloop.options, keep_alive, KEEP_ALIVE);
                link.subscribe(&self.options.filters);
            }
            LibraryEvent::Incoming(Incoming::SubAck(answer)) => self.subscribed(link, &answer)?,
            LibraryEvent::Incoming(Incoming::Publish(publish)) => {
                self.tell(message(&publish))?;
                link.acknowledge(&publish);
            }
            LibraryEvent::Incoming(Incoming::PubAck(answer)) => {
                self.tell(Event::Asked(heard_by_somebody(&answer)))?;
            }
            LibraryEvent::Incoming(_) | LibraryEvent::Outgoing(_) => {}
        }
        Ok(())
    }

    fn subscribed(&mut self, link: &Link, answer: &SubAck) -> Result<(), Gone> {
        self.backoff.succeed();
        self.mouth.give(Some(link.client.clone()));
        for (filter, code) in self.options.filters.iter().zip(&answer.return_codes) {
            if !matches!(code, SubscribeReasonCode::Success(_)) {
                let (filter, reason) = (filter.clone(), format!("{code:?}"));
                self.tell(Event::Refused { filter, reason })?;
            }
        }
        self.tell(Event::Up)
    }

    /// Waits while the queue is full.
    fn tell(&self, event: Event) -> Result<(), Gone> {
        self.tell.send(event).map_err(|_| Gone)
    }

    fn library_options(&self) -> MqttOptions {
        let SubscriptionOptions { broker, client_id, session, .. } = &self.options;
        let expiry = match session {
            Session::Clean => 0,
            Session::Persistent { expiry } => u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX),
        };
        let properties = ConnectProperties {
            session_expiry_interval: Some(expiry),
            receive_maximum: Some(RECEIVE_MAX),
            max_packet_size: Some(PACKET_BYTES_MAX),
            ..ConnectProperties::new()
        };
        let mut options = basics(broker, client_id, KEEP_ALIVE, properties);
        options
            .set_clean_start(*session == Session::Clean)
            .set_manual_acks(true)
            .set_outgoing_inflight_upper_limit(RECEIVE_MAX);
        options
    }
}

/// One connection to listen on.
struct Link {
    client: AsyncClient,
    eventloop: EventLoop,
}

impl Link {
    /// There is room for the request: at most `RECEIVE_MAX` messages are unacknowledged.
    fn subscribe(&self, filters: &[String]) {
        let filters = filters.iter().map(|filter| Filter::new(filter.as_str(), QoS::AtLeastOnce));
        let _ = self.client.try_subscribe_many(filters);
    }

    /// After a fault this goes nowhere, and the broker sends the message again in the next session.
    fn acknowledge(&self, publish: &Publish) {
        let _ = self.client.try_ack(publish);
    }

    /// Sends what was acknowledged, then the farewell, and waits for the broker to close.
    async fn take_leave(mut self) {
        if self.client.try_disconnect().is_ok() {
            let closed = async { while self.eventloop.poll().await.is_ok() {} };
            let _ = timeout(FAREWELL, closed).await;
        }
    }
}

fn message(publish: &Publish) -> Event {
    let correlation = publish.properties.as_ref().and_then(|it| it.correlation_data.as_ref());
    Event::Message {
        correlation: correlation.map(|data| data.to_vec()).unwrap_or_default(),
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload.to_vec(),
        is_retained: publish.retain,
        is_duplicate: publish.dup,
    }
}
