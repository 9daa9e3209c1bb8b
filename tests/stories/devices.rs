//! Devices fail; the others go on, and what is missing says why.

use domain::NoData;

use crate::world::{SECOND, World, gaps};

#[test]
fn an_unplugged_chip_is_a_gap_each_second_and_comes_back_by_itself() {
    let mut world = World::new(1);
    world.run(60 * SECOND);
    world.thermometer.unplug();
    world.run(120 * SECOND);
    world.thermometer.replug();
    world.run(60 * SECOND);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(temperatures.len(), 240, "every second has its outcome");
    let absent = gaps(temperatures)[&NoData::Absent];
    assert!((120..=131).contains(&absent), "{absent} gaps in 120 s and one back-off of 10 s");
    assert!(temperatures.last().unwrap().reading.outcome.is_ok());
    assert_eq!(gaps(&delivered["battery.supply"]).len(), 0, "the neighbour did not notice");
    assert_eq!(delivered["battery.supply"].len(), 120);
    assert_eq!(world.count("device_recoveries"), 1);
    let gaps_of_dew_point = gaps(&delivered["derived.dew_point"])[&NoData::Absent];
    assert_eq!(gaps_of_dew_point, absent, "a gap in is a gap out, with its reason");
}

#[test]
fn a_chip_that_is_absent_at_start_is_a_gap_until_it_is_plugged_in() {
    let mut world = World::new(1);
    world.thermometer.unplug();
    world.crash();
    world.run(30 * SECOND);
    world.thermometer.replug();
    world.run(30 * SECOND);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(temperatures[0].reading.outcome, Err(NoData::Absent));
    assert!(temperatures.last().unwrap().reading.outcome.is_ok());
}
