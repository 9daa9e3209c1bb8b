//! What went wrong with a connection, in the words of the port.

use std::{error::Error, io};

use ports::PublishError;
use rumqttc::v5::{
    ConnectionError, StateError,
    mqttbytes::{Error as CodecError, v5::PubAckReason},
};

/// Translates the library's error; each link of the chain of causes is said once.
///
/// A refusal is what the broker said in answer to the request to connect. Everything else, from a
/// name that cannot be resolved to a broker that closes the connection with a reason, is a
/// connection that could not be made or broke.
pub(crate) fn translate(error: ConnectionError) -> PublishError {
    match error {
        ConnectionError::ConnectionRefused(code) => {
            PublishError::Refused { reason: format!("{code:?}") }
        }
        // The library's messages repeat their cause; take the cause itself.
        ConnectionError::Io(error)
        | ConnectionError::MqttState(
            StateError::Io(error) | StateError::Deserialization(CodecError::Io(error)),
        ) => unreachable(error),
        ConnectionError::MqttState(error) => unreachable(error),
        ConnectionError::RequestsDone => PublishError::Closed,
        error @ (ConnectionError::Timeout(_) | ConnectionError::NotConnAck(_)) => {
            unreachable(error)
        }
    }
}

/// The connection could not be made, or broke, for `cause`.
pub(crate) fn unreachable(cause: impl Error + Send + Sync + 'static) -> PublishError {
    PublishError::Unreachable(Box::new(cause))
}

/// The broker let the time to connect pass.
pub(crate) fn no_answer() -> PublishError {
    unreachable(io::Error::new(io::ErrorKind::TimedOut, "no answer to the request to connect"))
}

/// What the broker means by a reason other than an acceptance; `None` if it has taken the message.
pub(crate) const fn refusal(reason: PubAckReason) -> Option<&'static str> {
    match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => None,
        PubAckReason::UnspecifiedError => Some("unspecified error"),
        PubAckReason::ImplementationSpecificError => Some("implementation specific error"),
        PubAckReason::NotAuthorized => Some("not authorized"),
        PubAckReason::TopicNameInvalid => Some("topic name invalid"),
        PubAckReason::PacketIdentifierInUse => Some("packet identifier in use"),
        PubAckReason::QuotaExceeded => Some("quota exceeded"),
        PubAckReason::PayloadFormatInvalid => Some("payload format invalid"),
    }
}
