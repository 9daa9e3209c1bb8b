use std::sync::{Arc, Mutex};

use super::*;

/// Two wires, and a chip that holds SDA for so many more clocks.
#[derive(Default)]
struct Wires {
    scl: bool,
    sda: bool,
    held_clocks: u32,
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
        Ok(if self.1 { wires.scl } else { wires.sda && wires.held_clocks == 0 })
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
    let wires = Wires { scl: true, sda: true, held_clocks, ..Wires::default() };
    let wires = Arc::new(Mutex::new(wires));
    let [mut scl, mut sda] = [true, false].map(|is_scl| End(Arc::clone(&wires), is_scl));
    let outcome = clock_out(&mut scl, &mut sda, &mut Noted(Vec::new()));
    let wires = wires.lock().unwrap();
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
