//! What a device's table says of its failures, and of a queue that fills up.
//!
//! Deliberately absent: what the supervisor does with it; see [`domain::DeviceHealth`].

use std::{num::NonZeroU32, ops::RangeInclusive, time::Duration};

use domain::{FaultPolicy, Return};
use pipeline::acquire::Priority;
use ports::Pacing;
use serde::Deserialize;

use super::{key::Key, reader::Reader, tables, values::Interval};

/// Keys of every device.
pub(super) const KEYS: &[&str] = &["failures_max", "retry_max", "comes_back", "probe_every"];
/// Keys of a device that is asked.
pub(super) const KEYS_ASKED: &[&str] = &["priority", "slow_down"];

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const RETRIES: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;
const PROBES: RangeInclusive<Duration> = SECOND..=DAY;
/// Slowing down by 1 would be no slowing down.
const SLOW_DOWNS: RangeInclusive<u32> = 2..=1_000;

/// The word for how a device leaves its safe state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ComesBack {
    Automatic,
    OnReset,
}

/// The word for what happens to a device while the queue fills up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Importance {
    Normal,
    Low,
}

/// How patiently the device of the table `key` is borne.
pub(super) fn faults(reader: &mut Reader<'_>, key: &Key) -> FaultPolicy {
    let table: tables::FailingDevice = reader.head(key, KEYS);
    let usual = FaultPolicy::default();
    let failures_max = reader.integer(
        &key.child("failures_max"),
        table.failures_max,
        1..=1_000_000,
        usual.failures_max.get(),
    );
    let retry_max =
        reader.duration(&key.child("retry_max"), table.retry_max, RETRIES, usual.retry_max);
    let probes = key.child("probe_every");
    let probe_every = reader.duration(&probes, table.probe_every, PROBES, 60 * SECOND);
    let comes_back = match table.comes_back.unwrap_or(ComesBack::Automatic) {
        ComesBack::Automatic => Return::Automatic { probe_every },
        ComesBack::OnReset => {
            if table.probe_every.is_some() {
                let message = "a device that comes back only by a reset is not probed".to_owned();
                let mend = "remove this key, or write comes_back = \"automatic\"".to_owned();
                reader.value_problem(&probes, message, mend);
            }
            Return::OnReset
        }
    };
    FaultPolicy {
        failures_max: NonZeroU32::new(failures_max).unwrap_or(NonZeroU32::MIN),
        retry_first: usual.retry_first.min(retry_max),
        retry_max,
        comes_back,
    }
}

/// What happens to the device of the table `key` while the queue fills up.
pub(super) fn priority(reader: &mut Reader<'_>, key: &Key, pacing: Pacing) -> Priority {
    // A device that speaks unasked cannot be slowed down, and has none of these keys.
    if pacing == Pacing::Speaks {
        return Priority::Normal;
    }
    let table: tables::AskedPriority = reader.head(key, KEYS_ASKED);
    let key = key.child("slow_down");
    let slow_down = reader.integer(&key, table.slow_down, SLOW_DOWNS, 4);
    match table.priority.unwrap_or(Importance::Normal) {
        Importance::Low => {
            Priority::Low { slow_down: NonZeroU32::new(slow_down).unwrap_or(NonZeroU32::MIN) }
        }
        Importance::Normal => {
            if table.slow_down.is_some() {
                let message = "a device of normal priority is not slowed down".to_owned();
                let mend = "remove this key, or write priority = \"low\"".to_owned();
                reader.value_problem(&key, message, mend);
            }
            Priority::Normal
        }
    }
}

/// What of the two is not as by default, as it would be written.
pub(crate) fn unusual_patience(faults: FaultPolicy, priority: Priority) -> Vec<String> {
    let (usual, mut told) = (FaultPolicy::default(), Vec::new());
    let span = |span| Interval(span).to_string();
    if faults.failures_max != usual.failures_max {
        told.push(format!("failures_max = {}", faults.failures_max));
    }
    if faults.retry_max != usual.retry_max {
        told.push(format!("retry_max = \"{}\"", span(faults.retry_max)));
    }
    match faults.comes_back {
        same if same == usual.comes_back => {}
        Return::Automatic { probe_every } => {
            told.push(format!("probe_every = \"{}\"", span(probe_every)));
        }
        Return::OnReset => told.push("comes_back = \"on_reset\"".to_owned()),
    }
    if let Priority::Low { slow_down } = priority {
        told.push(format!("priority = \"low\", slow_down = {slow_down}"));
    }
    told
}
