//! `headers`: sets headers of requests and answers, answers CORS questions, adds the headers that browsers heed.

mod cors;
mod security;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::config::dynamic::{self, Named};
use crate::http::body::Body;
use crate::http::error_response::status_text;
use crate::http::exchange::Exchange;

use cors::Cors;
use security::Security;

/// Those that belong to the connection or the framing are not for configurations to set.
const OURS: [HeaderName; 7] = [CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
/// More of the kind, which servers are not sent.
const HOPS: [HeaderName; 4] = [
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
];

/// Whether a header belongs to a connection or to the framing of one message: no middleware takes it over from elsewhere.
pub(super) fn is_of_connection(name: &HeaderName) -> bool {
    OURS.contains(name) || HOPS.contains(name)
}

/// Headers to set, ready to be set.
#[derive(Debug)]
pub(crate) struct Headers {
    /// `None` where one of them is no header: then nothing is sent on.
    request: Option<Vec<Setting>>,
    host: Option<HeaderValue>,
    /// Whether the client's address is taken away.
    hides_client: bool,
    response: Vec<Setting>,
    cors: Option<Cors>,
    security: Security,
}

/// A header and its value; `None` removes it.
type Setting = (HeaderName, Option<HeaderValue>);

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
            request: for_servers(&config.custom_request_headers),
            host: host.and_then(|(_, value)| HeaderValue::from_str(value).ok()),
            // As in Traefik, in this spelling alone.
            hides_client: config.custom_request_headers.get("X-Forwarded-For").is_some_and(String::is_empty),
            response: for_clients(&config.custom_response_headers),
            cors: Cors::new(config)?,
            security: Security::new(config),
        })
    }

    /// The request's side: an answer, or what the answer's side needs.
    pub(crate) fn request(&self, exchange: &mut Exchange) -> Result<Asked, Box<Response<Body>>> {
        if let Some(answer) = self.cors.as_ref().and_then(|cors| cors.preflight(exchange)) {
            return Err(Box::new(answer));
        }
        // As in Traefik, which cannot send such a request.
        let Some(request) = &self.request else { return Err(Box::new(status_text(StatusCode::INTERNAL_SERVER_ERROR))) };
        set(&mut exchange.parts.headers, request);
        // Who takes the client's address away does not want it added again.
        exchange.forwarded_for |= self.hides_client;
        if let Some(host) = &self.host {
            exchange.upstream_host = Some(host.clone());
        }
        let origin = self.cors.as_ref().and_then(|_| exchange.parts.headers.get(http::header::ORIGIN).cloned());
        self.security.check_host(exchange).map_err(|mut refusal| {
            self.describe(refusal.headers_mut(), origin.as_ref());
            refusal
        })?;
        Ok(Asked { origin, secure: self.security.is_secure(exchange) })
    }

    /// The answer's side.
    pub(crate) fn response(&self, headers: &mut HeaderMap, asked: &Asked) {
        self.security.add(headers, asked.secure);
        self.describe(headers, asked.origin.as_ref());
    }

    /// What refusals of hosts have, too.
    fn describe(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        set(headers, &self.response);
        if let Some(cors) = &self.cors {
            cors.add(headers, origin);
        }
    }
}

/// What servers are to be sent; `None` where something of it is no header.
fn for_servers(named: &Named<String>) -> Option<Vec<Setting>> {
    let mut settings = Vec::new();
    for (name, value) in named {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = if value.is_empty() { None } else { Some(HeaderValue::from_bytes(value.trim().as_bytes()).ok()?) };
        let asks_for_trailers = name == TE && value.as_ref().is_some_and(|value| value == "trailers");
        if asks_for_trailers || !is_of_connection(&name) {
            settings.push((name, value));
        }
    }
    Some(settings)
}

/// What clients are to be sent, without what is no header.
fn for_clients(named: &Named<String>) -> Vec<Setting> {
    named
        .iter()
        .filter_map(|(name, value)| {
            let name =
                HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| *name == HOST || !OURS.contains(name))?;
            let value = value.replace(['\r', '\n'], " ");
            let value = if value.is_empty() { None } else { Some(HeaderValue::from_str(value.trim()).ok()?) };
            Some((name, value))
        })
        .collect()
}

fn set(headers: &mut HeaderMap, settings: &[Setting]) {
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

    fn named<const N: usize>(pairs: [(&str, &str); N]) -> Named<String> {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn what_is_empty_is_removed_and_framing_stays() {
        let mut headers = HeaderMap::new();
        headers.insert("x-b", HeaderValue::from_static("2"));
        let answers = [("X-A", "1"), ("X-B", ""), ("Content-Length", "9"), ("no name", "x"), ("X-C", " a\nb ")];
        set(&mut headers, &for_clients(&named(answers)));
        assert_eq!(headers.len(), 2);
        assert_eq!(headers.get("x-a").unwrap(), "1");
        assert_eq!(headers.get("x-c").unwrap(), "a b");
        assert!(for_clients(&named([("Host", "a"), ("Te", "b")])).iter().all(|(name, _)| *name == HOST));
        assert_eq!(for_servers(&named([("X-A", " v ")])).unwrap().pop().unwrap().1.unwrap(), "v");
        let requests = [("X-A", "1"), ("Te", "trailers"), ("Keep-Alive", "1"), ("Proxy-Authorization", "x")];
        let names: Vec<_> = for_servers(&named(requests)).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["te", "x-a"]);
        for wrong in [("no name", "x"), ("X-A", "a\nb")] {
            assert!(for_servers(&named([wrong])).is_none());
        }
    }

    #[test]
    fn nothing_configured_is_a_mistake() {
        assert!(Headers::new(&dynamic::Headers::default()).is_err());
    }
}
