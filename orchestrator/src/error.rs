//! What a command failed of, as the user reads it.

use std::io;

use compose_schema::{Failure, Level};

use crate::backend;

/// Result of a command.
pub type Result<T, E = CommandError> = std::result::Result<T, E>;

/// The one error type that reaches the terminal: what is wrong, and the ways out.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    /// What is wrong; empty where there is nothing more to say.
    pub message: String,
    /// The ways out, one line each.
    pub hints: Vec<String>,
    /// What kind of failure it is, for those who decide on it.
    pub kind: Kind,
}

/// Kinds of failures; the exit code of the process follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for cannot be done.
    Failed,
    /// Compose files cannot be loaded. The message is made of diagnostics, each of which says itself that it is an error
    /// or a warning.
    Config,
    /// The engine refused, or did not answer.
    Engine(backend::ErrorKind),
    /// A signal ended the command.
    Interrupted,
    /// What was waited for did not come in time.
    Late,
    /// Whoever read the output has gone away (`stack logs | head -1`): a quiet end.
    OutputClosed,
    /// What is wrong has been printed already.
    Reported,
}

impl Kind {
    /// Exit code of the process.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Failed | Self::Config | Self::Engine(_) | Self::Reported => 1,
            Self::Late => TOO_LATE,
            Self::Interrupted => INTERRUPTED,
        }
    }
}

/// Exit code of a command that a signal ended.
pub const INTERRUPTED: u8 = 130;
/// Exit code of a command that waited in vain (`EX_TEMPFAIL` of sysexits(3)).
pub const TOO_LATE: u8 = 75;

impl CommandError {
    /// An ordinary failure.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new(), kind: Kind::Failed }
    }

    /// A signal ended the command; whoever sent it knows.
    pub const fn interrupted() -> Self {
        Self { message: String::new(), hints: Vec::new(), kind: Kind::Interrupted }
    }

    /// A failure that has been printed already.
    pub const fn reported() -> Self {
        Self { message: String::new(), hints: Vec::new(), kind: Kind::Reported }
    }

    /// The same failure, of another kind.
    #[must_use]
    pub fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// As it is printed, the ways out below it; empty where everything has been said.
    pub fn text(&self) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        let prefix = if self.kind == Kind::Config { "" } else { "error: " };
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
    CommandError::new(rendered.join("\n")).of_kind(Kind::Config)
}

impl From<io::Error> for CommandError {
    /// Writing failed. A reader that has gone away (`stack logs | head -1`) is a quiet end.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { message: String::new(), hints: Vec::new(), kind: Kind::OutputClosed };
        }
        Self::new(format!("cannot write the output: {error}"))
    }
}

impl From<backend::Error> for CommandError {
    fn from(error: backend::Error) -> Self {
        let command = Self::new(error.to_string()).of_kind(Kind::Engine(error.kind));
        match error.hint() {
            Some(hint) => command.hint(hint),
            None => command,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_diagnostics_say_themselves_that_they_are_errors() {
        let plain = CommandError::new("error while mounting\n").hint("a way").hint("another");
        assert_eq!(plain.text(), "error: error while mounting\nhint: a way\nhint: another\n");
        let diagnostics = CommandError::new("error[E0203]: x").of_kind(Kind::Config);
        assert_eq!(diagnostics.text(), "error[E0203]: x\n");
        assert_eq!(CommandError::interrupted().text(), "");
    }

    #[test]
    fn the_exit_code_follows_from_the_kind() {
        let of_engine = backend::Error {
            kind: backend::ErrorKind::Timeout,
            call: "list networks",
            object: String::new(),
            message: "late".to_owned(),
        };
        let cases = [
            (CommandError::new("x"), 1),
            (CommandError::reported(), 1),
            (of_engine.into(), 1),
            (CommandError::interrupted(), 130),
            (CommandError::new("x").of_kind(Kind::Late), 75),
            (io::Error::from(io::ErrorKind::BrokenPipe).into(), 0),
        ];
        for (error, code) in cases {
            assert_eq!(error.kind.exit_code(), code, "{error:?}");
        }
    }
}
