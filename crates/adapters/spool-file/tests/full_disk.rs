//! What a real file system does when a file may not grow: a short write, then an error.
//!
//! The test runs itself again under a shell with a limit on the size of files (`ulimit -f`) and the
//! signal for that ignored, so that the limit shows as `EFBIG` and needs no privilege.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of a test: a panic is how it fails"
)]

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use ports::{
    Position, Spool, SpoolError,
    contract::spool::{BOOT, reading},
};
use spool_file::{FileSpool, Options};

const CHILD: &str = "SPOOL_FILE_FULL_DISK_TEST_FOLDER";

fn open(folder: &Path) -> FileSpool {
    FileSpool::open(
        folder,
        Options {
            segment_bytes: 256 * 1024,
            bytes_max: 1 << 20,
            retain: 0,
            free_min: 0,
            reserve: 0,
        },
        BOOT,
    )
    .unwrap()
}

/// Appends until refused, a good deal before the segment is full by our own limit.
fn child(folder: &Path) {
    let spool = open(folder);
    let batch: Vec<_> = (0..100).map(|n| reading("a", n)).collect();
    let refused = (0..1_000).find_map(|_| spool.append(&batch).err()).expect("the limit never bit");
    assert!(matches!(refused, SpoolError::Full(_)), "{refused:?}");
    let end = spool.end();
    assert!(end > Position(0) && spool.append(&batch).is_err());
    assert_eq!((spool.end(), spool.heads()[0].1.0), (end, end.0), "a number was used up");
    // A smaller one may still fit; and delivery goes on.
    while spool.append(&batch[..1]).is_ok() {}
    assert_eq!(spool.backlog(Position(0), 10).unwrap().samples.len(), 10);
    spool.acknowledge(Position(10)).unwrap();
    spool.sync().unwrap();
}

#[test]
fn a_short_write_on_a_real_file_system_leaves_whole_records_only() {
    if let Some(folder) = env::var_os(CHILD) {
        return child(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 64; exec "$0" --exact "$1" --nocapture"#])
        .arg(env::current_exe().unwrap())
        .arg("a_short_write_on_a_real_file_system_leaves_whole_records_only")
        .env(CHILD, folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let spool = open(folder.path());
    assert_eq!((spool.cursor(), spool.count().corrupt), (Position(10), 0));
    let waiting = spool.end().0 - 10;
    let samples = spool.backlog(Position(0), usize::MAX).unwrap().samples;
    let numbers: Vec<_> = samples.iter().map(|sample| sample.seq.0).collect();
    assert_eq!(numbers, (11..=waiting + 10).collect::<Vec<_>>());
    assert_eq!(spool.append(&[reading("a", 0)]).unwrap().end, Position(waiting + 11));
}
