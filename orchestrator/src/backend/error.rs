//! What goes wrong between us and an engine.

/// Why a call to the engine failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{message}", doing(*kind, call, object))]
pub struct Error {
    /// What kind of failure, for those who decide on it.
    pub kind: ErrorKind,
    /// The call, in words (`create container`).
    pub call: &'static str,
    /// What it was about (`web-app-1`); may be empty.
    pub object: String,
    /// The engine's own words, or what went wrong on the way to it.
    pub message: String,
}

/// What was being done; for an engine that is out of reach that is no matter.
fn doing(kind: ErrorKind, call: &str, object: &str) -> String {
    match kind {
        ErrorKind::Unreachable | ErrorKind::Permission => String::new(),
        _ if object.is_empty() => format!("{call}: "),
        _ => format!("{call} {object}: "),
    }
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No engine answers at the address.
    Unreachable,
    /// The socket is there, this user may not use it.
    Permission,
    /// The engine did not answer in time.
    Timeout,
    /// The object does not exist (404).
    NotFound,
    /// The object is in the way or in another state (409).
    Conflict,
    /// The request makes no sense to the engine (400).
    Invalid,
    /// Another process of the host has a port that a container publishes.
    PortTaken,
    /// What a container is to be given of the host (a bind mount's source) is not there.
    MissingSource,
    /// The engine is too old for it; the message names the version it needs.
    Unsupported,
    /// Anything else the engine refused (500 and others).
    Engine,
}

impl From<Error> for std::io::Error {
    /// Where the engine is read like a file.
    fn from(error: Error) -> Self {
        Self::other(error.message)
    }
}

impl Error {
    /// The way out, where there is one that always holds.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.kind {
            ErrorKind::Unreachable => {
                Some("is the engine running (`systemctl start docker`)? `DOCKER_HOST` names another one")
            }
            ErrorKind::Permission => {
                Some("join the group `docker` (`sudo usermod -aG docker $USER`, then log in again), or use sudo")
            }
            ErrorKind::Timeout => Some("`docker version` shows whether the engine answers at all"),
            _ => None,
        }
    }
}
