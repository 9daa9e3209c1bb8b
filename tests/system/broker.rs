//! A broker that refuses one topic, one that is connected and mute, and two of which one goes.

use std::{collections::BTreeSet, time::Duration};

use blackbox::{
    mosquitto::{self, Mosquitto},
    site::{Heard, Listener, Site, until},
};
use domain::StreamName;
use publisher_mqtt::Session;
use wire::status::State;

use crate::parts::{Bench, CONFIGURATION, Wires};

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

/// Whether every sample of the counter has come to one of the two, up to the last word of the gateway.
fn is_whole(listeners: &[&Heard; 2]) -> bool {
    let is_counter = |name: &StreamName| name.as_str() == "counter.number";
    let samples = |heard: &&Heard| heard.stream("counter.number");
    let numbers: BTreeSet<_> = listeners.iter().flat_map(samples).map(|s| s.seq.0).collect();
    let statuses = listeners.iter().filter_map(|heard| heard.status());
    let last_word = statuses.into_iter().find(|status| status.state == State::Stopped);
    let newest = last_word
        .and_then(|status| status.heads.into_iter().find(|(name, _)| is_counter(name)))
        .map(|(_, seq)| seq.0);
    newest.is_some_and(|newest| numbers == (1..=newest).collect())
}

#[test]
fn of_two_brokers_the_second_steps_in_the_first_is_returned_to_and_no_sample_is_missing() {
    let Some(program) = mosquitto::find("two brokers") else { return };
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let start = |folder: &tempfile::TempDir| Mosquitto::start(&program, folder.path()).unwrap();
    let [mut first, second] = [start(&folders[0]), start(&folders[1])];
    let wires = Wires::counting(Duration::from_millis(5));
    let urls = format!("{},{}", first.url(), second.url());
    let configuration = format!("[mqtt]\nreturn_after = \"10s\"\n{CONFIGURATION}");
    let site = Site::new(&urls, &configuration, wires.nodes.clone()).unwrap();
    // What a broker has acknowledged outlives it for a session that it keeps.
    let session = Session::Persistent { expiry: Duration::from_secs(600) };
    let listeners = [&first, &second].map(|b| Listener::start(&b.url(), session).unwrap());
    let [at_first, at_second] = [&listeners[0].heard, &listeners[1].heard];
    let gateway = site.start_gateway().unwrap();
    until("samples arrive", || at_first.count() > 100).unwrap();
    assert_eq!(at_second.count(), 0, "the preferred broker gets all of it");
    first.stop().unwrap();
    until("the second steps in", || at_second.count() > 100).unwrap();
    first.restart().unwrap();
    let before = at_first.count();
    until("the first is returned to", || at_first.count() > before + 100).unwrap();
    assert!(gateway.stop().unwrap().success(), "{}", site.log_text());
    until("every sample has come", || is_whole(&[at_first, at_second])).unwrap();
}
