//! The site as it runs: processes, faults, and who watches.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use domain::WallTime;
use publisher_mqtt::Broker;
use simulator::{
    leash,
    processes::{Process, Usage},
};

use crate::{
    Arguments, Devices,
    account::{Account, Run},
    forty,
    outages::Outages,
    recorder::Recorder,
    stage::{self, Stage},
    world::{self, World},
};

/// Longer than the gateway's own bound: its drain timeout and the farewells.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Longer than the verifier takes to connect to a broker that is there.
const LISTEN_MAX: Duration = Duration::from_secs(15);
/// Longer than the gateway's last word takes to the recorder.
const RECORD_MAX: Duration = Duration::from_secs(10);
/// Longer than the verifier takes to settle after the gateway's last word.
const VERDICT_MAX: Duration = Duration::from_secs(30);

/// A running site.
pub(crate) struct Site {
    gateway: Process,
    /// What starts it, and starts it again.
    command: Command,
    outages: Outages,
    verifier: Process,
    verdict: PathBuf,
    table: Option<Process>,
    log: PathBuf,
    begun: Instant,
    from: WallTime,
    recorder: Recorder,
    stage: Option<Stage>,
    // Last: the gateway's device nodes and what is behind them outlive it.
    _front: sim::kernel::Front,
    world: World,
}

impl Site {
    #[expect(clippy::disallowed_methods, reason = "the report says how much real time it is about")]
    /// Starts the gateway and everything around it. The broker's `url` may have a login in it, and so is on
    /// no command line.
    pub(crate) fn start(
        arguments: &Arguments,
        folder: &Path,
        url: &str,
        session: &str,
    ) -> anyhow::Result<Self> {
        let broker: Broker = url.parse().context("this is no broker")?;
        let world = match arguments.site {
            Devices::Small => World::small(arguments.seed)?,
            Devices::Forty => forty::build(arguments.seed, &arguments.gateway_binary)?,
        };
        let faults = arguments.faults.as_deref();
        let staging = faults.map(|faults| {
            stage::script(faults, arguments.seed, &world.targets, arguments.duration)
        });
        let staging = staging.transpose()?;
        if let Some(staging) = &staging {
            stage::keep(staging, folder)?;
        }
        let (log, verdict) = (folder.join("gateway.log"), folder.join("verdict.txt"));
        let subscriber = |mode: &str| {
            let mut command = leash::command(&arguments.subscriber_binary)?;
            command.args([mode, "--gateway", world::GATEWAY]).env("TELEMETRYHUB_BROKER", url);
            anyhow::Ok(command)
        };
        // The verifier is there before the gateway speaks, so that it can demand number 1.
        let remarks = folder.join("verifier.log");
        let verifier = Process::start(
            "the verifier",
            subscriber("verify")?
                .args(["--until-stopped", "--from-first", "--settle", "5s", "--session", session])
                .stdin(Stdio::null())
                .stdout(File::create(&verdict)?)
                .stderr(File::create(&remarks)?),
        )?;
        wait_for(&remarks, "listening")?;
        let config = folder.join("gateway.toml");
        std::fs::write(&config, &world.configuration)?;
        let recorder = Recorder::start(&broker, world::GATEWAY, LISTEN_MAX)?;
        let mut command = gateway(&arguments.gateway_binary, &config, &broker)?;
        command
            .env("TELEMETRYHUB__SPOOL__FOLDER", folder.join("spool"))
            .stdin(Stdio::null())
            .stderr(File::create(&log)?);
        let front = world.serve(&mut command)?;
        let from = now();
        let gateway = Process::start("the gateway", &mut command)?;
        let stage = staging.map(Stage::start).transpose()?;
        let table = (!arguments.headless)
            .then(|| Process::start("the live table", &mut subscriber("tail")?))
            .transpose()?;
        let begun = Instant::now();
        Ok(Self {
            gateway,
            command,
            outages: Outages::default(),
            verifier,
            verdict,
            table,
            log,
            begun,
            from,
            recorder,
            stage,
            _front: front,
            world,
        })
    }

    /// Lets the site live until its time is over, it is interrupted, or the verifier ends by itself. A
    /// gateway that does is started again.
    #[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
    pub(crate) fn live(
        &mut self,
        duration: Duration,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<()> {
        let is_over = |begun: Instant| !duration.is_zero() && begun.elapsed() >= duration;
        while !is_over(self.begun) && !interrupted.load(Relaxed) {
            if let Some(status) = self.gateway.ended() {
                self.restart(status)?;
            }
            if let Some(status) = self.verifier.ended() {
                return Err(self.is_over("the verifier", status));
            }
            self.outages.count(Instant::now(), &self.world.paces);
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
    fn restart(&mut self, status: ExitStatus) -> anyhow::Result<()> {
        let (at, down) = (Instant::now(), now());
        if !self.outages.can_be_restarted(status, at) {
            return Err(self.is_over("the gateway", status));
        }
        self.gateway = Process::start("the gateway", &mut self.command)?;
        self.outages.begin(status, (down, now()), at, &self.world.paces);
        Ok(())
    }

    fn is_over(&self, who: &str, status: ExitStatus) -> anyhow::Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let report = std::fs::read_to_string(&self.verdict).unwrap_or_default();
        anyhow::anyhow!("{who} ended by itself ({status}); its log:\n{log}{report}")
    }

    /// Stops the gateway and tells the verdict.
    #[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
    pub(crate) fn end(mut self) -> anyhow::Result<ExitCode> {
        let begun = self.stage.take().map(Stage::end).unwrap_or_default();
        self.outages.count(Instant::now(), &self.world.paces);
        let (lived, usage) = (self.begun.elapsed(), self.gateway.usage()?);
        let run = Run { from: self.from, to: now() };
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
        let record = self.recorder.last_record(RECORD_MAX);
        let account =
            Account::of(&record, &self.world.paces, &pulls(&begun), self.outages.list(), run);
        println!("{account}\n{}\n{}", faults_line(&begun), self.outages);
        println!("{}", usage_line(lived, usage));
        ensure!(stopped.success(), "the gateway failed ({stopped})");
        let is_good = verdict.success() && account.is_even();
        Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The gateway with this configuration and broker. Its password is on no command line.
fn gateway(program: &Path, config: &Path, broker: &Broker) -> anyhow::Result<Command> {
    let mut command = leash::command(program)?;
    command.arg("run").arg("--config").arg(config);
    command.env("TELEMETRYHUB__MQTT__URL", broker.to_string());
    if let Some(login) = broker.login() {
        command
            .env("TELEMETRYHUB__MQTT__USERNAME", &login.user)
            .env("TELEMETRYHUB__MQTT__PASSWORD", &login.password);
    }
    Ok(command)
}

#[expect(clippy::disallowed_methods, reason = "the run is compared with the gateway's wall clock")]
fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.unwrap_or_default().as_nanos();
    WallTime::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// How often each device was unplugged.
fn pulls(begun: &BTreeMap<(String, &'static str), u64>) -> BTreeMap<String, u64> {
    let pulls = begun.iter().filter(|((_, fault), _)| *fault == "unplug");
    pulls.map(|((device, _), count)| (device.clone(), *count)).collect()
}

fn faults_line(begun: &BTreeMap<(String, &'static str), u64>) -> String {
    let mut by_name = BTreeMap::<&str, u64>::new();
    for ((_, fault), count) in begun {
        *by_name.entry(fault).or_default() += count;
    }
    let total: u64 = by_name.values().sum();
    let list: Vec<_> = by_name.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
    format!("faults: {total} ({})", list.join(", "))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_told_of_a_login_by_its_environment() {
        let broker: Broker = "mqtt://me:hunter2@host:7".parse().unwrap();
        let command = gateway(Path::new("gateway"), Path::new("file"), &broker).unwrap();
        assert!(command.get_args().all(|word| word != "hunter2"));
        let variables: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
            .collect();
        let expected = [
            ("TELEMETRYHUB__MQTT__PASSWORD", "hunter2"),
            ("TELEMETRYHUB__MQTT__URL", "mqtt://host:7"),
            ("TELEMETRYHUB__MQTT__USERNAME", "me"),
        ];
        assert_eq!(variables, expected);
    }
}
