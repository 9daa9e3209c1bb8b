//! What the kernel drives itself: sysfs trees and digital inputs, through the release gateway.

use std::fs;

use blackbox::{
    mosquitto::{self, Mosquitto},
    site::{Site, until},
};
use domain::NoData;
use sim::{gpio::GpioChip, kernel::DeviceNodes};

const METER: u32 = 17;

fn configuration(root: &str) -> String {
    format!(
        r#"
[buses.kernel]
kind = "sysfs"
path = "{root}"

[buses.pins]
kind = "gpio"
path = "/dev/gpiochip0"

[devices.cpu]
driver = "hwmon"
bus = "kernel"
period = "100ms"
chip = "cpu_thermal"
channels.core = {{ attribute = "temp1" }}

[devices.cellar]
driver = "one_wire"
bus = "kernel"
period = "2s"
serial = "28-0316a2797b19"

[devices.meter]
driver = "gpio_counter"
bus = "pins"
period = "100ms"
line = {METER}
"#
    )
}

#[test]
fn files_are_read_pulses_are_counted_and_a_chip_that_goes_and_comes_is_a_gap_between() {
    let Some(program) = mosquitto::find("the kernel's own sensors") else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(&program, folder.path()).unwrap();
    let tree = folder.path().join("sys");
    let (monitors, cellar) =
        (tree.join("class/hwmon"), tree.join("bus/w1/devices/28-0316a2797b19"));
    let plug = |number: u32, thousandths: &str| {
        let chip = monitors.join(format!("hwmon{number}"));
        fs::create_dir_all(&chip).unwrap();
        fs::write(chip.join("temp1_input"), thousandths).unwrap();
        fs::write(chip.join("name"), "cpu_thermal\n").unwrap();
        chip
    };
    let chip = plug(0, "48312\n");
    fs::create_dir_all(&cellar).unwrap();
    fs::write(cellar.join("temperature"), "7875\n").unwrap();
    let pins = GpioChip::new();
    let nodes = DeviceNodes::new().gpio("/dev/gpiochip0", &pins);
    let site = Site::new(&broker.url(), &configuration(&tree.to_string_lossy()), nodes).unwrap();
    let listener = site.listen().unwrap();
    let gateway = site.start_gateway().unwrap();
    let newest = |stream: &str| Some(listener.heard.stream(stream).pop()?.reading.outcome);
    let number = |stream: &str| newest(stream)?.ok().map(domain::Quantity::number);

    until("the line is watched", || pins.is_used(METER)).unwrap();
    for _ in 0..250 {
        pins.set(METER, true);
        pins.set(METER, false);
    }
    until("every pulse is counted", || number("meter.count") == Some(250.0)).unwrap();
    until("the core is read", || number("cpu.core") == Some(48.312)).unwrap();
    until("the cellar is read", || number("cellar.temperature") == Some(7.875)).unwrap();

    fs::remove_dir_all(chip).unwrap();
    until("the chip is missed", || newest("cpu.core") == Some(Err(NoData::Absent))).unwrap();
    plug(3, "50000\n");
    until("it is found by its name", || number("cpu.core") == Some(50.0)).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", site.log_text());
}
