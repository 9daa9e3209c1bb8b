//! `verify`: listens for a while, then says what is missing, and asks for it if that is wished.

use core::time::Duration;
use std::{fs, io, io::Write, path::PathBuf};

use domain::Monotonic;
use ports::Clock;

use crate::{
    Arrival, Ledger, Mended, Origin, Report,
    feed::{Feed, FeedError, Listening, News, chain, printable},
    interrupts::Interrupts,
    mender::Mender,
    report::Demands,
};

/// How often, at least, we look whether it is time to end.
const PACE: Duration = Duration::from_millis(100);

/// What to verify.
pub(crate) struct Plan {
    pub(crate) origin: Origin,
    /// For how long to listen; `None`: until every gateway has stopped.
    pub(crate) duration: Option<Duration>,
    /// How long what is still missing at the end may take to arrive.
    pub(crate) settle: Duration,
    pub(crate) demands: Demands,
    /// Whether gateways are asked for what is missing at the end, and how long one may be silent then.
    pub(crate) replay: Option<Duration>,
    /// Where to write the report as JSON.
    pub(crate) json: Option<PathBuf>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    #[error("cannot write the report to {}", path.display())]
    Json {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("cannot write the report")]
    Output(#[source] io::Error),
}

/// Listens, writes the report to `out`, and gives it back. Remarks on the way go to `remarks`.
pub(crate) fn run(
    listening: &Listening<'_>,
    plan: &Plan,
    clock: &dyn Clock,
    out: &mut dyn Write,
    remarks: &mut dyn Write,
) -> Result<Report, VerifyError> {
    let mut interrupts = Interrupts::new().map_err(VerifyError::Signals)?;
    let mut feed = Feed::open(listening, clock)?;
    let mut verification = Verification::begin(plan, clock.now().monotonic);
    while !verification.is_over(clock.now().monotonic, interrupts.count()) {
        if let Some(news) = feed.next(PACE)? {
            verification.note(&news, remarks);
        }
    }
    let mended = match plan.replay.filter(|_| verification.ledger.is_short()) {
        Some(patience) => {
            Some(verification.mend(&mut feed, patience, clock, &mut interrupts, remarks)?)
        }
        None => plan.replay.map(|_| Mended::default()),
    };
    feed.check_connected_once()?;
    let report =
        Report::new(&verification.ledger, verification.connections_lost, plan.demands, mended);
    if let Some(path) = &plan.json {
        let bytes = serde_json::to_vec_pretty(&report).map_err(io::Error::from);
        bytes
            .and_then(|bytes| fs::write(path, bytes))
            .map_err(|cause| VerifyError::Json { path: path.clone(), cause })?;
    }
    writeln!(out, "{report}").map_err(VerifyError::Output)?;
    Ok(report)
}

/// What has been heard, and whether it is time to end.
struct Verification {
    ledger: Ledger,
    ends_at: Option<Monotonic>,
    settle: Duration,
    /// Until when the missing may arrive, once it is time to end.
    settles_until: Option<Monotonic>,
    is_connected: bool,
    connections_lost: u64,
}

impl Verification {
    fn begin(plan: &Plan, now: Monotonic) -> Self {
        Self {
            ledger: Ledger::new(plan.origin),
            ends_at: plan.duration.map(|duration| now + duration),
            settle: plan.settle,
            settles_until: None,
            is_connected: false,
            connections_lost: 0,
        }
    }

    /// Asks the gateways for what is missing, and hears on until they have answered. Afterwards, what they
    /// say to be on its way by itself gets the time to settle, too.
    fn mend(
        &mut self,
        feed: &mut Feed<'_>,
        patience: Duration,
        clock: &dyn Clock,
        interrupts: &mut Interrupts,
        remarks: &mut dyn Write,
    ) -> Result<Mended, FeedError> {
        let _ = writeln!(remarks, "asking for what is missing");
        let (asked_before, mut mender) = (interrupts.count(), Mender::new(patience));
        let mut settles_until = None;
        loop {
            let now = clock.now().monotonic;
            mender.step(feed, &self.ledger, now, remarks);
            let is_coming = self.ledger.is_short() && mender.is_some_coming();
            let has_settled = mender.is_over()
                && (!is_coming || now >= *settles_until.get_or_insert(now + self.settle));
            if has_settled || interrupts.count() > asked_before {
                return Ok(mender.report(&self.ledger));
            }
            if let Some(news) = feed.next(PACE)? {
                mender.note(&news, &mut self.ledger, clock.now().monotonic, remarks);
                self.note(&news, remarks);
            }
        }
    }

    fn note(&mut self, news: &News, remarks: &mut dyn Write) {
        // A remark that cannot be written is not worth ending for.
        match news {
            News::Connected => {
                self.is_connected = true;
                let _ = writeln!(remarks, "listening");
            }
            News::Disconnected(why) => {
                self.connections_lost += u64::from(self.is_connected);
                self.is_connected = false;
                let _ = writeln!(remarks, "no connection to the broker: {}", chain(why));
            }
            News::Arrived { arrival: Arrival::Samples(batch), .. } => {
                for sample in &batch.samples {
                    self.ledger.record(&batch.gateway, sample);
                }
            }
            News::Arrived { arrival: Arrival::Status(status), is_live } => {
                self.ledger.announce(status, *is_live);
            }
            News::Arrived { arrival: Arrival::Answer(_), .. }
            | News::Answered { .. }
            | News::Asked(_) => {}
            News::Unreadable { topic, why } => {
                self.ledger.note_unreadable(why);
                let _ = writeln!(remarks, "unreadable: {}: {}", printable(topic), chain(why));
            }
        }
    }

    /// It is time to end when the duration is over, every gateway has stopped, or somebody asks; then
    /// the end comes at once if nothing is missing, and else after the time to settle, or at once if
    /// somebody asks again.
    fn is_over(&mut self, now: Monotonic, interrupts: usize) -> bool {
        let is_time = interrupts > 0
            || self.ends_at.is_some_and(|end| now >= end)
            || self.ledger.has_all_stopped();
        if !is_time {
            self.settles_until = None;
            return false;
        }
        let until = *self.settles_until.get_or_insert(now + self.settle);
        interrupts > 1 || now >= until || !self.ledger.is_short()
    }
}

#[cfg(test)]
mod tests;
