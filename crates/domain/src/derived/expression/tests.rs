use proptest::prelude::*;

use super::*;
use crate::{QuantityKind as Kind, parameter::Argument};

/// Each stream's kind by its sensor.
fn kind_of(stream: &StreamName) -> Kind {
    match stream.parts().1 {
        "degrees" | "other" => Kind::Temperature,
        "humidity" => Kind::RelativeHumidity,
        "pressure" => Kind::Pressure,
        "volts" => Kind::Voltage,
        "amps" => Kind::Current,
        "watts" => Kind::Power,
        "deficit" => Kind::VapourPressureDeficit,
        "course" => Kind::Course,
        "metres" => Kind::Length,
        "seconds" => Kind::Duration,
        _ => Kind::Dimensionless,
    }
}

fn made(text: &str, wanted: Option<Kind>) -> Result<(Kind, Expression), BadFormula> {
    let formula = Formula::parse(text)?;
    let kinds: Vec<_> = formula.streams().iter().map(kind_of).collect();
    formula.over(&kinds, wanted)
}

/// What `text` gives when its streams, in the order in which they come, have `numbers`.
fn gives(text: &str, wanted: Option<Kind>, numbers: &[f64]) -> (Kind, f64) {
    let (kind, mut metric) = made(text, wanted).unwrap_or_else(|bad| panic!("{text}: {bad:?}"));
    let streams = Formula::parse(text).unwrap().streams().to_vec();
    let outcome = |(stream, number): (&StreamName, &f64)| kind_of(stream).quantity(*number);
    let inputs: Vec<_> = streams
        .iter()
        .zip(numbers)
        .map(|pair| Input { outcome: Ok(outcome(pair).unwrap()), quality: Quality::Good })
        .collect();
    let mut out = Vec::new();
    metric.next(Moment::default(), &inputs, &mut out);
    (kind, out[0].outcome.unwrap().number())
}

fn number(text: &str) -> f64 {
    gives(&format!("a.one * 0 + ({text})"), Some(Kind::Dimensionless), &[1.0]).1
}

fn refusal(text: &str) -> String {
    made(text, None).map(|(kind, _)| kind).unwrap_err().message
}

fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} {expected}");
}

#[test]
fn every_kind_of_quantity_has_a_unit_that_is_understood() {
    for kind in Kind::ALL {
        assert!(unit::Unit::of(*kind).is_some(), "{kind:?}: {}", kind.unit());
    }
}

#[test]
fn arithmetic_binds_as_everywhere() {
    for (text, expected) in [
        ("2 + 3 * 4", 14.0),
        ("(2 + 3) * 4", 20.0),
        ("7 - 2 - 1", 4.0),
        ("16 / 4 / 2", 2.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("2 ^ -1", 0.5),
        ("2 * -3", -6.0),
        ("1.5e3 + .5", 1_500.5),
        ("sqrt(16) + abs(-3) + min(1, 2) + max(1, 2)", 10.0),
        ("clamp(7, 0, 5) + hypot(3, 4)", 10.0),
        ("ln(exp(2)) + log10(1000)", 5.0),
        ("sin(pi / 2) + cos(0) + tan(0)", 2.0),
    ] {
        assert_close(number(text), expected);
    }
}

#[test]
fn units_multiply_and_the_result_is_the_quantity_that_has_them() {
    assert_eq!(gives("b.volts * b.amps", None, &[12.0, 2.0]), (Kind::Power, 24.0));
    assert_eq!(gives("b.volts / b.amps", None, &[12.0, 2.0]), (Kind::Resistance, 6.0));
    let (kind, energy) = gives("b.watts * b.seconds", None, &[1_000.0, 3_600.0]);
    assert_eq!(kind, Kind::Energy);
    assert_close(energy, 1.0);
    let (kind, power) = gives("b.watts * a.humidity", None, &[200.0, 50.0]);
    assert_eq!(kind, Kind::Power);
    assert_close(power, 100.0);
    assert_eq!(gives("b.amps ^ 2 * b.volts / b.amps", None, &[2.0, 12.0]), (Kind::Power, 24.0));
    assert_eq!(gives("sqrt(b.watts * b.watts)", None, &[9.0]), (Kind::Power, 9.0));
}

#[test]
fn units_of_one_dimension_are_brought_together() {
    let (_, hectopascal) = gives("a.pressure + a.deficit", Some(Kind::Pressure), &[1_000.0, 2.0]);
    assert_close(hectopascal, 1_020.0);
}

#[test]
fn a_bare_number_counts_in_the_unit_of_what_it_is_added_to() {
    assert_eq!(gives("b.watts + 5", None, &[10.0]), (Kind::Power, 15.0));
    assert_eq!(gives("a.degrees - 2.5", None, &[20.0]), (Kind::Temperature, 17.5));
    assert_eq!(gives("max(a.degrees, 0)", None, &[-3.0]), (Kind::Temperature, 0.0));
}

#[test]
fn temperatures_have_differences_and_means_but_no_sums() {
    let difference = gives("a.degrees - a.other", None, &[20.0, 25.0]);
    assert_eq!(difference, (Kind::TemperatureDifference, -5.0));
    let mean = gives("(a.degrees + a.other) / 2", None, &[20.0, 25.0]);
    assert_eq!(mean, (Kind::Temperature, 22.5));
    assert_eq!(gives("0.5 * a.degrees + 0.5 * a.other", None, &[20.0, 25.0]), mean);
    assert!(refusal("a.degrees + a.other").contains("zero of °C"));
    assert!(refusal("a.degrees * 1.8 + 32").contains("zero of °C"));
    assert!(refusal("a.degrees * b.volts").contains("arbitrary"));
    let (_, ratio) =
        gives("kelvin(a.degrees) / kelvin(a.other)", Some(Kind::Dimensionless), &[0.0, 273.15]);
    assert_close(ratio, 0.5);
}

#[test]
fn what_does_not_go_together_is_refused_at_its_place() {
    let text = "b.watts * (a.degrees + a.pressure)";
    let bad = made(text, None).unwrap_err();
    assert_eq!(bad.message, "degrees Celsius (Cel) and hPa do not add up or compare");
    assert_eq!(&text[bad.span], "a.degrees + a.pressure");
    assert!(refusal("ln(b.volts)").contains("does not take V"));
    assert!(refusal("b.volts ^ b.amps").contains("exponent has no unit"));
    assert!(refusal("b.volts * b.volts").contains("no quantity has what this gives"));
    assert!(refusal("a.humidity - a.humidity").contains("several quantities"));
    let (kind, _) = made("a.humidity - a.humidity", Some(Kind::Fraction)).unwrap();
    assert_eq!(kind, Kind::Fraction);
    assert!(
        made("b.volts * b.amps", Some(Kind::Voltage)).unwrap_err().message.contains("no voltage")
    );
}

#[test]
fn what_can_never_be_right_is_refused() {
    for text in ["b.volts / 0", "a.degrees / (2 - 2)", "1 / -0"] {
        assert_eq!(refusal(&format!("{text} + 0 * a.one")), "this divides by zero", "{text}");
    }
    assert!(refusal("clamp(b.volts, 5, 1)").contains("wrong way round"));
    assert!(made("clamp(b.volts, 1, 1) + min(b.volts, 5)", None).is_ok());
}

#[test]
fn what_is_no_formula_is_refused_at_its_place() {
    for (text, at, message) in [
        ("", 0..0, "something is missing"),
        ("1 +", 3..3, "something is missing"),
        ("(1 + a.one", 10..10, "not closed"),
        ("a.one a.one", 6..7, "`a` cannot stand here"),
        ("a.one § 1", 6..8, "cannot stand here"),
        ("volts * 2", 0..5, "neither a stream nor a function"),
        ("min(1)", 0..6, "has 1 arguments"),
        ("1.2.3", 0..5, "is no number"),
        ("2 * 3", 0..5, "same number for ever"),
    ] {
        let bad = Formula::parse(text).map(|_| ()).unwrap_err();
        assert!(bad.message.contains(message) && bad.span == at, "{text}: {bad:?}");
    }
    assert!(Formula::parse(&"(".repeat(900)).is_err());
    assert!(Formula::parse(&"-".repeat(2_000)).is_err());
}

#[test]
fn the_entry_makes_what_the_formula_says_and_quotes_what_is_wrong() {
    let given = |formula: &str, quantity: &str| {
        let argument = |name, text: &str| (name, Argument::Text(text.to_owned()));
        let given = [argument("formula", formula), argument("quantity", quantity)];
        Arguments::new(ENTRY.parameters, given).unwrap()
    };
    let kinds = [Kind::Voltage, Kind::Current];
    let (kind, _) = (ENTRY.make)(&kinds, &given("b.volts * b.amps", "")).unwrap();
    assert_eq!(kind, Kind::Power);
    let message =
        |formula, quantity| (ENTRY.make)(&kinds, &given(formula, quantity)).err().unwrap();
    let bad = message("2 * (b.volts + b.amps)", "");
    assert_eq!(
        bad.to_string(),
        "formula: V and A do not add up or compare, at character 6: `b.volts + b.amps`"
    );
    let bad = message("b.volts * b.amps", "powr");
    assert_eq!(bad.to_string(), "quantity: there is no quantity `powr`");
}

#[test]
fn what_is_no_number_on_the_way_does_not_become_one() {
    for text in
        ["1 / (1 / a.one)", "max(sqrt(a.one - 1), 0)", "clamp(ln(a.one), -5, 5)", "(0 / a.one) ^ 0"]
    {
        let (_, mut metric) = made(text, Some(Kind::Dimensionless)).unwrap();
        let zero = Ok(Kind::Dimensionless.quantity(0.0).unwrap());
        let mut out = Vec::new();
        metric.next(
            Moment::default(),
            &[Input { outcome: zero, quality: Quality::Good }],
            &mut out,
        );
        assert_eq!(out[0].outcome, Err(NoData::Undefined), "{text}");
    }
}

#[test]
fn a_gap_comes_out_as_the_same_gap_and_no_number_as_undefined() {
    let (_, mut metric) = made("b.volts / b.amps", None).unwrap();
    let good = |kind: Kind, n: f64| Input {
        outcome: Ok(kind.quantity(n).unwrap()),
        quality: Quality::Good,
    };
    let lost = Input { outcome: Err(NoData::Timeout), quality: Quality::Good };
    let doubtful = Input { quality: Quality::Uncertain, ..good(Kind::Voltage, 1.0) };
    let mut out = Vec::new();
    metric.next(Moment::default(), &[good(Kind::Voltage, 1.0), lost], &mut out);
    metric.next(Moment::default(), &[good(Kind::Voltage, 1.0), good(Kind::Current, 0.0)], &mut out);
    metric.next(Moment::default(), &[doubtful, good(Kind::Current, 1.0)], &mut out);
    assert_eq!(out[0].outcome, Err(NoData::Timeout));
    assert_eq!(out[1].outcome, Err(NoData::Undefined));
    assert_eq!(out[2].quality, Quality::Uncertain);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[ -~§°]{0,60}") {
        let _ = made(&text, None);
    }

    #[test]
    fn no_formula_of_its_own_words_makes_it_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "a.degrees", "b.volts", "b.amps", "+", "-", "*", "/", "^", "(", ")", ",", "2", "0",
                "sqrt(", "min(", "kelvin(", "sin(", "ln(",
            ]),
            0..20,
        ),
    ) {
        if let Ok((_, mut metric)) = made(&words.join(" "), None) {
            let inputs = [Input { outcome: Err(NoData::Absent), quality: Quality::Good }];
            metric.next(Moment::default(), &inputs, &mut Vec::new());
        }
    }

    #[test]
    fn a_formula_means_what_the_same_arithmetic_means(
        x in -1e3..1e3_f64, y in 1.0..1e3_f64,
    ) {
        let (_, found) = gives("(b.volts + 1) * b.amps - b.volts / b.amps * b.amps ^ 2", None, &[x, y]);
        prop_assert!((found - ((x + 1.0) * y - x / y * y.powi(2))).abs() <= 1e-9 * (1.0 + x.abs() * y));
    }
}
