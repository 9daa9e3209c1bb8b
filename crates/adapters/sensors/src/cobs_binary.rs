//! Devices that send binary frames, stuffed by COBS and closed by a CRC.
//!
//! ```text
//! COBS( payload  CRC )  00
//! ```
//!
//! Consistent Overhead Byte Stuffing (Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2),
//! 1999) leaves no zero in the frame, so that a zero always ends one. Decoding is the published `cobs`
//! crate's, byte by byte; its own frame buffer is not used, because after an overlong frame that one
//! hands out the beginning as if it were whole.
//!
//! # Rules
//!
//! * A frame that is too long, is stuffed wrongly, or has no or another CRC, is corrupt: nothing in it is
//!   believed. Nothing between two zeros is not a frame.
//! * A sound frame that is shorter than the fields need is of another kind: ignored, and counted.
//! * A number that its sensor cannot have, NaN included, is [`NoData::Implausible`]; the others stand.
//! * What comes before the first zero may be the tail of a frame: it is not taken and not counted.

use core::time::Duration;

use ::cobs::{DecodeResult, DecoderState};
use domain::{NoData, Quantity, QuantityKind};
use ports::{ByteSource, Device, FrameCount, Measurement, Pacing, Sensor};

use crate::{
    Arguments, Attachment, BadOptions, Entry, Made, Parameter, Preset, UartPlace, Value,
    catalogue::meant,
    checksum::{crc16_ccitt_false, crc16_modbus, crc32},
    listener::{Broken, Cutter, Listener, Verdict},
    number::NumberType,
};

pub(crate) const ENTRY: Entry = Entry {
    driver: "cobs_binary",
    part: "COBS frames",
    summary: "binary frames stuffed by COBS and closed by a CRC, each field a sensor",
    datasheet: "Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999",
    parameters: &[
        Parameter {
            name: "frame_bytes_max",
            summary: "the longest frame: payload and CRC, unstuffed",
            value: Value::Integer { unit: "By", low: 3, high: 4096, preset: Preset::Default(256) },
        },
        Parameter {
            name: "checksum",
            summary: "what closes a frame",
            value: Value::Choice {
                choices: &["crc16_ccitt_false", "crc16_modbus", "crc32"],
                preset: Preset::Default("crc16_ccitt_false"),
            },
        },
        Parameter {
            name: "checksum_endianness",
            summary: "which byte of the CRC comes first: the most significant (big) or the least",
            value: ENDIANNESS,
        },
        Parameter {
            name: "fields",
            summary: "the numbers in use by the names of their sensors; the quantity is \
                      number × scale + offset, in the unit of its kind",
            value: Value::Named {
                one: "field",
                fields: FIELD,
                distinct: &["at", "type", "quantity"],
                example: "level",
            },
        },
    ],
    sensors: &[],
    attachments: &[Attachment::Uart { pacing: Pacing::Speaks, station: None, make }],
};

const ENDIANNESS: Value =
    Value::Choice { choices: &["big", "little"], preset: Preset::Default("little") };

const FIELD: &[Parameter] = &[
    Parameter {
        name: "at",
        summary: "at which byte of the payload it begins, from 0",
        value: Value::Integer { unit: "By", low: 0, high: 4095, preset: Preset::Required(0) },
    },
    Parameter {
        name: "type",
        summary: "how the number is encoded",
        value: Value::Choice {
            choices: &["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"],
            preset: Preset::Required("f32"),
        },
    },
    Parameter {
        name: "endianness",
        summary: "which of its bytes comes first: the most significant (big) or the least",
        value: ENDIANNESS,
    },
    Parameter {
        name: "quantity",
        summary: "what it measures",
        value: Value::Quantity { example: QuantityKind::Voltage },
    },
    Parameter {
        name: "scale",
        summary: "what the number is multiplied by, to be in the unit of the quantity",
        value: Value::Factor { default: 1.0 },
    },
    Parameter {
        name: "offset",
        summary: "what is added then, in the unit of the quantity",
        value: Value::Number {
            unit: "",
            low: f64::MIN,
            high: f64::MAX,
            preset: Preset::Default(0.0),
        },
    },
];

fn make(place: UartPlace, arguments: &Arguments) -> Made {
    let endianness = |word| if word == "big" { Endianness::Big } else { Endianness::Little };
    let field = |(name, of): &(String, Arguments)| {
        Ok(Field {
            name: name.clone(),
            at: of.integer("at")?,
            number: meant("type", of.choice("type")?, NumberType::NAMES)?,
            endianness: endianness(of.choice("endianness")?),
            kind: of.quantity("quantity")?,
            scale: of.number("scale")?,
            offset: of.number("offset")?,
        })
    };
    let options = CobsBinaryOptions {
        frame_bytes_max: arguments.integer("frame_bytes_max")?,
        checksum: meant("checksum", arguments.choice("checksum")?, Checksum::NAMES)?,
        checksum_endianness: endianness(arguments.choice("checksum_endianness")?),
        fields: arguments.named("fields")?.iter().map(field).collect::<Result<_, BadOptions>>()?,
    };
    Ok(Box::new(CobsBinary::new(place.line, options)?))
}

/// What a call takes beyond its patience: the last read and one frame's work.
const BEYOND_PATIENCE: Duration = Duration::from_millis(100);

/// Which CRC closes a frame. It is of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// CRC-16/IBM-3740: polynomial 0x1021, initial 0xFFFF.
    Crc16CcittFalse,
    /// CRC-16/MODBUS: reflected polynomial 0x8005, initial 0xFFFF.
    Crc16Modbus,
    /// CRC-32/ISO-HDLC: that of Ethernet and zip.
    Crc32,
}

impl Checksum {
    /// Each with the word that configuration has for it.
    pub const NAMES: &[(&str, Self)] = &[
        ("crc16_ccitt_false", Self::Crc16CcittFalse),
        ("crc16_modbus", Self::Crc16Modbus),
        ("crc32", Self::Crc32),
    ];
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endianness {
    /// The most significant one.
    Big,
    /// The least significant one.
    Little,
}

/// One number in the payload and what it measures: times `scale` plus `offset`, in the kind's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The sensor's name.
    pub name: String,
    /// At which byte of the payload it begins, from 0.
    pub at: usize,
    /// How it is encoded.
    pub number: NumberType,
    /// Which of its bytes comes first.
    pub endianness: Endianness,
    /// What it measures, and so the unit.
    pub kind: QuantityKind,
    /// 1, or what turns the device's unit into the kind's.
    pub scale: f64,
    /// 0, or what is added after scaling.
    pub offset: f64,
}

/// What the frames look like.
#[derive(Clone, Debug, PartialEq)]
pub struct CobsBinaryOptions {
    /// The longest frame, in bytes: payload and CRC, unstuffed.
    pub frame_bytes_max: usize,
    /// What closes it.
    pub checksum: Checksum,
    /// Which byte of the CRC comes first.
    pub checksum_endianness: Endianness,
    /// The numbers in use: the sensors, in this order. Two may overlap.
    pub fields: Vec<Field>,
}

impl CobsBinaryOptions {
    /// Long enough for 30 doubles.
    pub const FRAME_BYTES_MAX: usize = 256;
}

/// One device on a line of its own.
#[derive(Debug)]
pub struct CobsBinary<S> {
    listener: Listener<S, Unstuffer>,
    options: CobsBinaryOptions,
    sensors: Vec<Sensor>,
}

impl<S: ByteSource> CobsBinary<S> {
    /// Takes the source for good.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if there is no field, or one ends past the longest payload.
    pub fn new(source: S, options: CobsBinaryOptions) -> Result<Self, BadOptions> {
        if options.fields.is_empty() {
            return Err(BadOptions::NoSensors);
        }
        let payload_bytes_max = options.frame_bytes_max.saturating_sub(options.checksum.bytes());
        let end = |field: &Field| field.at.saturating_add(field.number.bytes());
        let end = options.fields.iter().map(end).max().unwrap_or(0);
        if end > payload_bytes_max {
            return Err(BadOptions::BeyondFrame { end, payload_bytes_max });
        }
        let sensor = |field: &Field| Sensor { name: field.name.clone(), kind: field.kind };
        let sensors = options.fields.iter().map(sensor).collect();
        let listener = Listener::new(source, Unstuffer::new(options.frame_bytes_max));
        Ok(Self { listener, options, sensors })
    }
}

impl<S: ByteSource> Device for CobsBinary<S> {
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
        let Self { listener, options, .. } = self;
        listener.listen(patience, |frame| interpret(frame, options))
    }

    fn frames(&self) -> FrameCount {
        self.listener.frames()
    }
}

impl Checksum {
    const fn bytes(self) -> usize {
        match self {
            Self::Crc16CcittFalse | Self::Crc16Modbus => 2,
            Self::Crc32 => 4,
        }
    }

    fn of(self, payload: &[u8]) -> u32 {
        match self {
            Self::Crc16CcittFalse => crc16_ccitt_false(payload).into(),
            Self::Crc16Modbus => crc16_modbus(payload).into(),
            Self::Crc32 => crc32(payload),
        }
    }
}

impl Endianness {
    /// The same number, most significant byte first.
    fn to_big(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Big => bytes.to_vec(),
            Self::Little => bytes.iter().rev().copied().collect(),
        }
    }
}

fn interpret(frame: &[u8], options: &CobsBinaryOptions) -> Verdict {
    let Some(payload) = payload(frame, options) else { return Verdict::Corrupt };
    let outcome = |field: &Field| Some(quantity(payload, field)?.map_err(|_| NoData::Implausible));
    let outcomes: Option<Vec<_>> = options.fields.iter().map(outcome).collect();
    outcomes.map_or(Verdict::Ignored, |outcomes| {
        let outcomes = outcomes.into_iter().enumerate().collect();
        Verdict::Measured(Measurement { age: Duration::ZERO, outcomes })
    })
}

/// The payload, if the CRC behind it is its own.
fn payload<'f>(frame: &'f [u8], options: &CobsBinaryOptions) -> Option<&'f [u8]> {
    let CobsBinaryOptions { checksum, checksum_endianness, .. } = options;
    let (payload, found) = frame.split_at_checked(frame.len().checked_sub(checksum.bytes())?)?;
    let expected = checksum.of(payload).to_be_bytes();
    expected.ends_with(&checksum_endianness.to_big(found)).then_some(payload)
}

/// The field's quantity; `None` if the payload ends before it.
fn quantity(payload: &[u8], field: &Field) -> Option<Result<Quantity, domain::Implausible>> {
    let bytes = payload.get(field.at..)?.get(..field.number.bytes())?;
    let number = field.number.decode(&field.endianness.to_big(bytes))?;
    Some(field.kind.quantity(number * field.scale + field.offset))
}

/// Unstuffs what stands between two zeros.
#[derive(Debug)]
struct Unstuffer {
    decoder: DecoderState,
    frame: Vec<u8>,
    frame_bytes_max: usize,
    state: Reception,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reception {
    /// Nobody knows where the frame began: bytes are dropped up to the next zero.
    Unknown,
    /// All is well so far.
    Sound,
    /// It cannot be a frame any more, which will be told at its zero.
    Broken,
}

impl Unstuffer {
    const fn new(frame_bytes_max: usize) -> Self {
        let decoder = DecoderState::Idle;
        Self { decoder, frame: Vec::new(), frame_bytes_max, state: Reception::Unknown }
    }

    /// Ends the frame at its zero.
    fn end(&mut self) -> Option<Result<Vec<u8>, Broken>> {
        let has_begun = !matches!(self.decoder, DecoderState::Idle);
        let is_whole = matches!(self.decoder.feed(0), Ok(DecodeResult::DataComplete));
        let (state, frame) = (self.state, core::mem::take(&mut self.frame));
        self.decoder = DecoderState::Idle;
        self.state = Reception::Sound;
        match state {
            Reception::Unknown => None,
            Reception::Sound if !has_begun => None,
            Reception::Sound if is_whole => Some(Ok(frame)),
            Reception::Sound | Reception::Broken => Some(Err(Broken)),
        }
    }
}

impl Cutter for Unstuffer {
    fn push(&mut self, byte: u8) -> Option<Result<Vec<u8>, Broken>> {
        if byte == 0 {
            return self.end();
        }
        if self.state == Reception::Sound {
            match self.decoder.feed(byte) {
                Ok(DecodeResult::DataContinue(byte)) if self.frame.len() < self.frame_bytes_max => {
                    self.frame.push(byte);
                }
                Ok(DecodeResult::NoData | DecodeResult::DataStart) => {}
                Ok(DecodeResult::DataContinue(_) | DecodeResult::DataComplete) | Err(_) => {
                    self.state = Reception::Broken;
                }
            }
        }
        None
    }

    fn resynchronise(&mut self) {
        *self = Self::new(self.frame_bytes_max);
    }
}

#[cfg(test)]
mod tests;
