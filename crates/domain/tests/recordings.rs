//! Real recordings, run through metrics in place: a machine and an office that failed, and a fan.
//!
//! They are `../shared/data/recordings` beside the repository, or where `TELEMETRYHUB_RECORDINGS` says: the
//! Numenta Anomaly Benchmark's temperatures with the windows of their known anomalies, and UCI's accelerometer
//! on a fan. Where they are not, these tests say so on the terminal and pass.
#![expect(clippy::print_stdout, reason = "a story is to be read")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeMap, fs, io::Write as _, path::PathBuf};

use domain::{
    Quality, Quantity, QuantityKind,
    derived::{Input, Metric, Moment, Output, find},
    parameter::{Argument, Arguments},
};

const STANDARD_GRAVITY: f64 = 9.806_65;

/// The text of a recording; nothing, and a word on the terminal, if it is not there.
fn recording(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/recordings");
    let folder = std::env::var_os("TELEMETRYHUB_RECORDINGS").unwrap_or_else(|| beside.into());
    let path = PathBuf::from(folder).join(name);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        // Not `eprintln`, which the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "skipped: there is no recording {}", path.display());
    }
    text
}

/// Rows of time, channel and value.
fn rows(text: &str) -> impl Iterator<Item = (Moment, &str, f64)> {
    text.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split(',').collect();
        (moment(fields[0]), fields[1], fields[2].parse().unwrap())
    })
}

/// Of a time in UTC such as `2014-02-07T14:55:00.020Z`.
fn moment(text: &str) -> Moment {
    let fields: Vec<_> = text.split(|c: char| !c.is_ascii_digit()).collect();
    let [year, month, day, hour, minute, second] =
        [0, 1, 2, 3, 4, 5].map(|i| fields[i].parse::<i64>().unwrap());
    let fraction = fields
        .get(6)
        .filter(|digits| !digits.is_empty())
        .map_or(0, |digits| format!("{digits:0<9}").parse().unwrap());
    // Days of years that begin in March, so that the leap day is the last (Hinnant, chrono-compatible
    // low-level date algorithms).
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    Moment::from_nanos(
        (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000 + fraction,
    )
}

fn metric(
    function: &str,
    kind: QuantityKind,
    given: impl IntoIterator<Item = (&'static str, Argument)>,
) -> Box<dyn Metric> {
    let entry = find(function).unwrap();
    let arguments = Arguments::new(entry.parameters, given).unwrap();
    (entry.make)(&[kind], &arguments).unwrap().1
}

fn input(quantity: Quantity) -> Input {
    Input { outcome: Ok(quantity), quality: Quality::Good }
}

/// The times at which the alarm became active over a recording in °F.
fn alarms(function: &str, limit: f64, hysteresis: f64, text: &str) -> Vec<Moment> {
    let kind = QuantityKind::Temperature;
    let given = [("limit", limit), ("hysteresis", hysteresis)];
    let mut alarm = metric(function, kind, given.map(|(name, n)| (name, Argument::Number(n))));
    let (mut out, mut last) = (Vec::new(), Moment::from_nanos(i64::MIN));
    for (at, _, fahrenheit) in rows(text) {
        // The hour that the end of summer time repeats: late samples, which no metric sees.
        if at >= last {
            let celsius = kind.quantity((fahrenheit - 32.0) / 1.8).unwrap();
            alarm.next(at, &[input(celsius)], &mut out);
            last = at;
        }
    }
    out.iter().filter(|output| is(output, 1.0)).map(|output| output.at).collect()
}

fn is(output: &Output, number: f64) -> bool {
    (output.outcome.unwrap().number() - number).abs() < 1e-9
}

/// For each alarm, which of the known anomalies of `file` it is in.
fn anomalies(file: &str, alarms: &[Moment]) -> Option<Vec<Option<usize>>> {
    let text = recording("nab_anomaly_windows.json")?;
    let windows: BTreeMap<String, Vec<[String; 2]>> = serde_json::from_str(&text).unwrap();
    let windows: Vec<_> = windows[&format!("realKnownCause/{file}")]
        .iter()
        .map(|[from, to]| moment(from)..=moment(to))
        .collect();
    let window_of = |at: &Moment| windows.iter().position(|window| window.contains(at));
    let found: Vec<_> = alarms.iter().map(window_of).collect();
    println!("{file}: {} anomalies, alarms in {found:?}", windows.len());
    Some(found)
}

#[test]
fn times_of_recordings_are_read_to_the_nanosecond() {
    assert_eq!(moment("1970-01-01T00:00:00Z").as_nanos(), 0);
    assert_eq!(moment("2014-02-28 23:59:59.020000").as_nanos(), 1_393_631_999_020_000_000);
    assert_eq!(moment("2020-03-01T00:00:00Z").as_nanos(), 1_583_020_800_000_000_000);
}

/// Of its four anomalies the second and the last, when it failed, go below 4.5 °C; nothing else does.
#[test]
fn a_low_alarm_on_a_machine_comes_in_two_of_its_known_anomalies_and_at_no_other_time() {
    let Some(text) = recording("nab_machine_temperature_system_failure.csv") else { return };
    let alarms = alarms("alarm_low", 4.5, 5.0, &text);
    let found = anomalies("machine_temperature_system_failure.csv", &alarms);
    assert!(found.is_none_or(|found| found == [Some(1), Some(3)]));
}

/// Of its two anomalies the first goes above 27.8 °C; nothing else does.
#[test]
fn a_high_alarm_on_an_office_comes_in_a_known_anomaly_and_at_no_other_time() {
    let Some(text) = recording("nab_ambient_temperature_system_failure.csv") else { return };
    let alarms = alarms("alarm_high", 27.8, 2.0, &text);
    let found = anomalies("ambient_temperature_system_failure.csv", &alarms);
    assert!(found.is_none_or(|found| found == [Some(0)]));
}

const FAN: &str = "uci_fan_accelerometer_50hz.csv";

/// What `function` says of a channel of the fan, in m/s² or Hz.
fn fan(text: &str, channel: &str, function: &str) -> Vec<f64> {
    let kind = QuantityKind::Acceleration;
    let given = [("block", Argument::Integer(512)), ("overlap", Argument::Flag(true))];
    let mut metric = metric(function, kind, given);
    let mut out = Vec::new();
    for (at, _, g) in rows(text).filter(|(_, name, _)| *name == channel) {
        metric.next(at, &[input(kind.quantity(g * STANDARD_GRAVITY).unwrap())], &mut out);
    }
    assert_eq!(out.len(), 4, "30 s at 50 Hz are four blocks of 512, half of each in the next");
    assert!(out.iter().all(|output| output.quality == Quality::Good));
    out.iter().map(|output| output.outcome.unwrap().number()).collect()
}

/// From half of its speed up, or from 80 % with the third way of weights; below, it hardly shakes.
#[test]
fn the_dominant_frequency_of_a_fan_rises_with_its_speed_and_so_does_what_it_shakes() {
    let Some(text) = recording(FAN) else { return };
    for (weights, speeds) in
        [("cfg1", &[50, 80, 100][..]), ("cfg2", &[50, 80, 100]), ("cfg3", &[80, 100])]
    {
        for function in ["dominant_frequency", "rms"] {
            let mut below = 0.0;
            for speed in speeds {
                let found = fan(&text, &format!("{weights}_speed{speed}_y_g"), function);
                println!("{weights} {speed:3} % {function:18} {found:.2?}");
                let least = found.iter().copied().fold(f64::MAX, f64::min);
                assert!(least > below, "{weights} {speed} %: {least} is not above {below}");
                below = found.into_iter().fold(0.0, f64::max);
            }
        }
    }
}

/// A minute of 20 and 50 % of its speed, then a minute of 80 and 100 %.
#[test]
fn an_alarm_on_what_a_fan_shakes_comes_when_it_speeds_up_and_stays() {
    let Some(text) = recording(FAN) else { return };
    let kind = QuantityKind::Acceleration;
    let mut rms = metric("rms", kind, [("block", Argument::Integer(50))]);
    let mut alarm = metric("alarm_high", kind, [("limit", Argument::Number(5.0))]);
    let (mut blocks, mut out) = (Vec::new(), Vec::new());
    let channels = |name: &str| name.starts_with("cfg1") && name.ends_with("y_g");
    for (at, _, g) in rows(&text).filter(|(_, name, _)| channels(name)) {
        rms.next(at, &[input(kind.quantity(g * STANDARD_GRAVITY).unwrap())], &mut blocks);
    }
    assert_eq!(blocks.len(), 120, "a value each second");
    for block in &blocks {
        let input = Input { outcome: block.outcome, quality: block.quality };
        alarm.next(block.at, &[input], &mut out);
    }
    let told: Vec<_> = out.iter().map(|o| (o.at.seconds_since(blocks[0].at), o.outcome)).collect();
    println!("{told:?}");
    assert_eq!(out.len(), 2);
    assert!(is(&out[0], 0.0) && is(&out[1], 1.0));
    assert!((60.0..62.0).contains(&told[1].0), "{} s", told[1].0);
}
