//! The project's commands. `cargo xtask` lists them.
//!
//! # Deliberately absent
//!
//! Anything that ships. The heavy parts that a command needs, such as the simulator's broker, are
//! binaries of their own, built only when that command runs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for the terminal")]

mod arch;
mod bench;
mod command;
mod crash;
mod fuzz;
mod sim;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands for working on TelemetryHub.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a simulated site: chips, GPS and broker around the release gateway, watched by the subscriber
    #[command(after_help = sim::EXAMPLES)]
    Sim(sim::Arguments),
    /// Kill the release gateway, its broker, its network and its disk, and look for lost samples
    #[command(after_help = crash::EXAMPLES)]
    Crash(crash::Arguments),
    /// Check everything: format, lints, docs, arrows, and every test
    #[command(after_help = test::STEPS)]
    Test(test::Arguments),
    /// Measure one part of the project against its peers, interleaved in one run
    Bench(bench::Arguments),
    /// Give decoders bytes that nobody would send, for as long as wanted
    Fuzz(fuzz::Arguments),
    /// Prove that no dependency between the crates points outwards
    Arch,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Sim(arguments) => sim::run(&arguments).map(|never| match never {}),
        Command::Crash(arguments) => crash::run(arguments).map(|never| match never {}),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Arch => arch::run().map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
