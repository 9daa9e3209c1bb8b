//! How long to wait before trying again.

use core::time::Duration;

/// Exponential back-off with jitter: doubles from `first` up to `most`, and spreads each wait over
/// its upper half so that many gateways do not come back at the same instant.
///
/// The jitter is a fixed function of the seed and the attempt, so that a simulation replays it.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
    state: u64,
}

impl Backoff {
    /// Waits from about `first` to `most`; `seed` makes the jitter different between instances.
    pub const fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, failures: 0, state: seed }
    }

    /// Counts one more failure, and says how long to wait before the next attempt.
    pub fn fail(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.min(self.most);
        let half = wait / 2;
        let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_nanos(self.next_random() % span)
    }

    /// Forgets the failures: the next wait is about `first` again.
    pub const fn succeed(&mut self) {
        self.failures = 0;
    }

    /// How many attempts have failed since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014): enough to spread waits, and replayable.
    const fn next_random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_their_upper_half_up_to_the_most_and_start_again_after_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8), 42);
        for nominal in [1, 2, 4, 8, 8, 8].map(Duration::from_secs) {
            let wait = backoff.fail();
            assert!(wait >= nominal / 2 && wait < nominal, "{wait:?} for {nominal:?}");
        }
        backoff.succeed();
        assert!(backoff.fail() < Duration::from_secs(1));
    }

    #[test]
    fn two_gateways_do_not_come_back_together_and_one_seed_replays() {
        let waits =
            |seed| Backoff::new(Duration::from_secs(60), Duration::from_secs(60), seed).fail();
        assert_ne!(waits(1), waits(2));
        assert_eq!(waits(1), waits(1));
    }

    #[test]
    fn a_year_of_failures_does_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::MAX, 1);
        for _ in 0..100 {
            backoff.fail();
        }
        assert_eq!(backoff.failures(), 100);
    }
}
