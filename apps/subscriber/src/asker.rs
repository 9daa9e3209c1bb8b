//! The asker: asks one gateway at a time for samples again, and hears the answer.
//!
//! # Terms
//!
//! * **Request** — what one message asks for: numbers of one stream.
//! * **Patience** — how long a gateway may be silent, from the request or its newest message on. It
//!   answers last of all that it does, so a gateway with history to send may take its time.

use core::time::Duration;

use domain::{GatewayId, Monotonic};
use wire::{
    payload::Batch,
    replay::{Answer, Done, Request},
};

use crate::feed::{Feed, News};

/// One request at a time.
#[derive(Debug)]
pub(crate) struct Asker {
    patience: Duration,
    /// How many requests were made.
    made: u64,
    out: Option<Out>,
}

/// A request that is not answered to its end.
#[derive(Debug)]
struct Out {
    correlation: Vec<u8>,
    gateway: GatewayId,
    until: Monotonic,
}

/// What came of a request so far.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Samples, and there may be more.
    Samples(Batch),
    /// There are no more.
    Done(Done),
    /// There will be no answer; why, for people.
    Failed(String),
}

impl Asker {
    /// Has asked for nothing yet.
    pub(crate) const fn new(patience: Duration) -> Self {
        Self { patience, made: 0, out: None }
    }

    /// Whether a request is out.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.out.is_some()
    }

    /// Asks `gateway`. Without a connection it is as if nobody answered.
    pub(crate) fn ask(
        &mut self,
        feed: &Feed<'_>,
        gateway: &GatewayId,
        request: &Request,
        now: Monotonic,
    ) {
        self.made += 1;
        let correlation = feed.ask(gateway, request, self.made);
        self.out = Some(Out { correlation, gateway: gateway.clone(), until: now + self.patience });
    }

    /// What the news are to the request that is out, if anything.
    pub(crate) fn hear(&mut self, news: &News, now: Monotonic) -> Option<Heard> {
        let out = self.out.as_mut()?;
        let heard = match news {
            News::Answered { answer, correlation } if *correlation == out.correlation => {
                out.until = now + self.patience;
                match answer {
                    Answer::Samples(batch) => return Some(Heard::Samples(batch.clone())),
                    Answer::Done(done) => Heard::Done(done.clone()),
                    Answer::Refused { reason, .. } => {
                        Heard::Failed(format!("{} refuses: {reason}", out.gateway))
                    }
                }
            }
            News::Asked(Err(why)) => Heard::Failed(format!(
                "{} does not hear requests: {why}; does it run, with mqtt.replay = true?",
                out.gateway
            )),
            News::Disconnected(_) => Heard::Failed("the connection to the broker broke".to_owned()),
            News::Connected
            | News::Arrived { .. }
            | News::Answered { .. }
            | News::Asked(Ok(()))
            | News::Unreadable { .. } => return None,
        };
        self.out = None;
        Some(heard)
    }

    /// Gives the request up if its gateway has been silent for too long.
    pub(crate) fn check(&mut self, now: Monotonic) -> Option<Heard> {
        let out = self.out.take_if(|out| out.until <= now)?;
        let (gateway, patience) = (out.gateway, self.patience);
        Some(Heard::Failed(format!("{gateway} said nothing for {patience:?}")))
    }
}
