//! Which faults there are, and when: drawn from a seed.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// What is done to the gateway, or to what it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// SIGKILL of the gateway.
    Kill,
    /// The disk falls back to what it was given so far, and the machine boots anew.
    PowerCut,
    /// Somebody else fills the disk to the last byte.
    DiskFull,
    /// The device is pulled out, and plugged in again.
    Unplug,
    /// SIGKILL of the broker, which comes back later.
    BrokerKilled,
    /// The broker is stopped in good order, and comes back later.
    BrokerStopped,
    /// The broker is halted (SIGSTOP): its connections stand, and nothing answers.
    BrokerHalted,
    /// The TCP connection is cut.
    Cut,
    /// The TCP connection swallows everything from then on.
    BlackHole,
    /// Everything between gateway and broker takes 100 ms longer.
    Delay,
}

impl Fault {
    /// Each with its name, what it is, and how often it comes among the others.
    pub(crate) const ALL: [(Self, &'static str, &'static str, u64); 10] = [
        (Self::Kill, "kill", "SIGKILL of the gateway", 24),
        (Self::PowerCut, "power cut", "the disk keeps only what it was given; a new boot", 6),
        (Self::DiskFull, "disk full", "somebody fills the spool's disk to the last byte", 2),
        (Self::Unplug, "unplug", "the serial device is pulled out and comes back", 2),
        (Self::BrokerKilled, "broker killed", "SIGKILL of the broker", 2),
        (Self::BrokerStopped, "broker stopped", "SIGTERM of the broker", 2),
        (Self::BrokerHalted, "broker halted", "SIGSTOP of the broker", 2),
        (Self::Cut, "cut", "the TCP connection to the broker ends", 2),
        (Self::BlackHole, "black hole", "the TCP connection swallows everything", 2),
        (Self::Delay, "delay", "everything to and from the broker takes 100 ms", 2),
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(fault, ..)| *fault == self).map_or("", |(_, name, ..)| *name)
    }

    /// Whether it is something that befalls the broker.
    pub(crate) const fn is_of_broker(self) -> bool {
        matches!(self, Self::BrokerKilled | Self::BrokerStopped | Self::BrokerHalted)
    }

    /// Whether it goes on until it is ended.
    pub(crate) const fn lasts(self) -> bool {
        self.is_of_broker() || matches!(self, Self::DiskFull | Self::Delay)
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    /// How long nothing is done before it.
    pub(crate) wait: Duration,
    pub(crate) fault: Fault,
    /// Over how many more rounds it goes on.
    pub(crate) rounds: u32,
    /// How long the device is away, if it is unplugged.
    pub(crate) pause: Duration,
}

/// The same seed gives the same rounds. First each fault comes once, in a drawn order.
pub(crate) struct Schedule {
    state: u64,
    faults: Vec<(Fault, u64)>,
    /// Those that have not come yet.
    first: Vec<Fault>,
}

impl Schedule {
    /// A schedule of the faults that are `possible`.
    pub(crate) fn new(seed: u64, possible: impl Fn(Fault) -> bool) -> Self {
        let all = Fault::ALL.into_iter().map(|(fault, _, _, weight)| (fault, weight));
        let faults: Vec<_> = all.filter(|(fault, _)| possible(*fault)).collect();
        let first = faults.iter().map(|(fault, _)| *fault).collect();
        Self { state: seed, faults, first }
    }

    /// `SplitMix64`.
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    fn fault(&mut self) -> Fault {
        if !self.first.is_empty() {
            let index = self.below(self.first.len() as u64);
            return self.first.swap_remove(usize::try_from(index).unwrap_or(0));
        }
        let mut left = self.below(self.faults.iter().map(|(_, weight)| weight).sum());
        let drawn = self.faults.iter().find(|(_, weight)| {
            let is_here = left < *weight;
            left = left.saturating_sub(*weight);
            is_here
        });
        drawn.map_or(Fault::Kill, |(fault, _)| *fault)
    }
}

impl Iterator for Schedule {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        let fault = self.fault();
        Some(Round {
            wait: self.milliseconds(200, 1_500),
            fault,
            rounds: if fault.lasts() { u32::try_from(self.below(4)).unwrap_or(0) } else { 0 },
            pause: self.milliseconds(50, 800),
        })
    }
}
