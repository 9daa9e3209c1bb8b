use std::{
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    time::Duration,
};

use ports::{Delivery, Message, NotTaken, Publisher, Token};
use publisher_mqtt::{Event, MqttPublisher, Options, Session, Subscription, SubscriptionOptions};

use crate::{
    LONG, listening, next_message, subscription_options,
    support::{Mosquitto, needs_mosquitto},
    wait_until_up,
};

/// Publishes the numbers `numbers` to `t` and waits until the broker has them.
fn publish(url: &str, numbers: core::ops::Range<u64>, is_retained: bool) {
    let mut publisher = MqttPublisher::new(Options::new(vec![url.parse().unwrap()], "mouth"));
    publisher.connect(0);
    assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Up { .. })));
    let (mut next, mut due) = (numbers.start, numbers.end - numbers.start);
    while due > 0 {
        let payload = next.to_string().into_bytes();
        let topic = "t".to_owned();
        let message = Message { topic, payload, is_retained, correlation: vec![] };
        if next < numbers.end {
            match publisher.publish(Token(next), message) {
                Ok(()) => {
                    next += 1;
                    continue;
                }
                Err(NotTaken::WindowFull(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Acknowledged(_))));
        due -= 1;
    }
    publisher.disconnect();
}

#[test]
fn a_retained_message_says_that_it_is() {
    needs_mosquitto!("a_retained_message_says_that_it_is");
    let broker = Mosquitto::start("");
    publish(&broker.url(), 0..1, true);
    let subscription =
        Subscription::connect(subscription_options(&broker.url(), "ear", "t")).unwrap();
    // The broker may send it before it answers the subscription, or after.
    let events = [subscription.next(LONG), subscription.next(LONG)];
    let is_retained =
        |e: &Option<Event>| matches!(e, Some(Event::Message { is_retained: true, .. }));
    assert!(events.iter().any(is_retained), "{events:?}");
    publish(&broker.url(), 1..2, true);
    let live = subscription.next(LONG);
    assert!(matches!(live, Some(Event::Message { is_retained: false, .. })), "{live:?}");
}

#[test]
fn after_a_restart_of_the_broker_it_subscribes_again_by_itself() {
    needs_mosquitto!("after_a_restart_of_the_broker_it_subscribes_again_by_itself");
    let broker = Mosquitto::start("");
    let subscription = listening(&broker.url(), "ear", "t");
    let port = broker.kill();
    let down = subscription.next(LONG);
    assert!(matches!(down, Some(Event::Down(_))), "{down:?}");
    let broker = Mosquitto::start_at(port, "");
    loop {
        match subscription.next(LONG) {
            Some(Event::Down(_)) => {}
            Some(Event::Up) => break,
            other => panic!("{other:?}"),
        }
    }
    publish(&broker.url(), 7..8, false);
    assert_eq!(next_message(&subscription).1, b"7");
}

#[test]
fn a_persistent_session_gets_what_was_published_while_it_was_away() {
    needs_mosquitto!("a_persistent_session_gets_what_was_published_while_it_was_away");
    let broker = Mosquitto::start("");
    let options = SubscriptionOptions {
        session: Session::Persistent { expiry: Duration::from_secs(600) },
        ..subscription_options(&broker.url(), "ear", "t")
    };
    let subscription = Subscription::connect(options.clone()).unwrap();
    wait_until_up(&subscription);
    publish(&broker.url(), 0..1, false);
    assert_eq!(next_message(&subscription).1, b"0");
    drop(subscription);
    publish(&broker.url(), 1..3, false);
    let subscription = Subscription::connect(options).unwrap();
    let mut found = Vec::new();
    while found.len() < 2 {
        match subscription.next(LONG) {
            Some(Event::Message { payload, .. }) => found.push(payload),
            Some(Event::Up) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(found, [b"1", b"2"], "each once: the first run had acknowledged number 0");
}

#[test]
fn a_slow_taker_holds_the_broker_back_and_loses_nothing() {
    const COUNT: u64 = 10_000; // More than the queue holds.
    needs_mosquitto!("a_slow_taker_holds_the_broker_back_and_loses_nothing");
    let broker = Mosquitto::start("max_queued_messages 0");
    let subscription = listening(&broker.url(), "ear", "t");
    publish(&broker.url(), 0..COUNT, false);
    for n in 0..COUNT {
        assert_eq!(next_message(&subscription).1, n.to_string().into_bytes());
    }
}

#[test]
fn dropping_it_while_its_queue_is_full_does_not_hang() {
    needs_mosquitto!("dropping_it_while_its_queue_is_full_does_not_hang");
    let broker = Mosquitto::start("max_queued_messages 0");
    let subscription = listening(&broker.url(), "ear", "t");
    publish(&broker.url(), 0..10_000, false);
    drop(subscription);
    // The broker serves the next one under the same name.
    let subscription = listening(&broker.url(), "ear", "t");
    publish(&broker.url(), 1..2, false);
    assert_eq!(next_message(&subscription).1, b"1");
}

#[test]
fn a_filter_that_is_not_one_is_refused_before_anything_is_connected() {
    for filters in [vec![], vec!["a/#/b"], vec!["good", ""]] {
        let filters = filters.into_iter().map(str::to_owned).collect();
        let options =
            SubscriptionOptions { filters, ..subscription_options("mqtt://h", "ear", "t") };
        let error = Subscription::connect(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_broker_that_does_not_let_us_subscribe_says_so() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let subscription = Subscription::connect(subscription_options(&url, "ear", "secret")).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    // CONNACK: success. SUBACK for packet 1: not authorized (MQTT 5.0, 3.2 and 3.9).
    peer.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).unwrap();
    peer.write_all(&[0x90, 0x04, 0x00, 0x01, 0x00, 0x87]).unwrap();
    let refused = subscription.next(LONG);
    let Some(Event::Refused { filter, reason }) = refused else {
        panic!("{refused:?} instead of a refusal");
    };
    assert_eq!((filter.as_str(), reason.as_str()), ("secret", "NotAuthorized"));
    peer.set_read_timeout(Some(LONG)).unwrap();
    assert!(peer.read(&mut [0; 256]).unwrap() > 0, "it had said CONNECT and SUBSCRIBE");
}
