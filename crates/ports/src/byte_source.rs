//! The port to bytes that arrive unasked, as from a UART.

use core::time::Duration;

use domain::NoData;

/// What one read of a [`ByteSource`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes are in the buffer; never 0.
    pub len: usize,
    /// How long the read took. Whoever waits across several reads counts down by this.
    pub waited: Duration,
}

/// A stream of bytes from a device that speaks when it likes.
///
/// # Contract
///
/// * **Shape** — bytes come in order, each once; where one read ends and the next begins means
///   nothing. What the device said before the source was opened is not delivered.
/// * **Time** — [`read`](Self::read) returns as soon as there is a byte, and at the latest a little
///   after `patience`. With no patience it takes what is there.
/// * **Failure** — [`NoData::Silent`] after all of `patience` has passed; any other reason means that
///   bytes may have been lost, and comes at once: pausing before the next attempt is the caller's
///   part. A source that has come back works again without being made anew.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait ByteSource: Send {
    /// Waits for bytes and moves what fits into `buffer`, which must not be empty.
    ///
    /// # Errors
    ///
    /// The reason that no byte came.
    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<Received, NoData>;
}

impl<S: ByteSource + ?Sized> ByteSource for Box<S> {
    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<Received, NoData> {
        (**self).read(buffer, patience)
    }
}
