//! Asking: what a subscription speaks with.

use std::sync::{Arc, Mutex, PoisonError};

use rumqttc::v5::{
    AsyncClient,
    mqttbytes::{
        QoS,
        v5::{PubAck, PubAckReason, PublishProperties},
    },
};

use crate::fault;

/// A message that wants an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Where it goes.
    pub topic: String,
    /// What it asks.
    pub payload: Vec<u8>,
    /// Where the answer is to come; a filter of the subscription should match it.
    pub respond_to: String,
    /// What the answer is to be known by.
    pub correlation: Vec<u8>,
}

/// There is no connection, or too much is on its way: nothing was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not connected to the broker")]
pub struct NotAsked;

/// What the owner of a subscription speaks with, while there is a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mouth(Arc<Mutex<Option<AsyncClient>>>);

impl Mouth {
    /// From now on this is the connection.
    pub(crate) fn give(&self, client: Option<AsyncClient>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    pub(crate) fn ask(&self, question: Question) -> Result<(), NotAsked> {
        let Question { topic, payload, respond_to, correlation } = question;
        let properties = PublishProperties {
            response_topic: Some(respond_to),
            correlation_data: Some(correlation.into()),
            ..PublishProperties::default()
        };
        let client = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        client
            .as_ref()
            .ok_or(NotAsked)?
            .try_publish_with_properties(topic, QoS::AtLeastOnce, false, payload, properties)
            .map_err(|_| NotAsked)
    }
}

/// Whether a question was taken, and by somebody; if not, why.
pub(crate) fn heard_by_somebody(answer: &PubAck) -> Result<(), String> {
    if answer.reason == PubAckReason::NoMatchingSubscribers {
        return Err("nobody listens".to_owned());
    }
    fault::refusal(answer.reason).map_or(Ok(()), |what| Err(what.to_owned()))
}
