//! `cargo xtask test`: everything that must be green before a change is done.

use std::{
    env, fs,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{
    arch,
    command::{announce, cargo, run as run_command, spoken, target},
    sim,
};

pub(crate) const STEPS: &str = "Steps, in this order; the first that fails ends the run:
  parts    what the system tests need from outside: mosquitto (Debian package)
  format   cargo fmt --check
  lints    clippy on everything, warnings are errors
  docs     rustdoc, warnings are errors
  arch     the arrows between the crates
  release  the gateway as released, which the system tests run
  models   the executor's protocols under loom, every interleaving within stated bounds
  tests    unit, property, contract, story and system tests, and doc tests

A test skipped for want of a part is listed at the end. With CI=true a missing part is installed if
this runs as root, and a skipped test is a failure.";

/// Where a test that cannot run for want of a part says so, one line each.
const SKIPS: &str = "TELEMETRYHUB_SKIPPED_TESTS";
/// How many random histories of the spool are played of each kind: with 60 to 75 steps each, more than two million.
const MODEL_CASES: &str = "15000";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the tests, without format, lints, docs and arch
    #[arg(long)]
    only_tests: bool,
    /// Passed on to `cargo test`, such as a test's name
    #[arg(last = true)]
    passed_on: Vec<String>,
}

#[expect(clippy::disallowed_methods, reason = "tells the developer how long each step took")]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let is_ci = env::var("CI").is_ok_and(|value| value == "true");
    provide_parts(is_ci)?;
    let mut steps: Vec<(&str, Duration)> = Vec::new();
    let mut step = |name, does: &mut dyn FnMut() -> anyhow::Result<()>| {
        announce(name);
        let begun = Instant::now();
        let outcome = does();
        steps.push((name, begun.elapsed()));
        outcome
    };
    if !arguments.only_tests {
        step("format", &mut || run_command(cargo().args(["fmt", "--all", "--check"])))?;
        step("lints", &mut lints)?;
        step("docs", &mut docs)?;
        step("arch", &mut arch::run)?;
    }
    step("release", &mut sim::build_gateway)?;
    step("models", &mut models)?;
    let skips = target().join("skipped-tests.txt");
    step("tests", &mut || tests(&arguments.passed_on, &skips))?;
    announce(&format!("all green in {}", spoken(begun.elapsed())));
    for (name, took) in steps {
        println!("  {name:8} {}", spoken(took));
    }
    report_skips(&skips, is_ci)
}

fn lints() -> anyhow::Result<()> {
    let arguments =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    run_command(cargo().args(arguments))
}

fn docs() -> anyhow::Result<()> {
    run_command(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--all-features", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// The model checker replaces atomics and threads, so it wants a build of its own.
fn models() -> anyhow::Result<()> {
    run_command(
        cargo()
            .args(["test", "--package", "executor", "--release", "--lib", "models"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_TARGET_DIR", target().join("loom")),
    )
}

fn tests(passed_on: &[String], skips: &Path) -> anyhow::Result<()> {
    fs::write(skips, "").with_context(|| format!("failed to write {}", skips.display()))?;
    // The system tests run the subscriber's binary, too.
    run_command(cargo().args(["build", "--workspace", "--all-features", "--bins"]))?;
    let arguments = ["test", "--workspace", "--all-features"];
    run_command(
        cargo()
            .args(arguments)
            .args(passed_on)
            .env(SKIPS, skips)
            .env("TELEMETRYHUB_MODEL_CASES", MODEL_CASES)
            .env("TELEMETRYHUB_BINARY", target().join("release/telemetryhub")),
    )
}

/// Lists what was skipped; with CI=true that is a failure.
fn report_skips(skips: &Path, is_ci: bool) -> anyhow::Result<ExitCode> {
    let list = fs::read_to_string(skips).context("failed to read the list of skipped tests")?;
    if list.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nskipped for want of a part:\n{list}");
    if is_ci {
        bail!("tests were skipped, and with CI=true that is a failure");
    }
    Ok(ExitCode::SUCCESS)
}

fn is_present(program: &str) -> bool {
    let in_path = env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    // Debian keeps daemons where an ordinary user's PATH does not look.
    in_path || Path::new("/usr/sbin").join(program).is_file()
}

fn provide_parts(is_ci: bool) -> anyhow::Result<()> {
    announce("parts");
    if is_present("mosquitto") {
        return Ok(());
    }
    let is_root = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    let is_root = is_root.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if is_ci && is_root {
        announce("installing mosquitto");
        let apt = || {
            let mut apt = Command::new("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
            apt
        };
        run_command(apt().arg("update"))?;
        return run_command(apt().args([
            "install",
            "--yes",
            "--no-install-recommends",
            "mosquitto",
        ]));
    }
    eprintln!(
        "mosquitto is not installed: the tests that need a real broker will be skipped.\n\
         To run them: sudo apt-get install mosquitto   (no service needs to run)"
    );
    Ok(())
}
