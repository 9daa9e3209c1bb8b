//! SGP40 datasheet: one tick.

use sensors::{Sgp40, Sgp40Options};
use sim::{
    bus::{I2cBus, Wiring},
    chips::{self, Compensation},
    time::VirtualClock,
};

use crate::sensirion::{Dial, SECOND, VirtualDelay, assert_honest, clock, measured, on_bus};

struct Bench {
    device: Sgp40<I2cBus, VirtualDelay>,
    ticks: Dial<u16>,
    told: Dial<Option<Compensation>>,
    clock: VirtualClock,
    wiring: Wiring,
}

fn bench(humidity_percent: f64, celsius: f64) -> Bench {
    let (clock, ticks, told) = (clock(), Dial::at(30_000), Dial::at(None));
    let (sensed, heard) = (ticks.clone(), told.clone());
    let chip = chips::Sgp40::new(clock.elapsed(), move |_, compensation| {
        heard.set(Some(compensation));
        sensed.get()
    });
    let (bus, wiring) = on_bus(0x59, chip);
    let options = Sgp40Options { humidity_percent, celsius, interval: SECOND, bus_timeout: SECOND };
    let device = Sgp40::new(bus, VirtualDelay(clock.clone()), options);
    Bench { device, ticks, told, clock, wiring }
}

#[test]
fn every_tick_arrives_and_the_index_never_leaves_its_scale() {
    let mut bench = bench(50.0, 25.0);
    bench.clock.advance(SECOND);
    for ticks in 0..=u16::MAX {
        bench.ticks.set(ticks);
        let found = measured(&mut bench.device).unwrap();
        assert_eq!(found[0], Ok(f64::from(ticks)));
        assert!(found[1].is_ok_and(|index| (1.0..=500.0).contains(&index)) || ticks <= 45);
    }
}

#[test]
fn the_chip_is_told_the_air_that_it_is_configured_for() {
    for (humidity, celsius) in [(50.0, 25.0), (0.0, -45.0), (100.0, 130.0), (33.3, -7.25)] {
        let mut bench = bench(humidity, celsius);
        bench.clock.advance(SECOND);
        measured(&mut bench.device).unwrap();
        let told = bench.told.get().unwrap();
        // Half a step of each word.
        assert!((told.humidity_percent - humidity).abs() <= 0.000_8, "{told:?}");
        assert!((told.celsius - celsius).abs() <= 0.001_4, "{told:?}");
    }
}

#[test]
fn it_is_honest_when_the_chip_is_absent_corrupt_or_back_again() {
    let mut bench = bench(50.0, 25.0);
    assert_honest(&mut bench.device, &bench.wiring, &bench.clock);
}
