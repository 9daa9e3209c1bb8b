//! Reading scripts.

use core::fmt;
use std::{collections::BTreeMap, str::FromStr, time::Duration};

use super::{Episode, Fault, Script, effect::TABLES};
use crate::{
    bus::{BusFault, Effect, When},
    serial::Exception,
};

/// Something in a script that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}\n  mend: {mend}")]
pub struct Mistake {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

/// What is wrong, and how to mend it.
type Wrong = (String, String);

/// A duration as scripts have it.
pub(super) struct Span(pub(super) Duration);

/// Units of time in nanoseconds, the longest first.
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let fits = |(_, unit): &&(&str, u64)| nanos.is_multiple_of(u128::from(*unit));
        let (name, unit) = UNITS.iter().find(fits).copied().unwrap_or(("ns", 1));
        if nanos == 0 { write!(f, "0s") } else { write!(f, "{}{name}", nanos / u128::from(unit)) }
    }
}

impl FromStr for Script {
    type Err = Vec<Mistake>;

    fn from_str(text: &str) -> Result<Self, Vec<Mistake>> {
        let (mut episodes, mut mistakes) = (Vec::new(), Vec::new());
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default();
            let words: Vec<_> = text.split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            match episode(&words, line) {
                Ok(episode) => episodes.push(episode),
                Err((what, mend)) => mistakes.push(Mistake { line, what, mend }),
            }
        }
        if mistakes.is_empty() { Ok(Self { episodes }) } else { Err(mistakes) }
    }
}

fn episode(words: &[&str], line: usize) -> Result<Episode, Wrong> {
    let shape = || {
        let what = "this is no episode".to_owned();
        (what, "write: DEVICE at TIME [for TIME] EFFECT [KEY=VALUE …]".to_owned())
    };
    let [device, "at", at, rest @ ..] = words else { return Err(shape()) };
    let (span, rest) = match rest {
        ["for", span, rest @ ..] => (Some(duration(span)?), rest),
        rest => (None, rest),
    };
    let [name, options @ ..] = rest else { return Err(shape()) };
    let fault = Fault::named(name).ok_or_else(|| {
        let names: Vec<_> = Fault::NAMES.iter().map(|(name, _)| *name).collect();
        (format!("there is no fault `{name}`"), format!("one of: {}", names.join(", ")))
    })?;
    let mut options = Options::read(options, fault)?;
    let when = options.when(line)?;
    let fault = options.complete(fault)?;
    Ok(Episode { device: (*device).to_owned(), at: duration(at)?, span, fault, when, line })
}

fn duration(text: &str) -> Result<Duration, Wrong> {
    let wrong = || {
        let mend = "a whole number and one of ns, us, ms, s, m, h, such as 250ms";
        (format!("`{text}` is no duration"), mend.to_owned())
    };
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    number.checked_mul(*nanos).map(Duration::from_nanos).ok_or_else(wrong)
}

fn number<T: TryFrom<u64>>(key: &str, text: &str) -> Result<T, Wrong> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    parsed.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
        let mend = "a whole number in its range, such as 3 or 0x80".to_owned();
        (format!("`{key}={text}` is no such number"), mend)
    })
}

/// `key=value` words that are not used up yet.
struct Options<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Options<'a> {
    /// The keys that say when.
    const WHEN: [&'static str; 4] = ["after", "count", "probability", "seed"];

    fn read(words: &[&'a str], fault: Fault) -> Result<Self, Wrong> {
        let own = Fault::NAMES.iter().find(|(name, _)| *name == fault.name());
        let own = own.map_or(&[][..], |(_, keys)| *keys);
        let when = if fault.has_occasions() { &Self::WHEN[..] } else { &[] };
        let allowed: Vec<_> = own.iter().chain(when).copied().collect();
        let mut options = BTreeMap::new();
        for word in words {
            let known = word.split_once('=').filter(|(key, _)| allowed.contains(key));
            let (key, value) = known.ok_or_else(|| {
                let mend = match allowed.as_slice() {
                    [] => "it has no options".to_owned(),
                    keys => format!("KEY=VALUE, with one of: {}", keys.join(", ")),
                };
                (format!("`{word}` is no option of `{}`", fault.name()), mend)
            })?;
            if options.insert(key, value).is_some() {
                return Err((format!("`{key}` is said twice"), "leave one out".to_owned()));
            }
        }
        Ok(Self(options))
    }

    /// `seed` is that of a probability for which none is said.
    fn when(&mut self, seed: usize) -> Result<When, Wrong> {
        let [after, count, probability, own_seed] = Self::WHEN.map(|key| self.0.remove(key));
        let seed = own_seed.map_or(Ok(seed as u64), |text| number("seed", text))?;
        match (after, count, probability) {
            (None, None, None) => Ok(When::Always),
            (Some(text), None, None) => Ok(When::After(number("after", text)?)),
            (None, Some(text), None) => Ok(When::Next(number("count", text)?)),
            (None, None, Some(text)) => {
                let parsed = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
                let probability = parsed.ok_or_else(|| {
                    let what = format!("`{text}` is no probability");
                    (what, "a number from 0 to 1, such as 0.25".to_owned())
                })?;
                Ok(When::Sometimes { probability, seed })
            }
            _ => {
                let what = "more than one of after, count and probability".to_owned();
                Err((what, "leave one of them".to_owned()))
            }
        }
    }

    /// The fault with what its own keys say.
    fn complete(&mut self, fault: Fault) -> Result<Fault, Wrong> {
        if let Fault::Exception(usual) = fault {
            return self.exception(usual).map(Fault::Exception);
        }
        let Fault::Bus(effect) = fault else { return Ok(fault) };
        let effect = match effect {
            Effect::Fail(BusFault::RemoteIo) => Effect::Fail(self.errno()?),
            Effect::Fail(fault) => Effect::Fail(fault),
            Effect::Stall(usual) => Effect::Stall(self.span("hold", usual)?),
            Effect::Stretch(usual) => Effect::Stretch(self.span("hold", usual)?),
            Effect::SlowDown(usual) => Effect::SlowDown(self.span("per_byte", usual)?),
            Effect::Flip(usual) => Effect::Flip(self.number("bits", usual)?),
            Effect::FlipAt { index, bits } => Effect::FlipAt {
                index: self.number("byte", index)?,
                bits: self.number("bits", bits)?,
            },
            Effect::StickAt(usual) => Effect::StickAt(self.number("value", usual)?),
        };
        Ok(Fault::Bus(effect))
    }

    fn exception(&self, usual: Exception) -> Result<Exception, Wrong> {
        let (code, first) = (self.number("code", usual.code)?, self.number("from", usual.first)?);
        let last = self.number("to", usual.last)?;
        if !Exception::CODES.contains(&code) {
            let codes = Exception::CODES.map(|code| format!("{code:#04x}"));
            return Err((
                format!("`{code:#04x}` is no exception of the standard"),
                format!("one of: {}", codes.join(", ")),
            ));
        }
        if first > last {
            let what = format!("there are no registers from {first} to {last}");
            return Err((what, "write the lower address in `from`".to_owned()));
        }
        let table = |word: &&str| {
            let known = TABLES.iter().find(|(name, _)| name == word).map(|(_, space)| *space);
            known.ok_or_else(|| {
                let words: Vec<_> = TABLES.iter().map(|(name, _)| *name).collect();
                (format!("there is no table `{word}`"), format!("one of: {}", words.join(", ")))
            })
        };
        let space = self.0.get("table").map(table).transpose()?;
        Ok(Exception { code, space, first, last })
    }

    fn span(&self, key: &str, usual: Duration) -> Result<Duration, Wrong> {
        self.0.get(key).map_or(Ok(usual), |text| duration(text))
    }

    fn number<T: TryFrom<u64>>(&self, key: &str, usual: T) -> Result<T, Wrong> {
        self.0.get(key).map_or(Ok(usual), |text| number(key, text))
    }

    fn errno(&self) -> Result<BusFault, Wrong> {
        match self.0.get("errno") {
            None | Some(&"EREMOTEIO") => Ok(BusFault::RemoteIo),
            Some(&"ENXIO") => Ok(BusFault::NoAcknowledge),
            Some(text) => {
                let what = format!("`{text}` is no errno of a missing acknowledge");
                Err((what, "EREMOTEIO or ENXIO".to_owned()))
            }
        }
    }
}
