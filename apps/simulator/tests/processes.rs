//! The simulator and its processes, with scripts in the place of the gateway and the subscriber.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests of real processes")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

/// A folder with two scripts, which note their command lines and who they are.
struct Cast {
    folder: TempDir,
}

impl Cast {
    /// `gateway` is what the script does in the place of the gateway.
    fn new(gateway: &str) -> Self {
        let cast = Self { folder: tempfile::tempdir().unwrap() };
        cast.script("gateway", gateway);
        cast.script(
            "subscriber",
            "echo listening >&2\nuntil [ -e stopped ]; do sleep 0.05; done\necho COMPLETE",
        );
        cast
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn script(&self, name: &str, does: &str) {
        let folder = self.folder.path().display();
        let notes = format!(
            "cd {folder}\ntrap 'touch stopped; exit 0' TERM\necho \"$@\" >> {name}.args\nenv >> {name}.env\necho $$ >> {name}.pids"
        );
        fs::write(self.path(name), format!("#!/bin/sh\n{notes}\n{does}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn simulate(&self, duration: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_telemetryhub-sim"));
        command.arg("--headless").arg(format!("--duration={duration}"));
        command.arg("--gateway-binary").arg(self.path("gateway"));
        command.arg("--subscriber-binary").arg(self.path("subscriber"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The lines that a script has noted, once there are so many.
    fn noted(&self, name: &str, count: usize) -> Vec<String> {
        let lines = || -> Vec<String> {
            let text = fs::read_to_string(self.path(name)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        until(name, || lines().len() >= count);
        lines()
    }

    fn pid(&self, name: &str) -> Pid {
        let number = self.noted(name, 1)[0].parse().unwrap();
        Pid::from_raw(number).unwrap()
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} does not come");
        thread::sleep(Duration::from_millis(20));
    }
}

fn is_gone(pid: Pid) -> bool {
    // What nobody has asked for the end of, is there as a zombie.
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    test_kill_process(pid).is_err() || status.contains("State:\tZ")
}

/// Runs until SIGTERM, which every script obeys.
const OBEDIENT: &str = "while [ ! -e never ]; do sleep 0.05; done";

fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), text.concat())
}

#[test]
fn a_gateway_that_is_killed_is_started_again_counted_and_told() {
    let cast = Cast::new(OBEDIENT);
    let simulator = cast.simulate("0s").spawn().unwrap();
    kill_process(cast.pid("gateway.pids"), Signal::KILL).unwrap();
    assert_eq!(cast.noted("gateway.pids", 2).len(), 2);
    let simulator_pid = Pid::from_child(&simulator);
    kill_process(simulator_pid, Signal::INT).unwrap();
    // The scripts measure nothing, so that the account is not even.
    let (code, told) = end(simulator);
    assert_eq!(code, Some(1), "{told}");
    let expected = "restarts: 1; the gateway ended by itself once (signal: 9 (SIGKILL))";
    assert!(told.contains(expected) && told.contains("COMPLETE"), "{told}");
}

#[test]
fn a_gateway_that_ends_again_and_again_or_has_a_bad_configuration_ends_the_simulation() {
    let cast = Cast::new("echo no luck >&2\nexit 1");
    let (code, told) = end(cast.simulate("0s").spawn().unwrap());
    assert_eq!((code, cast.noted("gateway.pids", 6).len()), (Some(1), 6), "{told}");
    assert!(told.contains("the gateway ended by itself (exit status: 1)"), "{told}");
    assert!(told.contains("no luck"), "{told}");
    let cast = Cast::new("exit 2");
    let (code, _) = end(cast.simulate("0s").spawn().unwrap());
    assert_eq!((code, cast.noted("gateway.pids", 1).len()), (Some(1), 1));
}

#[test]
fn no_process_outlives_a_simulator_that_is_killed() {
    let cast = Cast::new("exec sleep 1000");
    let mut simulator = cast.simulate("0s").spawn().unwrap();
    let children = [cast.pid("gateway.pids"), cast.pid("subscriber.pids")];
    assert!(!children.into_iter().any(is_gone));
    simulator.kill().unwrap();
    simulator.wait().unwrap();
    for child in children {
        until("the end of a child", || is_gone(child));
    }
}

#[test]
fn the_password_of_a_broker_is_on_no_command_line() {
    let cast = Cast::new(OBEDIENT);
    // Nobody listens there, and the simulator gives up: after the verifier has been started.
    let mut simulator = cast.simulate("1s");
    let simulator = simulator.env("TELEMETRYHUB_SIM_BROKER", "mqtt://me:hunter2@127.0.0.1:1");
    let mut simulator = simulator.spawn().unwrap();
    let has = |name: &str, what: &str| {
        fs::read_to_string(cast.path(name)).unwrap_or_default().contains(what)
    };
    until("the broker", || {
        has("subscriber.env", "TELEMETRYHUB_BROKER=mqtt://me:hunter2@127.0.0.1:1\n")
    });
    assert!(has("subscriber.args", "verify") && !has("subscriber.args", "hunter2"));
    for child in [cast.pid("subscriber.pids"), Pid::from_child(&simulator)] {
        let line = fs::read(format!("/proc/{child}/cmdline")).unwrap();
        assert!(!String::from_utf8_lossy(&line).contains("hunter2"));
    }
    simulator.kill().unwrap();
    simulator.wait().unwrap();
}

#[test]
fn a_broker_that_is_none_is_refused_without_its_password() {
    let cast = Cast::new(OBEDIENT);
    let mut simulator = cast.simulate("1s");
    simulator.env("TELEMETRYHUB_SIM_BROKER", "mqtts://me:hunter2@host");
    let (code, told) = end(simulator.spawn().unwrap());
    assert!(code == Some(1) && told.contains("this is no broker: "), "{told}");
    assert!(!told.contains("hunter2") && !Path::exists(&cast.path("gateway.pids")), "{told}");
}
