//! A mosquitto that comes and goes on one port. It keeps nothing on disk: the record is ours.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::Signal;
use simulator::{leash, processes::Process};

use crate::patience::Patience;

/// Longer than it takes to stop on a busy machine.
const STOP_MAX: Duration = Duration::from_secs(20);

/// Killed when dropped.
pub(crate) struct Broker {
    process: Option<Process>,
    program: PathBuf,
    configuration: PathBuf,
    port: u16,
}

impl Broker {
    /// One that does not run yet.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let (port, configuration) = (free_port()?, folder.join("mosquitto.conf"));
        let text =
            format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nlog_dest none\n");
        fs::write(&configuration, text)?;
        let program = find().context("mosquitto is not installed")?;
        Ok(Self { process: None, program, configuration, port })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it if it does not run, and waits until it listens.
    pub(crate) fn start(&mut self, patience: &Patience) -> anyhow::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = leash::command(&self.program)?;
        command.arg("-c").arg(&self.configuration);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Process::start("mosquitto", &mut command)?);
        let is_there = || Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok());
        patience.until("mosquitto listens", is_there)
    }

    /// Stops it in good order.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.terminate();
        process.wait(STOP_MAX)?;
        Ok(())
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Sends it a signal, if it runs.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }
}

/// Debian keeps daemons where an ordinary user's PATH does not look.
fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("mosquitto")).find(|program| program.is_file())
}

/// One that stays free while the broker is away: below those that connections are given.
fn free_port() -> anyhow::Result<u16> {
    let from = 10_000 + u16::try_from(std::process::id() % 20_000)?;
    let mut ports = (from..30_000).chain(10_000..from);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).context("there is no free port")
}
