use proptest::{collection::vec, prelude::*};

use super::*;
use crate::scripted::Tape;

const PATIENCE: Duration = Duration::from_secs(1);

fn column(name: &str, index: usize, kind: QuantityKind, scale: f64) -> Column {
    Column { name: name.to_owned(), index, kind, scale, offset: 0.0 }
}

/// A weather station: `W,<wind in km/h>,<direction>,<temperature>`.
fn weather() -> DelimitedTextOptions {
    DelimitedTextOptions {
        delimiter: ',',
        prefix: "W,".to_owned(),
        line_bytes_max: DelimitedTextOptions::LINE_BYTES_MAX,
        columns: vec![
            column("wind_speed", 1, QuantityKind::Speed, 0.25),
            column("temperature", 3, QuantityKind::Temperature, 1.0),
        ],
    }
}

type Values = Vec<Result<f64, NoData>>;

/// The values of every line, and the device to look at.
fn hear(bytes: &[u8], options: DelimitedTextOptions) -> (Vec<Values>, DelimitedText<Tape>) {
    let mut device = DelimitedText::new(Tape::of(bytes, 7), options).unwrap();
    let mut heard = Vec::new();
    while let Ok(measurement) = device.measure(PATIENCE) {
        let value = |(_, outcome): (usize, Result<Quantity, _>)| outcome.map(Quantity::number);
        heard.push(measurement.outcomes.into_iter().map(value).collect());
    }
    (heard, device)
}

#[test]
fn columns_become_quantities_whatever_the_line_end() {
    for line_end in ["\n", "\r\n", "\r", "\n\r"] {
        let text = ["", "W,12,230,-5.5", "W, 8 ,0,\t+1e1 ,more", ""].join(line_end);
        let (heard, device) = hear(text.as_bytes(), weather());
        assert_eq!(heard, [vec![Ok(3.0), Ok(-5.5)], vec![Ok(2.0), Ok(10.0)]]);
        assert_eq!(device.frames(), FrameCount { measured: 2, ..FrameCount::default() });
    }
}

#[test]
fn a_cell_can_be_a_gap_among_values() {
    for (cell, reason) in [
        ("", NoData::NotReady),
        ("  ", NoData::NotReady),
        ("nan", NoData::NotReady),
        ("ERR", NoData::Corrupt),
        ("5.5C", NoData::Corrupt),
        ("1 2", NoData::Corrupt),
        ("inf", NoData::Implausible),
        ("-400", NoData::Implausible),
    ] {
        let (heard, _) = hear(format!("\nW,4,0,{cell}\n").as_bytes(), weather());
        assert_eq!(heard, [vec![Ok(1.0), Err(reason)]], "{cell:?}");
    }
}

#[test]
fn a_wholly_bad_line_gives_no_value_and_is_counted() {
    for bad in [
        &b"W,4,0"[..],
        b"W,",
        b"W,x,0,y",
        b"W,4,0,5\x00",
        b"W,4,0\x07,5",
        b"W,4,\xFF,5",
        &[b'W'; 300],
    ] {
        let (heard, device) = hear(&[b"\n", bad, b"\n"].concat(), weather());
        assert_eq!(heard, [] as [Values; 0], "{bad:?}");
        let counted = FrameCount { corrupt: 1, ..FrameCount::default() };
        assert_eq!(device.frames(), counted, "{bad:?}");
    }
}

#[test]
fn lines_for_others_are_counted_apart() {
    let (heard, device) = hear(b"\n# weather station\nX,1,2,3\nW,4,0,5\n", weather());
    assert_eq!(heard.len(), 1);
    assert_eq!(device.frames(), FrameCount { measured: 1, ignored: 2, corrupt: 0 });
}

#[test]
fn a_line_cut_in_half_by_the_start_gives_no_value() {
    let options = DelimitedTextOptions { prefix: String::new(), ..weather() };
    let (heard, device) = hear(b"23,1,2,3\n0,4,0,5\n", options);
    assert_eq!(heard, [vec![Ok(1.0), Ok(5.0)]]);
    assert_eq!(device.frames().corrupt, 0);
}

#[test]
fn garbage_is_told_from_silence() {
    let mut device = DelimitedText::new(Tape::of(b"\n\xFF\n", 9), weather()).unwrap();
    assert_eq!(device.measure(PATIENCE), Err(NoData::Corrupt));
    assert_eq!(device.measure(PATIENCE), Err(NoData::Silent));
}

#[test]
fn options_that_make_no_device_are_refused() {
    let refused = |options| DelimitedText::new(Tape::default(), options).err();
    let columns = Vec::new();
    let options = DelimitedTextOptions { columns, ..weather() };
    assert_eq!(refused(options), Some(BadOptions::NoSensors));
    for delimiter in ['.', '-', '7', 'e', '\n'] {
        let options = DelimitedTextOptions { delimiter, ..weather() };
        assert_eq!(refused(options), Some(BadOptions::Delimiter { delimiter }));
    }
}

proptest! {
    /// No soup panics, and a good line after it is read.
    #[test]
    fn a_good_line_after_any_soup_is_read(
        soup in vec(prop_oneof![vec(any::<u8>(), 0..300), "W,[ -~]{0,30}\n".prop_map(String::into_bytes)], 0..8),
    ) {
        let (heard, device) = hear(&[&soup.concat()[..], b"\nW,4,0,5\n"].concat(), weather());
        prop_assert_eq!(heard.last(), Some(&vec![Ok(1.0), Ok(5.0)]));
        prop_assert_eq!(device.frames().measured, heard.len() as u64);
    }
}
