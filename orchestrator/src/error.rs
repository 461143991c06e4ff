//! What a command failed of, as the user reads it.

use std::io;

use compose_schema::{Failure, Level};

/// Result of a command.
pub type Result<T, E = CommandError> = std::result::Result<T, E>;

/// The one error type that reaches the terminal: what is wrong, the ways out, the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    /// What is wrong; empty where it has been said already.
    pub message: String,
    /// The ways out, one line each.
    pub hints: Vec<String>,
    /// Exit code of the process.
    pub code: u8,
    /// The message is made of diagnostics, each of which says itself that it is an error or a warning.
    pub is_diagnostics: bool,
}

impl CommandError {
    /// An ordinary failure: exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new(), code: 1, is_diagnostics: false }
    }

    /// Ends the process with a code and without a word: everything has been said, or there is nothing to say.
    pub fn silent(code: u8) -> Self {
        Self { message: String::new(), hints: Vec::new(), code, is_diagnostics: false }
    }

    /// As it is printed, the ways out below it; empty where everything has been said.
    pub fn text(&self) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        let prefix = if self.is_diagnostics { "" } else { "error: " };
        let hints: String = self.hints.iter().map(|hint| format!("hint: {hint}\n")).collect();
        format!("{prefix}{}\n{hints}", self.message.trim_end())
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Messages about a compose file that are printed at a time; nobody reads more.
pub const MAX_MESSAGES: usize = 100;

/// A compose file that cannot be loaded: its diagnostics are the message. Errors come before warnings where not all of
/// them are printed.
pub fn from_failure(failure: &Failure, color: bool) -> CommandError {
    let all = &failure.diagnostics;
    let left_out = all.len().saturating_sub(MAX_MESSAGES);
    let is_shown = |level: Level| left_out == 0 || level == Level::Error;
    let shown = all.iter().filter(|diagnostic| is_shown(diagnostic.level)).take(MAX_MESSAGES);
    let mut rendered: Vec<String> = shown.map(|diagnostic| diagnostic.render(&failure.sources, color)).collect();
    let left_out = all.len() - rendered.len();
    if left_out > 0 {
        rendered.push(format!("and {left_out} messages more"));
    }
    CommandError { is_diagnostics: true, ..CommandError::new(rendered.join("\n")) }
}

impl From<io::Error> for CommandError {
    /// Writing failed. A reader that has gone away (`stack logs | head -1`) is a quiet end.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(0);
        }
        Self::new(format!("cannot write the output: {error}"))
    }
}

impl From<crate::backend::Error> for CommandError {
    fn from(error: crate::backend::Error) -> Self {
        let command = Self::new(error.to_string());
        match error.hint() {
            Some(hint) => command.hint(hint),
            None => command,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CommandError;

    #[test]
    fn only_diagnostics_say_themselves_that_they_are_errors() {
        let plain = CommandError::new("error while mounting\n").hint("a way").hint("another");
        assert_eq!(plain.text(), "error: error while mounting\nhint: a way\nhint: another\n");
        let diagnostics = CommandError { is_diagnostics: true, ..CommandError::new("error[E0203]: x") };
        assert_eq!(diagnostics.text(), "error[E0203]: x\n");
        assert_eq!(CommandError::silent(3).text(), "");
    }
}
