//! What a gateway says of itself as JSON, version 1. The specification is `docs/specs/payload.md`.
//!
//! The message is retained. The broker publishes the state `lost` for the gateway when its connection
//! breaks; the gateway itself says `online` while it runs and `stopped` as its last word.

pub(crate) mod device;
mod origin;

use std::collections::BTreeMap;

use domain::{BootId, GatewayId, SequenceNumber, StreamName};
use serde::{Deserialize, Serialize};

pub use self::{
    device::{DeviceStatus, Lateness},
    origin::Origin,
};
use crate::{
    VERSION,
    payload::{DecodeError, check_version, wrong},
};

/// Whether the gateway can be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs.
    Online,
    /// It was stopped in good order; the heads are final.
    Stopped,
    /// The broker lost the connection to it.
    Lost,
}

/// What a gateway says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Who speaks.
    pub gateway: GatewayId,
    /// Whether it can be heard.
    pub state: State,
    /// The boot it runs in; unknown in a message that the broker publishes in its stead.
    pub boot: Option<BootId>,
    /// The program's version.
    pub program: String,
    /// The number of the newest sample of each stream in its spool, delivered or not.
    pub heads: BTreeMap<StreamName, SequenceNumber>,
    /// Its counters by name; the names are those of `docs/specs/metrics.md`.
    pub counters: BTreeMap<String, u64>,
    /// The streams of which the broker refuses messages, and what it says of each.
    pub refused: BTreeMap<StreamName, String>,
    /// How its devices fare, by name; empty where it does not say.
    pub devices: BTreeMap<String, DeviceStatus>,
    /// What each derived stream is made of; empty where it does not say.
    pub derived: BTreeMap<StreamName, Origin>,
}

#[derive(Serialize, Deserialize)]
struct Json {
    v: u32,
    gateway: String,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
    #[serde(default)]
    program: String,
    #[serde(default)]
    heads: BTreeMap<String, u64>,
    #[serde(default)]
    counters: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refused: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    devices: BTreeMap<String, device::Json>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    derived: BTreeMap<String, origin::Json>,
}

impl Status {
    /// What the broker says when it loses the connection to `gateway`.
    pub fn lost(gateway: GatewayId) -> Self {
        Self {
            gateway,
            state: State::Lost,
            boot: None,
            program: String::new(),
            heads: BTreeMap::new(),
            counters: BTreeMap::new(),
            refused: BTreeMap::new(),
            devices: BTreeMap::new(),
            derived: BTreeMap::new(),
        }
    }

    /// Encodes it as version 1.
    pub fn encode(&self) -> Vec<u8> {
        let json = Json {
            v: VERSION,
            gateway: self.gateway.to_string(),
            state: self.state,
            boot: self.boot.map(|boot| boot.to_string()),
            program: self.program.clone(),
            heads: self.heads.iter().map(|(name, seq)| (name.to_string(), seq.0)).collect(),
            counters: self.counters.clone(),
            refused: self
                .refused
                .iter()
                .map(|(name, reason)| (name.to_string(), reason.clone()))
                .collect(),
            devices: self
                .devices
                .iter()
                .map(|(name, device)| (name.clone(), device.into()))
                .collect(),
            derived: self
                .derived
                .iter()
                .map(|(name, origin)| (name.to_string(), origin.into()))
                .collect(),
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
        let boot = json.boot.as_deref().map(BootId::parse).transpose();
        let stream = |name: &str| StreamName::parse(name).map_err(|_| wrong("stream", name));
        let head = |(name, seq): (String, u64)| Ok((stream(&name)?, SequenceNumber(seq)));
        let origin = |(name, json): (String, origin::Json)| Ok((stream(&name)?, json.read()?));
        let refused = |(name, reason): (String, String)| Ok((stream(&name)?, reason));
        let device = |(name, json): (String, device::Json)| Ok((name, json.read()?));
        Ok(Self {
            gateway: GatewayId::new(&json.gateway).map_err(|_| wrong("gateway", &json.gateway))?,
            state: json.state,
            boot: boot.map_err(|error| wrong("boot", &error.text))?,
            program: json.program,
            heads: json.heads.into_iter().map(head).collect::<Result<_, _>>()?,
            counters: json.counters,
            refused: json.refused.into_iter().map(refused).collect::<Result<_, _>>()?,
            devices: json.devices.into_iter().map(device).collect::<Result<_, _>>()?,
            derived: json.derived.into_iter().map(origin).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::{DeviceState, Monotonic, NoData, Timestamp, WallTime};
    use proptest::prelude::*;

    use super::*;

    fn online() -> Status {
        Status {
            gateway: GatewayId::new("greenhouse").unwrap(),
            state: State::Online,
            boot: Some(BootId::from_bytes([0x0f; 16])),
            program: "0.1.0".to_owned(),
            heads: [(StreamName::new("outdoor", "temperature").unwrap(), SequenceNumber(42))]
                .into(),
            counters: [("samples_appended".to_owned(), 42)].into(),
            refused: BTreeMap::new(),
            devices: BTreeMap::new(),
            derived: BTreeMap::new(),
        }
    }

    fn with_devices() -> Status {
        let at = |seconds: u32| {
            Timestamp::new(
                WallTime::from_nanos(1_795_432_624_123_456_000),
                Monotonic::default() + core::time::Duration::from_secs(seconds.into()),
            )
        };
        let well = DeviceStatus {
            state: DeviceState::Idle,
            is_stuck: false,
            is_stopped: false,
            is_calibrated: false,
            period_us: None,
            failures: 0,
            reason: None,
            last_good: Some(at(61)),
            missed: 2,
            shed: 3,
            lateness: Lateness { p50: 52_000, p99: 90_000, max: 1_200_000 },
            on_bus_ns: 4_000_000,
            on_bus_ns_max: 500_000,
        };
        let broken = DeviceStatus {
            state: DeviceState::SafeState,
            is_stuck: true,
            failures: 10,
            reason: Some(NoData::Timeout),
            last_good: None,
            ..well
        };
        let devices = [("outdoor".to_owned(), well), ("pump".to_owned(), broken)].into();
        Status { devices, ..online() }
    }

    /// Frozen: a promise to subscribers. Do not change the test; make a version 2.
    #[test]
    fn version_1_status() {
        let text = concat!(
            r#"{"v":1,"gateway":"greenhouse","state":"online","#,
            r#""boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","program":"0.1.0","#,
            r#""heads":{"outdoor.temperature":42},"counters":{"samples_appended":42}}"#
        );
        assert_eq!(String::from_utf8(online().encode()).unwrap(), text);
        assert_eq!(Status::decode(text.as_bytes()).unwrap(), online());
    }

    /// Frozen: a promise to subscribers. Do not change the test; make a version 2.
    #[test]
    fn version_1_status_with_refused_streams() {
        let text = concat!(
            r#"{"v":1,"gateway":"greenhouse","state":"online","#,
            r#""boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","program":"0.1.0","#,
            r#""heads":{"outdoor.temperature":42},"counters":{"samples_appended":42},"#,
            r#""refused":{"outdoor.temperature":"not authorized"}}"#
        );
        let stream = StreamName::new("outdoor", "temperature").unwrap();
        let refused = [(stream, "not authorized".to_owned())].into();
        let status = Status { refused, ..online() };
        assert_eq!(String::from_utf8(status.encode()).unwrap(), text);
        assert_eq!(Status::decode(text.as_bytes()).unwrap(), status);
        let bad = text.replace(r#""refused":{"outdoor.temperature""#, r#""refused":{"outdoor""#);
        assert!(Status::decode(bad.as_bytes()).is_err());
    }

    /// Frozen: a promise to subscribers. Do not change the test; make a version 2.
    #[test]
    fn version_1_status_with_devices() {
        let text = concat!(
            r#"{"v":1,"gateway":"greenhouse","state":"online","#,
            r#""boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","program":"0.1.0","#,
            r#""heads":{"outdoor.temperature":42},"counters":{"samples_appended":42},"#,
            r#""devices":{"outdoor":{"state":"idle","failures":0,"#,
            r#""good_time_us":1795432624123456,"good_mono_us":61000000,"missed":2,"shed":3,"#,
            r#""late_ns":{"p50":52000,"p99":90000,"max":1200000},"#,
            r#""on_bus_ns":4000000,"on_bus_ns_max":500000},"#,
            r#""pump":{"state":"safe_state","stuck":true,"failures":10,"reason":"timeout","#,
            r#""missed":2,"shed":3,"late_ns":{"p50":52000,"p99":90000,"max":1200000},"#,
            r#""on_bus_ns":4000000,"on_bus_ns_max":500000}}}"#
        );
        assert_eq!(String::from_utf8(with_devices().encode()).unwrap(), text);
        assert_eq!(Status::decode(text.as_bytes()).unwrap(), with_devices());
    }

    /// Frozen: a promise to subscribers. Do not change the test; make a version 2.
    #[test]
    fn version_1_status_of_a_device_that_was_given_commands() {
        let mut device = with_devices().devices["outdoor"];
        (device.is_stopped, device.is_calibrated) = (true, true);
        device.period_us = Some(500_000);
        let text = concat!(
            r#"{"state":"idle","stopped":true,"calibrated":true,"period_us":500000,"failures":0,"#,
            r#""good_time_us":1795432624123456,"good_mono_us":61000000,"missed":2,"shed":3,"#,
            r#""late_ns":{"p50":52000,"p99":90000,"max":1200000},"#,
            r#""on_bus_ns":4000000,"on_bus_ns_max":500000}"#
        );
        assert_eq!(serde_json::to_string(&device::Json::from(&device)).unwrap(), text);
        assert_eq!(serde_json::from_str::<device::Json>(text).unwrap().read().unwrap(), device);
    }

    /// Frozen: a promise to subscribers. Do not change the test; make a version 2.
    #[test]
    fn version_1_status_with_derived_streams() {
        let stream = |text: &str| StreamName::parse(text).unwrap();
        let inputs = [("humidity", "outdoor.humidity"), ("temperature", "derived.mean")]
            .map(|(role, input)| (role.to_owned(), stream(input)));
        let origin = Origin { function: "dew_point".to_owned(), inputs: inputs.into() };
        let derived = [(stream("derived.dew_point"), origin)].into();
        let status = Status { derived, ..online() };
        let text = concat!(
            r#"{"v":1,"gateway":"greenhouse","state":"online","#,
            r#""boot":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","program":"0.1.0","#,
            r#""heads":{"outdoor.temperature":42},"counters":{"samples_appended":42},"#,
            r#""derived":{"derived.dew_point":{"function":"dew_point","#,
            r#""inputs":{"humidity":"outdoor.humidity","temperature":"derived.mean"}}}}"#
        );
        assert_eq!(String::from_utf8(status.encode()).unwrap(), text);
        assert_eq!(Status::decode(text.as_bytes()).unwrap(), status);
        for bad in [text.replace("derived.mean", "mean"), text.replace("\"derived.dew", "\"dew")] {
            assert!(Status::decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_device_may_say_more_or_less_than_is_known_here_but_nothing_wrong() {
        let status = |device: &str| {
            let text = format!(
                r#"{{"v":1,"gateway":"g","state":"online","devices":{{"outdoor":{device}}}}}"#
            );
            Status::decode(text.as_bytes())
        };
        let bare = status(r#"{"state":"error","mood":"low"}"#).unwrap();
        assert_eq!(bare.devices["outdoor"].state, DeviceState::Error);
        assert_eq!(bare.devices["outdoor"].last_good, None);
        for bad in [
            r#"{"state":"tired"}"#,
            r#"{"state":"idle","reason":"lazy"}"#,
            r#"{"state":"idle","good_time_us":9223372036854776,"good_mono_us":0}"#,
            r#"{"state":"idle","good_time_us":0,"good_mono_us":18446744073709552}"#,
            "{}",
            "7",
        ] {
            assert!(status(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_brokers_word_for_a_lost_gateway_needs_no_boot() {
        let lost = Status::lost(GatewayId::new("greenhouse").unwrap());
        let text = r#"{"v":1,"gateway":"greenhouse","state":"lost","program":"","heads":{},"counters":{}}"#;
        assert_eq!(String::from_utf8(lost.encode()).unwrap(), text);
        assert_eq!(Status::decode(text.as_bytes()).unwrap(), lost);
    }

    proptest! {
        #[test]
        fn a_damaged_status_is_refused_or_still_a_status(at in 0..150_usize, byte: u8) {
            let mut bytes = online().encode();
            bytes[at] = byte;
            if let Ok(status) = Status::decode(&bytes) {
                prop_assert!(status.heads.len() <= 1);
            }
        }
    }
}
