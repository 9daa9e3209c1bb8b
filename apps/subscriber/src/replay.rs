//! `replay`: asks a gateway for samples again and writes them out.

use core::time::Duration;
use std::io::{self, Write};

use domain::{BootId, GatewayId, Monotonic, Ranges, StreamName};
use ports::Clock;
use wire::{
    payload::Batch,
    replay::{Done, Request, Why},
};

use crate::{
    asker::{Asker, Heard},
    feed::{Feed, FeedError, Listening, News, chain, printable},
    interrupts::Interrupts,
    tail::json_line,
};

/// How often, at least, we look whether the gateway has been silent for too long.
const PACE: Duration = Duration::from_millis(100);

/// What to ask for.
pub(crate) struct Wish {
    pub(crate) gateway: GatewayId,
    pub(crate) stream: StreamName,
    /// `None`: in whichever boot they were taken.
    pub(crate) boot: Option<BootId>,
    /// First and last number.
    pub(crate) numbers: (u64, u64),
    /// How long the gateway may be silent.
    pub(crate) patience: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    #[error("cannot write what arrives")]
    Output(#[source] io::Error),
    #[error("no replay: {0}")]
    Unanswered(String),
    #[error("interrupted")]
    Interrupted,
}

/// Writes each sample to `out` as a line of JSON, and what of them there is not to `remarks`. True if all
/// that was asked for has come.
pub(crate) fn run(
    listening: &Listening<'_>,
    wish: &Wish,
    clock: &dyn Clock,
    out: &mut dyn Write,
    remarks: &mut dyn Write,
) -> Result<bool, ReplayError> {
    let mut interrupts = Interrupts::new().map_err(ReplayError::Signals)?;
    let mut feed = Feed::open(listening, clock)?;
    let mut replay = Replay::begin(wish, clock.now().monotonic);
    while !replay.todo.is_empty() {
        if interrupts.count() > 0 {
            return Err(ReplayError::Interrupted);
        }
        let news = feed.next(PACE)?;
        let now = clock.now().monotonic;
        replay.step(&feed, news.as_ref(), now, out, remarks)?;
    }
    Ok(replay.is_whole)
}

/// What is still to be had.
struct Replay<'a> {
    wish: &'a Wish,
    asker: Asker,
    todo: Ranges,
    /// Nothing that was asked for has turned out not to be there.
    is_whole: bool,
    is_connected: bool,
    /// When an answer must have begun.
    connects_by: Monotonic,
}

impl<'a> Replay<'a> {
    fn begin(wish: &'a Wish, now: Monotonic) -> Self {
        let mut todo = Ranges::EMPTY;
        todo.insert_all(wish.numbers.0..wish.numbers.1.saturating_add(1));
        let asker = Asker::new(wish.patience);
        let connects_by = now + wish.patience;
        Self { wish, asker, todo, is_whole: true, is_connected: false, connects_by }
    }

    fn step(
        &mut self,
        feed: &Feed<'_>,
        news: Option<&News>,
        now: Monotonic,
        out: &mut dyn Write,
        remarks: &mut dyn Write,
    ) -> Result<(), ReplayError> {
        if let Some(news) = news {
            self.note(news, remarks);
        }
        let heard = news.and_then(|news| self.asker.hear(news, now));
        match heard.or_else(|| self.asker.check(now)) {
            Some(Heard::Samples(batch)) => self.write(&batch, out).map_err(ReplayError::Output)?,
            Some(Heard::Done(done)) => self.end(&done, remarks)?,
            Some(Heard::Failed(why)) => return Err(ReplayError::Unanswered(printable(&why))),
            None => {}
        }
        self.ask_on(feed, now)
    }

    fn note(&mut self, news: &News, remarks: &mut dyn Write) {
        // A remark that cannot be written is not worth ending for.
        match news {
            News::Connected => self.is_connected = true,
            News::Disconnected(why) => {
                self.is_connected = false;
                let _ = writeln!(remarks, "no connection to the broker: {}", chain(why));
            }
            News::Unreadable { topic, why } => {
                let _ = writeln!(remarks, "unreadable: {}: {}", printable(topic), chain(why));
            }
            News::Arrived { .. } | News::Answered { .. } | News::Asked(_) => {}
        }
    }

    fn write(&mut self, batch: &Batch, out: &mut dyn Write) -> io::Result<()> {
        for sample in &batch.samples {
            self.todo.remove_all(sample.seq.0..sample.seq.0.saturating_add(1));
            writeln!(out, "{}", json_line(&batch.gateway, sample))?;
        }
        out.flush()
    }

    fn ask_on(&mut self, feed: &Feed<'_>, now: Monotonic) -> Result<(), ReplayError> {
        if self.asker.is_waiting() || self.todo.is_empty() {
            return Ok(());
        }
        if self.is_connected {
            let Wish { gateway, stream, boot, .. } = self.wish;
            let numbers = self.todo.clone();
            let request = Request { stream: stream.clone(), boot: *boot, numbers };
            self.asker.ask(feed, gateway, &request, now);
        } else if self.connects_by <= now {
            return Err(ReplayError::Unanswered("the broker is out of reach".to_owned()));
        }
        Ok(())
    }

    /// An answer is over: says what is not there; what the gateway did not come to is asked for again.
    fn end(&mut self, done: &Done, remarks: &mut dyn Write) -> Result<(), ReplayError> {
        for (why, numbers) in &done.not_sent {
            self.todo.subtract(numbers);
            for run in numbers.runs() {
                self.is_whole = false;
                let (first, last) = (run.start(), run.end());
                let _ = writeln!(remarks, "{first}..{last}: {}", meaning(*why));
            }
        }
        if done.sent.is_empty() && done.not_sent.values().all(Ranges::is_empty) {
            return Err(ReplayError::Unanswered("the answer says nothing".to_owned()));
        }
        Ok(())
    }
}

/// For people.
const fn meaning(why: Why) -> &'static str {
    match why {
        Why::Gone => "gone: evicted, retained long enough, damaged, or taken in another boot",
        Why::Never => "never: no sample of this stream has such a number yet",
        Why::Waiting => "waiting: not delivered yet, and comes by itself",
        Why::TooLong => "too long: fits into no message that the broker takes",
        Why::Unreadable => "unreadable: the gateway's disk could not be read",
    }
}
