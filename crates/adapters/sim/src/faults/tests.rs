//! Scripts read, written, drawn and played.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    bus::{BusError, BusFault, Effect, I2cBus, SpiLine},
    chips::Mcp3208,
    serial::ModbusSlave,
    tty::Pty,
};

const SECOND: Duration = Duration::from_secs(1);

fn targets() -> BTreeMap<String, Target> {
    let wiring = SpiLine::new(Mcp3208::new(3.3, |_| 0.0)).wiring();
    let chip = Target::on_bus(&wiring).with_senses(&Senses::default()).with_checksum_at(2);
    let line = Target::on_line(&LineNoise::seeded(1)).with_plug(Pty::open().unwrap());
    let line = line.with_slave(&ModbusSlave::new(1));
    [("chip".to_owned(), chip), ("line".to_owned(), line)].into()
}

fn mistakes(text: &str) -> Vec<String> {
    let script: Result<Script, _> = text.parse();
    let mistakes = script.and_then(|script| script.stage(targets()).map(|_| ())).unwrap_err();
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_script_says_what_happens_and_reads_back_as_it_is_written() {
    let text = "\
# The night of the storm
chip at 10s for 5s  nak errno=ENXIO
chip at 1m          stretch hold=30ms probability=0.5   # now and then
line at 2500ms for 4s unplug
chip at 0s flip byte=3 bits=0x80 count=2
chip at 0s nak after=7
line at 0s exception code=2 table=holding from=16 to=0x1F probability=0.5
line at 0s exception
";
    let script: Script = text.parse().unwrap();
    let written = "\
chip at 10s for 5s nak errno=ENXIO
chip at 1m stretch hold=30ms probability=0.5 seed=3
line at 2500ms for 4s unplug
chip at 0s flip byte=3 bits=0x80 count=2
chip at 0s nak errno=EREMOTEIO after=7
line at 0s exception code=0x02 table=holding from=16 to=31 probability=0.5 seed=7
line at 0s exception code=0x04 from=0 to=65535
";
    assert_eq!(script.to_string(), written);
    assert_eq!(script.episodes[1].fault, Fault::Bus(Effect::Stretch(Duration::from_millis(30))));
    assert_eq!(script.episodes[1].when, When::Sometimes { probability: 0.5, seed: 3 });
    assert!(script.stage(targets()).is_ok());
}

#[test]
fn every_mistake_is_told_with_its_line_and_how_to_mend_it() {
    let found = mistakes("chip in 5s nak\n\nchip at soon nak\nchip at 5s sulk\n");
    assert_eq!(found.len(), 3);
    assert!(found[0].starts_with("line 1: this is no episode\n  mend: write: DEVICE at TIME"));
    assert!(found[1].contains("line 3: `soon` is no duration\n  mend: "));
    assert!(found[2].contains("line 4: there is no fault `sulk`\n  mend: one of: nak, "));
    for (text, told) in [
        ("chip at 1s nak errno=EIO", "`EIO` is no errno of a missing acknowledge"),
        ("chip at 1s nak hold=3s", "`hold=3s` is no option of `nak`"),
        ("chip at 1s unplug count=3", "it has no options"),
        ("chip at 1s nak count=1 after=2", "more than one of after, count and probability"),
        ("chip at 1s nak count=1 count=2", "`count` is said twice"),
        ("chip at 1s nak probability=2", "`2` is no probability"),
        ("chip at 1s flip bits=256", "`bits=256` is no such number"),
        ("chip at 99999999999999h nak", "is no duration"),
        ("chip at 1s noise", "`chip` cannot have the fault `noise`\n  mend: its faults are: nak"),
        (
            "line at 1s exception code=9",
            "`0x09` is no exception of the standard\n  mend: one of: 0x01, ",
        ),
        ("line at 1s exception table=coils", "there is no table `coils`\n  mend: one of: coil, "),
        ("line at 1s exception from=7 to=6", "there are no registers from 7 to 6"),
        ("chip at 1s exception", "`chip` cannot have the fault `exception`"),
        ("moon at 1s nak", "there is no device `moon`\n  mend: the devices are: chip, line"),
    ] {
        let found = mistakes(text).join("\n");
        assert!(found.starts_with("line 1: ") && found.contains(told), "{text}: {found}");
    }
}

#[test]
fn episodes_begin_and_end_at_their_times_and_may_overlap() {
    let line = SpiLine::new(Mcp3208::new(3.3, |_| 0.0));
    let read = || line.exchange(&mut [0; 3]).map(|held| held.as_millis());
    let target = Target::on_bus(&line.wiring());
    let text = "a at 2s for 4s stretch hold=5ms\na at 1s for 3s stretch hold=2ms\na at 9s error\n";
    let script: Script = text.parse().unwrap();
    let mut staging = script.stage([("a".to_owned(), target)].into()).unwrap();
    let mut seen = Vec::new();
    for second in 0..10 {
        staging.step(second * SECOND);
        seen.push(read());
    }
    let failed = Err(BusError { fault: BusFault::Io, held: Duration::ZERO });
    let expected = [0, 2, 7, 7, 5, 5, 0, 0, 0].map(Ok).into_iter().chain([failed]);
    assert!(seen.iter().copied().eq(expected), "{seen:?}");
    staging.heal();
    assert_eq!(read(), Ok(0));
    let begun = [("error", 1), ("stretch", 2)].map(|(fault, n)| (("a".to_owned(), fault), n));
    assert_eq!(*staging.begun(), begun.into());
}

#[test]
fn a_step_that_comes_late_misses_nothing_in_between() {
    let bus = I2cBus::new();
    let wiring =
        bus.attach(0x48, crate::chips::Tmp117::new(crate::time::Elapsed::running(), |_| 1.0));
    let script: Script = "a at 1s for 1s unplug".parse().unwrap();
    let mut staging = script.stage([("a".to_owned(), Target::on_bus(&wiring))].into()).unwrap();
    staging.step(10 * SECOND);
    assert_eq!(staging.begun().values().sum::<u64>(), 1);
    assert!(bus.transfer(0x48, &mut []).is_ok(), "it is back");
}

#[test]
fn chance_draws_the_same_script_for_the_same_seed_and_every_fault_in_time() {
    let script = |seed| Script::random(seed, &targets(), 3_600 * SECOND);
    assert_eq!(script(7), script(7));
    assert_ne!(script(7), script(8));
    let ends = |e: &Episode| e.at + e.span.unwrap();
    assert!(script(7).episodes.iter().all(|episode| ends(episode) <= 3_600 * SECOND));
    let drawn: std::collections::BTreeSet<_> =
        script(7).episodes.iter().map(|episode| episode.fault.name()).collect();
    assert_eq!(drawn.len(), Fault::NAMES.len(), "{drawn:?}");
    assert!(Script::random(7, &targets(), SECOND).episodes.is_empty());
}

#[test]
fn a_line_spoils_what_it_is_told_to_and_counts_it() {
    let noise = LineNoise::seeded(5);
    let say = || noise.pass(b"0123456789".to_vec());
    assert_eq!(say().unwrap(), b"0123456789");
    let plan = noise.inject(LineFault::Truncate, When::Next(1));
    assert_eq!((say().unwrap(), noise.spoilt()), (b"01234".to_vec(), 2));
    assert_eq!(say().unwrap(), b"0123456789");
    noise.withdraw(plan);
    noise.inject(LineFault::Silence, When::Next(1));
    assert_eq!(say(), None);
    noise.inject(LineFault::Noise, When::Next(1));
    let heard = say().unwrap();
    assert!(heard.len() > 10 && heard.ends_with(b"0123456789"));
    noise.inject(LineFault::FlipBits, When::Always);
    let heard = say().unwrap();
    assert!(heard.len() == 10 && heard != b"0123456789" && heard.ends_with(b"9"), "{heard:?}");
    assert_eq!(noise.spoilt(), 5);
}

#[test]
fn senses_freeze_and_leave_the_range_and_come_back() {
    let senses = Senses::default();
    let felt = senses.felt(|time| time.as_secs(), |_| 1_000);
    senses.freeze();
    assert_eq!([3, 4].map(|second| felt(second * SECOND)), [3, 3]);
    senses.thaw();
    senses.drive_beyond();
    assert_eq!(felt(5 * SECOND), 1_000);
    senses.bring_back();
    assert_eq!(felt(6 * SECOND), 6);
}

proptest! {
    #[test]
    fn what_chance_draws_reads_back_as_the_same_script(seed: u64) {
        let drawn = Script::random(seed, &targets(), 200 * SECOND);
        let mut read: Script = drawn.to_string().parse().unwrap();
        read.episodes.iter_mut().for_each(|episode| episode.line = 0);
        prop_assert_eq!(read, drawn);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "(chip|at|for|nak|[0-9]{1,20}|ms|s|=|#|\\PC| |\n){0,40}") {
        let _ = text.parse::<Script>().map(|script| script.stage(targets()).map(|_| ()));
    }
}
