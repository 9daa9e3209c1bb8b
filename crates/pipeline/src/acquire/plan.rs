//! A device and how to acquire it.

use core::{num::NonZeroU32, time::Duration};

use domain::{FaultPolicy, Stream};
use ports::Device;

/// How often a device is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// It is asked once in each period.
    Every(Duration),
    /// It speaks unasked, and is due to say something within this time.
    SilentFor(Duration),
}

/// What happens to a device's slots while the queue to storage is filling up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Each is taken.
    #[default]
    Normal,
    /// Only one in so many is taken; the rest are shed, and counted. Means nothing for a device that
    /// speaks unasked.
    Low {
        /// By how much it slows down.
        slow_down: NonZeroU32,
    },
}

impl Priority {
    /// Low, slowing down by a factor of four.
    pub const LOW: Self = Self::Low { slow_down: NonZeroU32::MIN.saturating_add(3) };
}

/// A device and how to acquire it.
pub struct DevicePlan {
    /// Its number in the gateway.
    pub number: usize,
    /// Its name, for the log and the status.
    pub name: String,
    /// The device itself.
    pub device: Box<dyn Device>,
    /// The stream of each of its sensors, in the order of [`Device::sensors`].
    pub streams: Vec<Stream>,
    /// How often.
    pub rhythm: Rhythm,
    /// How patiently it is borne while it fails.
    pub faults: FaultPolicy,
    /// What happens to it while the queue is filling up.
    pub priority: Priority,
}
