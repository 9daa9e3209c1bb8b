//! One sample, one line.

use domain::{GatewayId, NoData, Quantity, Sample};
use serde::Serialize;
use wire::status::State;

use crate::utc::rfc3339;

/// For people: time, gateway, stream, number, and the value with its unit or why there is none.
pub(super) fn plain(gateway: &GatewayId, sample: &Sample) -> String {
    let Sample { stream, seq, reading, .. } = sample;
    let time = rfc3339(reading.at.wall);
    let outcome = match reading.outcome {
        Ok(quantity) => format!("{} {}", quantity.number(), stream.kind.unit()),
        Err(reason) => format!("gap: {reason}"),
    };
    format!("{time} {gateway} {} #{seq} {outcome}", stream.name)
}

#[derive(Serialize)]
struct Json<'a> {
    gateway: &'a str,
    stream: &'a str,
    boot: String,
    seq: u64,
    time_us: i64,
    mono_us: u64,
    quantity: &'static str,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'static str>,
}

/// For programs: the fields of the payload, with those of its header in each sample.
pub(crate) fn json(gateway: &GatewayId, sample: &Sample) -> String {
    let Sample { stream, boot, seq, reading } = sample;
    let line = Json {
        gateway: gateway.as_str(),
        stream: stream.name.as_str(),
        boot: boot.to_string(),
        seq: seq.0,
        time_us: reading.at.wall.as_micros(),
        mono_us: reading.at.monotonic.as_micros(),
        quantity: stream.kind.name(),
        unit: stream.kind.unit(),
        value: reading.outcome.ok().map(Quantity::number),
        gap: reading.outcome.err().map(NoData::code),
    };
    // Texts and finite numbers under fixed names: there is nothing to fail on.
    serde_json::to_string(&line).unwrap_or_default()
}

/// The word for a gateway's state.
pub(super) const fn state(state: State) -> &'static str {
    match state {
        State::Online => "online",
        State::Stopped => "stopped",
        State::Lost => "lost",
    }
}
