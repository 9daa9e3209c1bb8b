use proptest::{collection::vec, prelude::*};

use super::*;
use crate::scripted::Tape;

const PATIENCE: Duration = Duration::from_secs(1);

/// `body` between `$` and its checksum, with a line end.
fn sealed(body: &str) -> Vec<u8> {
    let checksum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{checksum:02X}\r\n").into_bytes()
}

/// Every measurement that comes out of `bytes`, and the receiver to look at.
fn hear(bytes: &[u8]) -> (Vec<Outcomes>, Nmea0183<Tape>) {
    let mut receiver = Nmea0183::new(Tape::of(bytes, 50));
    let mut heard = Vec::new();
    while let Ok(measurement) = receiver.measure(PATIENCE) {
        heard.push(measurement.outcomes);
    }
    (heard, receiver)
}

/// What one sentence says, sensor by sensor.
#[track_caller]
fn said(sentence: &[u8]) -> Vec<(&'static str, Result<f64, NoData>)> {
    let (heard, _) = hear(sentence);
    let [outcomes] = heard.try_into().expect("one measurement");
    let named = |(index, outcome): (usize, Result<Quantity, NoData>)| {
        (SENSORS[index].name, outcome.map(Quantity::number))
    };
    outcomes.into_iter().map(named).collect()
}

#[test]
fn a_fix_gives_position_and_its_quality() {
    let gga = b"$GPGGA,030719.000,3747.0873,S,17518.8938,E,1,08,1.1,59.9,M,23.7,M,,0000*7D\r\n";
    assert_eq!(
        said(gga),
        [
            ("latitude", Ok(-37.784_788_333)),
            ("longitude", Ok(175.314_896_667)),
            ("altitude", Ok(59.9)),
            ("satellites", Ok(8.0)),
            ("hdop", Ok(1.1)),
        ]
    );
}

#[test]
fn speed_is_in_metre_per_second_and_position_comes_with_it_until_a_gga_has_been_heard() {
    let rmc = b"$GPRMC,030719.000,A,3747.0873,S,17518.8938,E,0.69,181.39,311214,,,A*7D\r\n";
    assert_eq!(
        said(rmc),
        [
            ("speed", Ok(0.355)),
            ("course", Ok(181.39)),
            ("latitude", Ok(-37.784_788_333)),
            ("longitude", Ok(175.314_896_667)),
        ]
    );
    let gga = sealed("GPGGA,030719.000,,,,,0,00,,,M,,M,,");
    let (heard, _) = hear(&[&gga[..], rmc].concat());
    let indices: Vec<_> = heard[1].iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, [SPEED, COURSE]);
}

#[test]
fn without_a_fix_every_sensor_is_not_ready_even_where_the_receiver_repeats_a_position() {
    for body in [
        "GPGGA,191418.00,,,,,0,00,99.99,,,,,,",
        "GPGGA,212406.000,4404.1306,N,12118.8515,W,0,00,0.0,0.000,M,0.000,M,,0000",
        "GPGGA,212406.000,4404.1306,N,12118.8515,W,6,08,1.0,10.0,M,0.000,M,,0000",
        "GPRMC,191418.00,V,,,,,,,040712,,,N",
        "GPRMC,120316,V,4221.4394,N,01321.9948,E,000.0,000.0,150305,001.4,E",
        "GNRMC,191418.00,A,4404.1306,N,12118.8515,W,1.0,2.0,040712,,,E",
    ] {
        let said = said(&sealed(body));
        assert!(!said.is_empty(), "{body}");
        assert!(said.iter().all(|(_, outcome)| *outcome == Err(NoData::NotReady)), "{body}");
    }
}

#[test]
fn an_empty_field_is_a_gap_among_values() {
    let gga = sealed("GNGGA,171926.00,4404.14063,N,12118.85478,W,1,12,0.91,,M,-21.3,M,,");
    assert_eq!(said(&gga)[2], ("altitude", Err(NoData::NotReady)));
    let rmc = sealed("GNRMC,171926.00,A,4404.14063,N,12118.85478,W,0.117,,180315,,,A");
    assert_eq!(said(&rmc)[..2], [("speed", Ok(0.0602)), ("course", Err(NoData::NotReady))]);
}

#[test]
fn a_number_that_no_place_has_is_implausible() {
    let gga = sealed("GPGGA,030719.000,9947.0873,S,17518.8938,E,1,08,1.1,nan,M,23.7,M,,0000");
    let said = said(&gga);
    assert_eq!(said[0], ("latitude", Err(NoData::Implausible)));
    assert_eq!(said[2], ("altitude", Err(NoData::Implausible)));
    assert_eq!(said[3], ("satellites", Ok(8.0)));
}

#[test]
fn what_is_no_sound_sentence_is_counted_and_gives_nothing() {
    for bad in [
        "$GPGGA,030719.000,3747.0873,S,17518.8938,E,1,08,1.1,59.9,M,23.7,M,,0000*7C",
        "$GPGGA,030719.000,3747.0873,S,17518.8938,E,1,08,1.1,59.9,M,23.7,M,,0000",
        "$GPGGA,030719.000,3747.0873,S,17518.8938,E,1,08,1.1,59.9,M,23.7,M,,0000*7",
        "$GPGGA,030719.000,3747.0873,S,17518.8938,E,1,08,1.1,59.9,M,23.7,M,,0000*7D?",
        "$GPGGA,030719.000,3747.0873,S,17518",
        &String::from_utf8(sealed("GPGGA,030719.000,3747.0873,S,17518.8938,E,x,08,1.1,59.9,M"))
            .unwrap(),
        "$",
        "$*",
        "$*+0",
        "GPGGA without a dollar",
        "\u{7f}\u{0}\u{fffd}",
    ] {
        let (heard, receiver) = hear(format!("\n{bad}\n").as_bytes());
        assert_eq!(heard, [] as [Outcomes; 0], "{bad}");
        let counted = FrameCount { corrupt: 1, ..FrameCount::default() };
        assert_eq!(receiver.frames(), counted, "{bad}");
    }
}

#[test]
fn sound_sentences_for_others_are_counted_apart() {
    let others = [
        sealed("GPGSV,1,1,00"),
        sealed("PMTK001,604,3"),
        sealed("X"),
        sealed(""),
        b"!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\r\n".to_vec(),
    ];
    let (heard, receiver) = hear(&others.concat());
    assert!(heard.is_empty());
    assert_eq!(receiver.frames(), FrameCount { ignored: 5, ..FrameCount::default() });
}

#[test]
fn a_sentence_is_found_though_the_one_before_lost_its_end() {
    let gga = b"$GPGGA,030719.000,3747.0873,S,17518.8938,E,1,08,1.1,59.9,M,23.7,M,,0000*7D\r\n";
    let (heard, receiver) = hear(&[&gga[..40], gga].concat());
    assert_eq!(heard.len(), 1);
    assert_eq!(receiver.frames(), FrameCount { measured: 1, ignored: 0, corrupt: 1 });
}

#[test]
fn each_talker_that_reports_the_epoch_gives_a_measurement() {
    let epoch = [
        &b"$GPGGA,020935.000,4404.1351,N,12118.8556,W,1,08,0.9,1123.9,M,-19.6,M,,0000*5E\r\n"[..],
        b"$GLGGA,020935.000,4404.1351,N,12118.8556,W,1,02,0.9,1123.9,M,-19.6,M,,0000*48\r\n",
    ];
    let (heard, _) = hear(&epoch.concat());
    let satellites = heard.iter().map(|outcomes| outcomes[SATELLITES].1.unwrap().number());
    assert!(satellites.eq([8.0, 2.0]));
}

#[test]
fn after_a_pulled_plug_the_next_receiver_may_be_one_without_gga() {
    let rmc = sealed("GPRMC,030719.000,A,3747.0873,S,17518.8938,E,0.69,181.39,311214,,,A");
    let tape =
        Tape::of(&sealed("GPGGA,,,,,,0,,,,,,,,"), 99).then(Err(NoData::Absent)).then(Ok(&rmc));
    let mut receiver = Nmea0183::new(tape);
    assert_eq!(receiver.measure(PATIENCE).map(|gga| gga.outcomes.len()), Ok(5));
    assert_eq!(receiver.measure(PATIENCE), Err(NoData::Absent));
    assert_eq!(receiver.measure(PATIENCE).map(|rmc| rmc.outcomes.len()), Ok(4));
}

/// Pieces of sentences with good checksums around fields that no receiver sends.
fn odd_sentences() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof!["[0-9.]{0,9}", "[NSEWAVMD]", "[-+0-9.naif]{0,12}", "[ -)+-~]{0,8}"];
    let address = prop_oneof![Just("GPGGA"), Just("GNRMC")];
    (address, vec(field, 0..16))
        .prop_map(|(address, fields)| sealed(&format!("{address},{}", fields.join(","))))
}

proptest! {
    /// No soup panics, and a good sentence after it is read.
    #[test]
    fn a_good_sentence_after_any_soup_is_read(
        soup in vec(prop_oneof![vec(any::<u8>(), 0..200), odd_sentences()], 0..8),
    ) {
        let good = sealed("GPGGA,030719.000,3747.0873,S,17518.8938,E,1,08,1.1,59.9,M,23.7,M,,0000");
        let (heard, receiver) = hear(&[soup.concat(), good.clone()].concat());
        let (expected, _) = hear(&good);
        prop_assert_eq!(heard.last(), expected.last());
        prop_assert_eq!(receiver.frames().measured, heard.len() as u64);
    }

    /// No single damaged byte turns a sentence into a measurement that was not sent.
    #[test]
    fn one_damaged_byte_never_gives_another_value(at in 1_usize..75, damage in 1_u8..) {
        let good = sealed("GPGGA,030719.000,3747.0873,S,17518.8938,E,1,08,1.1,59.9,M,23.7,M,,0000");
        let mut bad = good.clone();
        bad[at] ^= damage;
        let (heard, _) = hear(&bad);
        prop_assert!(heard.is_empty() || heard == hear(&good).0, "{:?}", heard);
    }
}
