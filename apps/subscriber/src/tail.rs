//! `tail`: shows samples as they arrive.

mod board;
mod lines;
mod screen;
mod table;

use core::time::Duration;
use std::io::{self, IsTerminal, Write};

use domain::Monotonic;
use ports::Clock;

use crate::{
    Arrival,
    feed::{Feed, FeedError, Listening, News, chain, printable},
    interrupts::Interrupts,
};
use board::Board;
use screen::Screen;

pub(crate) use lines::json as json_line;

/// How often the table is drawn.
const REDRAW: Duration = Duration::from_millis(250);

/// How to show samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A table with a row per stream, drawn in place.
    Table,
    /// A line per sample, for people.
    Plain,
    /// A JSON object per sample and line.
    Json,
}

/// Why the show ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TailError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    #[error("cannot write what arrives")]
    Output(#[source] io::Error),
}

/// Shows what arrives until somebody asks to end, `duration` is over, or nobody reads on.
pub(crate) fn run(
    listening: &Listening<'_>,
    style: Style,
    duration: Option<Duration>,
    clock: &dyn Clock,
) -> Result<(), TailError> {
    let mut interrupts = Interrupts::new().map_err(TailError::Signals)?;
    let mut feed = Feed::open(listening, clock)?;
    let ends_at = duration.map(|duration| clock.now().monotonic + duration);
    let mut is_over =
        |now: Monotonic| interrupts.count() > 0 || ends_at.is_some_and(|end| now >= end);
    let outcome = match style {
        Style::Table => show_table(&mut feed, listening, clock, &mut is_over),
        Style::Plain | Style::Json => show_lines(&mut feed, style, clock, &mut is_over),
    };
    match outcome.and_then(|()| Ok(feed.check_connected_once()?)) {
        // `tail | head`: whoever reads has seen enough.
        Err(TailError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// The style when none is asked for: a table for a terminal, lines for everything else.
pub(crate) fn natural_style() -> Style {
    if io::stdout().is_terminal() { Style::Table } else { Style::Plain }
}

fn show_table(
    feed: &mut Feed<'_>,
    listening: &Listening<'_>,
    clock: &dyn Clock,
    is_over: &mut dyn FnMut(Monotonic) -> bool,
) -> Result<(), TailError> {
    let mut board = Board::new(listening.broker.to_string());
    let mut screen = Screen::open(io::stdout()).map_err(TailError::Output)?;
    let mut draws_at = clock.now().monotonic;
    loop {
        let now = clock.now();
        if now.monotonic >= draws_at {
            let lines = table::draw(&board, now.wall, screen.size());
            screen.show(&lines).map_err(TailError::Output)?;
            draws_at = now.monotonic + REDRAW;
        }
        if is_over(now.monotonic) {
            return Ok(());
        }
        if let Some(news) = feed.next(draws_at.saturating_since(now.monotonic))? {
            board.note(news);
        }
    }
}

fn show_lines(
    feed: &mut Feed<'_>,
    style: Style,
    clock: &dyn Clock,
    is_over: &mut dyn FnMut(Monotonic) -> bool,
) -> Result<(), TailError> {
    let mut out = io::stdout().lock();
    let mut remarks = io::stderr();
    while !is_over(clock.now().monotonic) {
        let Some(news) = feed.next(REDRAW)? else { continue };
        for line in lines_of(&news, style) {
            writeln!(out, "{line}").map_err(TailError::Output)?;
        }
        out.flush().map_err(TailError::Output)?;
        if let Some(remark) = remark(&news) {
            // A remark that cannot be written is not worth ending for.
            let _ = writeln!(remarks, "{remark}");
        }
    }
    Ok(())
}

fn lines_of(news: &News, style: Style) -> Vec<String> {
    let News::Arrived { arrival: Arrival::Samples(batch), .. } = news else {
        return Vec::new();
    };
    let line = if style == Style::Json { lines::json } else { lines::plain };
    batch.samples.iter().map(|sample| line(&batch.gateway, sample)).collect()
}

/// What is to be said of it besides its samples.
fn remark(news: &News) -> Option<String> {
    match news {
        News::Disconnected(why) => Some(format!("no connection to the broker: {}", chain(why))),
        News::Connected => Some("listening".to_owned()),
        News::Arrived { arrival: Arrival::Status(status), .. } => {
            Some(format!("{} is {}", status.gateway, lines::state(status.state)))
        }
        News::Arrived { arrival: Arrival::Samples(_) | Arrival::Answer(_), .. }
        | News::Answered { .. }
        | News::Asked(_) => None,
        News::Unreadable { topic, why } => {
            Some(format!("unreadable: {}: {}", printable(topic), chain(why)))
        }
    }
}
