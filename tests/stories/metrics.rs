//! The gateway's counters: each moves, and each is in its specification.

use std::collections::BTreeSet;

use domain::{Command, NoData};

use crate::world::{SECOND, Setup, World};

#[test]
fn the_counters_of_a_quiet_minute_agree_with_each_other() {
    let mut world = World::new(1);
    world.run(60 * SECOND);
    assert!(world.drain());
    let delivered: usize = world.delivered().values().map(Vec::len).sum();
    let delivered = u64::try_from(delivered).unwrap();
    for name in ["samples_appended", "samples_acknowledged"] {
        assert_eq!(world.count(name), delivered, "{name}");
    }
    assert_eq!(world.count("measurements_taken"), 60 + 30);
    assert_eq!(world.count("messages_published"), world.count("messages_acknowledged"));
    assert!(world.count("messages_published") >= delivered / 500);
    assert!(world.count("jobs_processed") >= 60);
    assert!(world.count("job_wait_ns_p99") > 0 && world.count("job_run_ns_p99") > 0);
    assert_eq!(world.count("connections_made"), 1);
    for name in ["samples_waiting", "jobs_queued", "jobs_panicked", "gaps_absent", "readings_lost"]
    {
        assert_eq!(world.count(name), 0, "{name}");
    }
    world.broker.set_up(false);
    world.run(10 * SECOND);
    assert!(world.count("spool_bytes") > 0);
}

const RESULTS: [&str; 3] = ["done", "refused", "failed"];

#[test]
fn the_specification_lists_every_counter_and_no_other() {
    let specification = include_str!("../../docs/specs/metrics.md");
    let rows = specification.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`'));
    let mut listed: BTreeSet<String> = names
        .filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect();
    assert!(listed.remove("gaps_<reason>"));
    listed.extend(NoData::ALL.iter().map(|reason| format!("gaps_{}", reason.code())));
    assert!(listed.remove("commands_<command>_<result>"));
    for (word, result) in
        Command::WORDS.iter().flat_map(|word| RESULTS.map(|result| (word, result)))
    {
        listed.insert(format!("commands_{word}_{result}"));
    }
    assert!(listed.remove("samples_<what>_<class>"), "there is one class only");
    let mut world = World::new(1);
    // How much history there is is known only while there is a connection.
    world.run(5 * SECOND);
    let mut counted: BTreeSet<String> = world.counts().into_keys().collect();
    // And how long samples wait for the clock while they do.
    let setup = Setup { is_synchronised: false, wait_max: Some(60 * SECOND), ..Setup::default() };
    counted.extend(World::with(1, setup).counts().into_keys());
    assert_eq!(listed, counted);
}
