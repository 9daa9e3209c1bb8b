//! AHT20 product manuals: resolution 0.01 °C and 0.024 %.

use embedded_hal::i2c::I2c as _;
use sensors::{Aht20, Aht20Options};
use sim::{bus::I2cBus, bus::Wiring, chips, environment::Climate, time::VirtualClock};

use crate::sensirion::{
    Dial, SECOND, VirtualDelay, air, assert_close, assert_honest, clock, measured, on_bus,
    sweep_air,
};

struct Bench {
    device: Aht20<I2cBus, VirtualDelay>,
    dial: Dial<Climate>,
    clock: VirtualClock,
    bus: I2cBus,
    wiring: Wiring,
}

fn bench() -> Bench {
    let (clock, dial) = (clock(), Dial::at(air(20.0, 50.0)));
    let sensed = dial.clone();
    let chip = chips::Aht20::new(clock.elapsed(), move |_| sensed.get());
    let (bus, wiring) = on_bus(0x38, chip);
    let options = Aht20Options { bus_timeout: SECOND };
    let device = Aht20::new(bus.clone(), VirtualDelay(clock.clone()), options);
    Bench { device, dial, clock, bus, wiring }
}

#[test]
fn the_whole_range_is_measured_to_the_resolution() {
    let mut bench = bench();
    sweep_air(&mut bench.device, &bench.dial, &bench.clock, (-40.0, 85.0), [0.01, 0.024]);
}

#[test]
fn it_is_honest_when_the_chip_is_absent_corrupt_or_back_again() {
    let mut bench = bench();
    assert_honest(&mut bench.device, &bench.wiring, &bench.clock);
}

#[test]
fn a_chip_that_was_reset_is_calibrated_and_measured_in_the_same_call() {
    let mut bench = bench();
    bench.clock.advance(SECOND);
    for _ in 0..2 {
        assert_close(&measured(&mut bench.device), &[(20.0, 0.01), (50.0, 0.01)]);
        bench.bus.write(0x38, &[0xBA]).unwrap();
        bench.clock.advance(SECOND);
    }
}
