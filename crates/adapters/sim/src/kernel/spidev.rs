//! The ioctls of `linux/spi/spidev.h`, answered from a chip behind a chip select in memory.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::io::Errno;

use super::{
    answer::{Answer, Refusal, Write},
    child::Child,
};
use crate::bus::SpiLine;

/// Numbers of the requests; 0 is `SPI_IOC_MESSAGE`.
const MESSAGE: u32 = 0;
const MODE: u32 = 1;
const LSB_FIRST: u32 = 2;
const BITS_PER_WORD: u32 = 3;
const MAX_SPEED_HZ: u32 = 4;
const MODE32: u32 = 5;

/// `_IOC_WRITE` and `_IOC_READ`, as seen from the program.
const WRITES: u32 = 1;
const READS: u32 = 2;
/// `sizeof(struct spi_ioc_transfer)`
const TRANSFER_SIZE: usize = 32;
/// Bytes of one message: spidev's default `bufsiz`.
const BYTES_MAX: usize = 4096;
/// CPHA, CPOL and `LSB_FIRST`: what a simple controller can do.
const MODES: u32 = 0x01 | 0x02 | MODE_LSB_FIRST;
const MODE_LSB_FIRST: u32 = 0x08;

/// A chip select's node: the line, and the settings that the kernel keeps for all who open it.
#[derive(Clone)]
pub(super) struct SpiNode {
    line: SpiLine,
    settings: Arc<Mutex<Settings>>,
}

#[derive(Clone, Copy)]
struct Settings {
    mode: u32,
    bits_per_word: u8,
    speed_hz: u32,
}

impl SpiNode {
    pub(super) fn new(line: SpiLine) -> Self {
        let settings = Settings { mode: 0, bits_per_word: 8, speed_hz: 500_000 };
        Self { line, settings: Arc::new(Mutex::new(settings)) }
    }

    /// Answers `request` with `argument`.
    pub(super) fn ioctl(
        &self,
        child: Child,
        request: u32,
        argument: u64,
    ) -> Result<Answer, Refusal> {
        let (number, direction) = (request & 0xFF, request >> 30);
        let size = usize::try_from(request >> 16 & 0x3FFF).unwrap_or(0);
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        match (direction, number, size) {
            (WRITES, MESSAGE, size) => message(&self.line, child, argument, size),
            (READS, MODE | LSB_FIRST | BITS_PER_WORD, 1) => {
                let [low, ..] = settings.get(number).to_ne_bytes();
                Ok(reply(argument, &[low]))
            }
            (READS, MAX_SPEED_HZ | MODE32, 4) => {
                Ok(reply(argument, &settings.get(number).to_ne_bytes()))
            }
            (WRITES, MODE | LSB_FIRST | BITS_PER_WORD, 1) => {
                let [value] = child.array(argument)?;
                settings.set(number, u32::from(value))
            }
            (WRITES, MAX_SPEED_HZ | MODE32, 4) => {
                settings.set(number, u32::from_ne_bytes(child.array(argument)?))
            }
            _ => Err(Errno::NOTTY.into()),
        }
    }
}

impl Settings {
    fn get(self, number: u32) -> u32 {
        match number {
            BITS_PER_WORD => u32::from(self.bits_per_word),
            MAX_SPEED_HZ => self.speed_hz,
            LSB_FIRST => u32::from(self.mode & MODE_LSB_FIRST != 0),
            _ => self.mode,
        }
    }

    fn set(&mut self, number: u32, value: u32) -> Result<Answer, Refusal> {
        match number {
            MODE | MODE32 if value & !MODES == 0 => self.mode = value,
            LSB_FIRST if value == 0 => self.mode &= !MODE_LSB_FIRST,
            LSB_FIRST => self.mode |= MODE_LSB_FIRST,
            // 0 means 8; the chips here know bytes only.
            BITS_PER_WORD if value == 0 || value == 8 => self.bits_per_word = 8,
            MAX_SPEED_HZ if value != 0 => self.speed_hz = value,
            _ => return Err(Errno::INVAL.into()),
        }
        Ok(Answer::done(0))
    }
}

fn reply(address: u64, bytes: &[u8]) -> Answer {
    Answer::Done { value: 0, writes: vec![Write { address, bytes: bytes.to_vec() }] }
}

/// One `struct spi_ioc_transfer`.
struct Transfer {
    tx: u64,
    rx: u64,
    length: usize,
    deselects_after: bool,
}

fn message(line: &SpiLine, child: Child, argument: u64, size: usize) -> Result<Answer, Refusal> {
    if !size.is_multiple_of(TRANSFER_SIZE) {
        return Err(Errno::INVAL.into());
    }
    let list = child.bytes(argument, size)?;
    let transfers: Vec<_> =
        list.chunks_exact(TRANSFER_SIZE).map(parse).collect::<Result<_, _>>()?;
    let total: usize = transfers.iter().map(|transfer| transfer.length).sum();
    if total > BYTES_MAX {
        return Err(Errno::MSGSIZE.into());
    }
    let (mut writes, mut held) = (Vec::new(), Duration::ZERO);
    // The chip stays selected from one transfer to the next unless told otherwise.
    for selected in transfers.chunk_by(|earlier, _| !earlier.deselects_after) {
        held += exchange(line, child, selected, &mut writes)?;
    }
    Ok(Answer::Done { value: i64::try_from(total).unwrap_or(i64::MAX), writes }.after(held))
}

/// tx and rx pointer, length, speed, delay, bits per word, deselect, and what only wider wires use.
fn parse(transfer: &[u8]) -> Result<Transfer, Errno> {
    let (words, _) = transfer.as_chunks::<8>();
    let &[tx, rx, length_and_speed, options] = words else { return Err(Errno::INVAL) };
    let [l0, l1, l2, l3, ..] = length_and_speed;
    let [_, _, bits_per_word, deselect, tx_lines, rx_lines, ..] = options;
    if !matches!(bits_per_word, 0 | 8) || tx_lines > 1 || rx_lines > 1 {
        return Err(Errno::INVAL);
    }
    let length = u32::from_ne_bytes([l0, l1, l2, l3]);
    let length = usize::try_from(length).ok().filter(|&length| length <= BYTES_MAX);
    Ok(Transfer {
        tx: u64::from_ne_bytes(tx),
        rx: u64::from_ne_bytes(rx),
        length: length.ok_or(Errno::MSGSIZE)?,
        deselects_after: deselect != 0,
    })
}

fn exchange(
    line: &SpiLine,
    child: Child,
    selected: &[Transfer],
    writes: &mut Vec<Write>,
) -> Result<Duration, Refusal> {
    let mut frame = Vec::new();
    for transfer in selected {
        match transfer.tx {
            0 => frame.resize(frame.len() + transfer.length, 0),
            tx => frame.extend(child.bytes(tx, transfer.length)?),
        }
    }
    let held = line.exchange(&mut frame)?;
    let mut received = frame.as_slice();
    for transfer in selected {
        let (mine, rest) = received.split_at(transfer.length);
        received = rest;
        if transfer.rx != 0 {
            writes.push(Write { address: transfer.rx, bytes: mine.to_vec() });
        }
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::SpiChip;

    /// Answers each byte with its place in the frame.
    struct Ruler;

    impl SpiChip for Ruler {
        fn power_on(&mut self) {}

        fn transfer(&mut self, frame: &mut [u8]) {
            for (place, byte) in (0..).zip(frame) {
                *byte = place;
            }
        }
    }

    /// Places in `struct spi_ioc_transfer`.
    const BITS: usize = 26;
    const DESELECT: usize = 27;
    const RX_LINES: usize = 29;

    /// A transfer of `length` bytes into the memory at `rx`, with `options` set.
    fn transfer(rx: u64, length: u32, options: &[(usize, u8)]) -> [u8; TRANSFER_SIZE] {
        let mut bytes = [0; TRANSFER_SIZE];
        bytes[8..16].copy_from_slice(&rx.to_ne_bytes());
        bytes[16..20].copy_from_slice(&length.to_ne_bytes());
        for &(at, value) in options {
            bytes[at] = value;
        }
        bytes
    }

    fn send(transfers: &[[u8; TRANSFER_SIZE]]) -> Result<(i64, Vec<Write>), Errno> {
        let list = transfers.concat();
        let myself = Child(std::process::id().cast_signed());
        let line = SpiLine::new(Ruler);
        match message(&line, myself, list.as_ptr().addr() as u64, list.len()) {
            Ok(Answer::Done { value, writes }) => Ok((value, writes)),
            Ok(_) => panic!("a message is done or refused"),
            Err(refusal) => Err(refusal.errno),
        }
    }

    #[test]
    fn the_chip_stays_selected_until_a_transfer_says_otherwise() {
        let found = send(&[
            transfer(100, 2, &[]),
            transfer(0, 1, &[]), // Its bytes are clocked and not wanted.
            transfer(200, 1, &[(DESELECT, 1)]),
            transfer(300, 2, &[]),
        ]);
        let write = |address, bytes: &[u8]| Write { address, bytes: bytes.to_vec() };
        let expected = vec![write(100, &[0, 1]), write(200, &[3]), write(300, &[0, 1])];
        assert_eq!(found, Ok((6, expected)));
    }

    #[test]
    fn what_the_controller_cannot_do_is_refused() {
        assert_eq!(send(&[transfer(1, 1, &[(BITS, 9)])]), Err(Errno::INVAL));
        assert_eq!(send(&[transfer(1, 1, &[(RX_LINES, 4)])]), Err(Errno::INVAL));
        assert_eq!(send(&[transfer(1, 3_000, &[]), transfer(1, 3_000, &[])]), Err(Errno::MSGSIZE));
        assert_eq!(send(&[transfer(1, u32::MAX, &[])]), Err(Errno::MSGSIZE));
        assert_eq!(send(&[]), Ok((0, Vec::new())));
    }
}
