//! From `[derived.*]` to derived metrics. Their inputs are sensors only, so that no cycle can be.

use domain::{QuantityKind, Stream, StreamName};

use super::{
    build::non_zero,
    buses::names,
    key::Key,
    nearest::choose,
    reader::Reader,
    settings::{Derived, Function},
    tables,
};

/// Keys that every derived metric has.
const HEAD: &[&str] = &["function"];
const FUNCTIONS: &[&str] = &["dew_point", "moving_average"];

/// Reads all derived metrics, computed from `streams`. One that is wrong is left out.
pub(super) fn read(reader: &mut Reader<'_>, streams: &[&Stream]) -> Vec<Derived> {
    let section = Key::of("derived");
    let names = names(reader, &section);
    names.iter().filter_map(|name| derived(reader, &section.child(name), streams)).collect()
}

fn derived(reader: &mut Reader<'_>, key: &Key, streams: &[&Stream]) -> Option<Derived> {
    let name = StreamName::derived(key.name()).ok()?;
    let head: tables::DerivedHead = reader.head(key, HEAD);
    let function_key = key.child("function");
    let function = reader.required(&function_key, head.function, "\"…\"")?;
    let (kind, function) = match function.as_str() {
        "dew_point" => (QuantityKind::Temperature, dew_point(reader, key, streams)?),
        "moving_average" => moving_average(reader, key, streams)?,
        _ => {
            let mend = choose(&function, "functions", FUNCTIONS);
            reader.value_problem(&function_key, format!("there is no function `{function}`"), mend);
            return None;
        }
    };
    Some(Derived { stream: Stream { name, kind }, function })
}

fn dew_point(reader: &mut Reader<'_>, key: &Key, streams: &[&Stream]) -> Option<Function> {
    let table: tables::DewPoint = reader.body(key, HEAD);
    let air = Some(QuantityKind::Temperature);
    let temperature = input(reader, &key.child("temperature"), table.temperature, air, streams);
    let water = Some(QuantityKind::RelativeHumidity);
    let humidity_key = key.child("humidity");
    let humidity = input(reader, &humidity_key, table.humidity, water, streams);
    let (temperature, humidity) = (temperature?, humidity?);
    if device_of(&temperature) != device_of(&humidity) {
        let message = format!(
            "`{}` and `{}` are measured by two devices, and so not at one time",
            temperature.name, humidity.name
        );
        let mend = "name two sensors of one device, which one transaction reads together";
        reader.value_problem(&humidity_key, message, mend.to_owned());
        return None;
    }
    Some(Function::DewPoint { temperature, humidity })
}

fn moving_average(
    reader: &mut Reader<'_>,
    key: &Key,
    streams: &[&Stream],
) -> Option<(QuantityKind, Function)> {
    let table: tables::MovingAverage = reader.body(key, HEAD);
    let samples_key = key.child("samples");
    let samples = reader.required(&samples_key, table.samples, "10");
    let samples = samples.map(|n| reader.integer(&samples_key, Some(n), 1..=100_000, 1));
    let of = input(reader, &key.child("of"), table.of, None, streams)?;
    Some((of.kind, Function::MovingAverage { of, samples: non_zero(samples?) }))
}

/// The stream that `key` names, if it is one of `streams` and of the right kind.
fn input(
    reader: &mut Reader<'_>,
    key: &Key,
    written: Option<String>,
    kind: Option<QuantityKind>,
    streams: &[&Stream],
) -> Option<Stream> {
    let written = reader.required(key, written, "\"device.sensor\"")?;
    let fits = |stream: &&&Stream| kind.is_none_or(|kind| stream.kind == kind);
    let known: Vec<_> = streams.iter().filter(fits).map(|stream| stream.name.as_str()).collect();
    let mend = match (known.is_empty(), kind) {
        (false, _) => choose(&written, "streams that fit", &known),
        (true, Some(kind)) => format!("add a device that measures a {}", kind.name()),
        (true, None) => "add a device".to_owned(),
    };
    let Some(&stream) = streams.iter().find(|stream| stream.name.as_str() == written) else {
        if !is_of_faulty_device(reader, &written, streams) {
            reader.value_problem(key, no_stream(&written), mend);
        }
        return None;
    };
    match kind {
        Some(kind) if kind != stream.kind => {
            let message = format!("`{written}` is a {}, not a {}", stream.kind.name(), kind.name());
            reader.value_problem(key, message, mend);
            None
        }
        _ => Some(stream.clone()),
    }
}

fn no_stream(written: &str) -> String {
    match device_and_sensor(written) {
        Some((StreamName::DERIVED, _)) => {
            format!("`{written}` is derived itself, and only sensors can be an input")
        }
        Some(_) => format!("there is no stream `{written}`"),
        None => format!("`{written}` is not the name of a stream, which is device.sensor"),
    }
}

/// Whether a stream is missing for a reason that has been reported: its device is there, but wrong or
/// on a bus that is wrong.
fn is_of_faulty_device(reader: &Reader<'_>, written: &str, streams: &[&Stream]) -> bool {
    device_and_sensor(written).is_some_and(|(device, _)| {
        let key = Key::of("devices").child(device);
        let is_left_out =
            reader.has(&key) && streams.iter().all(|other| device_of(other) != device);
        is_left_out || reader.is_faulty(&key)
    })
}

fn device_and_sensor(written: &str) -> Option<(&str, &str)> {
    written.split_once('.')
}

fn device_of(stream: &Stream) -> &str {
    device_and_sensor(stream.name.as_str()).map_or("", |(device, _)| device)
}
