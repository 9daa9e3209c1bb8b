//! The binary `telemetryhub-subscriber`: command line and clock to the library.

use std::process::ExitCode;

use clap::Parser;
use clock_linux::LinuxClock;
use subscriber::cli::{Cli, run};

fn main() -> ExitCode {
    run(&Cli::parse(), &LinuxClock::new())
}
