//! SHT31, SHT3x-DIS datasheet: resolution 0.01 °C and 0.01 %.

use embedded_hal::i2c::I2c as _;
use sensors::{Repeatability, Sht31, Sht31Options};
use sim::{bus::I2cBus, bus::Wiring, chips, environment::Climate, time::VirtualClock};

use crate::sensirion::{
    Dial, SECOND, VirtualDelay, air, assert_close, assert_honest, clock, measured, on_bus,
    sweep_air,
};

const ADDRESS: u8 = 0x44;

struct Bench {
    device: Sht31<I2cBus, VirtualDelay>,
    dial: Dial<Climate>,
    clock: VirtualClock,
    bus: I2cBus,
    wiring: Wiring,
}

fn bench(repeatability: Repeatability) -> Bench {
    let (clock, dial) = (clock(), Dial::at(air(20.0, 50.0)));
    let sensed = dial.clone();
    let chip = chips::Sht31::new(clock.elapsed(), move |_| sensed.get());
    let (bus, wiring) = on_bus(ADDRESS, chip);
    let options = Sht31Options { address: ADDRESS, repeatability, bus_timeout: SECOND };
    let device = Sht31::new(bus.clone(), VirtualDelay(clock.clone()), options);
    Bench { device, dial, clock, bus, wiring }
}

#[test]
fn the_whole_range_is_measured_to_the_resolution_at_each_repeatability() {
    for repeatability in [Repeatability::High, Repeatability::Medium, Repeatability::Low] {
        let mut bench = bench(repeatability);
        let range = (-40.0, 125.0);
        sweep_air(&mut bench.device, &bench.dial, &bench.clock, range, [0.01, 0.01]);
    }
}

#[test]
fn it_is_honest_when_the_chip_is_absent_corrupt_or_back_again() {
    let mut bench = bench(Repeatability::High);
    assert_honest(&mut bench.device, &bench.wiring, &bench.clock);
}

#[test]
fn a_chip_left_heating_in_periodic_mode_measures_the_air_all_the_same() {
    let mut bench = bench(Repeatability::High);
    bench.clock.advance(SECOND);
    bench.bus.write(ADDRESS, &[0x30, 0x6D]).unwrap();
    bench.bus.write(ADDRESS, &[0x21, 0x30]).unwrap();
    assert_close(&measured(&mut bench.device), &[(20.0, 0.01), (50.0, 0.01)]);
}
