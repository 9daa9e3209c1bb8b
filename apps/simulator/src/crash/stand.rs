//! The parts of a crash run: gateway, broker, the cable between them, disk, and the device.

use std::{
    error::Error,
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use domain::BootId;
use sim::{
    kernel::{DeviceNodes, Front},
    tty::Pty,
};
use simulator::{leash, processes::Process};

use crate::{
    broker::Broker,
    disk::{Disk, Kind},
    feeder::Feeder,
    patience::Patience,
    proxy::Proxy,
    record::{self, Recorder},
    spy,
    verify::{Holes, Known, Span},
};

/// How often the gateway is told to sync.
pub(crate) const SYNC_INTERVAL: Duration = Duration::from_millis(200);

const CONFIGURATION: &str = r#"[gateway]
id = "crash"
[pipeline]
status_interval = "1s"
drain_timeout = "20s"
[mqtt]
stall_timeout = "2s"
keep_alive = "5s"
[spool]
bytes_max = "16MiB"
free_min = "0B"
sync_interval = "200ms"
[buses.serial0]
kind = "uart"
path = "/dev/ttyAMA0"
baud = 115200
[devices.counter]
driver = "delimited_text"
bus = "serial0"
silence = "30s"
prefix = "N"
columns.number = { index = 1, quantity = "count" }
"#;

/// The gateway did what it must not do.
#[derive(Debug)]
pub(crate) struct Misbehaved(pub(crate) String);

impl fmt::Display for Misbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Misbehaved {}

/// What runs now. Fields are dropped in their order: first whoever writes to the disk.
pub(crate) struct Stand {
    gateway: Option<(Process, Front)>,
    pub(crate) broker: Broker,
    pub(crate) disk: Option<Disk>,
    pub(crate) recorder: Recorder,
    pub(crate) proxy: Proxy,
    pub(crate) feeder: Feeder,
    pub(crate) line: Pty,
    pub(crate) known: Known,
    pub(crate) patience: Patience,
    folder: PathBuf,
    program: PathBuf,
}

impl Stand {
    /// Starts everything, in `folder`.
    pub(crate) fn new(
        program: &Path,
        folder: &Path,
        kind: Option<Kind>,
        patience: Patience,
    ) -> anyhow::Result<Self> {
        fs::write(folder.join("gateway.toml"), CONFIGURATION)?;
        let broker = Broker::new(folder)?;
        let disk = kind.and_then(|kind| {
            let left_out = |error: &_| eprintln!("the disk cannot be harmed: {error:#}");
            Disk::new(kind, folder).inspect_err(left_out).ok()
        });
        let (line, recorder) = (Pty::open()?, Recorder::new()?);
        let mut stand = Self {
            gateway: None,
            disk,
            proxy: Proxy::start(broker.port(), recorder.clone())?,
            broker,
            recorder,
            feeder: Feeder::start(line.clone())?,
            line,
            known: Known::default(),
            patience,
            folder: folder.to_owned(),
            program: program.to_owned(),
        };
        stand.broker.start(&stand.patience)?;
        stand.boot(0)?;
        stand.start_gateway()?;
        stand.interrupted("start", (0, 1), Holes::One);
        Ok(stand)
    }

    /// From now on the machine has a new boot id; everything up to the number `safe` is on its disk.
    pub(crate) fn boot(&mut self, safe: u64) -> anyhow::Result<()> {
        let count = u128::try_from(self.known.boots.len())? + 1;
        let boot = BootId::from_bytes(count.to_be_bytes());
        self.known.boots.push((boot, safe));
        Ok(fs::write(self.boot_id(), format!("{boot}\n"))?)
    }

    fn boot_id(&self) -> PathBuf {
        self.folder.join("boot_id")
    }

    /// Starts the gateway, and waits until it listens to the line.
    pub(crate) fn start_gateway(&mut self) -> anyhow::Result<()> {
        let (line, boot) = (self.line.clone(), self.boot_id());
        let nodes = DeviceNodes::new()
            .tty("/dev/ttyAMA0", move || line.terminal())
            .tty("/proc/sys/kernel/random/boot_id", move || Some(boot.clone()));
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = leash::command(&self.program)?;
        command
            .arg("run")
            .arg("--config")
            .arg(self.folder.join("gateway.toml"))
            .env("TELEMETRYHUB__MQTT__URL", self.proxy.url())
            .env("TELEMETRYHUB__SPOOL__FOLDER", self.spool())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let front = nodes.serve(&mut command)?;
        self.gateway = Some((Process::start("the gateway", &mut command)?, front));
        self.until_listened()
    }

    /// Waits until the gateway listens to the line.
    pub(crate) fn until_listened(&mut self) -> anyhow::Result<()> {
        let (line, log) = (&self.line, self.log());
        let (gateway, _) = self.gateway.as_mut().context("there is no gateway")?;
        self.patience.until("the gateway listens to the line", || {
            check_alive(gateway, &log)?;
            Ok(line.has_listener())
        })
    }

    /// The gateway, which must not have ended by itself.
    pub(crate) fn gateway(&mut self) -> anyhow::Result<&Process> {
        let log = self.log();
        let (gateway, _) = self.gateway.as_mut().context("there is no gateway")?;
        check_alive(gateway, &log)?;
        Ok(gateway)
    }

    /// SIGKILL of the gateway; waits for its end.
    pub(crate) fn kill_gateway(&mut self) {
        self.gateway = None;
    }

    /// Notes an interruption that ends now: what was `kept` and which number came next when it began.
    pub(crate) fn interrupted(
        &mut self,
        why: &'static str,
        (kept, struck): (u64, u64),
        holes: Holes,
    ) {
        let back = self.feeder.next();
        self.known.spans.push(Span { why, kept, struck, back, holes });
    }

    /// The newest number that was surely appended.
    pub(crate) fn newest_in_spool(&self) -> u64 {
        spy::newest(&self.spool()).max(self.recorder.look(|record| record.newest))
    }

    /// Stops the gateway in good order.
    pub(crate) fn stop_gateway(&mut self) -> anyhow::Result<()> {
        let log = self.log();
        let (gateway, _) = self.gateway.as_mut().context("there is no gateway")?;
        gateway.terminate();
        self.patience.until("the gateway stops", || match gateway.ended() {
            Some(status) if status.success() => Ok(true),
            Some(status) => Err(misbehaved(&format!("it stopped with {status}"), &log)),
            None => Ok(false),
        })
    }

    /// Stops the device, lets the gateway deliver everything, stops it in good order, and notes its last words.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        let (recorder, now) = (self.recorder.clone(), self.feeder.next());
        // If it never comes, the judge will tell.
        let goes_on = || Ok(recorder.look(|record| record.newest >= now));
        let _may_not_go_on = self.patience.is_so_in_time(goes_on)?;
        self.known.unsent = self.feeder.stop();
        self.known.last = self.feeder.next() - 1;
        let unsent = self.known.unsent.last().filter(|unsent| unsent.to == self.known.last);
        let last_sent = unsent.map_or(self.known.last, |unsent| unsent.from - 1);
        let has_all = || Ok(recorder.look(|record| record.newest >= last_sent));
        let _may_be_lost = self.patience.is_so_in_time(has_all)?;
        let heard = recorder.look(|record| record.statuses);
        self.patience.until("the gateway has delivered everything", || {
            // A status that was on its way may be older.
            Ok(recorder.look(|record| record.statuses > heard + 1 && record.waiting() == Some(0)))
        })?;
        self.stop_gateway()?;
        let has_spoken = || Ok(recorder.look(|record| record.last_word().is_some()));
        self.patience.until("its last word arrives", has_spoken)?;
        self.known.head = recorder.look(record::Record::last_word);
        self.known.evicted = recorder.look(record::Record::evicted);
        Ok(())
    }

    fn spool(&self) -> PathBuf {
        self.disk.as_ref().map_or_else(|| self.folder.join("spool"), Disk::spool)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("gateway.log")
    }
}

fn check_alive(gateway: &mut Process, log: &Path) -> anyhow::Result<()> {
    match gateway.ended() {
        Some(status) => Err(misbehaved(&format!("it ended by itself: {status}"), log)),
        None => Ok(()),
    }
}

/// With the last that the gateway said.
fn misbehaved(what: &str, log: &Path) -> anyhow::Error {
    let text = fs::read_to_string(log).unwrap_or_default();
    let from = text.lines().count().saturating_sub(10);
    let last: Vec<_> = text.lines().skip(from).collect();
    Misbehaved(format!("the gateway: {what}; its log ends with\n{}", last.join("\n"))).into()
}
