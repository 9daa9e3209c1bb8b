//! What is said of a wall time: where it is from, and how wrong it can be.

use core::{num::NonZeroU32, time::Duration};

/// Where wall time is from. The better comes later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeSource {
    /// Nowhere that is known to be right.
    #[default]
    Unsynchronised,
    /// A battery-backed clock set the wall clock at boot, and nothing speaks against it.
    Rtc,
    /// The kernel's clock is disciplined: by NTP, or whatever else tells the kernel so.
    Ntp,
}

impl TimeSource {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Unsynchronised, Self::Rtc, Self::Ntp];

    /// The word for it on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsynchronised => "unsynchronised",
            Self::Rtc => "rtc",
            Self::Ntp => "ntp",
        }
    }

    /// What the word on the wire stands for.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.code() == code)
    }

    /// Whether somebody vouches for the time.
    pub const fn is_synchronised(self) -> bool {
        matches!(self, Self::Ntp)
    }
}

/// How far a wall time can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trust {
    source: TimeSource,
    error_ms: Option<NonZeroU32>,
    is_corrected: bool,
}

impl Trust {
    /// Of a time that nothing is known of.
    pub const UNKNOWN: Self =
        Self { source: TimeSource::Unsynchronised, error_ms: None, is_corrected: false };

    /// Of a time as the clock told it: it is wrong by at most `error`, if anybody knows. Whole
    /// milliseconds, rounded up; more than 49 days is as good as unknown.
    pub fn found(source: TimeSource, error: Option<Duration>) -> Self {
        Self::of_ms(source, error.and_then(whole_ms))
    }

    /// The same in whole milliseconds.
    pub const fn of_ms(source: TimeSource, error_ms: Option<NonZeroU32>) -> Self {
        Self { source, error_ms, is_corrected: false }
    }

    /// Of a time that was changed, or is better known, since the clock told it.
    #[must_use]
    pub const fn corrected(self) -> Self {
        Self { is_corrected: true, ..self }
    }

    /// Where the time is from.
    pub const fn source(self) -> TimeSource {
        self.source
    }

    /// The most that it is wrong by, in milliseconds; none if nobody knows.
    pub const fn error_ms(self) -> Option<NonZeroU32> {
        self.error_ms
    }

    /// The same as a duration.
    pub fn error(self) -> Option<Duration> {
        self.error_ms.map(|ms| Duration::from_millis(ms.get().into()))
    }

    /// Whether it is not as the clock told it.
    pub const fn is_corrected(self) -> bool {
        self.is_corrected
    }

    /// As one number, for a cell that threads share; of a time as the clock told it.
    pub fn to_word(self) -> u64 {
        u64::from(self.error_ms.map_or(0, NonZeroU32::get)) << 8 | self.source as u64
    }

    /// What [`to_word`](Self::to_word) made a number of.
    pub fn from_word(word: u64) -> Self {
        let source = TimeSource::ALL.into_iter().find(|source| *source as u64 == word & 0xFF);
        let error_ms = u32::try_from(word >> 8).ok().and_then(NonZeroU32::new);
        Self::of_ms(source.unwrap_or_default(), error_ms)
    }
}

fn whole_ms(error: Duration) -> Option<NonZeroU32> {
    let ms = u32::try_from(error.as_nanos().div_ceil(1_000_000)).ok()?;
    Some(NonZeroU32::new(ms).unwrap_or(NonZeroU32::MIN))
}
