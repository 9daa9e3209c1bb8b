//! Publisher and subscription against a real broker, and against what only looks like one.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use publisher_mqtt::{Event, Session, Subscription, SubscriptionOptions};

mod publisher;
mod requests;
mod stretch;
mod subscription;
mod support;

/// Far longer than anything here takes; only a failure waits for it.
const LONG: Duration = Duration::from_secs(30);

fn subscription_options(url: &str, client_id: &str, filter: &str) -> SubscriptionOptions {
    SubscriptionOptions {
        broker: url.parse().unwrap(),
        client_id: client_id.to_owned(),
        filters: vec![filter.to_owned()],
        session: Session::Clean,
    }
}

/// A subscription that the broker has answered.
fn listening(url: &str, client_id: &str, filter: &str) -> Subscription {
    let subscription = Subscription::connect(subscription_options(url, client_id, filter)).unwrap();
    wait_until_up(&subscription);
    subscription
}

fn wait_until_up(subscription: &Subscription) {
    let first = subscription.next(LONG);
    assert!(matches!(first, Some(Event::Up)), "{first:?}");
}

fn next_message(subscription: &Subscription) -> (String, Vec<u8>) {
    match subscription.next(LONG) {
        Some(Event::Message { topic, payload, .. }) => (topic, payload),
        other => panic!("{other:?} instead of a message"),
    }
}
