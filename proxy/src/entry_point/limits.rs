//! How long clients of an entry point may take.

use std::time::Duration;

/// How long a client may take. Zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For a request's head, from its first byte.
    pub header: Duration,
    /// Between two requests on a connection.
    pub keep_alive: Duration,
    /// For the next bytes of a request's body.
    pub body_idle: Duration,
    /// For accepting the next bytes of an answer.
    pub write_stall: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(30),
            keep_alive: Duration::from_secs(180),
            body_idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(120),
        }
    }
}
