//! One topic that the broker refuses for good holds no other stream up, and loses nothing.

use super::*;

const A: &str = "t/v1/g/samples/contract/a";
const STATUS: &str = "t/v1/g/status";

fn numbers(bench: &Bench, sensor: &str) -> Vec<u64> {
    let name = StreamName::new("contract", sensor).unwrap();
    bench.taken().remove(&name).unwrap_or_default()
}

fn up_to(n: u64) -> Vec<u64> {
    (1..=n).collect()
}

#[test]
fn a_stream_that_is_refused_for_good_holds_no_other_up() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.forbid(&[A]);
    for round in 0..20 {
        bench.append("a", round * 10..round * 10 + 10);
        bench.append("b", round * 10..round * 10 + 10);
        bench.run(10);
    }
    assert_eq!(numbers(&bench, "b"), up_to(200), "each once, in order");
    assert!(numbers(&bench, "a").is_empty());
    assert_eq!(bench.spool.cursor(), Position(0), "nothing refused is passed");
    assert_eq!(bench.counters.connections_made.get(), 1);
    assert_eq!(bench.counters.samples_set_aside.get(), 0);
}

#[test]
fn when_the_broker_takes_the_stream_again_it_gets_all_that_was_held_in_order() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.forbid(&[A]);
    bench.append("b", 0..5);
    bench.append("a", 0..300);
    bench.append("b", 5..40);
    bench.run(100);
    bench.broker.forbid(&[]);
    bench.run(50);
    bench.append("a", 300..320);
    bench.run(150);
    assert_eq!(numbers(&bench, "a"), up_to(320), "each once, in order");
    assert_eq!(numbers(&bench, "b"), up_to(40));
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn what_the_spool_forgets_while_a_stream_is_held_does_not_hold_the_cursor_up_afterwards() {
    let mut bench = bench_with(1, 4, 100_000, |o| o.held_samples_max = 100_000);
    bench.broker.forbid(&[A]);
    for n in 0..3 * ports::AHEAD_RUNS_MAX as u64 {
        bench.append("a", n..n + 1);
        bench.run(3);
        bench.append("b", n..n + 1);
        bench.run(3);
    }
    bench.broker.forbid(&[]);
    bench.run(200);
    let all = up_to(3 * ports::AHEAD_RUNS_MAX as u64);
    assert_eq!((numbers(&bench, "a"), numbers(&bench, "b")), (all.clone(), all));
    assert_eq!(bench.counters.connections_made.get(), 1);
    assert_eq!(bench.spool.waiting(), [], "all of it is delivered");
}

#[test]
fn the_status_names_the_refused_streams_as_soon_as_they_are_and_no_longer() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.forbid(&[A]);
    bench.append("a", 0..3);
    bench.run(10);
    let refused = bench.last_status().refused;
    let name = StreamName::new("contract", "a").unwrap();
    assert_eq!(refused, [(name, "NotAuthorized".to_owned())].into());
    bench.broker.forbid(&[]);
    bench.run(100);
    assert!(bench.last_status().refused.is_empty());
}

#[test]
fn held_samples_survive_reconnections_without_repeating_those_of_others() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.forbid(&[A]);
    bench.append("a", 0..30);
    bench.append("b", 0..30);
    bench.run(30);
    for _ in 0..3 {
        bench.broker.set_up(false);
        bench.run(20);
        bench.broker.set_up(true);
        bench.run(150);
    }
    assert_eq!(numbers(&bench, "b"), up_to(30), "each once");
    bench.broker.forbid(&[]);
    bench.run(200);
    assert_eq!(numbers(&bench, "a"), up_to(30));
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn a_broker_that_refuses_and_hangs_up_gets_the_other_streams_in_between() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.forbid(&[A]);
    bench.broker.hang_up_on_forbidden(true);
    for round in 0..60 {
        bench.append("a", round * 5..round * 5 + 5);
        bench.append("b", round * 5..round * 5 + 5);
        bench.run(20);
    }
    assert_eq!(distinct(&numbers(&bench, "b")), up_to(300));
    assert_eq!(numbers(&bench, "a"), Vec::<u64>::new());
    let attempts = bench.counters.messages_refused.get();
    assert!((15..=40).contains(&attempts), "{attempts} attempts in 120 s with waits up to 8 s");
    bench.broker.forbid(&[]);
    bench.run(200);
    assert_eq!(distinct(&numbers(&bench, "a")), up_to(300));
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn samples_for_which_the_cursor_would_wait_too_long_are_set_aside_and_counted() {
    let mut bench = bench_with(1, 4, 100_000, |options| options.held_samples_max = 100);
    bench.broker.forbid(&[A]);
    for round in 0..50 {
        bench.append("a", round..round + 1);
        bench.append("b", round * 9..round * 9 + 9);
        bench.run(5);
    }
    bench.run(20);
    assert_eq!(numbers(&bench, "b"), up_to(450));
    // 500 samples, of which the newest 100 are kept: 10 of the stream.
    assert_eq!(bench.spool.cursor(), Position(400));
    assert_eq!(bench.counters.samples_set_aside.get(), 40);
    bench.broker.forbid(&[]);
    bench.run(200);
    assert_eq!(numbers(&bench, "a"), (41..=50).collect::<Vec<_>>());
    assert_eq!(bench.spool.cursor(), bench.spool.end());
    assert_eq!(bench.counters.samples_set_aside.get(), 40);
}

#[test]
fn a_refused_status_holds_nothing_up() {
    let mut bench = bench(1, 1, 100_000);
    bench.broker.forbid(&[STATUS]);
    bench.append("a", 0..30);
    bench.run(60);
    assert_eq!(numbers(&bench, "a"), up_to(30));
    assert_eq!(bench.spool.cursor(), bench.spool.end());
    let until = bench.clock.now().monotonic + Duration::from_secs(10);
    assert!(bench.forwarder.drain(until), "the last word is refused, too");
}

#[test]
fn a_drain_does_not_wait_for_what_is_held() {
    let mut bench = bench(1, 4, 100_000);
    bench.broker.forbid(&[A]);
    bench.append("a", 0..10);
    bench.append("b", 0..10);
    // A clock that stands still: a drain that waited would never end.
    let until = bench.clock.now().monotonic + Duration::from_secs(1);
    assert!(!bench.forwarder.drain(until), "held samples are left");
    assert_eq!(numbers(&bench, "b"), up_to(10));
    assert_eq!(bench.last_status().state, State::Stopped);
    assert_eq!(bench.last_status().refused.len(), 1);
    assert_eq!(bench.spool.cursor(), Position(0));
}

proptest! {
    /// Streams are forbidden and allowed at random, connections break, samples come: in the end all
    /// is there that was not set aside, and the count of those is exact.
    #[test]
    fn whatever_is_forbidden_and_when_each_sample_is_delivered_or_counted(
        seed: u64, window in 1..8_usize,
        events in proptest::collection::vec((0..6_u8, 1..30_u8), 1..60),
        lost in prop_oneof![Just(0.0), 0.0..0.05_f64],
        held_samples_max in prop_oneof![Just(1_000_000), 0..200_u64],
        compression in proptest::sample::select(&[Compression::None, Compression::Deflate]),
    ) {
        let mut bench = bench_with(seed, window, 1_500, |options| {
            options.held_samples_max = held_samples_max;
            options.compression = compression;
        });
        bench.broker.set_flakiness(Flakiness { message_lost: lost, ..Flakiness::default() });
        let mut appended = [0_u64; 3];
        for (turn, (event, n)) in events.into_iter().enumerate() {
            match event {
                0 | 1 => {
                    let from = &mut appended[turn % 3];
                    bench.append(["a", "b", "c"][turn % 3], *from..*from + u64::from(n));
                    *from += u64::from(n);
                }
                2 | 3 => bench.run(n.into()),
                4 => bench.broker.forbid(&[A, "t/v1/g/samples/contract/b"][..usize::from(n % 3)]),
                _ => bench.broker.set_up(n % 4 > 0),
            }
        }
        bench.broker.set_up(true);
        bench.broker.forbid(&[]);
        bench.broker.set_flakiness(Flakiness::default());
        bench.run(2_000);
        let delivered: usize =
            ["a", "b", "c"].iter().map(|sensor| distinct(&numbers(&bench, sensor)).len()).sum();
        let set_aside = bench.counters.samples_set_aside.get();
        let total: u64 = appended.iter().sum();
        prop_assert_eq!(bench.spool.cursor(), bench.spool.end());
        if held_samples_max > total {
            prop_assert_eq!(set_aside, 0);
        }
        // What was on its way when it was set aside may have been delivered all the same.
        prop_assert!(delivered as u64 + set_aside >= total, "{delivered} + {set_aside} < {total}");
        prop_assert!(distinct(&numbers(&bench, "c")).len() as u64 == appended[2]);
    }
}
