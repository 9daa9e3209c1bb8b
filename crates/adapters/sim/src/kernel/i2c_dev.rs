//! The ioctls of `linux/i2c-dev.h`, answered from a bus in memory.

use std::time::Duration;

use embedded_hal::i2c::Operation;
use rustix::io::Errno;

use super::{
    answer::{Answer, Refusal, Write},
    child::Child,
};
use crate::bus::I2cBus;

const I2C_RETRIES: u32 = 0x0701;
const I2C_TIMEOUT: u32 = 0x0702;
const I2C_SLAVE: u32 = 0x0703;
const I2C_TENBIT: u32 = 0x0704;
const I2C_FUNCS: u32 = 0x0705;
const I2C_SLAVE_FORCE: u32 = 0x0706;
const I2C_RDWR: u32 = 0x0707;
const I2C_PEC: u32 = 0x0708;
const I2C_SMBUS: u32 = 0x0720;

/// `I2C_FUNC_I2C` and `I2C_FUNC_NOSTART`: plain transactions, no `SMBus`.
const FUNCTIONS: u64 = 0x01 | 0x10;
/// `I2C_M_RD` and `I2C_M_NOSTART`, the only message flags of an adapter with `FUNCTIONS`.
/// linux-embedded-hal sets the second between neighbours of one direction.
const READ: u16 = 0x0001;
const NO_START: u16 = 0x4000;
/// `I2C_RDWR_IOCTL_MAX_MSGS`
const MESSAGES_MAX: u32 = 42;
/// Per message, as in `i2cdev_ioctl_rdwr`.
const BYTES_MAX: u16 = 8192;
/// `sizeof(struct i2c_msg)` with 64-bit pointers.
const MESSAGE_SIZE: usize = 16;

/// Answers `request` with `argument` on a node of `bus`.
pub(super) fn ioctl(
    child: Child,
    bus: &I2cBus,
    request: u32,
    argument: u64,
) -> Result<Answer, Refusal> {
    match request {
        I2C_SLAVE | I2C_SLAVE_FORCE if argument > 0x7F => Err(Errno::INVAL.into()),
        I2C_SLAVE if u8::try_from(argument).is_ok_and(|address| bus.is_claimed(address)) => {
            Err(Errno::BUSY.into())
        }
        // Addresses travel with each message; the one of the file serves `read` and `write` only.
        I2C_SLAVE | I2C_SLAVE_FORCE | I2C_RETRIES | I2C_TIMEOUT => Ok(Answer::done(0)),
        I2C_PEC | I2C_TENBIT if argument == 0 => Ok(Answer::done(0)),
        I2C_PEC | I2C_TENBIT => Err(Errno::INVAL.into()),
        I2C_FUNCS => {
            let bytes = FUNCTIONS.to_ne_bytes().to_vec();
            Ok(Answer::Done { value: 0, writes: vec![Write { address: argument, bytes }] })
        }
        I2C_RDWR => transact(bus, segments(child, argument)?),
        I2C_SMBUS => Err(Errno::OPNOTSUPP.into()),
        _ => Err(Errno::NOTTY.into()),
    }
}

/// What lies between a start and the next, and where what is read goes.
struct Segment {
    address: u8,
    is_read: bool,
    bytes: Vec<u8>,
    buffers: Vec<Buffer>,
}

/// Memory of the child.
struct Buffer {
    address: u64,
    length: usize,
}

/// `struct i2c_rdwr_ioctl_data` and what it points at.
fn segments(child: Child, argument: u64) -> Result<(Vec<Segment>, u32), Errno> {
    let [list @ .., n0, n1, n2, n3] = child.array::<12>(argument)?;
    let count = u32::from_ne_bytes([n0, n1, n2, n3]);
    if count == 0 || count > MESSAGES_MAX {
        return Err(Errno::INVAL);
    }
    let size = MESSAGE_SIZE * usize::try_from(count).map_err(|_| Errno::INVAL)?;
    let list = child.bytes(u64::from_ne_bytes(list), size)?;
    let mut segments = Vec::new();
    for message in list.chunks_exact(MESSAGE_SIZE) {
        add(child, message, &mut segments)?;
    }
    Ok((segments, count))
}

/// Adds a `struct i2c_msg`: address, flags and length of 16 bits each, padding, pointer.
fn add(child: Child, message: &[u8], segments: &mut Vec<Segment>) -> Result<(), Errno> {
    let &[a0, a1, f0, f1, l0, l1, _, _, ref pointer @ ..] = message else {
        return Err(Errno::INVAL);
    };
    let flags = u16::from_ne_bytes([f0, f1]);
    let length = u16::from_ne_bytes([l0, l1]);
    let at = u64::from_ne_bytes(pointer.try_into().map_err(|_| Errno::INVAL)?);
    let address = u8::try_from(u16::from_ne_bytes([a0, a1])).ok().filter(|&a| a <= 0x7F);
    let address = address.ok_or(Errno::INVAL)?;
    if flags & !(READ | NO_START) != 0 {
        return Err(Errno::OPNOTSUPP);
    }
    if length > BYTES_MAX {
        return Err(Errno::INVAL);
    }
    let is_read = flags & READ != 0;
    let length = usize::from(length);
    let bytes = if is_read { vec![0; length] } else { child.bytes(at, length)? };
    let buffer = Buffer { address: at, length };
    if flags & NO_START == 0 {
        segments.push(Segment { address, is_read, bytes, buffers: vec![buffer] });
        return Ok(());
    }
    // Without a start it can only go on as the last one did.
    let last = segments.last_mut().filter(|s| s.address == address && s.is_read == is_read);
    let last = last.ok_or(Errno::INVAL)?;
    last.bytes.extend(bytes);
    last.buffers.push(buffer);
    Ok(())
}

/// Runs the segments; neighbours with one address are one transaction to its chip.
fn transact(bus: &I2cBus, (mut segments, count): (Vec<Segment>, u32)) -> Result<Answer, Refusal> {
    let mut held = Duration::ZERO;
    for run in segments.chunk_by_mut(|a, b| a.address == b.address) {
        let Some(address) = run.first().map(|segment| segment.address) else { continue };
        let mut operations: Vec<_> = run
            .iter_mut()
            .map(|segment| {
                if segment.is_read {
                    Operation::Read(&mut segment.bytes)
                } else {
                    Operation::Write(&segment.bytes)
                }
            })
            .collect();
        held += bus.transfer(address, &mut operations)?;
    }
    let mut writes = Vec::new();
    for segment in segments.iter().filter(|segment| segment.is_read) {
        let mut rest = segment.bytes.as_slice();
        for buffer in &segment.buffers {
            let (mine, others) = rest.split_at(buffer.length);
            writes.push(Write { address: buffer.address, bytes: mine.to_vec() });
            rest = others;
        }
    }
    Ok(Answer::Done { value: i64::from(count), writes }.after(held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips::{I2cChip, Nak};

    /// Reads as the bytes of its last write segment, over and over.
    #[derive(Default)]
    struct Echo(Vec<u8>);

    impl I2cChip for Echo {
        fn power_on(&mut self) {}

        fn write(&mut self, bytes: &[u8]) -> Result<(), Nak> {
            self.0 = bytes.to_vec();
            Ok(())
        }

        fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
            for (byte, heard) in bytes.iter_mut().zip(self.0.iter().cycle()) {
                *byte = *heard;
            }
            Ok(())
        }
    }

    /// A child of our own memory, in which `messages` are (address, flags, bytes).
    fn transact_all(messages: &[(u16, u16, &[u8])]) -> Result<(i64, Vec<Vec<u8>>), Errno> {
        let mut list = Vec::new();
        for (address, flags, bytes) in messages {
            let length = u16::try_from(bytes.len()).unwrap();
            let at = bytes.as_ptr().addr() as u64;
            for word in [*address, *flags, length, 0] {
                list.extend(word.to_ne_bytes());
            }
            list.extend(at.to_ne_bytes());
        }
        let mut argument = (list.as_ptr().addr() as u64).to_ne_bytes().to_vec();
        argument.extend(u32::try_from(messages.len()).unwrap().to_ne_bytes());
        let bus = I2cBus::new();
        bus.attach(0x20, Echo::default());
        bus.attach(0x21, Echo::default());
        let myself = Child(std::process::id().cast_signed());
        match ioctl(myself, &bus, I2C_RDWR, argument.as_ptr().addr() as u64) {
            Ok(Answer::Done { value, writes }) => {
                Ok((value, writes.into_iter().map(|write| write.bytes).collect()))
            }
            Ok(_) => panic!("a transaction is done or refused"),
            Err(refusal) => Err(refusal.errno),
        }
    }

    #[test]
    fn a_transaction_may_change_direction_and_address() {
        let found = transact_all(&[(0x20, 0, b"ab"), (0x21, 0, b"x"), (0x20, READ, b"...")]);
        assert_eq!(found, Ok((3, vec![b"aba".to_vec()])));
    }

    #[test]
    fn a_message_without_a_start_goes_on_with_the_one_before() {
        let found = transact_all(&[
            (0x20, 0, b"ab"),
            (0x20, NO_START, b"cd"),
            (0x20, READ, b"..."),
            (0x20, READ | NO_START, b"."),
        ]);
        assert_eq!(found, Ok((4, vec![b"abc".to_vec(), b"d".to_vec()])));
        assert_eq!(transact_all(&[(0x20, NO_START, b"a")]), Err(Errno::INVAL));
        assert_eq!(
            transact_all(&[(0x20, 0, b"a"), (0x20, READ | NO_START, b".")]),
            Err(Errno::INVAL)
        );
    }

    #[test]
    fn what_the_adapter_cannot_do_is_refused() {
        assert_eq!(transact_all(&[]), Err(Errno::INVAL));
        assert_eq!(transact_all(&[(0x80, 0, b"a")]), Err(Errno::INVAL), "eight bits of address");
        assert_eq!(transact_all(&[(0x20, 0x0400, b"a")]), Err(Errno::OPNOTSUPP), "SMBus length");
        assert_eq!(transact_all(&[(0x20, 0, &[0; 8193])]), Err(Errno::INVAL));
        assert_eq!(transact_all(&[(0x22, 0, b"a")]), Err(Errno::REMOTEIO));
    }
}
