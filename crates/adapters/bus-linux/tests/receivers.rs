//! Recorded receivers played through a real pseudo-terminal: each valid fix arrives, each corrupt
//! sentence is counted, and none is invented.
//!
//! The oracle is a dull parser in this file, which shares nothing with the driver; and a table of
//! counts taken from the recordings with `grep`.
#![expect(clippy::unwrap_used, reason = "what cannot be opened or written here fails the test")]

use core::time::Duration;
use std::{
    ffi::OsStr,
    fs,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    thread,
};

use bus_linux::{Tty, TtySettings};
use domain::NoData;
use ports::{Device, FrameCount, Measurement};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use sensors::Nmea0183;

/// File, sentences of type GGA that report a fix, corrupt sentences.
const RECORDINGS: [(&str, usize, u64); 10] = [
    ("bu353s4.log", 25, 0),
    ("garmin25lp.log", 10, 0),
    ("haicom-305N.log", 68, 0),
    ("mt3339.log", 30, 0),
    ("neo-m8n.log", 23, 0),
    ("nl551e.log", 14, 0),
    ("quectel-L70.log", 16, 0),
    ("sirfstarv-nmea.log", 118, 0),
    ("skytraq.log", 0, 0),
    ("ublox-8.log", 72, 1),
];

/// Far more than any test takes: it is never waited out.
const LONG: Duration = Duration::from_secs(60);

/// Comes last, and is like no sentence in the recordings: so many satellites there are not.
const END: &[u8] = b"\r\n$GPGGA,,4400.0,N,00800.0,E,1,77,1.0,0.0,M,0.0,M,,*7B\r\n";
const END_SATELLITES: Option<f64> = Some(77.0);

/// One measurement: what each sensor that it tells of has to say, by name.
type Told = Vec<(String, Option<f64>)>;

fn recording(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/nmea");
    let bytes = fs::read(folder.join(name)).unwrap();
    let spoken = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line[0] != b'#');
    spoken.flatten().copied().collect()
}

/// Plays `bytes` to the driver through a pseudo-terminal, in odd portions, as fast as it takes them.
fn play(bytes: &[u8]) -> (Vec<Told>, FrameCount) {
    let (line, path) = pty();
    let mut receiver = Nmea0183::new(Tty::new(path, TtySettings::default()));
    // From here on the tty is open and raw.
    assert_eq!(receiver.measure(Duration::ZERO), Err(NoData::Silent));
    thread::scope(|threads| {
        threads.spawn(|| feed(&line, &[bytes, END].concat()));
        let mut told = Vec::new();
        loop {
            let next = tell(&receiver.measure(LONG).unwrap(), &receiver);
            if value_of(&next, "satellites") == END_SATELLITES {
                break;
            }
            told.push(next);
        }
        let FrameCount { measured, ignored, corrupt } = receiver.frames();
        (told, FrameCount { measured: measured - 1, ignored, corrupt })
    })
}

fn pty() -> (OwnedFd, PathBuf) {
    let device = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&device).unwrap();
    unlockpt(&device).unwrap();
    let path = ptsname(&device, Vec::new()).unwrap();
    (device, PathBuf::from(OsStr::from_bytes(path.as_bytes())))
}

fn feed(line: &OwnedFd, mut bytes: &[u8]) {
    for portion in [1, 7, 61, 13, 2, 97, 31].into_iter().cycle() {
        let written = rustix::io::write(line, &bytes[..portion.min(bytes.len())]).unwrap();
        bytes = &bytes[written..];
        if bytes.is_empty() {
            return;
        }
    }
}

fn tell(measurement: &Measurement, receiver: &impl Device) -> Told {
    let one = |(index, outcome): &(usize, Result<domain::Quantity, NoData>)| {
        let name = receiver.sensors()[*index].name.clone();
        (name, outcome.ok().map(domain::Quantity::number))
    };
    measurement.outcomes.iter().map(one).collect()
}

fn value_of(told: &Told, name: &str) -> Option<f64> {
    told.iter().find(|(sensor, _)| sensor == name).and_then(|(_, value)| *value)
}

/// What stands between line ends, or from one `$` to the next; without what was cut by the start.
fn pieces(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut marked = Vec::new();
    for &byte in bytes {
        if byte == b'$' {
            marked.push(b'\n');
        }
        marked.push(if byte == b'\r' { b'\n' } else { byte });
    }
    let is_cut = marked.first().is_some_and(|&byte| byte != b'\n');
    let lines = marked.split(|&byte| byte == b'\n').skip(usize::from(is_cut));
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The fields of a piece that is a sound sentence.
fn fields(piece: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8(piece.to_vec()).ok()?;
    if text.len() > 128 || !text.starts_with('$') || text.contains(char::is_control) {
        return None;
    }
    let star = text.len().checked_sub(3).filter(|&at| text.as_bytes()[at] == b'*')?;
    let mut sum = 0;
    for byte in text[1..star].bytes() {
        sum ^= byte;
    }
    let is_sound = format!("{sum:02X}") == text[star + 1..].to_uppercase();
    is_sound.then(|| text[1..star].split(',').map(str::to_owned).collect())
}

/// Degrees from `ddmm.mmm` and the letter of the hemisphere.
fn degrees(angle: &str, hemisphere: &str) -> Option<f64> {
    let point = angle.find('.')?;
    let (whole, minutes) = angle.split_at(point - 2);
    let magnitude = whole.parse::<f64>().ok()? + minutes.parse::<f64>().ok()? / 60.0;
    Some(if matches!(hemisphere, "S" | "W") { -magnitude } else { magnitude })
}

/// The measurements that the recording holds.
fn dull(bytes: &[u8]) -> Vec<Told> {
    let mut has_gga = false;
    let mut expected = Vec::new();
    for field in pieces(bytes).iter().filter_map(|piece| fields(piece)) {
        let number = |at: usize| field[at].parse::<f64>().ok();
        let at = |at: usize| degrees(&field[at], &field[at + 1]);
        let (has_fix, told) = match field[0].get(2..) {
            Some("GGA") => {
                has_gga = true;
                let quality = [number(9), number(7), number(8)];
                let names = ["altitude", "satellites", "hdop"];
                let mut told = vec![("latitude", at(2)), ("longitude", at(4))];
                told.extend(names.into_iter().zip(quality));
                (matches!(field[6].as_str(), "1" | "2"), told)
            }
            Some("RMC") => {
                let mut told = vec![
                    ("speed", number(7).map(|knots| knots * 1.852 / 3.6)),
                    ("course", number(8)),
                ];
                if !has_gga {
                    told.extend([("latitude", at(3)), ("longitude", at(5))]);
                }
                (field[2] == "A", told)
            }
            _ => continue,
        };
        let value =
            |(name, value): (&str, Option<f64>)| (name.to_owned(), value.filter(|_| has_fix));
        expected.push(told.into_iter().map(value).collect());
    }
    expected
}

fn frames(bytes: &[u8]) -> FrameCount {
    let pieces = pieces(bytes);
    let sound = pieces.iter().filter(|piece| fields(piece).is_some()).count();
    let measured = dull(bytes).len();
    FrameCount {
        measured: measured as u64,
        ignored: (sound - measured) as u64,
        corrupt: (pieces.len() - sound) as u64,
    }
}

#[track_caller]
fn assert_same(name: &str, told: &[Told], expected: &[Told]) {
    assert_eq!(told.len(), expected.len(), "{name}");
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!(told.len(), expected.len(), "{name}: {told:?} for {expected:?}");
        for ((sensor, value), (expected_sensor, expected_value)) in told.iter().zip(expected) {
            assert_eq!(sensor, expected_sensor, "{name}");
            // A centimetre on the ground in degrees, and in other units what nobody reads.
            let tolerance =
                if matches!(sensor.as_str(), "latitude" | "longitude") { 1e-7 } else { 1e-3 };
            let is_same = match (value, expected_value) {
                (Some(value), Some(expected)) => (value - expected).abs() < tolerance,
                (value, expected) => value == expected,
            };
            assert!(is_same, "{name}: {sensor} is {value:?}, not {expected_value:?}");
        }
    }
}

#[test]
fn each_valid_fix_of_each_recorded_receiver_arrives_and_each_corrupt_sentence_is_counted() {
    for (name, fixes, corrupt) in RECORDINGS {
        let bytes = recording(name);
        let (told, counted) = play(&bytes);
        assert_same(name, &told, &dull(&bytes));
        assert_eq!(counted, frames(&bytes), "{name}");
        assert_eq!(counted.corrupt, corrupt, "{name}");
        // Only a GGA tells of altitude.
        let with_altitude = told.iter().filter(|told| value_of(told, "altitude").is_some());
        assert_eq!(with_altitude.count(), fixes, "{name}");
    }
}

#[test]
fn a_noisy_line_loses_sentences_and_invents_none() {
    for (name, ..) in RECORDINGS {
        let mut bytes = recording(name);
        for (count, at) in (41..bytes.len()).step_by(239).enumerate() {
            bytes[at] ^= 1 << (count % 8);
        }
        let (told, counted) = play(&bytes);
        assert_same(name, &told, &dull(&bytes));
        assert_eq!(counted, frames(&bytes), "{name}");
        assert!(counted.corrupt > 10, "{name}: {counted:?}");
    }
}
