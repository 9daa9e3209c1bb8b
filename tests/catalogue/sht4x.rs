//! SHT4x datasheet: resolution 0.01 °C and 0.01 %.

use sensors::{Precision, Sht4x, Sht4xOptions};
use sim::{bus::I2cBus, bus::Wiring, chips, environment::Climate, time::VirtualClock};

use crate::sensirion::{
    Dial, SECOND, VirtualDelay, air, assert_close, assert_honest, clock, measured, on_bus,
    sweep_air,
};

struct Bench {
    device: Sht4x<I2cBus, VirtualDelay>,
    dial: Dial<Climate>,
    clock: VirtualClock,
    wiring: Wiring,
}

fn bench(address: u8, precision: Precision) -> Bench {
    let (clock, dial) = (clock(), Dial::at(air(20.0, 50.0)));
    let sensed = dial.clone();
    let chip = chips::Sht4x::new(clock.elapsed(), move |_| sensed.get());
    let (bus, wiring) = on_bus(address, chip);
    let options = Sht4xOptions { address, precision, bus_timeout: SECOND };
    let device = Sht4x::new(bus, VirtualDelay(clock.clone()), options).unwrap();
    Bench { device, dial, clock, wiring }
}

#[test]
fn the_whole_range_is_measured_to_the_resolution_at_each_precision_and_address() {
    for (address, precision) in
        [(0x44, Precision::High), (0x45, Precision::Medium), (0x46, Precision::Low)]
    {
        let mut bench = bench(address, precision);
        let range = (-40.0, 125.0);
        sweep_air(&mut bench.device, &bench.dial, &bench.clock, range, [0.01, 0.01]);
    }
}

#[test]
fn humidity_that_noise_carries_beyond_its_ends_is_the_end() {
    let mut bench = bench(0x44, Precision::High);
    bench.clock.advance(SECOND);
    for (sensed, reported) in [(-3.0, 0.0), (104.0, 100.0)] {
        bench.dial.set(air(20.0, sensed));
        assert_close(&measured(&mut bench.device), &[(20.0, 0.01), (reported, 0.0)]);
    }
}

#[test]
fn it_is_honest_when_the_chip_is_absent_corrupt_or_back_again() {
    let mut bench = bench(0x44, Precision::High);
    assert_honest(&mut bench.device, &bench.wiring, &bench.clock);
}
