//! Streams and the names they go by.
//!
//! A name becomes part of an MQTT topic, of an environment variable and of a metric label, so its
//! alphabet is what all three can carry: `a-z`, `0-9` and single `_`, beginning with a letter.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{QuantityKind, Reading};

/// The longest name of a gateway, device, sensor or derived metric, in bytes.
const NAME_MAX: usize = 48;

/// The text cannot name anything here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a name: use 1 to {NAME_MAX} of a-z, 0-9 and single _, beginning with a letter"
)]
pub struct NotAName {
    /// The text as offered.
    pub text: String,
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() <= NAME_MAX
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !text.contains("__")
        && !text.ends_with('_')
}

/// The name of one gateway, unique among all that share a broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayId(Arc<str>);

impl GatewayId {
    /// Admits a name.
    ///
    /// # Errors
    ///
    /// [`NotAName`] if `text` has a character that topics or environment variables cannot carry.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        let refused = || NotAName { text: text.to_owned() };
        is_name(text).then(|| Self(text.into())).ok_or_else(refused)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a stream: `device.sensor`, or `derived.metric`. Cheap to clone.
///
/// It is a part of a text that several names may share: see [`StreamName::together`].
#[derive(Clone)]
pub struct StreamName {
    text: Arc<str>,
    from: u32,
    to: u32,
}

impl StreamName {
    /// The first part of the name of every derived metric; no device may have it.
    pub const DERIVED: &'static str = "derived";

    fn whole(text: Arc<str>) -> Self {
        // Two names of 48 bytes and a dot at the most.
        let to = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self { text, from: 0, to }
    }

    /// The same names as parts of one text: what their clones are counted by is then in one place of the
    /// memory, which pays where many names are cloned one after the other. Not for names that threads clone
    /// at the same time.
    pub fn together(names: &[Self]) -> Vec<Self> {
        let text: Arc<str> = names.iter().map(Self::as_str).collect::<String>().into();
        let mut to = 0;
        let part = |name: &Self| {
            let from = to;
            to += name.to - name.from;
            Self { text: Arc::clone(&text), from, to }
        };
        names.iter().map(part).collect()
    }

    /// Joins the name of a device and that of one of its sensors.
    ///
    /// # Errors
    ///
    /// [`NotAName`] names the part that is not one.
    pub fn new(device: &str, sensor: &str) -> Result<Self, NotAName> {
        match [device, sensor].into_iter().find(|part| !is_name(part)) {
            Some(part) => Err(NotAName { text: part.to_owned() }),
            None => Ok(Self::whole(format!("{device}.{sensor}").into())),
        }
    }

    /// The stream of the derived metric `metric`.
    ///
    /// # Errors
    ///
    /// [`NotAName`] if `metric` is not one.
    pub fn derived(metric: &str) -> Result<Self, NotAName> {
        Self::new(Self::DERIVED, metric)
    }

    /// Reads the written form, `device.sensor`.
    ///
    /// # Errors
    ///
    /// [`NotAName`] if there are not two names with one dot between them.
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        match text.split_once('.') {
            Some((device, sensor)) => Self::new(device, sensor),
            None => Err(NotAName { text: text.to_owned() }),
        }
    }

    /// The written form, `device.sensor`.
    pub fn as_str(&self) -> &str {
        self.text.get(self.from as usize..self.to as usize).unwrap_or_default()
    }

    /// The name of the device and that of the sensor; for a metric [`DERIVED`](Self::DERIVED) and its own.
    pub fn parts(&self) -> (&str, &str) {
        self.as_str().split_once('.').unwrap_or((self.as_str(), ""))
    }
}

impl PartialEq for StreamName {
    fn eq(&self, other: &Self) -> bool {
        // Clones of one name are told by where they are: their text may be far away.
        let is_same = Arc::ptr_eq(&self.text, &other.text);
        (is_same && (self.from, self.to) == (other.from, other.to))
            || self.as_str() == other.as_str()
    }
}

impl Eq for StreamName {}

impl PartialOrd for StreamName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StreamName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for StreamName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for GatewayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The samples of one sensor or derived metric, numbered without holes, all of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// What it is called.
    pub name: StreamName,
    /// What its quantities measure, and so their unit; known for gaps too.
    pub kind: QuantityKind,
}

/// How much a stream matters: which samples are stored and sent first, and which go last when room is
/// short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamClass {
    /// Before all others: alarms.
    High,
    /// As it comes.
    #[default]
    Normal,
    /// After all others, and the first to go.
    Low,
}

impl StreamClass {
    /// All of them, highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// What it is called in the configuration and in the names of counters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A reading and the stream it belongs to, not yet numbered.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamReading {
    /// Where it belongs.
    pub stream: Stream,
    /// What was found, and when.
    pub reading: Reading,
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn names_are_what_topics_and_environment_variables_can_carry() {
        for good in ["a", "outdoor", "i2c_1", &"x".repeat(48)] {
            assert!(GatewayId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "_a", "a__b", "a_", "A", "a/b", "a+b", "a.b", "ä", &"x".repeat(49)] {
            assert_eq!(GatewayId::new(bad), Err(NotAName { text: bad.to_owned() }));
        }
    }

    #[test]
    fn classes_are_in_their_order() {
        for (place, class) in StreamClass::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), place, "{}", class.name());
        }
        assert!(StreamClass::ALL.is_sorted());
    }

    #[test]
    fn a_stream_name_reads_back_as_written() {
        let name = StreamName::new("outdoor", "temperature").unwrap();
        assert_eq!(StreamName::parse(name.as_str()), Ok(name.clone()));
        for bad in ["outdoor", "a.b.c", ".b", "a."] {
            assert!(StreamName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_one_text_are_the_names_that_they_were() {
        let names = ["a.b", "derived.x", "a.b", "a.c"].map(|text| StreamName::parse(text).unwrap());
        let together = StreamName::together(&names);
        assert_eq!(together, names);
        assert_eq!(together.iter().map(StreamName::parts).next_back(), Some(("a", "c")));
        assert_eq!(format!("{:?} {}", together[1], together[3]), "StreamName(\"derived.x\") a.c");
        let numbers: HashMap<_, _> = names.iter().cloned().zip(0..).collect();
        assert_eq!(together.iter().map(|name| numbers[name]).collect::<Vec<_>>(), [2, 1, 2, 3]);
        assert_eq!(together[0].cmp(&together[3]), names[0].cmp(&names[3]));
        assert_eq!(StreamName::together(&together[1..3]), names[1..3]);
        assert!(StreamName::together(&[]).is_empty());
    }
}
