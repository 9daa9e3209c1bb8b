//! A bus that a chip holds, and the GPIO lines that free it, through the release gateway and the kernel's interface.

use blackbox::{
    mosquitto::{self, Mosquitto},
    site::{Listener, Site, until},
};
use domain::{NoData, Sample};
use sim::{
    bus::{I2cBus, SpiLine, SwitchedBus},
    chips,
    gpio::GpioChip,
    kernel::DeviceNodes,
    time::Elapsed,
};
use wire::status::State;

const SCL: u32 = 23;
const SDA: u32 = 24;
const POWER: u32 = 25;
const SUPPLY: &str = ", power = 25, power_off = \"300ms\"";

/// A chip behind a switch twice a second, on a bus that can be freed, and a neighbour ten times a second.
fn configuration(power: &str) -> String {
    format!(
        r#"
[pipeline]
status_interval = "1s"
drain_timeout = "20s"

[buses.i2c1]
kind = "i2c"
path = "/dev/i2c-1"
switches.attic = {{}}
recovery = {{ chip = "/dev/gpiochip0", scl = {SCL}, sda = {SDA}{power} }}

[buses.spi0]
kind = "spi"
path = "/dev/spidev0.0"

[devices.victim]
driver = "tmp117"
bus = "i2c1"
address = 0x48
switch = "attic"
channel = 3
period = "500ms"
retry_max = "1s"

[devices.neighbour]
driver = "mcp3208"
bus = "spi0"
period = "100ms"
reference_volts = 3.3
channels.supply = {{ channel = 0 }}
"#
    )
}

/// The wires of a bus with a chip behind a switch, and of its neighbour.
struct Wires {
    i2c: I2cBus,
    lines: GpioChip,
    nodes: DeviceNodes,
}

impl Wires {
    fn new() -> Self {
        let (i2c, lines) = (I2cBus::new(), GpioChip::new());
        let behind = SwitchedBus::new(i2c.clone(), 0x70);
        let chip = chips::Tmp117::new(Elapsed::running(), |_| 21.0);
        behind.channel(3).unwrap().attach(0x48, chip);
        lines.wire_bus(SCL, SDA, &i2c);
        lines.wire_supply(POWER, &i2c);
        let spi = SpiLine::new(chips::Mcp3208::new(3.3, |_| 1.0));
        let nodes = DeviceNodes::new()
            .i2c("/dev/i2c-1", &i2c)
            .spi("/dev/spidev0.0", &spi)
            .gpio("/dev/gpiochip0", &lines);
        Self { i2c, lines, nodes }
    }
}

/// The same with a chip in front of the switch, which is asked more often than the one behind it.
fn with_one_in_front() -> String {
    let slow = configuration(SUPPLY).replace("period = \"500ms\"", "period = \"5s\"");
    slow + "\n[devices.front]\ndriver = \"tmp117\"\nbus = \"i2c1\"\naddress = 0x49\nperiod = \"500ms\"\n"
}

fn is_good(sample: &Sample) -> bool {
    sample.reading.outcome.is_ok()
}

/// Wedges the bus for so many clocks once it is well, and waits until it is well again. What the victim said since, and
/// how often it was tried to free the bus, in vain or not.
fn wedge(wires: &Wires, listener: &Listener, clocks: u32) -> (Vec<Sample>, [Option<u64>; 2]) {
    let heard = &listener.heard;
    let victim = || heard.stream("victim.temperature");
    until("the victim is heard", || victim().last().is_some_and(is_good)).unwrap();
    let before = victim().len();
    wires.i2c.wedge(clocks);
    let has_failed = || victim()[before..].iter().any(|sample| !is_good(sample));
    until("the bus is stuck", has_failed).unwrap();
    until("the bus is free", || !wires.i2c.is_wedged()).unwrap();
    until("the victim is back", || victim().last().is_some_and(is_good)).unwrap();
    let counted = || ["unwedges_tried", "unwedges_failed"].map(|name| heard.counter(name));
    until("it is counted", || counted()[0] > Some(0)).unwrap();
    (victim().split_off(before), counted())
}

/// A bus that is wedged for so many clocks comes back by itself, by way of its supply or not, while its
/// neighbour loses no slot.
fn comes_back(clocks: u32, is_powered_anew: bool) {
    let Some(program) = mosquitto::find("a wedged bus that is freed") else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(&program, folder.path()).unwrap();
    let wires = Wires::new();
    let site = Site::new(&broker.url(), &configuration(SUPPLY), wires.nodes.clone()).unwrap();
    let listener = site.listen().unwrap();
    let gateway = site.start_gateway().unwrap();
    let (since, counted) = wedge(&wires, &listener, clocks);
    // A transaction that hangs for a second takes a slot of its own device along.
    let is_told = |sample: &Sample| match sample.reading.outcome {
        Ok(_) | Err(NoData::Timeout | NoData::Missed) => true,
        Err(_) => false,
    };
    assert!(since.iter().all(is_told), "{since:?}");
    assert_eq!(since[0].reading.outcome, Err(NoData::Timeout));
    assert_eq!(counted, [Some(1), Some(0)], "{}", site.log_text());
    assert!(wires.lines.is_high(POWER) && wires.lines.is_high(SDA));
    assert_eq!(wires.lines.is_used(POWER), is_powered_anew, "the supply is the last resort");

    assert!(gateway.stop().unwrap().success(), "{}", site.log_text());
    let heard = &listener.heard;
    let is_last = || heard.status().is_some_and(|status| status.state == State::Stopped);
    until("the last word arrives", is_last).unwrap();
    assert!(heard.stream("neighbour.supply").iter().all(is_good));
    assert_eq!(heard.status().unwrap().devices["neighbour"].missed, 0);
    assert!(site.log_text().contains("bus is free"), "{}", site.log_text());
}

#[test]
fn a_chip_in_the_middle_of_a_byte_is_clocked_out_and_its_neighbour_loses_no_slot() {
    comes_back(7, false);
}

#[test]
fn a_chip_that_clocks_do_not_free_is_powered_anew_and_its_neighbour_loses_no_slot() {
    comes_back(1_000_000, true);
}

#[test]
fn a_bus_that_cannot_be_freed_is_told_and_is_read_again_once_the_chip_lets_go() {
    let Some(program) = mosquitto::find("a wedged bus that stays so") else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(&program, folder.path()).unwrap();
    let wires = Wires::new();
    let site = Site::new(&broker.url(), &configuration(""), wires.nodes.clone()).unwrap();
    let listener = site.listen().unwrap();
    let gateway = site.start_gateway().unwrap();
    let heard = &listener.heard;
    let victim = || heard.stream("victim.temperature").pop();
    until("the victim is heard", || victim().as_ref().is_some_and(is_good)).unwrap();
    wires.i2c.wedge(1_000_000);
    let failed = || heard.counter("unwedges_failed") == Some(1);
    until("the attempt is counted as failed", failed).unwrap();
    let reason = victim().unwrap().reading.outcome;
    assert!(
        matches!(reason, Err(NoData::Timeout | NoData::Missed | NoData::BusFault)),
        "{reason:?}"
    );
    wires.i2c.wedge(0);
    until("the victim is back", || victim().as_ref().is_some_and(is_good)).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", site.log_text());
    assert!(site.log_text().contains("bus cannot be freed"), "{}", site.log_text());
    assert!(heard.stream("neighbour.supply").iter().all(is_good));
}

#[test]
fn what_a_switch_forgot_without_its_supply_is_not_believed_any_more() {
    let Some(program) = mosquitto::find("a switch that was powered anew") else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(&program, folder.path()).unwrap();
    let wires = Wires::new();
    wires.i2c.attach(0x49, chips::Tmp117::new(Elapsed::running(), |_| 12.0));
    let site = Site::new(&broker.url(), &with_one_in_front(), wires.nodes.clone()).unwrap();
    let listener = site.listen().unwrap();
    let gateway = site.start_gateway().unwrap();
    let heard = &listener.heard;
    let victim = || heard.stream("victim.temperature");
    until("the victim is heard", || victim().last().is_some_and(is_good)).unwrap();
    let before = victim().len();
    // It is not asked while the one in front suffers from the bus, and has it freed.
    wires.i2c.wedge(1_000_000);
    until("the bus is free", || !wires.i2c.is_wedged()).unwrap();
    until("the victim is heard again", || victim().len() > before + 1).unwrap();
    assert!(victim().iter().all(is_good), "{:?}", victim());
    assert!(heard.stream("front.temperature").iter().any(|sample| !is_good(sample)));
    assert!(gateway.stop().unwrap().success(), "{}", site.log_text());
}
