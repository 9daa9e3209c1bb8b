//! Carries out the faults, notes what each may have cost, and ends those that last.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::process::Signal;

use crate::{
    schedule::{Fault, Round},
    stand::{SYNC_INTERVAL, Stand},
    verify::Holes,
};

/// How long a sync may take on a busy machine, after it was due.
const SYNC_MAX: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(100);

/// What was done so far, and what goes on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) counts: BTreeMap<Fault, u64>,
    lasting: Vec<Lasting>,
}

#[derive(Debug)]
struct Lasting {
    fault: Fault,
    /// How many rounds are left to it.
    rounds: u32,
}

impl Faults {
    /// What goes on now.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = Fault> {
        self.lasting.iter().map(|lasting| lasting.fault)
    }

    /// Waits, strikes, and ends what is over by then.
    pub(crate) fn play(&mut self, stand: &mut Stand, round: Round) -> anyhow::Result<()> {
        stand.patience.pass(round.wait)?;
        stand.gateway()?;
        for lasting in &mut self.lasting {
            lasting.rounds = lasting.rounds.saturating_sub(1);
        }
        // A broker can only be harmed if it is there; a disk is not filled twice.
        let clashes = |going_on: Fault| {
            going_on == round.fault || (going_on.is_of_broker() && round.fault.is_of_broker())
        };
        let was_full = self.lasting().any(|fault| fault == Fault::DiskFull);
        self.end_those(stand, |lasting| lasting.rounds == 0 || clashes(lasting.fault))?;
        self.strike(stand, round, was_full)?;
        *self.counts.entry(round.fault).or_default() += 1;
        Ok(())
    }

    /// Ends everything that goes on.
    pub(crate) fn end(&mut self, stand: &mut Stand) -> anyhow::Result<()> {
        self.end_those(stand, |_| true)
    }

    fn strike(&mut self, stand: &mut Stand, round: Round, was_full: bool) -> anyhow::Result<()> {
        let (kept, struck) = (stand.newest_in_spool(), stand.feeder.next());
        match round.fault {
            Fault::Kill => {
                stand.kill_gateway();
                stand.start_gateway()?;
                // What cannot be stored is not in the spool yet.
                let why = if was_full { "kill on a full disk" } else { round.fault.name() };
                stand.interrupted(why, (kept, struck), Holes::One);
            }
            Fault::PowerCut => cut_power(stand)?,
            Fault::Unplug => {
                stand.line.unplug();
                stand.patience.pass(round.pause)?;
                stand.line.replug()?;
                stand.until_listened()?;
                stand.interrupted(round.fault.name(), (kept, struck), Holes::One);
            }
            Fault::DiskFull => stand.disk.as_ref().context("there is no disk")?.fill()?,
            Fault::BrokerKilled => stand.broker.kill(),
            Fault::BrokerStopped => stand.broker.stop()?,
            Fault::BrokerHalted => stand.broker.signal(Signal::STOP),
            Fault::Cut => stand.proxy.cut(),
            Fault::BlackHole => stand.proxy.swallow(),
            Fault::Delay => stand.proxy.delay(DELAY),
        }
        if round.fault.lasts() {
            self.lasting.push(Lasting { fault: round.fault, rounds: round.rounds + 1 });
        }
        Ok(())
    }

    fn end_those(
        &mut self,
        stand: &mut Stand,
        is_over: impl Fn(&Lasting) -> bool,
    ) -> anyhow::Result<()> {
        let (over, left) = self.lasting.drain(..).partition(is_over);
        self.lasting = left;
        let over: Vec<Lasting> = over;
        for Lasting { fault, .. } in over {
            match fault {
                Fault::DiskFull => stand.disk.as_ref().context("there is no disk")?.free()?,
                Fault::BrokerHalted => stand.broker.signal(Signal::CONT),
                Fault::Delay => stand.proxy.delay(Duration::ZERO),
                Fault::BrokerKilled | Fault::BrokerStopped => {
                    stand.broker.start(&stand.patience)?;
                }
                // These are over at once.
                Fault::Kill | Fault::PowerCut | Fault::Unplug | Fault::Cut | Fault::BlackHole => {}
            }
        }
        Ok(())
    }
}

fn cut_power(stand: &mut Stand) -> anyhow::Result<()> {
    let young = Instant::now().checked_sub(SYNC_INTERVAL + SYNC_MAX);
    let old = young.map_or(0, |young| stand.feeder.next_at(young).saturating_sub(1));
    let struck = stand.feeder.next();
    stand.gateway()?.signal(Signal::STOP);
    // What could not be stored, as on a full disk, is not safe however old it is.
    let safe = old.min(stand.newest_in_spool());
    let disk = stand.disk.as_ref().context("there is no disk")?;
    disk.remember()?;
    stand.kill_gateway();
    stand.disk.as_ref().context("there is no disk")?.fall_back()?;
    stand.boot(safe)?;
    stand.start_gateway()?;
    stand.interrupted(Fault::PowerCut.name(), (safe, struck), Holes::Any);
    Ok(())
}
