//! Questions to the user.

use std::io::{self, IsTerminal as _};

use super::output;
use crate::error::{CommandError, Result};

/// Asks a yes-or-no question; where nobody can answer, the answer is no. Blocks until it is answered.
///
/// # Errors
/// An answer that cannot be read.
pub fn confirm(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    output::stderr(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| CommandError::new(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
