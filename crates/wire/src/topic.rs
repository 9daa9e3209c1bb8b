//! Topics, version 1: `<root>/v1/<gateway>/samples/<device>/<sensor>` and `<root>/v1/<gateway>/status`.

use domain::{GatewayId, StreamName};

/// The text cannot be the root of topics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` cannot begin a topic: use levels of letters, digits, `-`, `_` and `.`, joined by `/`"
)]
pub struct NotARoot {
    /// The text as offered.
    pub text: String,
}

/// Makes topics below one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    root: String,
}

/// What a topic stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Samples of one stream.
    Samples {
        /// Whose.
        gateway: GatewayId,
        /// Of which stream.
        stream: StreamName,
    },
    /// What a gateway says of itself; retained.
    Status {
        /// Whose.
        gateway: GatewayId,
    },
}

impl Topics {
    /// The root when none is configured.
    pub const DEFAULT_ROOT: &'static str = "telemetryhub";

    /// Admits `root` if no level of it is empty, a wildcard, or reserved for the broker (`$…`).
    ///
    /// # Errors
    ///
    /// [`NotARoot`] with the refused text.
    pub fn new(root: &str) -> Result<Self, NotARoot> {
        let is_level = |level: &str| {
            !level.is_empty()
                && level.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let is_root = root.len() <= 128 && root.split('/').all(is_level);
        is_root
            .then(|| Self { root: root.to_owned() })
            .ok_or_else(|| NotARoot { text: root.to_owned() })
    }

    /// Where the samples of one stream go.
    pub fn samples(&self, gateway: &GatewayId, stream: &StreamName) -> String {
        // A stream name has exactly one dot: device and sensor become levels of their own, so that
        // a subscriber can filter by either.
        format!("{}/v1/{gateway}/samples/{}", self.root, stream.as_str().replacen('.', "/", 1))
    }

    /// Where a gateway's status goes.
    pub fn status(&self, gateway: &GatewayId) -> String {
        format!("{}/v1/{gateway}/status", self.root)
    }

    /// The filter that matches every topic of one gateway, or of all.
    pub fn filter(&self, gateway: Option<&GatewayId>) -> String {
        format!("{}/v1/{}/#", self.root, gateway.map_or("+", GatewayId::as_str))
    }

    /// What `topic` stands for; `None` if it is not one of ours.
    pub fn parse(&self, topic: &str) -> Option<Topic> {
        let below = topic.strip_prefix(&self.root)?.strip_prefix("/v1/")?;
        let levels: Vec<&str> = below.split('/').collect();
        match levels[..] {
            [gateway, "samples", device, sensor] => Some(Topic::Samples {
                gateway: GatewayId::new(gateway).ok()?,
                stream: StreamName::new(device, sensor).ok()?,
            }),
            [gateway, "status"] => Some(Topic::Status { gateway: GatewayId::new(gateway).ok()? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> (Topics, GatewayId, StreamName) {
        (
            Topics::new("acme/telemetryhub").unwrap(),
            GatewayId::new("greenhouse").unwrap(),
            StreamName::new("outdoor", "temperature").unwrap(),
        )
    }

    /// Frozen: a promise to subscribers. Do not change the test; make a version 2.
    #[test]
    fn version_1_topics() {
        let (topics, gateway, stream) = fixture();
        assert_eq!(
            topics.samples(&gateway, &stream),
            "acme/telemetryhub/v1/greenhouse/samples/outdoor/temperature"
        );
        assert_eq!(topics.status(&gateway), "acme/telemetryhub/v1/greenhouse/status");
        assert_eq!(topics.filter(None), "acme/telemetryhub/v1/+/#");
        assert_eq!(topics.filter(Some(&gateway)), "acme/telemetryhub/v1/greenhouse/#");
    }

    #[test]
    fn topics_read_back_and_foreign_ones_are_nobodys() {
        let (topics, gateway, stream) = fixture();
        assert_eq!(
            topics.parse(&topics.status(&gateway)),
            Some(Topic::Status { gateway: gateway.clone() })
        );
        let samples = topics.samples(&gateway, &stream);
        assert_eq!(topics.parse(&samples), Some(Topic::Samples { gateway, stream }));
        for foreign in [
            "",
            "acme/telemetryhub",
            "acme/telemetryhub/v2/g/status",
            "acme/telemetryhub/v1/G/status",
            "acme/telemetryhub/v1/g/samples/a",
            "x/v1/g/status",
        ] {
            assert_eq!(topics.parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_root_with_a_wildcard_or_an_empty_level_is_refused() {
        for bad in ["", "/", "a//b", "a/#", "+", "$SYS", "a/", "a b"] {
            assert_eq!(Topics::new(bad), Err(NotARoot { text: bad.to_owned() }));
        }
    }
}
