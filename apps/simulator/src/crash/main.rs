//! Crashes the gateway by a seeded schedule, and judges what arrives of it all the same.
//!
//! `cargo xtask crash` builds and runs it; `docs/crash.md` tells what is done and how it is judged.
//!
//! Exit codes: 0 when the contract was kept, 1 when not, 2 when it could not be judged or for a wrong command
//! line, 130 when it was interrupted.

#![expect(clippy::disallowed_methods, reason = "real processes in real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for the terminal")]

mod broker;
mod disk;
mod faults;
mod feeder;
mod mqtt;
mod patience;
mod proxy;
mod record;
mod report;
mod schedule;
mod spy;
mod stand;
mod verify;

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use simulator::leash;

use self::{
    disk::Disk,
    faults::Faults,
    patience::{Interrupted, Patience},
    report::Report,
    schedule::{Fault, Schedule},
    stand::{Misbehaved, Stand},
};

/// What one is to know before one reads a report.
const LESSON: &str = "\
A device at the far end of a serial line counts 1,000 numbers a second. Each round waits for 0.2 to 1.5 s and then
harms the gateway, its broker, the network between them, its disk or the device. Whatever the broker acknowledged is
recorded on the way to it. At the end everything is mended, the gateway delivers what it has and stops, and each number
that did not arrive must have an excuse: it was not in the spool yet when the gateway was killed, or the power was cut
so soon after it that no sync had come. A second round of faults begins while some of the first still last.

Examples:
  telemetryhub-crash --gateway-binary ./telemetryhub                     100 faults
  telemetryhub-crash --gateway-binary ./telemetryhub --rounds 1000 --seed 7 --json run.json
  telemetryhub-crash --gateway-binary ./telemetryhub --keep              and leave log and spool to be looked at

Needs mosquitto. Full disks need mount namespaces; power cuts need root, mkfs.ext4 and a loop device. What is not
possible is left out, and the report says so.

Exit code 0: the contract was kept. 1: it was not. 2: it could not be judged. 130: interrupted.";

/// Kills the gateway, its broker, its network and its disk, and looks for lost samples.
#[derive(Parser)]
#[command(name = "telemetryhub-crash", version, after_help = LESSON)]
struct Arguments {
    /// How many faults
    #[arg(long, default_value_t = 100, value_name = "NUMBER")]
    rounds: u32,
    /// Which faults, and when; the same seed gives the same, but for what the machine does meanwhile
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Write the result as JSON into this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the folder (configuration, log, image of the disk) and say where it is
    #[arg(long)]
    keep: bool,
    /// The gateway to run
    #[arg(long, value_name = "FILE")]
    gateway_binary: PathBuf,
}

fn main() -> ExitCode {
    if let Some(failed) = leash::become_program() {
        return failed;
    }
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted: nothing was judged");
            ExitCode::from(130)
        }
        Err(error) if error.is::<Misbehaved>() => {
            println!("  VIOLATION: {error}\n\nverdict: BROKEN");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether the contract was kept.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let kind = disk::enter_den();
    let patience = Patience::new()?;
    let mut folder = tempfile::Builder::new().prefix("telemetryhub-crash-").tempdir()?;
    if arguments.keep {
        folder.disable_cleanup(true);
        println!("folder: {}", folder.path().display());
    }
    let begun = Instant::now();
    let mut stand = Stand::new(&arguments.gateway_binary, folder.path(), kind, patience)?;
    let is_possible = possible(&stand);
    let mut faults = Faults::default();
    let rounds = Schedule::new(arguments.seed, &is_possible);
    for (number, round) in (1..=arguments.rounds).zip(rounds) {
        faults.play(&mut stand, round)?;
        tell(number, arguments.rounds, round.fault, &faults, &stand);
    }
    faults.end(&mut stand)?;
    stand.finish()?;
    let known = &stand.known;
    let mut verdict = stand.recorder.look(|record| verify::judge(&record.arrivals, known));
    verdict.violations.extend(stand.recorder.look(|record| record.unreadable.clone()));
    let all = Fault::ALL.into_iter().map(|(fault, ..)| fault);
    let report = Report {
        seed: arguments.seed,
        rounds: arguments.rounds,
        took: begun.elapsed(),
        counts: faults.counts,
        left_out: all.filter(|fault| !is_possible(*fault)).collect(),
        verdict,
    };
    print!("{}", report.text());
    if let Some(file) = &arguments.json {
        fs::write(file, report.json().to_string())?;
    }
    Ok(report.is_clean())
}

fn possible(stand: &Stand) -> impl Fn(Fault) -> bool + use<> {
    let (has_disk, has_power) =
        (stand.disk.is_some(), stand.disk.as_ref().is_some_and(Disk::has_power));
    move |fault| (has_disk || fault != Fault::DiskFull) && (has_power || fault != Fault::PowerCut)
}

/// One line of progress.
fn tell(number: u32, of: u32, fault: Fault, faults: &Faults, stand: &Stand) {
    let delivered = stand.recorder.look(|record| record.arrivals.len());
    let going_on: Vec<_> = faults.lasting().filter(|on| *on != fault).map(Fault::name).collect();
    let going_on = if going_on.is_empty() {
        String::new()
    } else {
        format!(" during {}", going_on.join(", "))
    };
    eprintln!("round {number}/{of}: {}{going_on}; {delivered} delivered", fault.name());
}
