//! The gateway's command line.
//!
//! Exit codes: 0 when all went well, 1 when something failed while running, 2 when the configuration
//! or the command line is wrong.

#![expect(clippy::print_stderr, reason = "a command line speaks to its user")]

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use sensors::{Catalogue, Entry};

use crate::{
    catalogue::{self, Form},
    check, command,
    config::{self, Bus, Config, Wiring, nearest},
    logging, run, scan,
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
  telemetryhub catalogue                       what can be connected
  telemetryhub catalogue bme280                one driver in full, with an example to copy
  telemetryhub scan --bus /dev/i2c-1           who answers there, and which drivers fit
  telemetryhub command status                  how the devices of a running gateway fare

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
    /// Show what can be connected, or one driver in full with an example
    Catalogue(CatalogueArguments),
    /// Say which addresses of an I2C bus answer, and which drivers fit there
    ///
    /// Reads one byte at each address from 0x08 to 0x77 and writes nothing, so that no chip is changed.
    /// Addresses that a driver of the kernel has are not asked. Chips that acknowledge a read only when
    /// they have something to say are not found: an address that is silent may still be taken.
    #[command(after_help = SCAN_EXAMPLES)]
    Scan(ScanArguments),
    /// Ask something of a running gateway, or change how it acquires
    #[command(after_help = command::EXAMPLES)]
    #[command(name = "command")]
    Order(command::CommandArguments),
}

const SCAN_EXAMPLES: &str = "Examples:
  telemetryhub scan --bus /dev/i2c-1
  telemetryhub scan --config gateway.toml --bus i2c1     the bus that the file calls so

Exit codes: 0 the bus was asked; 1 it failed; 2 the configuration or command line is wrong.";

#[derive(Args)]
struct ScanArguments {
    /// The device node; with --config, the name that the file has for the bus
    #[arg(long, value_name = "BUS")]
    bus: String,
    /// Take the bus from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct CatalogueArguments {
    /// Show only this driver, in full
    driver: Option<String>,
    /// Write JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Write the documentation's page
    #[arg(long)]
    markdown: bool,
}

#[derive(Args)]
struct ConfigFile {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE", default_value = "/etc/telemetryhub/gateway.toml")]
    config: PathBuf,
}

/// The whole program, with the drivers of our catalogue and `extra` ones: what a `main` function
/// returns. The crate of an extra driver has a binary of three lines, which is the gateway plus it.
pub fn main_with(extra: &'static [Entry]) -> ExitCode {
    let drivers = match Catalogue::with(extra) {
        Ok(drivers) => drivers,
        Err(flaw) => {
            eprintln!("{flaw}");
            return ExitCode::FAILURE;
        }
    };
    let (mut out, mut faults) = (io::stdout(), io::stderr());
    let outcome = match Arguments::parse().command {
        Command::Scan(arguments) => match bus_path(&arguments, drivers) {
            Ok(path) => scan::run(&path, drivers, bus_linux::presence, &mut out, &mut faults),
            Err(message) => writeln!(faults, "{message}").map(|()| check::EXIT_CONFIGURATION),
        },
        Command::Order(arguments) => command::run(&arguments, drivers, &mut out, &mut faults),
        Command::Run(file) => return run_file(&file, drivers),
        Command::Catalogue(CatalogueArguments { driver, json, markdown }) => {
            let form = match (json, markdown) {
                (true, _) => Form::Json,
                (_, true) => Form::Markdown,
                _ => Form::Text,
            };
            catalogue::run(drivers, driver.as_deref(), form, &mut out, &mut faults)
        }
        Command::Check(file) => {
            check::run(&file.config, drivers, env::vars_os(), &mut out, &mut faults)
        }
    };
    outcome.map_or_else(
        |error| {
            // Who reads only the head of it has had enough, and there may be nobody to tell.
            if error.kind() != io::ErrorKind::BrokenPipe {
                let _ = writeln!(faults, "cannot write: {error}");
            }
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}

/// The device node that the command line means, or what is wrong with it.
fn bus_path(arguments: &ScanArguments, drivers: Catalogue) -> Result<PathBuf, String> {
    let ScanArguments { bus, config } = arguments;
    let Some(file) = config else {
        if bus.contains('/') {
            return Ok(PathBuf::from(bus));
        }
        let mend =
            "write its path, such as /dev/i2c-1, or say with --config FILE which file names it";
        return Err(format!("`{bus}` is not the path of a device node\n  mend: {mend}"));
    };
    let config = config::load(file, drivers, env::vars_os());
    let config = config.map_err(|error| check::Report(&error).to_string())?;
    let is_i2c = |known: &&Bus| matches!(known.wiring, Wiring::I2c);
    let buses: Vec<_> = config.buses.iter().filter(is_i2c).collect();
    let found = buses.iter().find(|known| known.name == *bus).map(|known| known.path.clone());
    found.ok_or_else(|| {
        let known: Vec<_> = buses.iter().map(|known| known.name.as_str()).collect();
        let mend = nearest::choose(bus, "I2C buses", &known);
        format!("{}: there is no I2C bus `{bus}`\n  mend: {mend}", file.display())
    })
}

fn run_file(file: &ConfigFile, catalogue: Catalogue) -> ExitCode {
    match config::load(&file.config, catalogue, env::vars_os()) {
        Ok(config) => run_gateway(&config),
        Err(error) => {
            eprintln!("{}", check::Report(&error));
            ExitCode::from(check::EXIT_CONFIGURATION)
        }
    }
}

fn run_gateway(config: &Config) -> ExitCode {
    logging::start(config.log);
    for warning in config.buses.iter().filter_map(Bus::warning) {
        tracing::warn!("{warning}");
    }
    match run::until_signal(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", logging::chain(&error));
            ExitCode::FAILURE
        }
    }
}
