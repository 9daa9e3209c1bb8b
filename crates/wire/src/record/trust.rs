//! How well the wall times of a record are known: runs, because that seldom changes within one.
//!
//! They end a record. One without them, as before version 3, says that nothing is known of its times.

use core::num::NonZeroU32;

use domain::{TimeSource, Trust};

use super::{
    StoredReading,
    bytes::{Input, put_varint},
};

/// The least that one run takes up.
const TRUST_BYTES_MIN: usize = 2;

pub(super) fn put_trust(out: &mut Vec<u8>, readings: &[StoredReading]) {
    let is_same = |a: &StoredReading, b: &StoredReading| word(a) == word(b);
    if readings.iter().all(|reading| word(reading) == 0) {
        return;
    }
    put_varint(out, readings.chunk_by(is_same).count() as u64);
    for run in readings.chunk_by(is_same) {
        put_varint(out, run.len() as u64);
        put_varint(out, run.first().map_or(0, word));
    }
}

/// Nothing comes back unless there are no runs at all, or they cover all of `readings`.
pub(super) fn read_trust(input: &mut Input<'_>, readings: &mut [StoredReading]) -> Option<()> {
    if input.0.is_empty() {
        return Some(());
    }
    let mut rest = readings;
    input.list(TRUST_BYTES_MIN, |input| {
        let length = usize::try_from(input.varint()?).ok().filter(|length| *length > 0)?;
        let trust = trust(input.varint()?)?;
        let (run, after) = core::mem::take(&mut rest).split_at_mut_checked(length)?;
        for reading in run {
            reading.at.trust = trust;
        }
        rest = after;
        Some(())
    })?;
    rest.is_empty().then_some(())
}

/// The error in milliseconds, zero if it is unknown, and in the two lowest bits the source.
fn word(reading: &StoredReading) -> u64 {
    let trust = reading.at.trust;
    u64::from(trust.error_ms().map_or(0, NonZeroU32::get)) << 2 | source_code(trust.source())
}

fn trust(word: u64) -> Option<Trust> {
    let source = TimeSource::ALL.into_iter().find(|source| source_code(*source) == word & 3)?;
    let error_ms = NonZeroU32::new(u32::try_from(word >> 2).ok()?);
    Some(Trust::of_ms(source, error_ms))
}

/// Frozen, since version 3.
const fn source_code(source: TimeSource) -> u64 {
    match source {
        TimeSource::Unsynchronised => 0,
        TimeSource::Rtc => 1,
        TimeSource::Ntp => 2,
    }
}
