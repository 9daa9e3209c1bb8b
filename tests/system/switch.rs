//! Chips behind TCA9548A switches, through the release gateway and the kernel's interface.

use std::process::Command;

use blackbox::{
    mosquitto::{self, Mosquitto},
    site::{Site, gateway_binary, until},
};
use domain::{NoData, Quantity};
use sim::{
    bus::{I2cBus, SwitchedBus},
    chips,
    environment::Climate,
    kernel::DeviceNodes,
    time::Elapsed,
};

/// Four chips of one address behind two switches, and one of another address in front of them.
const CONFIGURATION: &str = r#"
[pipeline]
status_interval = "1s"
drain_timeout = "20s"

[buses.i2c1]
kind = "i2c"
path = "/dev/i2c-1"
switches.attic = { address = 0x70 }
switches.cellar = { address = 0x71 }

[devices.attic_east]
driver = "bme280"
bus = "i2c1"
address = 0x76
switch = "attic"
channel = 0
period = "500ms"

[devices.attic_west]
driver = "bme280"
bus = "i2c1"
address = 0x76
switch = "attic"
channel = 7
period = "500ms"

[devices.cellar]
driver = "bme280"
bus = "i2c1"
address = 0x76
switch = "cellar"
channel = 7
period = "500ms"

[devices.front]
driver = "tmp117"
bus = "i2c1"
address = 0x48
period = "500ms"
"#;

/// What each feels, so that one taken for another is seen.
const EAST: f64 = 11.0;
const WEST: f64 = 22.0;
const CELLAR: f64 = 5.0;
const FRONT: f64 = 33.0;

struct Board {
    nodes: DeviceNodes,
    attic: SwitchedBus,
}

impl Board {
    fn new() -> Self {
        let bus = I2cBus::new();
        bus.attach(0x48, chips::Tmp117::new(Elapsed::running(), |_| FRONT));
        let [attic, cellar] = [0x70, 0x71].map(|address| SwitchedBus::new(bus.clone(), address));
        let feel = |switch: &SwitchedBus, channel: u8, celsius: f64| {
            let air = Climate { celsius, humidity_percent: 40.0, hectopascals: 1_000.0 };
            let chip = chips::Bme280::new(Elapsed::running(), move |_| air);
            switch.channel(channel).unwrap().attach(0x76, chip);
        };
        feel(&attic, 0, EAST);
        feel(&attic, 7, WEST);
        feel(&cellar, 7, CELLAR);
        Self { nodes: DeviceNodes::new().i2c("/dev/i2c-1", &bus), attic }
    }
}

#[test]
fn chips_of_one_address_do_not_mix_and_a_switch_that_goes_takes_only_its_own_along() {
    let Some(program) = mosquitto::find("chips behind switches") else { return };
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(&program, folder.path()).unwrap();
    let Board { nodes, attic } = Board::new();
    let site = Site::new(&broker.url(), CONFIGURATION, nodes).unwrap();
    let listener = site.listen().unwrap();
    let gateway = site.start_gateway().unwrap();
    let heard = &listener.heard;
    let newest = |device: &str| {
        let sample = heard.stream(&format!("{device}.temperature")).pop()?;
        Some(sample.reading.outcome.map(Quantity::number))
    };
    let feels = |device: &str, celsius: f64| {
        newest(device).is_some_and(|outcome| outcome.is_ok_and(|n| (n - celsius).abs() < 0.1))
    };
    let everybody =
        [("attic_east", EAST), ("attic_west", WEST), ("cellar", CELLAR), ("front", FRONT)];
    let all_is_well = || everybody.iter().all(|&(device, celsius)| feels(device, celsius));
    until("each chip is read", all_is_well).unwrap();

    attic.wiring().unplug();
    let is_absent = |device: &str| newest(device) == Some(Err(NoData::Absent));
    until("those in the attic are missed", || is_absent("attic_east") && is_absent("attic_west"))
        .unwrap();
    let before = heard.stream("cellar.temperature").len();
    until("the cellar goes on", || heard.stream("cellar.temperature").len() > before + 5).unwrap();
    assert!(is_absent("attic_east") && is_absent("attic_west"));

    attic.wiring().replug();
    until("the attic is back", all_is_well).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", site.log_text());
    for (device, celsius) in everybody {
        let samples = heard.stream(&format!("{device}.temperature"));
        let values: Vec<_> =
            samples.iter().map(|s| s.reading.outcome.map(Quantity::number)).collect();
        let is_its_own = |outcome: &Result<f64, NoData>| match outcome {
            Ok(number) => (number - celsius).abs() < 0.1,
            Err(reason) => device.starts_with("attic") && *reason == NoData::Absent,
        };
        assert!(values.iter().all(is_its_own), "{device}: {values:?}");
    }
}

#[test]
fn a_scan_behind_a_channel_finds_who_is_there_and_disconnects_it_afterwards() {
    let Board { nodes, attic } = Board::new();
    let scan = |arguments: &[&str]| {
        let mut command = Command::new(gateway_binary());
        command.arg("scan").args(arguments);
        let front = nodes.serve(&mut command).unwrap();
        let output = command.output().unwrap();
        drop(front);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, format!("[gateway]\nid = \"site\"\n{CONFIGURATION}")).unwrap();
    let node = ["--bus", "/dev/i2c-1"];
    let named = ["--config", file.to_str().unwrap(), "--bus", "i2c1"];
    for (bus, switch) in [(&node[..], "0x70"), (&named[..], "attic")] {
        let behind = |channel| [bus, &["--switch", switch, "--channel", channel]].concat();
        let (code, out, faults) = scan(bus);
        assert_eq!(code, Some(0), "{faults}");
        assert!(out.contains("0x48") && out.contains("0x70") && !out.contains("0x76"), "{out}");
        let (code, out, faults) = scan(&behind("7"));
        assert_eq!(code, Some(0), "{faults}");
        assert!(out.contains("0x48") && out.contains("0x76  answers; could be"), "{out}");
        let (_, out, _) = scan(&behind("3"));
        assert!(!out.contains("0x76"), "{out}");
    }
    attic.wiring().unplug();
    let behind = |bus: &[_], switch| scan(&[bus, &["--switch", switch, "--channel", "7"]].concat());
    let (code, _, faults) = behind(&node, "0x70");
    assert_eq!(code, Some(1), "{faults}");
    assert!(faults.contains("the switch at 0x70 does not answer") && faults.contains("mend:"));
    let (code, _, faults) = behind(&node, "0x48");
    assert_eq!(code, Some(2), "{faults}");
    assert!(faults.contains("`0x48` is not the address of a switch"), "{faults}");
    let (code, _, faults) = behind(&named, "atic");
    assert_eq!(code, Some(2), "{faults}");
    assert!(faults.contains("did you mean `attic`? The switches are: attic, cellar"), "{faults}");
}
