//! The publisher: one epoch at a time.

use core::time::Duration;
use std::{collections::VecDeque, sync::Arc, time::Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use ports::{Delivery, Message, NotTaken, PublishError, Publisher, Token, Waker};

use crate::{
    Options,
    epoch::{Epoch, TOPIC_BYTES_RESERVED},
    fault,
};

/// How long [`MqttPublisher::disconnect`] waits for the broker to close the connection.
const FAREWELL: Duration = Duration::from_secs(2);

/// Publishes over MQTT 5, each message to be delivered at least once (`QoS` 1).
///
/// A message that must not be sent because the broker would close the connection over it comes back
/// as [`Delivery::Refused`]. After [`disconnect`](Publisher::disconnect) nothing more is delivered,
/// not even [`Delivery::Down`]; it waits for at most 2 s for the broker to hear of it. A publisher
/// that is dropped without it leaves its will behind.
pub struct MqttPublisher {
    options: Options,
    epoch: Option<Current>,
    /// What was decided here rather than by the broker. Counts towards the window.
    decided: VecDeque<Delivery>,
    wake: Sender<()>,
    woken: Receiver<()>,
}

/// The epoch under way, from its owner's view.
struct Current {
    epoch: Epoch,
    /// What the broker grants; `None` until it has accepted the connection.
    granted: Option<Granted>,
    /// Messages handed over and not yet answered.
    outstanding: usize,
    /// When an answer last came, or when waiting for one began. Means nothing while none is due.
    progress: Instant,
}

#[derive(Clone, Copy)]
struct Granted {
    window: usize,
    payload_bytes_max: usize,
}

impl MqttPublisher {
    /// A publisher that is not connected yet.
    pub fn new(options: Options) -> Self {
        let (wake, woken) = bounded(1);
        Self { options, epoch: None, decided: VecDeque::new(), wake, woken }
    }

    /// How long until a lack of answers is a stall; `None` while none is due.
    fn until_stalled(&self) -> Option<Duration> {
        let current = self.epoch.as_ref().filter(|current| current.outstanding > 0)?;
        let waited = now().saturating_duration_since(current.progress);
        Some(self.options.stall_timeout.saturating_sub(waited))
    }

    /// Brings the books up to date with what the epoch's thread has told.
    fn note(&mut self, delivery: Delivery) -> Delivery {
        match (&delivery, &mut self.epoch) {
            (Delivery::Down(_), epoch) => *epoch = None,
            (&Delivery::Up { window, payload_bytes_max }, Some(current)) => {
                current.granted = Some(Granted { window, payload_bytes_max });
            }
            (Delivery::Acknowledged(_) | Delivery::Refused { .. }, Some(current)) => {
                current.outstanding = current.outstanding.saturating_sub(1);
                current.progress = now();
            }
            (Delivery::Request(_), Some(current)) => current.epoch.took_request(),
            (Delivery::Deaf { .. }, Some(_)) | (_, None) => {}
        }
        delivery
    }
}

impl Publisher for MqttPublisher {
    fn connect(&mut self, broker: usize) {
        // Lets go of the old epoch first, for they share the client id. Its thread closes the socket a
        // moment later; the caller's back-off is longer than that.
        self.epoch = None;
        self.decided.clear();
        match Epoch::begin(&self.options, broker) {
            Ok(epoch) => {
                let progress = now();
                self.epoch = Some(Current { epoch, granted: None, outstanding: 0, progress });
            }
            Err(error) => self.decided.push_back(Delivery::Down(fault::unreachable(error))),
        }
    }

    fn publish(&mut self, token: Token, message: Message) -> Result<(), NotTaken> {
        let Some((current, granted)) = self
            .epoch
            .as_mut()
            .and_then(|current| current.granted.map(|granted| (current, granted)))
        else {
            return Err(NotTaken::NotConnected(message));
        };
        if current.outstanding + self.decided.len() >= granted.window {
            return Err(NotTaken::WindowFull(message));
        }
        if let Some(reason) = unsendable(&message, granted.payload_bytes_max) {
            self.decided.push_back(Delivery::Refused { token, reason });
            return Ok(());
        }
        current.epoch.send(token, message).map_err(NotTaken::NotConnected)?;
        if current.outstanding == 0 {
            current.progress = now();
        }
        current.outstanding += 1;
        Ok(())
    }

    fn next_delivery(&mut self, patience: Duration) -> Option<Delivery> {
        if let Some(delivery) = self.decided.pop_front() {
            return Some(delivery);
        }
        let nothing = never();
        let deliveries = self.epoch.as_ref().map_or(&nothing, |current| current.epoch.deliveries());
        let stall = self.until_stalled().filter(|&stall| stall <= patience);
        let delivery = select! {
            recv(deliveries) -> delivery => delivery.unwrap_or_else(|_| {
                // Only a panic in the library ends the thread without a last word.
                let panicked = std::io::Error::other("the thread of the connection has panicked");
                Delivery::Down(fault::unreachable(panicked))
            }),
            recv(self.woken) -> _ => return None,
            default(stall.unwrap_or(patience)) => {
                stall?;
                Delivery::Down(PublishError::Stalled { waited: self.options.stall_timeout })
            }
        };
        Some(self.note(delivery))
    }

    fn waker(&self) -> Waker {
        let wake = self.wake.clone();
        // A full queue means that a wake is already due.
        Arc::new(move || {
            let _ = wake.try_send(());
        })
    }

    fn disconnect(&mut self) {
        self.decided.clear();
        let Some(Current { epoch, .. }) = self.epoch.take() else { return };
        epoch.request_disconnect();
        let deadline = now() + FAREWELL;
        // Answers that still come are of no use any more. The thread's end closes the queue.
        while epoch.deliveries().recv_deadline(deadline).is_ok() {}
    }
}

/// Why the broker would close the connection over this message, if it would.
fn unsendable(message: &Message, payload_bytes_max: usize) -> Option<String> {
    let Message { topic, payload, correlation, .. } = message;
    let is_topic = !topic.is_empty()
        && u16::try_from(topic.len()).is_ok()
        && !topic.contains(['+', '#', '\0']);
    if !is_topic {
        return Some(format!("`{topic}` is not a topic to publish to"));
    }
    let limit = payload_bytes_max.saturating_add(TOPIC_BYTES_RESERVED);
    let bytes = topic.len() + payload.len() + correlation.len();
    (bytes > limit)
        .then(|| format!("topic and payload of {bytes} bytes exceed the limit of {limit} bytes"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "times the silence of a real network; nothing is stamped with it, and a simulation has its own publisher"
)]
fn now() -> Instant {
    Instant::now()
}
