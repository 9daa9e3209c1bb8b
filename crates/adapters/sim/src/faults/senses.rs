//! What a chip senses, bent.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The handle to what one chip senses. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Senses(Arc<Mutex<Mood>>);

#[derive(Clone, Copy, Debug, Default)]
struct Mood {
    /// How many want it frozen, and how many beyond its range.
    frozen: u32,
    beyond: u32,
    /// When the frozen one was looked at first.
    since: Option<Duration>,
}

impl Senses {
    /// The same state of the world, as the chip is to sense it: `beyond` makes of a state one that is
    /// outside of what the chip can measure.
    pub fn felt<T, S, B>(
        &self,
        state: S,
        beyond: B,
    ) -> impl Fn(Duration) -> T + Send + 'static + use<T, S, B>
    where
        T: 'static,
        S: Fn(Duration) -> T + Send + 'static,
        B: Fn(T) -> T + Send + 'static,
    {
        let senses = self.clone();
        move |time| {
            let (at, is_beyond) = senses.look(time);
            let felt = state(at);
            if is_beyond { beyond(felt) } else { felt }
        }
    }

    /// From its next look on, the chip senses the same.
    pub fn freeze(&self) {
        self.with(|mood| mood.frozen += 1);
    }

    /// It goes with the time again, if nobody else wants it frozen.
    pub fn thaw(&self) {
        self.with(|mood| {
            mood.frozen = mood.frozen.saturating_sub(1);
            if mood.frozen == 0 {
                mood.since = None;
            }
        });
    }

    /// From now on the chip senses what it cannot measure.
    pub fn drive_beyond(&self) {
        self.with(|mood| mood.beyond += 1);
    }

    /// It senses what is, if nobody else drives it.
    pub fn bring_back(&self) {
        self.with(|mood| mood.beyond = mood.beyond.saturating_sub(1));
    }

    fn look(&self, time: Duration) -> (Duration, bool) {
        self.with(|mood| {
            let at = if mood.frozen > 0 { *mood.since.get_or_insert(time) } else { time };
            (at, mood.beyond > 0)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Mood) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
