//! `cargo xtask fuzz`: decoders under libFuzzer, without more than Rust and a C++ compiler.
//!
//! What `cargo fuzz` does, with the compiler that is there: coverage is counted by LLVM's own pass, which
//! needs no nightly. The address sanitizer does, and is left out: the decoders are safe Rust.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, bail, ensure};

use crate::command::{self, announce, cargo, root, target};

/// What counts coverage, and what makes comparisons visible to the fuzzer.
const INSTRUMENTS: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One target; all of them, one after the other, if none is named
    target: Option<String>,
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// The longest input, in bytes
    #[arg(long, value_name = "N", default_value_t = 4096)]
    bytes_max: u32,
    /// Passed on to libFuzzer, such as `-runs=0` or a file to run again
    #[arg(last = true)]
    passed_on: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let program = build()?;
    let known = targets(&program)?;
    let chosen: Vec<_> = match &arguments.target {
        Some(chosen) => known.iter().filter(|name| *name == chosen).collect(),
        None => known.iter().collect(),
    };
    ensure!(!chosen.is_empty(), "no such target; there are: {}", known.join(", "));
    for name in chosen {
        announce(&format!("fuzz {name} for {} s", arguments.seconds));
        fuzz(&program, name, arguments)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The program tells its targets if it is told none.
fn targets(program: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(program).env("FUZZ_TARGET", "").output();
    let output = output.context("failed to start the fuzzer")?;
    let text = String::from_utf8(output.stdout).context("the fuzzer does not tell its targets")?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The program with the targets. Naming the platform keeps the instruments out of build scripts.
fn build() -> anyhow::Result<PathBuf> {
    let platform = platform()?;
    let folder = target().join("fuzz");
    command::run(
        cargo()
            .args(["build", "--release", "--manifest-path", "tests/fuzz/libfuzzer/Cargo.toml"])
            .args(["--target", &platform])
            .env("CARGO_TARGET_DIR", &folder)
            .env("RUSTFLAGS", INSTRUMENTS),
    )?;
    Ok(folder.join(platform).join("release/fuzz-libfuzzer"))
}

fn platform() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").current_dir(root()).output();
    let text = output.context("failed to run rustc")?.stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("rustc does not say what it runs on")
}

fn fuzz(program: &Path, name: &str, arguments: &Arguments) -> anyhow::Result<()> {
    let corpus = target().join("fuzz/corpus").join(name);
    let finds = target().join("fuzz/finds");
    for folder in [&corpus, &finds] {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to make {}", folder.display()))?;
    }
    let find = finds.join(format!("{name}-"));
    let status = Command::new(program)
        .arg(format!("-max_total_time={}", arguments.seconds))
        .arg(format!("-max_len={}", arguments.bytes_max))
        .args(["-rss_limit_mb=512", "-timeout=10", "-print_final_stats=1", "-verbosity=1"])
        .arg(format!("-artifact_prefix={}", find.display()))
        .args(&arguments.passed_on)
        .arg(&corpus)
        .env("FUZZ_TARGET", name)
        .env("FUZZ_CORPUS", &corpus)
        .status()
        .context("failed to start the fuzzer")?;
    if !status.success() {
        bail!("a find: its bytes are in {}*", find.display());
    }
    Ok(())
}
