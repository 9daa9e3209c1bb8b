//! What is kept besides samples: the state of derived metrics, what is known of wall time, and settings.

use std::{cell::OnceCell, fs, path::Path};

use domain::{Monotonic, Timestamp, WallTime};
use ports::{Keeper as _, StateKeeper as _, TimesKeeper as _};
use state_file::{SettingsFile, StateFile, TimesFile};
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
    [bytes, &mended(bytes)].map(state_as_it_is).contains(&true)
}

/// The same.
pub(crate) fn times(bytes: &[u8]) -> bool {
    [bytes, &mended(bytes)].map(times_as_they_are).contains(&true)
}

fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut mended = bytes.to_vec();
    if let Some((head, body)) = mended.split_at_mut_checked(HEAD_BYTES) {
        head[HEAD_BYTES - 4..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    }
    mended
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

/// Whatever is known, a time can be corrected by it.
fn times_as_they_are(bytes: &[u8]) -> bool {
    in_folder(|folder| {
        fs::write(folder.join("times.state"), bytes).expect("there is room");
        let mut file = TimesFile::new(folder);
        let Ok(times) = file.read() else { return false };
        for boot in times.boots() {
            let at = Timestamp::new(WallTime::from_nanos(7), Monotonic::from_nanos(u64::MAX / 3));
            assert_eq!(times.correct(boot.boot, at).monotonic, at.monotonic);
        }
        file.keep(&times).expect("the disk is sound");
        assert_eq!(file.read().expect("it is ours"), times);
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
    vec![of_hex(frozen)]
}

/// The same.
pub(crate) fn all_times() -> Vec<Vec<u8>> {
    let frozen = concat!(
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
    vec![of_hex(frozen)]
}

fn of_hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

pub(crate) fn all_settings() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"v":1,"devices":{}}"#,
        r#"{"v":1,"devices":{"outdoor":{"period_us":500000,"stopped":true,"calibrations":{"humidity":{"gain":1.02,"offset":-0.5}}}}}"#,
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}
