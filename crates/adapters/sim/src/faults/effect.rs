//! The ways to go wrong, and their names.

use core::fmt;
use std::time::Duration;

use super::parse::Span;
use crate::{
    bus::{BusFault, Effect},
    serial::{Exception, Space},
};

/// One way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something befalls transactions on a bus.
    Bus(Effect),
    /// The checksum that the chip sends has one bit wrong; the data are right.
    WrongCrc,
    /// One byte of one transaction, or one frame, is wrong; then all is well.
    Glitch,
    /// The chip senses for ever what it sensed at the first look: its number is stuck.
    Frozen,
    /// What the chip senses is driven beyond its range.
    OutOfRange,
    /// The device is gone; when it comes back, it has just been powered.
    Unplug,
    /// Random bytes come before a frame.
    Noise,
    /// Some bits of a frame are inverted.
    FlipBits,
    /// A frame lacks its end.
    Truncate,
    /// A frame is not sent.
    Silence,
    /// A Modbus slave refuses what it is asked for.
    Exception(Exception),
}

impl Fault {
    /// What scripts call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bus(effect) => match effect {
                Effect::Fail(BusFault::RemoteIo | BusFault::NoAcknowledge) => "nak",
                Effect::Fail(BusFault::ArbitrationLost) => "arbitration",
                Effect::Fail(BusFault::TimedOut) => "timeout",
                Effect::Fail(BusFault::Io) => "error",
                Effect::Stall(_) => "stuck",
                Effect::Stretch(_) => "stretch",
                Effect::SlowDown(_) => "slow",
                Effect::Flip(_) => "flip_all",
                Effect::FlipAt { .. } => "flip",
                Effect::StickAt(_) => "stick",
            },
            Self::WrongCrc => "wrong_crc",
            Self::Glitch => "glitch",
            Self::Frozen => "frozen",
            Self::OutOfRange => "out_of_range",
            Self::Unplug => "unplug",
            Self::Noise => "noise",
            Self::FlipBits => "flip_bits",
            Self::Truncate => "truncate",
            Self::Silence => "silence",
            Self::Exception(_) => "exception",
        }
    }

    /// Whether it can befall some transactions or frames and spare others.
    pub const fn has_occasions(self) -> bool {
        !matches!(self, Self::Glitch | Self::Frozen | Self::OutOfRange | Self::Unplug)
    }

    /// Every name, and the keys that it may have.
    pub(super) const NAMES: &[(&str, &[&str])] = &[
        ("nak", &["errno"]),
        ("arbitration", &[]),
        ("timeout", &[]),
        ("error", &[]),
        ("stuck", &["hold"]),
        ("stretch", &["hold"]),
        ("slow", &["per_byte"]),
        ("flip_all", &["bits"]),
        ("flip", &["byte", "bits"]),
        ("stick", &["value"]),
        ("wrong_crc", &[]),
        ("glitch", &[]),
        ("frozen", &[]),
        ("out_of_range", &[]),
        ("unplug", &[]),
        ("noise", &[]),
        ("flip_bits", &[]),
        ("truncate", &[]),
        ("silence", &[]),
        ("exception", &["code", "table", "from", "to"]),
    ];

    /// The fault of that name, with the usual value of each key.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "nak" => Self::Bus(Effect::Fail(BusFault::RemoteIo)),
            "arbitration" => Self::Bus(Effect::Fail(BusFault::ArbitrationLost)),
            "timeout" => Self::Bus(Effect::Fail(BusFault::TimedOut)),
            "error" => Self::Bus(Effect::Fail(BusFault::Io)),
            "stuck" => Self::Bus(Effect::Stall(Duration::from_secs(1))),
            "stretch" => Self::Bus(Effect::Stretch(Duration::from_millis(20))),
            "slow" => Self::Bus(Effect::SlowDown(Duration::from_millis(1))),
            "flip_all" => Self::Bus(Effect::Flip(0x01)),
            "flip" => Self::Bus(Effect::FlipAt { index: 0, bits: 0x01 }),
            "stick" => Self::Bus(Effect::StickAt(0xFF)),
            "wrong_crc" => Self::WrongCrc,
            "glitch" => Self::Glitch,
            "frozen" => Self::Frozen,
            "out_of_range" => Self::OutOfRange,
            "unplug" => Self::Unplug,
            "noise" => Self::Noise,
            "flip_bits" => Self::FlipBits,
            "truncate" => Self::Truncate,
            "silence" => Self::Silence,
            "exception" => Self::Exception(Exception::of_all(0x04)),
            _ => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            Self::Bus(effect) => write_effect(f, effect),
            Self::Exception(Exception { code, space, first, last }) => {
                let table = TABLES.iter().find(|(_, known)| Some(*known) == space);
                write!(f, " code={code:#04x}")?;
                table.map_or(Ok(()), |(word, _)| write!(f, " table={word}"))?;
                write!(f, " from={first} to={last}")
            }
            Self::WrongCrc
            | Self::Glitch
            | Self::Frozen
            | Self::OutOfRange
            | Self::Unplug
            | Self::Noise
            | Self::FlipBits
            | Self::Truncate
            | Self::Silence => Ok(()),
        }
    }
}

/// The tables of a Modbus slave, as scripts call them.
pub(super) const TABLES: [(&str, Space); 4] = [
    ("coil", Space::Coil),
    ("discrete", Space::Discrete),
    ("input", Space::Input),
    ("holding", Space::Holding),
];

fn write_effect(f: &mut fmt::Formatter<'_>, effect: Effect) -> fmt::Result {
    match effect {
        Effect::Fail(BusFault::RemoteIo) => write!(f, " errno=EREMOTEIO"),
        Effect::Fail(BusFault::NoAcknowledge) => write!(f, " errno=ENXIO"),
        Effect::Fail(BusFault::ArbitrationLost | BusFault::TimedOut | BusFault::Io) => Ok(()),
        Effect::Stall(hold) | Effect::Stretch(hold) => write!(f, " hold={}", Span(hold)),
        Effect::SlowDown(per_byte) => write!(f, " per_byte={}", Span(per_byte)),
        Effect::Flip(bits) => write!(f, " bits={bits:#04x}"),
        Effect::FlipAt { index, bits } => write!(f, " byte={index} bits={bits:#04x}"),
        Effect::StickAt(value) => write!(f, " value={value:#04x}"),
    }
}
