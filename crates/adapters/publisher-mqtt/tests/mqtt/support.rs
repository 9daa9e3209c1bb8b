//! A private mosquitto for one test, and what else tests against a real broker need.
//!
//! Included as the module `support` by every crate that tests with a broker.

#![expect(clippy::expect_used, reason = "a part of tests")]

use std::{
    fs,
    io::{self, BufRead, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;

const BINARY: &str = "/usr/sbin/mosquitto";

/// Whether to go on with `test`: says so on standard error when there is no broker to test with.
///
/// # Panics
///
/// With `CI=true` a missing broker is a failure.
pub(crate) fn has_mosquitto(test: &str) -> bool {
    let is_there = Path::new(BINARY).exists();
    if !is_there {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "{test} needs mosquitto: apt-get install mosquitto");
        note_skipped(test);
    }
    is_there
}

/// Adds a line to the list that `cargo xtask test` prints at its end, or says it on standard error:
/// not by `eprintln!`, which the test harness would keep to itself.
fn note_skipped(test: &str) {
    let line = format!("{test}: mosquitto\n");
    let list = std::env::var_os("TELEMETRYHUB_SKIPPED_TESTS");
    let _ = match list.map(|path| fs::OpenOptions::new().append(true).create(true).open(path)) {
        Some(Ok(mut file)) => file.write_all(line.as_bytes()),
        _ => writeln!(io::stderr(), "SKIPPED for want of {line}"),
    };
}

/// Leaves the test when there is no broker; takes the name of the test.
macro_rules! needs_mosquitto {
    ($test:literal) => {
        if !$crate::support::has_mosquitto($test) {
            return;
        }
    };
}
pub(crate) use needs_mosquitto;

/// A broker on a port of its own; killed when dropped.
pub(crate) struct Mosquitto {
    pub(crate) port: u16,
    child: Child,
    _folder: TempDir,
}

impl Mosquitto {
    /// Starts one and waits until it listens. `configuration` is added to mosquitto.conf.
    pub(crate) fn start(configuration: &str) -> Self {
        // The port was free a moment ago; should another process take it first, try the next.
        (0..10).find_map(|_| Self::try_start(free_port(), configuration)).expect("a free port")
    }

    /// Starts one on `port`, where an earlier one has been.
    pub(crate) fn start_at(port: u16, configuration: &str) -> Self {
        Self::try_start(port, configuration).expect("the port of the earlier broker")
    }

    fn try_start(port: u16, configuration: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        // As root it would become another user, who cannot read the folder.
        let mut text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n");
        let place = folder.path().display().to_string();
        text += &configuration.replace("{folder}", &place);
        text += "\n";
        let file = folder.path().join("mosquitto.conf");
        fs::write(&file, text).expect("configuration");
        for line in configuration.lines() {
            if let Some(rules) = line.strip_prefix("# acl: ") {
                let rules = rules.replace("; ", "\n") + "\n";
                fs::write(folder.path().join("acl"), rules).expect("access rules");
            }
        }
        let mut child = Command::new(BINARY)
            .args(["-v", "-c"])
            .arg(&file)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("mosquitto starts");
        let mut log = BufReader::new(child.stderr.take().expect("standard error")).lines();
        let is_running = log.by_ref().map_while(Result::ok).any(|line| line.ends_with(" running"));
        if !is_running {
            child.wait().expect("mosquitto ends");
            return None;
        }
        // Somebody has to read on, or a talkative broker stands still.
        thread::Builder::new()
            .name("mosquitto log".to_owned())
            .spawn(move || log.map_while(Result::ok).for_each(drop))
            .expect("a thread");
        Some(Self { port, child, _folder: folder })
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut would; the port is free afterwards.
    pub(crate) fn kill(mut self) -> u16 {
        self.end();
        self.port
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a socket");
    listener.local_addr().expect("an address").port()
}
