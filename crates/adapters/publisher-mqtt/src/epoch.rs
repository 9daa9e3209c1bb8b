//! One connection and its thread: turns the library's events into deliveries.

use core::{convert::Infallible, time::Duration};
use std::{collections::HashMap, io, thread};

use crossbeam_channel::{Receiver, Sender, bounded};
use ports::{Delivery, Message, PublishError, REQUESTS_MAX, Token};
use rumqttc::{
    Outgoing,
    v5::{
        AsyncClient, ClientError, Event, EventLoop, Incoming, Request,
        mqttbytes::{
            QoS,
            v5::{ConnAck, PubAck, PublishProperties},
        },
    },
};
use tokio::{runtime, select, sync::oneshot, time::timeout};

use crate::{
    Options, fault,
    options::probe_at_a_pace,
    requests::{Ear, Waiting},
};

/// What a PUBLISH packet has besides topic and payload: fixed header of at most 5 bytes, the length
/// of the topic, the packet id and the length of no properties (MQTT 5.0, 3.3).
const PACKET_OVERHEAD_BYTES: usize = 5 + 2 + 2 + 1;

/// Room kept for the topic when the largest payload is computed.
pub(crate) const TOPIC_BYTES_RESERVED: usize = 256;

/// The owner's end of an epoch. Dropping it ends the epoch at once.
pub(crate) struct Epoch {
    client: AsyncClient,
    /// Names the messages in the order in which the client has got them.
    tokens: Sender<Token>,
    deliveries: Receiver<Delivery>,
    waiting: Waiting,
    /// Nothing is ever sent: the thread notices when it is dropped.
    _alive: oneshot::Sender<Infallible>,
}

impl Epoch {
    /// Starts to connect.
    pub(crate) fn begin(options: &Options, broker: usize) -> io::Result<Self> {
        let broker = options.brokers.get(broker).or(options.brokers.last());
        let broker = broker.ok_or_else(|| io::Error::other("no broker is given"))?;
        let window = usize::from(options.window.get());
        // Two more requests to the library than messages, so that those to subscribe and to disconnect
        // always find room; and beside the acknowledgements, `Up`, `Deaf` and `Down`, and what is asked of
        // us: no one ever waits at these queues.
        let (client, eventloop) = AsyncClient::new(options.for_library(broker), window + 2);
        let (tokens, unsent) = bounded(window);
        let (tell, deliveries) = bounded(window + 3 + REQUESTS_MAX);
        let waiting = Waiting::default();
        let ear = options.requests.clone().map(|topic| Ear::new(topic, &client, waiting.clone()));
        let (alive, owner) = oneshot::channel();
        let mut link = Link {
            eventloop,
            unsent,
            in_flight: HashMap::with_capacity(window),
            ear,
            is_up: false,
            tell,
            window,
            payload_bytes_max: options.payload_bytes_max,
            connect_timeout: options.connect_timeout,
            keep_alive: options.keep_alive,
        };
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        // The kernel shows the first 15 bytes; a zero byte in a thread's name would panic.
        let name = format!("mqtt {}", options.client_id.replace('\0', ""));
        thread::Builder::new()
            .name(name)
            .spawn(move || runtime.block_on(link.carry_until_let_go(owner)))?;
        Ok(Self { client, tokens, deliveries, waiting, _alive: alive })
    }

    /// What happened, oldest first. Disconnected once the epoch is over.
    pub(crate) const fn deliveries(&self) -> &Receiver<Delivery> {
        &self.deliveries
    }

    /// Hands `message` to the library. The caller keeps to the window and to valid topics.
    ///
    /// # Errors
    ///
    /// The message comes back if the epoch is over; `deliveries` tells why.
    pub(crate) fn send(&self, token: Token, message: Message) -> Result<(), Message> {
        // First the token: the thread looks for it as soon as it sees the message leave.
        if self.tokens.try_send(token).is_err() {
            return Err(message);
        }
        let Message { topic, payload, is_retained, correlation } = message;
        let (qos, name) = (QoS::AtLeastOnce, topic.as_str());
        let sent = if correlation.is_empty() {
            self.client.try_publish(name, qos, is_retained, payload)
        } else {
            let correlation_data = Some(correlation.clone().into());
            let properties = PublishProperties { correlation_data, ..PublishProperties::default() };
            self.client.try_publish_with_properties(name, qos, is_retained, payload, properties)
        };
        sent.map_err(|error| {
            let (ClientError::Request(request) | ClientError::TryRequest(request)) = error;
            // It gives back what it got, and that was a publish.
            let payload =
                if let Request::Publish(it) = request { it.payload.to_vec() } else { vec![] };
            Message { topic, payload, is_retained, correlation }
        })
    }

    /// A request was taken from `deliveries`.
    pub(crate) fn took_request(&self) {
        self.waiting.took();
    }

    /// Asks the broker to end the session: it then publishes no will.
    pub(crate) fn request_disconnect(&self) {
        // There is always room, unless the epoch is over, which is what we want.
        let _ = self.client.try_disconnect();
    }
}

/// The thread's end of an epoch.
struct Link {
    eventloop: EventLoop,
    unsent: Receiver<Token>,
    in_flight: HashMap<u16, Token>,
    /// Hears what is asked of us, if we listen.
    ear: Option<Ear>,
    /// The owner knows that the epoch has begun.
    is_up: bool,
    tell: Sender<Delivery>,
    window: usize,
    payload_bytes_max: usize,
    connect_timeout: Duration,
    keep_alive: Duration,
}

impl Link {
    async fn carry_until_let_go(&mut self, owner: oneshot::Receiver<Infallible>) {
        let end = select! {
            biased;
            _ = owner => return,
            end = self.carry() => end,
        };
        self.tell(Delivery::Down(end));
    }

    /// Carries messages and acknowledgements; returns what ended it.
    async fn carry(&mut self) -> PublishError {
        match timeout(self.connect_timeout, self.carry_until_up()).await {
            Ok(Some(end)) => return end,
            Ok(None) => {}
            Err(_) => return fault::no_answer(),
        }
        loop {
            if let Err(end) = self.carry_one().await {
                return end;
            }
        }
    }

    /// What ended the epoch before it began, if something did.
    async fn carry_until_up(&mut self) -> Option<PublishError> {
        while !self.is_up {
            if let Err(end) = self.carry_one().await {
                return Some(end);
            }
        }
        None
    }

    /// Waits for one thing to happen; an error ends the epoch.
    async fn carry_one(&mut self) -> Result<(), PublishError> {
        match self.eventloop.poll().await {
            Ok(event) => self.hear(event),
            Err(error) => {
                // What came in together with the fault still counts: some brokers refuse a message and
                // hang up.
                for event in core::mem::take(&mut self.eventloop.state.events) {
                    self.hear(event)?;
                }
                Err(fault::translate(error))
            }
        }
    }

    /// Takes note of what the library tells; an error ends the epoch.
    fn hear(&mut self, event: Event) -> Result<(), PublishError> {
        match event {
            Event::Incoming(Incoming::ConnAck(answer)) => {
                let granted = answer.properties.as_ref();
                let keep_alive = granted.and_then(|granted| granted.server_keep_alive);
                probe_at_a_pace(&mut self.eventloop.options, keep_alive, self.keep_alive);
                let welcome = self.welcome(&answer)?;
                // Who listens is up when that is answered: until then the packet id of the subscription
                // is in use, and ids are shared with messages.
                match &mut self.ear {
                    Some(ear) => ear.listen(welcome),
                    None => self.begin(welcome),
                }
            }
            Event::Incoming(Incoming::SubAck(answer)) => {
                let Some((welcome, deaf)) = self.ear.as_mut().and_then(|ear| ear.heard(&answer))
                else {
                    return Ok(());
                };
                self.begin(welcome);
                if let Some(deaf) = deaf {
                    self.tell(deaf);
                }
            }
            Event::Incoming(Incoming::Publish(message)) => {
                if let Some(request) = self.ear.as_mut().and_then(|ear| ear.request(message)) {
                    self.tell(request);
                }
            }
            Event::Incoming(Incoming::PubAck(ack)) => self.acknowledge(&ack),
            Event::Outgoing(Outgoing::Publish(packet_id)) => self.sent(packet_id),
            Event::Incoming(_) | Event::Outgoing(_) => {} // Pings, and our own request to disconnect.
        }
        Ok(())
    }

    fn begin(&mut self, welcome: Delivery) {
        self.is_up = true;
        self.tell(welcome);
    }

    /// What the broker grants.
    fn welcome(&self, answer: &ConnAck) -> Result<Delivery, PublishError> {
        let (mut window, mut payload_bytes_max) = (self.window, self.payload_bytes_max);
        if let Some(granted) = &answer.properties {
            if granted.max_qos == Some(0) {
                let reason = "it acknowledges no messages (it offers QoS 0 only)".to_owned();
                return Err(PublishError::Refused { reason });
            }
            window = window.min(granted.receive_max.map_or(usize::MAX, usize::from).max(1));
            if let Some(packet) = granted.max_packet_size {
                let packet = usize::try_from(packet).unwrap_or(usize::MAX);
                let payload = packet.saturating_sub(PACKET_OVERHEAD_BYTES + TOPIC_BYTES_RESERVED);
                payload_bytes_max = payload_bytes_max.min(payload);
            }
        }
        Ok(Delivery::Up { window, payload_bytes_max })
    }

    /// The library tells of messages in the order in which it got them, resends nothing within one
    /// connection, and reports one that it had to hold back only when it goes: first in, first out.
    fn sent(&mut self, packet_id: u16) {
        if let Ok(token) = self.unsent.try_recv() {
            self.in_flight.insert(packet_id, token);
        }
    }

    fn acknowledge(&mut self, ack: &PubAck) {
        // The library itself ends the connection over an acknowledgement that nothing waits for.
        let Some(token) = self.in_flight.remove(&ack.pkid) else { return };
        self.tell(match fault::refusal(ack.reason) {
            None => Delivery::Acknowledged(token),
            Some(what) => {
                let said = ack.properties.as_ref().and_then(|p| p.reason_string.as_deref());
                let reason = said.map_or_else(|| what.to_owned(), |said| format!("{what}: {said}"));
                Delivery::Refused { token, reason }
            }
        });
    }

    /// Never waits: there is room for all that one window can bring. Nobody may be listening any
    /// more, and then nobody misses it.
    fn tell(&self, delivery: Delivery) {
        let _ = self.tell.try_send(delivery);
    }
}
