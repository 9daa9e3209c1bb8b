//! The simulated site: chips, buses, GPS and broker around the unmodified gateway binary.
//!
//! `cargo xtask sim` builds and runs it. The gateway, the live table and the verifier are processes of
//! their own, which do not outlive us; a gateway that ends is started again, as a service manager would.
//! What the gateway takes for the kernel's devices is served by this one.
//!
//! Faults by script are played to the devices meanwhile, and a recorder of our own accounts for each
//! stream: expected = delivered + counted gaps. See [`account`].
//!
//! Exit codes: 0 when no sample is missing and nothing is unexplained, 1 otherwise or when a process
//! failed, 2 for a wrong command line.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for the terminal")]

mod account;
mod broker;
mod forty;
mod outages;
mod recorder;
mod site;
mod stage;
mod world;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use simulator::leash;

use self::site::Site;

/// A simulated site around the gateway.
#[derive(Parser)]
#[command(name = "telemetryhub-sim", version)]
struct Arguments {
    /// How long the site runs, such as 90s or 10m; 0s means until Ctrl-C
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// No live table; only the report at the end
    #[arg(long)]
    headless: bool,
    /// Use this broker instead of the built-in one: `mqtt://[user[:password]@]host[:port]`
    ///
    /// In the variable a password stays out of the list of processes.
    #[arg(long, value_name = "URL", env = "TELEMETRYHUB_SIM_BROKER", hide_env_values = true)]
    broker: Option<String>, // Parsed later: an error made here would repeat it, password and all.
    /// Keep the site's folder (configuration, spool, log) and say where it is
    #[arg(long)]
    keep: bool,
    /// Which weather the site has, and which faults are drawn; the same seed gives the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which devices there are
    #[arg(long, value_enum, default_value_t = Devices::Small)]
    site: Devices,
    /// What goes wrong: a script's file, or `random`
    #[arg(long, value_name = "FILE|random")]
    faults: Option<String>,
    /// The gateway to run
    #[arg(long, value_name = "FILE")]
    gateway_binary: PathBuf,
    /// The subscriber to run
    #[arg(long, value_name = "FILE")]
    subscriber_binary: PathBuf,
}

/// The sites that there are.
#[derive(Clone, Copy, ValueEnum)]
enum Devices {
    /// Four devices: air, battery, position and wind
    Small,
    /// Forty devices on six buses
    Forty,
}

fn main() -> ExitCode {
    if let Some(failed) = leash::become_program() {
        return failed;
    }
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let interrupted = Arc::new(AtomicBool::new(false));
    // A closed terminal ends the site, too; without it the processes would live on.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .context("signals cannot be caught")?;
    }
    let mut folder = tempfile::Builder::new().prefix("telemetryhub-sim-").tempdir()?;
    folder.disable_cleanup(arguments.keep);
    let broker = match &arguments.broker {
        Some(url) => url.clone(),
        None => broker::start()?,
    };

    let session = format!("sim-{}", std::process::id());
    let mut site = Site::start(arguments, folder.path(), &broker, &session)?;
    if arguments.headless {
        let length = match arguments.duration {
            Duration::ZERO => "until Ctrl-C".to_owned(),
            duration => format!("for {}", humantime::format_duration(duration)),
        };
        eprintln!("site runs {length}; folder {}", folder.path().display());
    }
    site.live(arguments.duration, &interrupted)?;
    let code = site.end()?;
    if arguments.keep {
        println!("kept: {}", folder.path().display());
    }
    Ok(code)
}
