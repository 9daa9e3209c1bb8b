//! What goes next: the order of lanes and the room in the window.
//!
//! # The order
//!
//! Status; then class by class, the highest first: live, one message of each held stream that is due,
//! history; answers to requests for a replay at the end. Whatever goes first takes as much of the window as it can use, so what is below has the
//! rest; but of the window only `history_share` is for history and answers, and one message, if that share is
//! less than one, while no live message is on its way. So a live sample waits for the answer to one
//! message at most, unless the share is the whole window.

use domain::Monotonic;
use ports::{Message, NotTaken, Publisher, SpoolError, Token};

use super::{
    Forwarder, HistoryOrder, Link,
    class::Class,
    flight::{messages, runs_of},
    lane::Which,
};

/// After so many samples of one lane the others have their turn.
const TURN_SAMPLES: u64 = 16 * 1_024;

impl<P: Publisher> Forwarder<P> {
    pub(super) fn send(&mut self) {
        let now = self.clock.now().monotonic;
        self.notice_changes();
        self.tell_of_history();
        if matches!(&self.link, Link::Up(epoch) if epoch.status_due <= now && !epoch.is_over(now)) {
            self.say_status();
        }
        for class in &mut self.classes {
            class.read_not_before = class.read_not_before.filter(|at| *at > now);
        }
        self.set_aside(now);
        self.send_samples(now);
    }

    fn send_samples(&mut self, now: Monotonic) {
        let Link::Up(epoch) = &mut self.link else { return };
        if let Some(status) = epoch.status.take()
            && let Err(status) = self.hand_over(status, true)
            && let Link::Up(epoch) = &mut self.link
        {
            epoch.status = Some(status);
            return;
        }
        for class in 0..self.classes.len() {
            self.classes[class].notice_appended(self.options.history_min);
            // One whose spool cannot be read holds no other up.
            if let Err(error) = self.send_class(class, now) {
                self.classes[class].note_unreadable(&error, now);
            }
        }
        self.send_replays(now);
    }

    fn send_class(&mut self, class: usize, now: Monotonic) -> Result<(), SpoolError> {
        self.send_lane(class, Which::Live, now)?;
        if self.may_read(class, now) {
            self.try_held_again(class, now)?;
        }
        self.send_probes(class);
        self.send_lane(class, Which::History, now)
    }

    fn may_read(&self, class: usize, now: Monotonic) -> bool {
        let class = &self.classes[class];
        class.may_read(now)
            && class.waiting_until(now).is_none()
            && matches!(&self.link, Link::Up(epoch) if !epoch.is_over(now))
    }

    /// Sends what the lane has until there is no more, or no room, or enough for one step: what is held
    /// takes no room.
    fn send_lane(&mut self, class: usize, which: Which, now: Monotonic) -> Result<(), SpoolError> {
        let mut turn = 0;
        while turn < TURN_SAMPLES {
            while self.has_window_for(which)
                && let Some(message) = self.classes[class].lane(which).outbox.pop_front()
            {
                if let Err(message) = self.hand_over(message, false) {
                    self.classes[class].lane(which).outbox.push_front(message);
                    return Ok(());
                }
            }
            let may_load = self.may_read(class, now) && self.has_window_for(which);
            let Some(loaded) =
                may_load.then(|| self.load(class, which, now)).transpose()?.flatten()
            else {
                return Ok(());
            };
            // Reading over what the spool has no more is work, too.
            turn += loaded.max(1);
        }
        if which == Which::Live && self.classes[class].live.unread() > 0 {
            self.classes[class].live.ripe_at = Some(now);
        }
        Ok(())
    }

    fn send_probes(&mut self, class: usize) {
        while self.has_window_for(Which::Live)
            && let Some(probe) = self.classes[class].probes.pop()
        {
            if let Err(probe) = self.hand_over(probe, false) {
                self.classes[class].probes.push(probe);
                return;
            }
        }
    }

    /// Gives the publisher a message; gives it back if it is not taken.
    pub(super) fn hand_over(
        &mut self,
        (token, message): (Token, Message),
        is_status: bool,
    ) -> Result<(), (Token, Message)> {
        let Link::Up(epoch) = &mut self.link else { return Err((token, message)) };
        if epoch.in_flight >= epoch.window {
            return Err((token, message));
        }
        match self.publisher.publish(token, message) {
            Ok(()) => {
                self.counters.messages_published.add(1);
                epoch.in_flight += 1;
                if is_status {
                    epoch.statuses.push(token);
                }
                Ok(())
            }
            Err(NotTaken::WindowFull(message) | NotTaken::NotConnected(message)) => {
                Err((token, message))
            }
        }
    }

    /// How many messages are made or on their way.
    pub(super) fn messages(&self) -> usize {
        let Link::Up(epoch) = &self.link else { return 0 };
        let queued: usize = self.classes.iter().map(Class::queued).sum();
        epoch.in_flight + queued + usize::from(epoch.status.is_some())
    }

    /// Whether there is room in the window for a probe more than are made.
    pub(super) fn may_probe(&self) -> bool {
        let probes: usize = self.classes.iter().map(|class| class.probes.len()).sum();
        matches!(&self.link, Link::Up(epoch) if epoch.in_flight + probes < epoch.window)
    }

    /// Whether the window has room for a message of such a lane now.
    pub(super) fn has_window_for(&self, which: Which) -> bool {
        let Link::Up(epoch) = &self.link else { return false };
        if epoch.in_flight >= epoch.window {
            return false;
        }
        if which == Which::Live {
            return true;
        }
        let share = epoch.window * usize::from(self.options.history_share_percent.min(100)) / 100;
        let is_live_idle = self.classes.iter().all(|class| class.live.flights.messages() == 0);
        let history: usize = self.classes.iter().map(|class| class.history.in_flight()).sum();
        let history = history + self.replays.in_flight();
        history < share.max(usize::from(is_live_idle))
    }

    /// How many samples of the lane may be read now; see the heads of this module and of `forward`.
    fn ripe(&mut self, class: usize, which: Which, run_max: usize, now: Monotonic) -> u64 {
        let lane = self.classes[class].lane(which);
        let flight = lane.flight(run_max);
        match which {
            Which::History => self.pace.grant(flight, now),
            Which::Live if flight == 0 => 0,
            Which::Live => {
                let ripe_at = *lane.ripe_at.get_or_insert(now + self.options.batch_age_max);
                let fills = flight >= lane.filling(run_max);
                let is_ripe = fills || lane.flights.messages() == 0 || ripe_at <= now;
                if is_ripe {
                    lane.ripe_at = None;
                }
                if is_ripe { flight } else { 0 }
            }
        }
    }

    /// Reads the next flight of the lane from the spool and makes messages of it. Says how many samples,
    /// if there was one. This is the one place where what is read for the first time becomes messages.
    fn load(
        &mut self,
        class: usize,
        which: Which,
        now: Monotonic,
    ) -> Result<Option<u64>, SpoolError> {
        let Link::Up(epoch) = &self.link else { return Ok(None) };
        let (limits, run_max) = (epoch.limits, epoch.run_max);
        let ripe = self.ripe(class, which, run_max, now);
        let class = &mut self.classes[class];
        let order = match which {
            Which::Live => HistoryOrder::OldestFirst,
            Which::History => self.options.history_order,
        };
        let Some(block) = class.lane(which).block(order, ripe).filter(|block| !block.is_empty())
        else {
            return Ok(None);
        };
        let (samples, read) = class.read(&block)?;
        let (held, free): (Vec<_>, Vec<_>) =
            samples.iter().partition(|sample| class.holds.holds(&sample.stream.name));
        let made = messages(&self.options, &mut self.compressor, free.into_iter(), limits, None);
        made.count(&self.counters);
        for run in &made.unsendable {
            tracing::warn!(stream = %run.stream, "a sample is longer than the broker allows");
        }
        let owed = runs_of(held.into_iter());
        let mut cargo = Vec::with_capacity(made.messages.len());
        let lane = class.lane(which);
        lane.streams = made.streams;
        for (run, message) in made.messages {
            self.last_token += 1;
            cargo.push((Token(self.last_token), run));
            lane.outbox.push_back((Token(self.last_token), message));
        }
        lane.pass(&read);
        if which == Which::History {
            self.pace.spend(samples.len() as u64);
        }
        lane.flights.take_off(read, owed, cargo.into_iter());
        // A flight of which all is held lands at once.
        class.settle(now);
        Ok(Some(samples.len() as u64))
    }
}
