//! What the functions say of themselves is true, and is what the documentation says.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command, sync::Arc,
    time::Duration,
};

use domain::{
    BootId, Monotonic, NoData, QuantityKind, Reading, Stream, StreamReading, Timestamp, WallTime,
    derived::{Entry, Formula, Group, entries, find},
};
use executor::Executor;
use gateway::{
    config,
    functions::{example, page},
    site::Site,
};
use pipeline::{
    acquire::Acquired,
    derive::{Beginning, Derivation},
};
use sensors::Catalogue;

#[test]
fn the_documentation_page_is_what_the_functions_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/functions.md");
    let made = page(&entries().collect::<Vec<_>>());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let regenerate = "BLESS=1 cargo test -p gateway --test functions";
    assert!(
        written == made,
        "docs/functions.md differs from the functions; make it anew: {regenerate}"
    );
}

#[test]
fn every_entry_keeps_its_promises() {
    let mut seen = Vec::new();
    for entry in entries() {
        let Entry { function, summary, source, edges, roles, parameters, .. } = entry;
        assert!(!seen.contains(function), "{function} is there twice");
        seen.push(*function);
        for text in [summary, source, edges] {
            assert!(!text.is_empty() && !text.contains('\n'), "{function}: {text:?}");
        }
        let keys = ["function", "tolerance"].into_iter();
        let keys = keys.chain(roles.iter().map(|role| role.name));
        let mut keys: Vec<_> = keys.chain(parameters.iter().map(|p| p.name)).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(count, keys.len(), "{function}: {keys:?}");
        assert_eq!(roles.is_empty(), *function == Formula::FUNCTION, "{function}");
        for parameter in *parameters {
            let preset = parameter.value.preset();
            assert_eq!(parameter.value.check(&preset), Ok(()), "{function}: {}", parameter.name);
        }
        let lines = entry.example.trim_end().lines().count();
        assert!((2..=5).contains(&lines), "{function}: {lines} lines");
        assert_eq!(find(function), Some(entry));
    }
    assert!(!seen.is_empty());
}

/// A configuration in which the streams that the example of `entry` names are there, on serial lines.
/// What a sensor measures is what its name says, or the first that its role takes.
fn whole(entry: &Entry) -> String {
    let table: toml::Table = entry.example.parse().unwrap();
    let mut devices = BTreeMap::<&str, BTreeMap<&str, QuantityKind>>::new();
    let roles = entry.roles.iter();
    let mut inputs: Vec<_> =
        roles.map(|role| (role.kinds, table[role.name].as_str().unwrap().to_owned())).collect();
    if inputs.is_empty() {
        let formula = Formula::parse(table[Formula::PARAMETER].as_str().unwrap()).unwrap();
        inputs = formula.streams().iter().map(|name| (&[][..], name.to_string())).collect();
    }
    for (kinds, written) in &inputs {
        let (device, sensor) = written.split_once('.').unwrap();
        let fits = |kind: &QuantityKind| kinds.is_empty() || kinds.contains(kind);
        let kind = QuantityKind::from_name(sensor).filter(fits);
        let kind = kind.or(kinds.first().copied()).unwrap_or(QuantityKind::Temperature);
        devices.entry(device).or_default().insert(sensor, kind);
    }
    // A metric of metrics: what it names has one sensor for each metric.
    let of_metrics = devices.remove("derived").unwrap_or_default();
    let mut text = String::from("[gateway]\nid = \"example\"\n");
    for (sensor, kind) in &of_metrics {
        let _ = write!(
            text,
            "[derived.{sensor}]\nfunction = \"moving_average\"\nof = \"under.{sensor}\"\n\
             samples = 1\n"
        );
        devices.entry("under").or_default().insert(sensor, *kind);
    }
    for (device, sensors) in devices {
        let _ = write!(
            text,
            "[buses.{device}]\nkind = \"uart\"\npath = \"/dev/tty_{device}\"\n\
             [devices.{device}]\ndriver = \"delimited_text\"\nbus = \"{device}\"\nsilence = \"1s\"\n"
        );
        for (index, (sensor, kind)) in sensors.iter().enumerate() {
            let quantity = kind.name();
            let _ = writeln!(
                text,
                "columns.{sensor} = {{ index = {index}, quantity = \"{quantity}\" }}"
            );
        }
    }
    text + &example(entry)
}

/// What such a sensor usually says: the middle, and how far it goes up and down.
fn usual(kind: QuantityKind) -> (f64, f64) {
    let known = [
        (QuantityKind::Temperature, 5.0, 40.0),
        (QuantityKind::RelativeHumidity, 50.0, 45.0),
        (QuantityKind::Fraction, 50.0, 10.0),
        (QuantityKind::Pressure, 1_000.0, 5.0),
        (QuantityKind::Altitude, 500.0, 20.0),
        (QuantityKind::CarbonDioxide, 500.0, 20.0),
        (QuantityKind::Acceleration, 0.0, 9.0),
        (QuantityKind::AlarmState, 0.0, 0.0),
    ];
    let found = known.iter().find(|(of, ..)| *of == kind);
    found.map_or((10.0, 2.0), |&(_, middle, swing)| (middle, swing))
}

/// Two hours of readings each second, then two days each minute; for vibrations, as fast as the example
/// says, or 1 kHz.
fn moments(entry: &Entry) -> Vec<Duration> {
    if entry.group == Group::Vibration {
        let table: toml::Table = entry.example.parse().unwrap();
        let rate = table.get("rate_hz").and_then(toml::Value::as_float).unwrap_or(1_000.0);
        return (1..=20_000).map(|n| Duration::from_secs_f64(f64::from(n) / rate)).collect();
    }
    let seconds = (1..=7_200).map(Duration::from_secs);
    let minutes = (1..=2_880).map(|minute| Duration::from_secs(7_200 + 60 * minute));
    seconds.chain(minutes).collect()
}

/// A slow wave with a fast one on it.
fn reading(stream: &Stream, n: u32, at: Timestamp) -> StreamReading {
    let (middle, swing) = usual(stream.kind);
    let n = f64::from(n);
    let number = middle + swing * (0.8 * (n / 600.0).sin() + 0.2 * (n * 0.7).sin());
    let quantity = stream.kind.quantity(number).unwrap();
    StreamReading { stream: stream.clone(), reading: Reading::measured(at, Ok(quantity)) }
}

/// What the example of `entry` gives for usual numbers.
fn derived(entry: &Entry) -> Vec<StreamReading> {
    let text = &whole(entry);
    let config = config::parse("example", text, Catalogue::OWN, []);
    let config = config.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let Site { streams, metrics, .. } = Site::build(&config).unwrap();
    let start = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0));
    let beginning = Beginning { boot: BootId::from_bytes([1; 16]), now: start, saved: None };
    let executor = Arc::new(Executor::builder().build().unwrap());
    let mut derivation = Derivation::new(metrics, beginning, executor, Arc::default()).unwrap();
    let mut batch = Vec::new();
    for (n, after) in (0..).zip(moments(entry)) {
        let wall = WallTime::from_nanos(i64::try_from(after.as_nanos()).unwrap());
        let at = Timestamp::new(wall, Monotonic::default() + after);
        batch.extend(streams.iter().map(|(&device, streams)| Acquired {
            device,
            ordinal: n.into(),
            readings: streams.iter().map(|stream| reading(stream, n, at)).collect(),
        }));
    }
    let mut derived: Vec<_> =
        batch.chunks(256).flat_map(|batch| derivation.derive(batch)).collect();
    derived.extend(derivation.flush());
    derived
}

/// Read as a user's, and run: it tells something, and a gap only if its entry speaks of it.
#[test]
fn the_example_of_each_function_runs() {
    let faults: Vec<_> = entries().filter_map(fault).collect();
    assert_eq!(faults, Vec::<String>::new());
}

/// What is wrong with what the example of `entry` tells.
fn fault(entry: &Entry) -> Option<String> {
    let name = format!("derived.my_{}", entry.function);
    let all = derived(entry).into_iter();
    let told: Vec<_> = all.filter(|told| told.stream.name.as_str() == name).collect();
    let gaps: Vec<_> = told.iter().filter_map(|told| told.reading.outcome.err()).collect();
    let edges = entry.edges.to_lowercase();
    let is_documented =
        |gap: &NoData| *gap != NoData::Internal && edges.contains(&gap.code().replace('_', " "));
    let surprise = gaps.iter().find(|gap| !is_documented(gap));
    match (surprise, told.len() - gaps.len()) {
        (Some(gap), _) => Some(format!("{} gives the gap {}", entry.function, gap.code())),
        (None, 0) => Some(format!("{} gives {} gaps and no value", entry.function, gaps.len())),
        (None, _) => None,
    }
}

fn telemetryhub(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telemetryhub"));
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_table_has_every_function_and_one_in_full_has_its_example() {
    let (code, table, _) = telemetryhub(&["functions"]);
    assert_eq!(code, Some(0));
    for entry in entries() {
        assert!(table.contains(entry.function), "{table}");
    }
    let entry = find("dew_point").unwrap();
    let (code, full, _) = telemetryhub(&["functions", entry.function]);
    assert_eq!(code, Some(0));
    assert!(full.contains(&example(entry)) && full.contains("relative_humidity"), "{full}");
}

#[test]
fn the_json_can_be_read_and_has_inputs_and_parameters() {
    let (code, text, _) = telemetryhub(&["functions", "--json", "dew_point"]);
    assert_eq!(code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["functions"][0]["inputs"][1]["quantities"][0], "relative_humidity");
    let (_, all, _) = telemetryhub(&["functions", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(json["functions"].as_array().unwrap().len(), entries().count());
}

#[test]
fn a_function_that_is_not_there_is_told_what_may_be_meant() {
    let (code, out, faults) = telemetryhub(&["functions", "dewpoint"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(faults.contains("did you mean `dew_point`?"), "{faults}");
}
