//! Which of several brokers is called next.
//!
//! # The rule
//!
//! 1. Brokers are numbered in the order of preference. The first attempt is at the first.
//! 2. After a fault the next one is called at once; after the last, the first.
//! 3. When as many attempts in a row as there are brokers came to nothing, there is a wait, and then
//!    the first is called. Something that landed begins the count anew.
//! 4. An epoch at another than the first ends after `return_after`, as soon as nothing is on its way,
//!    for an attempt at the first.

use core::time::Duration;

use domain::Monotonic;

/// The brokers, and the state of the rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brokers {
    count: usize,
    present: usize,
    /// How many attempts in a row came to nothing.
    failures: usize,
    return_after: Duration,
}

impl Brokers {
    /// At least one broker.
    pub(super) fn new(count: usize, return_after: Duration) -> Self {
        Self { count: count.max(1), present: 0, failures: 0, return_after }
    }

    /// The one that is called, or to be called.
    pub(super) const fn present(&self) -> usize {
        self.present
    }

    /// The attempt or the connection ended in a fault. True if there is to be a wait.
    pub(super) const fn fail(&mut self) -> bool {
        self.failures += 1;
        let is_round = self.failures >= self.count;
        self.present = if is_round { 0 } else { (self.present + 1) % self.count };
        if is_round {
            self.failures = 0;
        }
        is_round
    }

    /// Something has landed.
    pub(super) const fn succeed(&mut self) {
        self.failures = 0;
    }

    /// When an epoch that began at `since` is to end for the preferred broker, if it is at another.
    pub(super) fn return_at(&self, since: Monotonic) -> Option<Monotonic> {
        (self.present > 0).then(|| since + self.return_after)
    }

    /// The preferred one is next.
    pub(super) const fn begin_again(&mut self) {
        (self.present, self.failures) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_called_once_before_there_is_a_wait_and_then_the_preferred_one() {
        let mut brokers = Brokers::new(3, Duration::ZERO);
        let called: Vec<_> = (0..7).map(|_| (brokers.present(), brokers.fail())).collect();
        let round = [(0, false), (1, false), (2, true)];
        assert_eq!(called, [&round[..], &round, &round[..1]].concat());
    }

    #[test]
    fn what_has_landed_begins_the_round_anew_where_it_is() {
        let mut brokers = Brokers::new(2, Duration::ZERO);
        assert!(!brokers.fail());
        brokers.succeed();
        assert_eq!(brokers.present(), 1);
        assert!(!brokers.fail(), "the other may be there by now");
        assert_eq!(brokers.present(), 0);
        assert!(brokers.fail());
    }
}
