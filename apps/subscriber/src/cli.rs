//! The command line.

use core::time::Duration;
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use domain::GatewayId;
use ports::Clock;
use publisher_mqtt::{Broker, NotABroker};
use wire::Topics;

use crate::{
    Origin, duration,
    feed::{Listening, chain},
    report::Demands,
    tail::{self, Style},
    verify::{self, Plan},
};

/// The exit code when the question could not be answered at all.
const NO_ANSWER: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  Watch every gateway of a broker, one row per stream:
    telemetryhub-subscriber tail --broker mqtt://127.0.0.1:1883
  Prove that nothing is missing from one minute of one gateway:
    telemetryhub-subscriber verify --broker mqtt://127.0.0.1:1883 --gateway greenhouse --duration 60s

The broker may also come from TELEMETRYHUB_BROKER, which keeps its password out of the list of
processes.";

const TAIL_EXAMPLES: &str = "\
Examples:
  telemetryhub-subscriber tail --broker mqtt://127.0.0.1:1883
  telemetryhub-subscriber tail --broker mqtt://user:password@broker.example --gateway greenhouse
  telemetryhub-subscriber tail --broker mqtt://127.0.0.1:1883 --json --duration 10s > samples.jsonl

Samples go to standard output; the state of gateways and connection, and messages that cannot be
read, to standard error. In the table, GAPS counts samples without a value, MISSING those that have
not arrived.

Exit code: 0 at the end, 2 if the broker cannot be reached or the command line is wrong.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  Listen until the gateway is stopped, then say what is missing:
    telemetryhub-subscriber verify --broker mqtt://127.0.0.1:1883
  From the very first sample on, of no fewer streams than a new gateway has:
    telemetryhub-subscriber verify --broker mqtt://127.0.0.1:1883 --from-first --expect-streams 6
  Keep what arrives while the broker or the verifier restarts:
    telemetryhub-subscriber verify --broker mqtt://127.0.0.1:1883 --session proof --duration 5m

It ends when the duration is over, when every gateway has stopped, or on Ctrl-C; if samples are
missing then, it waits for them a little longer (--settle). Samples are numbered without holes, so
every hole is a sample lost; a gap, that is a sample that says why there is no value, is not.
On standard error it says `listening` as soon as nothing can slip past it any more.

Exit code: 0 nothing is missing; 1 something is (or a demand is not met); 2 the broker cannot be
reached or the command line is wrong; 3 nothing was received.";

/// The cloud side of TelemetryHub: shows the samples that arrive, and proves that none is missing.
// No `Debug` down to `Source`: a broker's password is in there.
#[derive(Parser)]
#[command(name = "telemetryhub-subscriber", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show samples as they arrive: a live table on a terminal, else a line per sample
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(TailArgs),
    /// Listen for a while, then report what is missing, in the exit code too
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
}

#[derive(Args)]
struct Source {
    /// Where the broker is: mqtt://[user[:password]@]host[:port]
    #[arg(long, value_name = "URL", env = "TELEMETRYHUB_BROKER", hide_env_values = true)]
    broker: String, // Parsed later: an error made here would repeat it, password and all.
    /// What the topics begin with, as in the gateway's configuration
    #[arg(long, value_name = "TOPIC", default_value = Topics::DEFAULT_ROOT, value_parser = Topics::new)]
    root: Topics,
    /// Listen to this gateway only
    #[arg(long, value_name = "ID", value_parser = GatewayId::new)]
    gateway: Option<GatewayId>,
}

#[derive(Args)]
struct TailArgs {
    #[command(flatten)]
    source: Source,
    /// One JSON object per sample and line
    #[arg(long, conflicts_with = "plain")]
    json: bool,
    /// One line per sample, on a terminal too
    #[arg(long)]
    plain: bool,
    /// End after this long, such as 500ms, 60s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    duration: Option<Duration>,
}

#[derive(Args)]
struct VerifyArgs {
    #[command(flatten)]
    source: Source,
    /// Listen for this long, such as 500ms, 60s, 5m or 2h; less if every gateway stops before
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// Listen until every gateway has stopped (this is what it does without a duration)
    #[arg(long, conflicts_with = "duration")]
    until_stopped: bool,
    /// How long what is missing at the end may take to arrive
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    settle: Duration,
    /// Fail unless at least this many streams were heard
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    expect_streams: usize,
    /// Demand every stream from sample number 1 on, not from the first that arrives
    #[arg(long)]
    from_first: bool,
    /// Fail if a sample arrives twice
    #[arg(long)]
    no_duplicates: bool,
    /// Write the report to this file as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Have the broker keep what arrives while we are away, for a day, under this name
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    session: Option<String>,
}

impl Source {
    fn broker(&self) -> Result<Broker, String> {
        self.broker.parse().map_err(|error: NotABroker| format!("--broker: {error}"))
    }

    const fn listening<'a>(
        &'a self,
        broker: &'a Broker,
        session: Option<&'a str>,
    ) -> Listening<'a> {
        let Self { root, gateway, .. } = self;
        Listening { broker, topics: root, gateway: gateway.as_ref(), session }
    }
}

impl TailArgs {
    fn run(&self, clock: &dyn Clock) -> Result<ExitCode, String> {
        let broker = self.source.broker()?;
        let listening = self.source.listening(&broker, None);
        tail::run(&listening, self.style(), self.duration, clock)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| chain(&error))
    }

    fn style(&self) -> Style {
        match (self.json, self.plain) {
            (true, _) => Style::Json,
            (false, true) => Style::Plain,
            (false, false) => tail::natural_style(),
        }
    }
}

impl VerifyArgs {
    fn run(&self, clock: &dyn Clock) -> Result<ExitCode, String> {
        let broker = self.source.broker()?;
        let listening = self.source.listening(&broker, self.session.as_deref());
        verify::run(&listening, &self.plan(), clock, &mut io::stdout(), &mut io::stderr())
            .map(|report| ExitCode::from(report.verdict.exit_code()))
            .map_err(|error| chain(&error))
    }

    fn plan(&self) -> Plan {
        Plan {
            origin: if self.from_first { Origin::FirstEver } else { Origin::FirstSeen },
            duration: self.duration,
            settle: self.settle,
            demands: Demands {
                no_duplicates: self.no_duplicates,
                streams_min: self.expect_streams,
            },
            json: self.json.clone(),
        }
    }
}

/// Does what the command line asks for; the exit code is part of the answer.
pub fn run(cli: &Cli, clock: &dyn Clock) -> ExitCode {
    let outcome = match &cli.command {
        Command::Tail(args) => args.run(clock),
        Command::Verify(args) => args.run(clock),
    };
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error}");
        ExitCode::from(NO_ANSWER)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
