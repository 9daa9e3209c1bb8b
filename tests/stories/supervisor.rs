//! Devices that fail for long, buses that hang, a queue that fills up: what is missing is counted exactly.

use core::num::NonZeroU32;

use domain::{DeviceState, FaultPolicy, NoData, Return};
use pipeline::acquire::Priority;

use crate::world::{SECOND, Setup, World, gaps, last_status};

/// Three failures are too many.
fn fragile(comes_back: Return) -> World {
    let faults = FaultPolicy {
        failures_max: NonZeroU32::new(3).unwrap(),
        retry_first: SECOND,
        retry_max: 4 * SECOND,
        comes_back,
    };
    World::with(1, Setup { faults, ..Setup::default() })
}

#[test]
fn a_device_that_fails_three_times_is_left_alone_until_somebody_resets_it() {
    let mut world = fragile(Return::OnReset);
    world.run(10 * SECOND);
    let good = world.device("outdoor").last_good;
    world.thermometer.unplug();
    world.run(50 * SECOND);
    let status = world.device("outdoor");
    assert_eq!((status.state, status.reason), (DeviceState::SafeState, Some(NoData::Absent)));
    assert!(status.failures == 3 && status.last_good >= good, "it says how old its value is");
    assert_eq!(world.count("device_failures"), 3);
    assert_eq!(world.count("safe_states_entered"), 1);
    world.thermometer.replug();
    world.run(50 * SECOND);
    assert_eq!(world.device("outdoor").state, DeviceState::SafeState, "nobody has reset it");
    assert!(world.board().reset("outdoor"));
    world.run(10 * SECOND);
    assert_eq!(world.device("outdoor").failures, 0);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(temperatures.len(), 120, "every second has its outcome");
    assert_eq!(gaps(temperatures), [(NoData::Absent, 100)].into());
}

#[test]
fn a_device_that_comes_back_by_itself_is_found_by_a_probe() {
    let mut world = fragile(Return::Automatic { probe_every: 20 * SECOND });
    world.run(10 * SECOND);
    world.thermometer.unplug();
    world.run(100 * SECOND);
    assert_eq!(world.device("outdoor").state, DeviceState::SafeState);
    let failures = world.count("device_failures");
    assert!(
        (3 + 4..=3 + 10).contains(&failures),
        "{failures}: three, and probes 10 s to 20 s apart"
    );
    world.thermometer.replug();
    world.run(30 * SECOND);
    assert_eq!(world.count("device_recoveries"), 1);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(temperatures.len(), 140);
    let absent = gaps(temperatures)[&NoData::Absent];
    assert!((100..=120).contains(&absent), "{absent} gaps");
}

#[test]
fn a_stuck_bus_is_a_timeout_in_each_slot_and_its_neighbour_is_never_late() {
    let mut world = World::new(1);
    world.run(10 * SECOND);
    // In one thread of virtual time, the neighbours wait while a chip converts.
    let late_before = world.board().report()["battery"].lateness.max;
    world.hang(60 * SECOND, |board, broker| {
        let told = last_status(broker);
        assert!(told.devices["outdoor"].is_stuck && !told.devices["battery"].is_stuck);
        assert_eq!(board.report()["outdoor"].state, DeviceState::Measuring);
    });
    world.run(30 * SECOND);
    assert!(!world.device("outdoor").is_stuck);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(temperatures.len(), world.slots()[0], "every second has its outcome, stuck or not");
    let timeouts = gaps(temperatures)[&NoData::Timeout];
    assert!((60..=61).contains(&timeouts), "{timeouts}: sixty, and one in the back-off");
    assert_eq!(gaps(temperatures).len(), 1, "none of them is told again as missed");
    let battery = &delivered["battery.supply"];
    assert_eq!((battery.len(), gaps(battery).len()), (world.slots()[1], 0));
    assert!(world.board().report()["battery"].lateness.max <= late_before);
    assert_eq!(world.count("transactions_overdue"), 1);
    assert_eq!(world.count("deadlines_missed"), 0);
    assert_eq!(world.count("unwedges_tried"), 1);
}

#[test]
fn a_queue_that_fills_up_slows_down_what_is_of_low_priority() {
    let setup = Setup { priority: Priority::LOW, queue: 100, ..Setup::default() };
    let mut world = World::with(1, setup);
    world.pause_store(true);
    // Three outcomes in two seconds: 80 of 100 are in the queue after the slots of 52 s. Of the battery's
    // next slots three are shed, one is taken at 60 s, three are shed.
    world.run(67 * SECOND);
    assert_eq!(world.count("slots_shed"), 6);
    assert_eq!(world.count("gaps_shed"), 2, "one gap for each run of three");
    world.pause_store(false);
    world.run(33 * SECOND);
    assert_eq!(world.count("slots_shed"), 6, "relieved");
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let [seconds, due] = world.slots();
    assert_eq!(delivered["outdoor.temperature"].len(), seconds, "the others are not slowed down");
    let battery = &delivered["battery.supply"];
    assert_eq!(gaps(battery), [(NoData::Shed, 2)].into());
    assert_eq!(battery.len(), due - 6 + 2, "each slot is taken or shed");
    assert_eq!(world.device("battery").shed, 6);
}
