//! The binary against a real broker, fed by hand.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../crates/adapters/publisher-mqtt/tests/mqtt/support.rs"]
mod support;

use core::time::Duration;
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use domain::{
    BootId, GatewayId, Monotonic, NoData, QuantityKind, Ranges, Reading, Sample, SequenceNumber,
    Stream, StreamName, Timestamp, WallTime,
};
use ports::{Delivery, Message, Publisher, Request, Token};
use publisher_mqtt::{MqttPublisher, Options};
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;
use support::{Mosquitto, free_port, needs_mosquitto};
use wire::{
    Topics, payload,
    replay::{Answer, Done, Request as Asking, Why},
    status::{State, Status},
};

const LONG: Duration = Duration::from_secs(30);

/// A gateway played by hand.
struct Gateway {
    id: GatewayId,
    topics: Topics,
    publisher: MqttPublisher,
    published: u64,
}

impl Gateway {
    fn connect(broker: &Mosquitto, id: &str) -> Self {
        let options = Options::new(vec![broker.url().parse().unwrap()], id);
        let requests = Some(format!("telemetryhub/replay/v1/{id}/request"));
        let mut publisher = MqttPublisher::new(Options { requests, ..options });
        publisher.connect(0);
        assert!(matches!(publisher.next_delivery(LONG), Some(Delivery::Up { .. })));
        let topics = Topics::new(Topics::DEFAULT_ROOT).unwrap();
        Self { id: GatewayId::new(id).unwrap(), topics, publisher, published: 0 }
    }

    /// Publishes and waits until the broker has it.
    fn publish(&mut self, topic: String, payload: Vec<u8>, is_retained: bool) {
        self.send_message(Message { topic, payload, is_retained, correlation: vec![] });
    }

    /// The next request, and what it asks for.
    fn asked(&mut self) -> (Request, Asking) {
        match self.publisher.next_delivery(LONG) {
            Some(Delivery::Request(request)) => {
                let asking = Asking::decode(&request.payload).unwrap();
                (request, asking)
            }
            other => panic!("{other:?} instead of a request"),
        }
    }

    /// Answers with samples of these numbers; for the rest says why not.
    fn answer(&mut self, (request, asking): &(Request, Asking), sent: &[u64], why: Option<Why>) {
        let sensor = asking.stream.as_str().split('.').nth(1).unwrap().to_owned();
        let samples: Vec<_> = sent.iter().map(|&number| sample(&sensor, number)).collect();
        let run: Vec<_> = samples.iter().collect();
        let mut done = Done {
            gateway: self.id.clone(),
            stream: asking.stream.clone(),
            sent: Ranges::EMPTY,
            not_sent: [].into(),
        };
        let mut rest = asking.numbers.clone();
        for &number in sent {
            done.sent.insert(number);
            rest.remove_all(number..number + 1);
        }
        done.not_sent.extend(why.map(|why| (why, rest)));
        let batch = payload::encode_replayed(&self.id, &run);
        for payload in batch.into_iter().chain([done.encode(4_096)]) {
            self.reply(request, payload);
        }
    }

    fn reply(&mut self, request: &Request, payload: Vec<u8>) {
        let (topic, correlation) =
            (request.respond_to.clone().unwrap(), request.correlation.clone());
        self.send_message(Message { topic, payload, is_retained: false, correlation });
    }

    fn send_message(&mut self, message: Message) {
        self.published += 1;
        self.publisher.publish(Token(self.published), message).unwrap();
        assert!(matches!(self.publisher.next_delivery(LONG), Some(Delivery::Acknowledged(_))));
    }

    /// Sends samples of one stream; those with a number divisible by 4 are gaps.
    fn send(&mut self, sensor: &str, numbers: impl IntoIterator<Item = u64>) {
        let samples: Vec<_> = numbers.into_iter().map(|number| sample(sensor, number)).collect();
        let payload = payload::encode(&self.id, &samples.iter().collect::<Vec<_>>()).unwrap();
        let topic = self.topics.samples(&self.id, &samples[0].stream.name);
        self.publish(topic, payload, false);
    }

    fn send_garbage(&mut self) {
        let topic = self.topics.samples(&self.id, &stream("temperature"));
        self.publish(topic, b"\x1b[2J".to_vec(), false);
    }

    fn say(&mut self, state: State, heads: &[(&str, u64)]) {
        let head = |&(sensor, head): &(&str, u64)| (stream(sensor), SequenceNumber(head));
        let heads = heads.iter().map(head).collect();
        let program = "0.1.0".to_owned();
        let status = Status { state, heads, program, ..Status::lost(self.id.clone()) };
        self.publish(self.topics.status(&self.id), status.encode(), true);
    }
}

fn stream(sensor: &str) -> StreamName {
    StreamName::new("outdoor", sensor).unwrap()
}

fn sample(sensor: &str, number: u64) -> Sample {
    let kind = QuantityKind::Temperature;
    let value = kind.quantity(21.5).map_err(|_| NoData::Implausible);
    let at = Timestamp::new(
        WallTime::from_nanos(1_795_432_624_000_000_000),
        Monotonic::from_nanos(number * 1_000_000_000),
    );
    Sample {
        stream: Stream { name: stream(sensor), kind },
        boot: BootId::from_bytes([0x0f; 16]),
        seq: SequenceNumber(number),
        reading: Reading::measured(
            at,
            if number.is_multiple_of(4) { Err(NoData::Absent) } else { value },
        ),
    }
}

fn subscriber(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telemetryhub-subscriber"));
    command.args(arguments).env_remove("TELEMETRYHUB_BROKER").stdin(Stdio::null());
    command
}

/// The binary at work.
struct Running {
    child: Child,
    remarks: BufReader<ChildStderr>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut command = subscriber(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let remarks = BufReader::new(child.stderr.take().unwrap());
        Self { child, remarks }
    }

    /// Starts it and waits until nothing can slip past it.
    fn listening(command: &str, broker: &Mosquitto, more: &[&str]) -> Self {
        let mut running = Self::start(&[&[command, "--broker", &broker.url()], more].concat());
        running.wait_for("listening");
        running
    }

    /// Reads on until it has made a remark that contains `word`.
    fn wait_for(&mut self, word: &str) {
        let mut lines = self.remarks.by_ref().lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(word)), "it never said `{word}`");
    }

    fn interrupt(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: exit code, output, and the remarks not read yet.
    fn finish(mut self) -> (Option<i32>, String, String) {
        let mut remarks = String::new();
        self.remarks.read_to_string(&mut remarks).unwrap();
        let Output { status, stdout, .. } = self.child.wait_with_output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), remarks)
    }
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    Running::start(arguments).finish()
}

#[test]
fn with_every_sample_there_the_verdict_is_complete() {
    needs_mosquitto!("with_every_sample_there_the_verdict_is_complete");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let child = Running::listening("verify", &broker, &["--from-first", "--expect-streams", "2"]);
    gateway.say(State::Online, &[("temperature", 0)]);
    gateway.send("temperature", 1..=8);
    gateway.send("humidity", 1..=3);
    gateway.say(State::Stopped, &[("temperature", 8), ("humidity", 3)]);
    let (code, out, remarks) = child.finish();
    assert_eq!(code, Some(0), "{out}{remarks}");
    insta::assert_snapshot!("verify_complete", out);
}

#[test]
fn what_is_missing_doubled_late_or_unreadable_is_all_in_the_report() {
    needs_mosquitto!("what_is_missing_doubled_late_or_unreadable_is_all_in_the_report");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let child = Running::listening(
        "verify",
        &broker,
        &["--settle", "0s", "--json", file.to_str().unwrap()],
    );
    gateway.say(State::Online, &[]);
    gateway.send("temperature", [11, 12, 13, 15, 14, 15, 20]);
    let topic = gateway.topics.samples(&gateway.id, &stream("temperature"));
    gateway.publish(topic, br#"{"v":2,"new":true}"#.to_vec(), false);
    gateway.send_garbage();
    gateway.publish("telemetryhub/v1/greenhouse/news".to_owned(), b"{}".to_vec(), false);
    gateway.say(State::Stopped, &[("temperature", 22)]);
    let (code, out, remarks) = child.finish();
    assert_eq!(code, Some(1), "{out}{remarks}");
    insta::assert_snapshot!("verify_missing", out);
    assert!(remarks.contains("payload has version 2"), "{remarks}");

    let report: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(report["verdict"], "missing");
    assert_eq!(report["streams"][0]["missing_runs"], serde_json::json!([[16, 19], [21, 22]]));
    let unreadable = serde_json::json!({"version": 1, "payload": 1, "topic": 1});
    assert_eq!(report["unreadable"], unreadable);
}

#[test]
fn a_duplicate_fails_only_if_it_was_not_to_be() {
    needs_mosquitto!("a_duplicate_fails_only_if_it_was_not_to_be");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    for (more, expected) in [(&[][..], 0), (&["--no-duplicates"][..], 1)] {
        let child = Running::listening("verify", &broker, more);
        gateway.say(State::Online, &[]);
        gateway.send("temperature", [1, 2, 2]);
        gateway.say(State::Stopped, &[("temperature", 2)]);
        let (code, out, _) = child.finish();
        assert_eq!(code, Some(expected), "{out}");
    }
}

#[test]
fn fewer_streams_than_expected_fail() {
    needs_mosquitto!("fewer_streams_than_expected_fail");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let child = Running::listening("verify", &broker, &["--expect-streams", "2"]);
    gateway.say(State::Online, &[]);
    gateway.send("temperature", [1]);
    gateway.say(State::Stopped, &[("temperature", 1)]);
    let (code, out, _) = child.finish();
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("TOO FEW STREAMS, 1 stream heard"), "{out}");
}

#[test]
fn a_signal_ends_it_with_a_report() {
    needs_mosquitto!("a_signal_ends_it_with_a_report");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    for signal in [Signal::INT, Signal::TERM] {
        let mut child = Running::listening("verify", &broker, &["--settle", "30s"]);
        gateway.send("temperature", [1, 2]);
        gateway.send_garbage();
        child.wait_for("unreadable"); // It came after the samples, so they have been read too.
        child.interrupt(signal);
        let (code, out, _) = child.finish();
        assert_eq!(code, Some(0), "{out}");
        assert!(out.contains("COMPLETE, 2 samples of 1 stream,"), "{out}");
    }
}

#[test]
fn a_named_session_hears_what_was_said_while_it_was_away() {
    needs_mosquitto!("a_named_session_hears_what_was_said_while_it_was_away");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let session = &["--session", "proof", "--duration", "1h"];
    let first = Running::listening("verify", &broker, session);
    first.interrupt(Signal::INT);
    assert_eq!(first.finish().0, Some(3), "nothing was said yet");
    gateway.send("temperature", 1..=3);
    gateway.say(State::Stopped, &[("temperature", 3)]);
    let (code, out, remarks) =
        run(&[&["verify", "--broker", &broker.url()], &session[..]].concat());
    assert_eq!(code, Some(0), "{out}{remarks}");
    assert!(out.contains("COMPLETE, 3 samples of 1 stream,"), "{out}");
}

#[test]
fn nothing_received_has_an_exit_code_of_its_own() {
    needs_mosquitto!("nothing_received_has_an_exit_code_of_its_own");
    let broker = Mosquitto::start("");
    let url = broker.url();
    let (code, out, _) = run(&["verify", "--broker", &url, "--duration", "1s"]);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.ends_with("verdict: NOTHING RECEIVED\n"), "{out}");
}

#[test]
fn a_broker_that_is_not_there_or_refuses_us_is_no_answer() {
    needs_mosquitto!("a_broker_that_is_not_there_or_refuses_us_is_no_answer");
    let absent = format!("mqtt://127.0.0.1:{}", free_port());
    let strict = Mosquitto::start("allow_anonymous false");
    for (url, reason) in [(absent, "refused"), (strict.url(), "NotAuthorized")] {
        for command in ["verify", "tail"] {
            // Without a duration the absent one would be waited for a little longer.
            let (code, out, remarks) = run(&[command, "--broker", &url, "--duration", "1s"]);
            assert_eq!((code, out.as_str()), (Some(2), ""), "{command} {url}");
            assert!(remarks.contains("error: cannot connect to mqtt://127.0.0.1"), "{remarks}");
            assert!(remarks.contains(reason), "{remarks}");
        }
    }
}

#[test]
fn it_goes_on_through_a_restart_of_the_broker() {
    needs_mosquitto!("it_goes_on_through_a_restart_of_the_broker");
    let broker = Mosquitto::start("");
    let mut child = Running::listening("verify", &broker, &[]);
    let port = broker.kill();
    child.wait_for("no connection to the broker");
    let broker = Mosquitto::start_at(port, "");
    child.wait_for("listening");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    gateway.send("temperature", [7, 8]);
    gateway.say(State::Stopped, &[("temperature", 8)]);
    let (code, out, _) = child.finish();
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("COMPLETE, 2 samples"), "{out}");
    assert!(out.contains("connection to the broker lost 1 time\n"), "{out}");
}

/// Has a gateway speak to a `tail` and reads `count` lines of its output, which then is closed.
fn tail(style: &str, count: usize) -> (Vec<String>, Running, Gateway, Mosquitto) {
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let mut running = Running::listening("tail", &broker, &[style]);
    gateway.say(State::Online, &[]);
    running.wait_for("greenhouse is online");
    gateway.send("temperature", [3, 4]);
    gateway.send_garbage();
    gateway.send("humidity", [5]);
    let out = BufReader::new(running.child.stdout.take().unwrap()).lines();
    (out.take(count).map(Result::unwrap).collect(), running, gateway, broker)
}

#[test]
fn tail_writes_a_line_per_sample_when_nobody_watches() {
    needs_mosquitto!("tail_writes_a_line_per_sample_when_nobody_watches");
    let (lines, running, _gateway, _broker) = tail("--plain", 3);
    assert_eq!(
        lines,
        [
            "2026-11-23T11:17:04.000Z greenhouse outdoor.temperature #3 21.5 Cel",
            "2026-11-23T11:17:04.000Z greenhouse outdoor.temperature #4 gap: absent",
            "2026-11-23T11:17:04.000Z greenhouse outdoor.humidity #5 21.5 Cel",
        ]
    );
    running.interrupt(Signal::INT);
    assert_eq!(running.finish().0, Some(0));
}

#[test]
fn tail_writes_one_json_object_per_sample() {
    needs_mosquitto!("tail_writes_one_json_object_per_sample");
    let (lines, running, mut gateway, _broker) = tail("--json", 3);
    let objects: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        objects[0],
        serde_json::json!({
            "gateway": "greenhouse", "stream": "outdoor.temperature", "seq": 3,
            "boot": "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f", "quantity": "temperature",
            "unit": "Cel", "time_us": 1_795_432_624_000_000_i64, "mono_us": 3_000_000,
            "value": 21.5,
        })
    );
    assert_eq!((&objects[1]["gap"], &objects[1]["value"]), (&"absent".into(), &Value::Null));
    assert_eq!(objects[2]["stream"], "outdoor.humidity");
    // The reader has gone away: the next line ends it, and that is no failure.
    gateway.send("temperature", [6]);
    assert_eq!(running.finish().0, Some(0));
}

#[test]
fn on_a_terminal_it_draws_a_table_and_leaves_the_cursor_as_it_was() {
    needs_mosquitto!("on_a_terminal_it_draws_a_table_and_leaves_the_cursor_as_it_was");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let far = ptsname(&near, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(far).unwrap();
    let mut command = subscriber(&["tail", "--broker", &broker.url()]);
    let child = command.stdout(terminal).stderr(Stdio::null()).spawn().unwrap();
    drop(command); // It holds the terminal open, too.

    let mut near = File::from(near);
    let mut shown = String::new();
    let mut buffer = [0; 4096];
    let mut show_until = |word: &str| {
        // The far end closed reads as an error.
        while !shown.contains(word) {
            let Ok(count @ 1..) = near.read(&mut buffer) else { break };
            shown += &String::from_utf8_lossy(&buffer[..count]);
        }
        shown.clone()
    };
    show_until(" connected\x1b[K");
    gateway.send("temperature", [3]);
    let table = show_until("outdoor.temperature    3  21.5 Cel");
    assert!(table.starts_with("\x1b[?25l"), "hides the cursor: {table:?}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let all = show_until("\x1b[?25h");
    assert!(all.ends_with("\x1b[?25h"), "shows the cursor again: {all:?}");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

/// What asks for samples by hand.
const RANGE: [&str; 8] =
    ["--gateway", "greenhouse", "--stream", "outdoor.temperature", "--from", "11", "--to", "14"];

fn replay(broker: &Mosquitto, more: &[&str]) -> Running {
    Running::start(&[&["replay", "--broker", &broker.url()], &RANGE[..], more].concat())
}

fn runs(asking: &Asking) -> Vec<(u64, u64)> {
    asking.numbers.runs().map(|run| (*run.start(), *run.end())).collect()
}

#[test]
fn what_is_missing_at_the_end_is_asked_for_until_it_is_there_or_known_to_be_gone() {
    needs_mosquitto!(
        "what_is_missing_at_the_end_is_asked_for_until_it_is_there_or_known_to_be_gone"
    );
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let more = ["--settle", "0s", "--replay", "--from-first"];
    let mut child = Running::listening("verify", &broker, &more);
    gateway.say(State::Online, &[("temperature", 12), ("humidity", 4)]);
    gateway.send("temperature", [1, 2, 7, 8]);
    gateway.send_garbage();
    child.wait_for("unreadable");
    child.interrupt(Signal::INT);
    child.wait_for("asking");
    let humidity = gateway.asked();
    assert_eq!((humidity.1.stream.as_str(), runs(&humidity.1)), ("outdoor.humidity", vec![(1, 4)]));
    gateway.answer(&humidity, &[3, 4], Some(Why::Gone));
    let temperature = gateway.asked();
    assert_eq!(runs(&temperature.1), [(3, 6), (9, 12)]);
    gateway.answer(&temperature, &[3, 4, 5], None);
    // What it did not come to is asked for again.
    let temperature = gateway.asked();
    assert_eq!(runs(&temperature.1), [(6, 6), (9, 12)]);
    gateway.answer(&temperature, &[6, 9, 10, 11, 12], None);
    let (code, out, remarks) = child.finish();
    assert_eq!(code, Some(1), "{out}{remarks}");
    insta::assert_snapshot!("verify_replay", out);
}

#[test]
fn once_everything_has_come_the_verdict_is_complete() {
    needs_mosquitto!("once_everything_has_come_the_verdict_is_complete");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let more = ["--settle", "0s", "--replay", "--json", file.to_str().unwrap()];
    let mut child = Running::listening("verify", &broker, &more);
    gateway.send("temperature", [1, 4]);
    gateway.send_garbage();
    child.wait_for("unreadable");
    child.interrupt(Signal::INT);
    let asked = gateway.asked();
    gateway.answer(&asked, &[2, 3], None);
    let (code, out, remarks) = child.finish();
    assert_eq!(code, Some(0), "{out}{remarks}");
    let report: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let expected = serde_json::json!({"asked": 2, "filled": 2, "not_sent": {}, "unanswered": 0});
    assert_eq!((&report["replay"], &report["missing"]), (&expected, &0.into()));
}

#[test]
fn a_gateway_that_is_silent_refuses_or_brings_nothing_is_not_asked_for_ever() {
    needs_mosquitto!("a_gateway_that_is_silent_refuses_or_brings_nothing_is_not_asked_for_ever");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let more = ["--settle", "0s", "--replay", "--patience", "1s"];
    for (how, said) in [(0, "said nothing for 1s"), (1, "refuses: busy"), (2, "")] {
        let mut child = Running::listening("verify", &broker, &more);
        gateway.send("temperature", [1, 4]);
        gateway.send("humidity", [1, 4]);
        gateway.send_garbage();
        child.wait_for("unreadable");
        child.interrupt(Signal::INT);
        let asked = gateway.asked();
        match how {
            0 => {}
            1 => {
                let refusal = Answer::refusal(&gateway.id, "busy");
                gateway.reply(&asked.0, refusal);
            }
            _ => {
                gateway.answer(&asked, &[], None);
                let asked = gateway.asked();
                gateway.answer(&asked, &[], None);
            }
        }
        let (code, out, remarks) = child.finish();
        assert_eq!(code, Some(1), "{out}{remarks}");
        assert!(remarks.contains(said) && out.contains("unanswered"), "{out}{remarks}");
    }
}

#[test]
fn a_replay_by_hand_writes_samples_and_says_what_is_not_there() {
    needs_mosquitto!("a_replay_by_hand_writes_samples_and_says_what_is_not_there");
    let broker = Mosquitto::start("");
    let mut gateway = Gateway::connect(&broker, "greenhouse");
    let child = replay(&broker, &[]);
    let asked = gateway.asked();
    assert_eq!((runs(&asked.1), asked.1.boot), (vec![(11, 14)], None));
    gateway.answer(&asked, &[11], None);
    let asked = gateway.asked();
    assert_eq!(runs(&asked.1), [(12, 14)], "it goes on where the gateway stopped");
    gateway.answer(&asked, &[12, 13, 14], None);
    let (code, out, remarks) = child.finish();
    assert_eq!((code, remarks.as_str()), (Some(0), ""));
    let numbers =
        out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].clone());
    assert_eq!(numbers.collect::<Vec<_>>(), [11, 12, 13, 14]);

    let boot = "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f";
    let child = replay(&broker, &["--boot", boot]);
    let asked = gateway.asked();
    assert_eq!(asked.1.boot, Some(BootId::from_bytes([0x0f; 16])));
    gateway.answer(&asked, &[11, 12], Some(Why::Gone));
    let (code, out, remarks) = child.finish();
    assert_eq!((code, out.lines().count()), (Some(1), 2), "{remarks}");
    assert!(remarks.contains("13..14: gone"), "{remarks}");
}

#[test]
fn a_gateway_that_does_not_listen_is_told_from_one_that_is_silent() {
    needs_mosquitto!("a_gateway_that_does_not_listen_is_told_from_one_that_is_silent");
    let broker = Mosquitto::start("");
    let (code, out, remarks) = replay(&broker, &[]).finish();
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(remarks.contains("does not hear requests: nobody listens"), "{remarks}");
    let _gateway = Gateway::connect(&broker, "greenhouse");
    let (code, _, remarks) = replay(&broker, &["--patience", "1s"]).finish();
    assert_eq!(code, Some(2));
    assert!(remarks.contains("said nothing for 1s"), "{remarks}");
    let absent = format!("mqtt://127.0.0.1:{}", free_port());
    let command = [&["replay", "--broker", &absent], &RANGE[..], &["--patience", "1s"]].concat();
    let (code, _, remarks) = run(&command);
    assert_eq!(code, Some(2), "{remarks}");
}

#[test]
fn the_help_teaches() {
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help_tail", &["tail", "--help"]),
        ("help_verify", &["verify", "--help"]),
        ("help_replay", &["replay", "--help"]),
    ] {
        let (code, out, _) = run(arguments);
        assert_eq!(code, Some(0));
        insta::assert_snapshot!(name, out);
    }
}

#[test]
fn a_wrong_command_line_is_told_apart_and_no_password_is_repeated() {
    for (arguments, said) in [
        (&["verify"][..], "--broker <URL>"),
        (&["verify", "--broker", "mqtts://pi:hush@h"], "TLS"),
        (&["verify", "--broker", "mqtt://h", "--duration", "1d"], "500ms, 60s, 5m or 2h"),
        (
            &["verify", "--broker", "mqtt://h", "--duration", "1s", "--until-stopped"],
            "cannot be used",
        ),
        (&["tail", "--broker", "mqtt://h", "--gateway", "Green House"], "is not a name"),
        (&["tail", "--broker", "mqtt://h", "--root", "a/#"], "cannot begin a topic"),
        (&["verify", "--broker", "mqtt://h", "--patience", "1s"], "--replay"),
        (
            &[&["replay", "--broker", "mqtt://h"][..], &RANGE[..4], &["--from", "0", "--to", "1"]]
                .concat()[..],
            "0 is not in",
        ),
        (
            &[&["replay", "--broker", "mqtt://h"][..], &RANGE[..4], &["--from", "9", "--to", "1"]]
                .concat()[..],
            "--from 9 is beyond --to 1",
        ),
    ] {
        let (code, out, remarks) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(remarks.contains(said) && !remarks.contains("hush"), "{remarks}");
    }
}
