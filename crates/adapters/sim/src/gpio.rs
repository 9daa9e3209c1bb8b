//! The lines of a GPIO chip: somebody outside moves inputs, and sees outputs; or they are wired to an I2C bus.
//!
//! # Deliberately absent
//!
//! Bouncing contacts, and so debouncing: a debounce period is accepted and changes nothing.

use std::{
    collections::BTreeMap,
    fmt, io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
    time::{ClockId, clock_gettime},
};

use crate::bus::I2cBus;

/// A chip with as many lines as are used. Clones are the same chip.
#[derive(Clone, Debug, Default)]
pub struct GpioChip(Arc<Mutex<BTreeMap<u32, Line>>>);

#[derive(Debug, Default)]
struct Line {
    /// The voltage: true is high.
    is_high: bool,
    user: Option<User>,
    wired: Option<Wired>,
}

/// What of a bus a line is wired to.
enum Wired {
    /// SCL: a program that lets it rise clocks the bus.
    Clock(I2cBus),
    /// SDA: low while a chip holds it.
    Data(I2cBus),
    /// What switches the supply of its chips: on while high.
    Supply(I2cBus),
}

impl fmt::Debug for Wired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clock(_) => "Clock",
            Self::Data(_) => "Data",
            Self::Supply(_) => "Supply",
        })
    }
}

/// Who has asked for the line, and how.
#[derive(Debug)]
struct User {
    usage: Usage,
    /// Where edges are told.
    events: OwnedFd,
    /// What the other end of it is called in `/proc`.
    end: PathBuf,
    edges: u32,
}

/// How a line is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) is_active_low: bool,
    pub(crate) tells_rising: bool,
    pub(crate) tells_falling: bool,
    /// An output, and its first level.
    pub(crate) output: Option<bool>,
}

impl GpioChip {
    /// A chip whose lines are all low and unused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drives the line `offset` from outside.
    pub fn set(&self, offset: u32, is_high: bool) {
        self.with(|lines| lines.entry(offset).or_default().set(offset, is_high));
    }

    /// Wires `scl` and `sda` to those of `bus`, besides its controller; both are pulled up.
    pub fn wire_bus(&self, scl: u32, sda: u32, bus: &I2cBus) {
        self.wire(scl, Wired::Clock(bus.clone()));
        self.wire(sda, Wired::Data(bus.clone()));
    }

    /// Wires the line `offset` to what switches the supply of all chips of `bus`; it is pulled up, which is on.
    pub fn wire_supply(&self, offset: u32, bus: &I2cBus) {
        self.wire(offset, Wired::Supply(bus.clone()));
    }

    fn wire(&self, offset: u32, wired: Wired) {
        self.with(|lines| {
            let line = lines.entry(offset).or_default();
            line.is_high = true;
            line.wired = Some(wired);
        });
    }

    /// The voltage of the line `offset`, whoever drives it.
    pub fn is_high(&self, offset: u32) -> bool {
        self.with(|lines| lines.get(&offset).is_some_and(Line::voltage))
    }

    /// Whether a program has the line `offset` now.
    pub fn is_used(&self, offset: u32) -> bool {
        self.with(|lines| lines.get(&offset).is_some_and(Line::is_used))
    }

    /// Gives the line `offset` to a program: the descriptor that it gets.
    pub(crate) fn request(&self, offset: u32, usage: Usage) -> io::Result<OwnedFd> {
        self.with(|lines| {
            let line = lines.entry(offset).or_default();
            if line.is_used() {
                return Err(Errno::BUSY.into());
            }
            let (theirs, events) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            let end = name_of(&theirs)?;
            if let Some(level) = usage.output {
                line.drive(level != usage.is_active_low);
            }
            line.user = Some(User { usage, events, end, edges: 0 });
            Ok(theirs)
        })
    }

    /// The logical level of the line whose descriptor is called `end`, after setting it if told so.
    pub(crate) fn level(&self, end: &Path, set: Option<bool>) -> Option<bool> {
        self.with(|lines| {
            let is_it = |line: &&mut Line| line.user.as_ref().is_some_and(|user| user.end == end);
            let line = lines.values_mut().find(is_it)?;
            let usage = line.user.as_ref()?.usage;
            if let Some(level) = set.filter(|_| usage.output.is_some()) {
                line.drive(level != usage.is_active_low);
            }
            Some(line.voltage() != usage.is_active_low)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<u32, Line>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Line {
    /// Whoever closes the other end gives the line back.
    fn is_used(&self) -> bool {
        let Some(user) = &self.user else { return false };
        let mut polled = [PollFd::new(&user.events, PollFlags::OUT)];
        let outcome = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        outcome.is_ok() && !polled[0].revents().contains(PollFlags::ERR)
    }

    /// High unless its driver or a chip pulls it low.
    fn voltage(&self) -> bool {
        let is_held = matches!(&self.wired, Some(Wired::Data(bus)) if bus.is_wedged());
        self.is_high && !is_held
    }

    /// A program drives it.
    fn drive(&mut self, is_high: bool) {
        let is_changed = std::mem::replace(&mut self.is_high, is_high) != is_high;
        match &self.wired {
            Some(Wired::Clock(bus)) if is_changed && is_high => bus.clock(),
            Some(Wired::Supply(bus)) if is_changed => bus.set_supply(is_high),
            _ => {}
        }
    }

    fn set(&mut self, offset: u32, is_high: bool) {
        if self.is_high == is_high {
            return;
        }
        self.is_high = is_high;
        let Some(user) = &mut self.user else { return };
        let is_rising = is_high != user.usage.is_active_low;
        let is_told = if is_rising { user.usage.tells_rising } else { user.usage.tells_falling };
        if is_told {
            user.edges = user.edges.wrapping_add(1);
            // Where there is no room the edge is lost and its number is not, as in the kernel.
            let _lost = rustix::io::write(&user.events, &event(offset, is_rising, user.edges));
        }
    }
}

/// What `/proc` calls a descriptor: the same in whatever process has it.
fn name_of(fd: &OwnedFd) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// `struct gpio_v2_line_event` of `linux/gpio.h`.
fn event(offset: u32, is_rising: bool, number: u32) -> Vec<u8> {
    let now = clock_gettime(ClockId::Monotonic);
    let nanos = now.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec);
    let mut bytes = nanos.to_ne_bytes().to_vec();
    for word in [if is_rising { 1 } else { 2 }, offset, number, number, 0, 0, 0, 0, 0, 0] {
        bytes.extend(u32::to_ne_bytes(word));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const RISING: Usage =
        Usage { is_active_low: false, tells_rising: true, tells_falling: false, output: None };

    #[test]
    fn only_edges_that_were_asked_for_are_told_and_numbered() {
        let chip = GpioChip::new();
        let theirs = chip.request(4, RISING).unwrap();
        for is_high in [true, true, false, true] {
            chip.set(4, is_high);
        }
        let mut bytes = [0; 200];
        assert_eq!(rustix::io::read(&theirs, &mut bytes), Ok(96));
        assert_eq!((bytes[8], bytes[12], bytes[20], bytes[68]), (1, 4, 1, 2));
    }

    #[test]
    fn a_line_has_one_user_until_its_descriptor_is_closed() {
        let chip = GpioChip::new();
        let theirs = chip.request(4, RISING).unwrap();
        assert!(chip.is_used(4) && chip.request(4, RISING).is_err());
        drop(theirs);
        assert!(!chip.is_used(4) && chip.request(4, RISING).is_ok());
    }

    #[test]
    fn an_output_has_its_level_from_the_first_and_active_low_is_the_other_way_round() {
        let chip = GpioChip::new();
        let usage = Usage { is_active_low: true, output: Some(true), ..Usage::default() };
        let theirs = chip.request(7, usage).unwrap();
        assert!(!chip.is_high(7));
        let end = name_of(&theirs).unwrap();
        assert_eq!(chip.level(&end, Some(false)), Some(false));
        assert!(chip.is_high(7));
        assert_eq!(chip.level("/dev/null".as_ref(), None), None);
    }

    #[test]
    fn a_wedged_bus_holds_sda_until_it_has_its_clocks_or_loses_its_supply() {
        let (chip, bus) = (GpioChip::new(), I2cBus::new());
        chip.wire_bus(3, 2, &bus);
        chip.wire_supply(17, &bus);
        let output = Usage { output: Some(true), ..Usage::default() };
        let [scl, sda, supply] = [3, 2, 17].map(|line| chip.request(line, output).unwrap());
        let [scl, sda, supply] = [&scl, &sda, &supply].map(|end| name_of(end).unwrap());
        bus.wedge(2);
        for is_released in [false, true] {
            assert_eq!(chip.level(&sda, Some(true)), Some(is_released));
            for _ in 0..2 {
                chip.level(&scl, Some(false));
                chip.level(&scl, Some(true));
            }
        }
        bus.wedge(1_000);
        assert!(!chip.is_high(2) && chip.is_high(17));
        chip.level(&supply, Some(false));
        assert!(chip.is_high(2), "who has no supply holds nothing");
    }
}
