use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use ports::contract::serial_line::{self, FarEnd};
use rustix::{
    event::{PollFd, PollFlags, poll},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{ControlModes, InputModes},
};
use tempfile::TempDir;

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
    let settings = TtySettings { baud: 115_200, parity: Parity::Even, ..TtySettings::default() };
    let mut tty = Tty::new(&path, settings);
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

/// A pseudo-terminal behind a link, as `/dev/serial/by-id` has them: plugged in again it is another.
struct Socket {
    folder: TempDir,
    plugged: Option<(OwnedFd, PathBuf)>,
    settings: TtySettings,
}

impl Socket {
    fn new(settings: TtySettings) -> Self {
        let mut socket = Self { folder: tempfile::tempdir().unwrap(), plugged: None, settings };
        socket.replug();
        socket
    }

    fn link(&self) -> PathBuf {
        self.folder.path().join("usb-FTDI_FT232R-if00-port0")
    }

    fn device(&self) -> &OwnedFd {
        &self.plugged.as_ref().unwrap().0
    }
}

impl FarEnd for Socket {
    type Line = SharedTty;

    fn line(&mut self) -> SharedTty {
        let mut line = SharedTty::new(Tty::new(self.link(), self.settings));
        assert_eq!(line.read(&mut [0], NOW), Err(NoData::Silent), "open from here on");
        line
    }

    fn say(&mut self, bytes: &[u8]) {
        let (device, path) = self.plugged.as_ref().unwrap();
        let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK;
        let near = rustix::fs::open(path, flags, Mode::empty()).unwrap();
        let arrived = || rustix::io::ioctl_fionread(&near).unwrap();
        let expected = arrived() + bytes.len() as u64;
        rustix::io::write(device, bytes).unwrap();
        while arrived() < expected {
            std::thread::yield_now();
        }
    }

    fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        while heard.len() < count {
            let mut buffer = [0; 64];
            let len = rustix::io::read(self.device(), &mut buffer).unwrap();
            heard.extend_from_slice(&buffer[..len]);
        }
        heard
    }

    fn unplug(&mut self) {
        self.plugged = None;
        std::fs::remove_file(self.link()).unwrap();
    }

    fn replug(&mut self) {
        let (device, path) = pty();
        std::os::unix::fs::symlink(&path, self.link()).unwrap();
        self.plugged = Some((device, path));
    }
}

#[test]
fn a_tty_keeps_the_contract_of_a_serial_line() {
    serial_line::holds(|| Socket::new(TtySettings::default()));
}

#[test]
fn clones_of_a_shared_tty_are_one_tty() {
    let mut socket = Socket::new(TtySettings::default());
    let mut first = socket.line();
    let mut second = first.clone();
    second.write(b"ask", LONG).unwrap();
    assert_eq!(socket.hear(3), b"ask");
    socket.say(b"answer");
    assert_eq!(first.read(&mut [0; 9], LONG).unwrap().len, 6);
    assert_eq!(second.read(&mut [0; 9], NOW), Err(NoData::Silent));
}

#[test]
fn what_an_adapter_hears_of_itself_is_not_an_answer() {
    let mut socket = Socket::new(TtySettings { has_echo: true, ..TtySettings::default() });
    let mut line = socket.line();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let request = socket.hear(4);
            // The line reads at the same time, so nobody can see what has arrived.
            for portion in [&request[..1], &request[1..], b"answer"] {
                rustix::io::write(socket.device(), portion).unwrap();
            }
        });
        line.write(b"ask\n", LONG).unwrap();
        let (mut heard, mut buffer) = (Vec::new(), [0; 9]);
        while heard.len() < 6 {
            let len = line.read(&mut buffer, LONG).unwrap().len;
            heard.extend_from_slice(&buffer[..len]);
        }
        assert_eq!(heard, b"answer");
    });
}

#[test]
fn an_echo_that_differs_or_stays_away_is_a_failure() {
    let mut socket = Socket::new(TtySettings { has_echo: true, ..TtySettings::default() });
    let mut line = socket.line();
    socket.say(b"asx");
    assert_eq!(line.write(b"ask", LONG), Err(NoData::BusFault), "another one spoke");
    assert_eq!(line.write(b"ask", Duration::from_millis(10)), Err(NoData::Timeout));
}

#[test]
fn a_write_that_nobody_takes_ends_with_patience() {
    let socket = Socket::new(TtySettings::default());
    let mut line = SharedTty::new(Tty::new(socket.link(), socket.settings));
    // Far more than a pseudo-terminal holds.
    let began = monotonic();
    let outcome = line.write(&vec![0x55; 1 << 20], Duration::from_millis(30));
    assert_eq!(outcome, Err(NoData::Timeout));
    assert!(monotonic().saturating_sub(began) >= Duration::from_millis(30));
}

#[test]
fn a_driver_without_rs485_is_not_taken_for_one_that_has_it() {
    let settings = TtySettings { rs485: Some(Rs485::default()), ..TtySettings::default() };
    let socket = Socket::new(settings);
    let mut tty = Tty::new(socket.link(), settings);
    assert_eq!(read(&mut tty, NOW), Err(NoData::BusFault));
}

#[test]
fn each_setting_becomes_its_bits() {
    let (device, _) = pty();
    let modes = |settings| {
        let mut attributes = tcgetattr(&device).unwrap();
        settings::arrange(&mut attributes, settings).unwrap();
        let framing = ControlModes::CSIZE
            | ControlModes::CSTOPB
            | ControlModes::PARENB
            | ControlModes::PARODD;
        (attributes.control_modes & framing, attributes.input_modes & InputModes::ISTRIP)
    };
    let usual = TtySettings::default();
    let none = InputModes::empty();
    assert_eq!(modes(usual), (ControlModes::CS8, none));
    let two = TtySettings { stop_bits: StopBits::Two, ..usual };
    assert_eq!(modes(two), (ControlModes::CS8 | ControlModes::CSTOPB, none));
    let odd = ControlModes::CS8 | ControlModes::PARENB | ControlModes::PARODD;
    assert_eq!(modes(TtySettings { parity: Parity::Odd, ..usual }), (odd, none));
    let seven_even = TtySettings { data_bits: DataBits::Seven, parity: Parity::Even, ..usual };
    let expected = (ControlModes::CS7 | ControlModes::PARENB, InputModes::ISTRIP);
    assert_eq!(modes(seven_even), expected);
}
