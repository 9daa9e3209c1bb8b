//! What the forwarder does about refusals: holds the stream, tries it again, sets old samples aside.

use core::ops::Range;

use domain::{Monotonic, Ranges, StreamName};
use ports::{Publisher, SpoolError, Token};

use super::{
    FLIGHT_SAMPLES, Forwarder, Link, SPOOL_RETRY,
    class::Class,
    flight::{Limits, messages, runs_of},
    hold::Probe,
};

/// How many runs of the spool are searched in one step for samples of one held stream.
const SEARCHES_MAX: usize = 16;

impl<P: Publisher> Forwarder<P> {
    /// The broker does not take a message.
    pub(super) fn refuse(&mut self, token: Token, reason: &str) {
        self.counters.messages_refused.add(1);
        let now = self.clock.now().monotonic;
        let Link::Up(epoch) = &mut self.link else { return };
        if epoch.is_answer_to_status(token) {
            tracing::warn!(reason, "broker refuses the status");
            return;
        }
        if self.replays.refuse(token, reason) {
            return;
        }
        for class in &mut self.classes {
            if class.refuse(token, reason, now) {
                class.settle(now);
                return;
            }
        }
    }

    /// Makes the oldest message of each held stream of a class of which one is due, as far as the
    /// window allows.
    pub(super) fn try_held_again(
        &mut self,
        class: usize,
        now: Monotonic,
    ) -> Result<(), SpoolError> {
        for stream in self.classes[class].holds.due(now) {
            if !self.may_probe() {
                break;
            }
            self.probe(class, &stream, now)?;
        }
        Ok(())
    }

    /// Makes the oldest message of `stream`, or sets it free if nothing of it is owed any more.
    fn probe(
        &mut self,
        class: usize,
        stream: &StreamName,
        now: Monotonic,
    ) -> Result<(), SpoolError> {
        let Link::Up(epoch) = &self.link else { return Ok(()) };
        let class = &mut self.classes[class];
        for _ in 0..SEARCHES_MAX {
            let Some(place) = class.next_place(stream, now) else { break };
            let block = place.start..place.end.min(place.start + FLIGHT_SAMPLES as u64);
            let (samples, read) = class.read(&block)?;
            let Some(hold) = class.holds.get_mut(stream) else { break };
            let ours =
                samples.iter().filter(|sample| sample.stream.name == *stream && hold.owes(sample));
            // As large as the broker allows: there is a backlog, and one message on its way.
            let limits = Limits {
                samples: FLIGHT_SAMPLES,
                payload_bytes: epoch.limits.payload_bytes,
                messages: 1,
            };
            let made = messages(&self.options, &mut self.compressor, ours, limits, None);
            made.count(&self.counters);
            for run in &made.unsendable {
                hold.forget(run);
            }
            // What is left of these samples is read again for the next message.
            let emptied = if made.is_cut_short { 0..0 } else { read.clone() };
            let Some((run, message)) = made.messages.into_iter().next() else {
                hold.pass(read);
                continue;
            };
            self.last_token += 1;
            let token = Token(self.last_token);
            hold.send(Probe { token, run, emptied });
            class.probes.push((token, message));
            break;
        }
        class.settle(now);
        Ok(())
    }

    /// Gives up held samples for the sake of which too many would wait to be acknowledged.
    pub(super) fn set_aside(&mut self, now: Monotonic) {
        for class in self.classes.iter_mut().filter(|class| class.may_read(now)) {
            let (given_up, done) = class.set_aside(self.options.held_samples_max, now);
            for (stream, count) in given_up {
                self.counters.samples_set_aside.add(count);
                tracing::warn!(%stream, count, "refused samples are given up");
            }
            if let Err(error) = done {
                class.note_unreadable(&error, now);
            }
        }
    }
}

impl Class {
    /// A message was refused. False if it is none of this class.
    fn refuse(&mut self, token: Token, reason: &str, now: Monotonic) -> bool {
        if self.holds.refuse(token, reason, now) {
            return true;
        }
        let live = self.live.flights.owe(token);
        let Some(stream) = live.or_else(|| self.history.flights.owe(token)) else { return false };
        if self.holds.hold(&stream, reason, now) {
            tracing::warn!(%stream, reason, "broker refuses a stream; it is held, the others go on");
        }
        self.take_back(&stream);
        true
    }

    /// Takes what is not handed over yet of `stream` out of the lanes: it is held.
    fn take_back(&mut self, stream: &StreamName) {
        for lane in [&mut self.live, &mut self.history] {
            let flights = &mut lane.flights;
            lane.outbox.retain(|&(token, _)| {
                let is_held = flights.carries(token, stream);
                if is_held {
                    flights.owe(token);
                }
                !is_held
            });
        }
    }

    /// Where to look for what is owed to `stream`. If nothing is, the stream is set free, or waits for
    /// more.
    fn next_place(&mut self, stream: &StreamName, now: Monotonic) -> Option<Range<u64>> {
        let will_owe = self.will_owe(stream);
        let hold = self.holds.get_mut(stream)?;
        if let Some(place) = hold.places().into_iter().next() {
            return Some(place);
        }
        if will_owe || !hold.is_taken() {
            hold.put_off(now + SPOOL_RETRY);
        } else {
            self.holds.set_free(stream);
            tracing::info!(%stream, "broker takes the stream again, and has all of it");
        }
        None
    }

    /// Gives up the oldest of what is owed until at most `withheld_max` samples are withheld. Says how
    /// many of which stream, even if the spool cannot be read on.
    fn set_aside(
        &mut self,
        withheld_max: u64,
        now: Monotonic,
    ) -> (Vec<(StreamName, u64)>, Result<(), SpoolError>) {
        let excess = self.withheld.count().saturating_sub(withheld_max);
        let (mut given_up, mut done) = (Vec::new(), Ok(()));
        let Some(limit) = end_of_lowest(&self.withheld, excess) else { return (given_up, done) };
        for stream in self.holds.before(limit) {
            let mut count = 0;
            done = self.give_up(&stream, limit, &mut count);
            if count > 0 {
                given_up.push((stream, count));
            }
            if done.is_err() {
                break;
            }
        }
        self.settle(now);
        (given_up, done)
    }

    /// Nothing is owed to `stream` before `limit` any more. Adds to `count` how many samples were.
    fn give_up(
        &mut self,
        stream: &StreamName,
        limit: u64,
        count: &mut u64,
    ) -> Result<(), SpoolError> {
        loop {
            let place =
                self.holds.get_mut(stream).and_then(|hold| hold.places().into_iter().next());
            let Some(place) = place.filter(|place| place.start < limit) else { return Ok(()) };
            let (samples, read) = self.read(&(place.start..place.end.min(limit)))?;
            let Some(hold) = self.holds.get_mut(stream) else { return Ok(()) };
            let ours =
                samples.iter().filter(|sample| sample.stream.name == *stream && hold.owes(sample));
            for run in runs_of(ours) {
                *count += run.samples;
                hold.forget(&run);
            }
            hold.pass(read);
        }
    }
}

/// Where the lowest `count` numbers of the set end.
fn end_of_lowest(set: &Ranges, count: u64) -> Option<u64> {
    let mut left = count;
    for run in set.runs().filter(|_| count > 0) {
        let length = (run.end() - run.start()).saturating_add(1);
        if length >= left {
            return Some(run.start() + left);
        }
        left -= length;
    }
    None
}
