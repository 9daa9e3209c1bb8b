//! `cargo xtask crash`: builds the release gateway and the crash run, then runs it.

use std::{convert::Infallible, os::unix::process::CommandExt as _, path::PathBuf};

use anyhow::Context as _;

use crate::{
    command::{self, announce, cargo, target},
    sim,
};

pub(crate) const EXAMPLES: &str = "Examples:
  cargo xtask crash                                        100 faults, some two minutes
  cargo xtask crash --rounds 1000 --seed 7 --json run.json
  cargo xtask crash --gateway-binary ./telemetryhub        a gateway that is built already
  cargo xtask crash --keep                                 and leave log and spool to be looked at

What is done and how it is judged: docs/crash.md. It needs mosquitto; power cuts need root, mkfs.ext4 and a loop
device, and what is not possible is left out, which the report says.

It exits with 0 if the contract was kept, 1 if not, 2 if it could not be judged, 130 if it was interrupted.";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many faults
    #[arg(long, default_value_t = 100, value_name = "NUMBER")]
    rounds: u32,
    /// Which faults, and when; the same seed gives the same, but for what the machine does meanwhile
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Write the result as JSON into this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the folder (configuration, log, image of the disk) and say where it is
    #[arg(long)]
    keep: bool,
    /// The gateway to run, instead of the one that is built for it
    #[arg(long, value_name = "FILE")]
    gateway_binary: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Infallible> {
    let gateway = if let Some(gateway) = arguments.gateway_binary {
        gateway
    } else {
        announce("building the gateway, as released (minutes at first, then seconds)");
        sim::build_gateway()?;
        target().join("release/telemetryhub")
    };
    announce("building the crash run");
    let build = ["build", "--package", "simulator", "--bin", "telemetryhub-crash"];
    command::run(cargo().args(build))?;
    // Takes our place: Ctrl-C and the exit code are the crash run's.
    let error = std::process::Command::new(target().join("debug/telemetryhub-crash"))
        .arg("--gateway-binary")
        .arg(gateway)
        .arg(format!("--rounds={}", arguments.rounds))
        .arg(format!("--seed={}", arguments.seed))
        .args(arguments.keep.then_some("--keep"))
        .args(arguments.json.iter().flat_map(|file| [PathBuf::from("--json"), file.clone()]))
        .exec();
    Err(error).context("failed to start the crash run")
}
