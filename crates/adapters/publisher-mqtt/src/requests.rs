//! What is asked of a publisher: listening to one topic while an epoch lasts.
//!
//! Listens with `QoS` 0: nobody keeps a request, and there is nothing for us to acknowledge between the
//! acknowledgements of our own messages. A request that is retained at the broker is not heard: it would be
//! asked anew in each epoch.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use ports::{Delivery, REQUESTS_MAX, Request};
use rumqttc::v5::{
    AsyncClient,
    mqttbytes::{
        QoS,
        v5::{Filter, Publish, RetainForwardRule, SubAck, SubscribeReasonCode},
    },
};

/// How many requests wait for the owner of the epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// One was taken.
    pub(crate) fn took(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// Whether one more may wait; then it does.
    fn may_add(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |n| (n < REQUESTS_MAX).then_some(n + 1)).is_ok()
    }
}

/// The thread's end of the subscription of one epoch.
pub(crate) struct Ear {
    topic: String,
    client: AsyncClient,
    /// What is told when the broker has answered the subscription.
    welcome: Option<Delivery>,
    waiting: Waiting,
    /// Requests dropped since the newest that was not.
    dropped: u64,
}

impl Ear {
    pub(crate) fn new(topic: String, client: &AsyncClient, waiting: Waiting) -> Self {
        Self { topic, client: client.clone(), welcome: None, waiting, dropped: 0 }
    }

    /// Asks the broker to let us listen. `welcome` is for when it has answered.
    pub(crate) fn listen(&mut self, welcome: Delivery) {
        let mut filter = Filter::new(self.topic.as_str(), QoS::AtMostOnce);
        filter.retain_forward_rule = RetainForwardRule::Never;
        // There is room for it: nothing else has been asked of the library.
        let _ = self.client.try_subscribe_many([filter]);
        self.welcome = Some(welcome);
    }

    /// The broker has answered: the welcome, and what it said if we may not listen.
    pub(crate) fn heard(&mut self, answer: &SubAck) -> Option<(Delivery, Option<Delivery>)> {
        let welcome = self.welcome.take()?;
        let is_refusal =
            |code: &&SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
        let refusal = answer.return_codes.iter().find(is_refusal);
        Some((welcome, refusal.map(|code| Delivery::Deaf { reason: format!("{code:?}") })))
    }

    /// What is asked, unless too many wait.
    pub(crate) fn request(&mut self, message: Publish) -> Option<Delivery> {
        if message.retain {
            return None;
        }
        if !self.waiting.may_add() {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        let properties = message.properties.unwrap_or_default();
        let correlation = properties.correlation_data.unwrap_or_default().to_vec();
        Some(Delivery::Request(Request {
            respond_to: properties.response_topic,
            correlation,
            payload: message.payload.to_vec(),
            dropped: core::mem::take(&mut self.dropped),
        }))
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::v5::MqttOptions;

    use super::*;

    fn asked(ear: &mut Ear) -> Option<u64> {
        let message = Publish::new("ask", QoS::AtMostOnce, "what", None);
        let heard = ear.request(message)?;
        let Delivery::Request(request) = heard else { panic!("{heard:?}") };
        Some(request.dropped)
    }

    #[test]
    fn so_many_wait_and_more_are_counted_with_the_next_that_does() {
        let (client, _eventloop) = AsyncClient::new(MqttOptions::new("id", "host", 1883), 1);
        let waiting = Waiting::default();
        let mut ear = Ear::new("ask".to_owned(), &client, waiting.clone());
        let heard: Vec<_> = (0..REQUESTS_MAX + 4).map(|_| asked(&mut ear)).collect();
        assert_eq!(heard[..REQUESTS_MAX], [Some(0); REQUESTS_MAX]);
        assert_eq!(heard[REQUESTS_MAX..], [None; 4]);
        waiting.took();
        assert_eq!((asked(&mut ear), asked(&mut ear)), (Some(4), None));
        waiting.took();
        assert_eq!(asked(&mut ear), Some(1));
    }
}
