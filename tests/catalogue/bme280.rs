//! BME280: -40 to 85 °C, 0 to 100 %, 300 to 1100 hPa, over SPI.

use domain::NoData;
use proptest::prelude::*;
use sensors::{Bme280, Bme280OnSpi};
use sim::{
    bus::{BusFault, Effect, FaultPlan, SpiLine, When},
    chips,
    environment::Climate,
};

use crate::support::{
    Stopwatch, World, assert_close, assert_corrupt_bytes_are_refused, measured, numbers, on_select,
};

/// 16 bits of counts, as the driver samples each quantity once.
const BOUNDS: [f64; 3] = [0.011, 0.02, 0.04];
const ROOM: Climate = Climate { celsius: 21.5, humidity_percent: 40.0, hectopascals: 1_006.5 };

fn chip(stopwatch: &Stopwatch, world: &World<Climate>) -> chips::Bme280 {
    chips::Bme280::new(stopwatch.elapsed(), world.told())
}

fn driver(line: SpiLine, stopwatch: &Stopwatch) -> Bme280<Bme280OnSpi<SpiLine>, Stopwatch> {
    Bme280::on_spi(line, stopwatch.clone())
}

fn expected(climate: Climate) -> [f64; 3] {
    [climate.celsius, climate.humidity_percent, climate.hectopascals]
}

proptest! {
    #[test]
    fn the_whole_range_comes_through_spi(
        celsius in -39.9..84.9_f64, humidity_percent in 0.0..100.0_f64, hectopascals in 301.0..1_099.0_f64,
    ) {
        let climate = Climate { celsius, humidity_percent, hectopascals };
        let (stopwatch, world) = (Stopwatch::default(), World::new(climate));
        let (line, _) = on_select(chip(&stopwatch, &world));
        assert_close(&numbers(&mut driver(line, &stopwatch)), &expected(climate), &BOUNDS);
    }
}

#[test]
fn a_chip_that_was_gone_is_a_gap_and_comes_back() {
    let (stopwatch, world) = (Stopwatch::default(), World::new(ROOM));
    let (line, wiring) = on_select(chip(&stopwatch, &world));
    let mut driver = driver(line, &stopwatch);
    assert_close(&numbers(&mut driver), &expected(ROOM), &BOUNDS);
    wiring.unplug();
    assert_eq!(
        [measured(&mut driver), measured(&mut driver)],
        [Err(NoData::Absent), Err(NoData::Absent)]
    );
    let now = Climate { celsius: -5.0, ..ROOM };
    world.set(now);
    wiring.replug();
    assert_close(&numbers(&mut driver), &expected(now), &BOUNDS);
    wiring.inject(FaultPlan { when: When::Always, effect: Effect::Fail(BusFault::Io) });
    assert_eq!(measured(&mut driver), Err(NoData::BusFault));
    wiring.heal();
    assert_corrupt_bytes_are_refused(&mut driver, &wiring);
}
