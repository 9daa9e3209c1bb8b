//! GPIO lines, through the chip's node `/dev/gpiochipN`: inputs with an edge detector, and outputs.
//!
//! Version 2 of the kernel's interface (Linux 5.10; `Documentation/userspace-api/gpio/chardev.rst`). `gpiocdev`, which
//! speaks it well, looks at `/sys` and at what kind of node it opens before it asks for a line, and so
//! finds no line where a test serves the node; what we need is three ioctls, in `abi.rs`.
//!
//! # Counting without loss
//!
//! The kernel numbers the edges of a line, also those for which its buffer had no room: [`Edge::number`].

mod abi;

use core::time::Duration;
use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use domain::NoData;
use ports::{Edge, InputLine};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    io::Errno,
};

use self::abi::{EVENT_SIZE, Event, Wanted};
use crate::{node::Node, scans::monotonic};

/// Events that the kernel keeps between two looks. It rounds up to a power of two.
const EVENTS: u32 = 1024;
/// Events that are taken at one time.
const TAKEN: usize = 64;

/// What the line is drawn to when nobody drives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bias {
    /// As it is.
    #[default]
    AsIs,
    /// To nothing.
    Disabled,
    /// To the supply.
    PullUp,
    /// To ground.
    PullDown,
}

/// Which changes are edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edges {
    /// To active.
    #[default]
    Rising,
    /// To inactive.
    Falling,
    /// Each.
    Both,
}

/// How an input is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputSettings {
    /// Whether a low voltage is active.
    pub is_active_low: bool,
    /// What it is drawn to.
    pub bias: Bias,
    /// What is counted.
    pub edges: Edges,
    /// How long a level must hold to be one; zero: not at all. Whole microseconds.
    pub debounce: Duration,
}

/// One line of a chip, as an input.
#[derive(Debug)]
pub struct GpioInput {
    node: Node<OwnedFd>,
    wanted: Wanted,
}

impl GpioInput {
    /// The line `offset` of the chip at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>, offset: u32, settings: InputSettings) -> Self {
        let InputSettings { is_active_low, bias, edges, debounce } = settings;
        let bias = match bias {
            Bias::AsIs => 0,
            Bias::Disabled => abi::BIAS_DISABLED,
            Bias::PullUp => abi::BIAS_PULL_UP,
            Bias::PullDown => abi::BIAS_PULL_DOWN,
        };
        let edges = match edges {
            Edges::Rising => abi::EDGE_RISING,
            Edges::Falling => abi::EDGE_FALLING,
            Edges::Both => abi::EDGE_RISING | abi::EDGE_FALLING,
        };
        let flags = abi::INPUT | bias | edges | active_low(is_active_low);
        let debounce_us = u32::try_from(debounce.as_micros()).unwrap_or(u32::MAX);
        let wanted = Wanted { offset, flags, debounce_us, level: false, events: EVENTS };
        Self { node: Node::new(path.into()), wanted }
    }
}

impl InputLine for GpioInput {
    fn level(&mut self) -> Result<bool, NoData> {
        let wanted = self.wanted;
        Ok(self.node.with(|path| open(path, wanted), |line| Ok(abi::get_level(&*line)?))?)
    }

    fn edges(&mut self, patience: Duration) -> Result<Vec<Edge>, NoData> {
        let wanted = self.wanted;
        let deadline = monotonic().saturating_add(patience);
        let events = self.node.with(|path| open(path, wanted), |line| take(line, deadline))?;
        let edge = |event: &Event| Edge {
            level: event.is_rising,
            number: event.number,
            at: Duration::from_nanos(event.timestamp_ns),
        };
        Ok(events.iter().map(edge).collect())
    }
}

/// One line of a chip, as an output: a switch of somebody's supply, or a pin of a bus.
///
/// The line is ours while this lives; what becomes of its level afterwards, the chip decides.
#[derive(Debug)]
pub struct GpioOutput {
    node: Node<OwnedFd>,
    wanted: Wanted,
}

impl GpioOutput {
    /// The line `offset` of the chip at `path`, which need not exist yet. It is `level` from its first use on.
    pub fn new(path: impl Into<PathBuf>, offset: u32, is_active_low: bool, level: bool) -> Self {
        let flags = abi::OUTPUT | active_low(is_active_low);
        let wanted = Wanted { offset, flags, debounce_us: 0, level, events: 0 };
        Self { node: Node::new(path.into()), wanted }
    }

    /// The same line, driven low and otherwise let go, as the wires of I2C are.
    #[must_use]
    pub fn open_drain(mut self) -> Self {
        self.wanted.flags |= abi::OPEN_DRAIN;
        self
    }

    /// Makes the line active or inactive.
    ///
    /// # Errors
    ///
    /// The reason that it is not.
    pub fn set(&mut self, level: bool) -> Result<(), NoData> {
        self.wanted.level = level;
        let wanted = self.wanted;
        Ok(self.node.with(|path| open(path, wanted), |line| Ok(abi::set_level(&*line, level)?))?)
    }

    /// What is on the line, whoever drives it.
    ///
    /// # Errors
    ///
    /// The reason that it is not known.
    pub fn level(&mut self) -> Result<bool, NoData> {
        let wanted = self.wanted;
        Ok(self.node.with(|path| open(path, wanted), |line| Ok(abi::get_level(&*line)?))?)
    }
}

const fn active_low(is_active_low: bool) -> u64 {
    if is_active_low { abi::ACTIVE_LOW } else { 0 }
}

fn open(path: &Path, wanted: Wanted) -> io::Result<OwnedFd> {
    let chip = rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    Ok(abi::get_line(chip, wanted)?)
}

/// Takes the events that are there or come until `deadline`.
fn take(line: &OwnedFd, deadline: Duration) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    while has_more(line, if events.is_empty() { deadline } else { Duration::ZERO })? {
        let mut buffer = [0; EVENT_SIZE * TAKEN];
        let len = match rustix::io::read(line, &mut buffer) {
            Ok(0) => return Err(Errno::NODEV.into()),
            Ok(len) => len,
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let read = buffer.get(..len).unwrap_or_default();
        events.extend(read.chunks_exact(EVENT_SIZE).filter_map(Event::parse));
        // What comes faster than we can take it must not keep us: its number tells of it next time.
        if events.len() >= EVENTS as usize {
            break;
        }
    }
    Ok(events)
}

fn has_more(line: &OwnedFd, deadline: Duration) -> io::Result<bool> {
    loop {
        let wait = deadline.saturating_sub(monotonic());
        let mut polled = [PollFd::new(line, PollFlags::IN)];
        // A wait too long for the kernel is as good as one without end.
        match poll(&mut polled, Timespec::try_from(wait).ok().as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests;
