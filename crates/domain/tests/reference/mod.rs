//! The table of accuracy: how far each function is from what tools of other authors say.
//!
//! Each test of a reference prints its lines of it; `docs/bench/derive.md` has them all.

use core::fmt::Display;

/// The errors of one function.
#[derive(Default)]
pub(crate) struct Errors {
    rows: usize,
    worst: f64,
}

impl Errors {
    /// Takes the error of one row, which may be `allowed` at the most.
    pub(crate) fn take(&mut self, error: f64, allowed: f64, row: impl Display) {
        assert!((0.0..=allowed).contains(&error), "{row}: {error:e} off, {allowed:e} is fair");
        self.rows += 1;
        self.worst = self.worst.max(error);
    }

    /// Prints the line of `function`, and how it was asked, against `tool`: rows, the worst error in `unit`, and
    /// what was allowed.
    #[expect(clippy::print_stdout, reason = "the table is what is shown of the functions")]
    pub(crate) fn print(&self, function: &str, how: &str, tool: &str, allowed: &str, unit: &str) {
        let Self { rows, worst } = self;
        assert!(*rows >= 5, "{function}{how}: only {rows} rows");
        println!("| `{function}`{how} | {tool} | {rows} | {worst:.1e} {unit} | {allowed} |");
    }
}
