//! `headers`: sets headers of requests and answers, answers CORS questions, adds the headers that browsers heed.

mod cors;
mod security;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Response};

use crate::config::dynamic::{self, Named};
use crate::http::body::Body;
use crate::http::exchange::Exchange;

use cors::Cors;
use security::Security;

/// Headers to set, ready to be set.
#[derive(Debug)]
pub(crate) struct Headers {
    request: Vec<(HeaderName, Option<HeaderValue>)>,
    host: Option<HeaderValue>,
    response: Vec<(HeaderName, Option<HeaderValue>)>,
    cors: Option<Cors>,
    security: Security,
}

/// What the answer's side needs of the request.
#[derive(Debug)]
pub(crate) struct Asked {
    origin: Option<HeaderValue>,
    secure: bool,
}

impl Headers {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &dynamic::Headers) -> Result<Self, String> {
        if *config == dynamic::Headers::default() {
            return Err("headers configuration not valid".to_owned());
        }
        let host = config.custom_request_headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        Ok(Self {
            request: settings(&config.custom_request_headers),
            host: host.and_then(|(_, value)| HeaderValue::from_str(value).ok()),
            response: settings(&config.custom_response_headers),
            cors: Cors::new(config)?,
            security: Security::new(config),
        })
    }

    /// The request's side: an answer, or what the answer's side needs.
    pub(crate) fn request(&self, exchange: &mut Exchange) -> Result<Asked, Box<Response<Body>>> {
        if let Some(answer) = self.cors.as_ref().and_then(|cors| cors.preflight(exchange)) {
            return Err(Box::new(answer));
        }
        set(&mut exchange.parts.headers, &self.request);
        if let Some(host) = &self.host {
            exchange.upstream_host = Some(host.clone());
        }
        self.security.check_host(exchange)?;
        let origin = self.cors.as_ref().and_then(|_| exchange.parts.headers.get(http::header::ORIGIN).cloned());
        Ok(Asked { origin, secure: self.security.is_secure(exchange) })
    }

    /// The answer's side.
    pub(crate) fn response(&self, headers: &mut HeaderMap, asked: &Asked) {
        self.security.add(headers, asked.secure);
        set(headers, &self.response);
        if let Some(cors) = &self.cors {
            cors.add(headers, asked.origin.as_ref());
        }
    }
}

/// Headers by their names; those that belong to the connection or the framing are not for configurations to set.
fn settings(named: &Named<String>) -> Vec<(HeaderName, Option<HeaderValue>)> {
    const OURS: [HeaderName; 7] = [CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    named
        .iter()
        .filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !OURS.contains(name))?;
            let value = if value.is_empty() { None } else { Some(HeaderValue::from_bytes(value.as_bytes()).ok()?) };
            Some((name, value))
        })
        .collect()
}

fn set(headers: &mut HeaderMap, settings: &[(HeaderName, Option<HeaderValue>)]) {
    for (name, value) in settings {
        match value {
            Some(value) => drop(headers.insert(name, value.clone())),
            None => drop(headers.remove(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_empty_is_removed() {
        let named = [("X-A", "1"), ("X-B", ""), ("Content-Length", "9"), ("no name", "x")];
        let named = named.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut headers = HeaderMap::new();
        headers.insert("x-b", HeaderValue::from_static("2"));
        set(&mut headers, &settings(&named));
        assert_eq!(headers.len(), 1);
        assert_eq!(headers.get("x-a").unwrap(), "1");
    }

    #[test]
    fn nothing_configured_is_a_mistake() {
        assert!(Headers::new(&dynamic::Headers::default()).is_err());
    }
}
