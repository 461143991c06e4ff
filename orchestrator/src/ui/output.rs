//! Writing to standard output and standard error.
//!
//! Never `println!`: it panics when the reader has gone away.

use std::io::{self, IsTerminal, Write};

/// Writes text to standard output. Colour codes are taken out unless a terminal reads it.
///
/// # Errors
/// Whatever writing fails with; a closed pipe becomes a quiet end in [`crate::error::CommandError`].
pub fn stdout(text: &str) -> io::Result<()> {
    let mut stream = anstream::stdout().lock();
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Writes text to standard error. There is nobody left to tell when that fails.
pub fn stderr(text: &str) {
    let mut stream = anstream::stderr().lock();
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

/// Whether messages on standard error may be coloured.
pub fn stderr_color() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Whether a person watches standard error.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
