//! What the broker lost after it had acknowledged it is asked for again.

use std::time::Duration;

use blackbox::site::{let_pass, subscriber_binary, until};
use rustix::process::Signal;

use crate::parts::{Bench, Wires};

#[test]
fn what_a_killed_broker_had_acknowledged_and_lost_is_asked_for_and_comes() {
    let wires = Wires::counting(Duration::from_millis(2));
    let tables = "[mqtt]\nreplay = true\n";
    let name = "what a killed broker had acknowledged";
    let Some(mut bench) = Bench::with(name, wires, tables, "") else { return };
    let verifier = bench.site.start_verifier_with(&["--settle", "1s", "--replay"]).unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    let more = |count| {
        let before = bench.listener.heard.count();
        until("samples arrive", || bench.listener.heard.count() > before + count).unwrap();
    };
    more(200);
    // It no longer reads; the broker acknowledges, keeps what is for it, and dies with it.
    verifier.signal(Signal::STOP).unwrap();
    let_pass(Duration::from_secs(1));
    bench.broker.kill().unwrap();
    bench.broker.restart().unwrap();
    let more = |count| {
        let before = bench.listener.heard.count();
        until("samples arrive again", || bench.listener.heard.count() > before + count).unwrap();
    };
    more(200);
    verifier.signal(Signal::CONT).unwrap();
    let connections = || bench.site.verifier_log().matches("listening").count();
    until("the verifier is back", || connections() > 1).unwrap();
    more(200);
    verifier.signal(Signal::INT).unwrap();
    let report = verifier.report().unwrap();
    assert_eq!(
        (&report["verdict"], &report["missing"]),
        (&"complete".into(), &0.into()),
        "{report}"
    );
    let replay = &report["replay"];
    let asked = replay["asked"].as_u64().unwrap();
    assert!(asked >= 100, "{report}");
    assert_eq!((&replay["filled"], &replay["unanswered"]), (&asked.into(), &0.into()), "{report}");
    assert_eq!(report["duplicates"], 0, "only what was missing came again: {report}");
    until("the counter is told", || {
        bench.listener.heard.counter("samples_replayed") == Some(asked)
    })
    .unwrap();
    assert_eq!(bench.listener.heard.counter("replay_requests_refused"), Some(0));
    assert!(gateway.stop().unwrap().success(), "{}", bench.site.log_text());
}

#[test]
fn a_range_that_is_asked_for_by_hand_comes_and_what_is_not_there_is_said() {
    let wires = Wires::counting(Duration::from_millis(2));
    let name = "a range that is asked for by hand";
    let Some(bench) = Bench::with(name, wires, "[mqtt]\nreplay = true\n", "") else { return };
    let gateway = bench.site.start_gateway().unwrap();
    let is_there = || bench.listener.heard.stream("counter.number").len() > 100;
    until("samples arrive", is_there).unwrap();
    let replay = |stream: &str, to: &str| {
        let output = std::process::Command::new(subscriber_binary())
            .args(["replay", "--broker", &bench.broker.url(), "--gateway", "site"])
            .args(["--stream", stream, "--from", "11", "--to", to])
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, remarks) = replay("counter.number", "40");
    assert_eq!((code, out.lines().count(), remarks.as_str()), (Some(0), 30, ""));
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    let heard = bench.listener.heard.stream("counter.number");
    let heard = heard.iter().find(|sample| sample.seq.0 == 11).unwrap();
    assert_eq!((&first["seq"], &first["boot"]), (&11.into(), &heard.boot.to_string().into()));
    assert_eq!(first["value"].as_f64(), heard.reading.outcome.ok().map(domain::Quantity::number));
    let (code, out, remarks) = replay("counter.numbr", "12");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(remarks.contains("11..12: never"), "{remarks}");
    assert!(gateway.stop().unwrap().success());
    let (code, _, remarks) = replay("counter.number", "40");
    assert_eq!(code, Some(2), "{remarks}");
    assert!(remarks.contains("does not hear requests"), "{remarks}");
}
