//! Topics, version 1: `<root>/v1/<gateway>/samples/<device>/<sensor>` and `<root>/v1/<gateway>/status`.
//!
//! Replays have topics of their own beside these, `<root>/replay/v1/<gateway>/request` and
//! `<root>/replay/v1/<gateway>/answer/<requester>`, so that whoever listens to `<root>/v1/#` gets none
//! of what others ask for.

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
    /// A message of an answer to a request for a replay.
    Answer {
        /// Who answers.
        gateway: GatewayId,
    },
}

impl Topics {
    /// The root when none is configured.
    pub const DEFAULT_ROOT: &'static str = "telemetryhub";

    /// The longest name of a requester in the topic of an answer, in bytes.
    pub const REQUESTER_BYTES_MAX: usize = 48;

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

    /// Where a gateway is asked for a replay.
    pub fn request(&self, gateway: &GatewayId) -> String {
        format!("{}/replay/v1/{gateway}/request", self.root)
    }

    /// Where a gateway, or each of them, answers `requester`: a topic, or a filter.
    pub fn answer(&self, gateway: Option<&GatewayId>, requester: &str) -> String {
        let gateway = gateway.map_or("+", GatewayId::as_str);
        format!("{}/replay/v1/{gateway}/answer/{requester}", self.root)
    }

    /// Whether `topic` is one where `gateway` may be told to answer: below its own prefix, then one
    /// level of 1 to [`REQUESTER_BYTES_MAX`](Self::REQUESTER_BYTES_MAX) letters, digits, `-` and `_`.
    pub fn is_answer(&self, gateway: &GatewayId, topic: &str) -> bool {
        let requester = topic.strip_prefix(&self.answer(Some(gateway), ""));
        requester.is_some_and(is_requester)
    }

    /// What `topic` stands for; `None` if it is not one of ours.
    pub fn parse(&self, topic: &str) -> Option<Topic> {
        let replay = topic.strip_prefix(&self.root).and_then(|it| it.strip_prefix("/replay/v1/"));
        if let Some((gateway, below)) = replay.and_then(|below| below.split_once('/')) {
            let requester = below.strip_prefix("answer/")?;
            let gateway = GatewayId::new(gateway).ok()?;
            return is_requester(requester).then_some(Topic::Answer { gateway });
        }
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

fn is_requester(name: &str) -> bool {
    (1..=Topics::REQUESTER_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
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
        assert_eq!(topics.request(&gateway), "acme/telemetryhub/replay/v1/greenhouse/request");
        let answer = "acme/telemetryhub/replay/v1/greenhouse/answer/cloud-1";
        assert_eq!(topics.answer(Some(&gateway), "cloud-1"), answer);
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
    fn an_answer_goes_below_the_prefix_of_its_gateway_and_nowhere_else() {
        let (topics, gateway, _) = fixture();
        let answer = topics.answer(Some(&gateway), "cloud-1");
        assert!(topics.is_answer(&gateway, &answer));
        assert_eq!(topics.parse(&answer), Some(Topic::Answer { gateway: gateway.clone() }));
        let longest = topics.answer(Some(&gateway), &"x".repeat(48));
        assert!(topics.is_answer(&gateway, &longest));
        for foreign in [
            "",
            "acme/telemetryhub/v1/greenhouse/status",
            "acme/telemetryhub/replay/v1/greenhouse/request",
            "acme/telemetryhub/replay/v1/greenhouse/answer",
            "acme/telemetryhub/replay/v1/greenhouse/answer/",
            "acme/telemetryhub/replay/v1/greenhouse/answer/a/b",
            "acme/telemetryhub/replay/v1/greenhouse/answer/+",
            "acme/telemetryhub/replay/v1/greenhouse/answer/#",
            "acme/telemetryhub/replay/v1/cellar/answer/cloud-1",
            "replay/v1/greenhouse/answer/cloud-1",
            &(longest + "x"),
        ] {
            assert!(!topics.is_answer(&gateway, foreign), "{foreign}");
        }
    }

    #[test]
    fn the_longest_topic_leaves_room_for_a_payload() {
        let name = "x".repeat(48);
        let (topics, gateway) =
            (Topics::new(&"x".repeat(128)).unwrap(), GatewayId::new(&name).unwrap());
        assert!(topics.answer(Some(&gateway), &name).len() <= 256);
    }

    #[test]
    fn a_root_with_a_wildcard_or_an_empty_level_is_refused() {
        for bad in ["", "/", "a//b", "a/#", "+", "$SYS", "a/", "a b"] {
            assert_eq!(Topics::new(bad), Err(NotARoot { text: bad.to_owned() }));
        }
    }
}
