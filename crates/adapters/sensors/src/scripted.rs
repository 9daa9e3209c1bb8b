//! Test doubles: a scripted bus whose faults convert into reasons, a scripted byte source, and a line
//! with somebody at its far end.

use core::time::Duration;
use std::collections::VecDeque;

use domain::NoData;
use embedded_hal::{
    i2c::{self, I2c, Operation},
    spi::{self, SpiDevice},
};
use embedded_hal_mock::eh1::{i2c::Mock as I2cMock, spi::Mock as SpiMock};
use ports::{ByteSource, Received, SerialLine};

/// A mock bus, with errors that convert as those of a real adapter do.
#[derive(Clone, Debug)]
pub(crate) struct Scripted<B>(pub(crate) B);

/// What the script made the bus answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    I2c(i2c::ErrorKind),
    Spi(spi::ErrorKind),
}

impl From<Refused> for NoData {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::I2c(i2c::ErrorKind::NoAcknowledge(_)) => Self::Absent,
            // embedded-hal has no kind for a timeout: scripts say it so.
            Refused::I2c(i2c::ErrorKind::Overrun) => Self::Timeout,
            Refused::I2c(_) | Refused::Spi(_) => Self::BusFault,
        }
    }
}

impl i2c::Error for Refused {
    fn kind(&self) -> i2c::ErrorKind {
        match self {
            Self::I2c(kind) => *kind,
            Self::Spi(_) => i2c::ErrorKind::Other,
        }
    }
}

impl spi::Error for Refused {
    fn kind(&self) -> spi::ErrorKind {
        match self {
            Self::Spi(kind) => *kind,
            Self::I2c(_) => spi::ErrorKind::Other,
        }
    }
}

impl i2c::ErrorType for Scripted<I2cMock> {
    type Error = Refused;
}

impl I2c for Scripted<I2cMock> {
    fn transaction(&mut self, address: u8, ops: &mut [Operation<'_>]) -> Result<(), Refused> {
        self.0.transaction(address, ops).map_err(Refused::I2c)
    }

    // The mock tells a write_read from a transaction of the two.
    fn write_read(&mut self, address: u8, out: &[u8], into: &mut [u8]) -> Result<(), Refused> {
        self.0.write_read(address, out, into).map_err(Refused::I2c)
    }

    fn write(&mut self, address: u8, out: &[u8]) -> Result<(), Refused> {
        self.0.write(address, out).map_err(Refused::I2c)
    }

    fn read(&mut self, address: u8, into: &mut [u8]) -> Result<(), Refused> {
        self.0.read(address, into).map_err(Refused::I2c)
    }
}

impl spi::ErrorType for Scripted<SpiMock<u8>> {
    type Error = Refused;
}

impl SpiDevice for Scripted<SpiMock<u8>> {
    fn transaction(&mut self, ops: &mut [spi::Operation<'_, u8>]) -> Result<(), Refused> {
        SpiDevice::transaction(&mut self.0, ops).map_err(Refused::Spi)
    }
}

/// Plays bytes in given portions, 1 ms each; then what is left of patience passes in silence.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    portions: VecDeque<Result<Vec<u8>, NoData>>,
}

impl Tape {
    pub(crate) fn of(bytes: &[u8], portion: usize) -> Self {
        Self { portions: bytes.chunks(portion.max(1)).map(|chunk| Ok(chunk.to_vec())).collect() }
    }

    pub(crate) fn then(mut self, next: Result<&[u8], NoData>) -> Self {
        self.portions.push_back(next.map(<[u8]>::to_vec));
        self
    }
}

impl ByteSource for Tape {
    fn read(&mut self, buffer: &mut [u8], _patience: Duration) -> Result<Received, NoData> {
        let mut portion = self.portions.pop_front().unwrap_or(Err(NoData::Silent))?;
        let rest = portion.split_off(portion.len().min(buffer.len()));
        if !rest.is_empty() {
            self.portions.push_front(Ok(rest));
        }
        buffer[..portion.len()].copy_from_slice(&portion);
        Ok(Received { len: portion.len(), waited: Duration::from_millis(1) })
    }
}

/// What comes after a request: a portion of bytes and the pause in front of it, or a fault.
pub(crate) type Utterance = Result<(Duration, Vec<u8>), NoData>;

/// A line whose far end answers as a function says. Time passes by reading only.
pub(crate) struct Line<F> {
    pub(crate) answer: F,
    /// What is said unasked, and next.
    pub(crate) coming: VecDeque<Utterance>,
    pub(crate) requests: Vec<Vec<u8>>,
}

impl<F: FnMut(&[u8]) -> Vec<Utterance> + Send> Line<F> {
    pub(crate) fn to(answer: F) -> Self {
        Self { answer, coming: VecDeque::new(), requests: Vec::new() }
    }
}

impl<F: FnMut(&[u8]) -> Vec<Utterance> + Send> ByteSource for Line<F> {
    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<Received, NoData> {
        let Some(next) = self.coming.pop_front() else { return Err(NoData::Silent) };
        let (pause, mut bytes) = next?;
        if let Some(left) = pause.checked_sub(patience).filter(|left| !left.is_zero()) {
            self.coming.push_front(Ok((left, bytes)));
            return Err(NoData::Silent);
        }
        let rest = bytes.split_off(bytes.len().min(buffer.len()));
        if !rest.is_empty() {
            self.coming.push_front(Ok((Duration::ZERO, rest)));
        }
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Received { len: bytes.len(), waited: pause })
    }
}

impl<F: FnMut(&[u8]) -> Vec<Utterance> + Send> SerialLine for Line<F> {
    fn write(&mut self, bytes: &[u8], _patience: Duration) -> Result<(), NoData> {
        self.requests.push(bytes.to_vec());
        let answer = (self.answer)(bytes);
        self.coming.extend(answer);
        Ok(())
    }

    fn discard_input(&mut self) -> Result<(), NoData> {
        self.coming.retain(|next| !matches!(next, Ok((Duration::ZERO, _))));
        Ok(())
    }
}
