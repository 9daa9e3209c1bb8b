//! The status that the forwarder publishes between samples.

use std::collections::BTreeMap;

use domain::{SequenceNumber, StreamName};
use ports::{Message, Publisher, Token};
use wire::status::Status;

use super::{Forwarder, Link, STATUS_SPACING};

impl<P: Publisher> Forwarder<P> {
    /// Makes a status due at once if something has changed that the newest does not tell of.
    pub(super) fn notice_changes(&mut self) {
        let changes = self.changes();
        if let Link::Up(epoch) = &mut self.link
            && changes != self.changes_told
        {
            epoch.status_due = epoch.status_due.min(epoch.status_not_before);
        }
    }

    /// Grows with every change that is to be told at once.
    fn changes(&self) -> u64 {
        let devices = self.devices.as_ref().map_or(0, |devices| (devices.changes)());
        self.classes.iter().fold(devices, |sum, class| sum.wrapping_add(class.holds.changes()))
    }

    /// Makes a status message, in the place of one that has not gone out yet.
    pub(super) fn say_status(&mut self) {
        // Asked first: a change in between is told twice rather than never.
        let changes = self.changes();
        let status = Status {
            gateway: self.options.gateway.clone(),
            state: self.state,
            boot: Some(self.options.boot),
            program: self.options.program.clone(),
            heads: self.heads(),
            counters: (self.tally)(),
            refused: self.classes.iter().flat_map(|class| class.holds.reasons()).collect(),
            devices: self.devices.as_ref().map(|devices| (devices.report)()).unwrap_or_default(),
            derived: self.derived.clone(),
        };
        let now = self.clock.now().monotonic;
        let Link::Up(epoch) = &mut self.link else { return };
        self.last_token += 1;
        let token = Token(self.last_token);
        let topic = self.options.topics.status(&self.options.gateway);
        let payload = shortened(status, epoch.limits.payload_bytes);
        epoch.status =
            Some((token, Message { topic, payload, is_retained: true, correlation: vec![] }));
        epoch.status_due = now + self.options.status_interval;
        epoch.status_not_before = now + STATUS_SPACING;
        self.changes_told = changes;
    }

    pub(super) fn is_saying_status(&self) -> bool {
        matches!(&self.link, Link::Up(epoch) if epoch.status.is_some() || !epoch.statuses.is_empty())
    }

    /// The newest number of each stream. One that has moved from a class to another is known to both:
    /// the larger number is its newest.
    pub(super) fn heads(&self) -> BTreeMap<StreamName, SequenceNumber> {
        let mut heads = BTreeMap::new();
        for (stream, head) in self.classes.iter().flat_map(|class| class.spool.heads()) {
            let newest = heads.entry(stream).or_insert(head);
            *newest = head.max(*newest);
        }
        heads
    }
}

/// The bytes of a status, without what derived streams are made of, then without devices, and then
/// without heads, counters and refusals too, where the broker does not take as many: a status must never
/// be refused for its length.
pub(super) fn shortened(mut status: Status, bytes_max: usize) -> Vec<u8> {
    let whole = status.encode();
    if whole.len() <= bytes_max {
        return whole;
    }
    tracing::debug!(length = whole.len(), bytes_max, "status sent without all that it could say");
    let shorter: [fn(&mut Status); 2] =
        [|status| status.derived.clear(), |status| status.devices.clear()];
    for shorten in shorter {
        shorten(&mut status);
        let short = status.encode();
        if short.len() <= bytes_max {
            return short;
        }
    }
    let (heads, counters, refused) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    Status { heads, counters, refused, ..status }.encode()
}
