//! Commands to the devices of one bus. Each gives `None` if there is no device of that name here.

use core::time::Duration;

use domain::{Calibration, Monotonic, Procedure, Refusal, Timestamp};

use super::{Bus, Ledger};
use crate::acquire::book::{Book, Errand, Reply, Run};

/// A share of all time, in whole percent.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is not negative, and one beyond all bounds saturates"
)]
fn percent(share: f64) -> u64 {
    (share * 100.0).round() as u64
}

impl Bus {
    /// The names of its devices.
    pub(crate) fn names(&self) -> Vec<String> {
        self.ledger().books.iter().map(|book| book.name().to_owned()).collect()
    }

    pub(crate) fn set_period(
        &self,
        name: &str,
        period: Duration,
        now: Monotonic,
    ) -> Option<Result<(), Refusal>> {
        self.order(name, |ledger, index| {
            let share = |(at, book): (usize, &Book)| book.share((at == index).then_some(period));
            let busy: f64 = ledger.books.iter().enumerate().map(share).sum();
            let book = &mut ledger.books[index];
            // A bus that is too busy already may become less so.
            if busy > 1.0 && book.period().is_some_and(|earlier| period < earlier) {
                let (device, percent) = (name.to_owned(), percent(busy));
                return Err(Refusal::BusTooBusy { device, percent });
            }
            book.set_period(period, now)
        })
    }

    pub(crate) fn calibrate(
        &self,
        name: &str,
        sensor: &str,
        calibration: Calibration,
    ) -> Option<Result<(), Refusal>> {
        self.order(name, |ledger, index| ledger.books[index].set_calibration(sensor, calibration))
    }

    pub(crate) fn stop(&self, name: &str) -> Option<()> {
        self.order(name, |ledger, index| ledger.books[index].stop())
    }

    pub(crate) fn start(&self, name: &str, now: Monotonic) -> Option<()> {
        self.order(name, |ledger, index| ledger.books[index].start(now))
    }

    /// Asks the worker to run a calibration procedure of the device.
    pub(crate) fn set_procedure(
        &self,
        name: &str,
        procedure: &Procedure,
        reply: Reply,
    ) -> Option<Result<(), Refusal>> {
        self.order(name, |ledger, index| {
            if ledger.is_abandoned {
                return Err(Refusal::BusStuck { device: name.to_owned() });
            }
            ledger.books[index].set_procedure(procedure, reply)
        })
    }

    /// Asks the worker to forget about it; false if it has begun.
    pub(crate) fn forget_procedure(&self, name: &str) -> Option<bool> {
        self.order(name, |ledger, index| ledger.books[index].forget_procedure())
    }

    /// The worker has ended: whoever waits for a procedure is told, and so is whoever comes later.
    pub(in crate::acquire) fn abandon(&self) {
        let mut ledger = self.ledger();
        ledger.is_abandoned = true;
        ledger.books.iter_mut().for_each(Book::abandon_procedure);
    }

    /// The next step of a procedure is due then.
    pub(in crate::acquire) fn resume(&self, device: usize, run: Run, due: Monotonic) {
        self.turn(device, |book| book.resume(run, due));
    }

    fn order<T>(&self, name: &str, order: impl FnOnce(&mut Ledger, usize) -> T) -> Option<T> {
        let mut ledger = self.ledger();
        let index = ledger.books.iter().position(|book| book.name() == name)?;
        let result = order(&mut ledger, index);
        drop(ledger);
        self.note_change(true);
        Some(result)
    }

    /// What is to be done with a device before it is asked.
    pub(in crate::acquire) fn errand(&self, device: usize, now: Timestamp) -> Option<Errand> {
        self.turn(device, |book| book.errand(now)).flatten()
    }
}
