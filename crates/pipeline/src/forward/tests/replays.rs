//! What was delivered goes again to whoever asks for it, last of all and nowhere else.

use domain::Ranges;
use ports::Request;
use wire::replay::{Answer, Done, Request as Asking, Why};

use super::{super::replay::JOBS_MAX, *};

const ANSWER: &str = "t/replay/v1/g/answer/cloud";

fn name(sensor: &str) -> StreamName {
    reading(sensor, 0).stream.name
}

fn set(runs: &[std::ops::RangeInclusive<u64>]) -> Ranges {
    let mut set = Ranges::EMPTY;
    for run in runs {
        set.insert_all(*run.start()..run.end() + 1);
    }
    set
}

/// Asks for numbers of a stream.
fn asking(sensor: &str, runs: &[std::ops::RangeInclusive<u64>]) -> Request {
    let asking = Asking { stream: name(sensor), boot: None, numbers: set(runs) };
    let respond_to = Some(ANSWER.to_owned());
    Request { respond_to, correlation: b"7".to_vec(), payload: asking.encode(), dropped: 0 }
}

/// A gateway that retains what it has delivered.
fn retaining(adjust: impl FnOnce(&mut ForwardOptions)) -> Bench {
    let mut bench = bench_with(1, 4, 100_000, adjust);
    let capacity = std::num::NonZeroUsize::new(1_000_000).unwrap();
    bench.spool = Arc::new(MemorySpool::new(BOOT, capacity).retaining(100_000));
    let spool = Arc::clone(&bench.spool) as Arc<dyn Spool>;
    over(&mut bench, vec![spool]);
    bench
}

fn over(bench: &mut Bench, spools: Vec<Arc<dyn Spool>>) {
    let (clock, counters) = (Arc::new(bench.clock.clone()), Arc::clone(&bench.counters));
    let (options, publisher) = (bench.forwarder.options.clone(), bench.broker.publisher());
    let tally = Box::new(BTreeMap::new);
    bench.forwarder = Forwarder::new(options, spools, publisher, clock, counters, tally);
}

/// The messages of all answers so far.
fn answers(bench: &Bench) -> Vec<Answer> {
    let ours = bench.broker.taken().into_iter().filter(|message| message.topic == ANSWER);
    ours.map(|message| {
        assert_eq!((message.is_retained, &*message.correlation), (false, &b"7"[..]));
        Answer::decode(&message.payload).unwrap()
    })
    .collect()
}

/// The numbers that came again, in order, and the ends of the answers.
fn replayed(bench: &Bench) -> (Vec<u64>, Vec<Done>) {
    let (mut numbers, mut ends) = (Vec::new(), Vec::new());
    for answer in answers(bench) {
        match answer {
            Answer::Samples(batch) => numbers.extend(batch.samples.iter().map(|s| s.seq.0)),
            Answer::Done(done) => ends.push(done),
            Answer::Refused { reason, .. } => panic!("{reason}"),
        }
    }
    (numbers, ends)
}

fn counts(bench: &Bench) -> [u64; 4] {
    let counters = &bench.counters;
    [
        &counters.replay_requests,
        &counters.replay_requests_refused,
        &counters.replays_failed,
        &counters.samples_replayed,
    ]
    .map(crate::telemetry::Counter::get)
}

#[test]
fn exactly_what_is_asked_for_goes_again_to_whoever_asks() {
    let mut bench = retaining(|_| {});
    bench.append("a", 0..100);
    bench.append("b", 0..100);
    bench.run(60);
    let before = bench.taken();
    bench.broker.ask(asking("a", &[11..=50, 60..=60]));
    bench.run(20);
    let (numbers, ends) = replayed(&bench);
    assert_eq!(numbers, (11..=50).chain([60]).collect::<Vec<_>>());
    let [done] = &ends[..] else { panic!("{ends:?}") };
    assert_eq!((&done.sent, done.not_sent.len()), (&set(&[11..=50, 60..=60]), 0));
    assert_eq!((done.gateway.as_str(), &done.stream), ("g", &name("a")));
    assert_eq!(counts(&bench), [1, 0, 0, 41]);
    assert_eq!(bench.taken(), before, "nobody else got anything again");
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn the_end_says_why_each_of_the_others_is_not_sent() {
    let mut bench = retaining(|_| {});
    bench.spool =
        Arc::new(MemorySpool::new(BOOT, std::num::NonZeroUsize::new(1_000).unwrap()).retaining(40));
    let spool = Arc::clone(&bench.spool) as Arc<dyn Spool>;
    over(&mut bench, vec![spool]);
    bench.append("a", 0..100);
    bench.run(60);
    bench.broker.ask(asking("a", &[51..=70, 95..=110]));
    bench.broker.ask(asking("unknown", &[1..=5]));
    bench.run(20);
    let (numbers, ends) = replayed(&bench);
    assert_eq!(numbers, (61..=70).chain(95..=100).collect::<Vec<_>>());
    assert_eq!(ends[0].not_sent[&Why::Gone], set(&[51..=60]));
    assert_eq!(ends[0].not_sent[&Why::Never], set(&[101..=110]));
    assert_eq!((&ends[1].sent, ends[1].not_sent.len()), (&Ranges::EMPTY, 1));
    assert_eq!(ends[1].not_sent[&Why::Never], set(&[1..=5]));
}

#[test]
fn another_boot_has_other_samples() {
    let mut bench = retaining(|_| {});
    bench.append("a", 0..10);
    bench.run(20);
    for boot in [BOOT, BootId::from_bytes([8; 16])] {
        let asking = Asking { stream: name("a"), boot: Some(boot), numbers: set(&[3..=4]) };
        bench.broker.ask(Request { payload: asking.encode(), ..self::asking("a", &[1..=1]) });
    }
    bench.run(20);
    let (numbers, ends) = replayed(&bench);
    assert_eq!(numbers, [3, 4]);
    assert_eq!(ends[1].not_sent[&Why::Gone], set(&[3..=4]));
}

#[test]
fn a_stream_that_has_changed_its_class_is_found_in_both() {
    let mut bench = retaining(|_| {});
    let capacity = std::num::NonZeroUsize::new(1_000).unwrap();
    let spools = [(); 2].map(|()| Arc::new(MemorySpool::new(BOOT, capacity).retaining(1_000)));
    over(&mut bench, spools.iter().map(|spool| Arc::clone(spool) as Arc<dyn Spool>).collect());
    // The memory spools number each for itself: what a change of class looks like from outside is a
    // stream of which one has the numbers 1 to 10, and the other those and more.
    let fill = |spool: &MemorySpool, count| {
        let readings: Vec<_> = (0..count).map(|n| reading("a", n)).collect();
        let _ = spool.append(&readings).unwrap();
    };
    fill(&spools[1], 30);
    bench.run(20);
    bench.broker.ask(asking("a", &[1..=40]));
    bench.run(20);
    let (numbers, ends) = replayed(&bench);
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
    assert_eq!(ends[0].not_sent, [(Why::Never, set(&[31..=40]))].into());
}

#[test]
fn what_waits_and_what_a_held_stream_is_owed_comes_by_itself() {
    let mut bench = retaining(|o| o.history_share_percent = 100);
    bench.append("a", 0..10);
    bench.append("b", 0..10);
    bench.run(20);
    bench.broker.forbid(&["t/v1/g/samples/contract/a"]);
    bench.append("a", 10..20);
    bench.append("b", 10..20);
    bench.run(5);
    bench.broker.ask(asking("a", &[5..=20]));
    bench.broker.ask(asking("b", &[5..=20]));
    bench.run(20);
    let (numbers, ends) = replayed(&bench);
    assert_eq!(numbers, (5..=10).chain(5..=20).collect::<Vec<_>>(), "not around the refusal");
    assert_eq!(ends[0].not_sent, [(Why::Waiting, set(&[11..=20]))].into());
    assert!(ends[1].not_sent.is_empty(), "b has landed, although the cursor waits for a");
    bench.broker.forbid(&[]);
    bench.run(200);
    assert_eq!(bench.taken()[&name("a")], (1..=20).collect::<Vec<_>>());
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn a_request_that_wants_its_answer_elsewhere_is_refused_without_a_word() {
    let mut bench = retaining(|_| {});
    bench.append("a", 0..10);
    bench.run(20);
    let taken = bench.broker.taken().len();
    for topic in [
        None,
        Some(""),
        Some("t/v1/g/status"),
        Some("t/v1/g/samples/contract/a"),
        Some("t/replay/v1/g/request"),
        Some("t/replay/v1/other/answer/cloud"),
        Some("t/replay/v1/g/answer/a/b"),
        Some("t/replay/v1/g/answer/#"),
    ] {
        let respond_to = topic.map(str::to_owned);
        bench.broker.ask(Request { respond_to, ..asking("a", &[1..=5]) });
    }
    bench.run(20);
    assert_eq!(bench.broker.taken().len(), taken);
    assert_eq!(counts(&bench), [8, 8, 0, 0]);
}

#[test]
fn a_malformed_or_oversize_request_is_told_what_is_wrong_with_it() {
    let mut bench = retaining(|_| {});
    bench.run(5);
    let good = asking("a", &[1..=5]);
    for (payload, what) in [
        (b"replay please".to_vec(), "shape"),
        (vec![b' '; 5_000], "length of a request"),
        (br#"{"v":2}"#.to_vec(), "version 2"),
        (br#"{"v":1,"stream":"a","ranges":[[1,2]]}"#.to_vec(), "stream"),
        (br#"{"v":1,"stream":"a.b","ranges":[]}"#.to_vec(), "ranges"),
    ] {
        bench.broker.ask(Request { payload, ..good.clone() });
        bench.run(5);
        let Some(Answer::Refused { reason, .. }) = answers(&bench).pop() else { panic!("{what}") };
        assert!(reason.contains(what), "{reason}");
    }
    bench.broker.ask(Request { correlation: vec![b'7'; 65], ..good });
    bench.run(5);
    let last = bench.broker.taken().pop().unwrap();
    assert!(last.correlation.is_empty() && last.topic == ANSWER);
    assert!(String::from_utf8(last.payload).unwrap().contains("correlation data"));
    assert_eq!(counts(&bench), [6, 6, 0, 0]);
}

#[test]
fn one_request_takes_so_much_and_no_more_and_says_how_far_it_came() {
    let mut bench = retaining(|_| {});
    bench.append("a", 0..12_000);
    bench.run(1_500);
    bench.broker.ask(asking("a", &[1..=12_000]));
    bench.run(1_500);
    let (numbers, ends) = replayed(&bench);
    assert_eq!(numbers, (1..=10_000).collect::<Vec<_>>());
    assert_eq!((&ends[0].sent, ends[0].not_sent.len()), (&set(&[1..=10_000]), 0));
}

#[test]
fn a_storm_of_requests_is_bounded_and_holds_no_live_sample_up() {
    let mut bench = retaining(|o| o.history_share_percent = 50);
    bench.append("a", 0..3_000);
    bench.run(500);
    for n in 3_000..3_050 {
        (0..40).for_each(|_| bench.broker.ask(asking("a", &[1..=3_000])));
        bench.append("a", n..n + 1);
        let has_it = |bench: &Bench| {
            let newest = bench
                .broker
                .taken()
                .into_iter()
                .rfind(|m| m.topic == "t/v1/g/samples/contract/a")
                .unwrap();
            let newest = wire::payload::decode(&newest.payload).unwrap();
            newest.samples.last().unwrap().seq.0 == n + 1
        };
        let mut steps = 0;
        while !has_it(&bench) {
            bench.forwarder.step(Duration::ZERO);
            steps += 1;
            assert!(steps < 24, "sample {n} waited for more than the requests before it");
        }
        assert!(bench.forwarder.replays.jobs.len() <= JOBS_MAX);
        assert!(bench.forwarder.replays.outbox.len() <= 1_024 / 16 + 1);
    }
    let [requests, refused, ..] = counts(&bench);
    assert!(requests >= 1_900 && refused >= 1_500, "{requests} of which {refused} are too many");
    bench.run(100);
    assert!(counts(&bench)[3] > 0, "and some are answered");
}

#[test]
fn requests_dropped_on_the_way_are_counted() {
    let mut bench = retaining(|_| {});
    bench.append("a", 0..10);
    bench.run(20);
    (0..ports::REQUESTS_MAX + 5).for_each(|_| bench.broker.ask(asking("a", &[1..=2])));
    bench.run(100);
    bench.broker.ask(asking("a", &[1..=2]));
    bench.run(10);
    let most = ports::REQUESTS_MAX as u64;
    assert_eq!(counts(&bench), [most + 6, 5, 0, 2 * most + 2]);
}

#[test]
fn nothing_of_a_request_outlives_its_connection() {
    let mut bench = retaining(|_| {});
    bench.append("a", 0..10_000);
    bench.run(1_000);
    bench.broker.ask(asking("a", &[1..=9_000]));
    while replayed(&bench).0.is_empty() {
        bench.run(1);
    }
    bench.broker.set_up(false);
    bench.run(1);
    let numbers = replayed(&bench).0.len();
    assert!(numbers < 9_000);
    bench.broker.set_up(true);
    bench.run(500);
    assert_eq!((replayed(&bench).0.len(), replayed(&bench).1.len()), (numbers, 0));
    bench.broker.ask(asking("a", &[1..=5]));
    bench.run(10);
    assert_eq!(replayed(&bench).1.len(), 1, "and the next is answered");
}

#[test]
fn an_answer_that_the_broker_refuses_is_given_up_and_the_next_goes_on() {
    let mut bench = retaining(|_| {});
    bench.append("a", 0..1_000);
    bench.run(200);
    bench.broker.forbid(&[ANSWER]);
    bench.broker.ask(asking("a", &[1..=1_000]));
    bench.run(50);
    assert_eq!(replayed(&bench).0.len(), 0);
    assert!(bench.counters.messages_refused.get() <= 4, "a window of them at most");
    bench.broker.forbid(&[]);
    bench.broker.ask(asking("a", &[1..=5]));
    bench.run(10);
    assert_eq!(replayed(&bench).0, [1, 2, 3, 4, 5]);
    assert_eq!(bench.counters.connections_made.get(), 1);
}

#[test]
fn answers_keep_to_the_rate_of_history_and_the_broker_s_longest_message() {
    let rate = core::num::NonZeroU64::new(10);
    let mut bench = retaining(|o| {
        o.history_rate = rate;
        o.payload_bytes_max = 900;
    });
    bench.append("a", 0..200);
    // As a few messages that go live.
    bench.run(60 * 10);
    bench.broker.ask(asking("a", &[1..=200]));
    let before = bench.clock.now().monotonic;
    while replayed(&bench).1.is_empty() {
        bench.run(1);
    }
    let took = bench.clock.now().monotonic.saturating_since(before);
    assert!((17..=22).contains(&took.as_secs()), "{took:?} for 200 samples, 10 a second");
    assert!(bench.broker.taken().iter().all(|message| message.payload.len() <= 900));
    assert_eq!(replayed(&bench).0.len(), 200);
}

#[test]
fn samples_longer_than_the_broker_takes_are_said_to_be() {
    let mut bench = retaining(|o| o.payload_bytes_max = 900);
    bench.append("a", 0..10);
    bench.run(20);
    // Another broker, or the same with other limits.
    bench.forwarder.options.payload_bytes_max = 200;
    bench.broker.set_up(false);
    bench.run(2);
    bench.broker.set_up(true);
    bench.run(30);
    bench.broker.ask(asking("a", &[1..=5]));
    bench.run(10);
    let (numbers, ends) = replayed(&bench);
    assert_eq!((numbers.len(), ends.len()), (0, 1));
    assert_eq!(bench.counters.replays_failed.get(), 0);
}

#[test]
fn an_answer_goes_on_without_an_event_while_the_window_has_room() {
    let mut bench = retaining(|o| {
        o.message_samples_max = 700;
        o.payload_bytes_max = 100_000;
    });
    bench.append("a", 0..5_000);
    bench.run(100);
    bench.broker.ask(asking("a", &[1..=5_000]));
    bench.forwarder.step(Duration::ZERO);
    bench.forwarder.send();
    assert_eq!(bench.forwarder.replays.in_flight(), 2, "two of three, and more to come");
    assert_eq!(bench.forwarder.until_due(), Duration::ZERO);
}

#[test]
fn what_goes_again_has_the_time_as_it_is_known_by_now() {
    let mut bench = retaining(|_| {});
    bench.append("a", 0..20);
    bench.run(20);
    let mut bench = clock::with(bench, &Times::new(BOOT, clock::anchored(), None));
    bench.run(20);
    bench.broker.ask(asking("a", &[11..=20]));
    bench.run(20);
    let samples = answers(&bench).into_iter().flat_map(|answer| match answer {
        Answer::Samples(batch) => batch.samples,
        Answer::Done(_) | Answer::Refused { .. } => Vec::new(),
    });
    let times: Vec<_> = samples.map(|sample| sample.reading.at).collect();
    assert_eq!(times.len(), 10);
    assert!(times.iter().all(|at| at.trust.is_corrected()), "{times:?}");
}
