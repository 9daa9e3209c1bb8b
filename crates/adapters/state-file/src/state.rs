//! `derived.state`, version 1: where the derived metrics stand.
//!
//! # Format
//!
//! Integers are little-endian. `magic[8] version[4] crc32[4] body`, with the CRC-32 (IEEE 802.3) of the
//! body, which is `boot[16] offset[8] newest[8] count[4]` and then so many metrics:
//! `length[4] stream[length] fingerprint[8] words[4] word[8]…`.
//!
//! # Invariants
//!
//! 1. There is the old file or the new one, whole, whatever happens.
//! 2. What cannot be read, damaged or newer, costs the windows and nothing else: metrics start afresh,
//!    and the next save replaces it.

use std::path::{Path, PathBuf};

use domain::{
    BootId, StreamName,
    derived::{Moment, SavedAxis, SavedMetric, SavedState},
};
use ports::{NotKept, StateKeeper};

use crate::{
    replace,
    sealed::{self, Fields, StateError},
};

const NAME: &str = "derived.state";
const MAGIC: [u8; 8] = *b"THstate\n";

/// The state of the derived metrics in one folder.
#[derive(Debug)]
pub struct StateFile {
    folder: PathBuf,
}

impl StateFile {
    /// The file in `folder`, which must be there.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What it holds; nothing if there is no file.
    ///
    /// # Errors
    ///
    /// [`StateError`] says why the metrics must start afresh.
    pub fn read(&self) -> Result<Option<SavedState>, StateError> {
        sealed::read(self.folder.join(NAME), MAGIC, state)
    }
}

impl StateKeeper for StateFile {
    fn keep(&mut self, state: &SavedState) -> Result<(), NotKept> {
        let what = "the state of derived metrics";
        replace(&self.folder, NAME, &write(state)).map_err(|cause| NotKept { what, cause })
    }
}

fn write(state: &SavedState) -> Vec<u8> {
    let SavedState { axis: SavedAxis { boot, offset, newest }, metrics } = state;
    // In one piece: the states may be many megabytes.
    let mut bytes = sealed::begin(MAGIC, state.bytes());
    bytes.extend(boot.as_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes.extend(newest.as_nanos().to_le_bytes());
    bytes.extend(sealed::length(metrics.len()));
    for SavedMetric { stream, fingerprint, words } in metrics {
        bytes.extend(sealed::length(stream.as_str().len()));
        bytes.extend(stream.as_str().as_bytes());
        bytes.extend(fingerprint.to_le_bytes());
        bytes.extend(sealed::length(words.len()));
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    sealed::end(&mut bytes);
    bytes
}

fn state(fields: &mut Fields<'_>) -> Option<SavedState> {
    let axis = SavedAxis {
        boot: BootId::from_bytes(fields.take()?),
        offset: i64::from_le_bytes(fields.take()?),
        newest: Moment::from_nanos(i64::from_le_bytes(fields.take()?)),
    };
    let mut metrics = Vec::new();
    for _ in 0..fields.u32()? {
        metrics.push(fields.metric()?);
    }
    Some(SavedState { axis, metrics })
}

impl Fields<'_> {
    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    fn metric(&mut self) -> Option<SavedMetric> {
        let (name, rest) = self.length().and_then(|length| self.0.split_at_checked(length))?;
        self.0 = rest;
        let stream = StreamName::parse(str::from_utf8(name).ok()?).ok()?;
        let fingerprint = self.take().map(u64::from_le_bytes)?;
        let length = self.length().and_then(|words| words.checked_mul(8))?;
        let (words, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let words = words.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Some(SavedMetric { stream, fingerprint, words })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn saved() -> SavedState {
        let metric = |name: &str, words: &[u64]| SavedMetric {
            stream: StreamName::derived(name).unwrap(),
            fingerprint: 0x0102_0304_0506_0708,
            words: words.to_vec(),
        };
        SavedState {
            axis: SavedAxis {
                boot: BootId::from_bytes([7; 16]),
                offset: -2,
                newest: Moment::from_nanos(1_795_432_624_000_000_000),
            },
            metrics: vec![metric("mean", &[1, 2, u64::MAX]), metric("power", &[0])],
        }
    }

    #[test]
    fn what_was_kept_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = StateFile::new(folder.path());
        assert!(file.read().unwrap().is_none());
        file.keep(&saved()).unwrap();
        assert_eq!(StateFile::new(folder.path()).read().unwrap(), Some(saved()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    /// Frozen: files of released programs must go on being read. Do not change the test.
    #[test]
    fn version_1_state() {
        let mut state = saved();
        state.metrics.truncate(1);
        let bytes = write(&state);
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex.concat(), FROZEN);
        assert_eq!(sealed::unsealed(&bytes, super::state), Some(state));
    }

    const FROZEN: &str = concat!(
        "544873746174650a01000000a56ec318",
        "07070707070707070707070707070707feffffffffffffff00e0aa7b75a8ea18010000000c000000",
        "646572697665642e6d65616e08070605040302010300000001000000000000000200000000000000",
        "ffffffffffffffff",
    );

    #[test]
    fn a_newer_file_is_told_and_the_next_save_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = write(&saved());
        bytes[8] = 2;
        fs::write(folder.path().join(NAME), bytes).unwrap();
        let mut file = StateFile::new(folder.path());
        assert!(matches!(file.read(), Err(StateError::TooNew { found: 2, .. })));
        file.keep(&saved()).unwrap();
        assert!(file.read().unwrap().is_some());
    }

    #[test]
    fn a_folder_in_its_place_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(NAME)).unwrap();
        let mut file = StateFile::new(folder.path());
        let error = file.read().unwrap_err().to_string();
        assert!(error.contains("derived.state is a folder: move it away"), "{error}");
        let error = file.keep(&saved()).unwrap_err();
        assert!(error.cause.to_string().contains("derived.state is a folder"), "{}", error.cause);
    }

    #[test]
    fn no_damage_goes_unnoticed_or_is_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let (file, whole) = (StateFile::new(folder.path()), write(&saved()));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(folder.path().join(NAME), &bytes).unwrap();
            assert!(file.read().is_err(), "byte {at}");
            fs::write(folder.path().join(NAME), &whole[..at]).unwrap();
            assert!(matches!(file.read(), Err(StateError::Damaged { .. })), "{at} bytes");
        }
    }

    /// A file whose sum is right but whose lengths are not.
    #[test]
    fn lengths_that_lie_are_damage() {
        let whole = write(&saved());
        for at in [16 + 32, 16 + 36] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            sealed::end(&mut bytes);
            assert_eq!(sealed::unsealed(&bytes, super::state), None);
        }
    }
}
