//! Runs the gateway: starts its parts, waits for a signal, drains.
//!
//! # Threads
//!
//! One for each bus, one that supervises them, one that stores, one that forwards, one that keeps time, those of the pool, one for signals,
//! and one of the MQTT client. Each has a name and is joined, but not for ever: a worker that hangs in the
//! kernel does not keep the gateway from stopping.
//!
//! # The order of the shutdown
//!
//! Bus workers first: no more readings. Then the store, once the queue is empty: every reading is a
//! sample in the spool. Then the forwarder, once the broker has everything or time is up. What is left
//! in the spool goes out after the next start. All of it takes `drain_timeout` and a few seconds of
//! grace for farewells at most; the first half belongs to workers and store. If that is not enough,
//! the store no longer waits for a spool that is full or fails, and counts what it gives up.

mod part;
mod time;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use clock_linux::{BootIdError, LinuxClock, Realtime};
use control_unix::{ControlError, UnixControl};
use crossbeam_channel::{Receiver, Select, bounded};
use domain::{BootId, Monotonic, StreamClass, StreamName, Timestamp, derived::Group};
use executor::Executor;
use pipeline::{
    acquire::{Acquired, BusWorker},
    alarms::AlarmDesk,
    command::Commander,
    derive::{BadGraph, Beginning, Derivation, MetricPlan},
    forward::{DeviceNews, Forwarder},
    queue::{self, Inlet, queue},
    store::{StateKeeping, Store, StoreParts},
    supervise::{Board, Supervisor},
    telemetry::Counters,
};
use ports::{Clock, Publisher as _, Spool, SpoolError, Waker};
use publisher_mqtt::MqttPublisher;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use spool_file::ClassedSpools;
use state_file::{AuditFile, SettingsError, SettingsFile, StateFile};

use self::part::Part;
use crate::{
    config::{self, Config, WhenFull},
    logging,
    site::{BuildError, Site, forward_options, mqtt_options},
};

/// Why the gateway could not start, or stopped unasked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot be turned into devices and connections.
    #[error("configuration cannot be built")]
    Build(#[from] BuildError),
    /// The machine does not say which boot this is.
    #[error("boot id is not known")]
    BootId(#[from] BootIdError),
    /// The spool cannot be opened.
    #[error("failed to open the spool in {folder}")]
    Spool {
        /// Where.
        folder: String,
        /// Why.
        #[source]
        cause: SpoolError,
    },
    /// The kept settings cannot be read.
    #[error("kept settings are not known")]
    Settings(#[from] SettingsError),
    /// The derived metrics cannot be made.
    #[error("derived metrics cannot be made")]
    Derived(#[from] BadGraph),
    /// Commands cannot be taken.
    #[error("commands cannot be taken")]
    Control(#[from] ControlError),
    /// The kernel has no thread, or no signals, left for us.
    #[error("failed to start a thread")]
    Thread(#[source] io::Error),
    /// The thread pool could not start.
    #[error("failed to start the thread pool")]
    Executor(#[from] executor::BuildError),
    /// It stopped, and not in good order; the log says what was given up.
    #[error("stopped without a full drain: {}", .0.join(", "))]
    NotDrained(Vec<String>),
    /// A part that runs for as long as the gateway has ended by itself.
    #[error("{part} ended unasked")]
    PartEnded {
        /// Which.
        part: String,
    },
}

/// Runs until SIGTERM or SIGINT, then drains. A second signal ends the process at once.
///
/// # Errors
///
/// [`RunError`] if it cannot start, or if a part of it ends by itself.
pub fn until_signal(config: &Config) -> Result<(), RunError> {
    let signals = signals().map_err(RunError::Thread)?;
    let gateway = Gateway::start(config)?;
    tracing::info!(gateway = %config.gateway, version = env!("CARGO_PKG_VERSION"), "running");
    let ended = gateway.wait(&signals);
    let stopped = gateway.stop(config.pipeline.drain_timeout);
    ended.and(stopped)
}

/// Signals that come this soon after the first do not count as a second.
const SAME_DECISION: Duration = Duration::from_secs(1);

/// A channel with one message at the first signal.
fn signals() -> io::Result<Receiver<()>> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let (tell, told) = bounded(1);
    let listen = move || {
        let clock = LinuxClock::new();
        let mut first = None;
        for signal in signals.forever() {
            let now = clock.now().monotonic;
            match first {
                None => {
                    first = Some(now);
                    tracing::info!(signal, "stopping; a second signal stops at once");
                    let _ = tell.try_send(());
                }
                // The same decision, told twice: `timeout` signals a process and then its group.
                Some(first) if now.saturating_since(first) < SAME_DECISION => {}
                Some(_) => {
                    tracing::warn!(signal, "stopping at once; what was not stored is lost");
                    std::process::exit(1);
                }
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
    Ok(told)
}

/// What the bus workers are to ask of the kernel; the memory is locked here.
fn punctual(wished: &config::Realtime) -> Realtime {
    if wished.is_memory_locked
        && let Err(denied) = clock_linux::lock_memory()
    {
        tracing::warn!(cause = %denied.source, "{denied}");
    }
    Realtime { priority: wished.priority, cores: wished.cores.clone() }
}

/// How long a part may take to end after it has nothing left to wait for.
const GRACE: Duration = Duration::from_secs(2);
/// Longer than the publisher takes to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

struct Gateway {
    clock: LinuxClock,
    acquisition: LinuxClock,
    storage: LinuxClock,
    /// When the forwarder has to be done, once that is known.
    stops_by: Arc<OnceLock<Monotonic>>,
    wake_forwarder: Waker,
    /// The bus workers and their supervisor: all that puts readings into the queue.
    buses: Vec<Part>,
    store: Part,
    forwarder: Part,
    timekeeper: Part,
    /// Highest class first.
    spools: [Arc<dyn Spool>; 3],
    executor: Arc<Executor>,
    counters: Arc<Counters>,
    /// Removes the socket at the end.
    _control: Option<UnixControl>,
}

impl Gateway {
    fn start(config: &Config) -> Result<Self, RunError> {
        let boot = clock_linux::boot_id()?;
        let Site { buses, streams, metrics } = Site::build(config)?;
        let spools = open_spools(config, boot)?;
        let counters = Arc::new(Counters::default());
        let executor = Executor::builder().workers(config.pipeline.workers).build()?;
        let executor = Arc::new(executor);
        let stops_by = Arc::new(OnceLock::new());
        let publisher = MqttPublisher::new(mqtt_options(config)?);
        let wake_forwarder = publisher.waker();
        let clock = LinuxClock::new();
        let (acquisition, storage) = (clock.beside(), clock.beside());
        let times = time::known(config, boot);
        let timekeeper = time::keeper(config, &times, &acquisition, &counters, &wake_forwarder);

        let when_full = match config.pipeline.when_full {
            WhenFull::Block => queue::WhenFull::Block,
            WhenFull::DropOldest => queue::WhenFull::DropOldest,
        };
        let (inlet, outlet) = queue(config.pipeline.queue, when_full, Arc::clone(&counters));
        let (alarms, notes) = AlarmDesk::new(alarms(&metrics));
        let (state, beginning) = state(config, boot, clock.now());
        let origins = metrics.iter().map(|m| (m.stream.name.clone(), m.origin())).collect();
        let derivation =
            Derivation::new(metrics, beginning, Arc::clone(&executor), Arc::clone(&counters))?;
        let store = Store::new(StoreParts {
            outlet,
            derivation,
            streams,
            spools: spools.clone(),
            classes: classes(config),
            clock: Arc::new(storage.clone()),
            counters: Arc::clone(&counters),
            wake_forwarder: Arc::clone(&wake_forwarder),
            sync_interval: config.spool.sync_interval,
        })
        .with_state(state)
        .with_notes(notes);
        let tally = {
            let (spools, executor) = (spools.clone(), Arc::clone(&executor));
            let counters = Arc::clone(&counters);
            Box::new(move || counters.snapshot(&spools, &executor))
        };
        let workers = workers(buses, &acquisition, &inlet, &counters);
        let board = Board::of(workers.iter().map(|(_, worker)| worker));
        board.listen(&wake_forwarder);
        let control = control(config, &board, &clock, &counters, alarms)?;
        let forwarder = Forwarder::new(
            forward_options(config, boot)?,
            spools.to_vec(),
            publisher,
            Arc::new(clock.clone()),
            Arc::clone(&counters),
            tally,
        )
        .with_devices(device_news(&board))
        .with_derived(origins)
        .with_times(&times);
        let supervisor = Supervisor::new(board, Arc::new(acquisition.clone()), inlet);
        let time = Arc::clone(&stops_by);
        let forward = move || forwarder.run(|| time.get().copied());

        let punctual = punctual(&config.realtime);
        let store = Part::start("store", move || store.run())?;
        let forwarder = Part::start("forwarder", forward)?;
        let timekeeper = Part::start("timekeeper", move || timekeeper.run())?;
        let mut buses = vec![Part::start("supervisor", move || supervisor.run())?];
        for (name, worker) in workers {
            let punctual = punctual.clone();
            let run = move || {
                for denied in punctual.apply() {
                    tracing::warn!(cause = %denied.source, "{denied}");
                }
                worker.run();
            };
            buses.push(Part::start(&name, run)?);
        }
        Ok(Self {
            clock,
            acquisition,
            storage,
            stops_by,
            wake_forwarder,
            buses,
            store,
            forwarder,
            timekeeper,
            spools,
            executor,
            counters,
            _control: control,
        })
    }

    /// Waits for a signal, or for a part to end by itself.
    fn wait(&self, signals: &Receiver<()>) -> Result<(), RunError> {
        let parts: Vec<_> = {
            let others = [&self.store, &self.forwarder, &self.timekeeper];
            self.buses.iter().chain(others).collect()
        };
        let mut select = Select::new();
        select.recv(signals);
        for part in &parts {
            select.recv(part.ended());
        }
        match select.ready() {
            0 => Ok(()),
            index => Err(RunError::PartEnded { part: parts[index - 1].name().to_owned() }),
        }
    }

    fn stop(self, drain_timeout: Duration) -> Result<(), RunError> {
        let begun = self.clock.now().monotonic;
        let left = |until: Monotonic| until.saturating_since(self.clock.now().monotonic);
        let (half, until) = (begun + drain_timeout / 2, begun + drain_timeout);
        let mut faults = Vec::new();
        self.acquisition.interrupt();
        // With the last bus worker the queue is closed, and the store ends when it is empty.
        if !self.store.is_over_within(left(half)) {
            self.storage.interrupt();
        }
        for bus in self.buses {
            faults.extend(bus.join(GRACE));
        }
        faults.extend(self.timekeeper.join(GRACE));
        let unstored = self.store.join(GRACE);
        let _ = self.stops_by.set(until);
        (self.wake_forwarder)();
        let unsent = self.forwarder.join(left(until) + FAREWELL);
        let is_at_rest = unstored.is_none() && unsent.is_none();
        faults.extend(unstored.into_iter().chain(unsent));
        match self.counters.readings_lost.get() {
            0 => {}
            lost => faults.push(format!("{lost} readings lost")),
        }
        // A store that hangs in the kernel holds the spool; then it cannot be asked any more.
        if is_at_rest {
            let counters = self.counters.snapshot(&self.spools, &self.executor);
            let waiting = counters.get("samples_waiting").copied().unwrap_or_default();
            tracing::info!(waiting, ?counters, "stopped");
        }
        if faults.is_empty() { Ok(()) } else { Err(RunError::NotDrained(faults)) }
    }
}

/// The spools of all classes, highest first.
fn open_spools(config: &Config, boot: BootId) -> Result<[Arc<dyn Spool>; 3], RunError> {
    let config::Spool { bytes_max, retain, free_min, when_full, .. } = config.spool;
    let options =
        spool_file::Options { bytes_max, retain, free_min, ..spool_file::Options::default() };
    let folder = &config.spool.folder;
    let classed = ClassedSpools::open(folder, options, when_full, boot)
        .map_err(|cause| RunError::Spool { folder: folder.display().to_string(), cause })?;
    let spools = classed.all();
    let runs = spools.iter().flat_map(|spool| spool.waiting());
    let waiting: u64 = runs.map(|run| run.end.0 - run.start.0).sum();
    let folder = folder.display();
    if classed.is_open() {
        tracing::info!(%folder, waiting, "spool open");
    } else {
        tracing::error!(%folder, "disk is full; the spool is opened when it has room");
    }
    Ok(spools)
}

/// The class of each stream that is not of the class normal.
fn classes(config: &Config) -> HashMap<StreamName, StreamClass> {
    let devices = config.buses.iter().flat_map(|bus| &bus.devices);
    let measured = devices
        .flat_map(|device| device.streams.iter().map(|stream| (stream.name.clone(), device.class)));
    let derived = config.derived.iter().map(|metric| (metric.stream.name.clone(), metric.class));
    measured.chain(derived).filter(|(_, class)| *class != StreamClass::Normal).collect()
}

/// Where the derived metrics go on, and how their state is kept from now on.
fn state(config: &Config, boot: BootId, now: Timestamp) -> (StateKeeping, Beginning) {
    let file = StateFile::new(&config.spool.folder);
    let saved = file.read().unwrap_or_else(|error| {
        tracing::warn!("{}; derived metrics start afresh", logging::chain(&error));
        None
    });
    let interval = config.pipeline.state_interval;
    (StateKeeping { keeper: Box::new(file), interval }, Beginning { boot, now, saved })
}

/// The streams of the alarms.
fn alarms(metrics: &[MetricPlan]) -> Vec<StreamName> {
    let alarms = metrics.iter().filter(|metric| metric.function.group == Group::Alarm);
    alarms.map(|alarm| alarm.stream.name.clone()).collect()
}

/// Puts kept settings in force, and takes commands from now on.
fn control(
    config: &Config,
    board: &Board,
    clock: &LinuxClock,
    counters: &Arc<Counters>,
    alarms: AlarmDesk,
) -> Result<Option<UnixControl>, RunError> {
    let folder = &config.spool.folder;
    let (keeper, kept, aside) = SettingsFile::open(folder)?;
    if let Some(aside) = aside {
        let aside = aside.display();
        tracing::error!(%aside, "kept settings are damaged and put aside; running without them");
    }
    let (keeper, audit) = (Box::new(keeper), Box::new(AuditFile::new(folder)));
    let clock = Arc::new(clock.clone());
    let counters = Arc::clone(counters);
    let commander =
        Commander::new(board.clone(), clock, kept, keeper, audit, Arc::clone(&counters))
            .with_alarms(alarms);
    let Some(path) = &config.control else { return Ok(None) };
    let answer = move |who: &str, line: &[u8]| {
        let answer = match wire::command::decode(line) {
            Ok(command) => {
                let pipeline::command::Answer { outcome, correction, devices, counters } =
                    commander.execute(who, &command);
                wire::command::Answer::of(&outcome, devices, counters).with_correction(correction)
            }
            Err(error) => {
                counters.commands_not_understood.add(1);
                wire::command::Answer::not_understood(&error)
            }
        };
        answer.encode()
    };
    let control = UnixControl::start(path, Arc::new(answer))?;
    tracing::info!(socket = %path.display(), "commands are taken");
    Ok(Some(control))
}

fn device_news(board: &Board) -> DeviceNews {
    let (report, changes) = (board.clone(), board.clone());
    DeviceNews {
        report: Box::new(move || report.report()),
        changes: Box::new(move || changes.changes()),
    }
}

fn workers(
    buses: Vec<(String, Vec<pipeline::acquire::DevicePlan>)>,
    clock: &LinuxClock,
    inlet: &Inlet<Acquired>,
    counters: &Arc<Counters>,
) -> Vec<(String, BusWorker)> {
    let worker = |plans| BusWorker::new(plans, Arc::new(clock.clone()), inlet.clone(), counters);
    buses.into_iter().map(|(name, plans)| (name, worker(plans))).collect()
}
