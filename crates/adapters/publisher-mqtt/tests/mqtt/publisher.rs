//! The publisher against a real broker, and against what only looks like one.

use std::{
    io::{Read, Write},
    net::TcpListener,
    num::NonZeroU16,
    time::Duration,
};

use ports::{Delivery, Message, NotTaken, PublishError, Publisher, Token};
use publisher_mqtt::{MqttPublisher, Options, Will};

use crate::{
    LONG, listening, next_message,
    stretch::{Stretch, start},
    support::{Mosquitto, free_port, needs_mosquitto},
};

fn options(url: &str, client_id: &str) -> Options {
    Options::new(vec![url.parse().unwrap()], client_id)
}

fn message(topic: &str, payload: impl Into<Vec<u8>>) -> Message {
    let (topic, payload) = (topic.to_owned(), payload.into());
    Message { topic, payload, is_retained: false, correlation: vec![] }
}

fn connected(options: Options) -> (MqttPublisher, usize, usize) {
    let mut publisher = MqttPublisher::new(options);
    publisher.connect(0);
    match publisher.next_delivery(LONG) {
        Some(Delivery::Up { window, payload_bytes_max }) => (publisher, window, payload_bytes_max),
        other => panic!("{other:?} instead of Up"),
    }
}

/// How many threads this process has for connections of `client_id`, which is short.
fn threads_of(client_id: &str) -> usize {
    let name = format!("mqtt {client_id}\n");
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|comm| *comm == name)
        .count()
}

/// Waits until there are no more than `count` of them.
fn wait_for_threads(client_id: &str, count: usize) {
    const PAUSE: Duration = Duration::from_millis(5);
    let is_leak = (0..LONG.as_millis() / PAUSE.as_millis()).all(|_| {
        let is_waiting = threads_of(client_id) > count;
        is_waiting && crossbeam_channel::never::<()>().recv_timeout(PAUSE).is_err()
    });
    assert!(!is_leak, "{} threads are left", threads_of(client_id));
}

#[test]
fn every_message_is_acknowledged_once_and_arrives_in_order() {
    const COUNT: u64 = 2_000;
    needs_mosquitto!("every_message_is_acknowledged_once_and_arrives_in_order");
    let broker = Mosquitto::start("max_inflight_messages 0\nmax_queued_messages 0");
    let subscription = listening(&broker.url(), "ear", "t");
    let (mut publisher, window, _) = connected(options(&broker.url(), "order"));
    assert_eq!(window, 100, "the broker sets no limit of its own here");
    let (mut next, mut acknowledged) = (0, Vec::new());
    while acknowledged.len() < usize::try_from(COUNT).unwrap() {
        while next < COUNT {
            match publisher.publish(Token(next), message("t", next.to_string())) {
                Ok(()) => next += 1,
                Err(NotTaken::WindowFull(back)) => {
                    assert_eq!(back, message("t", next.to_string()));
                    break;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        match publisher.next_delivery(LONG) {
            Some(Delivery::Acknowledged(token)) => acknowledged.push(token.0),
            other => panic!("{other:?} instead of an acknowledgement"),
        }
    }
    acknowledged.sort_unstable();
    assert_eq!(acknowledged, (0..COUNT).collect::<Vec<_>>());
    for n in 0..COUNT {
        assert_eq!(next_message(&subscription), ("t".to_owned(), n.to_string().into_bytes()));
    }
}

#[test]
fn the_window_is_never_wider_than_the_broker_grants() {
    needs_mosquitto!("the_window_is_never_wider_than_the_broker_grants");
    let broker = Mosquitto::start("max_inflight_messages 7");
    let (mut publisher, window, _) = connected(options(&broker.url(), "window"));
    assert_eq!(window, 7);
    for n in 0..7 {
        publisher.publish(Token(n), message("t", "x")).unwrap();
    }
    let eighth = publisher.publish(Token(7), message("t", "x"));
    assert!(matches!(eighth, Err(NotTaken::WindowFull(_))), "{eighth:?}");
    assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Acknowledged(_))));
    assert!(publisher.publish(Token(7), message("t", "x")).is_ok());
}

#[test]
fn a_killed_broker_ends_the_epoch_and_nothing_of_it_reaches_the_next() {
    needs_mosquitto!("a_killed_broker_ends_the_epoch_and_nothing_of_it_reaches_the_next");
    let broker = Mosquitto::start("");
    // The stretch keeps the messages from the broker, so that all are in flight when it dies.
    let stretch = Stretch::to(broker.port);
    let (mut publisher, window, _) = connected(options(&stretch.url(), "killed"));
    stretch.swallow(true);
    for n in 0..window {
        publisher.publish(Token(n as u64), message("t", "x")).unwrap();
    }
    let port = broker.kill();
    let down = publisher.next_delivery(LONG);
    assert!(matches!(down, Some(Delivery::Down(PublishError::Unreachable(_)))), "{down:?}");
    let back = publisher.publish(Token(0), message("t", "x"));
    assert!(matches!(back, Err(NotTaken::NotConnected(_))), "{back:?}");

    let _broker = Mosquitto::start_at(port, "");
    stretch.swallow(false);
    publisher.connect(0);
    assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Up { .. })));
    publisher.publish(Token(1_000), message("t", "x")).unwrap();
    let first = publisher.next_delivery(LONG);
    assert!(matches!(first, Some(Delivery::Acknowledged(Token(1_000)))), "{first:?}");
    assert!(publisher.next_delivery(Duration::ZERO).is_none());
}

#[test]
fn an_epoch_begun_over_another_hears_nothing_of_it() {
    needs_mosquitto!("an_epoch_begun_over_another_hears_nothing_of_it");
    let broker = Mosquitto::start("max_inflight_messages 0");
    let (mut publisher, window, _) = connected(options(&broker.url(), "over"));
    for n in 0..window {
        publisher.publish(Token(n as u64), message("t", "x")).unwrap();
    }
    assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Acknowledged(_))));
    publisher.connect(0);
    let first = publisher.next_delivery(LONG);
    assert!(matches!(first, Some(Delivery::Up { .. })), "{first:?}");
    publisher.publish(Token(1_000), message("t", "x")).unwrap();
    let second = publisher.next_delivery(LONG);
    assert!(matches!(second, Some(Delivery::Acknowledged(Token(1_000)))), "{second:?}");
}

#[test]
fn a_message_that_the_access_rules_forbid_is_refused_and_the_connection_stands() {
    needs_mosquitto!("a_message_that_the_access_rules_forbid_is_refused_and_the_connection_stands");
    let broker = Mosquitto::start("acl_file {folder}/acl\n# acl: topic readwrite open/#");
    let (mut publisher, ..) = connected(options(&broker.url(), "rules"));
    publisher.publish(Token(1), message("secret/t", "x")).unwrap();
    match publisher.next_delivery(LONG) {
        Some(Delivery::Refused { token: Token(1), reason }) => {
            assert!(reason.contains("not authorized"), "{reason}");
        }
        other => panic!("{other:?} instead of a refusal"),
    }
    publisher.publish(Token(2), message("open/t", "x")).unwrap();
    let second = publisher.next_delivery(LONG);
    assert!(matches!(second, Some(Delivery::Acknowledged(Token(2)))), "{second:?}");
}

#[test]
fn a_message_that_nobody_listens_to_is_acknowledged() {
    needs_mosquitto!("a_message_that_nobody_listens_to_is_acknowledged");
    let broker = Mosquitto::start("");
    let (mut publisher, ..) = connected(options(&broker.url(), "alone"));
    publisher.publish(Token(1), message("t", "x")).unwrap();
    let delivery = publisher.next_delivery(LONG);
    assert!(matches!(delivery, Some(Delivery::Acknowledged(Token(1)))), "{delivery:?}");
}

#[test]
fn an_absent_broker_is_told_at_once() {
    let mut publisher =
        MqttPublisher::new(options(&format!("mqtt://127.0.0.1:{}", free_port()), "absent"));
    publisher.connect(0);
    let down = publisher.next_delivery(LONG);
    let Some(Delivery::Down(PublishError::Unreachable(cause))) = down else {
        panic!("{down:?} instead of Down");
    };
    assert!(cause.to_string().contains("refused"), "{cause}");
}

#[test]
fn a_broker_that_wants_another_password_refuses_the_connection() {
    needs_mosquitto!("a_broker_that_wants_another_password_refuses_the_connection");
    let broker = Mosquitto::start("allow_anonymous false");
    let mut publisher = MqttPublisher::new(options(&broker.url(), "stranger"));
    publisher.connect(0);
    let down = publisher.next_delivery(LONG);
    let Some(Delivery::Down(PublishError::Refused { reason })) = down else {
        panic!("{down:?} instead of a refusal");
    };
    assert_eq!(reason, "NotAuthorized");
}

#[test]
fn a_broker_that_never_answers_is_given_up_after_the_time_to_connect() {
    let mute = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("mqtt://{}", mute.local_addr().unwrap());
    let connect_timeout = Duration::from_secs(1);
    let mut publisher = MqttPublisher::new(Options { connect_timeout, ..options(&url, "mute") });
    publisher.connect(0);
    assert!(publisher.next_delivery(connect_timeout / 20).is_none(), "given up too early");
    let down = publisher.next_delivery(LONG);
    let Some(Delivery::Down(PublishError::Unreachable(cause))) = down else {
        panic!("{down:?} instead of Down");
    };
    assert!(cause.to_string().contains("no answer"), "{cause}");
}

#[test]
fn acknowledgements_that_stay_away_are_a_stall_but_an_idle_connection_is_not() {
    needs_mosquitto!("acknowledgements_that_stay_away_are_a_stall_but_an_idle_connection_is_not");
    let broker = Mosquitto::start("");
    let stretch = Stretch::to(broker.port);
    let stall_timeout = Duration::from_secs(1);
    let (mut publisher, ..) =
        connected(Options { stall_timeout, ..options(&stretch.url(), "stall") });
    assert!(publisher.next_delivery(stall_timeout * 3 / 2).is_none(), "idle is not stalled");
    stretch.swallow(true);
    publisher.publish(Token(1), message("t", "x")).unwrap();
    assert!(publisher.next_delivery(stall_timeout / 20).is_none(), "given up too early");
    let down = publisher.next_delivery(LONG);
    let Some(Delivery::Down(PublishError::Stalled { waited })) = down else {
        panic!("{down:?} instead of a stall");
    };
    assert_eq!(waited, stall_timeout);
    wait_for_threads("stall", 0);
}

#[test]
fn the_brokers_limit_of_size_is_kept_and_a_larger_message_does_not_break_the_connection() {
    needs_mosquitto!(
        "the_brokers_limit_of_size_is_kept_and_a_larger_message_does_not_break_the_connection"
    );
    let broker = Mosquitto::start("max_packet_size 20000");
    let subscription = listening(&broker.url(), "ear", "#");
    let (mut publisher, _, payload_bytes_max) = connected(options(&broker.url(), "size"));
    assert!((19_000..20_000).contains(&payload_bytes_max), "{payload_bytes_max}");
    let topic = "x".repeat(256);
    publisher.publish(Token(1), message(&topic, vec![1; payload_bytes_max + 1])).unwrap();
    publisher.publish(Token(2), message(&topic, vec![2; payload_bytes_max])).unwrap();
    let (mut refused, mut acknowledged) = (None, None);
    for _ in 0..2 {
        match publisher.next_delivery(LONG) {
            Some(Delivery::Refused { token, reason }) => refused = Some((token, reason)),
            Some(Delivery::Acknowledged(token)) => acknowledged = Some(token),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(acknowledged, Some(Token(2)));
    let (token, reason) = refused.unwrap();
    assert_eq!(token, Token(1));
    assert!(reason.contains("limit"), "{reason}");
    assert_eq!(next_message(&subscription).1, vec![2; payload_bytes_max]);
}

#[test]
fn messages_beyond_the_librarys_ten_kibibytes_pass_in_both_directions() {
    needs_mosquitto!("messages_beyond_the_librarys_ten_kibibytes_pass_in_both_directions");
    let broker = Mosquitto::start("");
    let subscription = listening(&broker.url(), "ear", "#");
    let (mut publisher, _, payload_bytes_max) = connected(options(&broker.url(), "large"));
    assert_eq!(payload_bytes_max, 256 * 1024);
    publisher.publish(Token(1), message("t", vec![7; payload_bytes_max])).unwrap();
    assert_eq!(next_message(&subscription).1, vec![7; payload_bytes_max]);
}

#[test]
fn a_topic_that_cannot_be_published_to_is_refused_here() {
    needs_mosquitto!("a_topic_that_cannot_be_published_to_is_refused_here");
    let broker = Mosquitto::start("");
    let (mut publisher, ..) = connected(options(&broker.url(), "topic"));
    for topic in ["", "a/#", "a/+", "a\0b"] {
        publisher.publish(Token(1), message(topic, "x")).unwrap();
        let delivery = publisher.next_delivery(LONG);
        assert!(matches!(delivery, Some(Delivery::Refused { .. })), "{topic:?}: {delivery:?}");
    }
    publisher.publish(Token(2), message("a", "x")).unwrap();
    assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Acknowledged(Token(2)))));
}

#[test]
fn the_will_is_published_when_the_publisher_vanishes_but_not_after_a_disconnect() {
    needs_mosquitto!(
        "the_will_is_published_when_the_publisher_vanishes_but_not_after_a_disconnect"
    );
    let broker = Mosquitto::start("");
    let subscription = listening(&broker.url(), "ear", "#");
    let will = Will { topic: "will".to_owned(), payload: b"lost".to_vec(), is_retained: false };
    let mut options = options(&broker.url(), "will");
    options.will = Some(will);

    let (mut orderly, ..) = connected(options.clone());
    orderly.disconnect();
    drop(orderly);
    // Whatever the first left behind would be heard before what the second says.
    let (mut second, ..) = connected(options);
    second.publish(Token(1), message("t", "said")).unwrap();
    assert_eq!(next_message(&subscription), ("t".to_owned(), b"said".to_vec()));
    drop(second);
    assert_eq!(next_message(&subscription), ("will".to_owned(), b"lost".to_vec()));
}

#[test]
fn a_disconnect_while_the_window_is_full_and_the_network_dead_is_bounded_and_leaves_no_thread() {
    needs_mosquitto!(
        "a_disconnect_while_the_window_is_full_and_the_network_dead_is_bounded_and_leaves_no_thread"
    );
    let broker = Mosquitto::start("");
    let stretch = Stretch::to(broker.port);
    let window = NonZeroU16::new(4).unwrap();
    let (mut publisher, ..) = connected(Options { window, ..options(&stretch.url(), "full") });
    stretch.swallow(true);
    for n in 0..4 {
        publisher.publish(Token(n), message("t", "x")).unwrap();
    }
    publisher.disconnect();
    wait_for_threads("full", 0);
    assert!(publisher.next_delivery(Duration::ZERO).is_none(), "the epoch is over for good");
}

#[test]
fn epochs_begun_one_over_another_leave_one_thread() {
    let mute = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("mqtt://{}", mute.local_addr().unwrap());
    let mut publisher = MqttPublisher::new(options(&url, "again"));
    for _ in 0..50 {
        publisher.connect(0);
    }
    wait_for_threads("again", 1);
    drop(publisher);
    wait_for_threads("again", 0);
}

#[test]
fn a_peer_that_stops_reading_holds_no_thread() {
    // Accepts the connection, and then lets the socket's buffers fill up.
    let deaf = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("mqtt://{}", deaf.local_addr().unwrap());
    let stall_timeout = Duration::from_millis(300);
    let mut publisher = MqttPublisher::new(Options { stall_timeout, ..options(&url, "deaf") });
    publisher.connect(0);
    let (mut peer, _) = deaf.accept().unwrap();
    // CONNACK: success, no properties (MQTT 5.0, 3.2).
    peer.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).unwrap();
    assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Up { .. })));
    for n in 0..100 {
        publisher.publish(Token(n), message("t", vec![0; 256 * 1024])).unwrap();
    }
    let down = publisher.next_delivery(LONG);
    assert!(matches!(down, Some(Delivery::Down(PublishError::Stalled { .. }))), "{down:?}");
    wait_for_threads("deaf", 0);
}

#[test]
fn the_waker_ends_a_wait_even_when_it_was_called_before() {
    let mut publisher = MqttPublisher::new(options("mqtt://127.0.0.1:1", "waker"));
    let waker = publisher.waker();
    waker();
    waker();
    assert!(publisher.next_delivery(Duration::MAX).is_none());
    let (called, is_called) = crossbeam_channel::bounded::<()>(1);
    start(move || {
        waker();
        called.send(()).unwrap();
    });
    assert!(publisher.next_delivery(Duration::MAX).is_none());
    is_called.recv_timeout(LONG).expect("the waker was called");
}

#[test]
fn a_refusal_that_comes_together_with_the_end_of_the_connection_is_told() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    start(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).unwrap();
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while !heard.ends_with(b"last") {
            let count = peer.read(&mut buffer).unwrap();
            heard.extend_from_slice(&buffer[..count]);
        }
        // PUBACK of packet 1: not authorized (MQTT 5.0, 3.4.2.1), and the end.
        peer.write_all(&[0x40, 0x03, 0x00, 0x01, 0x87]).unwrap();
    });
    let (mut publisher, ..) = connected(options(&url, "hangs-up"));
    publisher.publish(Token(1), message("t", "last")).unwrap();
    let first = publisher.next_delivery(LONG);
    assert!(matches!(first, Some(Delivery::Refused { token: Token(1), .. })), "{first:?}");
    let second = publisher.next_delivery(LONG);
    assert!(matches!(second, Some(Delivery::Down(_))), "{second:?}");
}

/// A broker that accepts whoever comes with this CONNACK; counts what it gets until it is left.
fn accepting(
    connack: &'static [u8],
    end: &'static [u8],
) -> (String, crossbeam_channel::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let (tell, told) = crossbeam_channel::bounded(1);
    start(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(connack).unwrap();
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = peer.read(&mut buffer) {
            heard.extend_from_slice(&buffer[..count]);
            if heard.ends_with(end) {
                break;
            }
        }
        tell.send(heard).unwrap();
    });
    (url, told)
}

/// PINGREQ (MQTT 5.0, 3.12).
const PING: [u8; 2] = [0xC0, 0x00];

#[test]
fn a_server_keep_alive_of_0_does_not_let_the_client_ping_without_a_pause() {
    // CONNACK: success, Server Keep Alive 0 (MQTT 5.0, 3.2.2.3.14).
    let (url, heard) = accepting(&[0x20, 0x06, 0x00, 0x00, 0x03, 0x13, 0x00, 0x00], b"last");
    let (mut publisher, ..) = connected(options(&url, "zero"));
    // Longer than one round of the library, far shorter than a keep-alive.
    assert!(publisher.next_delivery(Duration::from_millis(300)).is_none(), "it stands");
    publisher.publish(Token(1), message("t", "last")).unwrap();
    let heard = heard.recv_timeout(LONG).unwrap();
    let pings = heard.windows(2).filter(|bytes| *bytes == PING).count();
    assert!(pings <= 1, "{pings} pings");
}

#[test]
fn a_keep_alive_that_the_broker_gives_is_kept() {
    // CONNACK: success, Server Keep Alive 1 s; ours is 15 s, and nothing else is sent.
    let (url, heard) = accepting(&[0x20, 0x06, 0x00, 0x00, 0x03, 0x13, 0x00, 0x01], &PING);
    let (publisher, ..) = connected(options(&url, "one"));
    let heard = heard.recv_timeout(Duration::from_secs(10)).expect("a ping before our own time");
    assert!(heard.ends_with(&PING));
    drop(publisher);
}

#[test]
fn of_several_brokers_the_one_with_the_number_is_called_and_past_the_last_the_last() {
    let (first, _) = accepting(&[0x20, 0x03, 0x00, 0x00, 0x00], b"");
    // CONNACK: not authorized.
    let (second, _) = accepting(&[0x20, 0x03, 0x00, 0x87, 0x00], b"");
    let mut options = options(&first, "several");
    options.brokers.push(second.parse().unwrap());
    let mut publisher = MqttPublisher::new(options);
    publisher.connect(0);
    assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Up { .. })));
    publisher.connect(7);
    let down = publisher.next_delivery(LONG);
    assert!(matches!(down, Some(Delivery::Down(PublishError::Refused { .. }))), "{down:?}");
}
