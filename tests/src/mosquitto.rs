//! A real broker: mosquitto as a process, in a folder and on a port of its own.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Where Debian puts it, and where others do.
const PLACES: [&str; 3] =
    ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];

/// The file that `cargo xtask test` reads skipped tests from.
const SKIPS: &str = "TELEMETRYHUB_SKIPPED_TESTS";

/// mosquitto's program, or `None` after taking note that `test` is skipped for want of it.
///
/// # Panics
///
/// With `CI=true`, where no test may be skipped.
pub fn find(test: &str) -> Option<PathBuf> {
    let found = PLACES.iter().map(PathBuf::from).find(|place| place.is_file());
    if found.is_none() {
        skip(test, "mosquitto");
    }
    found
}

/// Takes note that `test` is skipped for want of `part`.
///
/// # Panics
///
/// With `CI=true`, where no test may be skipped.
pub fn skip(test: &str, part: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} cannot run for want of {part}");
    note_skipped(test, part);
}

/// The same where nobody can be asked to have `part`: nowhere is that a fault.
pub fn note_skipped(test: &str, part: &str) {
    let Some(list) = std::env::var_os(SKIPS) else { return };
    let line = format!("{test}: {part}\n");
    let file = fs::OpenOptions::new().append(true).create(true).open(list);
    let _ = file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()));
}

/// A running, or stopped, mosquitto that keeps its port and its folder.
pub struct Mosquitto {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one that keeps sessions and messages on disk in `folder`.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    pub fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        Self::start_with(program, folder, "")
    }

    /// The same, with the lines `rules` as its access rules if there are any.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    pub fn start_with(program: &Path, folder: &Path, rules: &str) -> anyhow::Result<Self> {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = probe.local_addr()?.port();
        drop(probe);
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n\
             persistence_location {}/\nmax_queued_messages 0\nmax_inflight_messages 100\n\
             user root\nlog_dest file {}\n",
            folder.display(),
            folder.join("mosquitto.log").display(),
        );
        let acl = folder.join("acl");
        let has_rules = !rules.is_empty();
        if has_rules {
            fs::write(&acl, rules)?;
        }
        let last = if has_rules { format!("acl_file {}\n", acl.display()) } else { String::new() };
        fs::write(folder.join("mosquitto.conf"), text + &last)?;
        let mut broker =
            Self { program: program.to_owned(), folder: folder.to_owned(), port, child: None };
        broker.restart()?;
        Ok(broker)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Starts it again after it was stopped, on the same port, with what it had kept.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    #[expect(clippy::disallowed_methods, reason = "waits for a real server in real time")]
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start mosquitto")?;
        self.child = Some(child);
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if begun.elapsed() > Duration::from_secs(20) {
                let log = fs::read_to_string(self.folder.join("mosquitto.log"));
                bail!("mosquitto does not listen; its log:\n{}", log.unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Asks it to stop, upon which it writes down what it holds, and waits for its end.
    ///
    /// # Errors
    ///
    /// If it cannot be waited for.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        Ok(())
    }

    /// Kills it as a power cut would: what it holds in memory is gone.
    ///
    /// # Errors
    ///
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)?;
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        Ok(())
    }

    /// Halts it: its connections stand, and nothing answers.
    ///
    /// # Errors
    ///
    /// If it cannot be signalled.
    pub fn halt(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after it was halted.
    ///
    /// # Errors
    ///
    /// If it cannot be signalled.
    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// From now on `rules` are its access rules.
    ///
    /// # Errors
    ///
    /// If they cannot be written, or it cannot be signalled.
    pub fn set_rules(&self, rules: &str) -> anyhow::Result<()> {
        fs::write(self.folder.join("acl"), rules)?;
        self.signal(Signal::HUP)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        if let Some(child) = &self.child {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.context("mosquitto has no process id")?, signal)?;
        }
        Ok(())
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
