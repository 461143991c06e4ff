//! `forwardAuth`: another server decides whether a request may pass.

mod describe;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, LOCATION, SET_COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use regex::bytes::Regex;

use crate::config::dynamic::ForwardAuth as Config;
use crate::http::body::Body;
use crate::http::buffer::{self, Unbuffered};
use crate::http::error_response::{status_text, text};
use crate::http::exchange::Exchange;
use crate::http::headers::{HopByHop, strip_kept, strip_response, title_case};
use crate::http::raw_path::unescape;
use crate::rule::pattern;
use crate::snapshot::View;
use crate::upstream::ask::ask;
use crate::upstream::failure::chain;

use super::headers::is_of_connection;

/// How long the decision may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who decides, what they are told, and what of their answer goes on.
#[derive(Debug)]
pub(crate) struct ForwardAuth {
    /// Of its connections; `None` where its address is no URL.
    slot: Option<usize>,
    address: String,
    target: PathAndQuery,
    /// Whether forwarding headers of the request are believed; `None` for the usual mixture.
    trust: Option<bool>,
    /// The only headers that are told, if there is such a list.
    request_headers: Option<Vec<HeaderName>>,
    response_headers: Vec<HeaderName>,
    response_pattern: Option<Regex>,
    cookies: Vec<String>,
    user_field: Option<HeaderName>,
    /// What the address says before an `@`, as a header.
    credentials: Option<HeaderValue>,
    body: Option<usize>,
    most_answer: usize,
    keep_location: bool,
    keep_method: bool,
}

impl ForwardAuth {
    /// From the configuration; connections to the server are those of `slot`. As in Traefik, an address that is no URL lets nobody pass.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config, slot: Option<usize>) -> Result<Self, String> {
        // As in Traefik, what cannot be a name is the name of no header.
        let names = |names: &[String]| -> Vec<HeaderName> {
            names.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect()
        };
        let limit = |size: Option<i64>| size.and_then(|size| usize::try_from(size).ok()).unwrap_or(buffer::MOST);
        let uri: http::Uri = config.address.parse().unwrap_or_default();
        let expression = &config.auth_response_headers_regex;
        let response_pattern = if expression.is_empty() {
            None
        } else {
            Some(
                pattern::compile(expression)
                    .map_err(|error| format!("error compiling regular expression {expression}: {error}"))?,
            )
        };
        Ok(Self {
            slot,
            address: config.address.clone(),
            target: uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            trust: config.trust_forward_header,
            request_headers: (!config.auth_request_headers.is_empty()).then(|| names(&config.auth_request_headers)),
            response_headers: names(&config.auth_response_headers),
            response_pattern,
            cookies: config.add_auth_cookies_to_response.clone(),
            user_field: names(std::slice::from_ref(&config.header_field)).pop(),
            credentials: credentials(&config.address),
            body: config.forward_body.then(|| limit(config.max_body_size)),
            most_answer: limit(config.max_response_body_size),
            keep_location: config.preserve_location_header,
            keep_method: config.preserve_request_method,
        })
    }

    /// Lets the request pass, with the cookies that the answer gets, or answers it.
    pub(crate) async fn request(
        &self,
        exchange: &mut Exchange,
        view: &View,
    ) -> Result<Vec<HeaderValue>, Response<Body>> {
        let body = match self.body {
            Some(most) => self.take_body(exchange, most).await?,
            None => Bytes::new(),
        };
        let mut head = Request::new(()).into_parts().0;
        head.method = if self.keep_method { exchange.parts.method.clone() } else { Method::GET };
        head.headers = self.describe(exchange, body.len());
        if body.is_empty() && matches!(head.method, Method::POST | Method::PUT | Method::PATCH) {
            // Where a body is expected, that there is none is said (RFC 9110 section 8.6).
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let Some(pool) = self.slot.and_then(|slot| view.pools.get(slot)) else {
            return Err(text(StatusCode::INTERNAL_SERVER_ERROR, ""));
        };
        if let Some(trace) = &mut exchange.trace {
            trace.asks("AuthRequest", &pool.server, &head.method, self.target.as_str(), &mut head.headers);
        }
        let asked = async {
            let answer = ask(pool, &head, &self.target, &body).await.map_err(|failure| chain(&failure))?;
            let (parts, mut content) = answer.into_parts();
            match buffer::whole(&mut content, self.most_answer).await {
                Ok(content) => Ok(Ok((parts, content))),
                Err(Unbuffered::TooLarge(most)) => {
                    tracing::warn!(
                        address = self.shown_address(),
                        most,
                        "the answer of the authentication server is too large"
                    );
                    Ok(Err(text(StatusCode::UNAUTHORIZED, "")))
                }
                Err(broken) => Err(broken.to_string()),
            }
        };
        let told = tokio::time::timeout(PATIENCE, asked).await;
        if let Some(trace) = &mut exchange.trace {
            let status = told.as_ref().ok().and_then(|told| told.as_ref().ok()?.as_ref().ok());
            trace.told(status.map(|(parts, _)| parts.status));
        }
        let (mut parts, content) = match told {
            Ok(Ok(answered)) => answered?,
            Ok(Err(error)) => return Err(self.unreachable(&error)),
            Err(_) => return Err(self.unreachable("it took too long")),
        };
        if let (Some(record), Some(field)) = (&mut exchange.record, &self.user_field)
            && let Some(user) = parts.headers.get(field).and_then(|value| value.to_str().ok())
        {
            record.username = Some(user.to_owned());
        }
        if !parts.status.is_success() {
            return Err(self.refusal(parts, content));
        }
        strip_kept(&mut parts.headers);
        self.pass(&parts.headers, &mut exchange.parts.headers);
        let wanted = |cookie: &&HeaderValue| self.cookies.iter().any(|name| is_cookie(cookie, name));
        Ok(parts.headers.get_all(SET_COOKIE).iter().filter(wanted).cloned().collect())
    }

    /// Puts cookies of the decision into the answer, in the place of the service's own of those names.
    pub(crate) fn response(&self, headers: &mut HeaderMap, cookies: &[HeaderValue]) {
        if cookies.is_empty() {
            return;
        }
        let kept: Vec<HeaderValue> = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter(|cookie| !self.cookies.iter().any(|name| is_cookie(cookie, name)))
            .cloned()
            .collect();
        headers.remove(SET_COOKIE);
        for cookie in kept.into_iter().chain(cookies.iter().cloned()) {
            headers.append(SET_COOKIE, cookie);
        }
    }

    async fn take_body(&self, exchange: &mut Exchange, most: usize) -> Result<Bytes, Response<Body>> {
        match buffer::whole(&mut exchange.body, most).await {
            Ok(bytes) => {
                exchange.body = crate::http::body::RequestBody::held(bytes.clone());
                Ok(bytes)
            }
            Err(Unbuffered::TooLarge(_)) => Err(text(StatusCode::UNAUTHORIZED, "")),
            Err(Unbuffered::Broken(_)) => Err(status_text(StatusCode::BAD_REQUEST)),
        }
    }

    fn unreachable(&self, error: &str) -> Response<Body> {
        tracing::warn!(address = self.shown_address(), error, "the authentication server gives no answer");
        text(StatusCode::INTERNAL_SERVER_ERROR, "")
    }

    /// The answer of the server that refuses, for the client.
    fn refusal(&self, mut parts: http::response::Parts, content: Bytes) -> Response<Body> {
        // As in Traefik, which looks for headers of the connection by their names alone.
        strip_response(&mut parts.headers, HopByHop::Known);
        parts.headers.remove(CONTENT_LENGTH);
        if let Some(location) = parts.headers.get(LOCATION).cloned() {
            match self.location(&location) {
                Some(resolved) => drop(parts.headers.insert(LOCATION, resolved)),
                None => return text(StatusCode::INTERNAL_SERVER_ERROR, ""),
            }
        }
        parts.version = http::Version::HTTP_11;
        parts.extensions.clear();
        Response::from_parts(parts, Body::from_bytes(content))
    }

    /// The address without what it says before an `@`.
    fn shown_address(&self) -> String {
        let Some((scheme, rest)) = self.address.split_once("://") else { return self.address.clone() };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        format!("{scheme}://{authority}{path}")
    }

    /// A relative `Location` is relative to the server that decided, unless it is to be kept as it is.
    fn location(&self, location: &HeaderValue) -> Option<HeaderValue> {
        let text = location.to_str().ok()?;
        unescape(text.split(['?', '#']).next().unwrap_or_default()).ok()?;
        if self.keep_location || text.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':')) {
            return Some(location.clone());
        }
        let (scheme, rest) = self.address.split_once("://")?;
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        // What stands before an `@` is for the server that decides, and for nobody else.
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        let folder = self.target.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let resolved = match text {
            _ if text.starts_with("//") => format!("{scheme}:{text}"),
            _ if text.starts_with('/') => format!("{scheme}://{authority}{text}"),
            _ => format!("{scheme}://{authority}{folder}/{text}"),
        };
        HeaderValue::from_str(&resolved).ok()
    }

    /// Headers of the decision that the service gets; the client's own of those names are gone. How the request is framed
    /// is not decided there.
    fn pass(&self, from: &HeaderMap, to: &mut HeaderMap) {
        let copy = |to: &mut HeaderMap, name: &HeaderName| {
            to.remove(name);
            for value in from.get_all(name) {
                to.append(name, value.clone());
            }
        };
        for name in self.response_headers.iter().filter(|name| !is_of_connection(name)) {
            copy(to, name);
        }
        if let Some(pattern) = &self.response_pattern {
            let fits = |name: &&HeaderName| {
                !is_of_connection(name) && pattern.is_match(&title_case(name.as_str()).collect::<Vec<u8>>())
            };
            let gone: Vec<HeaderName> = to.keys().filter(fits).cloned().collect();
            for name in gone {
                to.remove(name);
            }
            for name in from.keys().filter(fits) {
                copy(to, name);
            }
        }
    }
}

/// `Basic`, of what a URL says before an `@`.
fn credentials(address: &str) -> Option<HeaderValue> {
    let (_, rest) = address.split_once("://")?;
    let (user_info, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let plain = |text: &str| unescape(text).ok();
    let mut both = plain(user)?;
    both.push(b':');
    both.extend_from_slice(&plain(password)?);
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(both))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn is_cookie(cookie: &HeaderValue, name: &str) -> bool {
    cookie.to_str().ok().and_then(|text| text.split_once('=')).is_some_and(|(found, _)| found.trim() == name)
}

/// Shared by all workers.
pub(crate) type Shared = Arc<ForwardAuth>;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_address_may_hold_credentials() {
        let told = |address: &str| {
            let auth = ForwardAuth::new(&Config { address: address.to_owned(), ..Config::default() }, None).unwrap();
            auth.credentials.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(told("http://u:p%40@a.test/x@y"), Some("Basic dTpwQA==".to_owned()));
        assert_eq!(told("http://u@a.test"), Some("Basic dTo=".to_owned()));
        assert_eq!(told("http://a.test/x@y"), None);
    }

    #[test]
    fn credentials_of_an_address_are_shown_to_nobody() {
        let config = Config { address: "http://u:p@a.test:81/auth?x=@".to_owned(), ..Config::default() };
        let auth = ForwardAuth::new(&config, None).unwrap();
        let location = auth.location(&HeaderValue::from_static("/login"));
        assert_eq!(location, Some(HeaderValue::from_static("http://a.test:81/login")));
        assert_eq!(auth.shown_address(), "http://a.test:81/auth?x=@");
    }

    #[test]
    fn a_list_of_what_cannot_be_a_name_tells_nothing() {
        let config = Config { auth_request_headers: vec![String::new()], ..Config::default() };
        assert_eq!(ForwardAuth::new(&config, None).unwrap().request_headers, Some(Vec::new()));
    }

    #[test]
    fn the_decision_does_not_frame_the_request() {
        let framing = ["content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"];
        let mut from = HeaderMap::new();
        let mut to = HeaderMap::new();
        for name in framing.iter().chain(&["proxy-connection", "host"]) {
            from.insert(*name, HeaderValue::from_static("theirs"));
        }
        from.insert("x-user", HeaderValue::from_static("anna"));
        to.insert("content-length", HeaderValue::from_static("5"));
        to.insert("x-user", HeaderValue::from_static("evil"));
        let all = framing.iter().chain(&["proxy-connection", "host", "x-user"]).map(|name| (*name).to_owned());
        for config in [
            Config { auth_response_headers: all.collect(), ..Config::default() },
            Config { auth_response_headers_regex: ".*".to_owned(), ..Config::default() },
        ] {
            let mut to = to.clone();
            ForwardAuth::new(&config, None).unwrap().pass(&from, &mut to);
            assert_eq!(to.len(), 2, "{to:?}");
            assert_eq!(to.get("content-length").unwrap(), "5");
            assert_eq!(to.get("x-user").unwrap(), "anna");
        }
    }
}
