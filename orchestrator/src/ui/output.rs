//! Writing to standard output and standard error.
//!
//! Never `println!`: it panics when the reader has gone away.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Writes text to standard output. Colour codes are taken out unless a terminal reads it.
///
/// # Errors
/// Whatever writing fails with; a closed pipe becomes a quiet end in [`crate::error::CommandError`].
pub fn stdout(text: &str) -> io::Result<()> {
    let mut stream = anstream::stdout().lock();
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Writes text to standard output as it is, with whatever control characters it holds: what programs read has to be what it
/// is, and nothing in it is ours to colour.
///
/// # Errors
/// As [`stdout`].
pub fn verbatim(text: &str) -> io::Result<()> {
    let mut stream = io::stdout().lock();
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

/// Where progress goes, for the whole process.
static PROGRESS_TO_STDOUT: AtomicBool = AtomicBool::new(false);

/// Sends progress to standard output instead of standard error (`COMPOSE_STATUS_STDOUT`).
pub fn progress_to_stdout(wanted: bool) {
    PROGRESS_TO_STDOUT.store(wanted, Ordering::Relaxed);
}

/// Whether progress goes to standard output.
pub fn progress_is_on_stdout() -> bool {
    PROGRESS_TO_STDOUT.load(Ordering::Relaxed)
}

/// Where progress goes.
pub fn progress() -> Box<dyn Write + Send> {
    if progress_is_on_stdout() { Box::new(anstream::stdout()) } else { Box::new(anstream::stderr()) }
}

/// Whether a person watches the progress.
pub fn progress_is_watched() -> bool {
    if progress_is_on_stdout() { io::stdout().is_terminal() } else { io::stderr().is_terminal() }
}

/// Whether programs read what is said on standard error, for the whole process.
static FOR_PROGRAMS: AtomicBool = AtomicBool::new(false);

/// Has warnings and errors be lines of JSON (`--progress json`).
pub fn speak_to_programs(wanted: bool) {
    FOR_PROGRAMS.store(wanted, Ordering::Relaxed);
}

/// Whether warnings and errors are lines of JSON.
pub fn speaks_to_programs() -> bool {
    FOR_PROGRAMS.load(Ordering::Relaxed)
}
