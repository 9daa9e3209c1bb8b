//! The command line.

use core::time::Duration;
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use domain::{BootId, GatewayId, StreamName};
use ports::Clock;
use publisher_mqtt::{Broker, NotABroker};
use wire::Topics;

use crate::{
    Origin, duration,
    feed::{ListenTo, Listening, chain},
    replay::{self, Wish},
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
  The same, and have the gateway send again what is missing at the end:
    telemetryhub-subscriber verify --broker mqtt://127.0.0.1:1883 --duration 60s --replay

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
  Ask the gateways for what is missing after five minutes, and count what they send again:
    telemetryhub-subscriber verify --broker mqtt://127.0.0.1:1883 --duration 5m --replay

It ends when the duration is over, when every gateway has stopped, or on Ctrl-C; if samples are
missing then, it waits for them a little longer (--settle). Samples are numbered without holes, so
every hole is a sample lost; a gap, that is a sample that says why there is no value, is not.
On standard error it says `listening` as soon as nothing can slip past it any more.

With --replay, what is still missing then is asked for, gateway by gateway; those must run, with
`mqtt.replay = true`, and still have it (`spool.retain`). The report says how much came, and why the
rest did not.

Exit code: 0 nothing is missing; 1 something is (or a demand is not met); 2 the broker cannot be
reached or the command line is wrong; 3 nothing was received.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  Have samples 41 to 60 of a stream sent again, one JSON object a line:
    telemetryhub-subscriber replay --broker mqtt://127.0.0.1:1883 --gateway greenhouse \\
        --stream outdoor.temperature --from 41 --to 60

The gateway must run with `mqtt.replay = true`, and still have the samples: it keeps those that were
delivered as long as `spool.retain` has room. It answers to this program alone, after everything else
that it has to send. Which numbers are missing is what `verify --json FILE` says (`missing_runs`).

Samples go to standard output; which numbers are not there, and why, to standard error:
  gone        evicted, retained long enough, damaged, or taken in another boot than --boot
  never       no sample of the stream has such a number yet
  waiting     not delivered yet, and comes by itself
  too long    fits into no message that the broker takes
  unreadable  the gateway's disk could not be read

Exit code: 0 all of them came; 1 some did not; 2 the gateway did not answer or refused, the broker
cannot be reached, or the command line is wrong.";

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
    /// Have a gateway send samples again, one JSON object a line
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
}

#[derive(Args)]
struct BrokerArgs {
    /// Where the broker is: mqtt://[user[:password]@]host[:port]
    #[arg(long, value_name = "URL", env = "TELEMETRYHUB_BROKER", hide_env_values = true)]
    broker: String, // Parsed later: an error made here would repeat it, password and all.
    /// What the topics begin with, as in the gateway's configuration
    #[arg(long, value_name = "TOPIC", default_value = Topics::DEFAULT_ROOT, value_parser = Topics::new)]
    root: Topics,
}

#[derive(Args)]
struct Source {
    #[command(flatten)]
    broker: BrokerArgs,
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
struct ReplayArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// The gateway to ask
    #[arg(long, value_name = "ID", value_parser = GatewayId::new)]
    gateway: GatewayId,
    /// The stream: DEVICE.SENSOR or derived.METRIC
    #[arg(long, value_name = "NAME", value_parser = StreamName::parse)]
    stream: StreamName,
    /// The first number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..u64::MAX))]
    from: u64,
    /// The last number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..u64::MAX))]
    to: u64,
    /// The boot in which they were taken; without it, in whichever
    #[arg(long, value_name = "UUID", value_parser = BootId::parse)]
    boot: Option<BootId>,
    /// How long the gateway may be silent
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    patience: Duration,
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
    #[command(flatten)]
    asking: Asking,
}

#[derive(Args)]
struct Asking {
    /// Ask the gateways for what is missing at the end
    #[arg(long)]
    replay: bool,
    /// How long a gateway that is asked may be silent
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse, requires = "replay")]
    patience: Duration,
}

impl BrokerArgs {
    fn parse(&self) -> Result<Broker, String> {
        self.broker.parse().map_err(|error: NotABroker| format!("--broker: {error}"))
    }
}

impl Source {
    const fn listening<'a>(
        &'a self,
        broker: &'a Broker,
        session: Option<&'a str>,
        to: ListenTo,
    ) -> Listening<'a> {
        let Self { broker: BrokerArgs { root, .. }, gateway } = self;
        Listening { broker, topics: root, gateway: gateway.as_ref(), session, to }
    }
}

impl TailArgs {
    fn run(&self, clock: &dyn Clock) -> Result<ExitCode, String> {
        let broker = self.source.broker.parse()?;
        let listening = self.source.listening(&broker, None, ListenTo::Samples);
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
        let broker = self.source.broker.parse()?;
        let to = if self.asking.replay { ListenTo::Both } else { ListenTo::Samples };
        let listening = self.source.listening(&broker, self.session.as_deref(), to);
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
            replay: self.asking.replay.then_some(self.asking.patience),
            json: self.json.clone(),
        }
    }
}

impl ReplayArgs {
    fn run(&self, clock: &dyn Clock) -> Result<ExitCode, String> {
        let broker = self.broker.parse()?;
        if self.from > self.to {
            return Err(format!("--from {} is beyond --to {}", self.from, self.to));
        }
        let (topics, gateway, session) = (&self.broker.root, Some(&self.gateway), None);
        let to = ListenTo::Answers;
        let listening = Listening { broker: &broker, topics, gateway, session, to };
        replay::run(&listening, &self.wish(), clock, &mut io::stdout(), &mut io::stderr())
            .map(|is_whole| ExitCode::from(u8::from(!is_whole)))
            .map_err(|error| chain(&error))
    }

    fn wish(&self) -> Wish {
        let Self { gateway, stream, boot, from, to, patience, .. } = self;
        let (gateway, stream) = (gateway.clone(), stream.clone());
        Wish { gateway, stream, boot: *boot, numbers: (*from, *to), patience: *patience }
    }
}

/// Does what the command line asks for; the exit code is part of the answer.
pub fn run(cli: &Cli, clock: &dyn Clock) -> ExitCode {
    let outcome = match &cli.command {
        Command::Tail(args) => args.run(clock),
        Command::Verify(args) => args.run(clock),
        Command::Replay(args) => args.run(clock),
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
