//! Times without a gateway: it ended by itself, and was started again as a service manager would.
//!
//! # Terms
//!
//! * **Outage** — from the end of one process until the next one may be expected to acquire.
//!
//! # Deliberately absent
//!
//! What was lost in an outage: the [account](crate::account) says so.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    process::ExitStatus,
    time::{Duration, Instant},
};

use domain::WallTime;

use crate::world::Pace;

/// How long after its start the gateway may ask a device for the first time, besides its phase.
pub(crate) const START_MAX: Duration = Duration::from_secs(5);
/// The exit code of the gateway for a configuration that no restart mends.
const EXIT_CONFIGURATION: i32 = 2;
/// More ends than that within [`WINDOW`] are no accident any more.
const ENDS_MAX: usize = 5;
const WINDOW: Duration = Duration::from_secs(10);

/// One time without a gateway.
#[derive(Clone, Debug)]
pub(crate) struct Outage {
    /// When the gateway had ended.
    pub(crate) down: WallTime,
    /// When the next one was started; it may take [`START_MAX`] more.
    pub(crate) up: WallTime,
    /// How many frames each device that speaks has sent meanwhile.
    pub(crate) unheard: BTreeMap<String, u64>,
}

/// All of them, and how the gateway ended each time.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    list: Vec<Outage>,
    ends: Vec<ExitStatus>,
    recent: VecDeque<Instant>,
    /// What each device had sent when the newest began, and when it will be over.
    newest: Option<(BTreeMap<String, u64>, Instant)>,
}

/// How many frames each device that speaks has sent so far.
fn sent(paces: &BTreeMap<String, Pace>) -> BTreeMap<String, u64> {
    let spoken = paces.iter().filter_map(|(device, pace)| match pace {
        Pace::Spoken(sent) => Some((device.clone(), sent.player.now().frames_sent)),
        Pace::Asked(_) => None,
    });
    spoken.collect()
}

impl Outages {
    /// Whether a gateway that ended so at `now` is to be started again.
    pub(crate) fn can_be_restarted(&mut self, status: ExitStatus, now: Instant) -> bool {
        self.recent.retain(|end| now.duration_since(*end) < WINDOW);
        self.recent.push_back(now);
        status.code() != Some(EXIT_CONFIGURATION) && self.recent.len() <= ENDS_MAX
    }

    /// Notes that the gateway ended so, and was started again at `now`.
    pub(crate) fn begin(
        &mut self,
        status: ExitStatus,
        (down, up): (WallTime, WallTime),
        now: Instant,
        paces: &BTreeMap<String, Pace>,
    ) {
        // One that ends while it starts: the outage before goes on.
        self.ends.push(status);
        let before = match self.newest.take() {
            Some((before, over)) if now < over => {
                if let Some(last) = self.list.last_mut() {
                    last.up = up;
                }
                before
            }
            _ => {
                self.list.push(Outage { down, up, unheard: BTreeMap::new() });
                sent(paces)
            }
        };
        self.newest = Some((before, now + START_MAX));
    }

    /// Counts what devices have sent in the newest outage, while it lasts.
    pub(crate) fn count(&mut self, now: Instant, paces: &BTreeMap<String, Pace>) {
        let (Some((before, over)), Some(last)) = (&self.newest, self.list.last_mut()) else {
            return;
        };
        let since = |(device, sent): (String, u64)| {
            let before = before.get(&device).copied().unwrap_or(0);
            (device, sent.saturating_sub(before))
        };
        last.unheard = sent(paces).into_iter().map(since).collect();
        if now >= *over {
            self.newest = None;
        }
    }

    /// All so far.
    pub(crate) fn list(&self) -> &[Outage] {
        &self.list
    }
}

impl fmt::Display for Outages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = match self.ends.len() {
            0 => return write!(f, "restarts: 0"),
            1 => "once".to_owned(),
            many => format!("{many} times"),
        };
        let ends: Vec<_> = self.ends.iter().map(ToString::to_string).collect();
        write!(
            f,
            "restarts: {}; the gateway ended by itself {times} ({})",
            self.ends.len(),
            ends.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant to reckon from")]
    fn a_gateway_is_started_again_but_not_for_ever_and_not_with_a_bad_configuration() {
        let (killed, now) = (ExitStatus::from_raw(9), Instant::now());
        let mut outages = Outages::default();
        let ends: Vec<_> = (0..7).map(|_| outages.can_be_restarted(killed, now)).collect();
        assert_eq!(ends, [true, true, true, true, true, false, false]);
        assert!(outages.can_be_restarted(killed, now + WINDOW));
        assert!(!outages.can_be_restarted(ExitStatus::from_raw(2 << 8), now + 2 * WINDOW));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant to reckon from")]
    fn an_end_while_it_starts_prolongs_the_outage_and_each_end_is_told() {
        let (now, second) = (Instant::now(), |n: i64| WallTime::from_nanos(n * 1_000_000_000));
        let mut outages = Outages::default();
        assert_eq!(outages.to_string(), "restarts: 0");
        let mut end = |at, n| {
            let at = now + Duration::from_secs(at);
            outages.begin(
                ExitStatus::from_raw(n),
                (second(n.into()), second(n.into())),
                at,
                &BTreeMap::new(),
            );
        };
        end(0, 9);
        end(1, 15);
        end(7, 9);
        let spans: Vec<_> = outages.list().iter().map(|o| (o.down, o.up)).collect();
        assert_eq!(spans, [(second(9), second(15)), (second(9), second(9))]);
        let told = outages.to_string();
        assert!(
            told.starts_with("restarts: 3; the gateway ended by itself 3 times (signal: 9"),
            "{told}"
        );
    }
}
