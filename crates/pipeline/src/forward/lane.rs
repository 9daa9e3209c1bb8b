//! Lanes: what of a spool is to be read, and in which order.
//!
//! # Invariant
//!
//! The ranges of a lane that are to be read, those of its flights, and those of the other lane of its
//! class have nothing in common.

use core::ops::Range;
use std::collections::VecDeque;

use domain::Monotonic;
use ports::{Message, Token};

use super::{FLIGHT_SAMPLES, FLIGHT_SAMPLES_MAX, HistoryOrder, flight::Flights};

/// One lane of a class in one epoch.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// What is to be read, in the order of the spool.
    ahead: VecDeque<Range<u64>>,
    pub(super) flights: Flights,
    /// Messages made and not yet taken by the publisher, oldest first.
    pub(super) outbox: VecDeque<(Token, Message)>,
    /// When what is to be read is sent at the latest, if it is less than fills its messages.
    pub(super) ripe_at: Option<Monotonic>,
    /// Of how many streams the newest flight was.
    pub(super) streams: usize,
}

/// Which of the two lanes of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Live,
    History,
}

impl Lane {
    /// Reads `ranges`, which are in the order of the spool.
    pub(super) fn over(ranges: Vec<Range<u64>>) -> Self {
        Self { ahead: ranges.into(), ..Self::default() }
    }

    /// The samples in `range`, newer than all others, are to be read too.
    pub(super) fn extend(&mut self, range: Range<u64>) {
        match self.ahead.back_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if range.is_empty() => {}
            _ => self.ahead.push_back(range),
        }
    }

    /// How many samples are to be read.
    pub(super) fn unread(&self) -> u64 {
        self.ahead.iter().map(|range| range.end - range.start).sum()
    }

    /// How many samples fill a message of `run_max` for each stream, if the next are like the newest: or as
    /// many as a flight may have.
    pub(super) fn filling(&self, run_max: usize) -> u64 {
        self.streams.max(1).saturating_mul(run_max).min(FLIGHT_SAMPLES_MAX) as u64
    }

    /// How many samples the next flight has: full messages, so many of each stream that it is some
    /// [`FLIGHT_SAMPLES`], and more where one message of each takes more.
    pub(super) fn flight(&self, run_max: usize) -> u64 {
        let filling = self.filling(run_max).max(1);
        self.unread().min(filling * (FLIGHT_SAMPLES as u64 / filling).max(1))
    }

    /// How many samples are to be read or on their way, from the position `cursor` on.
    pub(super) fn waiting(&self, cursor: u64) -> u64 {
        self.ranges().map(|range| range.end.saturating_sub(range.start.max(cursor))).sum()
    }

    /// Everything that is to be read or on its way.
    pub(super) fn ranges(&self) -> impl Iterator<Item = &Range<u64>> {
        self.ahead.iter().chain(self.flights.ranges())
    }

    /// How many messages the publisher has taken and the broker has not answered.
    pub(super) fn in_flight(&self) -> usize {
        self.flights.messages().saturating_sub(self.outbox.len())
    }

    /// What is to be read next, at most `samples` of it.
    pub(super) fn block(&self, order: HistoryOrder, samples: u64) -> Option<Range<u64>> {
        Some(match order {
            HistoryOrder::OldestFirst => {
                let Range { start, end } = *self.ahead.front()?;
                start..end.min(start.saturating_add(samples))
            }
            HistoryOrder::NewestFirst => {
                let Range { start, end } = *self.ahead.back()?;
                start.max(end.saturating_sub(samples))..end
            }
        })
    }

    /// `read`, which a block begins with, is to be read no more.
    pub(super) fn pass(&mut self, read: &Range<u64>) {
        let is_it = |range: &Range<u64>| range.contains(&read.start);
        let Some(index) = self.ahead.iter().position(is_it) else { return };
        let range = self.ahead[index].clone();
        let (before, after) = (range.start..read.start, read.end..range.end);
        self.ahead.remove(index);
        for left in [after, before].into_iter().filter(|left| !left.is_empty()) {
            self.ahead.insert(index, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_from_either_end_and_never_span_two_ranges() {
        let lane = || Lane::over(vec![0..25, 40..52]);
        let all = |order| {
            let mut lane = lane();
            let mut blocks = Vec::new();
            while let Some(block) = lane.block(order, 10) {
                lane.pass(&block);
                blocks.push(block);
            }
            assert_eq!(lane.unread(), 0);
            blocks
        };
        let (oldest, newest) = (HistoryOrder::OldestFirst, HistoryOrder::NewestFirst);
        assert_eq!(all(oldest), [0..10, 10..20, 20..25, 40..50, 50..52]);
        assert_eq!(all(newest), [42..52, 40..42, 15..25, 5..15, 0..5]);
    }

    fn lane_over(end: u64) -> Lane {
        Lane::over(core::iter::once(0..end).collect())
    }

    #[test]
    fn a_flight_fills_a_message_of_each_stream_and_no_more_than_there_may_be() {
        let mut lane = lane_over(100_000);
        for (streams, run_max, flight) in [
            (0, 100, 1_000),
            (3, 100, 900),
            (10, 100, 1_000),
            (50, 100, 5_000),
            (1_000, 100, FLIGHT_SAMPLES_MAX as u64),
            (1, 500_000, FLIGHT_SAMPLES_MAX as u64),
            (7, 1, 1_022),
            (0, 0, 1_024),
        ] {
            lane.streams = streams;
            assert_eq!(lane.flight(run_max), flight, "{run_max} of each of {streams}");
        }
        assert_eq!(lane_over(7).flight(100), 7);
    }

    #[test]
    fn what_was_not_read_of_a_block_is_read_next() {
        let mut lane = Lane::default();
        lane.extend(0..30);
        lane.pass(&(20..25));
        assert_eq!(lane.block(HistoryOrder::NewestFirst, 10), Some(25..30));
        assert_eq!((lane.unread(), lane.waiting(0), lane.waiting(27)), (25, 25, 3));
        lane.extend(30..31);
        lane.extend(31..31);
        assert_eq!(lane.block(HistoryOrder::NewestFirst, 10), Some(25..31));
    }
}
