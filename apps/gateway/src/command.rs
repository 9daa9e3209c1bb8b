//! `telemetryhub command`: asks something of a running gateway over its socket.
//!
//! Exit codes: 0 done, 1 refused, 2 the command line or configuration is wrong, 3 no gateway can be
//! reached.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Subcommand};
use domain::{Calibration, Command, NotACalibration, Procedure, StreamName, Target};
use pipeline::command::PROCEDURE_MAX;
use sensors::Catalogue;
use wire::{
    command::{Answer, Correction},
    status::DeviceStatus,
};

use crate::{
    check,
    config::{self, Interval, nearest},
    logging,
};

/// The exit code for a command that the gateway refused.
pub const EXIT_REFUSED: u8 = 1;
/// The exit code for a gateway that cannot be reached, or does not answer.
pub const EXIT_UNREACHABLE: u8 = 3;

/// Longer than a gateway takes for any command.
const PATIENCE: Duration = PROCEDURE_MAX.saturating_add(Duration::from_secs(10));

pub(crate) const EXAMPLES: &str = "Examples:
  telemetryhub command status                                 how all devices fare
  telemetryhub command set-rate outdoor 500ms --keep          ask it twice a second, after a restart too
  telemetryhub command calibrate outdoor humidity --gain 1.02 --offset -0.5
  telemetryhub command calibrate outdoor humidity --gain 1 --offset 0       end a calibration
  telemetryhub command calibrate co2 --procedure forced_recalibration --target 420
  telemetryhub command stop pump                              acquire nothing from it until `start pump`
  telemetryhub command reset pump                             forget its failures, ask it again
  telemetryhub command acknowledge derived.too_hot            take note of an alarm

The socket is that of --socket, or the one that --config says.

Exit codes: 0 done; 1 refused; 2 the command line or configuration is wrong; 3 no gateway can be reached.";

/// What `telemetryhub command` is told.
#[derive(Args)]
pub(crate) struct CommandArguments {
    /// The socket of the gateway
    #[arg(long, value_name = "PATH", global = true, conflicts_with = "config")]
    socket: Option<PathBuf>,
    /// The gateway's configuration, which names the socket
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        default_value = "/etc/telemetryhub/gateway.toml"
    )]
    config: PathBuf,
    /// Write the gateway's answer as it is: one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Subcommand)]
enum Wish {
    /// Say how one device fares, or all
    Status {
        /// Which
        device: Option<String>,
    },
    /// Ask a device this often from now on
    SetRate {
        /// Which
        device: String,
        /// From one measurement to the next, such as 500ms, 10s or 5min; 1ms to 1day
        #[arg(value_parser = humantime::parse_duration)]
        period: Duration,
        /// Keep it after a restart
        #[arg(long)]
        keep: bool,
    },
    /// Correct a sensor by number × gain + offset, for good; or run the chip's own procedure
    Calibrate {
        /// Which device
        device: String,
        /// Which of its sensors
        #[arg(required_unless_present = "procedure", conflicts_with = "procedure")]
        sensor: Option<String>,
        /// What is added, in the unit of the sensor
        #[arg(long, allow_negative_numbers = true, default_value_t = 0.0)]
        offset: f64,
        /// What is multiplied by first; not 0
        #[arg(long, allow_negative_numbers = true, default_value_t = 1.0)]
        gain: f64,
        /// Run the calibration procedure of this name that the chip has for itself, or its usual one
        #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
        procedure: Option<String>,
        /// What is right where the chip is now, for a procedure that wants to know, in the unit of its sensor
        #[arg(long, requires = "procedure", allow_negative_numbers = true)]
        target: Option<f64>,
    },
    /// Forget failures, so that what was left alone is asked again
    Reset {
        /// Which device; all if none is named
        device: Option<String>,
    },
    /// Take up a device that was stopped
    Start {
        /// Which device; all if none is named
        device: Option<String>,
    },
    /// Acquire nothing until it is started
    Stop {
        /// Which device; all if none is named
        device: Option<String>,
        /// Keep it after a restart
        #[arg(long)]
        keep: bool,
    },
    /// Take note of an alarm
    Acknowledge {
        /// Its stream, such as `derived.too_hot`
        #[arg(value_parser = alarm)]
        alarm: StreamName,
    },
}

/// The stream of an alarm.
fn alarm(text: &str) -> Result<StreamName, String> {
    StreamName::parse(text).map_err(|bad| match StreamName::derived(text) {
        Ok(stream) => format!("an alarm is named by its stream; did you mean `{stream}`?"),
        Err(_) => bad.to_string(),
    })
}

fn target(device: Option<&String>) -> Target {
    device.map_or(Target::Gateway, |device| Target::Device(device.clone()))
}

impl Wish {
    fn command(&self) -> Result<Command, NotACalibration> {
        Ok(match self {
            Self::Status { device } => Command::GetStatus(target(device.as_ref())),
            Self::SetRate { device, period, keep } => {
                Command::SetRate { device: device.clone(), period: *period, is_kept: *keep }
            }
            Self::Calibrate { device, sensor: Some(sensor), offset, gain, .. } => {
                Command::Calibrate {
                    device: device.clone(),
                    sensor: sensor.clone(),
                    calibration: Calibration::new(*gain, *offset)?,
                }
            }
            Self::Calibrate { device, sensor: None, procedure, target, .. } => {
                let name = procedure.clone().filter(|name| !name.is_empty());
                let procedure = Procedure { name, target: *target };
                Command::RunProcedure { device: device.clone(), procedure }
            }
            Self::Reset { device } => Command::Reset(target(device.as_ref())),
            Self::Start { device } => Command::Start(target(device.as_ref())),
            Self::Stop { device, keep } => {
                Command::Stop { target: target(device.as_ref()), is_kept: *keep }
            }
            Self::Acknowledge { alarm } => Command::Acknowledge { alarm: alarm.clone() },
        })
    }
}

/// The socket that the command line means, or what is wrong with it.
fn socket(arguments: &CommandArguments, catalogue: Catalogue) -> Result<PathBuf, String> {
    if let Some(socket) = &arguments.socket {
        return Ok(socket.clone());
    }
    let config = config::load(&arguments.config, catalogue, env::vars_os());
    let config = config.map_err(|error| {
        format!("{}\n  or name the socket with --socket PATH", check::Report(&error))
    })?;
    config.control.ok_or_else(|| {
        let file = arguments.config.display();
        format!("{file}: no commands are taken\n  mend: write a path in control.socket")
    })
}

/// Gives the command to the gateway, tells its answer, and gives the exit code.
///
/// # Errors
///
/// If nothing can be written to `out` or `faults`.
pub(crate) fn run(
    arguments: &CommandArguments,
    catalogue: Catalogue,
    out: &mut impl Write,
    faults: &mut impl Write,
) -> io::Result<u8> {
    let wrong = |faults: &mut dyn Write, message: &str| {
        writeln!(faults, "{message}").map(|()| check::EXIT_CONFIGURATION)
    };
    let command = match arguments.wish.command() {
        Ok(command) => command,
        Err(error) => return wrong(faults, &error.to_string()),
    };
    let path = match socket(arguments, catalogue) {
        Ok(path) => path,
        Err(message) => return wrong(faults, &message),
    };
    let line = match control_unix::ask(&path, &wire::command::encode(&command), PATIENCE) {
        Ok(line) => line,
        Err(error) => {
            let chain = logging::chain(&error);
            let mend = "is the gateway running, and are you its user or root?";
            writeln!(faults, "{chain}\n  mend: {mend}")?;
            return Ok(EXIT_UNREACHABLE);
        }
    };
    match Answer::decode(&line) {
        Ok(answer) if arguments.json => {
            writeln!(out, "{}", String::from_utf8_lossy(&line))?;
            Ok(if matches!(answer, Answer::Done { .. }) { 0 } else { EXIT_REFUSED })
        }
        Ok(answer) => tell(&command, &answer, out, faults),
        Err(error) => {
            writeln!(faults, "the answer is not understood: {}", logging::chain(&error))?;
            Ok(EXIT_UNREACHABLE)
        }
    }
}

fn tell(
    command: &Command,
    answer: &Answer,
    out: &mut impl Write,
    faults: &mut impl Write,
) -> io::Result<u8> {
    match answer {
        Answer::Done { devices, counters, correction } => {
            if !matches!(command, Command::GetStatus(_)) {
                writeln!(out, "{} done", command.word())?;
            }
            if let Some(Correction { number, unit }) = correction {
                writeln!(out, "the chip corrects by {number:+} {unit} from now on")?;
            }
            let width = devices.keys().map(String::len).max().unwrap_or(0);
            for (name, device) in devices {
                writeln!(out, "{name:width$}  {}", described(device))?;
            }
            let given = counters.iter().filter(|(_, count)| **count > 0);
            let given: Vec<_> = given.map(|(name, count)| counted(name, *count)).collect();
            if !given.is_empty() {
                writeln!(out, "commands since the start: {}", given.join(", "))?;
            }
            Ok(0)
        }
        Answer::Refused { message, known, .. } => {
            writeln!(faults, "refused: {message}")?;
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            let meant = message.split('`').rev().nth(1).unwrap_or_default();
            if !known.is_empty() {
                writeln!(faults, "  mend: {}", nearest::choose(meant, "names", &known))?;
            }
            Ok(EXIT_REFUSED)
        }
    }
}

/// `3 set_rate done` of `commands_set_rate_done`.
fn counted(name: &str, count: u64) -> String {
    let name = name.strip_prefix("commands_").unwrap_or(name);
    let known = [" done", " refused", " failed"];
    let result = known.into_iter().find(|result| name.ends_with(&result.replace(' ', "_")));
    match result.and_then(|result| Some((name.get(..name.len() - result.len())?, result))) {
        Some((word, result)) => format!("{count} {word}{result}"),
        None => format!("{count} {}", name.replace('_', " ")),
    }
}

fn described(device: &DeviceStatus) -> String {
    let mut told = vec![if device.is_stopped { "stopped" } else { device.state.code() }.to_owned()];
    if device.is_stuck {
        told.push("bus stuck".to_owned());
    }
    if let Some(period) = device.period_us {
        told.push(format!("every {}", Interval(Duration::from_micros(period))));
    }
    if device.is_calibrated {
        told.push("calibrated".to_owned());
    }
    if let Some(reason) = device.reason {
        told.push(format!("{} failures, last {reason}", device.failures));
    }
    for (count, what) in [(device.missed, "missed"), (device.shed, "shed")] {
        if count > 0 {
            told.push(format!("{count} {what}"));
        }
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::Target;

    use super::*;

    #[test]
    fn an_alarm_without_its_first_part_is_told_what_was_meant() {
        assert_eq!(alarm("derived.too_hot").unwrap().as_str(), "derived.too_hot");
        assert!(alarm("too_hot").unwrap_err().ends_with("did you mean `derived.too_hot`?"));
        assert!(alarm("Too Hot").unwrap_err().contains("is not a name"));
    }

    #[test]
    fn the_status_of_all_devices_says_what_was_asked_so_far_and_not_what_was_not() {
        let counters = [
            ("commands_get_status_done", 1),
            ("commands_not_understood", 2),
            ("commands_set_rate_refused", 3),
            ("commands_stop_done", 0),
        ];
        let counters = counters.map(|(name, count)| (name.to_owned(), count)).into();
        let answer = Answer::Done { devices: BTreeMap::new(), counters, correction: None };
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        let asked = Command::GetStatus(Target::Gateway);
        assert_eq!(tell(&asked, &answer, &mut out, &mut faults).unwrap(), 0);
        let expected =
            "commands since the start: 1 get_status done, 2 not understood, 3 set_rate refused\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
