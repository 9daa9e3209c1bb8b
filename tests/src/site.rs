//! A site for system tests: the release gateway behind simulated device nodes, and a verifier.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use domain::{GatewayId, Sample};
use publisher_mqtt::{Event, Session, Subscription, SubscriptionOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sim::kernel::{DeviceNodes, Front};
use wire::{Topic, Topics, status::Status};

/// Longer than anything that a test waits for takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway's name in every configuration of these tests.
pub const GATEWAY: &str = "site";

/// The gateway as released.
///
/// # Panics
///
/// If it was not built; `cargo xtask test` does.
pub fn gateway_binary() -> PathBuf {
    let built = env::var_os("TELEMETRYHUB_BINARY").map(PathBuf::from);
    let path = built.unwrap_or_else(|| target().join("release/telemetryhub"));
    assert!(path.is_file(), "{} is missing: run `cargo xtask test`", path.display());
    path
}

/// The subscriber, as built beside the tests.
///
/// # Panics
///
/// If it was not built; `cargo xtask test` does.
pub fn subscriber_binary() -> PathBuf {
    beside_the_tests("telemetryhub-subscriber")
}

/// The simulated site, as built beside the tests.
///
/// # Panics
///
/// If it was not built; `cargo xtask test` does.
pub fn simulator_binary() -> PathBuf {
    beside_the_tests("telemetryhub-sim")
}

/// The crash run, as built beside the tests.
///
/// # Panics
///
/// If it was not built; `cargo xtask test` does.
pub fn crash_binary() -> PathBuf {
    beside_the_tests("telemetryhub-crash")
}

fn beside_the_tests(program: &str) -> PathBuf {
    let path = target().join("debug").join(program);
    assert!(path.is_file(), "{} is missing: run `cargo xtask test`", path.display());
    path
}

/// The folder that this test was built in: `target/debug/deps/system-…` lies in it.
fn target() -> PathBuf {
    let here = env::current_exe().unwrap_or_default();
    here.ancestors().nth(3).map(Path::to_owned).unwrap_or_default()
}

/// A folder with a configuration, and the device nodes that every gateway started in it sees.
pub struct Site {
    folder: tempfile::TempDir,
    broker: String,
    nodes: DeviceNodes,
}

impl Site {
    /// A site with this configuration, but for the gateway's name, broker and spool.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn new(broker: &str, configuration: &str, nodes: DeviceNodes) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let text = format!("[gateway]\nid = \"{GATEWAY}\"\n{configuration}");
        fs::write(folder.path().join("gateway.toml"), text)?;
        Ok(Self { folder, broker: broker.to_owned(), nodes })
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the gateway. It may be started again in the same site after it has ended.
    ///
    /// # Errors
    ///
    /// If the process does not start.
    pub fn start_gateway(&self) -> anyhow::Result<Gateway> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(gateway_binary());
        command
            .arg("run")
            .arg("--config")
            .arg(self.folder().join("gateway.toml"))
            .env("TELEMETRYHUB__MQTT__URL", &self.broker)
            .env("TELEMETRYHUB__SPOOL__FOLDER", self.folder().join("spool"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let front = self.nodes.serve(&mut command)?;
        let child = command.spawn().context("failed to start the gateway")?;
        Ok(Gateway { child, _front: front })
    }

    /// The gateway's log so far.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.folder().join("gateway.log")
    }

    /// Starts a verifier that demands every sample from number 1 on, has the broker keep what arrives while it
    /// is away, and waits until it listens.
    ///
    /// # Errors
    ///
    /// If the process does not start.
    pub fn start_verifier(&self) -> anyhow::Result<Verifier> {
        self.start_verifier_with(&["--until-stopped", "--settle", "20s", "--session", "judge"])
    }

    /// The same with these arguments instead.
    ///
    /// # Errors
    ///
    /// If the process does not start.
    pub fn start_verifier_with(&self, arguments: &[&str]) -> anyhow::Result<Verifier> {
        let report = self.folder().join("report.json");
        let child = Command::new(subscriber_binary())
            .args(["verify", "--broker", &self.broker, "--gateway", GATEWAY])
            .args(arguments)
            .args(["--from-first", "--json"])
            .arg(&report)
            .stdin(Stdio::null())
            .stdout(File::create(self.folder().join("verdict.txt"))?)
            .stderr(File::create(self.folder().join("verifier.log"))?)
            .spawn()
            .context("failed to start the verifier")?;
        until("the verifier listens", || self.verifier_log().contains("listening"))?;
        Ok(Verifier { child, report })
    }

    /// What the verifier has remarked so far.
    pub fn verifier_log(&self) -> String {
        fs::read_to_string(self.folder().join("verifier.log")).unwrap_or_default()
    }

    /// Listens beside the verifier, and keeps what it hears.
    ///
    /// # Errors
    ///
    /// If there is no thread for it.
    pub fn listen(&self) -> anyhow::Result<Listener> {
        Listener::start(&self.broker, Session::Clean)
    }
}

/// A running gateway. Killed when dropped.
pub struct Gateway {
    child: Child,
    _front: Front,
}

impl Gateway {
    /// Kills it as a power cut of the process would: SIGKILL.
    ///
    /// # Errors
    ///
    /// If it had ended by itself.
    pub fn kill(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the gateway had ended by itself: {status}");
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop, and waits for its end.
    ///
    /// # Errors
    ///
    /// If it does not end in time.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("the gateway has no process id")?, Signal::TERM)?;
        wait(&mut self.child)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running verifier.
pub struct Verifier {
    child: Child,
    report: PathBuf,
}

impl Verifier {
    /// Halts it, lets it go on, or asks it to end.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.context("the verifier has no process id")?, signal)?)
    }

    /// Waits for its end and gives the report.
    ///
    /// # Errors
    ///
    /// If it does not end in time or writes no report.
    pub fn report(mut self) -> anyhow::Result<Value> {
        wait(&mut self.child)?;
        let text = fs::read_to_string(&self.report).context("the verifier wrote no report")?;
        serde_json::from_str(&text).context("the verifier's report is no JSON")
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> anyhow::Result<ExitStatus> {
    let mut status = None;
    until("a process ends", || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    })?;
    status.context("the process has no status")
}

/// Waits until `is_so`, looking often.
///
/// # Errors
///
/// After [`PATIENCE`].
#[expect(clippy::disallowed_methods, reason = "waits for real processes in real time")]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > PATIENCE {
            bail!("gave up waiting until {what}");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Lets real time pass, so that a process is hit at some instant of its work.
#[expect(clippy::disallowed_methods, reason = "the instant of a kill is the point")]
pub fn let_pass(span: Duration) {
    thread::sleep(span);
}

/// What a subscriber has heard of the gateway so far.
#[derive(Clone, Default)]
pub struct Heard {
    state: Arc<Mutex<(Vec<Sample>, Option<Status>)>>,
    count: Arc<AtomicU64>,
}

impl Heard {
    /// Every sample in order of arrival, with repetitions, of the stream called `name`.
    pub fn stream(&self, name: &str) -> Vec<Sample> {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0.iter().filter(|sample| sample.stream.name.as_str() == name).cloned().collect()
    }

    /// How many samples have arrived.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// The newest status.
    pub fn status(&self) -> Option<Status> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1.clone()
    }

    /// A counter of the newest status.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.status()?.counters.get(name).copied()
    }

    fn take(&self, topics: &Topics, topic: &str, payload: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match topics.parse(topic) {
            Some(Topic::Samples { .. }) => {
                if let Ok(batch) = wire::payload::decode(payload) {
                    self.count.fetch_add(batch.samples.len() as u64, Relaxed);
                    state.0.extend(batch.samples);
                }
            }
            Some(Topic::Status { .. }) => state.1 = Status::decode(payload).ok(),
            Some(Topic::Answer { .. }) | None => {}
        }
    }
}

/// A subscriber on a thread of its own.
pub struct Listener {
    /// What it has heard.
    pub heard: Heard,
    is_over: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Listener {
    /// Listens at `broker` from now on.
    ///
    /// # Errors
    ///
    /// If the thread does not start.
    pub fn start(broker: &str, session: Session) -> anyhow::Result<Self> {
        let gateway = GatewayId::new(GATEWAY)?;
        let topics = Topics::new(Topics::DEFAULT_ROOT)?;
        let subscription = Subscription::connect(SubscriptionOptions {
            broker: broker.parse()?,
            client_id: "listener".to_owned(),
            filters: vec![topics.filter(Some(&gateway))],
            session,
        })?;
        let (heard, is_over) = (Heard::default(), Arc::default());
        let (keep, over) = (heard.clone(), Arc::<std::sync::atomic::AtomicBool>::clone(&is_over));
        let run = move || {
            while !over.load(Relaxed) {
                if let Some(Event::Message { topic, payload, .. }) =
                    subscription.next(Duration::from_millis(100))
                {
                    keep.take(&topics, &topic, &payload);
                }
            }
        };
        let thread = thread::Builder::new().name("listener".to_owned()).spawn(run)?;
        Ok(Self { heard, is_over, thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}
