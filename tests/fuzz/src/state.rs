//! What is kept besides samples: the state of derived metrics, and settings.

use std::{cell::OnceCell, fs, path::Path};

use ports::{Keeper as _, StateKeeper as _};
use state_file::{SettingsFile, StateFile};
use tempfile::TempDir;

const HEAD_BYTES: usize = 16;

/// One folder for all runs of a thread.
fn in_folder<T>(then: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
    }
    let make = || {
        let shared = Path::new("/dev/shm");
        let made = if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() };
        made.expect("a folder can be made")
    };
    FOLDER.with(|folder| then(folder.get_or_init(make).path()))
}

/// The file as it is, and with a right checksum.
pub(crate) fn state(bytes: &[u8]) -> bool {
    let mut mended = bytes.to_vec();
    if let Some((head, body)) = mended.split_at_mut_checked(HEAD_BYTES) {
        head[HEAD_BYTES - 4..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    }
    [bytes, &mended].map(state_as_it_is).contains(&true)
}

fn state_as_it_is(bytes: &[u8]) -> bool {
    in_folder(|folder| {
        fs::write(folder.join("derived.state"), bytes).expect("there is room");
        let mut file = StateFile::new(folder);
        let Ok(state) = file.read() else { return false };
        let state = state.expect("there is a file");
        assert!(state.metrics.len() * HEAD_BYTES <= bytes.len(), "more metrics than bytes");
        file.keep(&state).expect("the disk is sound");
        assert_eq!(file.read().expect("it is ours"), Some(state));
        true
    })
}

pub(crate) fn settings(bytes: &[u8]) -> bool {
    in_folder(|folder| {
        fs::write(folder.join("settings.json"), bytes).expect("there is room");
        let Ok((mut file, kept, aside)) = SettingsFile::open(folder) else { return false };
        file.keep(&kept).expect("the disk is sound");
        let (_, again, none) = SettingsFile::open(folder).expect("it is ours");
        assert_eq!((again, none), (kept, None));
        aside.is_none()
    })
}

/// The bytes that are frozen in `state-file`.
pub(crate) fn states() -> Vec<Vec<u8>> {
    let frozen = concat!(
        "544873746174650a01000000a56ec318",
        "07070707070707070707070707070707feffffffffffffff00e0aa7b75a8ea18010000000c000000",
        "646572697665642e6d65616e08070605040302010300000001000000000000000200000000000000",
        "ffffffffffffffff",
    );
    let digit = |at: usize| u8::from_str_radix(&frozen[at..at + 2], 16).unwrap();
    vec![(0..frozen.len()).step_by(2).map(digit).collect()]
}

pub(crate) fn all_settings() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"v":1,"devices":{}}"#,
        r#"{"v":1,"devices":{"outdoor":{"period_us":500000,"stopped":true,"calibrations":{"humidity":{"gain":1.02,"offset":-0.5}}}}}"#,
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}
