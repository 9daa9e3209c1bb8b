//! The publisher over MQTT 5, and the subscription that the cloud side uses.
//!
//! The only crate that names the MQTT library. `QoS` 1 throughout, plain TCP.
//!
//! # Terms
//!
//! * **Epoch** — one connection, from the request to connect to its first fault. Each has a client,
//!   an event loop, queues and a thread of its own; all of them end with it.
//! * **Window** — how many messages may wait for their acknowledgement.
//! * **Packet id** — what the broker calls a message in its acknowledgement. The library chooses it
//!   and tells of it in the order of publishing, so a queue of tokens pairs the two; that pairing is
//!   sound only within one epoch.
//!
//! # Invariants
//!
//! 1. Nothing passes from one epoch into the next: the library's own replay, which loses and reorders
//!    messages, has nothing to replay, because every epoch begins with a fresh client and a clean
//!    session.
//! 2. A message is acknowledged only by a PUBACK that says *success* or *no matching subscribers*.
//! 3. No message that the broker would answer by closing the connection is sent: a wrong topic or too
//!    large a payload is refused here, or one such message would break every epoch to come.
//! 4. An epoch's thread ends at once when its owner lets go of it, whatever the network does, with
//!    one exception: a look-up of the broker's name runs to the resolver's own time limit.
//! 5. Every queue is bounded by the window, that of requests by [`ports::REQUESTS_MAX`]. A thread never waits for its owner to empty one, except
//!    that of a [`Subscription`], on purpose.
//!
//! # Ending an epoch
//!
//! The library offers two ways to end a thread that waits for the connection, and neither ends it:
//! dropping every client does nothing, since the event loop itself holds a sender of its own queue of
//! requests, and a request to disconnect stays unread while the window is full, while connecting, and
//! while a peer that no longer reads blocks the socket. Therefore the thread waits for the next event
//! *or* for its owner to let go. Giving up a half-polled event loop can lose packets, which is why it
//! happens only once, at the end of an epoch, when nothing in it matters any more.
//!
//! # Deliberately absent
//!
//! Back-off of the publisher (the pipeline's decision), TLS, `QoS` 0 and 2, MQTT 3.1.1 (it cannot tell
//! that a broker refuses a message), and what the bytes mean.

mod asking;
mod broker;
mod epoch;
mod fault;
mod options;
mod publisher;
mod requests;
mod subscription;
pub use asking::{NotAsked, Question};
pub use broker::{Broker, Login, NotABroker};
pub use options::{Options, Will};
pub use publisher::MqttPublisher;
pub use subscription::{Event, Session, Subscription, SubscriptionOptions};
