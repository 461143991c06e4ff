//! Why a request did not get an answer from a server.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use crate::http::body::BodyError;

use super::http1::head::BadHead;

/// The failure of one attempt to forward a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection could be made.
    #[error("cannot connect to {address}")]
    Connect {
        /// Host and port dialled.
        address: String,
        #[source]
        source: io::Error,
    },
    /// Its URL says how or where in a way that is not known.
    #[error("the scheme of the server URL `{0}` is not `http`, `https` or `h2c`")]
    Scheme(String),
    /// While it was dialled, the server was taken out of the configuration.
    #[error("{address} was taken out of the configuration")]
    Left { address: String },
    /// Nothing answered the dialling in time.
    #[error("connecting to {address} took longer than {} s", .after.as_secs())]
    ConnectTimeout { address: String, after: Duration },
    /// The TLS handshake with the server failed.
    #[error("the TLS handshake with {address} failed")]
    Tls {
        address: String,
        #[source]
        source: io::Error,
    },
    /// The connection ended before an answer came.
    #[error("the server closed the connection before it answered")]
    HungUp(#[source] io::Error),
    /// No answer's head in time.
    #[error("the server sent no answer for {} ms", .0.as_millis())]
    HeaderTimeout(Duration),
    /// The answer is not HTTP, or breaks it.
    #[error("the server's answer is not valid HTTP")]
    BadAnswer(#[source] h2::Error),
    /// The answer's head is none, over HTTP/1.
    #[error("the server's answer is not valid HTTP")]
    BadHead(#[source] BadHead),
    /// The answer's length is a list.
    #[error("the server's answer has more than one length")]
    BadLength,
    /// The answer has a status below 100.
    #[error("the server answered with a status below 100")]
    LowStatus,
    /// The answer's body is in a coding that is not understood (RFC 9112 section 6.1).
    #[error("the server's answer has a transfer coding other than `chunked`")]
    BadCoding,
    /// The server switches to another protocol than it was asked for.
    #[error("the server switched protocols without being asked")]
    BadUpgrade,
    /// A body that was put aside cannot be read again.
    #[error("{0}")]
    Disk(String),
    /// The client stopped sending its request.
    #[error("the client stopped sending its request")]
    ClientIdle,
    /// The client's connection broke while it sent its request.
    #[error("the client's request was cut off")]
    ClientGone,
}

impl Failure {
    /// True when the server could not be reached at all, so that no byte of the request was carried.
    pub(crate) fn unreached(&self) -> bool {
        matches!(self, Self::Scheme(_) | Self::Connect { .. } | Self::Left { .. } | Self::ConnectTimeout { .. })
    }

    /// Sorts what goes wrong with a connection or stream of HTTP/2.
    pub(crate) fn from_h2(error: h2::Error) -> Self {
        // What is no reset, no farewell and no broken connection is what cannot be understood.
        if error.is_library() { Self::BadAnswer(error) } else { Self::HungUp(io::Error::other(error)) }
    }

    /// What a request's body that ended early says about its sender.
    pub(crate) fn from_body(error: &BodyError) -> Self {
        match error {
            BodyError::Idle(_) => Self::ClientIdle,
            BodyError::Disk(_) => Self::Disk(chain(error)),
            _ => Self::ClientGone,
        }
    }
}

/// An error and its causes in one line, for the log.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
