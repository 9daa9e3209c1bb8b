//! Waiting that ends when somebody presses Ctrl-C.

use std::{
    error::Error,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Longer than anything takes that is waited for, on a machine that has more to do.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// Somebody wants the run to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl Error for Interrupted {}

/// Knows whether there was a signal.
pub(crate) struct Patience(Arc<AtomicBool>);

impl Patience {
    /// From now on signals end waits, and not the process.
    pub(crate) fn new() -> io::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        Ok(Self(interrupted))
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, span: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + span;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK));
        }
    }

    /// Waits until it `is_so`.
    pub(crate) fn until(
        &self,
        what: &str,
        is_so: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        ensure!(self.is_so_in_time(is_so)?, "gave up waiting until {what}");
        Ok(())
    }

    /// Waits until it `is_so`, but not for ever: whether it came to be.
    pub(crate) fn is_so_in_time(
        &self,
        mut is_so: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        let begun = Instant::now();
        while !is_so()? {
            self.check()?;
            if begun.elapsed() > PATIENCE {
                return Ok(false);
            }
            thread::sleep(LOOK);
        }
        Ok(true)
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.0.load(Relaxed) { Err(Interrupted.into()) } else { Ok(()) }
    }
}
