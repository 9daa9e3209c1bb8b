//! What outlives the process besides samples, as files in one folder; `docs/specs/commands.md` has
//! their formats; those of `derived.state` and `times.state` are in their modules.
//!
//! * [`SettingsFile`] — `settings.json`: kept settings, replaced as a whole.
//! * [`StateFile`] — `derived.state`: where the derived metrics stand, replaced as a whole.
//! * [`TimesFile`] — `times.state`: what is known of the wall time of the latest boots, replaced as a whole.
//! * [`AuditFile`] — `audit.jsonl`: one line per command, append-only, rotated once to `audit.1.jsonl`.
//!
//! # Deliberately absent
//!
//! Locking: the folder is the spool's, which has it to itself.

mod audit;
mod sealed;
mod settings;
mod state;
mod times;

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

pub use audit::{AUDIT_BYTES_MAX, AuditFile};
pub use sealed::StateError;
pub use settings::{SettingsError, SettingsFile};
pub use state::StateFile;
pub use times::TimesFile;

/// Puts `bytes` in the place of the file `name`: written beside it, synced, renamed, and the folder
/// synced, so that there is the old file or the new one whatever happens.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (new, path) = (folder.join(format!("{name}.new")), folder.join(name));
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, &path).map_err(|error| {
        if error.kind() == io::ErrorKind::IsADirectory {
            let what = format!("{} is a folder: move it away", path.display());
            io::Error::new(error.kind(), what)
        } else {
            error
        }
    })?;
    File::open(folder)?.sync_all()
}
