use super::*;

fn report(violations: usize) -> Report {
    let verdict = Verdict {
        samples: 12_345,
        excused: [("kill", 7)].into(),
        cost: [("kill", vec![3, 9, 1])].into(),
        violations: (1..=violations).map(|number| format!("number {number}")).collect(),
        ..Verdict::default()
    };
    let (counts, took) = ([(Fault::Kill, 3), (Fault::Delay, 1)].into(), Duration::from_secs(61));
    Report { seed: 7, rounds: 4, took, counts, left_out: vec![Fault::PowerCut], verdict }
}

#[test]
fn a_clean_run_says_what_was_done_what_was_left_out_and_that_it_is_clean() {
    let text = report(0).text();
    for part in [
        "seed 7, 4 rounds in 61 s",
        "12345  samples delivered",
        "7  excused: kill",
        "verdict: KEPT",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let has_line =
        |words: &[&str]| text.lines().any(|line| line.split_whitespace().eq(words.iter().copied()));
    assert!(has_line(&["kill", "3"]) && has_line(&["power", "cut", "left", "out"]), "{text}");
    assert!(text.contains("3/   9  numbers (ms) before a kill"), "{text}");
}

#[test]
fn violations_are_shown_up_to_a_limit_and_the_rest_counted() {
    let broken = report(23);
    let text = broken.text();
    assert!(!broken.is_clean() && text.ends_with("verdict: BROKEN\n"));
    assert!(text.contains("VIOLATION: number 20") && !text.contains("number 21"), "{text}");
    assert!(text.contains("and 3 more"), "{text}");
}

#[test]
fn programs_get_the_same() {
    let json = report(2).json();
    assert_eq!((&json["faults"]["kill"], &json["left_out"][0]), (&3.into(), &"power cut".into()));
    assert_eq!((&json["cost_max"]["kill"], &json["excused"]["kill"]), (&9.into(), &7.into()));
    assert_eq!(json["violations"].as_array().unwrap().len(), 2);
}
