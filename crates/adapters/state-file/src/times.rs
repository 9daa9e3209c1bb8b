//! `times.state`, version 1: what is known of the wall time of the latest boots.
//!
//! # Format
//!
//! As `derived.state`, with a magic of its own. The body is `count[4]` and then so many boots:
//! `boot[16] seen[8] was_set[1] count[1]` and so many stretches of `first last worst[8]`, of which the first two
//! are points: `monotonic[8] offset[8] error[8]`. All in nanoseconds.
//!
//! # Invariants
//!
//! 1. There is the old file or the new one, whole, whatever happens.
//! 2. What cannot be read, damaged or newer, costs the corrections for earlier boots and nothing else; the
//!    next save replaces it.

use core::time::Duration;
use std::path::{Path, PathBuf};

use domain::{
    BootId, Monotonic,
    time::{BootTimes, Point, Stretch, TimeTable},
};
use ports::{NotKept, TimesKeeper};

use crate::{
    replace,
    sealed::{self, Fields, StateError},
};

const NAME: &str = "times.state";
const MAGIC: [u8; 8] = *b"THtimes\n";

/// What is known of wall time, in one folder.
#[derive(Debug)]
pub struct TimesFile {
    folder: PathBuf,
}

impl TimesFile {
    /// The file in `folder`, which must be there.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What it holds; nothing is known if there is no file.
    ///
    /// # Errors
    ///
    /// [`StateError`] says why nothing is known although there is one.
    pub fn read(&self) -> Result<TimeTable, StateError> {
        let table = sealed::read(self.folder.join(NAME), MAGIC, table)?;
        Ok(table.unwrap_or_default())
    }
}

impl TimesKeeper for TimesFile {
    fn keep(&mut self, times: &TimeTable) -> Result<(), NotKept> {
        let what = "what is known of wall time";
        let mut bytes = sealed::begin(MAGIC, 0);
        body(&mut bytes, times);
        sealed::end(&mut bytes);
        replace(&self.folder, NAME, &bytes).map_err(|cause| NotKept { what, cause })
    }
}

fn body(bytes: &mut Vec<u8>, times: &TimeTable) {
    bytes.extend(sealed::length(times.boots().len()));
    for BootTimes { boot, seen, was_set, stretches } in times.boots() {
        bytes.extend(boot.as_bytes());
        bytes.extend(seen.as_nanos().to_le_bytes());
        bytes.push((*was_set).into());
        bytes.push(u8::try_from(stretches.len()).unwrap_or(u8::MAX));
        for Stretch { first, last, worst } in stretches {
            for Point { monotonic, offset, error } in [first, last] {
                bytes.extend(monotonic.as_nanos().to_le_bytes());
                bytes.extend(offset.to_le_bytes());
                bytes.extend(nanos(*error));
            }
            bytes.extend(nanos(*worst));
        }
    }
}

/// 584 years at most.
fn nanos(span: Duration) -> [u8; 8] {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).to_le_bytes()
}

fn table(fields: &mut Fields<'_>) -> Option<TimeTable> {
    let mut boots = Vec::new();
    for _ in 0..fields.u32()? {
        boots.push(boot(fields)?);
    }
    Some(TimeTable::new(boots))
}

fn boot(fields: &mut Fields<'_>) -> Option<BootTimes> {
    let boot = BootId::from_bytes(fields.take()?);
    let seen = Monotonic::from_nanos(fields.u64()?);
    let [was_set, count] = fields.take()?;
    let stretch = |fields: &mut Fields<'_>| {
        let (first, last) = (point(fields)?, point(fields)?);
        let is_in_order = first.monotonic <= last.monotonic;
        let worst = Duration::from_nanos(fields.u64()?);
        is_in_order.then_some(Stretch { first, last, worst })
    };
    let stretches = (0..count).map(|_| stretch(fields)).collect::<Option<Vec<_>>>()?;
    let is_in_order =
        stretches.is_sorted_by(|before, after| before.last.monotonic <= after.first.monotonic);
    (was_set < 2 && is_in_order).then_some(BootTimes {
        boot,
        seen,
        was_set: was_set == 1,
        stretches,
    })
}

fn point(fields: &mut Fields<'_>) -> Option<Point> {
    Some(Point {
        monotonic: Monotonic::from_nanos(fields.u64()?),
        offset: i64::from_le_bytes(fields.take()?),
        error: Duration::from_nanos(fields.u64()?),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn times() -> TimeTable {
        let point = |seconds: u64, offset| Point {
            monotonic: Monotonic::from_nanos(seconds * 1_000_000_000),
            offset,
            error: Duration::from_millis(5),
        };
        let stretch = |from, to, offset: i64| Stretch {
            first: point(from, offset),
            last: point(to, offset),
            worst: Duration::from_millis(9),
        };
        let boot = |id, was_set, stretches| BootTimes {
            boot: BootId::from_bytes([id; 16]),
            seen: Monotonic::from_nanos(90_000_000_000),
            was_set,
            stretches,
        };
        let stretches = vec![stretch(10, 20, -7), stretch(30, 80, 1_795_432_624_000_000_000)];
        TimeTable::new(vec![boot(7, true, vec![]), boot(8, false, stretches)])
    }

    fn written(times: &TimeTable) -> (tempfile::TempDir, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        TimesFile::new(folder.path()).keep(times).unwrap();
        let bytes = fs::read(folder.path().join(NAME)).unwrap();
        (folder, bytes)
    }

    #[test]
    fn what_was_kept_is_there_after_a_restart() {
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(TimesFile::new(empty.path()).read().unwrap(), TimeTable::default());
        let (folder, _) = written(&times());
        assert_eq!(TimesFile::new(folder.path()).read().unwrap(), times());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    /// Frozen: files of released programs must go on being read. Do not change the test.
    #[test]
    fn version_1_times() {
        let hex: Vec<_> = written(&times()).1.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex.concat(), FROZEN);
    }

    const FROZEN: &str = concat!(
        "544874696d65730a0100000054dee2c2",
        "02000000",
        "0707070707070707070707070707070700046bf4140000000100",
        "0808080808080808080808080808080800046bf4140000000002",
        "00e40b5402000000f9ffffffffffffff404b4c0000000000",
        "00c817a804000000f9ffffffffffffff404b4c0000000000",
        "4054890000000000",
        "00ac23fc0600000000e0aa7b75a8ea18404b4c0000000000",
        "00205fa01200000000e0aa7b75a8ea18404b4c0000000000",
        "4054890000000000",
    );

    #[test]
    fn a_newer_file_is_told_and_the_next_save_replaces_it() {
        let (folder, mut bytes) = written(&times());
        bytes[8] = 2;
        fs::write(folder.path().join(NAME), bytes).unwrap();
        let mut file = TimesFile::new(folder.path());
        assert!(matches!(file.read(), Err(StateError::TooNew { found: 2, .. })));
        file.keep(&times()).unwrap();
        assert_eq!(file.read().unwrap(), times());
    }

    #[test]
    fn no_damage_goes_unnoticed_or_is_a_panic() {
        let (folder, whole) = written(&times());
        let file = TimesFile::new(folder.path());
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(folder.path().join(NAME), &bytes).unwrap();
            assert!(file.read().is_err(), "byte {at}");
            fs::write(folder.path().join(NAME), &whole[..at]).unwrap();
            assert!(matches!(file.read(), Err(StateError::Damaged { .. })), "{at} bytes");
        }
    }

    /// Files whose sum is right but whose contents are not.
    #[test]
    fn times_that_cannot_be_are_damage() {
        let whole = written(&times()).1;
        let body = 16;
        // The count of boots, of stretches, the mark of a step, the beginning of the first stretch.
        for (at, byte) in [(0, 3), (4 + 25, 1), (4 + 24, 2), (4 + 26 + 26 + 4, 0xFF)] {
            let mut bytes = whole.clone();
            bytes[body + at] = byte;
            sealed::end(&mut bytes);
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(NAME), bytes).unwrap();
            let read = TimesFile::new(folder.path()).read();
            assert!(matches!(read, Err(StateError::Damaged { .. })), "byte {at}");
        }
    }
}
