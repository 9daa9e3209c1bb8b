//! Forty devices behind device nodes, everything going wrong with them, and an account of each stream.

use std::process::Command;

use blackbox::site::{gateway_binary, simulator_binary, subscriber_binary};

/// Which faults befall whom, and when. Any seed must do; one makes a failure repeatable.
const SEED: &str = "20";

#[test]
fn of_forty_devices_under_random_faults_no_slot_is_unexplained() {
    let output = Command::new(simulator_binary())
        .args(["--site", "forty", "--faults", "random", "--seed", SEED])
        .args(["--duration", "35s", "--headless"])
        .arg("--gateway-binary")
        .arg(gateway_binary())
        .arg("--subscriber-binary")
        .arg(subscriber_binary())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let remarks = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{remarks}");
    assert!(text.contains("account: EVEN") && text.contains("verdict: COMPLETE"), "{text}");
    let faults = text.lines().find_map(|line| line.strip_prefix("faults: ")).unwrap();
    let count: u32 = faults.split(' ').next().unwrap().parse().unwrap();
    assert!(count >= 20, "hardly anything went wrong: {faults}");
}
