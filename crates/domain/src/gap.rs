//! Why there is no quantity.

use crate::Implausible;

/// The reason a reading has no quantity. It travels to the subscriber in the quantity's place.
///
/// The [codes](Self::code) are part of the payload format and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoData {
    /// Nothing answers at the device's address, or its device node does not exist.
    Absent,
    /// The device answers but has nothing to report yet, such as a GNSS receiver without a fix.
    NotReady,
    /// The transaction failed on the wire.
    BusFault,
    /// The device or the bus did not answer in time.
    Timeout,
    /// A device that speaks unasked has said nothing for as long as it may stay silent.
    Silent,
    /// What arrived fails its checksum, its framing or its grammar.
    Corrupt,
    /// The number is outside of what the sensor or anything physical can have.
    Implausible,
    /// The scheduled time passed before the worker could ask: the bus was busy.
    Missed,
    /// Readings were dropped: from a full queue between acquisition and storage, or by a device whose own
    /// memory was full before it was asked.
    Overflow,
    /// The code that serves the device or computes the metric failed; the gateway goes on.
    Internal,
    /// A derived metric has no value for these inputs, such as the dew point of perfectly dry air.
    Undefined,
    /// A device of low priority was not asked at its time, because the queue to storage is filling up.
    Shed,
    /// An operator has stopped the device. It is told once, and then nothing until it is started.
    Stopped,
    /// A derived metric's inputs are too far apart in time to belong together.
    Stale,
}

impl NoData {
    /// Every reason, in the order of declaration.
    pub const ALL: &[Self] = &[
        Self::Absent,
        Self::NotReady,
        Self::BusFault,
        Self::Timeout,
        Self::Silent,
        Self::Corrupt,
        Self::Implausible,
        Self::Missed,
        Self::Overflow,
        Self::Internal,
        Self::Undefined,
        Self::Shed,
        Self::Stopped,
        Self::Stale,
    ];

    /// The word that stands for this reason in payloads and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::NotReady => "not_ready",
            Self::BusFault => "bus_fault",
            Self::Timeout => "timeout",
            Self::Silent => "silent",
            Self::Corrupt => "corrupt",
            Self::Implausible => "implausible",
            Self::Missed => "missed",
            Self::Overflow => "overflow",
            Self::Internal => "internal",
            Self::Undefined => "undefined",
            Self::Shed => "shed",
            Self::Stopped => "stopped",
            Self::Stale => "stale",
        }
    }

    /// Finds the reason that payloads call `code`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }

    /// Whether the device itself failed, so that asking again at once would only hold up the bus.
    ///
    /// `NotReady` and `Implausible` come from a device that answers; `Silent` has had its wait.
    pub const fn is_device_failure(self) -> bool {
        match self {
            Self::Absent | Self::BusFault | Self::Timeout | Self::Corrupt | Self::Internal => true,
            Self::NotReady
            | Self::Silent
            | Self::Implausible
            | Self::Missed
            | Self::Overflow
            | Self::Undefined
            | Self::Shed
            | Self::Stopped
            | Self::Stale => false,
        }
    }
}

impl From<Implausible> for NoData {
    fn from(_: Implausible) -> Self {
        Self::Implausible
    }
}

impl core::fmt::Display for NoData {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_code() {
        for &reason in NoData::ALL {
            assert_eq!(NoData::from_code(reason.code()), Some(reason));
        }
        assert_eq!(NoData::from_code("lazy"), None);
    }
}
