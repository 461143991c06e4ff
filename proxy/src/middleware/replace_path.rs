//! `replacePath` and `replacePathRegex`: another path, the old one in `X-Replaced-Path`.

use http::header::{CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use regex::bytes::Regex;

use crate::http::body::Body;
use crate::http::error_response::Reason;
use crate::http::exchange::Exchange;
use crate::http::raw_path::{RawPath, rooted, unescape};
use crate::http::target::canonical_path;
use crate::rule::pattern::{self, PatternError};

const X_REPLACED_PATH: HeaderName = HeaderName::from_static("x-replaced-path");

/// `replacePath`.
#[derive(Debug, Clone)]
pub(crate) struct ReplacePath {
    /// The new path, or the malformed encoding that it holds.
    path: Result<RawPath, String>,
}

impl ReplacePath {
    pub(crate) fn new(path: &str) -> Self {
        Self { path: unescape(path).map(|decoded| RawPath { decoded, raw: path.to_owned() }) }
    }

    pub(crate) fn request(&self, exchange: &mut Exchange) -> Option<Response<Body>> {
        let old = exchange.target.inner_path().to_owned();
        note(exchange, old.as_bytes());
        match &self.path {
            Ok(path) => {
                // Nothing in it is a client's.
                exchange.target.set_path(rooted(&path.escaped()));
                None
            }
            Err(wrong) => Some(bad_escape(wrong)),
        }
    }
}

/// `replacePathRegex`.
#[derive(Debug, Clone)]
pub(crate) struct ReplacePathRegex {
    pattern: Regex,
    replacement: String,
}

impl ReplacePathRegex {
    /// Compiles the pattern.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn new(regex: &str, replacement: &str) -> Result<Self, PatternError> {
        Ok(Self { pattern: pattern::compile(regex.trim())?, replacement: replacement.trim().to_owned() })
    }

    pub(crate) fn request(&self, exchange: &mut Exchange) -> Option<Response<Body>> {
        let old = exchange.target.inner_path().to_owned();
        if !self.pattern.is_match(old.as_bytes()) {
            return None;
        }
        note(exchange, old.as_bytes());
        let raw = self.pattern.replace_all(old.as_bytes(), self.replacement.as_bytes()).into_owned();
        let raw = String::from_utf8_lossy(&raw).into_owned();
        match unescape(&raw) {
            Ok(decoded) => {
                let path = RawPath { decoded, raw };
                // Where what is made can only be sent decoded, an encoded `/` becomes a real one: an empty segment tells.
                if rooted(&path.escaped()).contains("//") {
                    return Some(refusal(exchange));
                }
                go_on(exchange, &path)
            }
            Err(wrong) => Some(bad_escape(&wrong)),
        }
    }
}

fn note(exchange: &mut Exchange, old: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(old) {
        exchange.parts.headers.append(X_REPLACED_PATH, value);
    }
}

/// Goes on with `path`, if nothing in it leads out of it: a prefix that is gone must not turn `/api/../x` into a way out.
pub(super) fn go_on(exchange: &mut Exchange, path: &RawPath) -> Option<Response<Body>> {
    let escaped = match path.escaped() {
        empty if empty.is_empty() => empty,
        escaped => rooted(&escaped),
    };
    let outside = escaped.split('/').any(|segment| matches!(segment, "." | ".."));
    if outside || canonical_path(&escaped, false).is_err() {
        return Some(refusal(exchange));
    }
    exchange.target.set_path(escaped);
    None
}

fn refusal(exchange: &Exchange) -> Response<Body> {
    let mut response = exchange.client.worker.refusal(Reason::DeniedPath).map(|_| Body::from_static("Bad Request\n"));
    described(response.headers_mut());
    response
}

fn described(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn bad_escape(wrong: &str) -> Response<Body> {
    let mut response = Response::new(Body::from_bytes(format!("invalid URL escape \"{wrong}\"\n").into()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    described(response.headers_mut());
    response
}
