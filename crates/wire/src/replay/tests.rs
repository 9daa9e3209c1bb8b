use proptest::prelude::*;

use super::*;

fn set(runs: &[(u64, u64)]) -> Ranges {
    numbers(runs).unwrap()
}

fn request() -> Request {
    Request {
        stream: StreamName::new("outdoor", "temperature").unwrap(),
        boot: Some(BootId::from_bytes([0x0f; 16])),
        numbers: set(&[(41, 60), (80, 80)]),
    }
}

fn done() -> Done {
    Done {
        gateway: GatewayId::new("greenhouse").unwrap(),
        stream: StreamName::new("outdoor", "temperature").unwrap(),
        sent: set(&[(41, 50)]),
        not_sent: [(Why::Gone, set(&[(51, 58), (60, 60)])), (Why::Waiting, set(&[(80, 80)]))]
            .into(),
    }
}

/// Frozen: a promise to those who ask. Do not change the test; make a version 2.
const REQUEST: &str = concat!(
    r#"{"v":1,"stream":"outdoor.temperature","boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","#,
    r#""ranges":[[41,60],[80,80]]}"#
);

/// Frozen: a promise to those who ask. Do not change the test; make a version 2.
const ANSWER: &str = concat!(
    r#"{"v":1,"replay":"done","gateway":"greenhouse","stream":"outdoor.temperature","#,
    r#""sent":[[41,50]],"not_sent":{"gone":[[51,58],[60,60]],"waiting":[[80,80]]}}"#
);

#[test]
fn version_1_request() {
    assert_eq!(String::from_utf8(request().encode()).unwrap(), REQUEST);
    assert_eq!(Request::decode(REQUEST.as_bytes()).unwrap(), request());
    let bare = br#"{"v":1,"stream":"outdoor.temperature","ranges":[[41,60],[80,80]]}"#;
    assert_eq!(Request::decode(bare).unwrap(), Request { boot: None, ..request() });
    assert_eq!(Request { boot: None, ..request() }.encode(), bare);
}

#[test]
fn version_1_end_of_an_answer() {
    let bytes = done().encode(4096);
    assert_eq!(String::from_utf8(bytes).unwrap(), ANSWER);
    assert_eq!(Answer::decode(ANSWER.as_bytes()).unwrap(), Answer::Done(done()));
    let codes = Why::ALL.map(Why::code);
    assert_eq!(codes, ["gone", "never", "waiting", "too_long", "unreadable"]);
}

#[test]
fn version_1_refusal() {
    let gateway = GatewayId::new("greenhouse").unwrap();
    let bytes = Answer::refusal(&gateway, "no");
    let text = r#"{"v":1,"replay":"refused","gateway":"greenhouse","reason":"no"}"#;
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), text);
    let refused = Answer::Refused { gateway, reason: "no".to_owned() };
    assert_eq!(Answer::decode(&bytes).unwrap(), refused);
}

#[test]
fn what_makes_no_sense_is_named() {
    for (good, bad, field) in [
        ("outdoor.temperature", "outdoor", "stream"),
        ("0f0f0f0f-", "0f0f0f0", "boot"),
        ("[41,60]", "[0,60]", "range"),
        ("[41,60]", "[61,60]", "range"),
        ("[41,60]", "[1,18446744073709551615]", "range"),
        ("[[41,60],[80,80]]", "[]", "number of ranges"),
    ] {
        let text = REQUEST.replacen(good, bad, 1);
        let Err(DecodeError::Field { field: named, .. }) = Request::decode(text.as_bytes()) else {
            panic!("{bad} was taken");
        };
        assert_eq!(named, field);
    }
    let more = REQUEST.replacen("\"v\":1", "\"v\":1,\"urgent\":true", 1);
    assert!(matches!(Request::decode(more.as_bytes()), Err(DecodeError::Shape(_))));
    let newer = REQUEST.replacen("\"v\":1", "\"v\":2", 1);
    assert!(matches!(Request::decode(newer.as_bytes()), Err(DecodeError::Version { found: 2 })));
}

#[test]
fn a_request_has_limits() {
    let many = |count: u64| set(&(0..count).map(|n| (2 * n + 1, 2 * n + 1)).collect::<Vec<_>>());
    let most = Request { numbers: many(64), ..request() };
    assert_eq!(Request::decode(&most.encode()).unwrap(), most);
    let cut = Request { numbers: many(65), ..request() };
    assert_eq!(Request::decode(&cut.encode()).unwrap(), most, "the rest is for another request");
    let text = REQUEST.replacen("[80,80]", &vec!["[80,80]"; 64].join(","), 1);
    assert!(matches!(
        Request::decode(text.as_bytes()),
        Err(DecodeError::Field { field: "number of ranges", .. })
    ));
    let long = REQUEST.to_owned() + &" ".repeat(4096);
    assert!(matches!(
        Request::decode(long.as_bytes()),
        Err(DecodeError::Field { field: "length of a request", .. })
    ));
}

#[test]
fn the_longest_request_fits() {
    let name = "x".repeat(48);
    let high = u64::MAX - 200;
    let runs: Vec<_> = (0..64).map(|n| (high + 3 * n, high + 3 * n + 1)).collect();
    let stream = StreamName::new(&name, &name).unwrap();
    let longest = Request { stream, numbers: set(&runs), ..request() };
    assert!(longest.encode().len() <= REQUEST_BYTES_MAX);
    assert_eq!(Request::decode(&longest.encode()).unwrap(), longest);
}

#[test]
fn an_end_that_is_too_long_leaves_out_the_highest_numbers() {
    let name = "x".repeat(48);
    let high = u64::MAX - 10_000;
    let runs = |from: u64| (0..500).map(move |n| (high + from + 10 * n, high + from + 10 * n + 1));
    let numbers = |from| set(&runs(from).collect::<Vec<_>>());
    let long = Done {
        gateway: GatewayId::new(&name).unwrap(),
        stream: StreamName::new(&name, &name).unwrap(),
        sent: numbers(0),
        not_sent: (0..)
            .map(|n| n * 2 + 2)
            .zip(Why::ALL)
            .map(|(n, w)| (w, numbers(n)))
            .take(4)
            .collect(),
    };
    for bytes_max in [500, 1_000, 5_000, 64_000] {
        let bytes = long.encode(bytes_max);
        assert!(bytes.len() <= bytes_max, "{} for {bytes_max}", bytes.len());
        let Answer::Done(short) = Answer::decode(&bytes).unwrap() else { panic!() };
        let told: u64 = short.not_sent.values().chain([&short.sent]).map(Ranges::count).sum();
        let last = short.not_sent.values().chain([&short.sent]).filter_map(Ranges::last).max();
        assert_eq!(last.map(|last| last + 1 - high), Some(told), "all up to the last, none beyond");
    }
}

#[test]
fn what_a_later_version_adds_to_an_answer_is_let_through() {
    let richer = ANSWER.replacen("\"v\":1", "\"v\":1,\"mood\":\"good\"", 1);
    let richer = richer.replacen("\"gone\"", "\"lent\":[[59,59]],\"gone\"", 1);
    assert_eq!(Answer::decode(richer.as_bytes()).unwrap(), Answer::Done(done()));
    let other = ANSWER.replacen("\"done\"", "\"maybe\"", 1);
    let refused = Answer::decode(other.as_bytes());
    assert!(matches!(refused, Err(DecodeError::Field { field: "replay", .. })));
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Request::decode(&bytes).is_err() && Answer::decode(&bytes).is_err());
    }

    #[test]
    fn a_damaged_message_is_refused_or_still_one(at in 0..ANSWER.len(), byte: u8) {
        for text in [REQUEST, ANSWER] {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(request) = Request::decode(&bytes) {
                prop_assert!(request.numbers.runs().count() <= 2 && !request.numbers.is_empty());
            }
            let _ = Answer::decode(&bytes);
        }
    }
}
