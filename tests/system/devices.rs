//! Devices through the kernel's interfaces, broken in every way.

use std::{process::Command, time::Duration};

use blackbox::site::{gateway_binary, until};
use domain::{NoData, Quantity, Sample};

use crate::parts::{AIR, Bench, Wires};

impl Bench {
    fn newest(&self, stream: &str) -> Option<Sample> {
        self.listener.heard.stream(stream).pop()
    }

    fn outcome(&self, stream: &str) -> Option<Result<f64, NoData>> {
        self.newest(stream).map(|sample| sample.reading.outcome.map(Quantity::number))
    }

    fn send(&self, bytes: &[u8]) {
        let mut rest = bytes;
        until("the line takes the bytes", || {
            rest = &rest[self.wires.line.send(rest).unwrap_or(0)..];
            rest.is_empty()
        })
        .unwrap();
    }
}

#[test]
fn a_bme280_behind_the_device_abi_gives_what_it_feels() {
    let Some(bench) = Bench::new("BME280 through the device ABI", Wires::quiet()) else { return };
    let _gateway = bench.site.start_gateway().unwrap();
    until("a dew point arrives", || bench.newest("derived.dew_point").is_some()).unwrap();
    let near = |stream, truth: f64, within: f64| {
        let found = bench.outcome(stream).unwrap().unwrap();
        assert!((found - truth).abs() <= within, "{stream}: {found}, not {truth}");
    };
    near("outdoor.temperature", AIR.celsius, 0.02);
    near("outdoor.humidity", AIR.humidity_percent, 0.1);
    near("outdoor.pressure", AIR.hectopascals, 0.2);
    // Magnus form over water, by hand: 21.37 °C and 48.5 % give 10.1 °C.
    near("derived.dew_point", 10.1, 0.1);
    near("derived.mean", AIR.celsius, 0.02);
    let sample = bench.newest("outdoor.temperature").unwrap();
    assert_eq!(sample.boot, clock_linux::boot_id().unwrap());
}

#[test]
fn an_unplugged_chip_is_a_gap_with_its_reason_and_comes_back_while_the_line_goes_on() {
    let wires = Wires::counting(Duration::from_millis(20));
    let Some(bench) = Bench::new("unplugged chip", wires) else { return };
    let _gateway = bench.site.start_gateway().unwrap();
    until("a value arrives", || matches!(bench.outcome("outdoor.temperature"), Some(Ok(_))))
        .unwrap();
    bench.wires.thermometer.unplug();
    let absent = Some(Err(NoData::Absent));
    until("the gap arrives", || bench.outcome("outdoor.temperature") == absent).unwrap();
    until("the derived gap arrives", || bench.outcome("derived.dew_point") == absent).unwrap();
    let counted = bench.listener.heard.stream("counter.number").len();
    until("the line goes on", || {
        bench.listener.heard.stream("counter.number").len() > counted + 20
    })
    .unwrap();
    bench.wires.thermometer.replug();
    until("it comes back", || matches!(bench.outcome("outdoor.temperature"), Some(Ok(_)))).unwrap();
    let is_counted = || {
        let count = |name| bench.listener.heard.counter(name).unwrap_or(0);
        count("device_failures") >= 1
            && count("device_recoveries") == 1
            && count("gaps_absent") >= 1
    };
    until("it is counted", is_counted).unwrap();
}

#[test]
fn garbage_on_the_line_is_counted_and_no_number_is_made_of_it_nor_lost_beside_it() {
    let Some(bench) = Bench::new("garbage on the UART", Wires::quiet()) else { return };
    let _gateway = bench.site.start_gateway().unwrap();
    until("the gateway listens", || bench.wires.line.has_listener()).unwrap();
    until("the chip is read", || bench.newest("outdoor.temperature").is_some()).unwrap();
    bench.send(b"half a line\n");
    for number in 0..50_u8 {
        bench.send(format!("N,{number}\n").as_bytes());
        let noise: Vec<u8> =
            (0..200).map(|n: u8| n.wrapping_mul(37).wrapping_add(number) | 0x80).collect();
        bench.send(&noise);
        bench.send(b"\nN,12x4\nX,7\n");
    }
    let is_last = || bench.outcome("counter.number").is_some_and(|o| o == Ok(49.0) || o.is_err());
    let count = || {
        bench
            .listener
            .heard
            .stream("counter.number")
            .iter()
            .filter(|s| s.reading.outcome.is_ok())
            .count()
    };
    until("every number arrives", || count() >= 50 && is_last()).unwrap();
    let numbers: Vec<_> = bench.listener.heard.stream("counter.number");
    let numbers: Vec<_> =
        numbers.iter().filter_map(|s| s.reading.outcome.ok()).map(Quantity::number).collect();
    assert_eq!(numbers, (0..50).map(f64::from).collect::<Vec<_>>());
    let frames = |name| bench.listener.heard.counter(name);
    until("the numbers are counted", || frames("frames_measured") >= Some(50)).unwrap();
    until("foreign lines are counted", || frames("frames_ignored") >= Some(1)).unwrap();
    until("the garbage is counted", || bench.listener.heard.counter("frames_corrupt") >= Some(50))
        .unwrap();
}

#[test]
fn an_unplugged_serial_line_is_a_gap_and_is_found_again_under_its_new_name() {
    let wires = Wires::counting(Duration::from_millis(20));
    let Some(bench) = Bench::new("unplugged serial line", wires) else { return };
    let _gateway = bench.site.start_gateway().unwrap();
    until("numbers arrive", || matches!(bench.outcome("counter.number"), Some(Ok(_)))).unwrap();
    bench.wires.line.unplug();
    until("the gap arrives", || bench.outcome("counter.number") == Some(Err(NoData::Absent)))
        .unwrap();
    bench.wires.line.replug().unwrap();
    until("numbers arrive again", || matches!(bench.outcome("counter.number"), Some(Ok(_))))
        .unwrap();
}

#[test]
fn a_wrong_configuration_ends_with_2_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(
        &file,
        "[gateway]\nid = \"site\"\n[devices.a]\ndriver = \"bme820\"\nbus = \"x\"\n",
    )
    .unwrap();
    for command in ["check", "run"] {
        let output = Command::new(gateway_binary())
            .args([command, "--config"])
            .arg(&file)
            .env("TELEMETRYHUB__SPOOL__FOLDER", folder.path().join("spool"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("gateway.toml:4") && text.contains("bme280"), "{text}");
    }
    assert!(!folder.path().join("spool").exists());
}
