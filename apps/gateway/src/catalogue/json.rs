//! The catalogue for programs.

use ports::{Procedure, TargetRange};
use sensors::{Attachment, Entry, Parameter, Point, Value};
use serde_json::{Value as Json, json};

use super::{example, procedures, range_of, times, type_of};

/// `{"drivers": […]}`, with numbers in the units that are named beside them.
pub(super) fn document(entries: &[&Entry]) -> Json {
    json!({ "drivers": entries.iter().map(|entry| of(entry)).collect::<Vec<_>>() })
}

fn of(entry: &Entry) -> Json {
    json!({
        "driver": entry.driver,
        "part": entry.part,
        "summary": entry.summary,
        "datasheet": entry.datasheet,
        "pacing": match entry.pacing() {
            ports::Pacing::Asked => "asked",
            ports::Pacing::Speaks => "speaks",
        },
        "sensors": entry.sensors.iter().map(sensor).collect::<Vec<_>>(),
        "procedures": procedures(entry).iter().map(procedure).collect::<Vec<_>>(),
        "parameters": entry.parameters.iter().map(parameter_json).collect::<Vec<_>>(),
        "buses": entry.attachments.iter().map(|a| bus(entry, a)).collect::<Vec<_>>(),
    })
}

fn sensor(point: &Point) -> Json {
    json!({
        "name": point.name,
        "quantity": point.kind.name(),
        "unit": point.kind.unit(),
        "resolution": point.resolution,
        "low": point.low,
        "high": point.high,
    })
}

fn procedure(procedure: &Procedure) -> Json {
    json!({
        "name": procedure.name,
        "target": procedure.target.map(|TargetRange { kind, low, high }| json!({
            "quantity": kind.name(),
            "unit": kind.unit(),
            "low": low,
            "high": high,
        })),
    })
}

/// One parameter: name, type, range and default.
pub(crate) fn parameter_json(parameter: &Parameter) -> Json {
    let mut json = json!({
        "name": parameter.name,
        "summary": parameter.summary,
        "type": type_of(&parameter.value),
        "range": range_of(&parameter.value),
        "required": parameter.is_required(),
        "default": super::default_of(&parameter.value),
    });
    if let (Value::Named { fields, .. }, Json::Object(object)) = (&parameter.value, &mut json) {
        let fields: Vec<_> = fields.iter().map(parameter_json).collect();
        object.insert("fields".to_owned(), Json::Array(fields));
    }
    json
}

fn bus(entry: &Entry, attachment: &Attachment) -> Json {
    let (addresses, modes, clock_hz_max) = match attachment {
        Attachment::I2c { addresses, .. } => (Some(addresses), None, None),
        Attachment::Spi { modes, clock_hz_max, .. } => (None, Some(modes), Some(clock_hz_max)),
        Attachment::Uart { .. } | Attachment::Sysfs { .. } | Attachment::Gpio { .. } => {
            (None, None, None)
        }
    };
    let times = times(entry, attachment);
    json!({
        "kind": attachment.class().name(),
        "addresses": addresses,
        "modes": modes,
        "clock_hz_max": clock_hz_max,
        "time_on_bus_s": times.map(|(usual, _)| usual.as_secs_f64()),
        "worst_case_s": times.map(|(_, worst)| worst.as_secs_f64()),
        "example": example(entry, attachment),
    })
}
