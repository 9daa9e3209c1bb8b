//! The crash run: a short one, and what one leaves behind that is ended early.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use blackbox::{
    mosquitto,
    site::{crash_binary, gateway_binary, until},
};
use rustix::process::{Pid, Signal, kill_process};

/// Any seed must do; one makes a failure repeatable. The first rounds have one of each fault.
const SEED: &str = "4";
const ROUNDS: &str = "14";

fn crash(folder: &Path, rounds: &str) -> Command {
    let mut command = Command::new(crash_binary());
    command.args(["--rounds", rounds, "--seed", SEED]).env("TMPDIR", folder);
    command.arg("--gateway-binary").arg(gateway_binary());
    command
}

#[test]
fn through_each_fault_the_contract_of_the_spool_is_kept() {
    let Some(_program) = mosquitto::find("crash run") else { return };
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("run.json");
    let output = crash(folder.path(), ROUNDS).arg("--json").arg(&json).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let remarks = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{remarks}");
    assert!(text.contains("verdict: KEPT"), "{text}");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    assert!(report["samples"].as_u64().unwrap() > 1_000, "{report}");
    let done = report["faults"].as_object().unwrap().len();
    let left_out = report["left_out"].as_array().unwrap();
    assert_eq!(done + left_out.len(), 10, "each was done or is told to be left out: {report}");
    println!("left out on this machine: {left_out:?}");
    is_clean(folder.path());
}

/// What is told to sync once an hour, and not each 200 ms, loses in a power cut what the judge knows to be safe.
#[test]
fn a_gateway_that_does_not_sync_is_found_out_where_the_power_can_be_cut() {
    let Some(_program) = mosquitto::find("crash run without syncs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = crash(folder.path(), ROUNDS);
    let output = run.env("TELEMETRYHUB__SPOOL__SYNC_INTERVAL", "1h").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let power_is_cut = text
        .lines()
        .any(|line| line.trim_start().starts_with("power cut") && !line.contains("left out"));
    let verdict =
        if power_is_cut { (Some(1), "verdict: BROKEN") } else { (Some(0), "verdict: KEPT") };
    assert!((output.status.code(), true) == (verdict.0, text.contains(verdict.1)), "{text}");
}

/// Starts a run in `folder`, and lets it come to its first fault.
fn begun(folder: &Path) -> Child {
    let mut run =
        crash(folder, "1000").stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut remarks = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("round 1/") {
        line.clear();
        assert!(remarks.read_line(&mut line).unwrap() > 0, "it ended before its first fault");
    }
    // Whoever reads no more would block it.
    std::thread::Builder::new()
        .spawn(move || std::io::copy(&mut remarks, &mut std::io::sink()))
        .unwrap();
    run
}

fn signal(run: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(run.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// No process knows the folder any more, and no loop device has its image.
fn is_clean(folder: &Path) {
    let name = folder.to_str().unwrap();
    let has_name = |path: &Path| {
        fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(name))
    };
    let any = |root: &str, file: &str| {
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join(file)).any(|path| has_name(&path))
    };
    until("no process is left", || !any("/proc", "cmdline")).unwrap();
    until("no loop device is left", || !any("/sys/block", "loop/backing_file")).unwrap();
}

#[test]
fn a_crash_run_that_is_interrupted_leaves_nothing_behind() {
    let Some(_program) = mosquitto::find("crash run interrupted") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = begun(folder.path());
    signal(&run, Signal::INT);
    assert_eq!(run.wait().unwrap().code(), Some(130));
    is_clean(folder.path());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_crash_run_that_is_killed_leaves_no_process_and_no_disk() {
    let Some(_program) = mosquitto::find("crash run killed") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = begun(folder.path());
    signal(&run, Signal::KILL);
    run.wait().unwrap();
    is_clean(folder.path());
}
