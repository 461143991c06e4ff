//! A request to a server.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};

use crate::http::body::RequestBody;

/// A request, whatever protocol carries it. What was not sent of it stays, so that it can be sent again.
#[derive(Debug)]
pub(crate) struct Call {
    /// What is asked for.
    pub(crate) method: Method,
    /// Of what.
    pub(crate) target: PathAndQuery,
    /// Of whom: what `Host` or `:authority` says, whatever `headers` do.
    pub(crate) host: HeaderValue,
    /// The header fields; none that frames the body but `Content-Length`.
    pub(crate) headers: HeaderMap,
    /// What is sent with it.
    pub(crate) body: RequestBody,
}
