//! Arrivals: MQTT messages, understood.

use wire::{
    Topic, Topics,
    payload::{self, Batch, DecodeError},
    replay::Answer,
    status::Status,
};

/// A message that makes sense.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// Samples of one stream.
    Samples(Batch),
    /// What a gateway says of itself.
    Status(Status),
    /// What a gateway answers to a request.
    Answer(Answer),
}

/// Why a message makes no sense to this program.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The topic is below ours, but none that this version knows.
    #[error("topic means nothing to this version")]
    Topic,
    /// The payload cannot be decoded.
    #[error("payload cannot be decoded")]
    Payload(#[source] DecodeError),
    /// The payload says that it belongs to another gateway or stream than the topic does.
    #[error("topic and payload name different streams")]
    Mismatch,
}

impl Arrival {
    /// Reads one message.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] says why it makes no sense.
    pub fn read(topics: &Topics, topic: &str, bytes: &[u8]) -> Result<Self, Unreadable> {
        let arrival = match topics.parse(topic).ok_or(Unreadable::Topic)? {
            Topic::Samples { gateway, stream } => {
                let batch = payload::decode(bytes).map_err(Unreadable::Payload)?;
                let is_ours = batch.gateway == gateway
                    && batch.samples.iter().all(|sample| sample.stream.name == stream);
                is_ours.then_some(Self::Samples(batch))
            }
            Topic::Status { gateway } => {
                let status = Status::decode(bytes).map_err(Unreadable::Payload)?;
                (status.gateway == gateway).then_some(Self::Status(status))
            }
            Topic::Answer { gateway } => {
                let answer = Answer::decode(bytes).map_err(Unreadable::Payload)?;
                (*answer.gateway() == gateway).then_some(Self::Answer(answer))
            }
        };
        arrival.ok_or(Unreadable::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use domain::GatewayId;

    use super::*;

    #[test]
    fn a_message_under_anothers_topic_is_not_believed() {
        let topics = Topics::new("telemetryhub").unwrap();
        let status = Status::lost(GatewayId::new("greenhouse").unwrap());
        let read = |topic: &str| Arrival::read(&topics, topic, &status.encode());
        assert!(matches!(read("telemetryhub/v1/greenhouse/status"), Ok(Arrival::Status(_))));
        assert!(matches!(read("telemetryhub/v1/cellar/status"), Err(Unreadable::Mismatch)));
        assert!(matches!(read("telemetryhub/v1/greenhouse/news"), Err(Unreadable::Topic)));
        assert!(matches!(
            read("telemetryhub/v1/greenhouse/samples/a/b"),
            Err(Unreadable::Payload(_))
        ));
    }
}
