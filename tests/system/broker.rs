//! A broker that refuses one topic, and one that is connected and mute.

use std::{collections::BTreeSet, time::Duration};

use blackbox::site::until;

use crate::parts::{Bench, Wires};

const ALL: &str = "topic readwrite #\n";
const NO_HUMIDITY: &str = "topic readwrite #\n\
                           topic deny telemetryhub/v1/site/samples/outdoor/humidity\n";

/// With `max_queued_messages 0` mosquitto 2.0.11 refuses a message and then hangs up; the samples of the
/// other streams go on between two attempts.
#[test]
fn a_topic_that_the_access_rules_forbid_holds_no_other_up() {
    let wires = Wires::counting(Duration::from_millis(5));
    let Some(bench) = Bench::with("topic forbidden", wires, "", NO_HUMIDITY) else { return };
    let gateway = bench.site.start_gateway().unwrap();
    let heard = &bench.listener.heard;
    until("other streams go on", || heard.stream("counter.number").len() > 500).unwrap();
    assert!(heard.stream("outdoor.humidity").is_empty());
    let is_told = || {
        let refused = heard.status().map(|status| status.refused).unwrap_or_default();
        refused.iter().any(|(stream, reason)| {
            stream.as_str() == "outdoor.humidity" && reason.contains("not authorized")
        })
    };
    until("the status tells of the refused stream", is_told).unwrap();
    bench.broker.set_rules(ALL).unwrap();
    until("it is taken again", || !heard.stream("outdoor.humidity").is_empty()).unwrap();
    let is_free = || heard.status().is_some_and(|status| status.refused.is_empty());
    until("the status tells of that", is_free).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
    let is_whole = |name: &str| {
        let numbers: BTreeSet<_> = heard.stream(name).iter().map(|sample| sample.seq.0).collect();
        let newest = heard.status().and_then(|status| {
            status.heads.iter().find(|(stream, _)| stream.as_str() == name).map(|(_, seq)| seq.0)
        });
        newest.is_some_and(|newest| numbers == (1..=newest).collect())
    };
    for stream in ["outdoor.humidity", "outdoor.temperature", "counter.number"] {
        until("every sample has come", || is_whole(stream)).unwrap();
    }
    let counters = heard.status().unwrap().counters;
    assert_eq!(counters["samples_set_aside"], 0);
    assert!(counters["messages_refused"] > 0);
}

#[test]
fn a_broker_that_is_halted_under_load_is_given_up_counted_and_gets_everything() {
    let wires = Wires::counting(Duration::from_millis(5));
    let tables = "[mqtt]\nstall_timeout = \"2s\"\n";
    let Some(bench) = Bench::with("broker halted", wires, tables, "") else { return };
    let verifier = bench.site.start_verifier().unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    until("samples arrive", || bench.listener.heard.count() > 100).unwrap();
    bench.broker.halt().unwrap();
    until("it is given up", || bench.site.log_text().contains("no acknowledgement")).unwrap();
    bench.broker.go_on().unwrap();
    let before = bench.listener.heard.count();
    until("samples arrive again", || bench.listener.heard.count() > before + 100).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
    let report = verifier.report().unwrap();
    assert_eq!(
        (&report["verdict"], &report["missing"]),
        (&"complete".into(), &0.into()),
        "{report}"
    );
    assert!(bench.listener.heard.status().unwrap().counters["connections_stalled"] > 0);
}
