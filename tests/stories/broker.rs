//! The broker fails; the samples do not.

use std::time::Duration;

use domain::Quantity;
use ports::Clock as _;
use sim::flaky_broker::Flakiness;

use crate::world::{SECOND, Setup, World, last_status};

#[test]
fn a_night_without_uplink_ends_with_every_sample_delivered_in_order() {
    let mut world = World::new(1);
    world.run(10 * SECOND);
    world.broker.set_up(false);
    world.run(8 * 3_600 * SECOND);
    let waiting = world.count("samples_waiting");
    assert!(waiting > 8 * 3_600 * 5, "{waiting} samples wait");
    world.broker.set_up(true);
    world.run(600 * SECOND);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    assert_eq!(world.count("gaps_missed"), 0, "the outage reached the sensors");
}

#[test]
fn after_a_night_without_uplink_the_present_is_seen_at_once_and_the_night_follows() {
    let mut world = World::with(1, Setup { history_rate: 1_000, ..Setup::default() });
    world.run(10 * SECOND);
    world.broker.set_up(false);
    world.run(8 * 3_600 * SECOND);
    world.broker.set_up(true);
    // Until the next attempt to connect, and a little longer.
    world.run(60 * SECOND);
    let now = world.clock.now().wall.as_nanos();
    let arrivals = world.arrivals();
    let newest = arrivals.iter().map(|sample| sample.reading.at.wall.as_nanos()).max().unwrap();
    assert!(now - newest < 2_500_000_000, "the present is seen");
    let night = world.count("history_waiting");
    assert!(night > 8 * 3_600 * 5 / 2, "{night} samples of the night are left");
    let expected = world.count("history_drained_in_s");
    assert!((night / 1_000..=night / 700).contains(&expected), "{expected} s for {night}");
    let of_status = last_status(&world.broker).counters;
    assert!(of_status["history_waiting"] >= night && of_status["history_drained_in_s"] > 0);
    world.run(u32::try_from(expected + 3).unwrap() * SECOND);
    assert_eq!(world.count("history_waiting"), 0, "as was foretold");
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let (live, history) = (world.count("samples_live"), world.count("samples_history"));
    assert_eq!(live + history, world.count("samples_appended"), "each once");
}

#[test]
fn what_arrives_is_what_the_weather_was() {
    let mut world = World::new(7);
    world.run(600 * SECOND);
    assert!(world.drain());
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(temperatures.len(), 600);
    let number = |sample: &domain::Sample| sample.reading.outcome.map(Quantity::number).unwrap();
    for (index, sample) in temperatures.iter().enumerate() {
        let elapsed = u32::try_from(index).unwrap() * SECOND;
        let truth = world.environment.climate(elapsed).celsius;
        assert!((number(sample) - truth).abs() < 0.02, "{} °C, not {truth}", number(sample));
        assert!(number(&delivered["derived.dew_point"][index]) <= number(sample));
    }
    let volts = number(&delivered["battery.supply"][0]);
    let truth = world.environment.battery_volts(Duration::ZERO);
    assert!((volts - truth).abs() < 5.0 * 3.3 / 4_096.0, "{volts} V, not {truth}");
}

#[test]
fn a_broker_that_breaks_every_few_messages_gets_everything_in_the_end() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.broker.set_flakiness(Flakiness {
            message_lost: 0.02,
            acknowledgement_lost: 0.02,
            refused: 0.005,
        });
        world.run(300 * SECOND);
        world.broker.set_flakiness(Flakiness::default());
        world.run(60 * SECOND);
        assert!(world.drain(), "seed {seed}");
        world.assert_nothing_is_missing();
        assert!(world.count("connections_lost") > 3, "seed {seed}: the broker was not flaky");
    }
}

#[test]
fn crashes_in_an_outage_lose_nothing_and_numbers_go_on() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        for life in 0..10_u32 {
            world.broker.set_up(life % 3 == 0);
            world.run((17 + 7 * life) * SECOND);
            world.crash();
        }
        world.broker.set_up(true);
        world.run(120 * SECOND);
        assert!(world.drain(), "seed {seed}");
        world.assert_nothing_is_missing();
    }
}
