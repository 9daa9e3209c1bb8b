//! The gateway's command line.
//!
//! Exit codes: 0 when all went well, 1 when something failed while running, 2 when the configuration
//! or the command line is wrong.

#![expect(clippy::print_stderr, reason = "a command line speaks to its user")]

use std::{env, io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use gateway::{
    check,
    config::{self, Config},
    logging, run,
};

/// Reads sensors, derives metrics, and delivers every sample over MQTT.
#[derive(Parser)]
#[command(name = "telemetryhub", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  telemetryhub check --config gateway.toml     say what is wrong with it, or what would run
  telemetryhub run --config gateway.toml       run until SIGTERM or Ctrl-C

Every value of the file can be overridden from the environment:
  TELEMETRYHUB__MQTT__URL=mqtt://broker.local telemetryhub run --config gateway.toml
  TELEMETRYHUB__DEVICES__OUTDOOR__PERIOD=5s telemetryhub check --config gateway.toml

Exit codes: 0 all went well; 1 something failed while running; 2 the configuration or command line is wrong.";

#[derive(Subcommand)]
enum Command {
    /// Run the gateway in the foreground until SIGTERM or SIGINT, then drain and stop
    Run(ConfigFile),
    /// Check the configuration without touching a device, and show what would run
    Check(ConfigFile),
}

#[derive(Args)]
struct ConfigFile {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE", default_value = "/etc/telemetryhub/gateway.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(file) => {
            let outcome =
                check::run(&file.config, env::vars_os(), &mut io::stdout(), &mut io::stderr());
            outcome.map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Command::Run(file) => match config::load(&file.config, env::vars_os()) {
            Ok(config) => run_gateway(&config),
            Err(error) => {
                eprintln!("{}", check::Report(&error));
                ExitCode::from(check::EXIT_CONFIGURATION)
            }
        },
    }
}

fn run_gateway(config: &Config) -> ExitCode {
    logging::start(config.log);
    match run::until_signal(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", logging::chain(&error));
            ExitCode::FAILURE
        }
    }
}
