//! Questions to the user.

use std::io::{self, IsTerminal as _};

use tokio::sync::oneshot;

use super::output;
use crate::error::{CommandError, Result};

/// Whether there is somebody to answer.
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a yes-or-no question; where nobody can answer, the answer is no. An interrupt meanwhile is for the caller.
///
/// # Errors
/// An answer that cannot be read.
pub async fn confirm(question: &str) -> Result<bool> {
    if !is_possible() {
        return Ok(false);
    }
    output::stderr(&format!("{question} [y/N] "));
    let (tell, told) = oneshot::channel();
    // On a thread that nobody waits for: a read cannot be taken back.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer).map(|_| answer);
        // Whoever asked may have been interrupted.
        let _ = tell.send(read);
    });
    let answer = told.await.map_err(io::Error::other).and_then(|answer| answer);
    let answer = answer.map_err(|error| CommandError::new(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
