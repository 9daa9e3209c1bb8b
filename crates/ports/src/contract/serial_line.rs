//! The contract of [`SerialLine`], clause by clause, that of [`ByteSource`](crate::ByteSource) with it.
//!
//! The suite holds both ends: the line under test, and through [`FarEnd`] the device at the other end
//! of the wire.

#![expect(clippy::expect_used, reason = "a suite for tests: a panic is how it reports")]

use core::time::Duration;

use domain::NoData;

use crate::{ByteSource as _, SerialLine};

/// Far more than any clause takes: it is never waited out.
const LONG: Duration = Duration::from_secs(60);
/// Short, and waited out.
const SHORT: Duration = Duration::from_millis(20);

/// A request that has every kind of byte that a line in a wrong mode would change.
const REQUEST: &[u8] = b"\x01\x03\x00\x0A\x0D\x11\x13\x7F\xFF\x1A\x04\r\n";

/// The device's end of the line under test.
pub trait FarEnd {
    /// The line under test.
    type Line: SerialLine;

    /// The near end; called once, while plugged in.
    fn line(&mut self) -> Self::Line;

    /// Says `bytes` now. They have arrived at the near end on return.
    fn say(&mut self, bytes: &[u8]);

    /// Waits until `count` bytes have come, and gives them.
    fn hear(&mut self, count: usize) -> Vec<u8>;

    /// Pulls the plug.
    fn unplug(&mut self);

    /// Puts the plug back.
    fn replug(&mut self);
}

/// Runs every clause on a fresh line each.
///
/// # Panics
///
/// Where the contract is broken.
pub fn holds<F: FarEnd>(mut fresh: impl FnMut() -> F) {
    bytes_come_as_they_were_said_each_once(&mut fresh());
    silence_is_waited_out(&mut fresh());
    a_request_arrives_whole_and_its_answer_comes_back(&mut fresh());
    what_is_discarded_does_not_come_and_what_follows_does(&mut fresh());
    a_pulled_plug_is_no_silence_and_the_line_comes_back(&mut fresh());
}

/// Reads until `count` bytes have come.
fn read(line: &mut impl SerialLine, count: usize) -> Vec<u8> {
    let (mut heard, mut buffer) = (Vec::new(), [0; 7]);
    while heard.len() < count {
        let received = line.read(&mut buffer, LONG).expect("bytes");
        assert!(received.len > 0, "a read of nothing is an error, never Ok");
        heard.extend_from_slice(&buffer[..received.len]);
    }
    heard
}

/// Opens the line: what was said before is not delivered.
fn open(line: &mut impl SerialLine) {
    assert_eq!(line.read(&mut [0; 7], Duration::ZERO), Err(NoData::Silent));
}

fn bytes_come_as_they_were_said_each_once<F: FarEnd>(far: &mut F) {
    let mut line = far.line();
    open(&mut line);
    far.say(REQUEST);
    far.say(b"more");
    assert_eq!(read(&mut line, REQUEST.len() + 4), [REQUEST, b"more"].concat());
    assert_eq!(line.read(&mut [0; 7], Duration::ZERO), Err(NoData::Silent));
}

fn silence_is_waited_out<F: FarEnd>(far: &mut F) {
    let mut line = far.line();
    assert_eq!(line.read(&mut [0; 7], SHORT), Err(NoData::Silent));
    far.say(b"x");
    let received = line.read(&mut [0; 7], LONG).expect("a byte");
    assert!(received.waited < LONG, "returned as soon as there was a byte");
}

fn a_request_arrives_whole_and_its_answer_comes_back<F: FarEnd>(far: &mut F) {
    let mut line = far.line();
    for answer in [&b"one"[..], b"two"] {
        line.write(REQUEST, LONG).expect("written");
        assert_eq!(far.hear(REQUEST.len()), REQUEST);
        far.say(answer);
        assert_eq!(read(&mut line, answer.len()), answer);
    }
}

fn what_is_discarded_does_not_come_and_what_follows_does<F: FarEnd>(far: &mut F) {
    let mut line = far.line();
    line.discard_input().expect("nothing to discard is no fault");
    far.say(b"late");
    line.discard_input().expect("discarded");
    assert_eq!(line.read(&mut [0; 7], Duration::ZERO), Err(NoData::Silent));
    far.say(b"new");
    assert_eq!(read(&mut line, 3), b"new");
}

fn a_pulled_plug_is_no_silence_and_the_line_comes_back<F: FarEnd>(far: &mut F) {
    let mut line = far.line();
    open(&mut line);
    for _ in 0..2 {
        far.unplug();
        let gone = line.read(&mut [0; 7], LONG);
        assert!(gone.is_err_and(|reason| reason != NoData::Silent), "{gone:?}");
        assert!(line.write(REQUEST, LONG).is_err(), "nobody is there to hear");
        assert!(line.discard_input().is_err());
        far.replug();
        line.write(REQUEST, LONG).expect("the same line works again");
        assert_eq!(far.hear(REQUEST.len()), REQUEST);
        far.say(b"back");
        assert_eq!(read(&mut line, 4), b"back");
    }
}
