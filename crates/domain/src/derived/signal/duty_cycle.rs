//! For which share of the time something is on.

use core::time::Duration;
use std::collections::VecDeque;

use super::{
    OF,
    threshold::{GAP_MAX, THRESHOLD},
};
use crate::{
    QuantityKind,
    derived::{
        Entry, Group, Input, Metric, Moment, Output, Words,
        run::{Run, only, output, restore_moment, save_moment},
        window::MOST_BY_SPAN,
    },
    parameter::{Parameter, Preset, Value},
};

pub(super) const DUTY_CYCLE: Entry = Entry {
    function: "duty_cycle",
    group: Group::Signal,
    summary: "For which share of the last so much time the input was over a threshold, in percent.",
    source: "time over / (time over + time not over) 100; each sample holds until the next",
    edges: "At the threshold is not over. The first sample gives a gap, `undefined`. Gaps, and more than `gap_max` without a sample, count for neither, and make the window uncertain; so does less than a span of samples. A gap gives the same gap.",
    roles: &[OF],
    parameters: &[
        THRESHOLD,
        Parameter {
            name: "span",
            summary: "the time that the share is of",
            value: Value::Duration {
                low: Duration::from_millis(1),
                high: Duration::from_secs(366 * 86_400),
                preset: Preset::Default(Duration::from_secs(3_600)),
            },
        },
        GAP_MAX,
    ],
    example: "function = \"duty_cycle\"\nof = \"pump.power\"\nthreshold = 50\ngap_max = \"1min\"\n",
    make: |kinds, arguments| {
        only(kinds)?;
        Ok((
            QuantityKind::Fraction,
            Box::new(DutyCycle {
                threshold: arguments.number("threshold")?,
                span: arguments.duration("span")?,
                gap_max: arguments.duration("gap_max")?,
                run: Run::default(),
                seen: None,
                phases: VecDeque::new(),
                nanos: [0; 3],
            }),
        ))
    },
};

/// Holds changes, not samples: at most [`MOST_BY_SPAN`] of 16 bytes, saved in two words each. Time is
/// added up in whole nanoseconds and drifts by none.
struct DutyCycle {
    threshold: f64,
    span: Duration,
    gap_max: Duration,
    run: Run,
    /// The last sample, if no gap has come since.
    seen: Option<Moment>,
    /// From when on what was so; each until the next.
    phases: VecDeque<(Moment, State)>,
    /// How long each state lasted in the phases that are over.
    nanos: [i64; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Under,
    Over,
}

impl State {
    const ALL: [Self; 3] = [Self::Unknown, Self::Under, Self::Over];
}

const fn nanos(from: Moment, to: Moment) -> i64 {
    to.as_nanos().saturating_sub(from.as_nanos())
}

const fn add(nanos: &mut i64, more: i64) {
    *nanos = nanos.saturating_add(more);
}

impl DutyCycle {
    fn change(&mut self, at: Moment, state: State) {
        if let Some(&(from, old)) = self.phases.back() {
            if old == state {
                return;
            }
            self.add(old, nanos(from, at));
        }
        self.phases.push_back((at, state));
        if self.phases.len() > MOST_BY_SPAN
            && let Some(lost) = self.drop_first()
        {
            self.run.loses(lost);
        }
    }

    fn drop_first(&mut self) -> Option<Moment> {
        let (from, state) = self.phases.pop_front()?;
        let &(end, _) = self.phases.front()?;
        self.add(state, nanos(end, from));
        Some(from)
    }

    const fn add(&mut self, state: State, more: i64) {
        add(&mut self.nanos[state as usize], more);
    }

    /// What holds from `at` on; nothing is known of what is too long ago.
    fn enter(&mut self, at: Moment, state: State) {
        if let Some(seen) = self.seen
            && at > seen.after(self.gap_max)
        {
            self.run.breaks();
            self.change(seen, State::Unknown);
        }
        self.change(at, state);
        let start = at.before(self.span);
        while self.phases.get(1).is_some_and(|&(from, _)| from <= start) {
            self.drop_first();
        }
    }

    /// The share of the window that ends at `at`, the last change or later.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    fn share(&self, at: Moment) -> Option<f64> {
        let mut nanos_of = self.nanos;
        let (&(first, before), &(last, now)) = (self.phases.front()?, self.phases.back()?);
        add(&mut nanos_of[now as usize], nanos(last, at));
        add(&mut nanos_of[before as usize], nanos(at.before(self.span), first).min(0));
        let [_, under, over] = nanos_of;
        let known = over.saturating_add(under);
        (known > 0).then(|| over as f64 / known as f64 * 100.0)
    }
}

impl Metric for DutyCycle {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        let Some(input) = inputs.first() else { return };
        match input.number() {
            Ok(number) => {
                let is_over = number > self.threshold;
                self.enter(at, if is_over { State::Over } else { State::Under });
                self.run.takes(at, input.quality);
                self.seen = Some(at);
                let quality = self.run.covers_from(at.before(self.span));
                out.push(output(at, QuantityKind::Fraction, self.share(at), quality));
            }
            Err(reason) => {
                self.enter(at, State::Unknown);
                self.run.breaks();
                self.seen = None;
                out.push(Output::gap(at, reason));
            }
        }
    }

    fn save(&self, words: &mut Vec<u64>) {
        self.run.save(words);
        save_moment(self.seen, words);
        words.push(self.phases.len() as u64);
        for &(from, state) in &self.phases {
            words.extend([from.word(), state as u64]);
        }
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.phases.clear();
        self.nanos = [0; 3];
        self.run = Run::restore(words)?;
        restore_moment(words, &mut self.seen)?;
        for _ in 0..words.count(MOST_BY_SPAN)? {
            let (from, state) = (words.moment()?, usize::try_from(words.word()?).ok()?);
            self.change(from, *State::ALL.get(state)?);
        }
        Some(())
    }
}
