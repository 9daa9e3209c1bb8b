//! The simulated site: chips, buses, GPS and broker around the unmodified gateway binary.
//!
//! `cargo xtask sim` builds and runs it. The gateway, the live table and the verifier are processes of
//! their own; what the gateway takes for the kernel's devices is served by this one.
//!
//! Exit codes: 0 when no sample is missing, 1 when one is or a process failed, 2 for a wrong command
//! line.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for the terminal")]

mod broker;
mod processes;
mod world;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::{
    processes::{Process, Usage},
    world::World,
};

/// Longer than the gateway's own bound: its drain timeout and the farewells.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Longer than the verifier takes to connect to a broker that is there.
const LISTEN_MAX: Duration = Duration::from_secs(15);
/// Longer than the verifier takes to settle after the gateway's last word.
const VERDICT_MAX: Duration = Duration::from_secs(30);

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
    /// Use this broker instead of the built-in one
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// Keep the site's folder (configuration, spool, log) and say where it is
    #[arg(long)]
    keep: bool,
    /// Which weather the site has; the same seed gives the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The gateway to run
    #[arg(long, value_name = "FILE")]
    gateway_binary: PathBuf,
    /// The subscriber to run
    #[arg(long, value_name = "FILE")]
    subscriber_binary: PathBuf,
}

fn main() -> ExitCode {
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

struct Site {
    gateway: Process,
    verifier: Process,
    verdict: PathBuf,
    table: Option<Process>,
    log: PathBuf,
    begun: Instant,
    // Last: the gateway's device nodes and what is behind them outlive it.
    _front: sim::kernel::Front,
    _world: World,
}

impl Site {
    #[expect(clippy::disallowed_methods, reason = "the report says how much real time it is about")]
    fn start(
        arguments: &Arguments,
        folder: &Path,
        broker: &str,
        session: &str,
    ) -> anyhow::Result<Self> {
        let world = World::new(arguments.seed)?;
        let (log, verdict) = (folder.join("gateway.log"), folder.join("verdict.txt"));
        let subscriber = |mode: &str| {
            let mut command = Command::new(&arguments.subscriber_binary);
            command.args([mode, "--broker", broker, "--gateway", world::GATEWAY]);
            command
        };
        // The verifier is there before the gateway speaks, so that it can demand number 1.
        let remarks = folder.join("verifier.log");
        let verifier = Process::start(
            "the verifier",
            subscriber("verify")
                .args(["--until-stopped", "--from-first", "--settle", "5s", "--session", session])
                .stdin(Stdio::null())
                .stdout(File::create(&verdict)?)
                .stderr(File::create(&remarks)?),
        )?;
        wait_for(&remarks, "listening")?;
        let mut command = Command::new(&arguments.gateway_binary);
        let config = folder.join("gateway.toml");
        std::fs::write(&config, world::CONFIGURATION)?;
        command
            .arg("run")
            .arg("--config")
            .arg(&config)
            .env("TELEMETRYHUB__MQTT__URL", broker)
            .env("TELEMETRYHUB__SPOOL__FOLDER", folder.join("spool"))
            .stdin(Stdio::null())
            .stderr(File::create(&log)?);
        let front = world.serve(&mut command)?;
        let gateway = Process::start("the gateway", &mut command)?;
        let table = (!arguments.headless)
            .then(|| Process::start("the live table", &mut subscriber("tail")))
            .transpose()?;
        let begun = Instant::now();
        Ok(Self { gateway, verifier, verdict, table, log, begun, _front: front, _world: world })
    }

    /// Lets the site live until its time is over, it is interrupted, or a process ends by itself.
    #[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
    fn live(&mut self, duration: Duration, interrupted: &AtomicBool) -> anyhow::Result<()> {
        let is_over = |begun: Instant| !duration.is_zero() && begun.elapsed() >= duration;
        while !is_over(self.begun) && !interrupted.load(Relaxed) {
            let ended = self.gateway.ended().map(|status| ("the gateway", status));
            let ended = ended.or_else(|| Some(("the verifier", self.verifier.ended()?)));
            if let Some((who, status)) = ended {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let report = std::fs::read_to_string(&self.verdict).unwrap_or_default();
                anyhow::bail!("{who} ended by itself ({status}); its log:\n{log}{report}");
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Stops the gateway and tells the verdict.
    fn end(mut self) -> anyhow::Result<ExitCode> {
        let (lived, usage) = (self.begun.elapsed(), self.gateway.usage()?);
        self.gateway.terminate();
        let stopped = self.gateway.wait(STOP_MAX)?;
        let verdict = self.verifier.wait(VERDICT_MAX)?;
        if let Some(mut table) = self.table.take() {
            table.terminate();
            let _ = table.wait(Duration::from_secs(2));
        }
        let mut report = String::new();
        File::open(&self.verdict)?.read_to_string(&mut report)?;
        println!("{report}");
        println!("{}", usage_line(lived, usage));
        ensure!(stopped.success(), "the gateway failed ({stopped})");
        Ok(if verdict.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Waits until a process has said `word` in its log.
#[expect(clippy::disallowed_methods, reason = "waits for a real process in real time")]
fn wait_for(log: &Path, word: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        if said.contains(word) {
            return Ok(());
        }
        ensure!(begun.elapsed() < LISTEN_MAX, "the verifier does not reach the broker: {said}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn usage_line(lived: Duration, usage: Usage) -> String {
    let mib = |kib: u64| {
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        f64::from(kib) / 1024.0
    };
    let share = 100.0 * usage.cpu.as_secs_f64() / lived.as_secs_f64().max(0.001);
    format!(
        "gateway: {:.1} MiB resident ({:.1} at most), {:.2} s of processor time in {:.0} s ({share:.2} % of one core)",
        mib(usage.resident_kib),
        mib(usage.resident_kib_max),
        usage.cpu.as_secs_f64(),
        lived.as_secs_f64(),
    )
}
