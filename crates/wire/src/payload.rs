//! Batches of samples as JSON, version 1. The specification is `docs/specs/payload.md`.

use core::num::NonZeroU32;

use domain::{
    BootId, GatewayId, Monotonic, NoData, Quality, QuantityKind, Reading, Sample, SequenceNumber,
    Stream, StreamName, TimeSource, Timestamp, Trust, WallTime,
};
use serde::{Deserialize, Serialize};

use crate::{
    VERSION,
    compression::{ExpandError, expand},
    replay,
};

/// No payload with *n* samples is longer than this plus *n* times [`SAMPLE_BYTES_MAX`], in bytes.
pub const HEADER_BYTES_MAX: usize = 384;

/// No sample takes more than this in a payload, in bytes.
pub const SAMPLE_BYTES_MAX: usize = 192;

/// A decoded payload: samples of one stream, taken in one boot of one gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Whose samples.
    pub gateway: GatewayId,
    /// The samples, in the order of the payload. Times are whole microseconds.
    pub samples: Vec<Sample>,
}

/// Why bytes are not a payload.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Compressed, and cannot be expanded.
    #[error("compressed payload cannot be read")]
    Compressed(#[source] ExpandError),
    /// Not JSON, or not of the shape that the specification gives.
    #[error("payload does not have the shape of version {VERSION}")]
    Shape(#[source] serde_json::Error),
    /// The payload says that it is of a version which this program does not know.
    #[error("payload has version {found}; this program reads version {VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A field holds what its type allows but its meaning does not.
    #[error("`{found}` is not a valid {field}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it holds.
        found: String,
    },
}

/// The word for a value that is not wholly to be trusted. One that is has no word.
const UNCERTAIN: &str = "uncertain";

/// Of a time that a synchronised clock told, an error is worth its bytes only if it is more than this.
const ERROR_MS_SMALL: u32 = 100;

/// What a payload begins with; `samples` follow.
#[derive(Serialize)]
struct Outgoing<'a> {
    v: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<&'static str>,
    gateway: &'a str,
    stream: &'a str,
    boot: String,
    quantity: &'static str,
    unit: &'static str,
}

/// What a header, and a sample with a value, mostly take, in bytes: for the memory of a payload.
const HEADER_BYTES: usize = 192;
const SAMPLE_BYTES: usize = 88;

/// Encodes a run of samples of one stream and one boot.
///
/// Returns `None` for an empty run and for one that mixes streams, kinds or boots.
pub fn encode(gateway: &GatewayId, run: &[&Sample]) -> Option<Vec<u8>> {
    encode_marked(gateway, run, None)
}

/// The same for samples that are sent again because somebody asked for them.
pub fn encode_replayed(gateway: &GatewayId, run: &[&Sample]) -> Option<Vec<u8>> {
    encode_marked(gateway, run, Some(replay::SAMPLES))
}

fn encode_marked(
    gateway: &GatewayId,
    run: &[&Sample],
    replay: Option<&'static str>,
) -> Option<Vec<u8>> {
    let first = run.first()?;
    let is_one_run = run.iter().all(|s| s.stream == first.stream && s.boot == first.boot);
    let header = Outgoing {
        v: VERSION,
        replay,
        gateway: gateway.as_str(),
        stream: first.stream.name.as_str(),
        boot: first.boot.to_string(),
        quantity: first.stream.kind.name(),
        unit: first.stream.kind.unit(),
    };
    let mut bytes = Vec::with_capacity(HEADER_BYTES + SAMPLE_BYTES * run.len());
    // Every field is a number or a text, and every number is finite: there is nothing to fail on.
    serde_json::to_writer(&mut bytes, &header).ok().filter(|()| is_one_run)?;
    bytes.pop();
    bytes.extend_from_slice(b",\"samples\":[");
    for sample in run {
        write_sample(&mut bytes, sample)?;
        bytes.push(b',');
    }
    bytes.pop();
    bytes.extend_from_slice(b"]}");
    Some(bytes)
}

/// By hand, because the forwarder does little else: `docs/bench/deliver.md` says what it is worth.
fn write_sample(bytes: &mut Vec<u8>, sample: &Sample) -> Option<()> {
    let Reading { at, outcome, quality } = &sample.reading;
    bytes.extend_from_slice(b"{\"seq\":");
    write_number(bytes, sample.seq.0)?;
    bytes.extend_from_slice(b",\"time_us\":");
    write_number(bytes, at.wall.as_micros())?;
    bytes.extend_from_slice(b",\"mono_us\":");
    write_number(bytes, at.monotonic.as_micros())?;
    match outcome {
        Ok(quantity) => {
            bytes.extend_from_slice(b",\"value\":");
            write_number(bytes, quantity.number())?;
        }
        Err(gap) => write_word(bytes, b",\"gap\":\"", gap.code()),
    }
    if *quality == Quality::Uncertain {
        write_word(bytes, b",\"quality\":\"", UNCERTAIN);
    }
    write_trust(bytes, at.trust)?;
    bytes.push(b'}');
    Some(())
}

/// Nothing for a time that a synchronised clock told, as long as its error is small.
fn write_trust(bytes: &mut Vec<u8>, trust: Trust) -> Option<()> {
    let is_plain = trust.source() == TimeSource::Ntp && !trust.is_corrected();
    if !is_plain {
        write_word(bytes, b",\"time_quality\":\"", trust.source().code());
    }
    if let Some(error_ms) = trust.error_ms().filter(|ms| !is_plain || is_large(*ms)) {
        bytes.extend_from_slice(b",\"time_error_ms\":");
        write_number(bytes, error_ms)?;
    }
    Some(())
}

fn write_number(bytes: &mut Vec<u8>, number: impl Serialize) -> Option<()> {
    serde_json::to_writer(bytes, &number).ok()
}

/// A field whose text is a word of ours, in which nothing is to be escaped.
fn write_word(bytes: &mut Vec<u8>, field: &[u8], word: &'static str) {
    bytes.extend_from_slice(field);
    bytes.extend_from_slice(word.as_bytes());
    bytes.push(b'"');
}

// Unknown fields are let through: a later minor addition must not stop an older subscriber.
#[derive(Deserialize)]
struct Incoming {
    gateway: String,
    stream: String,
    boot: String,
    quantity: String,
    unit: String,
    samples: Vec<IncomingSample>,
}

#[derive(Deserialize)]
struct IncomingSample {
    seq: u64,
    time_us: i64,
    mono_us: u64,
    value: Option<f64>,
    gap: Option<String>,
    quality: Option<String>,
    time_quality: Option<String>,
    time_error_ms: Option<NonZeroU32>,
}

/// Only the version: read first, because the shape of everything else depends on it.
#[derive(Deserialize)]
pub(crate) struct Versioned {
    pub(crate) v: u32,
}

pub(crate) fn check_version(bytes: &[u8]) -> Result<(), DecodeError> {
    let Versioned { v } = serde_json::from_slice(bytes).map_err(DecodeError::Shape)?;
    if v == VERSION { Ok(()) } else { Err(DecodeError::Version { found: v }) }
}

pub(crate) fn wrong(field: &'static str, found: &str) -> DecodeError {
    DecodeError::Field { field, found: found.to_owned() }
}

/// Decodes a payload of version 1, compressed or not.
///
/// # Errors
///
/// [`DecodeError`] says what is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Batch, DecodeError> {
    let bytes = &*expand(bytes).map_err(DecodeError::Compressed)?;
    check_version(bytes)?;
    let incoming: Incoming = serde_json::from_slice(bytes).map_err(DecodeError::Shape)?;
    let gateway =
        GatewayId::new(&incoming.gateway).map_err(|_| wrong("gateway", &incoming.gateway))?;
    let name =
        StreamName::parse(&incoming.stream).map_err(|_| wrong("stream", &incoming.stream))?;
    let boot = BootId::parse(&incoming.boot).map_err(|_| wrong("boot", &incoming.boot))?;
    let kind = QuantityKind::from_name(&incoming.quantity)
        .ok_or_else(|| wrong("quantity", &incoming.quantity))?;
    if incoming.unit != kind.unit() {
        return Err(wrong("unit", &incoming.unit));
    }
    let stream = Stream { name, kind };
    let sample = |sample: IncomingSample| incoming_sample(&stream, boot, &sample);
    let samples = incoming.samples.into_iter().map(sample).collect::<Result<_, _>>()?;
    Ok(Batch { gateway, samples })
}

fn incoming_sample(
    stream: &Stream,
    boot: BootId,
    incoming: &IncomingSample,
) -> Result<Sample, DecodeError> {
    let outcome = match (incoming.value, incoming.gap.as_deref()) {
        (Some(number), None) => {
            Ok(stream.kind.quantity(number).map_err(|_| wrong("value", &number.to_string()))?)
        }
        (None, Some(code)) => Err(NoData::from_code(code).ok_or_else(|| wrong("gap", code))?),
        (Some(_), Some(_)) | (None, None) => {
            return Err(wrong("sample", "a sample with both or neither of value and gap"));
        }
    };
    let quality = match incoming.quality.as_deref() {
        None => Quality::Good,
        Some(UNCERTAIN) if outcome.is_ok() => Quality::Uncertain,
        Some(word) => return Err(wrong("quality", word)),
    };
    let nanos = |micros: i64| micros.checked_mul(1_000);
    let wall =
        nanos(incoming.time_us).ok_or_else(|| wrong("time_us", &incoming.time_us.to_string()))?;
    let monotonic = incoming
        .mono_us
        .checked_mul(1_000)
        .ok_or_else(|| wrong("mono_us", &incoming.mono_us.to_string()))?;
    let at = Timestamp {
        wall: WallTime::from_nanos(wall),
        monotonic: Monotonic::from_nanos(monotonic),
        trust: trust(incoming),
    };
    Ok(Sample {
        stream: stream.clone(),
        boot,
        seq: SequenceNumber(incoming.seq),
        reading: Reading { at, outcome, quality },
    })
}

const fn is_large(error_ms: NonZeroU32) -> bool {
    error_ms.get() > ERROR_MS_SMALL
}

/// A word that a later program has added is one for a time that is not known to be right.
fn trust(incoming: &IncomingSample) -> Trust {
    let error_ms = incoming.time_error_ms;
    match incoming.time_quality.as_deref() {
        None => Trust::of_ms(TimeSource::Ntp, error_ms.filter(|ms| is_large(*ms))),
        Some(word) => match TimeSource::from_code(word).unwrap_or_default() {
            TimeSource::Ntp => Trust::of_ms(TimeSource::Ntp, error_ms).corrected(),
            source @ (TimeSource::Unsynchronised | TimeSource::Rtc) => {
                Trust::of_ms(source, error_ms)
            }
        },
    }
}

#[cfg(test)]
mod tests;
