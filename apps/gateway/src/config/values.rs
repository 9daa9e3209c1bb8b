//! Values that are written as text: durations, amounts of memory, the broker's address, secrets.
//!
//! What is refused says how to mend it on a second line; see [`reader`](super::reader).

use std::{fmt, marker::PhantomData, time::Duration};

use sensors::{Argument, Arguments, Value};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// What messages call an [`Interval`].
pub(super) const DURATION: &str = "a duration";
/// What messages call [`Bytes`].
pub(super) const AMOUNT: &str = "an amount of bytes";

/// A duration as people write it, such as `500ms`, `1s` or `1h 30min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interval(pub(crate) Duration);

impl TryFrom<String> for Interval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mend = "write a number and a unit: \"500ms\", \"10s\", \"5min\", \"2h\"";
        humantime::parse_duration(&text)
            .map(Self)
            .map_err(|_| format!("`{text}` is not a duration\n{mend}"))
    }
}

/// In days and less, for a month and a year are of no certain length.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_S: u64 = 86_400;
        let days = self.0.as_secs() / DAY_S;
        let rest = self.0.saturating_sub(Duration::from_secs(days * DAY_S));
        match days {
            0 => {}
            1 => f.write_str("1day")?,
            _ => write!(f, "{days}days")?,
        }
        match (days, rest) {
            (0, rest) => humantime::format_duration(rest).fmt(f),
            (_, Duration::ZERO) => Ok(()),
            (_, rest) => write!(f, " {}", humantime::format_duration(rest)),
        }
    }
}

/// A duration as people say it, to three digits: `21.2 ms`. Not for what is to be written in the file.
pub(crate) fn spoken(duration: Duration) -> String {
    const UNITS: [(&str, f64); 4] = [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)];
    let seconds = duration.as_secs_f64();
    // What is rounded up to a thousand is one of the next unit.
    let fits = |(_, unit): &&(&str, f64)| seconds >= unit * 0.9995;
    let (name, unit) = UNITS.iter().find(fits).copied().unwrap_or(("s", 1.0));
    let digits = match seconds / unit {
        number if number >= 99.95 => format!("{number:.0}"),
        number if number >= 9.995 => format!("{number:.1}"),
        number => format!("{number:.2}"),
    };
    let digits = match digits.split_once('.') {
        Some(_) => digits.trim_end_matches('0').trim_end_matches('.'),
        None => &digits,
    };
    format!("{digits} {name}")
}

/// `argument` as it is written in the file.
pub(crate) fn written(argument: &Argument) -> String {
    // A string of JSON is one of TOML too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match argument {
        Argument::Number(number) => format!("{number:?}"),
        Argument::Integer(number) => number.to_string(),
        Argument::Duration(duration) => quoted(&Interval(*duration).to_string()),
        Argument::Choice(word) => quoted(word),
        Argument::Quantity(kind) => quoted(kind.name()),
        Argument::Flag(is_so) => is_so.to_string(),
        Argument::Character(character) => quoted(&character.to_string()),
        Argument::Text(text) => quoted(text),
        Argument::Named(sensors) => {
            let pair =
                |(name, argument): (&str, &Argument)| format!("{name} = {}", written(argument));
            let sensor = |(name, of): &(String, Arguments)| {
                format!("{name} = {{ {} }}", of.iter().map(pair).collect::<Vec<_>>().join(", "))
            };
            format!("{{ {} }}", sensors.iter().map(sensor).collect::<Vec<_>>().join(", "))
        }
    }
}

/// What could be written for `value`: no more than must be.
pub(crate) fn written_example(value: &Value) -> String {
    let Value::Named { fields, example, .. } = value else { return written(&value.preset()) };
    let required = fields.iter().filter(|field| field.is_required());
    let fields =
        required.map(|field| format!("{} = {}", field.name, written(&field.value.preset())));
    format!("{{ {example} = {{ {} }} }}", fields.collect::<Vec<_>>().join(", "))
}

/// An amount of memory or disk as people write it, such as `256MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub(crate) u64);

/// Units of [`Bytes`], the largest first.
const BYTE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let amount = |&(unit, factor): &(&str, u64)| {
            let number = text.strip_suffix(unit)?.trim_end();
            number.parse::<u64>().ok()?.checked_mul(factor).map(Self)
        };
        BYTE_UNITS.iter().find_map(amount).ok_or_else(|| {
            format!(
                "`{text}` is not an amount of bytes\n\
                 write a whole number and a unit: \"64MiB\", \"1GiB\", \"500MB\""
            )
        })
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &(unit, factor) = BYTE_UNITS
            .iter()
            .find(|(unit, factor)| {
                unit.ends_with("iB") && self.0 >= *factor && self.0.is_multiple_of(*factor)
            })
            .unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// Reads text as a `T`, and calls it `0` where something else is found.
struct Text<T>(&'static str, PhantomData<T>);

impl<T: TryFrom<String, Error = String>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::try_from(text.to_owned()).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(DURATION, PhantomData))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(AMOUNT, PhantomData))
    }
}

/// The address of an MQTT broker, written `mqtt://host:port`; the port is 1883 if left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BrokerUrl {
    /// A host name or an IP address; IPv6 without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl TryFrom<String> for BrokerUrl {
    type Error = String;

    /// The text may hold a password by mistake, so that no refusal repeats it.
    fn try_from(text: String) -> Result<Self, String> {
        let form = "write mqtt://host or mqtt://host:port";
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("this is not the address of a broker\n{form}"))?;
        match scheme {
            "mqtt" => {}
            "mqtts" | "ssl" | "tls" => return Err(format!("TLS is not supported yet\n{form}")),
            _ => return Err(format!("the broker is reached by mqtt:// only\n{form}")),
        }
        if rest.contains('@') {
            let mend = "put them into the keys `username` and `password`";
            return Err(format!("an address holds no user name or password\n{mend}"));
        }
        let (host, port) = host_and_port(rest.strip_suffix('/').unwrap_or(rest))
            .ok_or_else(|| format!("this is not a host and a port\n{form}"))?;
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Brokers in the order of preference: one address, several with commas between them, or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrls(pub Vec<BrokerUrl>);

impl<'de> Deserialize<'de> for BrokerUrls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Addresses)
    }
}

/// Reads [`BrokerUrls`].
struct Addresses;

impl<'de> Visitor<'de> for Addresses {
    type Value = BrokerUrls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<BrokerUrls, E> {
        let urls = text.split(',').map(|url| BrokerUrl::try_from(url.trim().to_owned()));
        urls.collect::<Result<_, _>>().map(BrokerUrls).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<BrokerUrls, A::Error> {
        let mut urls = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            urls.push(BrokerUrl::try_from(text).map_err(A::Error::custom)?);
        }
        if urls.is_empty() {
            return Err(A::Error::custom("no broker is named\nwrite at least one mqtt://host"));
        }
        Ok(BrokerUrls(urls))
    }
}

impl fmt::Display for BrokerUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.0.iter().map(BrokerUrl::to_string).collect();
        f.write_str(&urls.join(", then "))
    }
}

fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        (address, port)
    } else {
        let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        (!host.is_empty() && host.bytes().all(is_host)).then_some((host, port))?
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
        None if port.is_empty() => 1883,
        Some(_) | None => return None,
    };
    (port != 0).then_some((host, port))
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "mqtt://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "mqtt://{}:{}", self.host, self.port)
        }
    }
}

/// Text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// The text, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Result<u64, String> {
        Bytes::try_from(text.to_owned()).map(|bytes| bytes.0)
    }

    fn url(text: &str) -> Result<String, String> {
        BrokerUrl::try_from(text.to_owned()).map(|url| url.to_string())
    }

    #[test]
    fn durations_are_shown_in_days_and_less_and_read_as_shown() {
        for (seconds, expected) in [
            (0, "0s"),
            (90, "1m 30s"),
            (86_400, "1day"),
            (40 * 86_400, "40days"),
            (366 * 86_400 + 5_400, "366days 1h 30m"),
        ] {
            let shown = Interval(Duration::from_secs(seconds)).to_string();
            assert_eq!(shown, expected);
            assert_eq!(Interval::try_from(shown), Ok(Interval(Duration::from_secs(seconds))));
        }
    }

    #[test]
    fn durations_are_said_with_three_digits_and_one_unit() {
        let said = |nanos| spoken(Duration::from_nanos(nanos));
        for (nanos, expected) in [
            (0, "0 s"),
            (1, "1 ns"),
            (21_197_911, "21.2 ms"),
            (51_000_000, "51 ms"),
            (100_600_000, "101 ms"),
            (999_600, "1 ms"),
            (9_996_000, "10 ms"),
            (99_960_000, "100 ms"),
            (1_012_063_750, "1.01 s"),
            (250_000, "250 µs"),
            (90_000_000_000, "90 s"),
        ] {
            assert_eq!(said(nanos), expected, "{nanos}");
        }
        assert!(spoken(Duration::MAX).ends_with(" s"));
    }

    #[test]
    fn amounts_of_bytes_have_a_unit_and_fit_into_64_bits() {
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("1 GB"), Ok(1_000_000_000));
        assert_eq!(bytes("0B"), Ok(0));
        for bad in ["", "1", "MiB", "1.5GiB", "-1B", "1mib", "99999999999999GiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_of_bytes_read_back_as_written() {
        for text in ["256MiB", "1GiB", "1536KiB", "1000B", "0B"] {
            assert_eq!(Bytes::try_from(text.to_owned()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_broker_url_is_a_host_and_perhaps_a_port() {
        assert_eq!(url("mqtt://localhost").as_deref(), Ok("mqtt://localhost:1883"));
        assert_eq!(url("mqtt://10.0.0.1:8883/").as_deref(), Ok("mqtt://10.0.0.1:8883"));
        assert_eq!(url("mqtt://[::1]:1884").as_deref(), Ok("mqtt://[::1]:1884"));
        for bad in [
            "localhost",
            "http://a",
            "mqtts://a",
            "mqtt://",
            "mqtt://a:0",
            "mqtt://a:70000",
            "mqtt://a:+1",
            "mqtt://a:",
            "mqtt://a/b",
            "mqtt://[x]:1",
            "mqtt://[::1]x",
            "mqtt://a b",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_url_does_not_repeat_the_password_in_it() {
        for bad in ["mqtt://me:hunter2@host", "mqtt:/me:hunter2@host", "http://me:hunter2@host"] {
            assert!(!url(bad).unwrap_err().contains("hunter2"));
        }
    }
}
