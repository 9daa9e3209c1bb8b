//! Windows of derived metrics go on over crashes, reboots and clocks that are set.

use domain::{BootId, Quantity, WallTime};

use crate::world::{BOOT, SECOND, START, World};

/// The newest outcome of a stream.
fn newest(world: &World, stream: &str) -> f64 {
    let delivered = world.delivered();
    delivered[stream].last().unwrap().reading.outcome.map(Quantity::number).unwrap()
}

/// The mean of the last hour's temperatures, as they were delivered.
fn hour_mean(world: &World) -> f64 {
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    let hour = &temperatures[temperatures.len() - 3_600..];
    let number = |sample: &domain::Sample| sample.reading.outcome.map(Quantity::number).unwrap();
    hour.iter().map(number).sum::<f64>() / 3_600.0
}

/// Two hours, stopped in good order and started again in `boot` in the middle of the second.
fn interrupted(boot: BootId, between: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(1);
    world.run(5_400 * SECOND);
    assert!(world.drain());
    between(&mut world);
    world.crash_into(boot);
    world.run(1_800 * SECOND);
    assert!(world.drain());
    world
}

#[test]
fn an_hours_average_does_not_begin_anew_after_a_restart() {
    let world = interrupted(BOOT, |_| {});
    let (told, truth) = (newest(&world, "derived.hour_mean"), hour_mean(&world));
    assert!((told - truth).abs() < 1e-9, "{told}, not {truth}");
    assert_eq!(world.count("states_unsaved"), 0);
}

#[test]
fn nor_after_a_reboot_with_a_clock_that_has_gone_back() {
    let yesterday = WallTime::from_nanos(START - 86_400_000_000_000);
    let world = interrupted(BootId::from_bytes([0x43; 16]), |world| {
        world.clock.set_wall(yesterday);
    });
    let (told, truth) = (newest(&world, "derived.hour_mean"), hour_mean(&world));
    assert!((told - truth).abs() < 1e-9, "{told}, not {truth}");
    assert_eq!(world.count("readings_late"), 0);
}

#[test]
fn a_crash_costs_a_window_no_more_than_a_minute() {
    let mut world = World::new(1);
    world.run(90 * SECOND);
    world.crash();
    world.run(10 * SECOND);
    assert!(world.drain());
    let delivered = world.delivered();
    let number = |sample: &domain::Sample| sample.reading.outcome.map(Quantity::number).unwrap();
    let temperatures: Vec<_> = delivered["outdoor.temperature"].iter().map(number).collect();
    // Saved a minute after the first reading; what came then until the crash is forgotten.
    let (before, after) = (&temperatures[..61], &temperatures[temperatures.len() - 10..]);
    let truth = before.iter().chain(after).sum::<f64>() / 71.0;
    let told = newest(&world, "derived.hour_mean");
    assert!((told - truth).abs() < 1e-9, "{told}, not {truth}");
}
