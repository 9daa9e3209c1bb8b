//! What a gateway says of itself as JSON, version 1. The specification is `docs/specs/payload.md`.
//!
//! The message is retained. The broker publishes the state `lost` for the gateway when its connection
//! breaks; the gateway itself says `online` while it runs and `stopped` as its last word.

use std::collections::BTreeMap;

use domain::{BootId, GatewayId, SequenceNumber, StreamName};
use serde::{Deserialize, Serialize};

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
        let head = |(name, seq): (String, u64)| match StreamName::parse(&name) {
            Ok(stream) => Ok((stream, SequenceNumber(seq))),
            Err(_) => Err(wrong("stream", &name)),
        };
        Ok(Self {
            gateway: GatewayId::new(&json.gateway).map_err(|_| wrong("gateway", &json.gateway))?,
            state: json.state,
            boot: boot.map_err(|error| wrong("boot", &error.text))?,
            program: json.program,
            heads: json.heads.into_iter().map(head).collect::<Result<_, _>>()?,
            counters: json.counters,
        })
    }
}

#[cfg(test)]
mod tests {
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
        }
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
