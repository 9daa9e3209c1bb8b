//! Exceptions in place of good answers, by registers and by turns.

use super::Space;
use crate::bus::{Occasion, When};

/// An exception, and which requests it answers: those that touch one of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// One of [`CODES`](Self::CODES).
    pub code: u8,
    /// In which table; `None`: in each.
    pub space: Option<Space>,
    /// The first of the addresses.
    pub first: u16,
    /// The last one; not before the first.
    pub last: u16,
}

impl Exception {
    /// Every code of the standard (V1.1b3, 7).
    pub const CODES: [u8; 10] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0A, 0x0B];

    /// This code, whatever is asked for.
    pub const fn of_all(code: u8) -> Self {
        Self { code, space: None, first: 0, last: u16::MAX }
    }

    /// Whether a request for `count` addresses of `space` from `address` on touches one of ours.
    fn is_touched(self, space: Space, address: u16, count: u16) -> bool {
        let end = u32::from(address) + u32::from(count);
        self.space.is_none_or(|ours| ours == space)
            && address <= self.last
            && end > u32::from(self.first)
    }
}

/// The exceptions that a slave is planned to answer with.
#[derive(Debug, Default)]
pub(super) struct Plans {
    list: Vec<(u64, Exception, Occasion)>,
    made: u64,
    /// How many requests were answered so.
    pub(super) refused: u64,
}

impl Plans {
    pub(super) fn add(&mut self, exception: Exception, when: When) -> u64 {
        self.made += 1;
        self.list.push((self.made, exception, Occasion::new(when)));
        self.made
    }

    pub(super) fn withdraw(&mut self, number: u64) {
        self.list.retain(|(other, ..)| *other != number);
    }

    /// The code that answers this request, if one does. Every plan sees every request that touches its
    /// addresses, so that its counting does not depend on the others.
    pub(super) fn code(&mut self, space: Space, address: u16, count: u16) -> Option<u8> {
        let touched = self
            .list
            .iter_mut()
            .filter(|(_, exception, _)| exception.is_touched(space, address, count));
        let befalling = |(_, exception, occasion): &mut (u64, Exception, Occasion)| {
            occasion.befalls_next().then_some(exception.code)
        };
        let codes: Vec<_> = touched.filter_map(befalling).collect();
        let code = codes.first().copied();
        self.refused += u64::from(code.is_some());
        code
    }
}
