//! `cargo xtask bench executor`: the executor against its peers.

use std::{path::PathBuf, process::ExitCode};

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
}

/// Builds and runs the benchmark, a workspace of its own.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Subject::Executor { json, rounds, hog, only } = &arguments.subject;
    let mut cargo = command::cargo();
    cargo.args(["run", "--release", "--bin", "bench-executor"]);
    cargo.args(["--manifest-path", "crates/executor/bench/Cargo.toml", "--"]);
    cargo.arg("--rounds").arg(rounds.to_string());
    if let Some(json) = json {
        cargo.arg("--json").arg(std::path::absolute(json)?);
    }
    if *hog {
        cargo.arg("--hog");
    }
    if let Some(only) = only {
        cargo.arg("--only").arg(only);
    }
    command::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}
