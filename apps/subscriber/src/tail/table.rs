//! The table as lines of text.

use domain::{GatewayId, NoData, StreamName, WallTime};

use super::{
    board::{Board, Row},
    lines::state,
    screen::Size,
};
use crate::feed::printable;

const TITLES: [&str; 7] = ["STREAM", "SEQ", "VALUE", "AGE", "RATE", "GAPS", "MISSING"];

/// Draws the board: the connection, the gateways, one row per stream; never more or longer lines
/// than fit, and one line less than the screen has, so that it does not scroll.
pub(super) fn draw(board: &Board, now: WallTime, size: Size) -> Vec<String> {
    let mut lines = vec![connection(board)];
    for (gateway, entry) in board.ledger.gateways() {
        let program = printable(&entry.program);
        let version = if program.is_empty() { String::new() } else { format!(", {program}") };
        lines.push(format!("{gateway} is {}{version}", state(entry.state)));
    }
    let rows = aligned(board, now);
    let room = size.rows.saturating_sub(lines.len() + 1);
    if rows.len() <= room {
        lines.extend(rows);
    } else {
        let shown = room.saturating_sub(1);
        let hidden = rows.len() - shown;
        lines.extend(rows.into_iter().take(shown));
        lines.push(format!("and {hidden} more"));
    }
    lines.truncate(size.rows.saturating_sub(1));
    lines.iter().map(|line| line.chars().take(size.columns).collect()).collect()
}

fn connection(board: &Board) -> String {
    let unreadable = match board.ledger.unreadable().total() {
        0 => String::new(),
        count => format!(", {count} unreadable messages"),
    };
    match &board.trouble {
        None => format!("{} connected{unreadable}", board.broker),
        Some(why) => format!("{} not connected: {why}{unreadable}", board.broker),
    }
}

/// Titles and rows, each column as wide as its widest cell; texts to the left, numbers to the right.
fn aligned(board: &Board, now: WallTime) -> Vec<String> {
    let is_alone = board
        .rows
        .keys()
        .all(|(gateway, _)| board.rows.keys().next().is_some_and(|(first, _)| first == gateway));
    let mut cells = vec![TITLES.map(str::to_owned)];
    for (key, row) in &board.rows {
        cells.push(row_cells(board, key, row, now, is_alone));
    }
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 7] = core::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; 7]| {
        let padded = |(column, cell): (usize, &String)| {
            let width = widths[column];
            if matches!(column, 0 | 2) {
                format!("{cell:width$}")
            } else {
                format!("{cell:>width$}")
            }
        };
        let padded: Vec<String> = row.iter().enumerate().map(padded).collect();
        padded.join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

fn row_cells(
    board: &Board,
    key: &(GatewayId, StreamName),
    row: &Row,
    now: WallTime,
    is_alone: bool,
) -> [String; 7] {
    let (gateway, stream) = key;
    let sample = &row.newest;
    let account = board.ledger.accounts().get(key);
    let count = |n: u64| if n == 0 { "-".to_owned() } else { n.to_string() };
    [
        if is_alone { stream.to_string() } else { format!("{gateway}/{stream}") },
        sample.seq.to_string(),
        match sample.reading.outcome {
            Ok(quantity) => format!("{} {}", number(quantity.number()), sample.stream.kind.unit()),
            Err(reason) => gap(reason),
        },
        age(now, sample.reading.at.wall),
        row.rate().map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}/s")),
        count(account.map_or(0, |account| account.gaps.values().sum())),
        count(account.map_or(0, crate::Account::missing_count)),
    ]
}

fn gap(reason: NoData) -> String {
    format!("no data: {reason}")
}

/// At most six decimals, without trailing zeros.
fn number(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude >= 1e15 || (magnitude > 0.0 && magnitude < 1e-6) {
        return format!("{number:e}");
    }
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How long ago `then` was. A gateway whose clock runs ahead of ours has samples from the future.
fn age(now: WallTime, then: WallTime) -> String {
    let millis = now.as_micros().saturating_sub(then.as_micros()) / 1_000;
    let (sign, millis) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
    match millis {
        0..=59_999 => format!("{sign}{}.{} s", millis / 1_000, millis / 100 % 10),
        60_000..=3_599_999 => format!("{sign}{} min", millis / 60_000),
        3_600_000..=172_799_999 => format!("{sign}{} h", millis / 3_600_000),
        _ => format!("{sign}{} d", millis / 86_400_000),
    }
}

#[cfg(test)]
mod tests;
