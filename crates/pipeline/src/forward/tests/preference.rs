//! Several brokers in the order of preference.

use super::*;

/// A bench with two brokers, of which the second comes back beside it.
fn with_a_second_broker() -> (Bench, FlakyBroker) {
    let mut bench = bench(1, 4, 100_000);
    let second = FlakyBroker::new(2, 4, 100_000);
    let publisher = bench.broker.publisher_with(std::slice::from_ref(&second));
    let options = ForwardOptions { brokers: 2, ..bench.forwarder.options.clone() };
    let spool: Arc<dyn Spool> = Arc::clone(&bench.spool) as _;
    let clock = Arc::new(bench.clock.clone());
    let counters = Arc::clone(&bench.counters);
    let tally = Box::new(BTreeMap::new);
    bench.forwarder = Forwarder::new(options, vec![spool], publisher, clock, counters, tally);
    (bench, second)
}

fn samples(broker: &FlakyBroker) -> usize {
    let messages = broker.taken().into_iter().filter(|message| !message.is_retained);
    messages.map(|message| wire::payload::decode(&message.payload).unwrap().samples.len()).sum()
}

#[test]
fn the_second_broker_is_called_at_once_when_the_first_is_away_and_left_when_it_may_be_back() {
    let (mut bench, second) = with_a_second_broker();
    bench.broker.set_up(false);
    bench.append("a", 0..10);
    bench.run(4);
    assert_eq!((samples(&bench.broker), samples(&second)), (0, 10), "without a wait");
    bench.broker.set_up(true);
    bench.run(580);
    bench.append("a", 10..20);
    bench.run(10);
    assert_eq!(samples(&second), 20, "it stays there for a minute");
    bench.run(30);
    bench.append("a", 20..30);
    bench.run(10);
    assert_eq!((samples(&bench.broker), samples(&second)), (10, 20), "nothing twice");
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}

#[test]
fn there_is_a_wait_only_after_a_whole_round() {
    let (mut bench, second) = with_a_second_broker();
    bench.broker.set_up(false);
    second.set_up(false);
    bench.run(600);
    let attempts = bench.counters.connections_lost.get();
    assert!((16..=32).contains(&attempts), "{attempts} attempts in 60 s with waits up to 8 s");
    assert_eq!(attempts % 2, 0, "whole rounds");
}

#[test]
fn a_preferred_broker_that_is_still_away_costs_no_wait_and_no_sample() {
    let (mut bench, second) = with_a_second_broker();
    bench.broker.set_up(false);
    for round in 0..200 {
        bench.append("a", round * 5..round * 5 + 5);
        bench.run(10);
    }
    assert_eq!(samples(&second), 1_000, "each once");
    let attempts = bench.counters.connections_lost.get();
    assert!((3..=4).contains(&attempts), "{attempts} attempts at the preferred one in 200 s");
    assert_eq!(bench.spool.cursor(), bench.spool.end());
}
