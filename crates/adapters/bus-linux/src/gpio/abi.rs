//! The kernel's interface to GPIO lines, version 2: all of `linux/gpio.h` we use.

#![expect(unsafe_code, reason = "rustix has no GPIO, and its ioctls are unsafe by nature")]

use std::os::fd::{AsFd, FromRawFd as _, OwnedFd};

use rustix::{
    io::Errno,
    ioctl::{Updater, ioctl, opcode},
};

pub(super) const ACTIVE_LOW: u64 = 1 << 1;
pub(super) const INPUT: u64 = 1 << 2;
pub(super) const OUTPUT: u64 = 1 << 3;
pub(super) const EDGE_RISING: u64 = 1 << 4;
pub(super) const EDGE_FALLING: u64 = 1 << 5;
pub(super) const OPEN_DRAIN: u64 = 1 << 6;
pub(super) const BIAS_PULL_UP: u64 = 1 << 8;
pub(super) const BIAS_PULL_DOWN: u64 = 1 << 9;
pub(super) const BIAS_DISABLED: u64 = 1 << 10;

const OUTPUT_VALUES: u32 = 2;
const DEBOUNCE: u32 = 3;

/// `sizeof(struct gpio_v2_line_event)`
pub(super) const EVENT_SIZE: usize = 48;
const EVENT_RISING: u32 = 1;

/// `struct gpio_v2_line_config_attribute`; the union of `struct gpio_v2_line_attribute` as its widest.
#[derive(Clone, Copy, Default)]
#[repr(C, align(8))]
struct Attribute {
    id: u32,
    padding: u32,
    value: u64,
    mask: u64,
}

/// `struct gpio_v2_line_request` with the `struct gpio_v2_line_config` in it.
#[repr(C, align(8))]
struct Request {
    offsets: [u32; 64],
    consumer: [u8; 32],
    flags: u64,
    attribute_count: u32,
    config_padding: [u32; 5],
    attributes: [Attribute; 10],
    line_count: u32,
    event_buffer_size: u32,
    padding: [u32; 5],
    fd: i32,
}

/// `struct gpio_v2_line_values`
#[repr(C, align(8))]
struct Values {
    bits: u64,
    mask: u64,
}

const _: () = assert!(size_of::<Request>() == 592 && size_of::<Values>() == 16);

const GET_LINE: rustix::ioctl::Opcode = opcode::read_write::<Request>(0xB4, 0x07);
const GET_VALUES: rustix::ioctl::Opcode = opcode::read_write::<Values>(0xB4, 0x0E);
const SET_VALUES: rustix::ioctl::Opcode = opcode::read_write::<Values>(0xB4, 0x0F);

/// What is asked of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) offset: u32,
    pub(super) flags: u64,
    /// 0: none.
    pub(super) debounce_us: u32,
    /// What an output is at first.
    pub(super) level: bool,
    /// How many events the kernel keeps for us.
    pub(super) events: u32,
}

/// Asks the chip for a line.
pub(super) fn get_line(chip: impl AsFd, wanted: Wanted) -> Result<OwnedFd, Errno> {
    let mut consumer = [0; 32];
    consumer[..12].copy_from_slice(b"telemetryhub");
    let (mut attributes, mut attribute_count) = ([Attribute::default(); 10], 0);
    let first = Attribute { mask: 1, ..Attribute::default() };
    if wanted.flags & OUTPUT != 0 {
        let value = u64::from(wanted.level);
        attributes[0] = Attribute { id: OUTPUT_VALUES, value, ..first };
        attribute_count = 1;
    } else if wanted.debounce_us != 0 {
        // A u32 at the start of the union.
        let [a, b, c, d] = wanted.debounce_us.to_ne_bytes();
        let value = u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0]);
        attributes[0] = Attribute { id: DEBOUNCE, value, ..first };
        attribute_count = 1;
    }
    let mut offsets = [0; 64];
    offsets[0] = wanted.offset;
    let mut request = Request {
        offsets,
        consumer,
        flags: wanted.flags,
        attribute_count,
        config_padding: [0; 5],
        attributes,
        line_count: 1,
        event_buffer_size: wanted.events,
        padding: [0; 5],
        fd: -1,
    };
    // SAFETY: GET_LINE reads and writes one `struct gpio_v2_line_request`, whose layout `Request` has.
    unsafe { ioctl(chip, Updater::<GET_LINE, Request>::new(&mut request)) }?;
    if request.fd < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(request.fd) })
}

/// The level of a line.
pub(super) fn get_level(line: impl AsFd) -> Result<bool, Errno> {
    let mut values = Values { bits: 0, mask: 1 };
    // SAFETY: GET_VALUES reads and writes one `struct gpio_v2_line_values`, whose layout `Values` has.
    unsafe { ioctl(line, Updater::<GET_VALUES, Values>::new(&mut values)) }?;
    Ok(values.bits & 1 != 0)
}

/// Sets the level of an output.
pub(super) fn set_level(line: impl AsFd, level: bool) -> Result<(), Errno> {
    let mut values = Values { bits: u64::from(level), mask: 1 };
    // SAFETY: SET_VALUES reads one `struct gpio_v2_line_values`, whose layout `Values` has.
    unsafe { ioctl(line, Updater::<SET_VALUES, Values>::new(&mut values)) }
}

/// One `struct gpio_v2_line_event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// By the monotonic clock.
    pub(super) timestamp_ns: u64,
    pub(super) is_rising: bool,
    /// How many there have been of this line, also those that the kernel had no room for.
    pub(super) number: u32,
}

impl Event {
    /// `None` if there are too few bytes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let time = bytes.get(..8)?.try_into().ok().map(u64::from_ne_bytes);
        let number = word(20)?;
        Some(Self { timestamp_ns: time?, is_rising: word(8)? == EVENT_RISING, number })
    }
}
