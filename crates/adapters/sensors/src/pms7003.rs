//! Plantower PMS7003: particulate matter by laser scattering.
//!
//! Written from the "PMS7003 series data manual", version 2.5. In its active mode, that of power-on,
//! the sensor sends a frame every 200 ms to 2.3 s at 9600 baud, 8N1:
//!
//! ```text
//! 42 4D  00 1C  data 1 … data 13  check        each 16 bits, most significant byte first
//! ```
//!
//! The check is the sum of all bytes in front of it. Data 4, 5 and 6 are the mass concentrations of
//! PM1.0, PM2.5 and PM10 "under atmospheric environment", in µg/m³ (appendix I).
//!
//! # Rules
//!
//! * 42 4D may occur within a frame: what looked like a frame and fails its check is given up byte by
//!   byte, so that a good one that begins inside of it is found.
//! * A frame that fails its check is corrupt, and so is each run of bytes between two frames. What comes
//!   before the first header was cut by us, and is not counted.
//!
//! # Deliberately absent
//!
//! The passive mode, sleeping, the concentrations "CF = 1" for factories and the counts of particles.
//! The manual asks for 30 s of patience after power-on (the fan): the frames do not tell, so we cannot.

use core::time::Duration;

use domain::{NoData, QuantityKind};
use ports::{ByteSource, Device, FrameCount, Measurement, Pacing, Sensor};

use crate::{
    Attachment, Entry, Point,
    listener::{Broken, Cutter, Listener, Verdict},
    sensors_of,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "pms7003",
    part: "Plantower PMS7003",
    summary: "particulate matter: PM1.0, PM2.5 and PM10, at 9600 baud",
    datasheet: "PMS7003 series data manual, version 2.5",
    parameters: &[],
    sensors: SENSORS,
    attachments: &[Attachment::Uart {
        pacing: Pacing::Speaks,
        station: None,
        make: |place, _| Ok(Box::new(Pms7003::new(place.line))),
    }],
};

/// The sensors, in the order of their indices. Resolution 1 µg/m³, effective range 0 to 500 µg/m³,
/// largest at least 1000 µg/m³ (table 1); no upper end is stated, so none is refused.
pub(crate) const SENSORS: &[Point] = &[point("pm1_0"), point("pm2_5"), point("pm10")];

const fn point(name: &'static str) -> Point {
    Point { name, kind: QuantityKind::MassConcentration, resolution: 1.0, low: 0.0, high: 65_535.0 }
}

const FRAME_BYTES: usize = 32;
/// Start characters, and the number of bytes that follow them and this (appendix I).
const HEADER: [u8; 4] = [0x42, 0x4D, 0x00, 0x1C];
/// Where data 4 is.
const ATMOSPHERIC: usize = 10;

/// What a call takes beyond its patience: the last read and one frame's work.
const BEYOND_PATIENCE: Duration = Duration::from_millis(100);

/// One sensor on a line of its own.
#[derive(Debug)]
pub struct Pms7003<S> {
    listener: Listener<S, Window>,
    sensors: Vec<Sensor>,
}

impl<S: ByteSource> Pms7003<S> {
    /// Takes the source for good.
    pub fn new(source: S) -> Self {
        Self { listener: Listener::new(source, Window::new()), sensors: sensors_of(SENSORS) }
    }
}

impl<S: ByteSource> Device for Pms7003<S> {
    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    fn pacing(&self) -> Pacing {
        Pacing::Speaks
    }

    fn time_on_bus(&self) -> Duration {
        Duration::ZERO
    }

    fn worst_case(&self) -> Duration {
        BEYOND_PATIENCE
    }

    fn measure(&mut self, patience: Duration) -> Result<Measurement, NoData> {
        self.listener.listen(patience, interpret)
    }

    fn frames(&self) -> FrameCount {
        self.listener.frames()
    }
}

/// What a frame that passed its check says.
fn interpret(frame: &[u8]) -> Verdict {
    let data = frame.get(ATMOSPHERIC..).unwrap_or_default().chunks_exact(2);
    let outcome = |(point, word): (&Point, &[u8])| {
        let number = word.iter().fold(0.0, |number, &byte| number * 256.0 + f64::from(byte));
        point.kind.quantity(number).map_err(|_| NoData::Implausible)
    };
    let outcomes = SENSORS.iter().zip(data).map(outcome).enumerate().collect();
    Verdict::Measured(Measurement { age: Duration::ZERO, outcomes })
}

/// The last bytes, from what may be the beginning of a frame on.
#[derive(Debug)]
struct Window {
    bytes: Vec<u8>,
    /// Whether the bytes given up have been counted: a run of them counts once.
    is_lost: bool,
}

impl Window {
    const fn new() -> Self {
        Self { bytes: Vec::new(), is_lost: true }
    }

    /// Gives up bytes until the rest may be the beginning of a frame.
    fn realign(&mut self) {
        while !self.bytes.is_empty() {
            self.bytes.remove(0);
            if self.bytes.iter().zip(HEADER).all(|(&byte, expected)| byte == expected) {
                return;
            }
        }
    }
}

impl Cutter for Window {
    fn push(&mut self, byte: u8) -> Option<Result<Vec<u8>, Broken>> {
        self.bytes.push(byte);
        let is_header = self.bytes.iter().zip(HEADER).all(|(&byte, expected)| byte == expected);
        if is_header && self.bytes.len() < FRAME_BYTES {
            return None;
        }
        if is_header && is_sound(&self.bytes) {
            self.is_lost = false;
            return Some(Ok(core::mem::take(&mut self.bytes)));
        }
        // A whole frame that fails is counted, and so is the first byte that belongs to none.
        let is_new = is_header || !self.is_lost;
        self.is_lost = true;
        self.realign();
        is_new.then_some(Err(Broken))
    }

    fn resynchronise(&mut self) {
        *self = Self::new();
    }
}

/// Whether the last two bytes are the sum of the others.
fn is_sound(frame: &[u8]) -> bool {
    let Some((body, check)) = frame.split_last_chunk::<2>() else { return false };
    let sum = body.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(u16::from(byte)));
    sum == u16::from_be_bytes(*check)
}

#[cfg(test)]
mod tests;
