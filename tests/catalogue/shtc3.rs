//! SHTC3 datasheet: resolution 0.01 °C and 0.01 %.

use embedded_hal::i2c::I2c as _;
use sensors::{Shtc3, Shtc3Options};
use sim::{bus::I2cBus, bus::Wiring, chips, environment::Climate, time::VirtualClock};

use crate::sensirion::{
    Dial, SECOND, VirtualDelay, air, assert_honest, clock, measured, on_bus, sweep_air,
};

struct Bench {
    device: Shtc3<I2cBus, VirtualDelay>,
    dial: Dial<Climate>,
    clock: VirtualClock,
    bus: I2cBus,
    wiring: Wiring,
}

fn bench(is_low_power: bool) -> Bench {
    let (clock, dial) = (clock(), Dial::at(air(20.0, 50.0)));
    let sensed = dial.clone();
    let chip = chips::Shtc3::new(clock.elapsed(), move |_| sensed.get());
    let (bus, wiring) = on_bus(0x70, chip);
    let options = Shtc3Options { is_low_power, bus_timeout: SECOND };
    let device = Shtc3::new(bus.clone(), VirtualDelay(clock.clone()), options);
    Bench { device, dial, clock, bus, wiring }
}

#[test]
fn the_whole_range_is_measured_to_the_resolution_in_either_mode() {
    for is_low_power in [false, true] {
        let mut bench = bench(is_low_power);
        let range = (-40.0, 125.0);
        sweep_air(&mut bench.device, &bench.dial, &bench.clock, range, [0.01, 0.01]);
    }
}

#[test]
fn it_is_honest_when_the_chip_is_absent_corrupt_or_back_again() {
    let mut bench = bench(false);
    assert_honest(&mut bench.device, &bench.wiring, &bench.clock);
}

#[test]
fn between_measurements_the_chip_is_asleep() {
    let mut bench = bench(false);
    bench.clock.advance(SECOND);
    measured(&mut bench.device).unwrap();
    assert!(bench.bus.write(0x70, &[0xEF, 0xC8]).is_err(), "asleep it tells no identifier");
    measured(&mut bench.device).unwrap();
}
