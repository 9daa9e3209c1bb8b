//! For how long a stream has been whole, and other things that several metrics need of their inputs.
//!
//! A **run** is what has come since the last gap or uncertain reading: good quantities only. After a
//! gap nothing is known until the next quantity, so that a run begins with a quantity, not with the
//! end of a gap.

use core::time::Duration;

use super::{BadMetric, Input, Moment, Output, Words};
use crate::{NoData, Quality, QuantityKind};

/// One sample of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    pub(super) at: Moment,
    pub(super) number: f64,
}

/// The run that a stream is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    samples: u64,
    since: Moment,
}

impl Run {
    /// An input has come, a quantity or a gap: its number, or the gap.
    pub(super) fn meets(&mut self, at: Moment, input: &Input) -> Result<f64, NoData> {
        let number = input.number();
        match number {
            Ok(_) => self.takes(at, input.quality),
            Err(_) => self.breaks(),
        }
        number
    }

    /// A quantity has come.
    pub(super) fn takes(&mut self, at: Moment, quality: Quality) {
        if quality != Quality::Good {
            self.breaks();
            return;
        }
        if self.samples == 0 {
            self.since = at;
        }
        self.samples = self.samples.saturating_add(1);
    }

    /// A gap has come.
    pub(super) const fn breaks(&mut self) {
        self.samples = 0;
    }

    /// A sample of `at` is held no more, though it should be: what follows it is the run.
    pub(super) fn loses(&mut self, at: Moment) {
        self.since = self.since.max(at.after(Duration::from_nanos(1)));
    }

    /// Good if the last `samples` are whole.
    pub(super) const fn covers(self, samples: u64) -> Quality {
        Quality::good_if(self.samples >= samples)
    }

    /// The same of a number that is counted as one.
    pub(super) fn covers_count(self, samples: f64) -> Quality {
        #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
        Quality::good_if(self.samples as f64 >= samples)
    }

    /// Good if everything from `start` on is whole.
    pub(super) fn covers_from(self, start: Moment) -> Quality {
        Quality::good_if(self.samples > 0 && self.since <= start)
    }

    /// Two words.
    pub(super) fn save(self, words: &mut Vec<u64>) {
        words.extend([self.samples, self.since.word()]);
    }

    /// What [`save`](Self::save) wrote.
    pub(super) fn restore(words: &mut Words<'_>) -> Option<Self> {
        Some(Self { samples: words.word()?, since: words.moment()? })
    }
}

impl Held {
    /// Two words.
    pub(super) fn save(self, words: &mut Vec<u64>) {
        words.extend([self.at.word(), self.number.to_bits()]);
    }

    /// What [`save`](Self::save) wrote.
    pub(super) fn restore(words: &mut Words<'_>) -> Option<Self> {
        Some(Self { at: words.moment()?, number: words.number()? })
    }
}

/// One word.
pub(super) fn save_quality(quality: Quality, words: &mut Vec<u64>) {
    words.push(u64::from(quality == Quality::Uncertain));
}

/// What [`save_quality`] wrote.
pub(super) fn restore_quality(words: &mut Words<'_>) -> Option<Quality> {
    match words.word()? {
        0 => Some(Quality::Good),
        1 => Some(Quality::Uncertain),
        _ => None,
    }
}

/// One word, and another if there is a moment.
pub(super) fn save_moment(moment: Option<Moment>, words: &mut Vec<u64>) {
    words.push(u64::from(moment.is_some()));
    words.extend(moment.map(Moment::word));
}

/// Takes what [`save_moment`] wrote.
pub(super) fn restore_moment(words: &mut Words<'_>, moment: &mut Option<Moment>) -> Option<()> {
    *moment = if words.word()? == 0 { None } else { Some(words.moment()?) };
    Some(())
}

/// One word for a reason that there may be.
pub(super) fn save_reason(reason: Option<NoData>, words: &mut Vec<u64>) {
    let place = reason.and_then(|reason| NoData::ALL.iter().position(|&other| other == reason));
    words.push(place.map_or(0, |place| place as u64 + 1));
}

/// Takes what [`save_reason`] wrote.
pub(super) fn restore_reason(words: &mut Words<'_>, reason: &mut Option<NoData>) -> Option<()> {
    *reason = match words.word()?.checked_sub(1) {
        None => None,
        Some(place) => Some(*NoData::ALL.get(usize::try_from(place).ok()?)?),
    };
    Some(())
}

/// One word, and two more if there is a sample.
pub(super) fn save_last(last: Option<Held>, words: &mut Vec<u64>) {
    words.push(u64::from(last.is_some()));
    if let Some(last) = last {
        last.save(words);
    }
}

/// Takes what [`save_last`] wrote.
pub(super) fn restore_last(words: &mut Words<'_>, last: &mut Option<Held>) -> Option<()> {
    *last = if words.word()? == 0 { None } else { Some(Held::restore(words)?) };
    Some(())
}

/// `number`, and a gap if there is none or no quantity of `kind` can have it.
pub(super) fn output(
    at: Moment,
    kind: QuantityKind,
    number: Option<f64>,
    quality: Quality,
) -> Output {
    match number {
        Some(number) => Output::number(at, kind, number, quality),
        None => Output::gap(at, NoData::Undefined),
    }
}

/// The kind of the only input.
pub(super) fn only(kinds: &[QuantityKind]) -> Result<QuantityKind, BadMetric> {
    let none = || BadMetric::Unfit {
        parameter: "of",
        message: "there is no input".to_owned(),
        mend: "name a stream".to_owned(),
    };
    kinds.first().copied().ok_or_else(none)
}

/// The kind of the only input, unless its numbers are round or a code, so that they have no mean and no
/// distances.
pub(super) fn level(kinds: &[QuantityKind]) -> Result<QuantityKind, BadMetric> {
    let kind = only(kinds)?;
    is_level("of", kind)?;
    Ok(kind)
}

/// Refuses a kind whose numbers are round or a code, as what `role` measures.
pub(super) fn is_level(role: &'static str, kind: QuantityKind) -> Result<(), BadMetric> {
    let message = if kind == QuantityKind::Course {
        "a course is round: half way from 359° to 1° is not 180°"
    } else if kind == QuantityKind::AlarmState {
        "the state of an alarm is a code, not a number"
    } else {
        return Ok(());
    };
    let mend = "name a stream of another kind".to_owned();
    Err(BadMetric::Unfit { parameter: role, message: message.to_owned(), mend })
}
