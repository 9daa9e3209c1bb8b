//! Each fault of the simulator, played by script to a real driver on virtual time, with the gaps that
//! it must cost counted exactly.
//!
//! A minute has 60 slots, or 60 frames. The fault begins at 9.5 s; where it lasts for 10 s, it befalls
//! the ten from 10 s to 19 s. The device is asked at each slot, because it may be retried at once.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use crossbeam_channel::Receiver;
use domain::{
    FaultPolicy, Monotonic, NoData, QuantityKind, Reading, Stream, StreamName, Timestamp, WallTime,
};
use pipeline::{
    acquire::{Acquired, BusWorker, DevicePlan, Priority, Rhythm},
    queue::{WhenFull, queue},
    telemetry::Counters,
};
use ports::{Clock as _, Device};
use sensors::{
    Bme280, Bme280Options, ModbusRtu, ModbusRtuOptions, NumberType, Order, Pms7003, Register,
    RegisterType, Repeatability, Sht31, Sht31Options, Table,
};
use sim::{
    bus::{I2cBus, Wiring},
    chips,
    environment::Climate,
    faults::{LineNoise, Script, Senses, Staging, Target},
    serial::{MemoryLine, ModbusSlave, Space},
    time::VirtualClock,
};

use crate::world::{SECOND, START};

const SILENCE: Duration = Duration::from_secs(3);
/// When in its second a device speaks: the line is open by then.
const EARLY: Duration = Duration::from_millis(100);

/// A driver's delay, on virtual time.
struct VirtualDelay(VirtualClock);

impl embedded_hal::delay::DelayNs for VirtualDelay {
    fn delay_ns(&mut self, ns: u32) {
        self.0.advance(Duration::from_nanos(ns.into()));
    }
}

/// One device on its bus, and a script.
struct Yard {
    clock: VirtualClock,
    worker: BusWorker,
    outlet: Receiver<Acquired>,
    counters: Arc<Counters>,
    staging: Staging,
    /// A device that speaks, each second.
    voice: Option<(MemoryLine, LineNoise)>,
    told: BTreeMap<String, Vec<Reading>>,
}

fn clock() -> VirtualClock {
    VirtualClock::starting_at(Timestamp::new(
        WallTime::from_nanos(START),
        Monotonic::from_nanos(1_000_000_000),
    ))
}

/// Air that warms by a hundredth of a degree each second.
fn warming(time: Duration) -> Climate {
    Climate {
        celsius: 20.0 + time.as_secs_f64() / 100.0,
        humidity_percent: 40.0,
        hectopascals: 1_000.0,
    }
}

fn too_hot(air: Climate) -> Climate {
    Climate { celsius: 200.0, ..air }
}

fn bus(clock: &VirtualClock) -> I2cBus {
    let waits = clock.clone();
    I2cBus::new().waiting_by(move |held| waits.advance(held))
}

impl Yard {
    /// An SHT31, whose words have checksums.
    fn of_sht31(script: &str) -> (Self, Wiring) {
        let (clock, senses) = (clock(), Senses::default());
        let bus = bus(&clock);
        let chip = chips::Sht31::new(clock.elapsed(), senses.felt(warming, too_hot));
        let wiring = bus.attach(0x44, chip);
        let options =
            Sht31Options { address: 0x44, repeatability: Repeatability::High, bus_timeout: SECOND };
        let device = Sht31::new(bus, VirtualDelay(clock.clone()), options);
        let target = Target::on_bus(&wiring).with_senses(&senses).with_checksum_at(2);
        (Self::with(clock, Box::new(device), target, script), wiring)
    }

    /// A BME280, which tells temperatures that it is not made for.
    fn of_bme280(script: &str) -> Self {
        let (clock, senses) = (clock(), Senses::default());
        let bus = bus(&clock);
        let chip = chips::Bme280::new(clock.elapsed(), senses.felt(warming, too_hot));
        let wiring = bus.attach(0x76, chip);
        let options = Bme280Options { address: 0x76, bus_timeout: SECOND };
        let device = Bme280::new(bus, VirtualDelay(clock.clone()), options);
        let target = Target::on_bus(&wiring).with_senses(&senses);
        Self::with(clock, Box::new(device), target, script)
    }

    /// A PMS7003 on a serial line, which speaks each second and whose frames have checksums.
    fn of_pms7003(script: &str) -> Self {
        let (clock, noise) = (clock(), LineNoise::seeded(3));
        let line = MemoryLine::new(&clock);
        let device = Pms7003::new(line.clone());
        let target = Target::on_line(&noise).with_plug(line.clone());
        let yard = Self::with(clock, Box::new(device), target, script);
        Self { voice: Some((line, noise)), ..yard }
    }

    /// A Modbus slave with two registers that are too far apart for one request: `low` and `high`.
    fn of_modbus(script: &str) -> (Self, ModbusSlave) {
        let (clock, slave) = (clock(), ModbusSlave::new(17));
        let line = MemoryLine::new(&clock);
        line.attach(slave.clone());
        let register = |(name, address): (&str, u16)| {
            slave.set(Space::Holding, address, &[7]);
            Register {
                name: name.to_owned(),
                table: Table::Holding,
                address,
                holds: RegisterType::Number(NumberType::U16),
                order: Order::Big,
                kind: QuantityKind::Dimensionless,
                scale: 1.0,
                offset: 0.0,
            }
        };
        let options = ModbusRtuOptions {
            unit: 17,
            baud: 9_600,
            response_timeout: Duration::from_millis(100),
            turnaround: Duration::ZERO,
            gap_max: 0,
            block_max: ModbusRtuOptions::BLOCK_MAX,
            registers: [("low", 0), ("high", 100)].map(register).into(),
        };
        let device = ModbusRtu::new(line.clone(), options).unwrap();
        let target = Target::default().with_slave(&slave);
        (Self::with(clock, Box::new(device), target, script), slave)
    }

    fn with(clock: VirtualClock, device: Box<dyn Device>, target: Target, script: &str) -> Self {
        let speaks = device.pacing() == ports::Pacing::Speaks;
        let stream = |sensor: &ports::Sensor| Stream {
            name: StreamName::new("it", &sensor.name).unwrap(),
            kind: sensor.kind,
        };
        let at_once = Duration::from_millis(1);
        let plan = DevicePlan {
            number: 0,
            name: "it".to_owned(),
            streams: device.sensors().iter().map(stream).collect(),
            device,
            rhythm: if speaks { Rhythm::SilentFor(SILENCE) } else { Rhythm::Every(SECOND) },
            faults: FaultPolicy {
                failures_max: NonZeroU32::MAX,
                retry_first: at_once,
                retry_max: at_once,
                ..FaultPolicy::default()
            },
            priority: Priority::Normal,
        };
        // Chips need a moment after they are powered.
        clock.advance(SECOND);
        let counters = Arc::new(Counters::default());
        let (inlet, outlet) =
            queue(10_000.try_into().unwrap(), WhenFull::Block, Arc::clone(&counters));
        let worker = BusWorker::new(vec![plan], Arc::new(clock.clone()), inlet, &counters);
        let script: Script = script.parse().unwrap();
        let staging = script.stage([("it".to_owned(), target)].into()).unwrap();
        Self { clock, worker, outlet, counters, staging, voice: None, told: BTreeMap::new() }
    }

    /// Lets a minute pass, a hundredth of a second at a time.
    fn run_a_minute(mut self) -> Self {
        let start = self.clock.now().monotonic;
        let mut said = 0;
        let frame = chips::Pms7003::new(|_| [5.0, 10.0, 20.0]).frame(Duration::ZERO);
        loop {
            let now = self.clock.now().monotonic.saturating_since(start);
            if now >= 60 * SECOND {
                return self;
            }
            self.staging.step(now);
            if let Some((line, noise)) =
                self.voice.as_ref().filter(|_| now >= said * SECOND + EARLY)
            {
                said += 1;
                noise.pass(frame.clone()).into_iter().for_each(|f| line.say(Duration::ZERO, &f));
            }
            let before = self.clock.now().monotonic;
            assert!(self.worker.step());
            // Listening lets time pass by itself.
            if self.voice.is_none() || self.clock.now().monotonic == before {
                self.clock.advance(Duration::from_millis(10));
            }
            for acquired in self.outlet.try_iter() {
                for told in acquired.readings {
                    self.told.entry(told.stream.name.to_string()).or_default().push(told.reading);
                }
            }
        }
    }

    fn count(&self, name: &str) -> u64 {
        let one = 1.try_into().unwrap();
        let spool = Arc::new(sim::memory_spool::MemorySpool::new(crate::world::BOOT, one));
        let executor = executor::Executor::builder().build().unwrap();
        self.counters.snapshot(&crate::world::by_class(&spool), &executor)[name]
    }

    /// Panics unless each stream has the rest of 60 as values, and these gaps.
    #[track_caller]
    fn assert_gaps(&self, expected: &[(NoData, usize)]) {
        assert!(!self.told.is_empty(), "nothing was told");
        self.told.keys().for_each(|name| self.assert_gaps_of(name, expected));
    }

    /// The same of one stream.
    #[track_caller]
    fn assert_gaps_of(&self, name: &str, expected: &[(NoData, usize)]) {
        let (readings, mut found) = (&self.told[name], BTreeMap::new());
        for reason in readings.iter().filter_map(|reading| reading.outcome.err()) {
            *found.entry(reason).or_default() += 1;
        }
        assert_eq!(found, expected.iter().copied().collect(), "{name}");
        assert_eq!(readings.len(), 60, "{name}: every slot has its outcome");
    }

    fn values(&self) -> Vec<f64> {
        let readings = self.told.values().next().unwrap();
        readings.iter().filter_map(|r| r.outcome.ok()).map(domain::Quantity::number).collect()
    }
}

#[track_caller]
fn assert_costs(episode: &str, expected: &[(NoData, usize)]) {
    let (yard, _) = Yard::of_sht31(episode);
    let yard = yard.run_a_minute();
    yard.assert_gaps(expected);
    let recovers = yard.told.values().all(|readings| readings.last().unwrap().outcome.is_ok());
    assert!(recovers, "{episode}");
}

#[test]
fn a_missing_acknowledge_is_absent_whichever_errno_says_it() {
    assert_costs("it at 9500ms for 10s nak errno=EREMOTEIO", &[(NoData::Absent, 10)]);
    assert_costs("it at 9500ms for 10s nak errno=ENXIO", &[(NoData::Absent, 10)]);
}

#[test]
fn a_failing_controller_and_a_lost_arbitration_are_bus_faults() {
    assert_costs("it at 9500ms for 10s error", &[(NoData::BusFault, 10)]);
    assert_costs("it at 9500ms for 10s arbitration", &[(NoData::BusFault, 10)]);
}

#[test]
fn a_stuck_bus_is_a_timeout_each_time_and_costs_the_time_that_it_is_held() {
    assert_costs("it at 9500ms for 10s stuck hold=400ms", &[(NoData::Timeout, 10)]);
    let (yard, _) = Yard::of_sht31("it at 9500ms for 10s stuck hold=400ms");
    let yard = yard.run_a_minute();
    let readings = &yard.told["it.temperature"];
    let since = |n: usize| readings[n].at.monotonic.saturating_since(readings[0].at.monotonic);
    assert!(since(15) >= 15 * SECOND + Duration::from_millis(350), "{:?}", since(15));
}

#[test]
fn a_bus_stuck_for_longer_than_a_period_misses_slots_and_counts_every_one() {
    let (yard, _) = Yard::of_sht31("it at 9500ms for 10s stuck hold=2500ms");
    let yard = yard.run_a_minute();
    let missed = yard.count("deadlines_missed");
    assert!(missed >= 5, "{missed}");
    for readings in yard.told.values() {
        let runs = readings.iter().filter(|r| r.outcome == Err(NoData::Missed)).count();
        let outcomes = u64::try_from(readings.len() - runs).unwrap();
        assert_eq!(outcomes + missed, 60, "each slot has an outcome or is counted as missed");
        assert!(u64::try_from(runs).unwrap() <= missed && runs > 0);
    }
}

#[test]
fn a_stretched_clock_and_a_slow_one_cost_time_and_no_reading() {
    for (episode, least) in [
        ("it at 9500ms for 10s stretch hold=30ms", Duration::from_millis(30)),
        ("it at 9500ms for 10s slow per_byte=5ms", Duration::from_millis(30)),
    ] {
        assert_costs(episode, &[]);
        let (yard, _) = Yard::of_sht31(episode);
        let yard = yard.run_a_minute();
        let readings = &yard.told["it.temperature"];
        let since = |n: usize| readings[n].at.monotonic.saturating_since(readings[5].at.monotonic);
        assert!(since(15) >= 10 * SECOND + least, "{episode}: {:?}", since(15));
        assert!(since(30) < 25 * SECOND + least, "{episode}: {:?}", since(30));
    }
}

#[test]
fn one_wrong_bit_in_a_checksum_or_under_it_is_corrupt() {
    assert_costs("it at 9500ms for 10s wrong_crc", &[(NoData::Corrupt, 10)]);
    assert_costs("it at 9500ms for 10s flip byte=0 bits=0x01", &[(NoData::Corrupt, 10)]);
    assert_costs("it at 9500ms for 10s stick value=0x00", &[(NoData::Corrupt, 10)]);
}

#[test]
fn a_glitch_costs_one_reading() {
    assert_costs("it at 9500ms glitch", &[(NoData::Corrupt, 1)]);
}

#[test]
fn a_chip_whose_number_is_stuck_tells_it_as_long_as_it_is() {
    let (yard, _) = Yard::of_sht31("it at 9500ms for 10s frozen");
    let yard = yard.run_a_minute();
    yard.assert_gaps(&[]);
    yard.told["it.temperature"].iter().for_each(|reading| assert!(reading.outcome.is_ok()));
    let readings = yard.told["it.temperature"].iter();
    let numbers: Vec<_> = readings.map(|r| r.outcome.unwrap().number()).collect();
    let repeats: Vec<_> =
        (1..60).filter(|&n| numbers[n].total_cmp(&numbers[n - 1]).is_eq()).collect();
    assert!((11..20).all(|n| repeats.contains(&n)), "{repeats:?}");
    assert!(numbers[20] > numbers[19] + 0.05, "{numbers:?}");
}

#[test]
fn a_state_beyond_the_range_is_implausible() {
    let yard = Yard::of_bme280("it at 9500ms for 10s out_of_range").run_a_minute();
    let readings = &yard.told["it.temperature"];
    let gaps: Vec<_> = readings.iter().map(|reading| reading.outcome.err()).collect();
    let expected = (0..60).map(|slot| (10..20).contains(&slot).then_some(NoData::Implausible));
    assert_eq!(gaps, expected.collect::<Vec<_>>());
}

#[test]
fn an_unplugged_chip_is_absent_until_it_is_back_and_has_come_up() {
    // The eleventh: the model's supply comes up with the first access, which is too soon for an answer.
    assert_costs("it at 9500ms for 10s unplug", &[(NoData::Absent, 11)]);
}

#[test]
fn a_fault_after_some_transactions_spares_those_and_nothing_later() {
    let (yard, wiring) = Yard::of_sht31("it at 0s nak after=20");
    let yard = yard.run_a_minute();
    let tally = wiring.tally();
    assert_eq!(tally.transactions - tally.spoilt, 20);
    let gaps = usize::try_from(tally.spoilt).unwrap();
    yard.assert_gaps(&[(NoData::Absent, gaps)]);
    let readings = &yard.told["it.temperature"];
    assert!(readings[60 - gaps..].iter().all(|reading| reading.outcome.is_err()));
    assert!(gaps < 60);
}

#[test]
fn a_fault_by_chance_costs_a_reading_each_time_and_the_same_for_the_same_seed() {
    let run = |seed: u64| {
        let (yard, wiring) = Yard::of_sht31(&format!("it at 0s error probability=0.3 seed={seed}"));
        let yard = yard.run_a_minute();
        let spoilt = usize::try_from(wiring.tally().spoilt).unwrap();
        yard.assert_gaps(&[(NoData::BusFault, spoilt)]);
        assert!((5..55).contains(&spoilt), "{spoilt}");
        yard.values()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// Values, and gaps by reason, of a device that speaks.
fn heard(episode: &str) -> (usize, Vec<(NoData, usize)>) {
    let yard = Yard::of_pms7003(episode).run_a_minute();
    let readings = yard.told.values().next().unwrap();
    let mut gaps = BTreeMap::new();
    for reason in readings.iter().filter_map(|reading| reading.outcome.err()) {
        *gaps.entry(reason).or_default() += 1;
    }
    (yard.values().len(), gaps.into_iter().collect())
}

#[test]
fn a_line_in_good_health_gives_each_frame() {
    assert_eq!(heard(""), (60, vec![]));
}

#[test]
fn a_silent_device_is_a_gap_for_each_span_that_it_may_be_silent() {
    // Last heard at 9 s: gaps at 12, 15 and 18 s.
    assert_eq!(heard("it at 9500ms for 10s silence"), (50, vec![(NoData::Silent, 3)]));
}

#[test]
fn noise_between_frames_costs_no_frame() {
    assert_eq!(heard("it at 9500ms for 10s noise"), (60, vec![]));
}

#[test]
fn flipped_bits_cost_their_frame_and_never_make_a_number() {
    assert_eq!(heard("it at 9500ms for 10s flip_bits"), (50, vec![(NoData::Corrupt, 3)]));
    assert_eq!(heard("it at 9500ms for 10s flip_bits count=1"), (59, vec![]));
}

#[test]
fn truncated_frames_are_lost_and_the_next_good_one_is_read() {
    assert_eq!(heard("it at 9500ms for 10s truncate"), (50, vec![(NoData::Corrupt, 3)]));
}

#[test]
fn a_pulled_adapter_is_a_gap_at_once_and_then_one_each_span_of_silence() {
    // At 9.5, 12.5, 15.5 and 18.5 s.
    assert_eq!(heard("it at 9500ms for 10s unplug"), (50, vec![(NoData::Absent, 4)]));
}

#[test]
fn each_exception_of_a_modbus_slave_is_a_gap_with_its_reason_and_counted() {
    for (code, reason) in [
        (0x01, NoData::Absent),
        (0x02, NoData::Absent),
        (0x03, NoData::Absent),
        (0x04, NoData::NotReady),
        (0x06, NoData::NotReady),
        (0x0B, NoData::Timeout),
    ] {
        let script = format!("it at 9500ms for 10s exception code={code}");
        let (yard, slave) = Yard::of_modbus(&script);
        let yard = yard.run_a_minute();
        yard.assert_gaps(&[(reason, 10)]);
        // Two requests each time.
        assert_eq!((slave.refused(), yard.count("frames_ignored")), (20, 20), "{code}");
        assert_eq!(yard.count("frames_measured"), 100, "{code}");
    }
}

#[test]
fn an_exception_of_some_registers_costs_only_their_sensors() {
    let (yard, _) = Yard::of_modbus("it at 9500ms for 10s exception code=2 from=90 to=100");
    let yard = yard.run_a_minute();
    yard.assert_gaps_of("it.low", &[]);
    yard.assert_gaps_of("it.high", &[(NoData::Absent, 10)]);
    let (yard, slave) =
        Yard::of_modbus("it at 0s exception table=input\nit at 0s exception from=1 to=99");
    yard.run_a_minute().assert_gaps(&[]);
    assert_eq!(slave.refused(), 0);
}

#[test]
fn an_exception_by_count_or_by_chance_costs_a_gap_each_time() {
    let (yard, _) = Yard::of_modbus("it at 9500ms exception code=6 to=0 count=3");
    let yard = yard.run_a_minute();
    yard.assert_gaps_of("it.low", &[(NoData::NotReady, 3)]);
    yard.assert_gaps_of("it.high", &[]);
    let run = |seed: u64| {
        let script = format!("it at 0s exception code=0x0B from=100 probability=0.3 seed={seed}");
        let (yard, slave) = Yard::of_modbus(&script);
        let yard = yard.run_a_minute();
        let refused = usize::try_from(slave.refused()).unwrap();
        assert!((5..35).contains(&refused), "{refused}");
        yard.assert_gaps_of("it.low", &[]);
        yard.assert_gaps_of("it.high", &[(NoData::Timeout, refused)]);
        let when = |reading: &Reading| (reading.at, reading.outcome.is_ok());
        yard.told["it.high"].iter().map(when).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
