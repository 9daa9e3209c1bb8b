//! `telemetryhub scan` on a bus behind the device ABI.

use std::process::Command;

use blackbox::site::gateway_binary;
use sim::{
    bus::{I2cBus, Wiring},
    chips::{self, I2cChip, Nak},
    kernel::DeviceNodes,
    time::Elapsed,
};

use crate::parts::AIR;

/// A chip that takes anything written for an order to forget all.
struct Touchy;

impl I2cChip for Touchy {
    fn power_on(&mut self) {}

    fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
        panic!("{bytes:?} was written to a chip that nobody knows");
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        assert_eq!(bytes.len(), 1, "more than one byte was read");
        bytes.fill(0xA5);
        Ok(())
    }
}

fn scan(nodes: &DeviceNodes, bus: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(gateway_binary());
    command.args(["scan", "--bus", bus]);
    let front = nodes.serve(&mut command).unwrap();
    let output = command.output().unwrap();
    drop(front);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn once(wiring: &Wiring) -> bool {
    wiring.tally().transactions == 1
}

#[test]
fn a_scan_finds_who_answers_writes_nothing_and_leaves_the_kernels_own_alone() {
    let bus = I2cBus::new();
    let air = bus.attach(0x76, chips::Bme280::new(Elapsed::running(), |_| AIR));
    let touchy = bus.attach(0x22, Touchy);
    let clock = bus.attach(0x68, Touchy);
    bus.claim(0x68);
    let (code, out, faults) = scan(&DeviceNodes::new().i2c("/dev/i2c-1", &bus), "/dev/i2c-1");
    assert_eq!(code, Some(0), "{faults}");
    assert!(out.contains("0x76  answers; could be") && out.contains("bme280"), "{out}");
    assert!(out.contains("0x22  answers"), "{out}");
    assert!(out.contains("0x68  taken by a driver of the kernel"), "{out}");
    assert!(out.contains("2 of 111 addresses answer"), "{out}");
    assert!(once(&air) && once(&touchy), "each is asked once");
    assert_eq!(clock.tally().transactions, 0, "what the kernel has was asked");
}

#[test]
fn a_bus_that_is_not_there_is_a_failure_that_says_how_to_mend_it() {
    let nodes = DeviceNodes::new().i2c("/dev/i2c-1", &I2cBus::new());
    let (code, _, faults) = scan(&nodes, "/dev/i2c-7");
    assert_eq!(code, Some(1), "{faults}");
    assert!(faults.contains("cannot open /dev/i2c-7") && faults.contains("mend:"), "{faults}");
}
