//! What the gateway talks about.
//!
//! Each noun adds one kind of context to the one before it:
//!
//! * [`Quantity`] — a number with its unit.
//! * [`Reading`] — the outcome of asking at one time: a quantity, or the reason there is none.
//! * [`StreamReading`] — a reading and the stream it belongs to.
//! * [`Sample`] — who measured it, in which boot, and which number it has in its stream.
//!
//! What an operator may ask of a running gateway is a [`Command`].
//!
//! How a device fares is a [`DeviceState`]; [`DeviceHealth`] is its state machine.
//!
//! A **gap** ([`NoData`]) is data: it is stored, numbered, delivered and counted like a value.
//!
//! # Deliberately absent
//!
//! Clocks, threads, files, sockets and their errors. Everything here is a value or a pure function.

pub mod derived;
pub mod parameter;
pub mod time;

mod backoff;
mod command;
mod device_state;
mod gap;
mod quantity;
mod ranges;
mod reading;
mod sample;
mod stream;

pub use backoff::Backoff;
pub use command::{
    Calibration, Command, Correction, Kept, KeptDevice, NotACalibration, Outcome, Procedure,
    Refusal, Target,
};
pub use device_state::{DeviceHealth, DeviceState, FaultPolicy, Return};
pub use gap::NoData;
pub use quantity::{
    AlarmCode, Ampere, AmpereHour, Celsius, CubicMetre, CubicMetrePerHour, Degree, DegreePerSecond,
    GramPerCubicMetre, GramPerKilogram, Hectopascal, HectopascalPerHour, Hertz, Implausible,
    Kelvin, KelvinPerHour, Kilogram, KilojoulePerKilogram, Kilopascal, KilowattHour, Latitude,
    Longitude, Lux, Metre, MetreOfLength, MetrePerSecond, MetrePerSecondSquared,
    MicrogramPerCubicMetre, MillimetrePerSecond, Ohm, PartsPerMillion, Percent, PercentOfWhole,
    PercentPerHour, Quantity, QuantityKind, Ratio, Second, Tally, TurnsPerMinute, Volt,
    VoltPerHour, Watt,
};
pub use ranges::Ranges;
pub use reading::{Monotonic, Quality, Reading, Timestamp, WallTime};
pub use sample::{BootId, NotABootId, Sample, SequenceNumber};
pub use stream::{GatewayId, NotAName, Stream, StreamClass, StreamName, StreamReading};
pub use time::{TimeSource, Trust};
