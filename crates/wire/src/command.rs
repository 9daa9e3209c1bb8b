//! Commands and answers as JSON, version 1: one object a line. The specification is
//! `docs/specs/commands.md`.
//!
//! # Invariants
//!
//! 1. A field that is not known is refused, not ignored: who wrote it meant something.
//! 2. A number that makes no sense is refused here; whether a device exists is not known here.
//!
//! # Deliberately absent
//!
//! How lines come and go.

use core::time::Duration;
use std::collections::BTreeMap;

use domain::{Calibration, Command, Outcome, Procedure, StreamName, Target};
use serde::{Deserialize, Serialize};

use crate::{
    VERSION,
    payload::{DecodeError, check_version, wrong},
    status::{DeviceStatus, device},
};

/// The longest command, in bytes, without the end of its line.
pub const REQUEST_BYTES_MAX: usize = 4096;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    v: u32,
    command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sensor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gain: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    procedure: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm: Option<String>,
}

/// Encodes a command as version 1, without the end of the line.
pub fn encode(command: &Command) -> Vec<u8> {
    let mut request = Request {
        v: VERSION,
        command: command.word().to_owned(),
        device: command.device().map(str::to_owned),
        ..Request::default()
    };
    match command {
        Command::SetRate { period, is_kept, .. } => {
            request.period_us = Some(u64::try_from(period.as_micros()).unwrap_or(u64::MAX));
            request.keep = Some(*is_kept);
        }
        Command::Calibrate { sensor, calibration, .. } => {
            request.sensor = Some(sensor.clone());
            request.gain = Some(calibration.gain());
            request.offset = Some(calibration.offset());
        }
        Command::RunProcedure { procedure: Procedure { name, target }, .. } => {
            request.procedure.clone_from(name);
            request.target = *target;
        }
        Command::Stop { is_kept, .. } => request.keep = Some(*is_kept),
        Command::Acknowledge { alarm } => request.alarm = Some(alarm.to_string()),
        Command::GetStatus(_) | Command::Reset(_) | Command::Start(_) => {}
    }
    // Texts and finite numbers under text keys: there is nothing to fail on.
    serde_json::to_vec(&request).unwrap_or_default()
}

/// Decodes a command of version 1.
///
/// # Errors
///
/// [`DecodeError`] says what is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Command, DecodeError> {
    check_version(bytes)?;
    let request: Request = serde_json::from_slice(bytes).map_err(DecodeError::Shape)?;
    request.refuse_surplus()?;
    let target = || request.device.clone().map_or(Target::Gateway, Target::Device);
    let device = || request.device.clone().ok_or_else(|| missing("device"));
    let is_kept = request.keep.unwrap_or(false);
    Ok(match request.command.as_str() {
        "get_status" => Command::GetStatus(target()),
        "set_rate" => {
            let period = request.period_us.ok_or_else(|| missing("period_us"))?;
            let period = Duration::from_micros(period);
            Command::SetRate { device: device()?, period, is_kept }
        }
        "calibrate" => Command::Calibrate {
            device: device()?,
            sensor: request.sensor.clone().ok_or_else(|| missing("sensor"))?,
            calibration: request.calibration()?,
        },
        "run_procedure" => {
            let procedure = Procedure { name: request.procedure.clone(), target: request.target };
            Command::RunProcedure { device: device()?, procedure }
        }
        "reset" => Command::Reset(target()),
        "start" => Command::Start(target()),
        "stop" => Command::Stop { target: target(), is_kept },
        "acknowledge" => Command::Acknowledge { alarm: request.alarm()? },
        other => return Err(wrong("command", other)),
    })
}

fn missing(field: &'static str) -> DecodeError {
    wrong(field, "")
}

impl Request {
    fn calibration(&self) -> Result<Calibration, DecodeError> {
        let (gain, offset) = (self.gain.unwrap_or(1.0), self.offset.unwrap_or(0.0));
        if self.gain.is_none() && self.offset.is_none() {
            return Err(missing("gain"));
        }
        Calibration::new(gain, offset)
            .map_err(|_| wrong("calibration", &format!("{gain} {offset}")))
    }

    fn alarm(&self) -> Result<StreamName, DecodeError> {
        let alarm = self.alarm.as_deref().ok_or_else(|| missing("alarm"))?;
        StreamName::parse(alarm).map_err(|_| wrong("alarm", alarm))
    }

    /// Refuses a field that means nothing to the command.
    fn refuse_surplus(&self) -> Result<(), DecodeError> {
        let (rate, line, stop, procedure) = match self.command.as_str() {
            "set_rate" => (true, false, true, false),
            "calibrate" => (false, true, false, false),
            "run_procedure" => (false, false, false, true),
            "stop" => (false, false, true, false),
            _ => (false, false, false, false),
        };
        let note = self.command == "acknowledge";
        let fields = [
            (self.alarm.is_some() && !note, "alarm"),
            (self.device.is_some() && note, "device"),
            (self.period_us.is_some() && !rate, "period_us"),
            (self.sensor.is_some() && !line, "sensor"),
            (self.gain.is_some() && !line, "gain"),
            (self.offset.is_some() && !line, "offset"),
            (self.keep.is_some() && !stop, "keep"),
            (self.procedure.is_some() && !procedure, "procedure"),
            (self.target.is_some() && !procedure, "target"),
        ];
        match fields.into_iter().find(|(is_surplus, _)| *is_surplus) {
            Some((_, field)) => Err(wrong("field of this command", field)),
            None => Ok(()),
        }
    }
}

/// What a chip corrects by since its calibration procedure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// Is added to what it measures.
    pub number: f64,
    /// The UCUM code of its unit.
    pub unit: String,
}

impl From<domain::Correction> for Correction {
    fn from(domain::Correction { number, kind }: domain::Correction) -> Self {
        Self { number, unit: kind.unit().to_owned() }
    }
}

/// What comes back for one line.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is done.
    Done {
        /// How the devices fare that it was for.
        devices: BTreeMap<String, DeviceStatus>,
        /// How many commands there were, by the names of their counters; may be empty.
        counters: BTreeMap<String, u64>,
        /// What a calibration procedure has changed, if the chip says so.
        correction: Option<Correction>,
    },
    /// It is not.
    Refused {
        /// The word for why: that of a `domain::Refusal`, or `not_understood`.
        reason: String,
        /// The same for people.
        message: String,
        /// Names that could have been meant.
        known: Vec<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct Json {
    v: u32,
    result: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    known: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correction: Option<Correction>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    devices: BTreeMap<String, device::Json>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    counters: BTreeMap<String, u64>,
}

impl Answer {
    /// What to say of an outcome, of the devices after it, and of the commands so far.
    pub fn of(
        outcome: &Outcome,
        devices: BTreeMap<String, DeviceStatus>,
        counters: BTreeMap<String, u64>,
    ) -> Self {
        match outcome {
            Ok(()) => Self::Done { devices, counters, correction: None },
            Err(refusal) => Self::Refused {
                reason: refusal.code().to_owned(),
                message: refusal.to_string(),
                known: refusal.known().to_vec(),
            },
        }
    }

    /// The same, if it is done, with what a calibration procedure has changed.
    #[must_use]
    pub fn with_correction(self, correction: Option<domain::Correction>) -> Self {
        match self {
            Self::Done { devices, counters, .. } => {
                Self::Done { devices, counters, correction: correction.map(Correction::from) }
            }
            refused @ Self::Refused { .. } => refused,
        }
    }

    /// What to say to a line that is no command.
    pub fn not_understood(error: &DecodeError) -> Self {
        let cause = core::error::Error::source(error).map(|cause| format!(": {cause}"));
        let message = format!("{error}{}", cause.unwrap_or_default());
        Self::Refused { reason: "not_understood".to_owned(), message, known: Vec::new() }
    }

    /// Encodes it as version 1, without the end of the line.
    pub fn encode(&self) -> Vec<u8> {
        let result = |word: &str| word.to_owned();
        let json = match self.clone() {
            Self::Done { devices, counters, correction } => Json {
                v: VERSION,
                result: result("done"),
                reason: None,
                message: None,
                known: Vec::new(),
                correction,
                devices: devices
                    .iter()
                    .map(|(name, device)| (name.clone(), device.into()))
                    .collect(),
                counters,
            },
            Self::Refused { reason, message, known } => Json {
                v: VERSION,
                result: result("refused"),
                reason: Some(reason),
                message: Some(message),
                known,
                correction: None,
                devices: BTreeMap::new(),
                counters: BTreeMap::new(),
            },
        };
        // Texts and integers under text keys: there is nothing to fail on.
        serde_json::to_vec(&json).unwrap_or_default()
    }

    /// Decodes version 1.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says what is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        check_version(bytes)?;
        let json: Json = serde_json::from_slice(bytes).map_err(DecodeError::Shape)?;
        let device = |(name, json): (String, device::Json)| Ok((name, json.read()?));
        match json.result.as_str() {
            "done" => Ok(Self::Done {
                devices: json.devices.into_iter().map(device).collect::<Result<_, _>>()?,
                counters: json.counters,
                correction: json.correction,
            }),
            "refused" => Ok(Self::Refused {
                reason: json.reason.ok_or_else(|| missing("reason"))?,
                message: json.message.unwrap_or_default(),
                known: json.known,
            }),
            other => Err(wrong("result", other)),
        }
    }
}

#[cfg(test)]
mod tests;
