//! Live before history, high before normal, whatever happens to the connection.

use core::num::NonZeroU64;

use super::*;

/// A gateway with three classes: their spools, the highest first.
struct Classes {
    bench: Bench,
    spools: Vec<Arc<MemorySpool>>,
    appended: [u64; 3],
}

const STREAMS: [&str; 3] = ["high", "normal", "low"];

fn classes(seed: u64, window: usize, adjust: impl FnOnce(&mut ForwardOptions)) -> Classes {
    let mut bench = bench_with(seed, window, 100_000, adjust);
    let capacity = std::num::NonZeroUsize::new(1_000_000).unwrap();
    let spools: Vec<_> =
        STREAMS.iter().map(|_| Arc::new(MemorySpool::new(BOOT, capacity))).collect();
    let of_forwarder = spools.iter().map(|spool| Arc::clone(spool) as Arc<dyn Spool>).collect();
    let (clock, counters) = (Arc::new(bench.clock.clone()), Arc::clone(&bench.counters));
    let options = bench.forwarder.options.clone();
    let tally = Box::new(BTreeMap::new);
    let publisher = bench.broker.publisher();
    bench.forwarder = Forwarder::new(options, of_forwarder, publisher, clock, counters, tally);
    Classes { bench, spools, appended: [0; 3] }
}

impl Classes {
    fn append(&mut self, class: usize, count: u64) {
        let from = &mut self.appended[class];
        let readings: Vec<_> = (*from..*from + count).map(|n| reading(STREAMS[class], n)).collect();
        assert_eq!(self.spools[class].append(&readings).unwrap().evicted, 0);
        *from += count;
    }

    /// What the broker took of a class, in the order of arrival, by number.
    fn arrivals(&self, class: usize) -> Vec<u64> {
        let name = StreamName::new("contract", STREAMS[class]).unwrap();
        self.bench.taken().remove(&name).unwrap_or_default()
    }

    /// What the broker took, as class and number.
    fn order(&self) -> Vec<(usize, u64)> {
        let messages = self.bench.broker.taken().into_iter().filter(|m| !m.is_retained);
        let samples = messages.flat_map(|m| wire::payload::decode(&m.payload).unwrap().samples);
        let class = |name: &StreamName| {
            STREAMS.iter().position(|&class| name.as_str().ends_with(class)).unwrap()
        };
        samples.map(|sample| (class(&sample.stream.name), sample.seq.0)).collect()
    }

    /// Steps until there is nothing to hear any more, without time passing.
    fn settle(&mut self) {
        for _ in 0..50 {
            self.bench.forwarder.step(Duration::ZERO);
        }
    }

    fn is_all_acknowledged(&self) -> bool {
        self.spools.iter().all(|spool| spool.cursor() == spool.end())
    }
}

/// An outage of which the history of each class is `history` samples; then the link is up again.
fn after_an_outage(classes: &mut Classes, history: [u64; 3]) {
    classes.bench.run(5);
    classes.bench.broker.set_up(false);
    classes.bench.run(2);
    for (class, count) in history.into_iter().enumerate() {
        classes.append(class, count);
    }
    classes.bench.broker.set_up(true);
}

#[test]
fn high_goes_before_normal_before_low_and_live_before_history() {
    let mut it = classes(1, 1, |_| {});
    after_an_outage(&mut it, [200, 200, 200]);
    while !matches!(it.bench.forwarder.link, Link::Up(_)) {
        it.bench.run(1);
    }
    for class in 0..3 {
        it.append(class, 5);
    }
    it.bench.run(200);
    let order = it.order();
    let first = |class, number| order.iter().position(|&at| at == (class, number)).unwrap();
    for class in 0..3 {
        // One message of history was on its way when the live samples came.
        assert!(first(class, 201) < first(class, 40), "live first in class {class}");
    }
    assert!(first(0, 200) < first(1, 201), "the history of high before what is live of normal");
    assert!(first(1, 200) < first(2, 201));
    assert!(it.is_all_acknowledged());
    assert_eq!(order.len(), 615, "each once");
    let counters = &it.bench.counters;
    assert_eq!((counters.samples_live.get(), counters.samples_history.get()), (15, 600));
}

#[test]
fn a_short_outage_keeps_the_order_of_the_numbers() {
    let mut it = classes(1, 4, |_| {});
    after_an_outage(&mut it, [0, 20, 0]);
    for _ in 0..40 {
        it.append(1, 1);
        it.bench.run(1);
    }
    it.bench.run(20);
    assert_eq!(it.arrivals(1), (1..=60).collect::<Vec<_>>());
    assert_eq!(it.bench.counters.samples_history.get(), 0);
}

#[test]
fn a_live_sample_waits_for_one_answer_at_most_while_100_000_of_history_drain() {
    for window in [1, 2, 8] {
        let mut it = classes(3, window, |_| {});
        after_an_outage(&mut it, [0, 100_000, 0]);
        while !matches!(it.bench.forwarder.link, Link::Up(_)) {
            it.bench.run(1);
        }
        // What is of a lower class than history waits for it where the window has but one message.
        let served = if window == 1 { 2 } else { 3 };
        for round in 1..=100 {
            it.append(round % served, 1);
            let (class, number) = (round % served, it.appended[round % served]);
            // A step takes what answers there are. What the window holds of history is answered first.
            it.bench.run(2);
            assert!(it.arrivals(class).contains(&number), "window {window}, round {round}");
        }
        assert!(it.bench.counters.history_waiting.get() > Some(70_000));
    }
}

#[test]
fn a_live_sample_does_not_outwait_its_age_behind_a_long_history() {
    let age = Duration::from_millis(300);
    let mut it = classes(1, 10, |o| o.batch_age_max = age);
    after_an_outage(&mut it, [0, 10_000, 0]);
    // Until a flight has landed the window of such an epoch is one message.
    it.bench.run(90);
    it.bench.broker.halt(true);
    it.bench.run(2);
    assert_eq!(it.bench.forwarder.classes[1].history.in_flight(), 8);
    // The first goes at once, the next waits for its answer, or until it has waited long enough.
    for _ in 0..2 {
        it.append(1, 1);
        it.bench.forwarder.send();
    }
    assert!(it.bench.forwarder.until_due() <= age, "{:?}", it.bench.forwarder.until_due());
    it.bench.clock.advance(age);
    it.bench.forwarder.send();
    assert_eq!(it.bench.forwarder.classes[1].live.flights.messages(), 2);
    assert!(it.bench.forwarder.until_due() > age, "nothing is due any more");
}

/// How many samples a message has on average, if so many come each tick and the broker, which takes
/// `window` messages at one time, answers after so many ticks.
fn samples_a_message(window: usize, samples: u64, ticks: usize) -> u64 {
    let mut it = classes(1, window, |o| o.batch_age_max = TICK);
    it.bench.run(5);
    let before = it.bench.counters.messages_acknowledged.get();
    for _ in 0..50 {
        it.bench.broker.halt(true);
        for _ in 0..ticks {
            it.append(1, samples);
            it.bench.run(1);
        }
        it.bench.broker.halt(false);
        it.settle();
    }
    assert!(it.is_all_acknowledged());
    it.appended[1] / (it.bench.counters.messages_acknowledged.get() - before)
}

#[test]
fn messages_grow_with_the_round_trip_the_rate_and_a_small_receive_maximum() {
    assert_eq!(samples_a_message(8, 4, 1), 4, "answers come as fast as samples");
    assert!((6..=7).contains(&samples_a_message(8, 4, 5)), "what comes of age goes");
    assert!((9..=10).contains(&samples_a_message(1, 4, 5)), "what comes is collected");
    assert!((15..=16).contains(&samples_a_message(1, 30, 5)), "and messages are full");
}

#[test]
fn history_has_its_share_of_the_window_and_no_more() {
    let mut it = classes(1, 10, |o| o.history_share_percent = 30);
    after_an_outage(&mut it, [0, 10_000, 0]);
    while !matches!(it.bench.forwarder.link, Link::Up(_)) {
        it.bench.run(1);
    }
    // An epoch after one that broke begins with a window of one, until a flight has landed.
    it.bench.run(100);
    it.bench.broker.halt(true);
    it.bench.run(3);
    assert_eq!(it.bench.forwarder.classes[1].history.in_flight(), 3);
    it.bench.broker.halt(false);
    it.bench.run(2_000);
    assert!(it.is_all_acknowledged());
}

#[test]
fn the_rate_of_history_is_kept_and_the_estimate_comes_true() {
    let mut it = classes(1, 20, |o| o.history_rate = NonZeroU64::new(100));
    after_an_outage(&mut it, [1_000, 3_000, 1_000]);
    while !matches!(it.bench.forwarder.link, Link::Up(_)) {
        it.bench.run(1);
    }
    assert_eq!(it.bench.counters.history_drained_in_s.get(), None, "not known yet");
    let begun = it.bench.clock.now().monotonic;
    let mut foretold = Vec::new();
    while it.bench.counters.history_waiting.get() != Some(0) {
        it.settle();
        let passed = it.bench.clock.now().monotonic.saturating_since(begun);
        let most = 100 + u64::try_from(passed.as_millis()).unwrap() / 10;
        assert!(it.bench.counters.samples_history.get() <= most, "after {passed:?}");
        let left = it.bench.counters.history_drained_in_s.get();
        foretold.extend(left.map(|left| (passed.as_secs(), left)));
        it.bench.clock.advance(TICK);
    }
    let took = it.bench.clock.now().monotonic.saturating_since(begun).as_secs();
    assert!((48..=51).contains(&took), "5000 samples at 100/s took {took} s");
    for (passed, left) in foretold.into_iter().filter(|&(passed, _)| passed >= 10) {
        assert!((passed + left).abs_diff(took) <= 4, "{left} s left after {passed} of {took} s");
    }
    it.bench.broker.set_up(false);
    it.bench.run(2);
    assert_eq!(it.bench.counters.history_waiting.get(), None, "no epoch, no history");
}

#[test]
fn the_newest_of_history_goes_first_in_blocks_that_are_in_order() {
    let mut it = classes(1, 2, |o| o.history_order = HistoryOrder::NewestFirst);
    after_an_outage(&mut it, [0, 5_000, 0]);
    it.bench.run(600);
    let block = FLIGHT_SAMPLES as u64;
    let blocks = [5_000 - block, 5_000 - 2 * block, 5_000 - 3 * block, 5_000 - 4 * block, 0];
    let mut end = 5_000;
    let mut expected = Vec::new();
    for start in blocks {
        expected.extend(start + 1..=end);
        end = start;
    }
    assert_eq!(it.arrivals(1), expected);
    assert!(it.is_all_acknowledged());
}

#[test]
fn several_outages_leave_several_pieces_and_all_of_them_are_drained() {
    for order in [HistoryOrder::OldestFirst, HistoryOrder::NewestFirst] {
        // More pieces than a spool has to remember.
        let mut it = classes(5, 2, |o| {
            o.history_order = order;
            o.history_rate = NonZeroU64::new(1);
        });
        for _ in 0..40 {
            after_an_outage(&mut it, [0, 200, 0]);
            for _ in 0..20 {
                it.append(1, 1);
                it.bench.run(2);
            }
        }
        assert!(it.spools[1].waiting().len() > 10, "{:?}", it.spools[1].waiting());
        it.bench.forwarder.pace = Pace::new(None, 1_024, it.bench.clock.now().monotonic);
        it.bench.run(2_000);
        assert!(it.is_all_acknowledged());
        assert_eq!(distinct(&it.arrivals(1)), (1..=it.appended[1]).collect::<Vec<_>>());
    }
}

#[test]
fn a_drain_sends_what_is_live_and_alarms_first_and_leaves_the_rest() {
    let mut it = classes(1, 2, |o| o.history_rate = NonZeroU64::new(50));
    after_an_outage(&mut it, [100, 10_000, 0]);
    while !matches!(it.bench.forwarder.link, Link::Up(_)) {
        it.bench.run(1);
    }
    it.append(0, 1);
    it.append(1, 1);
    it.append(2, 1);
    let clock = it.bench.clock.clone();
    it.bench.forwarder.step_until(clock.now().monotonic + Duration::from_secs(5), |_| {
        clock.advance(TICK);
        false
    });
    assert!(!it.bench.forwarder.drain(clock.now().monotonic));
    for (class, number) in [(0, 101), (1, 10_001), (2, 1)] {
        assert!(it.arrivals(class).contains(&number));
    }
    assert_eq!(it.arrivals(0).len(), 101);
    let left: u64 = it.spools[1].waiting().iter().map(|run| run.end.0 - run.start.0).sum();
    assert!((9_000..10_000).contains(&left), "{left} stay");
}

#[test]
fn a_sample_that_fits_into_no_message_is_counted_and_holds_nothing_up() {
    let mut it = classes(1, 2, |o| o.payload_bytes_max = 150);
    it.append(1, 10);
    it.bench.run(20);
    assert_eq!(it.bench.counters.samples_unsendable.get(), 10);
    assert!(it.is_all_acknowledged());
    assert_eq!(it.arrivals(1), Vec::<u64>::new());
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Append(usize, u64),
    Run(usize),
    Broker(bool),
    Forbid(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..3_usize, 1..400_u64).prop_map(|(class, count)| Event::Append(class, count)),
        4 => (1..30_usize).prop_map(Event::Run),
        2 => any::<bool>().prop_map(Event::Broker),
        1 => (0..4_usize).prop_map(Event::Forbid),
    ];
    proptest::collection::vec(event, 1..25)
}

fn topic(class: usize) -> String {
    format!("t/v1/g/samples/contract/{}", STREAMS[class])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Outages, refusals and samples in any order, with either order of history: no spool is told of a
    /// sample that the broker does not have, within an epoch none comes twice, and in the end all are
    /// there.
    #[test]
    fn whatever_happens_to_the_lanes_nothing_is_lost_and_nothing_comes_twice_in_an_epoch(
        seed: u64, window in 1..9_usize, events in events(), is_newest_first: bool,
        rate in prop_oneof![Just(None), (50..5_000_u64).prop_map(NonZeroU64::new)],
        share in 1..=100_u8,
    ) {
        let mut it = classes(seed, window, |o| {
            o.history_order = if is_newest_first {
                HistoryOrder::NewestFirst
            } else {
                HistoryOrder::OldestFirst
            };
            o.history_rate = rate;
            o.history_share_percent = share;
            o.held_samples_max = u64::MAX;
        });
        let mut seen = 0;
        let mut in_epoch = std::collections::BTreeSet::new();
        let mut epochs = 0;
        let end = [Event::Broker(true), Event::Forbid(3), Event::Run(100)];
        for event in events.into_iter().chain(end) {
            let steps = match event {
                Event::Append(class, count) => {
                    it.append(class, count);
                    0
                }
                Event::Run(steps) => steps,
                Event::Broker(is_up) => {
                    it.bench.broker.set_up(is_up);
                    0
                }
                Event::Forbid(class) => {
                    let topics: Vec<_> = (class < 3).then(|| topic(class)).into_iter().collect();
                    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
                    it.bench.broker.forbid(&topics);
                    0
                }
            };
            for _ in 0..steps {
                it.bench.run(1);
                if it.bench.counters.connections_made.get() > epochs {
                    epochs = it.bench.counters.connections_made.get();
                    in_epoch.clear();
                }
                let messages = it.bench.broker.taken();
                for message in messages[seen..].iter().filter(|message| !message.is_retained) {
                    for sample in wire::payload::decode(&message.payload).unwrap().samples {
                        let id = (sample.stream.name, sample.seq);
                        prop_assert!(in_epoch.insert(id), "twice in epoch {epochs}");
                    }
                }
                seen = messages.len();
            }
            for (class, spool) in it.spools.iter().enumerate() {
                let taken = distinct(&it.arrivals(class)).len() as u64;
                let waiting: u64 = spool.waiting().iter().map(|r| r.end.0 - r.start.0).sum();
                prop_assert!(it.appended[class] - waiting <= taken, "acknowledged, not taken");
            }
        }
        for _ in 0..20_000 {
            if it.is_all_acknowledged() {
                break;
            }
            it.bench.run(1);
        }
        for class in 0..3 {
            let all: Vec<_> = (1..=it.appended[class]).collect();
            prop_assert_eq!(distinct(&it.arrivals(class)), all);
        }
        prop_assert!(it.is_all_acknowledged());
        prop_assert_eq!(it.bench.counters.samples_set_aside.get(), 0);
    }
}
