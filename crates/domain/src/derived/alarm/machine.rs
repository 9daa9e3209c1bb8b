//! The states of an alarm.

use core::time::Duration;

use crate::derived::{
    Moment, Words,
    run::{restore_moment, save_moment},
};

/// What an alarm says. The codes are part of the payload format and never change their meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AlarmState {
    /// All is well. Code 0.
    #[default]
    Normal,
    /// Something is wrong, and nobody has taken note. Code 1.
    Active,
    /// Something is wrong, and somebody has taken note. Code 2.
    Acknowledged,
    /// It is over, and nobody has taken note. Code 3.
    Over,
}

impl AlarmState {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Active, Self::Acknowledged, Self::Over];

    /// The number that stands for it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::Active => 1,
            Self::Acknowledged => 2,
            Self::Over => 3,
        }
    }
}

/// When an alarm comes and goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmRule {
    /// It is due above this.
    pub limit: f64,
    /// It is past at this or below. Not above the limit.
    pub past: f64,
    /// How long it must be due.
    pub on_delay: Duration,
    /// How long it must be past.
    pub off_delay: Duration,
    /// Whether it stays until it is acknowledged.
    pub latch: bool,
}

/// An alarm: a rule and its state. See [the module](super) for what happens when.
#[derive(Clone, Debug)]
pub struct AlarmMachine {
    rule: AlarmRule,
    state: AlarmState,
    /// How long what would change the state has lasted; none if it is not so.
    lasted: Option<Duration>,
    /// The last value, if no gap has come since.
    last: Option<Moment>,
}

impl AlarmMachine {
    /// A normal alarm.
    pub const fn new(rule: AlarmRule) -> Self {
        Self { rule, state: AlarmState::Normal, lasted: None, last: None }
    }

    /// What it says.
    pub const fn state(&self) -> AlarmState {
        self.state
    }

    /// Takes the excess at `at`, not earlier than the one before, and says whether the state has changed.
    pub fn next(&mut self, at: Moment, excess: f64) -> bool {
        let passed = self.last.replace(at).map_or(Duration::ZERO, |last| span(last, at));
        let is_on = matches!(self.state, AlarmState::Active | AlarmState::Acknowledged);
        let (turns, delay) = if is_on {
            (excess <= self.rule.past, self.rule.off_delay)
        } else {
            (excess > self.rule.limit, self.rule.on_delay)
        };
        let lasted = self.lasted.map_or(Duration::ZERO, |lasted| lasted.saturating_add(passed));
        self.lasted = turns.then_some(lasted);
        let has_turned = turns && lasted >= delay;
        if has_turned {
            self.state = self.turned();
            self.lasted = None;
        }
        has_turned
    }

    const fn turned(&self) -> AlarmState {
        match self.state {
            AlarmState::Normal | AlarmState::Over => AlarmState::Active,
            AlarmState::Active if self.rule.latch => AlarmState::Over,
            AlarmState::Active | AlarmState::Acknowledged => AlarmState::Normal,
        }
    }

    /// There is no value: delays stand still until there is one again.
    pub const fn pause(&mut self) {
        self.last = None;
    }

    /// Somebody has taken note. False if there is nothing to take note of.
    pub const fn acknowledge(&mut self) -> bool {
        self.state = match self.state {
            AlarmState::Active => AlarmState::Acknowledged,
            AlarmState::Over => AlarmState::Normal,
            AlarmState::Normal | AlarmState::Acknowledged => return false,
        };
        true
    }

    pub(super) fn save(&self, words: &mut Vec<u64>) {
        let lasted = self.lasted.map(|it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX - 1));
        words.push(u64::from(self.state.code()));
        words.push(lasted.unwrap_or(u64::MAX));
        save_moment(self.last, words);
    }

    /// Nothing is changed if the words are no state.
    pub(super) fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        let state = *AlarmState::ALL.get(usize::try_from(words.word()?).ok()?)?;
        let lasted = Some(words.word()?).filter(|&it| it != u64::MAX).map(Duration::from_nanos);
        let mut last = None;
        restore_moment(words, &mut last)?;
        *self = Self { rule: self.rule, state, lasted, last };
        Some(())
    }
}

/// From one moment to another, zero if that is earlier.
fn span(from: Moment, to: Moment) -> Duration {
    let nanos = to.as_nanos().abs_diff(from.as_nanos());
    if to < from { Duration::ZERO } else { Duration::from_nanos(nanos) }
}
