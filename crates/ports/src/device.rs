//! The port to one addressable chip or module on a bus.

use core::time::Duration;

use domain::{Correction, NoData, Quantity, QuantityKind};

/// One measuring point of a device: the name and kind of the quantity it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensor {
    /// What it is called within its device, such as `temperature`; obeys the rules of stream names.
    pub name: String,
    /// What it measures, and so the unit.
    pub kind: QuantityKind,
}

/// What one transaction yielded: quantities that belong to one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// How long before the call returned the quantities were taken.
    pub age: Duration,
    /// An index into [`Device::sensors`] and the outcome there. A sensor that this transaction says
    /// nothing about is left out; a sensor it should have told of but did not is a gap.
    pub outcomes: Vec<(usize, Result<Quantity, NoData>)>,
}

/// Who sets the pace of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// The schedule: the device answers when it is asked.
    Asked,
    /// The device: it speaks when it has something to say, and the worker listens.
    Speaks,
}

/// Frames that a device has sent since it was created. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCount {
    /// Frames with a measurement in them.
    pub measured: u64,
    /// Sound frames that have nothing for us.
    pub ignored: u64,
    /// Frames refused: checksum, framing or grammar is wrong.
    pub corrupt: u64,
}

/// A calibration procedure that a device has for itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Procedure {
    /// What it is called, in words of a-z and `_`.
    pub name: &'static str,
    /// What it has to be told, if anything: what is right where the device is now.
    pub target: Option<TargetRange>,
}

/// A number of this kind, from `low` to `high`, in the kind's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetRange {
    /// What it is.
    pub kind: QuantityKind,
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl Procedure {
    /// Whether it can be run with this target.
    pub fn admits(&self, target: Option<f64>) -> bool {
        match (self.target, target) {
            (None, None) => true,
            (Some(TargetRange { low, high, .. }), Some(target)) => (low..=high).contains(&target),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// What it wants, in words.
    pub fn wanted(&self) -> String {
        self.target.map_or_else(
            || "no target".to_owned(),
            |TargetRange { kind, low, high }| {
                format!("a target of {low} to {high} {}", kind.unit())
            },
        )
    }
}

/// How far a calibration procedure has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Calibrating {
    /// It goes on when it is called again, after so long.
    Waits(Duration),
    /// It is over, with what the device corrects by since, if it says so.
    Done(Option<Correction>),
}

/// Why a device has not calibrated itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCalibrated {
    /// It has no procedure for that.
    #[error("the device has no such calibration procedure")]
    NoProcedure,
    /// The procedure could not be run to its end.
    #[error("the calibration procedure failed: {0}")]
    Failed(NoData),
    /// The device says that the procedure failed.
    #[error("the device rejects its calibration")]
    Rejected,
}

/// One addressable chip or module, with all the sensors it hosts.
///
/// # Contract
///
/// * **Shape** — one call is one transaction and gives all its quantities, taken at one time.
///   A device that speaks unasked gives them frame by frame. One that is emptied in bursts gives the
///   newest, and those before it by [`earlier`](Self::earlier).
/// * **Units** — fixed by the [`Quantity`] variant, which is that of the sensor. Raw counts never
///   cross this line, and a number that the sensor cannot have is [`NoData::Implausible`].
/// * **Time** — [`Pacing::Asked`]: takes [`time_on_bus`](Self::time_on_bus) when all is well, and
///   returns within [`worst_case`](Self::worst_case), whatever `patience` says. [`Pacing::Speaks`]:
///   returns as soon as there is a measurement, and at the latest a little after `patience`. Never
///   takes a timestamp: the caller does.
/// * **Failure** — [`NoData`] says why there is nothing at all. Afterwards the device is ready to be
///   asked again, and a device that has come back works again without being made anew: whatever it
///   needs to be set up is set up by the next call.
/// * **Unwedging** — [`unwedge`](Self::unwedge) is called after a failure that may have left the bus
///   stuck, and before the worker gives up on the device for a while. It obeys the same time.
/// * **Panics** — must not; the caller survives one all the same, and goes on asking.
///
/// Object-safe on purpose: a bus holds many kinds of device in one list.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Device: Send {
    /// The sensors it hosts. Constant for the life of the device, never empty.
    fn sensors(&self) -> &[Sensor];

    /// Who sets the pace. Constant for the life of the device.
    fn pacing(&self) -> Pacing {
        Pacing::Asked
    }

    /// The longest that a call to [`measure`](Self::measure) may occupy the bus.
    fn worst_case(&self) -> Duration;

    /// How long one call to [`measure`](Self::measure) occupies the bus and its worker when all is
    /// well, with the waits for conversions that it sits out; at most
    /// [`worst_case`](Self::worst_case). Zero for a device that speaks unasked: its line is its own,
    /// and listening takes nobody's turn. Constant for the life of the device.
    fn time_on_bus(&self) -> Duration;

    /// Asks the device for its quantities as they are now, or listens for them.
    ///
    /// # Errors
    ///
    /// The reason there is nothing to report. Retrying is the caller's decision, never ours.
    fn measure(&mut self, patience: Duration) -> Result<Measurement, NoData>;

    /// Tries to free the bus of a device that hangs on it: clock pulses, a new opening of the node, a
    /// power line. Does nothing where there is nothing to be done.
    ///
    /// # Errors
    ///
    /// The reason the bus is still not free.
    fn unwedge(&mut self) -> Result<(), NoData> {
        Ok(())
    }

    /// The calibration procedures that the chip has for itself, the usual one first; what it must be
    /// surrounded by meanwhile, the driver's page says. Constant for the life of the device.
    fn procedures(&self) -> &'static [Procedure] {
        &[]
    }

    /// Begins one of [`procedures`](Self::procedures), or goes on with it, with a target that it admits. A
    /// call takes [`worst_case`](Self::worst_case) at most; what the chip needs longer for is waited for
    /// between two calls, so that nobody on its bus waits too. Asked for quantities meanwhile, the device
    /// is [`NoData::NotReady`].
    ///
    /// # Errors
    ///
    /// [`NotCalibrated`] if the chip has no such procedure, or it failed. It is over then.
    fn calibrate(
        &mut self,
        procedure: &str,
        target: Option<f64>,
    ) -> Result<Calibrating, NotCalibrated> {
        let _ = (procedure, target);
        Err(NotCalibrated::NoProcedure)
    }

    /// What the last successful [`measure`](Self::measure) found besides the newest, for devices that
    /// collect by themselves and are emptied in bursts: oldest first, none younger than what
    /// `measure` gave, each with its own age as of the return of that call. Hands them out once:
    /// asked again, or after a failure, there are none.
    fn earlier(&mut self) -> Vec<Measurement> {
        Vec::new()
    }

    /// For devices whose [`earlier`](Self::earlier) quantities were taken by a clock of their own that is
    /// not exact: the longest from one to the next. Their ages are by the nominal rate then, and the
    /// caller, who knows when it asked before, spreads them evenly over the time since. Constant for the
    /// life of the device.
    fn sample_period_max(&self) -> Option<Duration> {
        None
    }

    /// For devices that collect by themselves and have room for so much: how soon they must be asked again
    /// so that nothing is lost, however fast their clock. Constant for the life of the device.
    fn room_for(&self) -> Option<Duration> {
        None
    }

    /// What has come in so far, for devices that talk in frames.
    fn frames(&self) -> FrameCount {
        FrameCount::default()
    }
}
