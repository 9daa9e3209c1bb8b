//! A stuck bus and its neighbour.

use std::time::Duration;

use blackbox::{
    mosquitto::{self, Mosquitto},
    site::{Site, let_pass, until},
};
use domain::NoData;
use sim::{
    bus::{Effect, FaultPlan, I2cBus, SpiLine, When},
    chips,
    kernel::DeviceNodes,
    time::Elapsed,
};
use wire::status::DeviceStatus;

/// A chip on a bus that will be stuck, twice a second, and one beside it, ten times a second.
const CONFIGURATION: &str = r#"
[pipeline]
status_interval = "1s"
drain_timeout = "20s"

[buses.i2c1]
kind = "i2c"
path = "/dev/i2c-1"

[buses.spi0]
kind = "spi"
path = "/dev/spidev0.0"

[devices.victim]
driver = "tmp117"
bus = "i2c1"
address = 0x48
period = "500ms"

[devices.neighbour]
driver = "mcp3208"
bus = "spi0"
period = "100ms"
reference_volts = 3.3
channels.supply = { channel = 0 }
"#;

/// How long each gateway is watched.
const WATCHED: Duration = Duration::from_secs(8);

#[test]
fn a_stuck_bus_costs_its_neighbour_no_slot() {
    let Some(program) = mosquitto::find("stuck bus and neighbour") else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(&program, folder.path()).unwrap();
    let i2c = I2cBus::new();
    let wiring = i2c.attach(0x48, chips::Tmp117::new(Elapsed::running(), |_| 21.0));
    let spi = SpiLine::new(chips::Mcp3208::new(3.3, |_| 1.0));
    let nodes = DeviceNodes::new().i2c("/dev/i2c-1", &i2c).spi("/dev/spidev0.0", &spi);
    let site = Site::new(&broker.url(), CONFIGURATION, nodes).unwrap();
    // A gateway each: what it says of lateness is over all of its life.
    let run = || {
        let listener = site.listen().unwrap();
        let gateway = site.start_gateway().unwrap();
        let heard = &listener.heard;
        until("the neighbour is heard", || heard.stream("neighbour.supply").len() > 5).unwrap();
        let_pass(WATCHED);
        assert!(gateway.stop().unwrap().success(), "{}", site.log_text());
        let is_last = || heard.status().is_some_and(|s| s.state == wire::status::State::Stopped);
        until("the last word arrives", is_last).unwrap();
        let neighbour: DeviceStatus = heard.status().unwrap().devices["neighbour"];
        let samples = heard.stream("neighbour.supply");
        assert!(samples.iter().all(|sample| sample.reading.outcome.is_ok()), "{samples:?}");
        assert_eq!(neighbour.missed, 0, "{neighbour:?}");
        (neighbour.lateness, heard.stream("victim.temperature"))
    };
    let (before, victim) = run();
    assert!(victim.iter().any(|sample| sample.reading.outcome.is_ok()));
    let effect = Effect::Stall(Duration::from_secs(1));
    wiring.inject(FaultPlan { when: When::Always, effect });
    let (during, victim) = run();
    let is_timeout = |sample: &domain::Sample| sample.reading.outcome == Err(NoData::Timeout);
    assert!(victim.last().is_some_and(is_timeout), "the bus was not stuck: {:?}", victim.last());
    println!(
        "neighbour's lateness, p50 and p99 in µs: {} and {} before, {} and {} beside a stuck bus",
        before.p50 / 1_000,
        before.p99 / 1_000,
        during.p50 / 1_000,
        during.p99 / 1_000,
    );
}
