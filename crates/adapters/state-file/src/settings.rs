//! `settings.json`, version 1.
//!
//! # Invariants
//!
//! 1. There is the old file or the new one, whole, whatever happens: it is written beside, synced,
//!    renamed, and the folder synced.
//! 2. A file of a newer version is refused and left alone: an older program would forget what it holds.
//! 3. A damaged file is kept aside as `settings.json.corrupt`, and the gateway runs without it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use domain::{Calibration, Kept, KeptDevice};
use ports::{Keeper, NotKept};
use serde::{Deserialize, Serialize};

use crate::replace;

const VERSION: u32 = 1;
const NAME: &str = "settings.json";

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A newer program wrote them.
    #[error("{} has version {found}; this program reads version {VERSION}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The file system fails.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    v: u32,
    devices: BTreeMap<String, Device>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period_us: Option<u64>,
    #[serde(default)]
    stopped: bool,
    #[serde(default)]
    calibrations: BTreeMap<String, Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    gain: f64,
    offset: f64,
}

/// The settings in one folder.
#[derive(Debug)]
pub struct SettingsFile {
    folder: PathBuf,
}

impl SettingsFile {
    /// The file in `folder`, which must be there, and what it holds; also whether a damaged one was put
    /// aside, and where.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if a newer program wrote it, or it cannot be read.
    pub fn open(folder: &Path) -> Result<(Self, Kept, Option<PathBuf>), SettingsError> {
        let (file, path) = (Self { folder: folder.to_owned() }, folder.join(NAME));
        let unreadable = |cause| SettingsError::Unreadable { path: path.clone(), cause };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((file, Kept::new(), None));
            }
            Err(cause) => return Err(unreadable(cause)),
        };
        if let Ok(Versioned { v: found }) = serde_json::from_slice(&bytes)
            && found > VERSION
        {
            return Err(SettingsError::TooNew { path, found });
        }
        if let Some(kept) = read(&bytes) {
            return Ok((file, kept, None));
        }
        let aside = folder.join(format!("{NAME}.corrupt"));
        fs::rename(&path, &aside).map_err(unreadable)?;
        Ok((file, Kept::new(), Some(aside)))
    }
}

fn read(bytes: &[u8]) -> Option<Kept> {
    let json: Json = serde_json::from_slice(bytes).ok().filter(|json: &Json| json.v == VERSION)?;
    let device = |(name, device): (String, Device)| {
        let line = |(sensor, line): (String, Line)| {
            Some((sensor, Calibration::new(line.gain, line.offset).ok()?))
        };
        let kept = KeptDevice {
            period: device.period_us.map(Duration::from_micros),
            is_stopped: device.stopped,
            calibrations: device.calibrations.into_iter().map(line).collect::<Option<_>>()?,
        };
        Some((name, kept))
    };
    json.devices.into_iter().map(device).collect()
}

fn write(settings: &Kept) -> Vec<u8> {
    let line = |(sensor, line): (&String, &Calibration)| {
        (sensor.clone(), Line { gain: line.gain(), offset: line.offset() })
    };
    let device = |(name, kept): (&String, &KeptDevice)| {
        let micros = |period: Duration| u64::try_from(period.as_micros()).unwrap_or(u64::MAX);
        let device = Device {
            period_us: kept.period.map(micros),
            stopped: kept.is_stopped,
            calibrations: kept.calibrations.iter().map(line).collect(),
        };
        (name.clone(), device)
    };
    let json = Json { v: VERSION, devices: settings.iter().map(device).collect() };
    // Texts and finite numbers under text keys: there is nothing to fail on.
    serde_json::to_vec_pretty(&json).unwrap_or_default()
}

impl Keeper for SettingsFile {
    fn keep(&mut self, settings: &Kept) -> Result<(), NotKept> {
        replace(&self.folder, NAME, &write(settings))
            .map_err(|cause| NotKept { what: "settings", cause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Kept {
        let calibrations = [("humidity".to_owned(), Calibration::new(1.02, -0.5).unwrap())].into();
        let period = Some(Duration::from_millis(500));
        [("outdoor".to_owned(), KeptDevice { period, is_stopped: true, calibrations })].into()
    }

    #[test]
    fn what_was_kept_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, kept, aside) = SettingsFile::open(folder.path()).unwrap();
        assert_eq!((kept, aside), (Kept::new(), None));
        file.keep(&settings()).unwrap();
        assert_eq!(SettingsFile::open(folder.path()).unwrap().1, settings());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    /// Frozen: files of released programs must go on being read. Do not change the test.
    #[test]
    fn version_1_settings() {
        let text = r#"{"v":1,"devices":{"outdoor":{"period_us":500000,"stopped":true,"calibrations":{"humidity":{"gain":1.02,"offset":-0.5}}}}}"#;
        assert_eq!(read(text.as_bytes()), Some(settings()));
        let written: serde_json::Value = serde_json::from_slice(&write(&settings())).unwrap();
        assert_eq!(written.to_string().len(), text.len());
    }

    #[test]
    fn a_newer_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"v":2,"wonders":[]}"#;
        fs::write(folder.path().join(NAME), text).unwrap();
        let refused = SettingsFile::open(folder.path());
        assert!(matches!(refused, Err(SettingsError::TooNew { found: 2, .. })));
        assert_eq!(fs::read_to_string(folder.path().join(NAME)).unwrap(), text);
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_not_fatal() {
        for text in
            ["", "{", r#"{"v":1,"devices":{"a":{"calibrations":{"b":{"gain":0,"offset":0}}}}}"#]
        {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(NAME), text).unwrap();
            let (mut file, kept, aside) = SettingsFile::open(folder.path()).unwrap();
            assert!(kept.is_empty());
            assert_eq!(fs::read_to_string(aside.unwrap()).unwrap(), text);
            file.keep(&settings()).unwrap();
        }
    }
}
