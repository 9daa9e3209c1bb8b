//! The thread that plays a script of faults in real time.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, bail};
use sim::{
    faults::{Script, Staging, Target},
    time::Elapsed,
};

/// Real time between two looks at the script.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Before the end of a run nothing new goes wrong, so that a hung transaction is over by then.
const LEAD_OUT: Duration = Duration::from_secs(6);
/// What is drawn for a run without an end.
const ENDLESS: Duration = Duration::from_secs(3_600);

/// A script that is being played.
pub(crate) struct Stage {
    stop: SyncSender<()>,
    thread: JoinHandle<Staging>,
}

/// The script that `--faults` means: `random`, or a file.
pub(crate) fn script(
    faults: &str,
    seed: u64,
    targets: &BTreeMap<String, Target>,
    duration: Duration,
) -> anyhow::Result<Staging> {
    let script = if faults == "random" {
        let span = if duration.is_zero() { ENDLESS } else { duration.saturating_sub(LEAD_OUT) };
        eprintln!("faults are drawn from seed {seed}");
        Script::random(seed, targets, span)
    } else {
        let text = fs::read_to_string(faults).with_context(|| format!("cannot read {faults}"))?;
        text.parse::<Script>().or_else(|mistakes| refuse(faults, &mistakes))?
    };
    script.stage(targets.clone()).or_else(|mistakes| refuse(faults, &mistakes))
}

fn refuse<T>(file: &str, mistakes: &[sim::faults::Mistake]) -> anyhow::Result<T> {
    let list: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    bail!("{file} cannot be played:\n{}", list.join("\n"))
}

/// Keeps the script of a run where it can be played again from.
pub(crate) fn keep(staging: &Staging, folder: &Path) -> anyhow::Result<()> {
    fs::write(folder.join("faults.txt"), staging.script().to_string())
        .context("the script cannot be kept")
}

impl Stage {
    pub(crate) fn start(mut staging: Staging) -> anyhow::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let run = move || {
            let time = Elapsed::running();
            while stopped.recv_timeout(LOOK_AGAIN) == Err(RecvTimeoutError::Timeout) {
                staging.step(time.now());
            }
            staging.heal();
            staging
        };
        let thread = thread::Builder::new().name("faults".to_owned()).spawn(run)?;
        Ok(Self { stop, thread })
    }

    /// Ends what is left; returns how often each fault of each device has begun.
    pub(crate) fn end(self) -> BTreeMap<(String, &'static str), u64> {
        // Fails only if the thread has ended already.
        let _told = self.stop.try_send(());
        self.thread.join().map(|staging| staging.begun().clone()).unwrap_or_default()
    }
}
