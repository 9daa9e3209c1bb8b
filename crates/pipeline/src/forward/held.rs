//! What the forwarder does about refusals: holds the stream, tries it again, sets old samples aside.

use domain::{Monotonic, Sample, SequenceNumber, StreamName};
use ports::{Backlog, Position, Publisher, SpoolError, Token};

use super::{FLIGHT_SAMPLES, Forwarder, Link, SPOOL_RETRY, flight::messages, hold::Probe};

/// How many runs of the spool are searched in one step for samples of one held stream.
const SEARCHES_MAX: usize = 16;

impl<P: Publisher> Forwarder<P> {
    /// The broker does not take a message.
    pub(super) fn refuse(&mut self, token: Token, reason: &str) {
        self.counters.messages_refused.add(1);
        let now = self.clock.now().monotonic;
        let Link::Up(epoch) = &mut self.link else { return };
        if let Some(index) = epoch.statuses.iter().position(|&status| status == token) {
            epoch.statuses.swap_remove(index);
            tracing::warn!(reason, "broker refuses the status");
            return;
        }
        if self.holds.refuse(token, reason, now) {
            return;
        }
        let Some((run, from)) = epoch.flights.unload(token) else { return };
        let stream = run.stream.clone();
        if self.holds.hold(run, from, reason, now) {
            tracing::warn!(%stream, reason, "broker refuses a stream; it is held, the others go on");
        }
        self.take_back(&stream);
        self.advance();
    }

    /// Takes what is not handed over yet of `stream` out of the outbox: it is held.
    fn take_back(&mut self, stream: &StreamName) {
        let Link::Up(epoch) = &mut self.link else { return };
        let flights = &mut epoch.flights;
        epoch.outbox.retain(|&(token, _)| {
            let is_held = flights.carries(token, stream);
            if is_held {
                flights.unload(token);
            }
            !is_held
        });
    }

    /// Sends the oldest message of each held stream of which one is due, as far as the window allows.
    pub(super) fn try_held_again(&mut self, now: Monotonic) -> Result<(), SpoolError> {
        for stream in self.holds.due(now) {
            if !matches!(&self.link, Link::Up(epoch) if self.has_room(epoch)) {
                break;
            }
            self.probe(&stream)?;
        }
        Ok(())
    }

    /// Sends the oldest message of `stream`, or sets it free if nothing of it is held any more.
    fn probe(&mut self, stream: &StreamName) -> Result<(), SpoolError> {
        for _ in 0..SEARCHES_MAX {
            let Link::Up(epoch) = &mut self.link else { return Ok(()) };
            let Some(hold) = self.holds.get_mut(stream) else { return Ok(()) };
            let left = epoch.next.0.saturating_sub(hold.from.0);
            if left == 0 && !hold.is_taken() {
                // After a reconnection: what is held is still ahead of what is read.
                hold.put_off(self.clock.now().monotonic + SPOOL_RETRY);
                return Ok(());
            }
            if left == 0 {
                self.holds.set_free(stream);
                tracing::info!(%stream, "broker takes the stream again, and has all of it");
                return Ok(());
            }
            let Backlog { samples, next } = self.spool.backlog(hold.from, at_most(left))?;
            let ours: Vec<_> =
                samples.iter().filter(|sample| is_of(sample, stream, hold.seq)).collect();
            // As large as the broker allows: there is a backlog, and one message on its way.
            let mut made = messages(
                &self.options,
                ours.iter().copied(),
                FLIGHT_SAMPLES,
                epoch.payload_bytes_max,
            )
            .into_iter();
            let Some((run, message)) = made.next() else {
                hold.set_begin(next.max(Position(hold.from.0 + 1)), hold.seq);
                continue;
            };
            self.last_token += 1;
            let token = Token(self.last_token);
            // What is left of these samples is read again for the next message.
            let from = if made.len() == 0 { next } else { hold.from };
            hold.send(Probe { token, from, seq: run.last.next() });
            epoch.outbox.push_back((token, message));
            return Ok(());
        }
        Ok(())
    }

    /// Gives up held samples for the sake of which the cursor would stay too far behind.
    pub(super) fn set_aside(&mut self) -> Result<(), SpoolError> {
        let limit = Position(self.landed.0.saturating_sub(self.options.held_samples_max));
        for stream in self.holds.before(limit) {
            let Some(hold) = self.holds.get_mut(&stream) else { continue };
            let (mut from, seq, mut count) = (hold.from, hold.seq, 0);
            while from < limit {
                let Backlog { samples, next } =
                    self.spool.backlog(from, at_most(limit.0 - from.0))?;
                count += samples.iter().filter(|sample| is_of(sample, &stream, seq)).count();
                from = next.max(Position(from.0 + 1));
            }
            hold.set_begin(from, seq);
            if count > 0 {
                self.counters.samples_set_aside.add(count as u64);
                tracing::warn!(%stream, count, "refused samples are given up");
            }
        }
        self.advance();
        Ok(())
    }
}

fn at_most(positions: u64) -> usize {
    usize::try_from(positions).map_or(FLIGHT_SAMPLES, |positions| positions.min(FLIGHT_SAMPLES))
}

/// Whether the sample is one of `stream` that is not acknowledged.
fn is_of(sample: &Sample, stream: &StreamName, seq: SequenceNumber) -> bool {
    sample.stream.name == *stream && sample.seq >= seq
}
