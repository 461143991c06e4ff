//! `redirectScheme`, and the redirections of entry points.

use http::header::LOCATION;
use http::{HeaderValue, Method, Response, StatusCode};

use crate::http::body::Body;
use crate::http::error_response::{Reason, text};
use crate::http::exchange::Exchange;
use crate::http::host::split_port;

/// Where to redirect.
#[derive(Debug, Clone)]
pub(crate) struct RedirectScheme {
    scheme: String,
    /// `:port`, or nothing where the scheme implies it.
    port: String,
    /// Whether the port counts: without one a client is where it should be by the scheme alone, for what it knows of the
    /// gateway may be another port that was published.
    names_port: bool,
    /// Whether a URL comes of it at all.
    is_url: bool,
    permanent: bool,
}

impl RedirectScheme {
    /// `None` without scheme.
    pub(crate) fn new(scheme: &str, port: &str, permanent: bool) -> Option<Self> {
        let implied = port.is_empty() || is_usual(scheme, port);
        let is_url = is_scheme(scheme) && port.bytes().all(|byte| byte.is_ascii_digit());
        let names_port = !port.is_empty();
        let port = if implied { String::new() } else { format!(":{port}") };
        (!scheme.is_empty()).then(|| Self { scheme: scheme.to_owned(), port, names_port, is_url, permanent })
    }

    pub(crate) fn request(&self, exchange: &Exchange) -> Option<Response<Body>> {
        let host = exchange.host.value.to_str().unwrap_or_default();
        let (name, _) = split_port(host);
        if self.is_there(exchange, host, name) {
            return None;
        }
        // As in Traefik: with a port behind it an IPv6 address loses its brackets, and no URL comes of that.
        if !self.is_url || (name.starts_with('[') && name.len() < host.len()) {
            return Some(exchange.client.worker.refusal(Reason::BadGateway));
        }
        redirect(
            &format!("{}://{name}{}{}", self.scheme.to_ascii_lowercase(), self.port, exchange.target.as_sent()),
            &exchange.parts.method,
            self.permanent,
        )
    }

    /// Whether the client is already where it would be sent to.
    fn is_there(&self, exchange: &Exchange, host: &str, name: &str) -> bool {
        if exchange.told_scheme() != self.scheme {
            return false;
        }
        let port = host.get(name.len()..).and_then(|port| port.strip_prefix(':')).unwrap_or_default();
        let port = if is_usual(&self.scheme, port) { "" } else { port };
        !self.names_port || self.port.strip_prefix(':').unwrap_or_default() == port
    }
}

/// Whether the scheme says as much as the port.
fn is_usual(scheme: &str, port: &str) -> bool {
    matches!((scheme, port), ("http", "80") | ("https", "443"))
}

/// Whether a text is the scheme of a URL (RFC 3986 section 3.1).
pub(super) fn is_scheme(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The answer that sends a client to `location`: 301/302 for GET, 308/307 where the method must stay.
pub(crate) fn redirect(location: &str, method: &Method, permanent: bool) -> Option<Response<Body>> {
    let (status, body) = match (*method == Method::GET, permanent) {
        (true, true) => (StatusCode::MOVED_PERMANENTLY, "Moved Permanently"),
        (true, false) => (StatusCode::FOUND, "Found"),
        (false, true) => (StatusCode::PERMANENT_REDIRECT, "Permanent Redirect"),
        (false, false) => (StatusCode::TEMPORARY_REDIRECT, "Temporary Redirect"),
    };
    let mut response = text(status, body);
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(location).ok()?);
    Some(response)
}
