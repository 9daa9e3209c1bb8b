//! The status that the forwarder publishes between samples.

use std::collections::BTreeMap;

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
        devices.wrapping_add(self.holds.changes())
    }

    /// Puts a status message into the outbox, and takes back one that has not gone out yet.
    pub(super) fn say_status(&mut self) {
        // Asked first: a change in between is told twice rather than never.
        let changes = self.changes();
        let status = Status {
            gateway: self.options.gateway.clone(),
            state: self.state,
            boot: Some(self.options.boot),
            program: self.options.program.clone(),
            heads: self.spool.heads().into_iter().collect(),
            counters: (self.tally)(),
            refused: self.holds.reasons(),
            devices: self.devices.as_ref().map(|devices| (devices.report)()).unwrap_or_default(),
            derived: self.derived.clone(),
        };
        let now = self.clock.now().monotonic;
        let Link::Up(epoch) = &mut self.link else { return };
        self.last_token += 1;
        let token = Token(self.last_token);
        let topic = self.options.topics.status(&self.options.gateway);
        let payload = shortened(status, epoch.payload_bytes_max);
        let is_stale = |(token, _): &(Token, Message)| epoch.statuses.contains(token);
        if let Some(stale) = epoch.outbox.iter().position(is_stale)
            && let Some((stale, _)) = epoch.outbox.remove(stale)
        {
            epoch.statuses.retain(|&status| status != stale);
        }
        epoch.outbox.push_front((token, Message { topic, payload, is_retained: true }));
        epoch.statuses.push(token);
        epoch.status_due = now + self.options.status_interval;
        epoch.status_not_before = now + STATUS_SPACING;
        self.changes_told = changes;
    }

    pub(super) fn is_saying_status(&self) -> bool {
        matches!(&self.link, Link::Up(epoch) if !epoch.statuses.is_empty())
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
