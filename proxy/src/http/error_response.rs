//! The answers the gateway gives itself: Traefik's texts, and the reason behind each.

mod failed;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};

use super::body::Body;

/// Names the reason of an answer that comes from the gateway and not from a service.
pub(crate) const REASON_HEADER: HeaderName = HeaderName::from_static("x-stack-error");

/// The reason where a middleware refuses the request by an answer of its own.
pub(crate) const MIDDLEWARE: &str = "middleware";

/// Why the gateway answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No router matches.
    NoRouter,
    /// A service has no server, or none that is healthy.
    NoServer,
    /// The server could not be reached or hung up before it answered.
    BadGateway,
    /// The server did not take the connection or did not answer in time.
    GatewayTimeout,
    /// The server's answer or certificate is unusable.
    BadAnswer,
    /// The server's status is below 100: the client's connection or stream is aborted, as Traefik does.
    LowStatus,
    /// The host's TLS options are not those of the connection.
    Misdirected,
    /// The `Host` header is malformed.
    MalformedHost,
    /// The `Host` header is missing.
    MissingHost,
    /// The request breaks the protocol.
    BadRequest,
    /// The path holds an encoding that this entry point denies.
    DeniedPath,
    /// An expectation other than `100-continue`.
    Expectation,
    /// A method that is not served (`CONNECT`).
    NotImplemented,
    /// The client stopped sending its request.
    RequestTimeout,
    /// A body cannot be put aside, or not be read again.
    Disk,
    /// A web page of somebody else may ask by way of a browser of this machine.
    ForeignPage,
}

impl Reason {
    /// The value of the reason header and of the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoRouter => "no-router",
            Self::NoServer => "no-server",
            Self::BadGateway => "bad-gateway",
            Self::GatewayTimeout => "gateway-timeout",
            Self::BadAnswer => "bad-answer",
            Self::LowStatus => "low-status",
            Self::Misdirected => "misdirected",
            Self::MalformedHost => "malformed-host",
            Self::MissingHost => "missing-host",
            Self::BadRequest => "bad-request",
            Self::DeniedPath => "denied-path",
            Self::Expectation => "expectation",
            Self::NotImplemented => "not-implemented",
            Self::RequestTimeout => "request-timeout",
            Self::Disk => "disk",
            Self::ForeignPage => "foreign-page",
        }
    }

    /// The status of the answer.
    pub(crate) fn status(self) -> StatusCode {
        self.response().status()
    }

    /// The whole answer, with the reason header.
    pub(crate) fn marked_response(self) -> Response<Body> {
        let mut response = self.response();
        // What is aborted has no headers that anybody sees.
        if self != Self::LowStatus {
            response.headers_mut().insert(REASON_HEADER, HeaderValue::from_static(self.as_str()));
        }
        response
    }

    /// The whole answer.
    pub(crate) fn response(self) -> Response<Body> {
        const PLAIN: &str = "text/plain; charset=utf-8";
        const FOREIGN: &str = "403 Forbidden: on this machine the API answers to addresses and local names only, so that no web \
            page can read it; ask for `localhost`, or give it a router with a rule for this host and the service `api@internal`\n";
        let (status, body, kind, close) = match self {
            Self::NoRouter => (StatusCode::NOT_FOUND, "404 page not found\n", Some(PLAIN), false),
            Self::NoServer => (StatusCode::SERVICE_UNAVAILABLE, "no available server\n", Some(PLAIN), false),
            Self::BadGateway => (StatusCode::BAD_GATEWAY, "Bad Gateway", None, false),
            Self::GatewayTimeout => (StatusCode::GATEWAY_TIMEOUT, "Gateway Timeout", None, false),
            Self::BadAnswer | Self::LowStatus | Self::Disk => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", None, false)
            }
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "Misdirected Request\n", Some(PLAIN), false),
            Self::MalformedHost => {
                (StatusCode::BAD_REQUEST, "400 Bad Request: malformed Host header", Some(PLAIN), true)
            }
            Self::MissingHost => {
                (StatusCode::BAD_REQUEST, "400 Bad Request: missing required Host header", Some(PLAIN), true)
            }
            Self::BadRequest => (StatusCode::BAD_REQUEST, "400 Bad Request", Some(PLAIN), true),
            Self::DeniedPath => (StatusCode::BAD_REQUEST, "", None, false),
            Self::Expectation => (StatusCode::EXPECTATION_FAILED, "", None, true),
            Self::NotImplemented => (StatusCode::NOT_IMPLEMENTED, "", None, true),
            Self::ForeignPage => (StatusCode::FORBIDDEN, FOREIGN, Some(PLAIN), false),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "Request Timeout", None, true),
        };
        let mut response = text(status, body);
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if matches!(self, Self::NoRouter | Self::NoServer | Self::Misdirected) {
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        if close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self == Self::LowStatus {
            response.extensions_mut().insert(Aborted);
        }
        response
    }
}

/// Marks an answer that is not sent: its connection or stream is aborted instead.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the server's answer cannot be passed on")]
pub(crate) struct Aborted;

impl Aborted {
    /// The answer, unless it is marked.
    ///
    /// # Errors
    /// It is.
    pub(crate) fn check(response: Response<Body>) -> Result<Response<Body>, Self> {
        match response.extensions().get() {
            Some(aborted) => Err(*aborted),
            None => Ok(response),
        }
    }
}

/// A short answer without headers.
pub(crate) fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from_static(body));
    *response.status_mut() = status;
    response
}

/// A text that was made for this answer.
pub(crate) fn plain(body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from_bytes(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// The usual text of a status, without headers.
pub(crate) fn status_text(status: StatusCode) -> Response<Body> {
    text(status, status.canonical_reason().unwrap_or_default())
}
