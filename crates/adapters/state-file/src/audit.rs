//! `audit.jsonl`: one JSON object per line and command, oldest first.
//!
//! # Invariants
//!
//! 1. Lines are only appended; when the file would grow beyond [`AUDIT_BYTES_MAX`] it becomes
//!    `audit.1.jsonl`, in the place of the one before. So the two hold at least the newest
//!    [`AUDIT_BYTES_MAX`] bytes there are.
//! 2. A line is synced before its command is answered.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ports::{Audit, AuditRecord, NotKept};
use serde::Serialize;
use serde_json::value::RawValue;

/// The longest that one of the two files gets, in bytes.
pub const AUDIT_BYTES_MAX: u64 = 1 << 20;

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    time_us: i64,
    mono_us: u64,
    who: &'a str,
    /// As on the wire, whatever it came by.
    request: Box<RawValue>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correction: Option<wire::command::Correction>,
}

/// The audit in one folder.
#[derive(Debug)]
pub struct AuditFile {
    folder: PathBuf,
    bytes_max: u64,
}

impl AuditFile {
    /// The audit in `folder`, of which each file gets no longer than [`AUDIT_BYTES_MAX`].
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), bytes_max: AUDIT_BYTES_MAX }
    }

    fn append(&self, record: &AuditRecord<'_>) -> io::Result<()> {
        let request = String::from_utf8_lossy(&wire::command::encode(record.command)).into_owned();
        let line = Line {
            v: 1,
            time_us: record.at.wall.as_micros(),
            mono_us: record.at.monotonic.as_micros(),
            who: record.who,
            request: RawValue::from_string(request)?,
            result: if record.outcome.is_ok() { "done" } else { "refused" },
            reason: record.outcome.as_ref().err().map(domain::Refusal::code),
            correction: record.correction.map(wire::command::Correction::from),
        };
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        let path = self.folder.join("audit.jsonl");
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if length > 0 && length + line.len() as u64 > self.bytes_max {
            fs::rename(&path, self.folder.join("audit.1.jsonl"))?;
        }
        let mut file = File::options().create(true).append(true).open(path)?;
        file.write_all(&line)?;
        file.sync_data()
    }
}

impl Audit for AuditFile {
    fn record(&mut self, record: &AuditRecord<'_>) -> Result<(), NotKept> {
        self.append(record).map_err(|cause| NotKept { what: "the audit", cause })
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Command, Correction, Monotonic, Procedure, QuantityKind, Refusal, Target, Timestamp,
        WallTime,
    };

    use super::*;

    fn record(audit: &mut AuditFile, outcome: &domain::Outcome) {
        let at = Timestamp::new(
            WallTime::from_nanos(1_795_432_624_123_456_000),
            Monotonic::from_nanos(61_000_002_000),
        );
        let command = Command::Reset(Target::Device("outdoor".to_owned()));
        let (who, correction) = ("uid 0 pid 7", None);
        audit.record(&AuditRecord { at, who, command: &command, outcome, correction }).unwrap();
    }

    /// Frozen: the audit is read by others. Do not change the test.
    #[test]
    fn version_1_audit_of_a_procedure() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0));
        let procedure = Procedure { name: None, target: Some(420.0) };
        let command = &Command::RunProcedure { device: "co2".to_owned(), procedure };
        let correction = Correction { number: -32.0, kind: QuantityKind::CarbonDioxide };
        let (outcome, correction) = (&Ok(()), Some(correction));
        let record = AuditRecord { at, who: "uid 0 pid 7", command, outcome, correction };
        AuditFile::new(folder.path()).record(&record).unwrap();
        let line = r#"{"v":1,"time_us":0,"mono_us":0,"who":"uid 0 pid 7","request":{"v":1,"command":"run_procedure","device":"co2","target":420.0},"result":"done","correction":{"number":-32.0,"unit":"[ppm]"}}"#;
        let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
        assert_eq!(text, format!("{line}\n"));
    }

    /// Frozen: the audit is read by others. Do not change the test.
    #[test]
    fn version_1_audit() {
        let folder = tempfile::tempdir().unwrap();
        let mut audit = AuditFile::new(folder.path());
        record(&mut audit, &Ok(()));
        record(&mut audit, &Err(Refusal::BadPeriod));
        let head = r#"{"v":1,"time_us":1795432624123456,"mono_us":61000002,"who":"uid 0 pid 7","request":{"v":1,"command":"reset","device":"outdoor"},"result":"#;
        let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
        let tails = ["\"done\"}", "\"refused\",\"reason\":\"bad_period\"}"];
        assert_eq!(text, tails.map(|tail| format!("{head}{tail}\n")).concat());
    }

    #[test]
    fn the_oldest_records_make_room_and_the_newest_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut audit = AuditFile { folder: folder.path().to_owned(), bytes_max: 1_000 };
        for _ in 0..100 {
            record(&mut audit, &Ok(()));
        }
        let lengths = ["audit.jsonl", "audit.1.jsonl"]
            .map(|name| fs::metadata(folder.path().join(name)).unwrap().len());
        assert!(lengths.iter().all(|&length| (1..=1_000).contains(&length)), "{lengths:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
