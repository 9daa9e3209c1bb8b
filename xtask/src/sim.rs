//! `cargo xtask sim`: builds what the simulated site needs, then runs it.
//!
//! The gateway is the release binary, unchanged; the rest is built for speed of building.

use std::{convert::Infallible, os::unix::process::CommandExt as _, time::Duration, time::Instant};

use anyhow::Context as _;

use crate::command::{self, announce, cargo, spoken, target};

pub(crate) const EXAMPLES: &str = "Examples:
  cargo xtask sim                                  a minute of the live table, then the verdict
  cargo xtask sim --duration 0s                    until Ctrl-C
  cargo xtask sim --headless --duration 60s        no table; the report only, for scripts
  cargo xtask sim --broker mqtt://localhost:1883   through a broker of yours instead of the built-in one; a URL
                                                   with a password is better put into TELEMETRYHUB_SIM_BROKER
  cargo xtask sim --site forty --faults random     forty devices, and whatever goes wrong with them
  cargo xtask sim --keep                           keep the site's folder: configuration, spool, log

It exits with 0 if the verifier found no sample missing and nothing is unexplained, and with 1 otherwise.";

/// The variable that names the broker, to us and to the simulator.
const BROKER: &str = "TELEMETRYHUB_SIM_BROKER";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long the site runs, such as 90s or 10m; 0s means until Ctrl-C
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// No live table; only the report at the end
    #[arg(long)]
    headless: bool,
    /// Use this broker instead of the built-in one
    #[arg(long, value_name = "URL", env = BROKER, hide_env_values = true)]
    broker: Option<String>,
    /// Keep the site's folder (configuration, spool, log) and say where it is
    #[arg(long)]
    keep: bool,
    /// Which weather the site has, and which faults are drawn; the same seed gives the same
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Which devices there are: small (four) or forty
    #[arg(long, default_value = "small", value_name = "SITE")]
    site: String,
    /// What goes wrong: a script's file, or `random` (docs/simulator.md)
    #[arg(long, value_name = "FILE|random")]
    faults: Option<String>,
}

impl Arguments {
    /// The same for the simulator, but for the broker, whose URL may hold a password.
    fn passed_on(&self) -> Vec<String> {
        let mut passed = vec![
            format!("--duration={}", humantime::format_duration(self.duration)),
            format!("--seed={}", self.seed),
            format!("--site={}", self.site),
        ];
        passed.extend(self.faults.iter().map(|faults| format!("--faults={faults}")));
        passed.extend(self.headless.then(|| "--headless".to_owned()));
        passed.extend(self.keep.then(|| "--keep".to_owned()));
        passed
    }
}

#[expect(clippy::disallowed_methods, reason = "tells the developer how long a build took")]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Infallible> {
    let begun = Instant::now();
    announce("building the gateway, as released (1 of 2; minutes at first, then seconds)");
    build_gateway()?;
    announce("building the simulated site and the subscriber (2 of 2)");
    command::run(cargo().args(["build", "--package", "subscriber", "--package", "simulator"]))?;
    announce(&format!("built in {}; starting", spoken(begun.elapsed())));
    let (release, debug) = (target().join("release"), target().join("debug"));
    // Takes our place: Ctrl-C and the exit code are the simulator's.
    let error = std::process::Command::new(debug.join("telemetryhub-sim"))
        .arg("--gateway-binary")
        .arg(release.join("telemetryhub"))
        .arg("--subscriber-binary")
        .arg(debug.join("telemetryhub-subscriber"))
        .args(arguments.passed_on())
        .envs(arguments.broker.iter().map(|url| (BROKER, url)))
        .exec();
    Err(error).context("failed to start the simulator")
}

/// Builds the release gateway, which system tests and simulations run.
pub(crate) fn build_gateway() -> anyhow::Result<()> {
    command::run(cargo().args(["build", "--release", "--package", "gateway"]))
}
