use domain::Refusal;
use proptest::prelude::*;

use super::*;

fn outdoor() -> String {
    "outdoor".to_owned()
}

fn commands() -> Vec<(Command, &'static str)> {
    let calibration = Calibration::new(1.02, -0.5).unwrap();
    let target = || Target::Device(outdoor());
    vec![
        (Command::GetStatus(Target::Gateway), r#"{"v":1,"command":"get_status"}"#),
        (Command::GetStatus(target()), r#"{"v":1,"command":"get_status","device":"outdoor"}"#),
        (
            Command::SetRate {
                device: outdoor(),
                period: Duration::from_millis(500),
                is_kept: true,
            },
            r#"{"v":1,"command":"set_rate","device":"outdoor","period_us":500000,"keep":true}"#,
        ),
        (
            Command::Calibrate { device: outdoor(), sensor: "humidity".to_owned(), calibration },
            r#"{"v":1,"command":"calibrate","device":"outdoor","sensor":"humidity","gain":1.02,"offset":-0.5}"#,
        ),
        (
            Command::RunProcedure { device: outdoor(), procedure: Procedure::default() },
            r#"{"v":1,"command":"run_procedure","device":"outdoor"}"#,
        ),
        (
            Command::RunProcedure {
                device: outdoor(),
                procedure: Procedure {
                    name: Some("forced_recalibration".to_owned()),
                    target: Some(420.0),
                },
            },
            r#"{"v":1,"command":"run_procedure","device":"outdoor","procedure":"forced_recalibration","target":420.0}"#,
        ),
        (Command::Reset(target()), r#"{"v":1,"command":"reset","device":"outdoor"}"#),
        (Command::Reset(Target::Gateway), r#"{"v":1,"command":"reset"}"#),
        (Command::Start(Target::Gateway), r#"{"v":1,"command":"start"}"#),
        (
            Command::Stop { target: target(), is_kept: false },
            r#"{"v":1,"command":"stop","device":"outdoor","keep":false}"#,
        ),
        (
            Command::Stop { target: Target::Gateway, is_kept: true },
            r#"{"v":1,"command":"stop","keep":true}"#,
        ),
    ]
}

/// Frozen: a promise to whoever gives commands. Do not change the test; make a version 2.
#[test]
fn version_1_commands() {
    for (command, text) in commands() {
        assert_eq!(String::from_utf8(encode(&command)).unwrap(), text);
        assert_eq!(decode(text.as_bytes()).unwrap(), command);
    }
}

/// Frozen: a promise to whoever gives commands. Do not change the test; make a version 2.
#[test]
fn version_1_acknowledge() {
    let command = Command::Acknowledge { alarm: StreamName::derived("too_hot").unwrap() };
    let text = r#"{"v":1,"command":"acknowledge","alarm":"derived.too_hot"}"#;
    assert_eq!(String::from_utf8(encode(&command)).unwrap(), text);
    assert_eq!(decode(text.as_bytes()).unwrap(), command);
}

#[test]
fn an_acknowledgement_names_an_alarm_and_nothing_else_does() {
    for bad in [
        r#"{"v":1,"command":"acknowledge"}"#,
        r#"{"v":1,"command":"acknowledge","alarm":"too hot"}"#,
        r#"{"v":1,"command":"acknowledge","alarm":"derived.too_hot","device":"outdoor"}"#,
        r#"{"v":1,"command":"reset","alarm":"derived.too_hot"}"#,
    ] {
        assert!(decode(bad.as_bytes()).is_err(), "{bad}");
    }
}

/// Frozen: a promise to whoever gives commands. Do not change the test; make a version 2.
#[test]
fn version_1_answers() {
    let refusal = Refusal::NoDevice { device: "x".to_owned(), known: vec![outdoor()] };
    let correction =
        domain::Correction { number: -32.0, kind: domain::QuantityKind::CarbonDioxide };
    let answers = [
        (Answer::of(&Ok(()), BTreeMap::new(), BTreeMap::new()), r#"{"v":1,"result":"done"}"#),
        (
            Answer::of(&Ok(()), BTreeMap::new(), BTreeMap::new()).with_correction(Some(correction)),
            r#"{"v":1,"result":"done","correction":{"number":-32.0,"unit":"[ppm]"}}"#,
        ),
        (
            Answer::of(&Err(refusal), BTreeMap::new(), BTreeMap::new()),
            r#"{"v":1,"result":"refused","reason":"no_device","message":"there is no device `x`","known":["outdoor"]}"#,
        ),
    ];
    for (answer, text) in answers {
        assert_eq!(String::from_utf8(answer.encode()).unwrap(), text);
        assert_eq!(Answer::decode(text.as_bytes()).unwrap(), answer);
    }
    let text = r#"{"v":1,"result":"done","devices":{"outdoor":{"state":"idle","failures":0,"missed":0,"shed":0,"late_ns":{"p50":0,"p99":0,"max":0},"on_bus_ns":0,"on_bus_ns_max":0}}}"#;
    assert_eq!(String::from_utf8(Answer::decode(text.as_bytes()).unwrap().encode()).unwrap(), text);
    let text = r#"{"v":1,"result":"done","counters":{"commands_stop_done":2}}"#;
    assert_eq!(String::from_utf8(Answer::decode(text.as_bytes()).unwrap().encode()).unwrap(), text);
}

#[test]
fn what_is_missing_unknown_or_does_not_belong_to_the_command_is_refused() {
    for bad in [
        "",
        "7",
        r#"{"v":2,"command":"start"}"#,
        r#"{"v":1}"#,
        r#"{"v":1,"command":"explode"}"#,
        r#"{"v":1,"command":"start","devise":"a"}"#,
        r#"{"v":1,"command":"start","keep":true}"#,
        r#"{"v":1,"command":"set_rate","period_us":1}"#,
        r#"{"v":1,"command":"set_rate","device":"a"}"#,
        r#"{"v":1,"command":"set_rate","device":"a","period_us":-1}"#,
        r#"{"v":1,"command":"calibrate","device":"a","sensor":"b"}"#,
        r#"{"v":1,"command":"calibrate","device":"a","sensor":"b","gain":0}"#,
        r#"{"v":1,"command":"run_procedure"}"#,
        r#"{"v":1,"command":"run_procedure","device":"a","target":"420"}"#,
        r#"{"v":1,"command":"reset","procedure":"forced_recalibration"}"#,
        r#"{"v":1,"command":"calibrate","device":"a","sensor":"b","gain":2,"target":420}"#,
    ] {
        let error = decode(bad.as_bytes()).expect_err(bad);
        let Answer::Refused { reason, message, .. } = Answer::not_understood(&error) else {
            panic!("{bad}")
        };
        assert!(reason == "not_understood" && !message.is_empty());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (decode(&bytes), Answer::decode(&bytes));
    }

    #[test]
    fn a_damaged_command_is_refused_or_still_a_command(at in 0..75_usize, byte: u8) {
        let mut bytes = commands()[2].1.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(command) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&command)).unwrap(), command);
        }
    }
}
