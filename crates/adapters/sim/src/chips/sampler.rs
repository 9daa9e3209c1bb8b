//! The clock by which a chip samples on its own.

use std::time::Duration;

/// Samples that nobody could have seen are skipped when a long time has passed at once.
const CATCH_UP_MAX: u32 = 64;

/// When the next sample is taken, and the time between two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampler {
    next: Duration,
    period: Duration,
}

impl Sampler {
    /// The first sample is taken at `first`.
    pub(super) const fn new(first: Duration, period: Duration) -> Self {
        Self { next: first, period }
    }

    /// The time of a sample that is taken by `now` and was not told before; call until there is
    /// none.
    pub(super) fn taken(&mut self, now: Duration) -> Option<Duration> {
        let behind = now.saturating_sub(self.next).as_nanos() / self.period.as_nanos().max(1);
        if let Some(skipped) = behind.checked_sub(CATCH_UP_MAX.into()) {
            self.next += self.period * u32::try_from(skipped).unwrap_or(u32::MAX);
        }
        let at = self.next;
        if at > now {
            return None;
        }
        self.next += self.period;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_is_told_once_and_on_the_grid() {
        let ms = Duration::from_millis;
        let mut sampler = Sampler::new(ms(5), ms(10));
        assert_eq!(sampler.taken(ms(4)), None);
        assert_eq!([sampler.taken(ms(17)), sampler.taken(ms(17))], [Some(ms(5)), Some(ms(15))]);
        assert_eq!(sampler.taken(ms(17)), None);
    }

    #[test]
    fn after_a_long_silence_only_the_last_samples_are_told() {
        let mut sampler = Sampler::new(Duration::ZERO, Duration::from_millis(1));
        let now = Duration::from_secs(3_600);
        let told: Vec<_> = std::iter::from_fn(|| sampler.taken(now)).collect();
        assert_eq!(told.len(), 65);
        assert_eq!(told.last(), Some(&now));
    }
}
