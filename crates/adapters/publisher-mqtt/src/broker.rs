//! Where the broker is: `mqtt://[user[:password]@]host[:port]`.

use std::{fmt, str::FromStr};

/// The port that IANA has assigned to MQTT without TLS.
const DEFAULT_PORT: u16 = 1883;

/// The address of a broker, and who we are to it.
///
/// ```
/// let broker: publisher_mqtt::Broker = "mqtt://pi:s%40fe@broker.example".parse()?;
/// assert_eq!(broker.to_string(), "mqtt://broker.example:1883");
/// # Ok::<(), publisher_mqtt::NotABroker>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Name or address; an IPv6 address stands in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<Login>,
}

/// A user name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password; may be empty.
    pub password: String,
}

/// The text is not the address of a broker. The messages never repeat the text: it may hold a
/// password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABroker {
    /// It asks for TLS.
    #[error("`{scheme}://` asks for TLS, which this version does not have: use `mqtt://`")]
    Tls {
        /// The scheme asked for.
        scheme: String,
    },
    /// It begins with something else than `mqtt://`.
    #[error("a broker is written `mqtt://host:port`; this does not begin with `mqtt://`")]
    Scheme,
    /// There is no host, or it has a character that no host has.
    #[error("the broker's host is missing or malformed")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the broker's port is not a number from 1 to 65535")]
    Port,
    /// The user or password has a `%` that is not followed by two hexadecimal digits, or is not text.
    #[error("the user or password has a malformed `%` sequence: write `%` itself as `%25`")]
    Escape,
    /// Something follows the port.
    #[error("nothing may follow the broker's port: a path, query or fragment means nothing here")]
    Tail,
}

impl Broker {
    /// Who we are to it, if it asks.
    pub const fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The same broker with another login.
    #[must_use]
    pub fn with_login(self, login: Login) -> Self {
        Self { login: Some(login), ..self }
    }
}

impl FromStr for Broker {
    type Err = NotABroker;

    fn from_str(text: &str) -> Result<Self, NotABroker> {
        let (scheme, rest) = text.split_once("://").ok_or(NotABroker::Scheme)?;
        match scheme {
            "mqtt" => {}
            "mqtts" | "ssl" | "tls" => return Err(NotABroker::Tls { scheme: scheme.to_owned() }),
            _ => return Err(NotABroker::Scheme),
        }
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(parse_login(login)?), address),
            None => (None, rest),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        if address.contains(['/', '?', '#']) {
            return Err(NotABroker::Tail);
        }
        let (host, port) = split_address(address)?;
        Ok(Self { host: host.to_owned(), port, login })
    }
}

fn parse_login(text: &str) -> Result<Login, NotABroker> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    Ok(Login { user: unescape(user)?, password: unescape(password)? })
}

/// Splits `host[:port]`, where the host may be an IPv6 address in brackets.
fn split_address(address: &str) -> Result<(&str, u16), NotABroker> {
    let host_ends = if address.starts_with('[') {
        address.find(']').ok_or(NotABroker::Host)? + 1
    } else {
        address.find(':').unwrap_or(address.len())
    };
    let (host, tail) = address.split_at(host_ends);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
    };
    if !is_host {
        return Err(NotABroker::Host);
    }
    let port = match tail.strip_prefix(':') {
        // `parse` alone would let a sign through.
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
        None => tail.is_empty().then_some(DEFAULT_PORT),
    };
    port.filter(|&port| port != 0).map(|port| (host, port)).ok_or(NotABroker::Port)
}

/// Undoes percent-encoding (RFC 3986, 2.1).
fn unescape(text: &str) -> Result<String, NotABroker> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
            let (high, low) = (digit(), digit());
            let value = high.zip(low).and_then(|(h, l)| u8::try_from(h * 16 + l).ok());
            bytes.push(value.ok_or(NotABroker::Escape)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| NotABroker::Escape)
}

/// The address without the login: safe for a log.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mqtt://{}:{}", self.host, self.port)
    }
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn an_address_has_a_host_and_may_have_a_port_and_a_login() {
        for (text, host, port, login) in [
            ("mqtt://localhost", "localhost", 1883, None),
            ("mqtt://10.0.0.1:8883", "10.0.0.1", 8883, None),
            ("mqtt://[::1]:1884/", "[::1]", 1884, None),
            ("mqtt://[fe80::1]", "[fe80::1]", 1883, None),
            ("mqtt://pi@b.example", "b.example", 1883, Some(login("pi", ""))),
            ("mqtt://pi:a:b@c@h:1", "h", 1, Some(login("pi", "a:b@c"))),
            ("mqtt://p%40i:%25%c3%a4@h", "h", 1883, Some(login("p@i", "%ä"))),
        ] {
            let expected = Broker { host: host.to_owned(), port, login };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn whatever_else_is_refused_for_what_is_wrong_with_it() {
        for (text, reason) in [
            ("localhost:1883", NotABroker::Scheme),
            ("http://localhost", NotABroker::Scheme),
            ("mqtts://localhost", NotABroker::Tls { scheme: "mqtts".to_owned() }),
            ("mqtt://", NotABroker::Host),
            ("mqtt://pi@", NotABroker::Host),
            ("mqtt://a b", NotABroker::Host),
            ("mqtt://[::1", NotABroker::Host),
            ("mqtt://[localhost]", NotABroker::Host),
            ("mqtt://::1", NotABroker::Host),
            ("mqtt://h:", NotABroker::Port),
            ("mqtt://h:+1", NotABroker::Port),
            ("mqtt://h:0", NotABroker::Port),
            ("mqtt://h:65536", NotABroker::Port),
            ("mqtt://[::1]1", NotABroker::Port),
            ("mqtt://h:1883/topic", NotABroker::Tail),
            ("mqtt://h?x", NotABroker::Tail),
            ("mqtt://a%4@h", NotABroker::Escape),
            ("mqtt://a%ff@h", NotABroker::Escape),
        ] {
            assert_eq!(text.parse::<Broker>(), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_password_is_in_no_text_made_of_it() {
        let broker: Broker = "mqtt://pi:hush@h".parse().unwrap();
        assert!(!format!("{broker} {broker:?}").contains("hush"));
        assert_eq!(broker.login().map(|login| login.password.as_str()), Some("hush"));
    }
}
