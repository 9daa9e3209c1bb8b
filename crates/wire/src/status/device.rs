//! What a status says of one device.
//!
//! Optional in version 1: a status without it, and one with more in it than is known here, are both
//! good.

use domain::{DeviceState, Monotonic, NoData, Timestamp, WallTime};
use serde::{Deserialize, Serialize};

use crate::payload::{DecodeError, wrong};

/// How a device fares and how well it is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// What it is doing.
    pub state: DeviceState,
    /// Whether its bus is stuck: a transaction there has been going on for longer than it may.
    pub is_stuck: bool,
    /// Whether an operator has stopped it.
    pub is_stopped: bool,
    /// Whether quantities of its are corrected by a calibration.
    pub is_calibrated: bool,
    /// How often it is asked, in microseconds; `None` if it speaks unasked, or is not said.
    pub period_us: Option<u64>,
    /// How many attempts in a row have failed.
    pub failures: u64,
    /// Why the last attempt failed, while it is failing.
    pub reason: Option<NoData>,
    /// When the newest measurement with a quantity in it was taken; `None` before the first.
    pub last_good: Option<Timestamp>,
    /// Slots that passed unserved.
    pub missed: u64,
    /// Slots not taken because the queue was filling up.
    pub shed: u64,
    /// How long after they were due its transactions began.
    pub lateness: Lateness,
    /// How long its transactions occupied the bus, all together, in nanoseconds.
    pub on_bus_ns: u64,
    /// The longest of them, in nanoseconds.
    pub on_bus_ns_max: u64,
}

/// How late something was, in nanoseconds; zero before the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// Half of the times were no later.
    #[serde(default)]
    pub p50: u64,
    /// 99 of 100 were no later.
    #[serde(default)]
    pub p99: u64,
    /// The latest.
    #[serde(default)]
    pub max: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Json {
    state: String,
    #[serde(default, skip_serializing_if = "is_false")]
    stuck: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    stopped: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    calibrated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period_us: Option<u64>,
    #[serde(default)]
    failures: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    good_time_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    good_mono_us: Option<u64>,
    #[serde(default)]
    missed: u64,
    #[serde(default)]
    shed: u64,
    #[serde(default)]
    late_ns: Lateness,
    #[serde(default)]
    on_bus_ns: u64,
    #[serde(default)]
    on_bus_ns_max: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this shape")]
const fn is_false(claim: &bool) -> bool {
    !*claim
}

impl From<&DeviceStatus> for Json {
    fn from(device: &DeviceStatus) -> Self {
        Self {
            state: device.state.code().to_owned(),
            stuck: device.is_stuck,
            stopped: device.is_stopped,
            calibrated: device.is_calibrated,
            period_us: device.period_us,
            failures: device.failures,
            reason: device.reason.map(|reason| reason.code().to_owned()),
            good_time_us: device.last_good.map(|at| at.wall.as_micros()),
            good_mono_us: device.last_good.map(|at| at.monotonic.as_micros()),
            missed: device.missed,
            shed: device.shed,
            late_ns: device.lateness,
            on_bus_ns: device.on_bus_ns,
            on_bus_ns_max: device.on_bus_ns_max,
        }
    }
}

impl Json {
    pub(crate) fn read(self) -> Result<DeviceStatus, DecodeError> {
        let reason = |code: String| NoData::from_code(&code).ok_or_else(|| wrong("reason", &code));
        Ok(DeviceStatus {
            state: DeviceState::from_code(&self.state)
                .ok_or_else(|| wrong("state", &self.state))?,
            is_stuck: self.stuck,
            is_stopped: self.stopped,
            is_calibrated: self.calibrated,
            period_us: self.period_us,
            failures: self.failures,
            reason: self.reason.map(reason).transpose()?,
            last_good: self.good_time_us.zip(self.good_mono_us).map(last_good).transpose()?,
            missed: self.missed,
            shed: self.shed,
            lateness: self.late_ns,
            on_bus_ns: self.on_bus_ns,
            on_bus_ns_max: self.on_bus_ns_max,
        })
    }
}

fn last_good((wall_us, monotonic_us): (i64, u64)) -> Result<Timestamp, DecodeError> {
    let wall = wall_us.checked_mul(1_000);
    let wall = wall.ok_or_else(|| wrong("good_time_us", &wall_us.to_string()))?;
    let monotonic = monotonic_us.checked_mul(1_000);
    let monotonic = monotonic.ok_or_else(|| wrong("good_mono_us", &monotonic_us.to_string()))?;
    Ok(Timestamp::new(WallTime::from_nanos(wall), Monotonic::from_nanos(monotonic)))
}
