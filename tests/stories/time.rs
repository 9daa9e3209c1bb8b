//! The wall clock is wrong; order, number and spacing are not.

use domain::WallTime;

use crate::world::{SECOND, START, World};

#[test]
fn a_wall_clock_that_steps_back_neither_reorders_nor_doubles_nor_delays() {
    let mut world = World::new(1);
    world.run(30 * SECOND);
    world.clock.set_wall(WallTime::from_nanos(START - 3_600_000_000_000));
    world.run(30 * SECOND);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(temperatures.len(), 60);
    let steps: Vec<_> = temperatures
        .windows(2)
        .map(|pair| {
            let (earlier, later) = (pair[0].reading.at, pair[1].reading.at);
            later.monotonic.saturating_since(earlier.monotonic).as_millis()
        })
        .collect();
    assert!(steps.iter().all(|step| (980..=1_020).contains(step)), "{steps:?}");
    assert!(temperatures[59].reading.at.wall < temperatures[0].reading.at.wall);
}
