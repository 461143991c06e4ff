//! The user's terminal, handed over to a process in a container: raw mode, its size.

use std::io;

use rustix::termios::{self, OptionalActions, Termios};

/// Whether a person types on standard input.
pub fn stdin_is_terminal() -> bool {
    termios::isatty(io::stdin())
}

/// Whether a person reads standard output.
pub fn stdout_is_terminal() -> bool {
    termios::isatty(io::stdout())
}

/// Rows and columns of the terminal; none where there is none, or where it does not know.
pub fn size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(io::stdout()).or_else(|_| termios::tcgetwinsize(io::stdin())).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Every key goes through as it is, as long as this lives.
#[derive(Debug)]
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Begins.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub fn enter() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // There is nobody left to tell when that fails.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}
