//! `cargo xtask bench`: the executor against its peers, what derived metrics cost, a bus worker's punctuality
//! against a bare loop, the spool against `SQLite` and a bare file, what compresses payloads, delivery against
//! a bare MQTT client.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use clap::{Args, Subcommand};

use crate::command;

/// What to measure.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// The thread pool, workloads W1 to W9, beside its peers in one process
    Executor {
        /// Write every round's figures there too
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Rounds; the table shows their median, minimum and maximum
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        /// Beside two threads that want a core each
        #[arg(long)]
        hog: bool,
        /// Only these workloads, as in `W1,W5,keyed`
        #[arg(long)]
        only: Option<String>,
    },
    /// What derived metrics cost: ten over 1,000 streams on one and two workers, over 10 to 10,000 streams,
    /// windows of 100 and 100,000 samples, the spectrum beside bare realfft, allocations
    Derive {
        /// Write the figures there too
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Rounds; the table shows their median, minimum and maximum
        #[arg(long, default_value_t = 7)]
        rounds: usize,
    },
    /// How late a bus worker begins at 1 kHz, beside a bare absolute `clock_nanosleep` loop
    Jitter {
        /// Write the figures there too
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Rounds; the table shows their median, minimum and maximum
        #[arg(long, default_value_t = 7)]
        rounds: usize,
    },
    /// What compresses a payload best: pure Rust beside zstd in C
    Compress {
        /// Write the figures there too
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Rounds; the table shows their median
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// The spool beside `SQLite` and a bare `write` + `fdatasync` loop: appends, bytes written to the device (as
    /// root, on an ext4 mounted through a loop device), opening and draining with ten million samples waiting
    Spool {
        /// Write the figures there too
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Rounds; the table shows their median, minimum and maximum
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// A minute instead of five, a million samples instead of ten
        #[arg(long)]
        quick: bool,
    },
    /// From the spool to the broker's acknowledgement, beside a bare MQTT client: draining ten million
    /// samples, appending meanwhile, one sample a message, the latency of one, a broker that is far.
    /// Wants mosquitto
    Deliver {
        /// Write the figures there too
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Rounds; the table shows their median, minimum and maximum
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Only these of drain, wide, listener, end-to-end, unbatched, latency, far, as in `drain,far`
        #[arg(long)]
        only: Option<String>,
    },
}

/// Builds and runs the benchmark.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (mut cargo, json) = match &arguments.subject {
        Subject::Executor { json, rounds, hog, only } => {
            (executor(*rounds, *hog, only.as_deref()), json)
        }
        Subject::Derive { json, rounds } => (example("derive", *rounds), json),
        Subject::Jitter { json, rounds } => (example("jitter", *rounds), json),
        Subject::Compress { json, rounds } => {
            let manifest = "crates/wire/bench/Cargo.toml";
            (own_workspace("bench-compress", manifest, *rounds), json)
        }
        Subject::Spool { json, rounds, quick } => (spool(*rounds, *quick), json),
        Subject::Deliver { json, rounds, only } => (deliver(*rounds, only.as_deref()), json),
    };
    if let Some(json) = json {
        cargo.arg("--json").arg(std::path::absolute(json)?);
    }
    command::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}

fn executor(rounds: usize, hog: bool, only: Option<&str>) -> Command {
    let mut cargo = own_workspace("bench-executor", "crates/executor/bench/Cargo.toml", rounds);
    if hog {
        cargo.arg("--hog");
    }
    if let Some(only) = only {
        cargo.arg("--only").arg(only);
    }
    cargo
}

fn spool(rounds: usize, quick: bool) -> Command {
    let manifest = "crates/adapters/spool-file/bench/Cargo.toml";
    let mut cargo = own_workspace("bench-spool", manifest, rounds);
    if quick {
        cargo.arg("--quick");
    }
    cargo
}

fn deliver(rounds: usize, only: Option<&str>) -> Command {
    let mut cargo = own_workspace("bench-deliver", "tests/bench/Cargo.toml", rounds);
    if let Some(only) = only {
        cargo.arg("--only").arg(only);
    }
    cargo
}

/// A program whose peers nobody builds with the gateway.
fn own_workspace(program: &str, manifest: &str, rounds: usize) -> Command {
    let mut cargo = command::cargo();
    cargo.args(["run", "--release", "--bin", program, "--manifest-path", manifest, "--"]);
    cargo.arg("--rounds").arg(rounds.to_string());
    cargo
}

/// One of the pipeline's.
fn example(name: &str, rounds: usize) -> Command {
    let mut cargo = command::cargo();
    cargo.args(["run", "--release", "--package", "pipeline", "--example", name, "--"]);
    cargo.arg("--rounds").arg(rounds.to_string());
    cargo
}
