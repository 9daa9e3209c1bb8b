//! The metric that watches a number and tells the state of its alarm.

use core::hint::black_box;

use super::{AlarmMachine, AlarmRule, Slope};
use crate::{
    NoData, Quality, QuantityKind,
    derived::{Input, Metric, Moment, Output, Urgency, Words},
};

/// What is watched.
#[derive(Clone, Debug)]
pub(super) enum Excess {
    /// A value that should not be high.
    High,
    /// A value that should not be low.
    Low,
    /// A rate, per so many seconds, in this direction.
    Rate(Slope, f64, Direction),
    /// The difference of two.
    Deviation,
}

/// Which changes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Either,
    Rising,
    Falling,
}

impl Excess {
    fn of(&mut self, at: Moment, inputs: &[Input]) -> Result<f64, NoData> {
        match (self, inputs) {
            (Self::High, [value]) => value.number(),
            (Self::Low, [value]) => value.number().map(|number| -number),
            (Self::Rate(slope, per_s, direction), [value]) => {
                let rate = slope.next(at, value.number()?) * *per_s;
                Ok(match direction {
                    Direction::Either => rate.abs(),
                    Direction::Rising => rate,
                    Direction::Falling => -rate,
                })
            }
            (Self::Deviation, [one, other]) => Ok((one.number()? - other.number()?).abs()),
            _ => Err(NoData::Internal),
        }
    }
}

/// What was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    State,
    Gap,
}

/// An alarm.
#[derive(Clone, Debug)]
pub(super) struct Alarm {
    excess: Excess,
    machine: AlarmMachine,
    urgency: Urgency,
    told: Told,
}

impl Alarm {
    pub(super) const fn new(excess: Excess, rule: AlarmRule, urgency: Urgency) -> Self {
        Self { excess, machine: AlarmMachine::new(rule), urgency, told: Told::Nothing }
    }

    fn tell(&mut self, at: Moment, quality: Quality, out: &mut Vec<Output>) {
        let code = f64::from(self.machine.state().code());
        out.push(Output::number(at, QuantityKind::AlarmState, code, quality));
        self.told = Told::State;
    }

    fn read(&mut self, words: &mut Words<'_>) -> Option<()> {
        let told = match words.word()? {
            0 => Told::Nothing,
            1 => Told::State,
            2 => Told::Gap,
            _ => return None,
        };
        if let Excess::Rate(slope, ..) = &mut self.excess {
            slope.restore(words)?;
        }
        self.machine.restore(words)?;
        self.told = told;
        Some(())
    }
}

impl Metric for Alarm {
    fn next(&mut self, at: Moment, inputs: &[Input], out: &mut Vec<Output>) {
        match self.excess.of(at, inputs) {
            Ok(excess) => {
                let has_changed = self.machine.next(at, excess);
                if has_changed || self.told != Told::State {
                    let qualities = inputs.iter().map(|input| input.quality);
                    self.tell(at, qualities.fold(Quality::Good, Quality::and), out);
                }
            }
            Err(reason) => {
                self.machine.pause();
                if self.told != Told::Gap {
                    out.push(Output::gap(at, reason));
                    self.told = Told::Gap;
                }
            }
        }
    }

    fn touch(&self) {
        black_box(self.machine.state());
    }

    fn save(&self, words: &mut Vec<u64>) {
        words.push(self.told as u64);
        if let Excess::Rate(slope, ..) = &self.excess {
            slope.save(words);
        }
        self.machine.save(words);
    }

    fn restore(&mut self, words: &mut Words<'_>) -> Option<()> {
        self.read(words)
    }

    fn repeat(&mut self) {
        self.told = Told::Nothing;
    }

    fn acknowledge(&mut self, at: Moment, out: &mut Vec<Output>) -> bool {
        let is_new = self.machine.acknowledge();
        if is_new && self.told == Told::State {
            self.tell(at, Quality::Good, out);
        }
        is_new
    }

    fn urgency(&self) -> Option<Urgency> {
        Some(self.urgency)
    }
}
