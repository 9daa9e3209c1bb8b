//! What commands change in the book of a device.

use core::time::Duration;

use domain::{Calibration, Monotonic, Procedure, Refusal};
use ports::Pacing;

use super::{Activity, Book, Reply, Rhythm, Run, Schedule};

impl Book {
    /// How often it is asked; `None` if it speaks unasked.
    pub(in crate::acquire) const fn period(&self) -> Option<Duration> {
        match self.rhythm {
            Rhythm::Every(period) => Some(period),
            Rhythm::SilentFor(_) => None,
        }
    }

    /// The share of its bus's time that it takes with this period, or the one that it has.
    pub(in crate::acquire) fn share(&self, period: Option<Duration>) -> f64 {
        let period = period.or(self.period());
        period.map_or(0.0, |period| self.time_on_bus.as_secs_f64() / period.as_secs_f64())
    }

    pub(in crate::acquire) fn set_period(
        &mut self,
        period: Duration,
        now: Monotonic,
    ) -> Result<(), Refusal> {
        if self.pacing == Pacing::Speaks {
            return Err(Refusal::SpeaksUnasked { device: self.name.clone() });
        }
        self.rhythm = Rhythm::Every(period);
        self.schedule.set_period(period, now);
        Ok(())
    }

    pub(in crate::acquire) fn set_calibration(
        &mut self,
        sensor: &str,
        calibration: Calibration,
    ) -> Result<(), Refusal> {
        let names = self.streams.iter().map(|stream| stream.name.parts().1);
        let Some(index) = names.clone().position(|name| name == sensor) else {
            let known = names.map(str::to_owned).collect();
            let (device, sensor) = (self.name.clone(), sensor.to_owned());
            return Err(Refusal::NoSensor { device, sensor, known });
        };
        self.calibrations[index] = (!calibration.is_identity()).then_some(calibration);
        Ok(())
    }

    /// Nothing more from this device but one gap.
    pub(in crate::acquire) const fn stop(&mut self) {
        if matches!(self.activity, Activity::Running) {
            self.activity = Activity::Stopping;
        }
    }

    /// It is due now, as if it had just been plugged in. Where the stop has not been told yet, it has
    /// not been stopped.
    pub(in crate::acquire) fn start(&mut self, now: Monotonic) {
        if self.activity == Activity::Stopped {
            self.schedule = match self.rhythm {
                Rhythm::Every(period) => Schedule::new(now, period),
                Rhythm::SilentFor(silence) => Schedule::new(now + silence, silence),
            };
            self.grievance = None;
        }
        self.activity = Activity::Running;
    }

    /// A calibration procedure is to be run, at once. One that has begun has precedence.
    pub(in crate::acquire) fn set_procedure(
        &mut self,
        wish: &Procedure,
        reply: Reply,
    ) -> Result<(), Refusal> {
        let is_meant = |name: &str| wish.name.as_deref().is_none_or(|wish| wish == name);
        let Some(found) = self.procedures.iter().find(|offered| is_meant(offered.name)) else {
            let known = self.procedures.iter().map(|offered| offered.name.to_owned()).collect();
            let (device, procedure) = (self.name.clone(), wish.name.clone());
            return Err(Refusal::NoProcedure { device, procedure, known });
        };
        if !found.admits(wish.target) {
            let (procedure, wanted) = (found.name.to_owned(), found.wanted());
            return Err(Refusal::BadTarget { procedure, wanted });
        }
        if self.procedure.as_ref().is_some_and(|run| run.has_begun) {
            return Err(Refusal::BusStuck { device: self.name.clone() });
        }
        let (name, target, due) = (found.name, wish.target, Monotonic::default());
        self.procedure = Some(Run { name, target, due, has_begun: false, reply });
        Ok(())
    }

    /// A procedure that has not begun is not to be run any more. Says whether there is one.
    pub(in crate::acquire) fn forget_procedure(&mut self) -> bool {
        self.procedure.take_if(|run| !run.has_begun).is_some()
    }

    /// Nobody runs a procedure any more, whether or not it has begun.
    pub(in crate::acquire) fn abandon_procedure(&mut self) {
        self.procedure = None;
    }

    /// The next step of a procedure that has begun is due then.
    pub(in crate::acquire) fn resume(&mut self, run: Run, due: Monotonic) {
        self.procedure = Some(Run { due, has_begun: true, ..run });
    }
}
