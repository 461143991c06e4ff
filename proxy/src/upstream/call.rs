//! A request to a server.

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};

use crate::http::body::RequestBody;

/// The name of a header field as it is written over HTTP/1.1, where capitals are carried: some programs look for no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spelling(pub(crate) Arc<str>);

/// A request, whatever protocol carries it. What was not sent of it stays, so that it can be sent again.
#[derive(Debug)]
pub(crate) struct Call {
    /// What is asked for.
    pub(crate) method: Method,
    /// Of what.
    pub(crate) target: PathAndQuery,
    /// Of whom: what `Host` or `:authority` says, whatever `headers` do.
    pub(crate) host: HeaderValue,
    /// The spelling of a field's name, where it is not the usual one.
    pub(crate) spelling: Option<Spelling>,
    /// The header fields; none that frames the body but `Content-Length`.
    pub(crate) headers: HeaderMap,
    /// What is sent with it.
    pub(crate) body: RequestBody,
}
