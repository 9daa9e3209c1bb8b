//! The broker fails; the samples do not.

use std::time::Duration;

use domain::Quantity;
use sim::flaky_broker::Flakiness;

use crate::world::{SECOND, World};

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
