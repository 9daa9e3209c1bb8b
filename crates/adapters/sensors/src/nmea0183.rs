//! GNSS receivers that speak NMEA 0183 over a UART.
//!
//! Fields are parsed by the published `nmea` crate; framing and checksum are ours, because a receiver
//! on a real line also says things that are no sentence.
//!
//! # Sentences
//!
//! A line that begins with `$` (or `!`), is printable ASCII of at most [`LINE_BYTES_MAX`] bytes and
//! ends in `*` and two hexadecimal digits that are the exclusive or of all between. The standard allows
//! 82 bytes; receivers exceed it. A `$` anywhere begins a new sentence. Any other line is corrupt: one
//! without a checksum too, though the standard makes it optional.
//!
//! # From sentence to measurement
//!
//! One sentence is one measurement; nothing is merged or held back.
//!
//! * **GGA** — latitude, longitude, altitude, satellites, hdop. A fix is one measured from satellites
//!   (quality 1 to 5); dead reckoning, manual input and simulation are not.
//! * **RMC** — speed and course. A fix has status A or D, and a mode, if any, other than estimated,
//!   manual, simulated, not valid. Latitude and longitude only until the first GGA, whose position is
//!   the same one.
//! * Without a fix, each of the sentence's sensors is [`NoData::NotReady`]; with one, so is a sensor
//!   whose field is empty, such as the course of a receiver that stands still.
//! * Several talkers that each report the fix of one epoch (such as `GP` and `GL`) give a measurement
//!   each: which of them to trust is not ours to guess, and the satellites are those of the talker.
//! * Any other sound sentence is ignored, and counted.

use core::{str, time::Duration};

use domain::{NoData, Quantity, QuantityKind};
use nmea::{
    NmeaSentence, SentenceType,
    sentences::{FaaMode, FixType, GgaData, RmcData, parse_gga, parse_rmc, rmc::RmcStatusOfFix},
};
use ports::{ByteSource, Device, FrameCount, Measurement, Pacing, Sensor};

use crate::{
    Attachment, Entry, Point,
    lines::Splitter,
    listener::{Listener, Verdict},
    rounded, sensors_of,
};

/// The longest sentence that is listened to, without its line end.
const LINE_BYTES_MAX: usize = 128;

/// The sensors, in the order of their indices. Resolutions are the finest that a receiver may send;
/// heights and speeds reach past what export rules let a receiver tell.
const SENSORS: &[Point] = &[
    Point {
        name: "latitude",
        kind: QuantityKind::Latitude,
        resolution: 1e-9,
        low: -90.0,
        high: 90.0,
    },
    Point {
        name: "longitude",
        kind: QuantityKind::Longitude,
        resolution: 1e-9,
        low: -180.0,
        high: 180.0,
    },
    Point {
        name: "altitude",
        kind: QuantityKind::Altitude,
        resolution: 1e-3,
        low: -1e3,
        high: 1e5,
    },
    Point { name: "satellites", kind: QuantityKind::Count, resolution: 1.0, low: 0.0, high: 99.0 },
    Point {
        name: "hdop",
        kind: QuantityKind::Dimensionless,
        resolution: 1e-3,
        low: 0.0,
        high: 99.99,
    },
    Point { name: "speed", kind: QuantityKind::Speed, resolution: 1e-4, low: 0.0, high: 1e4 },
    Point { name: "course", kind: QuantityKind::Course, resolution: 1e-3, low: 0.0, high: 360.0 },
];

pub(crate) const ENTRY: Entry = Entry {
    driver: "nmea0183",
    part: "NMEA 0183 receiver",
    summary: "GNSS receiver: position, altitude, speed, course, quality of the fix",
    datasheet: "NMEA 0183 version 4.11",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::Uart {
        pacing: Pacing::Speaks,
        station: None,
        make: |place, _| Ok(Box::new(Nmea0183::new(place.line))),
    }],
};

const LATITUDE: usize = 0;
const LONGITUDE: usize = 1;
const ALTITUDE: usize = 2;
const SATELLITES: usize = 3;
const HDOP: usize = 4;
const SPEED: usize = 5;
const COURSE: usize = 6;

/// By index: finer than the finest field seen (1e-7 minutes of arc, 0.001 knots), coarser than the
/// noise of single precision.
const STEPS_PER_UNIT: [f64; 7] = [1e9, 1e9, 1e3, 1.0, 1e3, 1e4, 1e3];

/// One international nautical mile per hour, in metre per second.
const KNOT: f64 = 1852.0 / 3600.0;

/// What a call takes beyond its patience: the last read and one sentence's work.
const BEYOND_PATIENCE: Duration = Duration::from_millis(100);

/// One receiver on a line of its own.
#[derive(Debug)]
pub struct Nmea0183<S> {
    listener: Listener<S, Splitter>,
    sensors: Vec<Sensor>,
    /// Whether this receiver sends GGA, as far as is known.
    has_gga: bool,
}

impl<S: ByteSource> Nmea0183<S> {
    /// Takes the source for good.
    pub fn new(source: S) -> Self {
        let listener = Listener::new(source, Splitter::new(LINE_BYTES_MAX, Some(b'$')));
        Self { listener, sensors: sensors_of(SENSORS), has_gga: false }
    }
}

impl<S: ByteSource> Device for Nmea0183<S> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn pacing(&self) -> Pacing {
        Pacing::Speaks
    }

    fn worst_case(&self) -> Duration {
        BEYOND_PATIENCE
    }

    fn time_on_bus(&self) -> Duration {
        Duration::ZERO
    }

    fn measure(&mut self, patience: Duration) -> Result<Measurement, NoData> {
        let Self { listener, has_gga, .. } = self;
        let outcome = listener.listen(patience, |line| interpret(line, has_gga));
        if outcome == Err(NoData::Absent) {
            // Who knows what will be plugged in next.
            self.has_gga = false;
        }
        outcome
    }

    fn frames(&self) -> FrameCount {
        self.listener.frames()
    }
}

fn interpret(line: &[u8], has_gga: &mut bool) -> Verdict {
    let Some((address, data, checksum)) = sentence(line) else { return Verdict::Corrupt };
    let Some((talker_id, kind)) = address.split_at_checked(2) else { return Verdict::Ignored };
    let of = |message_id| NmeaSentence { talker_id, message_id, data, checksum };
    let outcomes = match kind {
        "GGA" => parse_gga(of(SentenceType::GGA)).ok().map(|gga| {
            *has_gga = true;
            from_gga(&gga)
        }),
        "RMC" => parse_rmc(of(SentenceType::RMC)).ok().map(|rmc| from_rmc(&rmc, *has_gga)),
        _ => return Verdict::Ignored,
    };
    outcomes.map_or(Verdict::Corrupt, |outcomes| {
        Verdict::Measured(Measurement { age: Duration::ZERO, outcomes })
    })
}

/// Address field, data fields and checksum of a sound sentence.
fn sentence(line: &[u8]) -> Option<(&str, &str, u8)> {
    let line = str::from_utf8(line).ok()?;
    let is_printable = line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let body = line.strip_prefix(['$', '!']).filter(|_| is_printable)?;
    let (body, digits) = body.split_once('*')?;
    let is_hex = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let checksum = is_hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten()?;
    let (address, data) = body.split_once(',').unwrap_or((body, ""));
    (body.bytes().fold(0, |sum, byte| sum ^ byte) == checksum).then_some((address, data, checksum))
}

type Outcomes = Vec<(usize, Result<Quantity, NoData>)>;

fn from_gga(gga: &GgaData) -> Outcomes {
    let has_fix = gga.fix_type.is_some_and(FixType::is_valid);
    outcomes(
        has_fix,
        &[
            (LATITUDE, gga.latitude),
            (LONGITUDE, gga.longitude),
            (ALTITUDE, gga.altitude.map(f64::from)),
            (SATELLITES, gga.fix_satellites.map(f64::from)),
            (HDOP, gga.hdop.map(f64::from)),
        ],
    )
}

fn from_rmc(rmc: &RmcData, has_gga: bool) -> Outcomes {
    let is_valid = match rmc.status_of_fix {
        RmcStatusOfFix::Autonomous | RmcStatusOfFix::Differential => true,
        RmcStatusOfFix::Invalid => false,
    };
    let is_measured = !matches!(
        rmc.faa_mode,
        Some(FaaMode::Estimated | FaaMode::Manual | FaaMode::Simulator | FaaMode::DataNotValid)
    );
    let fields = [
        (SPEED, rmc.speed_over_ground.map(|knots| f64::from(knots) * KNOT)),
        (COURSE, rmc.true_course.map(f64::from)),
        (LATITUDE, rmc.lat),
        (LONGITUDE, rmc.lon),
    ];
    let told = if has_gga { &fields[..2] } else { &fields[..] };
    outcomes(is_valid && is_measured, told)
}

fn outcomes(has_fix: bool, fields: &[(usize, Option<f64>)]) -> Outcomes {
    let outcome = |&(index, field): &(usize, Option<f64>)| {
        let number = field.filter(|_| has_fix).ok_or(NoData::NotReady)?;
        let kind = SENSORS[index].kind;
        let quantity = kind.quantity(rounded(number, STEPS_PER_UNIT[index]));
        quantity.map_err(|_| NoData::Implausible)
    };
    fields.iter().map(|field| (field.0, outcome(field))).collect()
}

#[cfg(test)]
mod tests;
