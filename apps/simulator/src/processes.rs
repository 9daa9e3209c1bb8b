//! Children that are started, signalled, waited for, and ended with us.

use std::{
    fs, io,
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// A child that is ended with us.
pub struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    /// Starts it in a process group of its own: Ctrl-C on the terminal is ours to handle, because the
    /// parts have to stop in order.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.process_group(0).spawn();
        let child = child.with_context(|| format!("failed to start {name}"))?;
        Ok(Self { name, child })
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal. It may have ended already, by itself.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = kill_process(pid, signal);
        }
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end, and kills it after `patience`.
    ///
    /// # Errors
    ///
    /// If it had to be killed.
    #[expect(clippy::disallowed_methods, reason = "waits for a real process in real time")]
    pub fn wait(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        anyhow::bail!("{} did not stop within {patience:?} and was killed", self.name)
    }

    /// What the kernel has counted for it so far.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn usage(&self) -> io::Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        let kib = |field: &str| {
            let line = status.lines().find(|line| line.starts_with(field));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
        };
        // After the command's name in parentheses: field 3 is the state, 14 and 15 the times.
        let fields: Vec<&str> =
            stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
        let ticks = |number: usize| -> u64 {
            fields.get(number - 3).and_then(|field| field.parse().ok()).unwrap_or(0)
        };
        let cpu = Duration::from_millis(1_000 * (ticks(14) + ticks(15)) / ticks_per_second());
        Ok(Usage { resident_kib: kib("VmRSS:"), resident_kib_max: kib("VmHWM:"), cpu })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

/// Memory and processor time of a process.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Memory that it has now, in KiB.
    pub resident_kib: u64,
    /// The most that it ever had, in KiB.
    pub resident_kib_max: u64,
    /// Processor time that it has used.
    pub cpu: Duration,
}
