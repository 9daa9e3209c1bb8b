//! What an operator may ask of a running gateway, and what comes of it.
//!
//! # Terms
//!
//! * **Command** — one wish for one device or for the whole gateway.
//! * **Outcome** — it is done, or it is refused for a reason; never something in between.
//! * **Calibration** — a straight line that corrects one sensor: number × gain + offset, in its unit.
//! * **Procedure** — a calibration that a chip has for itself; its **correction** is what the chip adds since.
//! * **Kept** — what survives a restart: calibrations always, rates and stops if asked to.
//!
//! # Deliberately absent
//!
//! How a command arrives, who may give one, and where it is kept.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::{NoData, Quantity, QuantityKind, StreamName};

/// A correction of one sensor: `number × gain + offset`, both in the sensor's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    gain: f64,
    offset: f64,
}

/// The numbers make no calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a calibration has a finite gain other than 0 and a finite offset")]
pub struct NotACalibration;

impl Calibration {
    /// A gain, which is not 0, and an offset in the unit of the sensor.
    ///
    /// # Errors
    ///
    /// [`NotACalibration`] if one of them is not finite, or the gain is 0: every value would be the same.
    pub fn new(gain: f64, offset: f64) -> Result<Self, NotACalibration> {
        let is_good = gain.is_normal() && offset.is_finite();
        is_good.then_some(Self { gain, offset }).ok_or(NotACalibration)
    }

    /// What the number is multiplied by.
    pub const fn gain(self) -> f64 {
        self.gain
    }

    /// What is added then.
    pub const fn offset(self) -> f64 {
        self.offset
    }

    /// Whether it changes nothing.
    pub fn is_identity(self) -> bool {
        self == Self { gain: 1.0, offset: 0.0 }
    }

    /// `quantity`, corrected.
    ///
    /// # Errors
    ///
    /// [`NoData::Implausible`] if nothing physical can have the corrected number.
    pub fn apply(self, quantity: Quantity) -> Result<Quantity, NoData> {
        let number = quantity.number() * self.gain + self.offset;
        quantity.kind().quantity(number).map_err(|_| NoData::Implausible)
    }
}

/// Which calibration procedure of a chip is to be run, and with what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Procedure {
    /// Its name; the first that the device offers if there is none.
    pub name: Option<String>,
    /// What is right where the chip is now, in the unit of its sensor, for a procedure that wants to know.
    pub target: Option<f64>,
}

/// What a chip says that it adds to what it measures, since its calibration procedure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correction {
    /// In the unit of `kind`; may be of either sign.
    pub number: f64,
    /// What is corrected.
    pub kind: QuantityKind,
}

/// Whom a command is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All devices.
    Gateway,
    /// The device of this name.
    Device(String),
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Say how devices fare.
    GetStatus(Target),
    /// Ask a device this often from now on.
    SetRate {
        /// Which.
        device: String,
        /// From one slot to the next.
        period: Duration,
        /// Whether it survives a restart.
        is_kept: bool,
    },
    /// Correct a sensor from now on, and after a restart. The identity ends a correction.
    Calibrate {
        /// The device.
        device: String,
        /// Which of its sensors.
        sensor: String,
        /// The correction; it replaces an earlier one.
        calibration: Calibration,
    },
    /// Let a chip calibrate itself by the procedure that it has for that.
    RunProcedure {
        /// Which device.
        device: String,
        /// Which procedure.
        procedure: Procedure,
    },
    /// Forget failures: what was left alone is asked again.
    Reset(Target),
    /// Take up what was stopped. That is kept if the stop was.
    Start(Target),
    /// Acquire nothing any more, until it is started.
    Stop {
        /// From whom.
        target: Target,
        /// Whether it survives a restart.
        is_kept: bool,
    },
    /// An operator has taken note of an alarm.
    Acknowledge {
        /// The stream that the alarm makes.
        alarm: StreamName,
    },
}

impl Command {
    /// The shortest and the longest period that a device can be given.
    pub const PERIODS: core::ops::RangeInclusive<Duration> =
        Duration::from_millis(1)..=Duration::from_secs(24 * 3600);

    /// Every word of [`word`](Self::word).
    pub const WORDS: [&str; 8] = [
        "get_status",
        "set_rate",
        "calibrate",
        "run_procedure",
        "reset",
        "start",
        "stop",
        "acknowledge",
    ];

    /// The word for it, as the command line, the wire and the audit have it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::GetStatus(_) => "get_status",
            Self::SetRate { .. } => "set_rate",
            Self::Calibrate { .. } => "calibrate",
            Self::RunProcedure { .. } => "run_procedure",
            Self::Reset(_) => "reset",
            Self::Start(_) => "start",
            Self::Stop { .. } => "stop",
            Self::Acknowledge { .. } => "acknowledge",
        }
    }

    /// The device that it is for; nothing if it is for all, or for none.
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::SetRate { device, .. }
            | Self::Calibrate { device, .. }
            | Self::RunProcedure { device, .. }
            | Self::GetStatus(Target::Device(device))
            | Self::Reset(Target::Device(device))
            | Self::Start(Target::Device(device))
            | Self::Stop { target: Target::Device(device), .. } => Some(device),
            Self::GetStatus(Target::Gateway)
            | Self::Reset(Target::Gateway)
            | Self::Start(Target::Gateway)
            | Self::Stop { target: Target::Gateway, .. }
            | Self::Acknowledge { .. } => None,
        }
    }
}

/// Why a command was not carried out. Nothing was changed then, but for [`Refusal::NotKept`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such device.
    #[error("there is no device `{device}`")]
    NoDevice {
        /// What it was called.
        device: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The device has no such sensor.
    #[error("device `{device}` has no sensor `{sensor}`")]
    NoSensor {
        /// The device.
        device: String,
        /// What the sensor was called.
        sensor: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The device sets its own pace.
    #[error("device `{device}` speaks unasked and sets its own pace")]
    SpeaksUnasked {
        /// Which.
        device: String,
    },
    /// No device is asked so often, or so seldom.
    #[error("a period is 1 ms to 1 day")]
    BadPeriod,
    /// The bus would be asked for more than all of its time.
    #[error("the bus of device `{device}` would be busy {percent} % of the time")]
    BusTooBusy {
        /// Which.
        device: String,
        /// How busy it would be.
        percent: u64,
    },
    /// The device has no such calibration procedure of its own.
    #[error("device `{device}` has no calibration procedure {}", named(procedure.as_deref()))]
    NoProcedure {
        /// Which.
        device: String,
        /// What the procedure was called.
        procedure: Option<String>,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The procedure has to be told something else.
    #[error("procedure `{procedure}` wants {wanted}")]
    BadTarget {
        /// Which.
        procedure: String,
        /// What it has to be told, in words.
        wanted: String,
    },
    /// The procedure was begun and failed.
    #[error("the procedure of device `{device}` failed: {reason}")]
    ProcedureFailed {
        /// Which.
        device: String,
        /// Why.
        reason: NoData,
    },
    /// The procedure was run to its end, and the chip says that it is not calibrated.
    #[error("device `{device}` has run its procedure, and says that it failed")]
    ProcedureRejected {
        /// Which.
        device: String,
    },
    /// The device's worker does not come round to it.
    #[error("the bus of device `{device}` does not come round to it")]
    BusStuck {
        /// Which.
        device: String,
    },
    /// There is no such alarm.
    #[error("there is no alarm `{alarm}`")]
    NoAlarm {
        /// What it was called.
        alarm: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The alarm is at rest, or acknowledged already.
    #[error("alarm `{alarm}` has nothing to take note of")]
    AtRest {
        /// Which.
        alarm: String,
    },
    /// The store does not come round to it.
    #[error("the store does not come round to alarm `{alarm}`")]
    StoreBusy {
        /// Which.
        alarm: String,
    },
    /// It is in force, but the medium did not take it: after a restart it is forgotten.
    #[error("it is in force, but cannot be kept: after a restart it is forgotten")]
    NotKept,
}

fn named(procedure: Option<&str>) -> String {
    procedure.map_or_else(|| "of its own".to_owned(), |name| format!("`{name}`"))
}

impl Refusal {
    /// The word for it, as the wire and the audit have it; it never changes its meaning.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoDevice { .. } => "no_device",
            Self::NoSensor { .. } => "no_sensor",
            Self::SpeaksUnasked { .. } => "speaks_unasked",
            Self::BadPeriod => "bad_period",
            Self::BusTooBusy { .. } => "bus_too_busy",
            Self::NoProcedure { .. } => "no_procedure",
            Self::BadTarget { .. } => "bad_target",
            Self::ProcedureFailed { .. } | Self::ProcedureRejected { .. } => "procedure_failed",
            Self::BusStuck { .. } => "bus_stuck",
            Self::NoAlarm { .. } => "no_alarm",
            Self::AtRest { .. } => "at_rest",
            Self::StoreBusy { .. } => "store_busy",
            Self::NotKept => "not_kept",
        }
    }

    /// Whether it was tried and failed; otherwise it was refused without being tried.
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::ProcedureFailed { .. }
            | Self::ProcedureRejected { .. }
            | Self::BusStuck { .. }
            | Self::StoreBusy { .. }
            | Self::NotKept => true,
            Self::NoDevice { .. }
            | Self::NoSensor { .. }
            | Self::SpeaksUnasked { .. }
            | Self::BadPeriod
            | Self::BusTooBusy { .. }
            | Self::NoProcedure { .. }
            | Self::BadTarget { .. }
            | Self::NoAlarm { .. }
            | Self::AtRest { .. } => false,
        }
    }

    /// The names that could have been meant instead.
    pub fn known(&self) -> &[String] {
        match self {
            Self::NoDevice { known, .. }
            | Self::NoSensor { known, .. }
            | Self::NoProcedure { known, .. }
            | Self::NoAlarm { known, .. } => known,
            Self::SpeaksUnasked { .. }
            | Self::BadPeriod
            | Self::BusTooBusy { .. }
            | Self::BadTarget { .. }
            | Self::ProcedureFailed { .. }
            | Self::ProcedureRejected { .. }
            | Self::BusStuck { .. }
            | Self::AtRest { .. }
            | Self::StoreBusy { .. }
            | Self::NotKept => &[],
        }
    }
}

/// What came of a command.
pub type Outcome = Result<(), Refusal>;

/// What is kept of one device over a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptDevice {
    /// The rate that it was given for good.
    pub period: Option<Duration>,
    /// Whether it was stopped for good.
    pub is_stopped: bool,
    /// The corrections of its sensors, by name; none is the identity.
    pub calibrations: BTreeMap<String, Calibration>,
}

/// What is kept of all devices, by name; those of which nothing is kept are left out.
pub type Kept = BTreeMap<String, KeptDevice>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Celsius, Percent};

    #[test]
    fn a_calibration_is_number_times_gain_plus_offset() {
        let calibration = Calibration::new(2.0, -1.5).unwrap();
        let corrected = calibration.apply(Celsius::new(20.0).unwrap().into()).unwrap();
        assert_eq!((corrected.number(), corrected.kind().unit()), (38.5, "Cel"));
        assert!(Calibration::new(1.0, 0.0).unwrap().is_identity() && !calibration.is_identity());
    }

    #[test]
    fn each_command_has_a_word_of_its_own_that_is_listed() {
        let (device, sensor) = (String::new(), String::new());
        let calibration = Calibration::new(1.0, 0.0).unwrap();
        let commands = [
            Command::GetStatus(Target::Gateway),
            Command::SetRate { device: device.clone(), period: Duration::ZERO, is_kept: false },
            Command::Calibrate { device: device.clone(), sensor, calibration },
            Command::RunProcedure { device, procedure: Procedure { name: None, target: None } },
            Command::Reset(Target::Gateway),
            Command::Start(Target::Gateway),
            Command::Stop { target: Target::Gateway, is_kept: false },
            Command::Acknowledge { alarm: StreamName::derived("too_hot").unwrap() },
        ];
        assert_eq!(commands.each_ref().map(Command::word), Command::WORDS);
    }

    #[test]
    fn what_a_calibration_makes_impossible_is_implausible_and_never_a_number() {
        let calibration = Calibration::new(1.0, 50.0).unwrap();
        let humid = Percent::new(60.0).unwrap().into();
        assert_eq!(calibration.apply(humid), Err(NoData::Implausible));
        let huge = Calibration::new(f64::MAX, f64::MAX).unwrap();
        assert_eq!(huge.apply(humid), Err(NoData::Implausible));
    }

    #[test]
    fn a_gain_of_zero_and_what_is_not_finite_make_no_calibration() {
        for (gain, offset) in [(0.0, 1.0), (f64::NAN, 0.0), (f64::INFINITY, 0.0), (1.0, f64::NAN)] {
            assert_eq!(Calibration::new(gain, offset), Err(NotACalibration), "{gain} {offset}");
        }
    }
}
