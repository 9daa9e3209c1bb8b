//! What is asked of a publisher, and what comes back, by way of a real broker.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use ports::{Delivery, Message, Publisher, REQUESTS_MAX, Request, Token};
use publisher_mqtt::{Event, MqttPublisher, NotAsked, Options, Question, Subscription};

use crate::{
    LONG, listening, subscription_options,
    support::{Mosquitto, needs_mosquitto},
};

fn publisher(url: &str) -> MqttPublisher {
    let requests = Some("ask".to_owned());
    MqttPublisher::new(Options { requests, ..Options::new(vec![url.parse().unwrap()], "asked") })
}

fn connected(url: &str) -> MqttPublisher {
    let mut publisher = publisher(url);
    connect(&mut publisher);
    publisher
}

fn connect(publisher: &mut MqttPublisher) {
    publisher.connect(0);
    let up = publisher.next_delivery(LONG);
    assert!(matches!(up, Some(Delivery::Up { .. })), "{up:?}");
}

fn question(n: u64) -> Question {
    Question {
        topic: "ask".to_owned(),
        payload: format!("question {n}").into_bytes(),
        respond_to: "answer/me".to_owned(),
        correlation: n.to_string().into_bytes(),
    }
}

fn request(n: u64) -> Request {
    Request {
        respond_to: Some("answer/me".to_owned()),
        correlation: n.to_string().into_bytes(),
        payload: format!("question {n}").into_bytes(),
        dropped: 0,
    }
}

fn answer(token: u64, correlation: &[u8]) -> (Token, Message) {
    let (topic, correlation) = ("answer/me".to_owned(), correlation.to_vec());
    let message = Message { topic, payload: b"yes".to_vec(), is_retained: false, correlation };
    (Token(token), message)
}

fn ask(asker: &Subscription, n: u64) {
    asker.ask(question(n)).unwrap();
    let event = asker.next(LONG);
    assert!(matches!(event, Some(Event::Asked(Ok(())))), "{event:?}");
}

#[test]
fn a_question_comes_with_what_the_answer_is_known_by_and_in_each_epoch_anew() {
    needs_mosquitto!("a_question_comes_with_what_the_answer_is_known_by_and_in_each_epoch_anew");
    let broker = Mosquitto::start("");
    let asker = listening(&broker.url(), "asker", "answer/me");
    let mut publisher = connected(&broker.url());
    for n in 0..3 {
        ask(&asker, n);
        match publisher.next_delivery(LONG) {
            Some(Delivery::Request(found)) => assert_eq!(found, request(n)),
            other => panic!("{other:?} instead of a request"),
        }
        let (token, message) = answer(n, n.to_string().as_bytes());
        publisher.publish(token, message).unwrap();
        match asker.next(LONG) {
            Some(Event::Message { topic, payload, correlation, .. }) => {
                assert_eq!((topic.as_str(), &*payload), ("answer/me", &b"yes"[..]));
                assert_eq!(correlation, n.to_string().into_bytes());
            }
            other => panic!("{other:?} instead of an answer"),
        }
        let acknowledged = publisher.next_delivery(LONG);
        assert!(matches!(acknowledged, Some(Delivery::Acknowledged(_))), "{acknowledged:?}");
        connect(&mut publisher);
    }
}

#[test]
fn nothing_is_heard_that_was_asked_before_the_epoch_or_is_kept_by_the_broker() {
    needs_mosquitto!("nothing_is_heard_that_was_asked_before_the_epoch_or_is_kept_by_the_broker");
    let broker = Mosquitto::start("");
    let asker = listening(&broker.url(), "asker", "answer/me");
    asker.ask(question(1)).unwrap();
    let event = asker.next(LONG);
    assert!(matches!(&event, Some(Event::Asked(Err(why))) if why == "nobody listens"), "{event:?}");
    let mut mouth = MqttPublisher::new(Options::new(vec![broker.url().parse().unwrap()], "mouth"));
    connect(&mut mouth);
    let (topic, payload) = ("ask".to_owned(), b"for ever".to_vec());
    let retained = Message { topic, payload, is_retained: true, correlation: vec![] };
    mouth.publish(Token(1), retained).unwrap();
    assert!(matches!(mouth.next_delivery(LONG), Some(Delivery::Acknowledged(_))));
    let mut publisher = connected(&broker.url());
    ask(&asker, 2);
    let first = publisher.next_delivery(LONG);
    assert!(matches!(&first, Some(Delivery::Request(it)) if *it == request(2)), "{first:?}");
}

#[test]
fn a_storm_of_questions_hides_no_acknowledgement_and_none_of_them_goes_uncounted() {
    const COUNT: u64 = 300;
    needs_mosquitto!(
        "a_storm_of_questions_hides_no_acknowledgement_and_none_of_them_goes_uncounted"
    );
    let broker = Mosquitto::start("max_inflight_messages 0\nmax_queued_messages 0");
    let asker = listening(&broker.url(), "asker", "answer/me");
    let mut publisher = connected(&broker.url());
    // As many as the window has, unanswered, so that both queues are as full as they ever get.
    for n in 0..100 {
        publisher.publish(Token(n), answer(n, b"").1).unwrap();
    }
    (0..COUNT).for_each(|n| {
        asker.ask(question(n)).unwrap();
        // Answers come in between.
        while !matches!(asker.next(LONG), Some(Event::Asked(Ok(())))) {}
    });
    let (mut acknowledged, mut requests) = (0, Vec::new());
    while let Some(delivery) = publisher.next_delivery(Duration::from_millis(300)) {
        match delivery {
            Delivery::Acknowledged(_) => acknowledged += 1,
            Delivery::Request(request) => requests.push(request),
            other @ (Delivery::Up { .. }
            | Delivery::Refused { .. }
            | Delivery::Deaf { .. }
            | Delivery::Down(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!(acknowledged, 100);
    assert!(requests.len() >= REQUESTS_MAX && requests[0] == request(0), "the first ones wait");
    ask(&asker, COUNT);
    match publisher.next_delivery(LONG) {
        Some(Delivery::Request(last)) => requests.push(last),
        other => panic!("{other:?} instead of a request"),
    }
    let dropped: u64 = requests.iter().map(|request| request.dropped).sum();
    assert_eq!(requests.len() as u64 + dropped, COUNT + 1);
}

/// A broker played by hand: accepts the connection, and reads what follows.
fn accept(listener: &TcpListener) -> TcpStream {
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(LONG)).unwrap();
    // CONNACK: success (MQTT 5.0, 3.2).
    peer.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).unwrap();
    let mut bytes = Vec::new();
    // SUBSCRIBE is packet 8, with the bits 0010 (3.8).
    while !bytes.contains(&0x82) {
        let mut more = [0; 256];
        let count = peer.read(&mut more).unwrap();
        assert!(count > 0, "it subscribes");
        bytes.extend_from_slice(&more[..count]);
    }
    peer
}

#[test]
fn a_broker_that_does_not_let_us_hear_questions_takes_messages_all_the_same() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut publisher = publisher(&format!("mqtt://{}", listener.local_addr().unwrap()));
    publisher.connect(0);
    let mut peer = accept(&listener);
    assert!(publisher.next_delivery(Duration::from_millis(50)).is_none(), "not before the answer");
    // SUBACK for packet 1: not authorized (3.9).
    peer.write_all(&[0x90, 0x04, 0x00, 0x01, 0x00, 0x87]).unwrap();
    assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Up { .. })));
    match publisher.next_delivery(LONG) {
        Some(Delivery::Deaf { reason }) => assert_eq!(reason, "NotAuthorized"),
        other => panic!("{other:?}"),
    }
    let (token, message) = answer(1, b"7");
    publisher.publish(token, message).unwrap();
    // PUBACK for packet 2: success (3.4).
    peer.write_all(&[0x40, 0x02, 0x00, 0x02]).unwrap();
    let acknowledged = publisher.next_delivery(LONG);
    assert!(matches!(acknowledged, Some(Delivery::Acknowledged(Token(1)))), "{acknowledged:?}");
}

#[test]
fn a_broker_that_never_answers_the_subscription_is_given_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let (requests, connect_timeout) = (Some("ask".to_owned()), Duration::from_secs(1));
    let options = Options::new(vec![url.parse().unwrap()], "asked");
    let mut publisher = MqttPublisher::new(Options { requests, connect_timeout, ..options });
    publisher.connect(0);
    let _peer = accept(&listener);
    let down = publisher.next_delivery(LONG);
    assert!(matches!(down, Some(Delivery::Down(_))), "{down:?}");
}

#[test]
fn without_a_connection_nothing_is_asked() {
    let url = format!("mqtt://127.0.0.1:{}", crate::support::free_port());
    let asker = Subscription::connect(subscription_options(&url, "asker", "answer/me")).unwrap();
    assert_eq!(asker.ask(question(1)), Err(NotAsked));
}
