//! What is known of wall time, and who learns it.

use std::sync::Arc;

use clock_linux::{KernelDiscipline, LinuxClock};
use domain::{BootId, time::TimeTable};
use pipeline::{
    telemetry::Counters,
    time::{Timekeeper, TimekeeperParts, Times},
};
use ports::Waker;
use state_file::TimesFile;

use crate::{
    config::{Config, Unsynchronised},
    logging,
};

/// What was known when the gateway ran last.
pub(super) fn known(config: &Config, boot: BootId) -> Times {
    let table = TimesFile::new(&config.spool.folder).read().unwrap_or_else(|error| {
        tracing::warn!("{}; times of earlier boots stay as they are", logging::chain(&error));
        TimeTable::default()
    });
    let wait_max = match config.time.unsynchronised {
        Unsynchronised::Mark => None,
        Unsynchronised::Wait => Some(config.time.wait_max),
    };
    Times::new(boot, table, wait_max)
}

/// Learns more from now on, until `clock` is interrupted. Its times and those of all beside it have
/// their mark from the return on.
pub(super) fn keeper(
    config: &Config,
    times: &Times,
    clock: &LinuxClock,
    counters: &Arc<Counters>,
    wake_forwarder: &Waker,
) -> Timekeeper {
    Timekeeper::new(TimekeeperParts {
        times: times.clone(),
        discipline: Box::new(KernelDiscipline::new(clock)),
        keeper: Box::new(TimesFile::new(&config.spool.folder)),
        clock: Arc::new(clock.clone()),
        counters: Arc::clone(counters),
        wake_forwarder: Arc::clone(wake_forwarder),
    })
}
