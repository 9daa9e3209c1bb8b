//! Replays: sends again what somebody asks for.
//!
//! # Terms
//!
//! * **Job** — a request that waits for its answer, or is being answered.
//! * **Answer** — the messages that go where the request wants them: samples, and an end that says what
//!   became of each number. `docs/specs/replay.md` has their bytes.
//!
//! # Invariants
//!
//! 1. An answer goes below this gateway's own prefix and nowhere else. A request that wants it anywhere
//!    else is refused without a word.
//! 2. At most [`JOBS_MAX`] requests wait, and one flight of samples is made ready; more requests are
//!    dropped. All of them are counted, and none outlives the epoch.
//! 3. Only what has been delivered is sent again. What waits comes by itself, and what is owed to a held
//!    stream is not sent around the refusal.
//! 4. Answers have what the lanes leave of the window and the rate of history. One step reads for one
//!    job, once from each spool.
//!
//! # Deliberately absent
//!
//! Who may ask: the broker's access rules say that.

mod asked;

use core::mem;
use std::{
    collections::{HashMap, VecDeque},
    error::Error,
};

use domain::Monotonic;
use ports::{Message, Publisher, Request, Token};
use wire::{
    replay::{Answer, CORRELATION_BYTES_MAX, Request as Asking},
    status::State,
};

use self::asked::Asked;
use super::{Forwarder, Link, lane::Which};

/// How many requests wait at most.
pub(super) const JOBS_MAX: usize = 16;

/// What correlation data takes in a message besides itself, in bytes at most.
const CORRELATION_OVERHEAD_BYTES: usize = 8;

/// As much of what is wrong with a request is said.
const REASON_CHARS_MAX: usize = 200;

/// The requests of one epoch, and what is made of them.
#[derive(Debug, Default)]
pub(super) struct Replays {
    pub(super) jobs: VecDeque<Job>,
    /// Messages made and not yet taken by the publisher, and how many samples each has.
    pub(super) outbox: VecDeque<(u64, (Token, Message))>,
    /// Messages not yet answered by the broker: how many samples each has, and where it goes.
    on_way: HashMap<Token, (u64, String)>,
    /// The log tells of it: requests come as fast as anybody likes.
    is_refusal_told: bool,
    is_fault_told: bool,
}

#[derive(Debug)]
pub(super) struct Job {
    reply: Reply,
    task: Task,
}

/// Where an answer goes, and what it is to be known by there.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) topic: String,
    pub(super) correlation: Vec<u8>,
}

#[derive(Debug)]
enum Task {
    /// Say why the request is none.
    Refuse(String),
    Replay(Box<Asked>),
}

impl Replays {
    /// How many messages the publisher has taken and the broker has not answered.
    pub(super) fn in_flight(&self) -> usize {
        self.on_way.len()
    }

    /// A message was acknowledged: how many samples it had, if it is one of an answer.
    pub(super) fn land(&mut self, token: Token) -> Option<u64> {
        self.on_way.remove(&token).map(|(samples, _)| samples)
    }

    /// A message was refused: what else would go to the same place is dropped. False if it is none of
    /// an answer.
    pub(super) fn refuse(&mut self, token: Token, reason: &str) -> bool {
        let Some((_, topic)) = self.on_way.remove(&token) else { return false };
        if !mem::replace(&mut self.is_refusal_told, true) {
            tracing::warn!(topic, reason, "broker refuses a replay");
        }
        self.jobs.retain(|job| job.reply.topic != topic);
        self.outbox.retain(|(_, (_, message))| message.topic != topic);
        true
    }
}

impl<P: Publisher> Forwarder<P> {
    /// Takes a request in, or refuses it.
    pub(super) fn note_request(&mut self, request: Request) {
        let counters = &self.counters;
        counters.replay_requests.add(request.dropped.saturating_add(1));
        counters.replay_requests_refused.add(request.dropped);
        let job = self.job(request);
        let is_refused = matches!(job, None | Some(Job { task: Task::Refuse(_), .. }));
        let has_room = self.replays.jobs.len() < JOBS_MAX;
        if is_refused || !has_room {
            self.counters.replay_requests_refused.add(1);
        }
        self.replays.jobs.extend(job.filter(|_| has_room));
    }

    fn job(&self, request: Request) -> Option<Job> {
        let Request { respond_to, mut correlation, payload, .. } = request;
        let is_ours = |topic: &String| self.options.topics.is_answer(&self.options.gateway, topic);
        let topic = respond_to.filter(is_ours)?;
        let task = if correlation.len() > CORRELATION_BYTES_MAX {
            correlation.clear();
            Task::Refuse(format!("correlation data is longer than {CORRELATION_BYTES_MAX} bytes"))
        } else {
            match Asking::decode(&payload) {
                Ok(asking) => Task::Replay(Box::new(Asked::new(asking, &self.options.gateway))),
                Err(error) => {
                    let cause = error.source().map(|cause| format!(": {cause}"));
                    let reason = format!("{error}{}", cause.unwrap_or_default());
                    Task::Refuse(reason.chars().take(REASON_CHARS_MAX).collect())
                }
            }
        };
        Some(Job { reply: Reply { topic, correlation }, task })
    }

    /// When the next answer may go on, if the window has room.
    pub(super) fn replay_due(&self) -> Option<Monotonic> {
        let job = self.replays.jobs.front().filter(|_| self.may_answer())?;
        Some(match &job.task {
            Task::Refuse(_) => Monotonic::default(),
            Task::Replay(asked) => self.pace.due(asked.wanted()),
        })
    }

    /// Whether more of an answer may be made.
    fn may_answer(&self) -> bool {
        self.replays.outbox.is_empty()
            && self.state == State::Online
            && self.has_window_for(Which::History)
    }

    /// Sends answers with what the lanes leave of the window.
    pub(super) fn send_replays(&mut self, now: Monotonic) {
        self.send_answers();
        if self.may_answer()
            && matches!(&self.link, Link::Up(epoch) if !epoch.is_over(now))
            && let Some(job) = self.replays.jobs.pop_front()
        {
            self.answer(job, now);
            self.send_answers();
        }
    }

    fn send_answers(&mut self) {
        while self.has_window_for(Which::History)
            && let Some((samples, message)) = self.replays.outbox.pop_front()
        {
            let (token, topic) = (message.0, message.1.topic.clone());
            if let Err(message) = self.hand_over(message, false) {
                self.replays.outbox.push_front((samples, message));
                return;
            }
            self.replays.on_way.insert(token, (samples, topic));
        }
    }

    /// Makes the next messages of an answer.
    fn answer(&mut self, mut job: Job, now: Monotonic) {
        let Link::Up(epoch) = &self.link else { return };
        let overhead = job.reply.correlation.len() + CORRELATION_OVERHEAD_BYTES;
        let bytes_max = epoch.limits.payload_bytes.saturating_sub(overhead);
        let end = match &mut job.task {
            Task::Refuse(reason) => Answer::refusal(&self.options.gateway, reason),
            Task::Replay(asked) => {
                let granted = self.pace.grant(asked.wanted(), now);
                if granted > 0
                    && let Err(error) = self.replay(asked, &job.reply, granted, bytes_max)
                {
                    if !mem::replace(&mut self.replays.is_fault_told, true) {
                        tracing::error!(%error, "spool cannot be read for a replay");
                    }
                    self.counters.replays_failed.add(1);
                    asked.give_up();
                }
                let Some(done) = asked.end() else {
                    self.replays.jobs.push_front(job);
                    return;
                };
                done.encode(bytes_max)
            }
        };
        let Reply { topic, correlation } = job.reply;
        let end = Message { topic, payload: end, is_retained: false, correlation };
        self.push_answer(0, end);
    }

    fn push_answer(&mut self, samples: u64, message: Message) {
        self.last_token += 1;
        self.replays.outbox.push_back((samples, (Token(self.last_token), message)));
    }
}
