use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::*;

const NOW: Duration = Duration::ZERO;
/// Far more than any test takes: it is never waited out.
const LONG: Duration = Duration::from_secs(60);

fn pty() -> (OwnedFd, PathBuf) {
    let device = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&device).unwrap();
    unlockpt(&device).unwrap();
    let path = ptsname(&device, Vec::new()).unwrap();
    (device, PathBuf::from(OsStr::from_bytes(path.as_bytes())))
}

fn read(tty: &mut Tty, patience: Duration) -> Result<Vec<u8>, NoData> {
    let mut buffer = [0; 64];
    let received = tty.read(&mut buffer, patience)?;
    Ok(buffer[..received.len].to_vec())
}

#[test]
fn bytes_arrive_as_they_were_sent_control_codes_and_all() {
    let (device, path) = pty();
    let mut tty = Tty::new(path, TtySettings::default());
    assert_eq!(read(&mut tty, NOW), Err(NoData::Silent));
    let sent = b"$GP\r\n\0\x03\x04\x11\x13\x1A\x7F\xFF\n";
    rustix::io::write(&device, sent).unwrap();
    let mut received = Vec::new();
    while received.len() < sent.len() {
        received.extend(read(&mut tty, LONG).unwrap());
    }
    assert_eq!(received, sent);
}

#[test]
fn silence_is_waited_out_and_no_longer_than_patience_says() {
    let (_device, path) = pty();
    let mut tty = Tty::new(path, TtySettings::default());
    let began = monotonic();
    assert_eq!(read(&mut tty, Duration::from_millis(30)), Err(NoData::Silent));
    assert!(monotonic().saturating_sub(began) >= Duration::from_millis(30));
}

#[test]
fn a_pulled_plug_is_absent_and_a_plug_put_back_is_heard_again() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("ttyUSB0");
    let mut tty = Tty::new(&link, TtySettings::default());
    assert_eq!(read(&mut tty, LONG), Err(NoData::Absent));
    for plug in [b"once", b"more"] {
        let (device, path) = pty();
        std::os::unix::fs::symlink(path, &link).unwrap();
        assert_eq!(read(&mut tty, NOW), Err(NoData::Silent));
        rustix::io::write(&device, plug).unwrap();
        assert_eq!(read(&mut tty, LONG).unwrap(), plug);
        drop(device);
        assert_eq!(read(&mut tty, LONG), Err(NoData::Absent));
        std::fs::remove_file(&link).unwrap();
        assert_eq!(read(&mut tty, LONG), Err(NoData::Absent));
    }
}

#[test]
fn two_readers_do_not_share_a_tty() {
    let (device, path) = pty();
    let mut first = Tty::new(&path, TtySettings::default());
    let mut second = Tty::new(&path, TtySettings::default());
    assert_eq!(read(&mut first, NOW), Err(NoData::Silent));
    assert_eq!(read(&mut second, NOW), Err(NoData::BusFault));
    drop(first);
    assert_eq!(read(&mut second, NOW), Err(NoData::Silent));
    rustix::io::write(&device, b"yours").unwrap();
    assert_eq!(read(&mut second, LONG).unwrap(), b"yours");
}

#[test]
fn what_was_said_before_opening_is_not_delivered_as_news() {
    let (device, path) = pty();
    let held_open = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut attributes = tcgetattr(&held_open).unwrap();
    attributes.make_raw();
    tcsetattr(&held_open, OptionalActions::Now, &attributes).unwrap();
    rustix::io::write(&device, b"old").unwrap();
    // Bytes cross a pseudo-terminal in their own time: wait until they are there to be dropped.
    poll(&mut [PollFd::new(&held_open, PollFlags::IN)], None).unwrap();
    let mut tty = Tty::new(&path, TtySettings::default());
    assert_eq!(read(&mut tty, NOW), Err(NoData::Silent));
    rustix::io::write(&device, b"new").unwrap();
    assert_eq!(read(&mut tty, LONG).unwrap(), b"new");
}

#[test]
fn baud_rate_and_parity_reach_the_tty() {
    let (_device, path) = pty();
    let mut tty = Tty::new(&path, TtySettings { baud: 115_200, parity: Parity::Even });
    assert_eq!(read(&mut tty, NOW), Err(NoData::Silent));
    let look = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let attributes = tcgetattr(&look).unwrap();
    assert_eq!(attributes.input_speed(), 115_200);
    assert!(attributes.input_modes.contains(InputModes::INPCK));
    assert!(attributes.control_modes.contains(ControlModes::CLOCAL | ControlModes::CREAD));
}

#[test]
fn a_file_that_is_no_tty_is_a_fault() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut tty = Tty::new(file.path(), TtySettings::default());
    assert_eq!(read(&mut tty, LONG), Err(NoData::BusFault));
}
