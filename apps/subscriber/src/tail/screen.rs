//! The terminal: lines that are drawn over the ones before.

use std::{
    io::{self, Write},
    os::fd::AsFd,
};

use rustix::termios::tcgetwinsize;

/// Control sequences of ECMA-48, as every terminal of the last decades obeys them.
mod sequence {
    pub(super) const HIDE_CURSOR: &str = "\x1b[?25l";
    pub(super) const SHOW_CURSOR: &str = "\x1b[?25h";
    pub(super) const CLEAR_TO_LINE_END: &str = "\x1b[K";
    pub(super) const CLEAR_TO_SCREEN_END: &str = "\x1b[J";
}

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// When the terminal does not say.
const CUSTOMARY: Size = Size { rows: 24, columns: 80 };

/// A terminal with the cursor hidden; shows it again, below what was drawn, when dropped.
pub(super) struct Screen<T: Write + AsFd> {
    terminal: T,
    lines_drawn: usize,
}

impl<T: Write + AsFd> Screen<T> {
    pub(super) fn open(mut terminal: T) -> io::Result<Self> {
        write!(terminal, "{}", sequence::HIDE_CURSOR)?;
        terminal.flush()?;
        Ok(Self { terminal, lines_drawn: 0 })
    }

    /// The size as it is now: people resize terminals.
    pub(super) fn size(&self) -> Size {
        match tcgetwinsize(&self.terminal) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
                Size { rows: size.ws_row.into(), columns: size.ws_col.into() }
            }
            Ok(_) | Err(_) => CUSTOMARY,
        }
    }

    /// Draws `lines` over the ones drawn before, in one write, so that it does not flicker.
    pub(super) fn show(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = String::new();
        if self.lines_drawn > 0 {
            text = format!("\x1b[{}A\r", self.lines_drawn);
        }
        for line in lines {
            text += line;
            text += sequence::CLEAR_TO_LINE_END;
            text += "\r\n";
        }
        text += sequence::CLEAR_TO_SCREEN_END;
        self.lines_drawn = lines.len();
        self.terminal.write_all(text.as_bytes())?;
        self.terminal.flush()
    }
}

impl<T: Write + AsFd> Drop for Screen<T> {
    fn drop(&mut self) {
        // A terminal that is gone needs no cursor.
        let _ = write!(self.terminal, "{}", sequence::SHOW_CURSOR);
        let _ = self.terminal.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Seek},
    };

    use super::*;

    #[test]
    fn a_drawing_begins_where_the_last_one_did_and_the_cursor_comes_back() {
        let mut file: File = tempfile::tempfile().unwrap();
        let mut screen = Screen::open(file.try_clone().unwrap()).unwrap();
        assert_eq!(screen.size(), CUSTOMARY, "a file has no size of its own");
        screen.show(&["one".to_owned(), "two".to_owned()]).unwrap();
        screen.show(&["three".to_owned()]).unwrap();
        drop(screen);
        let mut written = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut written).unwrap();
        let first = "one\x1b[K\r\ntwo\x1b[K\r\n\x1b[J";
        let second = "\x1b[2A\rthree\x1b[K\r\n\x1b[J";
        assert_eq!(written, format!("\x1b[?25l{first}{second}\x1b[?25h"));
    }
}
