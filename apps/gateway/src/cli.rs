//! The gateway's command line.
//!
//! Exit codes: 0 when all went well, 1 when something failed while running, 2 when the configuration
//! or the command line is wrong.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use sensors::{Catalogue, Entry};

use crate::{
    catalogue::{self, Form},
    check, command,
    config::{self, Bus, Config, Wiring, nearest},
    functions, logging, run,
    scan::{self, Behind},
};

/// The exit code of what failed while running.
const EXIT_FAILED: u8 = 1;

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
  telemetryhub functions moving_average        one function in full, with an example to copy
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
    /// Show what can be derived, or one function in full with an example
    Functions(FunctionsArguments),
    /// Say which addresses of an I2C bus answer, and which drivers fit there
    ///
    /// Reads one byte at each address from 0x08 to 0x77 and writes nothing, so that no chip is changed.
    /// Addresses that a driver of the kernel has are not asked. Chips that acknowledge a read only when
    /// they have something to say are not found: an address that is silent may still be taken.
    ///
    /// With --switch and --channel, one byte is written: to that switch, a TCA9548A, before; and one
    /// afterwards, so that it connects nobody. Chips in front of the switch answer, too.
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
  telemetryhub scan --bus /dev/i2c-1 --switch 0x70 --channel 3
  telemetryhub scan --config gateway.toml --bus i2c1 --switch attic --channel 3

Exit codes: 0 the bus was asked; 1 it failed; 2 the configuration or command line is wrong.";

#[derive(Args)]
struct ScanArguments {
    /// The device node; with --config, the name that the file has for the bus
    #[arg(long, value_name = "BUS")]
    bus: String,
    /// Take the bus from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Look behind this switch: its address; with --config, the name that the file has for it
    #[arg(long, requires = "channel")]
    switch: Option<String>,
    /// The channel of the switch
    #[arg(long, requires = "switch", value_parser = clap::value_parser!(u8).range(0..=7))]
    channel: Option<u8>,
}

#[derive(Args)]
struct CatalogueArguments {
    /// Show only this driver, in full
    driver: Option<String>,
    #[command(flatten)]
    form: FormArguments,
}

#[derive(Args)]
struct FunctionsArguments {
    /// Show only this function, in full
    function: Option<String>,
    #[command(flatten)]
    form: FormArguments,
}

#[derive(Args)]
struct FormArguments {
    /// Write JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Write the documentation's page
    #[arg(long)]
    markdown: bool,
}

impl FormArguments {
    const fn form(&self) -> Form {
        match (self.json, self.markdown) {
            (true, _) => Form::Json,
            (_, true) => Form::Markdown,
            _ => Form::Text,
        }
    }
}

#[derive(Args)]
struct ConfigFile {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE", default_value = "/etc/telemetryhub/gateway.toml")]
    config: PathBuf,
}

/// A stream whose reader may leave: who reads only the head of something has had enough, and what we do
/// and find does not depend on it. Any other failure to write is one.
struct UntilClosed<W>(W);

impl<W: Write> UntilClosed<W> {
    fn unless_closed<T>(outcome: io::Result<T>, otherwise: T) -> io::Result<T> {
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(otherwise),
            outcome => outcome,
        }
    }
}

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::unless_closed(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::unless_closed(self.0.flush(), ())
    }
}

/// The whole program, with the drivers of our catalogue and `extra` ones: what a `main` function
/// returns. The crate of an extra driver has a binary of three lines, which is the gateway plus it.
pub fn main_with(extra: &'static [Entry]) -> ExitCode {
    let (mut out, mut faults) = (UntilClosed(io::stdout()), UntilClosed(io::stderr()));
    let outcome = match (Arguments::try_parse(), Catalogue::with(extra)) {
        (Err(told), _) => tell(&told, &mut out, &mut faults),
        (_, Err(flaw)) => writeln!(faults, "{flaw}").map(|()| EXIT_FAILED),
        (Ok(arguments), Ok(drivers)) => obey(arguments.command, drivers, &mut out, &mut faults),
    };
    let outcome = outcome.and_then(|code| out.flush().map(|()| code));
    ExitCode::from(outcome.unwrap_or_else(|error| {
        // There may be nobody to tell.
        let _ = writeln!(faults, "cannot write: {error}");
        EXIT_FAILED
    }))
}

/// Tells what the command line is answered by itself: help, the version, or what is wrong with it.
fn tell(told: &clap::Error, out: &mut impl Write, faults: &mut impl Write) -> io::Result<u8> {
    let text = told.render();
    if !told.use_stderr() {
        return write!(out, "{text}").map(|()| 0);
    }
    write!(faults, "{text}").map(|()| check::EXIT_CONFIGURATION)
}

fn obey(
    command: Command,
    drivers: Catalogue,
    out: &mut impl Write,
    faults: &mut impl Write,
) -> io::Result<u8> {
    match command {
        Command::Scan(arguments) => match scanned(&arguments, drivers) {
            Ok((path, None)) => scan::run(&path, drivers, bus_linux::presence, out, faults),
            Ok((path, Some(behind))) => scan::run_behind(&path, &behind, drivers, out, faults),
            Err(message) => writeln!(faults, "{message}").map(|()| check::EXIT_CONFIGURATION),
        },
        Command::Order(arguments) => command::run(&arguments, drivers, out, faults),
        Command::Run(file) => run_file(&file, drivers, faults),
        Command::Catalogue(CatalogueArguments { driver, form }) => {
            catalogue::run(drivers, driver.as_deref(), form.form(), out, faults)
        }
        Command::Functions(FunctionsArguments { function, form }) => {
            functions::run(function.as_deref(), form.form(), out, faults)
        }
        Command::Check(file) => check::run(&file.config, drivers, env::vars_os(), out, faults),
    }
}

/// The device node that the command line means, and what of it, or what is wrong with it.
fn scanned(
    arguments: &ScanArguments,
    drivers: Catalogue,
) -> Result<(PathBuf, Option<Behind>), String> {
    let ScanArguments { bus, config, switch, channel } = arguments;
    let Some(file) = config else {
        if !bus.contains('/') {
            let there = scan::present();
            let mend =
                format!("say with --config FILE which file names it, or write its path, {there}");
            return Err(format!("`{bus}` is not the path of a device node\n  mend: {mend}"));
        }
        let behind = switch.as_deref().zip(*channel);
        let behind = behind.map(|(switch, channel)| written_switch(switch, channel));
        return Ok((PathBuf::from(bus), behind.transpose()?));
    };
    let config = config::load(file, drivers, env::vars_os());
    let config = config.map_err(|error| check::Report(&error).to_string())?;
    let bus = named_bus(&config, bus).map_err(|error| format!("{}: {error}", file.display()))?;
    let behind = switch.as_deref().zip(*channel).map(|(switch, channel)| {
        let behind = named_switch(bus, switch, channel);
        behind.map_err(|error| format!("{}: {error}", file.display()))
    });
    Ok((bus.path.clone(), behind.transpose()?))
}

fn named_bus<'c>(config: &'c Config, name: &str) -> Result<&'c Bus, String> {
    let is_i2c = |known: &&Bus| matches!(known.wiring, Wiring::I2c);
    let buses: Vec<_> = config.buses.iter().filter(is_i2c).collect();
    let found = buses.iter().find(|known| known.name == name).copied();
    found.ok_or_else(|| {
        let known: Vec<_> = buses.iter().map(|known| known.name.as_str()).collect();
        let mend = match known.as_slice() {
            [] => "it has none: name the device node, without --config".to_owned(),
            known => nearest::choose(name, "I2C buses", known),
        };
        format!("there is no I2C bus `{name}`\n  mend: {mend}")
    })
}

fn written_switch(text: &str, channel: u8) -> Result<Behind, String> {
    let address = scan::switch_address(text).ok_or_else(|| {
        let mend = "write 0x70 to 0x77, or say with --config FILE which file names it";
        format!("`{text}` is not the address of a switch\n  mend: {mend}")
    })?;
    Ok(Behind { switch: address, channel, others: Vec::new() })
}

fn named_switch(bus: &Bus, name: &str, channel: u8) -> Result<Behind, String> {
    let found = bus.switches.iter().find(|known| known.name == name);
    let found = found.ok_or_else(|| {
        let known: Vec<_> = bus.switches.iter().map(|known| known.name.as_str()).collect();
        let mend = nearest::choose(name, "switches", &known);
        format!("there is no switch `{name}` on bus `{}`\n  mend: {mend}", bus.name)
    })?;
    let addresses = bus.switches.iter().map(|known| known.address);
    let others = addresses.filter(|address| *address != found.address).collect();
    Ok(Behind { switch: found.address, channel, others })
}

fn run_file(file: &ConfigFile, catalogue: Catalogue, faults: &mut impl Write) -> io::Result<u8> {
    match config::load(&file.config, catalogue, env::vars_os()) {
        Ok(config) => Ok(run_gateway(&config)),
        Err(error) => {
            writeln!(faults, "{}", check::Report(&error)).map(|()| check::EXIT_CONFIGURATION)
        }
    }
}

fn run_gateway(config: &Config) -> u8 {
    logging::start(config.log);
    for warning in check::warnings(config) {
        tracing::warn!("{warning}");
    }
    match run::until_signal(config) {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!("{}", logging::chain(&error));
            EXIT_FAILED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that cannot be written to.
    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_has_left_changes_nothing_and_a_full_disk_is_a_failure() {
        let mut left = UntilClosed(Broken(io::ErrorKind::BrokenPipe));
        assert!(writeln!(left, "more").and_then(|()| left.flush()).is_ok());
        let mut full = UntilClosed(Broken(io::ErrorKind::StorageFull));
        assert_eq!(writeln!(full, "more").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(full.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
