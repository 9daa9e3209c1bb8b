//! Nothing is lost between the spool and the subscriber, whatever is killed.

use std::time::Duration;

use blackbox::site::{Gateway, Listener, let_pass, until};
use domain::{Quantity, Sample};
use publisher_mqtt::Session;
use wire::status::State;

use crate::parts::{Bench, Wires};

/// Pseudo-random waits, so that kills hit different instants; printed, so that they can be repeated.
fn instants(seed: u64) -> impl Iterator<Item = Duration> {
    println!("seed {seed}");
    std::iter::successors(Some(seed), |s| {
        Some(s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1))
    })
    .skip(1)
    .map(|s| Duration::from_millis(100 + (s >> 33) % 900))
}

fn seed() -> u64 {
    let given = std::env::var("TELEMETRYHUB_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| std::process::id().into())
}

/// The counter's numbers in the order of the sequence, each sample once.
fn numbers(samples: &[Sample]) -> Vec<u64> {
    let mut samples: Vec<_> = samples.to_vec();
    samples.sort_by_key(|sample| sample.seq);
    samples.dedup_by_key(|sample| sample.seq);
    let number = |sample: &Sample| sample.reading.outcome.ok().map(Quantity::number);
    samples.iter().filter_map(number).map(|n| format!("{n}").parse().unwrap()).collect()
}

#[test]
fn a_gateway_killed_ten_times_at_random_instants_loses_no_sample() {
    let wires = Wires::counting(Duration::from_millis(2));
    let Some(bench) = Bench::new("gateway killed ten times", wires) else { return };
    let verifier = bench.site.start_verifier().unwrap();
    for wait in instants(seed()).take(10) {
        let before = bench.listener.heard.count();
        let gateway = bench.site.start_gateway().unwrap();
        until("samples arrive", || bench.listener.heard.count() > before).unwrap();
        let_pass(wait);
        gateway.kill().unwrap();
    }
    let gateway = bench.site.start_gateway().unwrap();
    let_pass(Duration::from_secs(1));
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
    let report = verifier.report().unwrap();
    assert_eq!(
        (&report["verdict"], &report["missing"]),
        (&"complete".into(), &0.into()),
        "{report}"
    );
    assert!(report["received"].as_u64().unwrap() > 1_000, "{report}");
    let numbers = numbers(&bench.listener.heard.stream("counter.number"));
    assert!(numbers.is_sorted_by(|a, b| a < b), "a line was stored twice or out of order");
}

#[test]
fn a_broker_stopped_and_restarted_under_load_loses_no_sample() {
    let wires = Wires::counting(Duration::from_millis(2));
    let Some(mut bench) = Bench::new("broker stopped and restarted", wires) else { return };
    let verifier = bench.site.start_verifier().unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    for wait in instants(seed()).take(4) {
        let before = bench.listener.heard.count();
        until("samples arrive", || bench.listener.heard.count() > before + 100).unwrap();
        bench.broker.stop().unwrap();
        let_pass(wait);
        bench.broker.restart().unwrap();
    }
    let before = bench.listener.heard.count();
    until("samples arrive again", || bench.listener.heard.count() > before + 100).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
    let report = verifier.report().unwrap();
    assert_eq!(
        (&report["verdict"], &report["missing"]),
        (&"complete".into(), &0.into()),
        "{report}"
    );
}

/// The counter's numbers as they arrived, each once: none is left out.
fn assert_counts_up(numbers: &[u64]) {
    let breaks: Vec<_> = numbers.windows(2).filter(|pair| pair[0] + 1 != pair[1]).collect();
    assert!(breaks.is_empty(), "numbers are left out: {breaks:?}");
}

/// The test that rivals fail: 500 samples a second, the broker away for ten seconds.
#[test]
fn ten_seconds_without_a_broker_cost_none_of_12_000_samples() {
    let wires = Wires::counting(Duration::from_millis(2));
    let Some(mut bench) = Bench::new("ten seconds without a broker", wires) else { return };
    let verifier = bench.site.start_verifier().unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    until("the first samples arrive", || bench.wires.said() > 3_000).unwrap();
    bench.broker.stop().unwrap();
    let_pass(Duration::from_secs(10));
    bench.broker.restart().unwrap();
    // The line may hold a thousand that the gateway has not read when it stops.
    until("13,000 lines were said", || bench.wires.said() > 13_000).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
    let report = verifier.report().unwrap();
    assert_eq!(
        (&report["verdict"], &report["missing"]),
        (&"complete".into(), &0.into()),
        "{report}"
    );
    let counted = &report["streams"].as_array().unwrap();
    let counted = counted.iter().find(|stream| stream["stream"] == "counter.number").unwrap();
    assert!(counted["received"].as_u64().unwrap() >= 12_000, "{report}");
}

/// The other one: 40,000 samples that no broker has seen, and then `kill -9`.
#[test]
fn forty_thousand_samples_that_no_broker_has_seen_outlive_kill_9() {
    let wires = Wires::counting(Duration::from_micros(200));
    let Some(mut bench) = Bench::new("40,000 samples outlive a kill", wires) else { return };
    let verifier = bench.site.start_verifier().unwrap();
    let session = Session::Persistent { expiry: Duration::from_secs(600) };
    bench.listener = Listener::start(&bench.broker.url(), session).unwrap();
    let heard = bench.listener.heard.clone();
    bench.broker.stop().unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    // More than the line and the queue hold are not on their way to the spool.
    until("all is in the spool", || bench.wires.said() > 45_000).unwrap();
    gateway.kill().unwrap();
    bench.broker.restart().unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    until("they arrive", || heard.count() >= 45_000).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
    let report = verifier.report().unwrap();
    assert_eq!(
        (&report["verdict"], &report["missing"]),
        (&"complete".into(), &0.into()),
        "{report}"
    );
    let is_told = || heard.status().is_some_and(|status| status.state == State::Stopped);
    until("the last word arrives", is_told).unwrap();
    let numbers = numbers(&heard.stream("counter.number"));
    assert_counts_up(&numbers[..40_000]);
}

#[test]
fn with_compression_nothing_is_missing_and_fewer_bytes_go() {
    let wires = Wires::counting(Duration::from_millis(2));
    let tables = "[mqtt]\ncompression = \"deflate\"\n";
    let Some(mut bench) = Bench::with("compression", wires, tables, "") else { return };
    let verifier = bench.site.start_verifier().unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    let heard = &bench.listener.heard;
    until("samples arrive", || heard.count() > 100).unwrap();
    // An outage makes a backlog, which goes in large messages.
    bench.broker.stop().unwrap();
    let_pass(Duration::from_secs(2));
    bench.broker.restart().unwrap();
    let before = heard.count();
    until("samples arrive again", || heard.count() > before + 1_000).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
    let report = verifier.report().unwrap();
    assert_eq!(
        (&report["verdict"], &report["missing"], &report["unreadable"]["payload"]),
        (&"complete".into(), &0.into(), &0.into()),
        "{report}"
    );
    let [sent, plain] = ["payload_bytes", "payload_bytes_plain"].map(|name| heard.counter(name));
    assert!(sent > Some(0) && sent < plain, "{sent:?} of {plain:?} bytes");
}

#[test]
fn a_broker_that_is_absent_at_start_gets_everything_when_it_comes() {
    let wires = Wires::counting(Duration::from_millis(2));
    let Some(mut bench) = Bench::new("broker absent at start", wires) else { return };
    // Its session is there before the first sample, and outlives the broker.
    let verifier = bench.site.start_verifier().unwrap();
    bench.broker.stop().unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    until("the gateway runs", || bench.site.log_text().contains("not connected")).unwrap();
    let_pass(Duration::from_secs(1));
    bench.broker.restart().unwrap();
    until("samples arrive", || bench.listener.heard.count() > 100).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
    let report = verifier.report().unwrap();
    assert_eq!(
        (&report["verdict"], &report["missing"]),
        (&"complete".into(), &0.into()),
        "{report}"
    );
}

#[test]
fn numbers_go_on_after_a_restart_and_the_last_word_has_the_final_heads() {
    let wires = Wires::counting(Duration::from_millis(5));
    let Some(bench) = Bench::new("numbers go on after a restart", wires) else { return };
    let mut last = 0;
    for _ in 0..3 {
        let gateway: Gateway = bench.site.start_gateway().unwrap();
        let before = bench.listener.heard.count();
        until("samples arrive", || bench.listener.heard.count() > before + 50).unwrap();
        assert!(gateway.stop().unwrap().success());
        let is_stopped =
            || bench.listener.heard.status().is_some_and(|s| s.state == State::Stopped);
        until("the last word arrives", is_stopped).unwrap();
        let status = bench.listener.heard.status().unwrap();
        let heads: Vec<_> = status.heads.iter().collect();
        assert_eq!(heads.len(), 7, "{heads:?}");
        for (name, head) in heads {
            let heard = bench.listener.heard.stream(name.as_str());
            let numbers: std::collections::BTreeSet<_> = heard.iter().map(|s| s.seq.0).collect();
            assert_eq!(numbers, (1..=head.0).collect(), "{name}");
        }
        let total = status.counters["samples_appended"];
        assert!(total > 0 && status.counters["samples_waiting"] == 0, "{status:?}");
        for class in ["high", "normal", "low"] {
            assert!(status.counters[&format!("samples_appended_{class}")] > 0, "{class}");
        }
        let newest = bench.listener.heard.stream("counter.number").last().unwrap().seq.0;
        assert!(newest > last);
        last = newest;
    }
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let wires = Wires::counting(Duration::from_millis(20));
    let Some(mut bench) = Bench::new("log that cannot be written", wires) else { return };
    std::os::unix::fs::symlink("/dev/full", bench.site.folder().join("gateway.log")).unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    until("samples arrive", || bench.listener.heard.count() > 20).unwrap();
    // A fault of each kind of thread: the forwarder's, then a bus worker's.
    bench.broker.stop().unwrap();
    bench.wires.thermometer.unplug();
    let_pass(Duration::from_secs(1));
    bench.broker.restart().unwrap();
    let before = bench.listener.heard.count();
    until("samples arrive again", || bench.listener.heard.count() > before + 20).unwrap();
    assert!(gateway.stop().unwrap().success());
}
