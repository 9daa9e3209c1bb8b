use core::time::Duration;

use domain::{BootId, Monotonic, QuantityKind, Reading, Sample, SequenceNumber, Stream, Timestamp};
use wire::{
    payload::Batch,
    status::{State, Status},
};

use super::*;
use crate::{Arrival, feed::News};

const NOW: WallTime = WallTime::from_nanos(1_795_432_624_000_000_000);

fn gateway(name: &str) -> GatewayId {
    GatewayId::new(name).unwrap()
}

/// A sample of the second `second`, counted from 3 s before now.
fn sample(
    sensor: &str,
    kind: QuantityKind,
    second: u64,
    seq: u64,
    outcome: Result<f64, NoData>,
) -> Sample {
    let offset = i64::try_from(second).unwrap() - 3;
    let at = Timestamp::new(
        WallTime::from_nanos(NOW.as_nanos() + offset * 1_000_000_000),
        Monotonic::default() + Duration::from_secs(second),
    );
    Sample {
        stream: Stream { name: StreamName::new("outdoor", sensor).unwrap(), kind },
        boot: BootId::from_bytes([1; 16]),
        seq: SequenceNumber(seq),
        reading: Reading::measured(at, outcome.map(|value| kind.quantity(value).unwrap())),
    }
}

fn arrived(board: &mut Board, whose: &str, samples: Vec<Sample>) {
    let arrival = Arrival::Samples(Batch { gateway: gateway(whose), samples });
    board.note(News::Arrived { arrival, is_live: true });
}

fn board() -> Board {
    use QuantityKind::{Pressure, Temperature};
    let mut board = Board::new("mqtt://h:1883".to_owned());
    board.note(News::Connected);
    let online = Status {
        state: State::Online,
        program: "0.1.0".to_owned(),
        ..Status::lost(gateway("greenhouse"))
    };
    board.note(News::Arrived { arrival: Arrival::Status(online), is_live: true });
    let temperatures = [(0, 41, 21.25), (1, 42, 21.5), (3, 44, -0.0625)];
    let temperatures = temperatures
        .map(|(second, seq, value)| sample("temperature", Temperature, second, seq, Ok(value)));
    arrived(&mut board, "greenhouse", temperatures.into());
    let gap = sample("pressure", Pressure, 2, 7, Err(NoData::BusFault));
    arrived(&mut board, "greenhouse", vec![gap]);
    board
}

const WIDE: Size = Size { rows: 24, columns: 100 };

#[test]
fn a_row_tells_number_value_or_reason_age_rate_gaps_and_holes() {
    let expected = [
        "mqtt://h:1883 connected",
        "greenhouse is online, 0.1.0",
        "STREAM               SEQ  VALUE                 AGE   RATE  GAPS  MISSING",
        "outdoor.pressure       7  no data: bus_fault  1.0 s      -     1        -",
        "outdoor.temperature   44  -0.0625 Cel         0.0 s  1.0/s     -        1",
    ];
    assert_eq!(draw(&board(), NOW, WIDE), expected);
}

#[test]
fn with_two_gateways_each_row_says_whose_it_is() {
    let mut board = board();
    let other = sample("temperature", QuantityKind::Temperature, 3, 1, Ok(4.0));
    arrived(&mut board, "cellar", vec![other]);
    let lines = draw(&board, NOW, WIDE);
    assert!(lines[3].starts_with("cellar/outdoor.temperature "), "{lines:?}");
    assert!(lines[4].starts_with("greenhouse/outdoor.pressure "), "{lines:?}");
}

#[test]
fn a_small_terminal_is_never_overrun() {
    let board = board();
    for rows in 0..8 {
        for columns in [0, 1, 20] {
            let lines = draw(&board, NOW, Size { rows, columns });
            assert!(lines.len() < rows.max(1), "{rows}: {lines:?}");
            assert!(lines.iter().all(|line| line.chars().count() <= columns));
        }
    }
    let lines = draw(&board, NOW, Size { rows: 5, columns: 80 });
    assert_eq!(lines[3], "and 2 more");
}

#[test]
fn trouble_with_the_connection_is_on_the_first_line() {
    let mut board = board();
    board.note(News::Disconnected(ports::PublishError::Closed));
    assert_eq!(draw(&board, NOW, WIDE)[0], "mqtt://h:1883 not connected: connection closed");
}

#[test]
fn what_a_gateway_calls_itself_cannot_command_the_terminal() {
    let mut board = board();
    let evil = Status {
        program: "\u{1b}[2J".to_owned(),
        state: State::Online,
        ..Status::lost(gateway("greenhouse"))
    };
    board.note(News::Arrived { arrival: Arrival::Status(evil), is_live: true });
    assert!(draw(&board, NOW, WIDE).iter().all(|line| !line.contains('\u{1b}')));
}

#[test]
fn a_sample_that_comes_late_does_not_turn_the_row_back() {
    let mut board = board();
    let late = sample("temperature", QuantityKind::Temperature, 2, 43, Ok(99.0));
    arrived(&mut board, "greenhouse", vec![late]);
    let row = draw(&board, NOW, WIDE).pop().unwrap();
    assert!(row.contains(" 44 ") && row.ends_with('-'), "newest kept, hole filled: {row}");
}

#[test]
fn ages_and_numbers_read_as_people_write_them() {
    let before = |millis: i64| age(NOW, WallTime::from_nanos(NOW.as_nanos() - millis * 1_000_000));
    for (millis, text) in [
        (0, "0.0 s"),
        (1_250, "1.2 s"),
        (-500, "-0.5 s"),
        (61_000, "1 min"),
        (7_200_000, "2 h"),
        (864_000_000, "10 d"),
    ] {
        assert_eq!(before(millis), text);
    }
    for (value, text) in
        [(0.0, "0"), (1013.25, "1013.25"), (100.0, "100"), (1e-9, "1e-9"), (-2e20, "-2e20")]
    {
        assert_eq!(number(value), text);
    }
}
