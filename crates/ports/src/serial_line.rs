//! The port to a line on which we ask and devices answer, as the wires of a field bus.

use core::time::Duration;

use domain::NoData;

use crate::ByteSource;

/// A line in both directions: what [`ByteSource`] hears, and a way to speak.
///
/// One master owns it. Several devices may hang on it; who is meant is said by the bytes.
///
/// # Contract
///
/// * **Hearing** — the contract of [`ByteSource`]. What the line gives back of our own words is not
///   delivered if the line is known to do that.
/// * **Speaking** — [`write`](Self::write) sends all of the bytes, in order, each once, or says why
///   not; it never says `Ok` to a part. On return the last of them has left, so that the line is free
///   for the answer.
/// * **Time** — `write` returns at the latest a little after `patience`: the bytes' own time on the
///   wire is part of it. [`discard_input`](Self::discard_input) does not wait.
/// * **Failure** — after a failed `write` nobody knows how much has arrived. [`NoData::Timeout`] if
///   `patience` did not suffice; nothing that was left is sent later. A line that has come back works
///   again without being made anew.
pub trait SerialLine: ByteSource {
    /// Sends `bytes`, which must not be empty, and waits until they have left.
    ///
    /// # Errors
    ///
    /// The reason that they have not, or not all of them.
    fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), NoData>;

    /// Drops what has come in and was not read. What comes after the call is read as ever.
    ///
    /// # Errors
    ///
    /// The reason that the line cannot be used.
    fn discard_input(&mut self) -> Result<(), NoData>;
}

impl<L: SerialLine + ?Sized> SerialLine for Box<L> {
    fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), NoData> {
        (**self).write(bytes, patience)
    }

    fn discard_input(&mut self) -> Result<(), NoData> {
        (**self).discard_input()
    }
}

#[cfg(feature = "mocks")]
mockall::mock! {
    /// A line that a test scripts.
    pub SerialLine {}

    impl ByteSource for SerialLine {
        fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<crate::Received, NoData>;
    }

    impl SerialLine for SerialLine {
        fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), NoData>;
        fn discard_input(&mut self) -> Result<(), NoData>;
    }
}
