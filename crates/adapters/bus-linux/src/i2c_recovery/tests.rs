use std::sync::{Arc, Mutex};

use super::*;

/// Two wires, and a chip that holds SDA for so many more clocks.
#[derive(Default)]
struct Wires {
    scl: bool,
    sda: bool,
    held_clocks: u32,
    /// A chip holds SCL, for good.
    is_scl_held: bool,
    /// From then on SCL cannot be let go.
    fails_after_clocks: Option<u32>,
    /// Rising edges of SCL, and of SDA while SCL was high: clocks and stops.
    clocks: u32,
    stops: u32,
}

#[derive(Clone)]
struct End(Arc<Mutex<Wires>>, bool);

impl Wire for End {
    fn set(&mut self, level: bool) -> Result<(), NoData> {
        let mut wires = self.0.lock().unwrap();
        if self.1 {
            if level && wires.fails_after_clocks == Some(wires.clocks) {
                return Err(NoData::Absent);
            }
            if level && !wires.scl {
                wires.clocks += 1;
                wires.held_clocks = wires.held_clocks.saturating_sub(1);
            }
            wires.scl = level;
        } else {
            wires.stops += u32::from(level && !wires.sda && wires.scl);
            wires.sda = level;
        }
        Ok(())
    }

    fn level(&mut self) -> Result<bool, NoData> {
        let wires = self.0.lock().unwrap();
        Ok(if self.1 {
            wires.scl && !wires.is_scl_held
        } else {
            wires.sda && wires.held_clocks == 0
        })
    }
}

struct Noted(Vec<Duration>);

impl DelayNs for Noted {
    fn delay_ns(&mut self, ns: u32) {
        self.0.push(Duration::from_nanos(ns.into()));
    }

    fn delay_ms(&mut self, ms: u32) {
        self.0.push(Duration::from_millis(ms.into()));
    }
}

fn clock(held_clocks: u32) -> (Result<Held, NoData>, u32, u32) {
    clock_on(Wires { held_clocks, ..Wires::default() })
}

fn clock_on(mut wires: Wires) -> (Result<Held, NoData>, u32, u32) {
    (wires.scl, wires.sda) = (true, true);
    let wires = Arc::new(Mutex::new(wires));
    let [mut scl, mut sda] = [true, false].map(|is_scl| End(Arc::clone(&wires), is_scl));
    let outcome = clock_out(&mut scl, &mut sda, &mut Noted(Vec::new()));
    let wires = wires.lock().unwrap();
    assert!(wires.sda, "SDA is let go whatever happens");
    (outcome, wires.clocks, wires.stops)
}

#[test]
fn a_chip_is_clocked_until_it_lets_go_and_then_stopped() {
    // The last clock is that of the stop.
    assert_eq!(clock(0), (Ok(Held::Never), 1, 1));
    assert_eq!(clock(3), (Ok(Held::LetGo), 4, 1));
    assert_eq!(clock(9), (Ok(Held::LetGo), 10, 1));
}

#[test]
fn a_wire_that_is_held_for_good_is_a_fault_after_nine_clocks() {
    let (outcome, clocks, _) = clock(1_000);
    assert_eq!((outcome, clocks), (Err(NoData::BusFault), 10));
}

#[test]
fn a_bus_whose_scl_is_held_is_not_free() {
    let (outcome, ..) = clock_on(Wires { is_scl_held: true, ..Wires::default() });
    assert_eq!(outcome, Err(NoData::BusFault));
}

#[test]
fn a_line_that_fails_on_the_way_leaves_no_wire_pulled() {
    for held_clocks in [0, 3] {
        // It is the rise of the stop, for which SDA is low.
        let fails_after_clocks = Some(held_clocks);
        let wires = Wires { held_clocks, fails_after_clocks, ..Wires::default() };
        assert_eq!(clock_on(wires).0, Err(NoData::Absent));
    }
}

/// A supply switch that notes what it is told and fails to go off if it is told so.
struct Supply(Vec<bool>, bool);

impl Wire for Supply {
    fn set(&mut self, level: bool) -> Result<(), NoData> {
        self.0.push(level);
        if self.1 && !level { Err(NoData::BusFault) } else { Ok(()) }
    }

    fn level(&mut self) -> Result<bool, NoData> {
        Ok(true)
    }
}

#[test]
fn a_supply_is_off_for_its_time_and_on_again_whatever_happens() {
    let [off, settling] = [300, 50].map(Duration::from_millis);
    let (mut supply, mut noted) = (Supply(Vec::new(), false), Noted(Vec::new()));
    assert_eq!(cycle(&mut supply, off, settling, &mut noted), Ok(()));
    assert_eq!((supply.0, noted.0), (vec![false, true], vec![off, settling]));
    let mut stuck = Supply(Vec::new(), true);
    let outcome = cycle(&mut stuck, off, settling, &mut Noted(Vec::new()));
    assert_eq!((outcome, stuck.0), (Err(NoData::BusFault), vec![false, true]));
}

#[test]
fn without_lines_there_is_nothing_to_do_and_a_missing_chip_is_told() {
    let mut nothing = I2cRecovery::new(Noted(Vec::new()));
    assert_eq!((nothing.worst_case(), nothing.unwedge()), (Duration::ZERO, Ok(())));
    let line = GpioOutput::new("/nowhere/gpiochip0", 4, false, true);
    let [off, settling] = [300, 50].map(Duration::from_millis);
    let power = PowerLine { line, off, settling };
    let mut recovery = I2cRecovery::new(Noted(Vec::new())).with_power(power);
    assert_eq!(recovery.worst_case(), Duration::from_millis(350));
    assert_eq!(recovery.unwedge(), Err(NoData::Absent));
}
