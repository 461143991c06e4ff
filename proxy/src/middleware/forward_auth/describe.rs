//! What the server that decides is told about a request.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderName, TE, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue};

use crate::http::exchange::Exchange;
use crate::http::headers::{
    X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO, append_forwarded_for, is_managed,
    strip_kept,
};
use crate::http::host::split_port;

use super::ForwardAuth;
use crate::upstream::ask::AGENT;

/// No header of HTTP, but Traefik counts it among those of the connection.
const TRAILERS: HeaderName = HeaderName::from_static("trailers");
const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

impl ForwardAuth {
    pub(super) fn describe(&self, exchange: &Exchange, body_length: usize) -> HeaderMap {
        let mut sent = Cow::Borrowed(&exchange.parts.headers);
        if sent.contains_key(CONNECTION) {
            strip_kept(sent.to_mut());
        }
        let mut headers = if let Some(request_headers) = &self.request_headers {
            // What a trusted proxy tells about the client is told on, whatever else is.
            let told = |name: &&HeaderName| {
                self.trust == Some(true) && is_managed(name.as_str()) && !name.as_str().ends_with("-scheme")
            };
            let told = sent.keys().filter(|name| !request_headers.contains(name)).filter(told);
            let mut some = HeaderMap::new();
            for name in request_headers.iter().chain(told) {
                for value in sent.get_all(name) {
                    some.append(name, value.clone());
                }
            }
            some
        } else {
            sent.into_owned()
        };
        headers.remove(TRANSFER_ENCODING);
        headers.remove(TE);
        headers.remove(TRAILERS);
        headers.remove(CONTENT_LENGTH);
        if body_length > 0 {
            // As the client sent it, but of the length that was read.
            if exchange.parts.headers.contains_key(CONTENT_LENGTH) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body_length));
            } else {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        self.forwarding(exchange, &mut headers);
        // A client without a name has an empty one there, which may be filtered out.
        let filtered = self.request_headers.as_ref().is_some_and(|names| !names.contains(&USER_AGENT));
        if (self.trust.is_none() || filtered) && !headers.contains_key(USER_AGENT) {
            headers.insert(USER_AGENT, AGENT);
        }
        if let Some(credentials) = self.credentials.as_ref().filter(|_| !headers.contains_key(AUTHORIZATION)) {
            headers.insert(AUTHORIZATION, credentials.clone());
        }
        headers
    }

    fn forwarding(&self, exchange: &Exchange, headers: &mut HeaderMap) {
        let trusted = self.trust == Some(true);
        if self.trust == Some(false) {
            let managed: Vec<HeaderName> =
                headers.keys().filter(|name| is_managed(&name.as_str().replace('_', "-"))).cloned().collect();
            for name in managed {
                headers.remove(name);
            }
        }
        if trusted {
            append_forwarded_for(headers, &exchange.client);
        } else {
            headers.insert(X_FORWARDED_FOR, exchange.client.ip_value.clone());
        }
        let scheme = exchange.scheme();
        let host = &exchange.host.value;
        let mut tell = |name: HeaderName, value: Option<HeaderValue>| {
            if trusted && headers.contains_key(&name) {
                return;
            }
            match value {
                Some(value) => drop(headers.insert(name, value)),
                None => drop(headers.remove(name)),
            }
        };
        tell(X_FORWARDED_METHOD, HeaderValue::from_str(exchange.parts.method.as_str()).ok());
        tell(X_FORWARDED_PROTO, Some(HeaderValue::from_static(scheme)));
        tell(X_FORWARDED_HOST, (!host.is_empty()).then(|| host.clone()));
        tell(X_FORWARDED_URI, HeaderValue::from_str(&exchange.path_and_query()).ok());
        if self.trust == Some(false) {
            let port = host.to_str().ok().and_then(|host| split_port(host).1);
            let usual = if scheme == "https" { 443 } else { 80 };
            tell(X_FORWARDED_PORT, Some(HeaderValue::from(port.unwrap_or(usual))));
        }
    }
}
