//! The port to the broker.

use core::time::Duration;
use std::{error::Error, sync::Arc};

/// Identifies one message within one connection epoch. Chosen by the caller, never reused in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Bytes for a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub topic: String,
    /// What it says.
    pub payload: Vec<u8>,
    /// Whether the broker keeps it for those who subscribe later.
    pub is_retained: bool,
    /// Of the answer to a [`Request`]: what that wants to know it by. Otherwise empty.
    pub correlation: Vec<u8>,
}

/// What somebody asks of us by way of the broker. Nothing in it is to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Where the answer is to go, if it says.
    pub respond_to: Option<String>,
    /// What is to be in each message of the answer.
    pub correlation: Vec<u8>,
    /// What it says.
    pub payload: Vec<u8>,
    /// How many requests before it were dropped because too many waited.
    pub dropped: u64,
}

/// How many requests wait at most to be taken from [`Publisher::next_delivery`].
pub const REQUESTS_MAX: usize = 16;

/// What became of the connection or of a message.
#[derive(Debug)]
pub enum Delivery {
    /// The connection stands: an epoch has begun.
    Up {
        /// How many messages may be waiting for their acknowledgement at one time.
        window: usize,
        /// The largest payload that the broker takes in one message, in bytes.
        payload_bytes_max: usize,
    },
    /// The broker has taken responsibility for the message.
    Acknowledged(Token),
    /// The broker has answered that it will not take the message. It is not delivered.
    Refused {
        /// Which message.
        token: Token,
        /// What the broker said, for the log.
        reason: String,
    },
    /// Somebody asks for something.
    Request(Request),
    /// The broker does not let us hear requests in this epoch; messages go all the same.
    Deaf {
        /// What the broker said, for the log.
        reason: String,
    },
    /// The epoch is over. What was not acknowledged in it may or may not have been delivered.
    Down(PublishError),
}

/// Why there is no connection. Whatever was not acknowledged is still in the spool.
///
/// Messages complete the sentence "not connected: …"; the cause is reached through `source()`.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No connection could be made, or it broke.
    #[error("broker is unreachable")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The broker answered the request to connect with a refusal.
    #[error("broker refuses the connection: {reason}")]
    Refused {
        /// What the broker said.
        reason: String,
    },
    /// The connection stands but acknowledgements stay away.
    #[error("no acknowledgement for {waited:?}")]
    Stalled {
        /// How long nothing came.
        waited: Duration,
    },
    /// The connection was ended from our side.
    #[error("connection closed")]
    Closed,
}

/// The message was not taken; it comes back inside.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The window is full: wait for an acknowledgement.
    #[error("window is full")]
    WindowFull(Message),
    /// No epoch is under way.
    #[error("not connected")]
    NotConnected(Message),
}

/// Makes a waiting [`Publisher::next_delivery`] return early. May be called from any thread, often.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Hands messages to the broker and learns when they are acknowledged.
///
/// # Contract
///
/// * **Epochs** — [`connect`](Self::connect) begins an epoch, [`Delivery::Down`] or
///   [`disconnect`](Self::disconnect) ends it. Nothing is carried from one epoch into the next: no
///   message is sent again, no delivery of an old epoch is reported in a new one. Sending again what
///   was not acknowledged is the caller's part.
/// * **Order** — messages reach the broker in the order of [`publish`](Self::publish).
///   Acknowledgements may come in any order.
/// * **Truth** — [`Delivery::Acknowledged`] is reported only for a message that the broker has
///   acknowledged in this epoch, and once.
/// * **Time** — `connect` and `publish` never block on the network. `next_delivery` blocks for at
///   most `patience`.
/// * **Requests** — of those that come while the epoch lasts, at most [`REQUESTS_MAX`] wait; more are
///   dropped and counted. None outlives its epoch, and none is heard that was made before it.
/// * **Memory** — holds at most one window of messages, and the requests that wait.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Publisher: Send {
    /// Begins a new epoch at the broker with this number; ends the present one, without a farewell, if
    /// there is one. [`Delivery::Up`] or [`Delivery::Down`] follows. Brokers are numbered from 0 in the
    /// order of preference; a number that none has means the last.
    fn connect(&mut self, broker: usize);

    /// Hands over one message, for delivery at least once.
    ///
    /// # Errors
    ///
    /// [`NotTaken`] gives the message back.
    fn publish(&mut self, token: Token, message: Message) -> Result<(), NotTaken>;

    /// The next thing that happened, or `None` after `patience` or a call to the waker.
    fn next_delivery(&mut self, patience: Duration) -> Option<Delivery>;

    /// A handle that ends the wait in `next_delivery`. A call made while nobody waits ends the next
    /// wait.
    fn waker(&self) -> Waker;

    /// Ends the epoch in good order: no will message is published.
    fn disconnect(&mut self);
}
