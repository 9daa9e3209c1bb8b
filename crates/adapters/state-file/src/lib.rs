//! What outlives the process besides samples, as files in one folder; `docs/specs/commands.md` has
//! their formats.
//!
//! * [`SettingsFile`] — `settings.json`: kept settings, replaced as a whole.
//! * [`AuditFile`] — `audit.jsonl`: one line per command, append-only, rotated once to `audit.1.jsonl`.
//!
//! # Deliberately absent
//!
//! Locking: the folder is the spool's, which has it to itself.

mod audit;
mod settings;

pub use audit::{AUDIT_BYTES_MAX, AuditFile};
pub use settings::{SettingsError, SettingsFile};
