//! Commands while everything runs: what changes at once, and that no stream has a hole in its numbers.

use domain::{Command, DeviceState, FaultPolicy, Kept, NoData, Outcome, Return, Target};
use pipeline::command::Commander;
use ports::{Audit, AuditRecord, Keeper, NotKept};
use std::{sync::Arc, time::Duration};

use crate::world::{SECOND, Setup, World, gaps};

/// Forgets everything.
pub(crate) struct Nowhere;

impl Keeper for Nowhere {
    fn keep(&mut self, _: &Kept) -> Result<(), NotKept> {
        Ok(())
    }
}

impl Audit for Nowhere {
    fn record(&mut self, _: &AuditRecord<'_>) -> Result<(), NotKept> {
        Ok(())
    }
}

fn give(world: &World, command: &Command) -> Outcome {
    let (board, clock) = (world.board().clone(), Arc::new(world.clock.clone()));
    let (keeper, audit) = (Box::new(Nowhere), Box::new(Nowhere));
    let commander = Commander::new(board, clock, Kept::new(), keeper, audit, Arc::default());
    commander.execute("story", command).outcome
}

fn outdoor() -> Target {
    Target::Device("outdoor".to_owned())
}

#[test]
fn a_new_rate_takes_effect_at_the_next_slot_and_the_stream_has_no_hole() {
    let mut world = World::new(1);
    world.run(10 * SECOND);
    let (device, period) = ("outdoor".to_owned(), Duration::from_millis(250));
    assert_eq!(give(&world, &Command::SetRate { device, period, is_kept: false }), Ok(()));
    world.run(10 * SECOND);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let count = delivered["outdoor.temperature"].len();
    // Ten, and forty: one more or less where the clock stands on a slot.
    assert!((49..=51).contains(&count), "{count}");
    assert!(gaps(&delivered["outdoor.temperature"]).is_empty());
}

#[test]
fn what_is_stopped_says_so_once_and_goes_on_where_it_was_when_it_is_started() {
    let mut world = World::new(1);
    world.run(10 * SECOND);
    assert_eq!(give(&world, &Command::Stop { target: outdoor(), is_kept: false }), Ok(()));
    world.run(100 * SECOND);
    assert!(world.device("outdoor").is_stopped && !world.device("battery").is_stopped);
    assert_eq!(give(&world, &Command::Start(Target::Gateway)), Ok(()));
    world.run(10 * SECOND);
    assert!(!world.device("outdoor").is_stopped);
    assert!(world.drain());
    world.assert_nothing_is_missing();
    let delivered = world.delivered();
    let temperatures = &delivered["outdoor.temperature"];
    assert_eq!(gaps(temperatures), [(NoData::Stopped, 1)].into());
    assert!((20..=22).contains(&temperatures.len()), "{}", temperatures.len());
    assert!(gaps(&delivered["battery.supply"]).is_empty());
    assert_eq!(world.count("gaps_stopped"), 6, "three sensors, and three metrics of them");
}

#[test]
fn a_reset_leaves_the_safe_state() {
    let faults = FaultPolicy { comes_back: Return::OnReset, ..FaultPolicy::default() };
    let mut world = World::with(1, Setup { faults, ..Setup::default() });
    world.thermometer.unplug();
    world.run(600 * SECOND);
    assert_eq!(world.device("outdoor").state, DeviceState::SafeState);
    world.thermometer.replug();
    assert_eq!(give(&world, &Command::Reset(outdoor())), Ok(()));
    world.run(2 * SECOND);
    assert_eq!(world.device("outdoor").state, DeviceState::Idle);
}
