//! Requests for a replay, and the answers, as JSON, version 1. The specification is
//! `docs/specs/replay.md`.
//!
//! # Terms
//!
//! * **Request** — asks a gateway for numbers of one stream that it has sent before.
//! * **Answer** — one of the messages that follow: samples, and at the end what became of the request.
//!
//! # Invariants
//!
//! 1. In a request a field that is not known is refused, not ignored: who wrote it meant something. In
//!    an answer it is let through, and so is a reason that a later version has.
//! 2. A request that decodes asks for one number at least, and has [`RANGES_MAX`] ranges at most.
//!
//! # Deliberately absent
//!
//! Where the messages go (see [`Topics`](crate::Topics)), and which answer belongs to which request:
//! MQTT's correlation data says that.

use std::collections::BTreeMap;

use domain::{BootId, GatewayId, Ranges, StreamName};
use serde::{Deserialize, Serialize};

use crate::{
    VERSION,
    compression::expand,
    payload::{self, Batch, DecodeError, check_version, wrong},
};

/// The longest request, in bytes.
pub const REQUEST_BYTES_MAX: usize = 4096;

/// The most ranges in one request.
pub const RANGES_MAX: usize = 64;

/// The longest correlation data of a request, in bytes.
pub const CORRELATION_BYTES_MAX: usize = 64;

/// What [`Done`] takes besides its runs, and what one run takes, in bytes at most.
const DONE_BYTES_MAX: usize = 384;
const RUN_BYTES_MAX: usize = 44;

/// How the kinds of answers are called.
pub(crate) const SAMPLES: &str = "samples";
const DONE: &str = "done";
const REFUSED: &str = "refused";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Of which stream.
    pub stream: StreamName,
    /// In which boot they were taken; `None`: in whichever.
    pub boot: Option<BootId>,
    /// Their numbers.
    pub numbers: Ranges,
}

/// Why a sample that was asked for is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The gateway has no such sample any more: it was evicted, retained long enough, or damaged; or it
    /// was taken in another boot than was asked for.
    Gone,
    /// No sample ever had the number: it is beyond the newest, or the stream is unknown.
    Never,
    /// It is on its way or waits for delivery, and comes by itself.
    Waiting,
    /// It fits into no message that the broker takes.
    TooLong,
    /// The medium could not be read.
    Unreadable,
}

/// What became of a request. Numbers that are in none of the sets were not come to: ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Who answers.
    pub gateway: GatewayId,
    /// Of which stream.
    pub stream: StreamName,
    /// The numbers whose samples were sent before this.
    pub sent: Ranges,
    /// Those that were not, by the reason.
    pub not_sent: BTreeMap<Why, Ranges>,
}

/// One message of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Samples.
    Samples(Batch),
    /// There are no more.
    Done(Done),
    /// The request is not answered.
    Refused {
        /// Who says so.
        gateway: GatewayId,
        /// Why, for people.
        reason: String,
    },
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Gone, Self::Never, Self::Waiting, Self::TooLong, Self::Unreadable];

    /// Its word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Never => "never",
            Self::Waiting => "waiting",
            Self::TooLong => "too_long",
            Self::Unreadable => "unreadable",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.code() == code)
    }
}

type Runs = Vec<(u64, u64)>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestJson {
    v: u32,
    stream: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
    ranges: Runs,
}

#[derive(Serialize)]
struct DoneJson<'a> {
    v: u32,
    replay: &'static str,
    gateway: &'a str,
    stream: &'a str,
    sent: Runs,
    not_sent: BTreeMap<&'static str, Runs>,
}

#[derive(Serialize)]
struct RefusedJson<'a> {
    v: u32,
    replay: &'static str,
    gateway: &'a str,
    reason: &'a str,
}

#[derive(Deserialize)]
struct AnswerJson {
    replay: String,
    gateway: String,
    stream: Option<String>,
    reason: Option<String>,
    sent: Option<Runs>,
    not_sent: Option<BTreeMap<String, Runs>>,
}

impl Request {
    /// Encodes it as version 1, with the lowest [`RANGES_MAX`] ranges.
    pub fn encode(&self) -> Vec<u8> {
        let request = RequestJson {
            v: VERSION,
            stream: self.stream.to_string(),
            boot: self.boot.map(|boot| boot.to_string()),
            ranges: runs(&self.numbers).into_iter().take(RANGES_MAX).collect(),
        };
        // Texts and integers: there is nothing to fail on.
        serde_json::to_vec(&request).unwrap_or_default()
    }

    /// Decodes a request of version 1.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says what is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(wrong("length of a request", &bytes.len().to_string()));
        }
        check_version(bytes)?;
        let request: RequestJson = serde_json::from_slice(bytes).map_err(DecodeError::Shape)?;
        let boot = request.boot.map(|boot| BootId::parse(&boot).map_err(|_| wrong("boot", &boot)));
        if request.ranges.is_empty() || request.ranges.len() > RANGES_MAX {
            return Err(wrong("number of ranges", &request.ranges.len().to_string()));
        }
        Ok(Self {
            stream: stream(&request.stream)?,
            boot: boot.transpose()?,
            numbers: numbers(&request.ranges)?,
        })
    }
}

impl Done {
    /// Encodes it as version 1 in at most `bytes_max` bytes, if that is enough for the names: what does
    /// not fit is left out from the highest number down, as if it were not come to.
    pub fn encode(&self, bytes_max: usize) -> Vec<u8> {
        let cut = self.cut(bytes_max.saturating_sub(DONE_BYTES_MAX) / RUN_BYTES_MAX);
        let below = |numbers: &Ranges| {
            let mut numbers = numbers.clone();
            numbers.remove_all(cut..u64::MAX);
            runs(&numbers)
        };
        let done = DoneJson {
            v: VERSION,
            replay: DONE,
            gateway: self.gateway.as_str(),
            stream: self.stream.as_str(),
            sent: below(&self.sent),
            not_sent: self.not_sent.iter().map(|(why, it)| (why.code(), below(it))).collect(),
        };
        serde_json::to_vec(&done).unwrap_or_default()
    }

    /// The number before which there are at most `runs_max` runs.
    fn cut(&self, runs_max: usize) -> u64 {
        let sets = self.not_sent.values().chain([&self.sent]);
        let mut firsts: Vec<_> = sets.flat_map(Ranges::runs).map(|run| *run.start()).collect();
        firsts.sort_unstable();
        firsts.get(runs_max).copied().unwrap_or(u64::MAX)
    }
}

impl Answer {
    /// Who answers.
    pub const fn gateway(&self) -> &GatewayId {
        match self {
            Self::Samples(batch) => &batch.gateway,
            Self::Done(done) => &done.gateway,
            Self::Refused { gateway, .. } => gateway,
        }
    }

    /// Encodes the refusal of a request as version 1.
    pub fn refusal(gateway: &GatewayId, reason: &str) -> Vec<u8> {
        let refused =
            RefusedJson { v: VERSION, replay: REFUSED, gateway: gateway.as_str(), reason };
        serde_json::to_vec(&refused).unwrap_or_default()
    }

    /// Decodes an answer of version 1.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says what is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = &*expand(bytes).map_err(DecodeError::Compressed)?;
        check_version(bytes)?;
        let answer: AnswerJson = serde_json::from_slice(bytes).map_err(DecodeError::Shape)?;
        let gateway =
            GatewayId::new(&answer.gateway).map_err(|_| wrong("gateway", &answer.gateway))?;
        match answer.replay.as_str() {
            SAMPLES => payload::decode(bytes).map(Self::Samples),
            REFUSED => Ok(Self::Refused { gateway, reason: answer.reason.unwrap_or_default() }),
            DONE => {
                let not_sent = answer.not_sent.unwrap_or_default().into_iter();
                let known = not_sent.filter_map(|(code, it)| Some((Why::from_code(&code)?, it)));
                Ok(Self::Done(Done {
                    gateway,
                    stream: stream(&answer.stream.unwrap_or_default())?,
                    sent: numbers(&answer.sent.unwrap_or_default())?,
                    not_sent: known.map(|(why, it)| Ok((why, numbers(&it)?))).collect::<Result<
                        _,
                        DecodeError,
                    >>(
                    )?,
                }))
            }
            other => Err(wrong("replay", other)),
        }
    }
}

fn stream(name: &str) -> Result<StreamName, DecodeError> {
    StreamName::parse(name).map_err(|_| wrong("stream", name))
}

fn runs(numbers: &Ranges) -> Runs {
    numbers.runs().map(|run| (*run.start(), *run.end())).collect()
}

fn numbers(runs: &[(u64, u64)]) -> Result<Ranges, DecodeError> {
    let mut numbers = Ranges::EMPTY;
    for &(first, last) in runs {
        if first == 0 || first > last || last == u64::MAX {
            return Err(wrong("range", &format!("{first}..{last}")));
        }
        numbers.insert_all(first..last + 1);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests;
