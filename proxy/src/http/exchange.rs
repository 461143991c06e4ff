//! A request on its way through the gateway.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, StatusCode, request};
use rustls_pki_types::CertificateDer;

use crate::entry_point::EntryPoint;
use crate::observe::access_log::Record;
use crate::observe::metrics::measure::Measure;
use crate::observe::trace::Trace;
use crate::response_guard::BoxedGuard;
use crate::rule::Candidate;
use crate::worker::Worker;

use super::body::RequestBody;
use super::headers::X_FORWARDED_PROTO;
use super::host::Host;
use super::meter::Meter;
use super::outbox::Outbox;
use super::tunnel::ClientTunnel;

/// A client's connection: everything about it that its requests have in common, prepared once.
#[derive(Debug)]
pub(crate) struct Client {
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// The peer's address as a header value.
    pub(crate) ip_value: HeaderValue,
    /// Whether the peer's forwarding headers are believed.
    pub(crate) trusted: bool,
    /// The TLS session, on encrypted connections.
    pub(crate) tls: Option<Arc<TlsSession>>,
    /// Where it came in.
    pub(crate) entry: Arc<EntryPoint>,
    /// Who serves it.
    pub(crate) worker: Arc<Worker>,
    /// Its progress.
    pub(crate) meter: Arc<Meter>,
}

/// What a TLS handshake agreed on.
#[derive(Debug)]
pub(crate) struct TlsSession {
    /// The options under which the handshake was made; see [`crate::tls::resolver::Terms`].
    pub(crate) terms: Arc<str>,
    /// Protocol version, as logs name it.
    pub(crate) version: &'static str,
    /// Cipher suite by its IANA name.
    pub(crate) cipher: String,
    /// The client's certificates, its own first.
    pub(crate) certificates: Arc<[CertificateDer<'static>]>,
}

impl Client {
    /// The peer's address; IPv4 in IPv6 counts as IPv4.
    pub(crate) fn ip(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }
}

/// A request, from its canonical form to the server.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Who asks.
    pub(crate) client: Arc<Client>,
    /// Method, version, headers.
    pub(crate) parts: request::Parts,
    /// What the client sends after the head.
    pub(crate) body: RequestBody,
    /// Whom it is for.
    pub(crate) host: Host,
    /// `Host` for the server, where a middleware sets another.
    pub(crate) upstream_host: Option<HeaderValue>,
    /// The path and query that are forwarded.
    pub(crate) target: Target,
    /// The path that rules match, where it is not the one that is forwarded.
    pub(crate) routing: Option<Vec<u8>>,
    /// The protocol to switch to, and the client's side of the connection once it has switched.
    pub(crate) upgrade: Option<Upgrade>,
    /// What the client is told before the answer goes here, if it can be told.
    pub(crate) outbox: Option<Arc<Outbox>>,
    /// Whether `X-Forwarded-For` is complete.
    pub(crate) forwarded_for: bool,
    /// What the access log will say; `None` when there is none.
    pub(crate) record: Option<Box<Record>>,
    /// What is counted of it; `None` when nothing is.
    pub(crate) measure: Option<Box<Measure>>,
    /// Its trace; `None` where it has none.
    pub(crate) trace: Option<Box<Trace>>,
    /// Whether its service has answered.
    pub(crate) served: bool,
}

/// A wish to leave HTTP.
#[derive(Debug)]
pub(crate) struct Upgrade {
    /// Value of the `Upgrade` header.
    pub(crate) protocol: HeaderValue,
    /// The client's connection, to be had after the answer 101 is sent.
    pub(crate) connection: ClientTunnel,
}

/// What a request was before it was sent, so that it can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    headers: HeaderMap,
    target: Target,
    upstream_host: Option<HeaderValue>,
    forwarded_for: bool,
}

/// A canonical path and query.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// As the client sent it, which was canonical.
    Sent(PathAndQuery),
    /// Changed.
    Made {
        /// Percent-encoded path; empty where nothing is left of it.
        path: String,
        /// Percent-encoded query, without `?`.
        query: Option<String>,
        /// The query as the client sent it, where that had a `;` which counts as `&`.
        sent_query: Option<String>,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())?;
        match self.query() {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

impl Target {
    /// The percent-encoded path, as it is sent on.
    pub(crate) fn path(&self) -> &str {
        match self.inner_path() {
            "" => "/",
            path => path,
        }
    }

    /// The percent-encoded path as middlewares go on with it: what a prefix was taken off may be empty.
    pub(crate) fn inner_path(&self) -> &str {
        match self {
            Self::Sent(target) => target.path(),
            Self::Made { path, .. } => path,
        }
    }

    /// The percent-encoded query.
    pub(crate) fn query(&self) -> Option<&str> {
        match self {
            Self::Sent(target) => target.query(),
            Self::Made { query, .. } => query.as_deref(),
        }
    }

    /// Path and query as the client knows them: as long as the path is the client's, a `;` in the query stays one.
    pub(crate) fn as_sent(&self) -> String {
        match self {
            Self::Made { sent_query: Some(query), .. } => format!("{}?{query}", self.path()),
            other => other.to_string(),
        }
    }

    /// Replaces the path.
    pub(crate) fn set_path(&mut self, path: String) {
        let query = self.query().map(str::to_owned);
        *self = Self::Made { path, query, sent_query: None };
    }

    /// Path and query as they are sent to a server whose URL has the path `base`.
    pub(crate) fn for_server(&self, base: &str) -> Option<PathAndQuery> {
        match self {
            Self::Sent(target) if base.is_empty() => Some(target.clone()),
            _ => {
                let query = self.query();
                let mark = if query.is_some() { "?" } else { "" };
                PathAndQuery::try_from(format!("{base}{}{mark}{}", self.path(), query.unwrap_or_default())).ok()
            }
        }
    }
}

impl Exchange {
    /// What it takes to send the request again.
    pub(crate) fn head(&self) -> Head {
        Head {
            headers: self.parts.headers.clone(),
            target: self.target.clone(),
            upstream_host: self.upstream_host.clone(),
            forwarded_for: self.forwarded_for,
        }
    }

    /// Makes the request what it was, with this body.
    pub(crate) fn again(&mut self, head: Head, body: Bytes) {
        self.parts.headers = head.headers;
        self.target = head.target;
        self.upstream_host = head.upstream_host;
        self.body = RequestBody::held(body);
        self.forwarded_for = head.forwarded_for;
    }

    /// The same request once more, without body, for nobody to see the answer.
    pub(crate) fn copy(&self) -> Self {
        let mut parts = http::Request::new(()).into_parts().0;
        parts.method = self.parts.method.clone();
        parts.headers = self.parts.headers.clone();
        Self {
            client: Arc::clone(&self.client),
            parts,
            body: RequestBody::empty(),
            host: self.host.clone(),
            upstream_host: self.upstream_host.clone(),
            target: self.target.clone(),
            routing: self.routing.clone(),
            upgrade: None,
            outbox: None,
            forwarded_for: self.forwarded_for,
            record: None,
            measure: None,
            trace: None,
            served: false,
        }
    }

    /// `http` or `https`, as the client's connection is.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.client.tls.is_some() { "https" } else { "http" }
    }

    /// The same, as a trusted proxy before us says, which may have ended TLS.
    pub(crate) fn told_scheme(&self) -> &'static str {
        let told = if self.client.trusted { self.parts.headers.get(X_FORWARDED_PROTO) } else { None };
        let is = |scheme: &str| told.is_some_and(|told| told.as_bytes().eq_ignore_ascii_case(scheme.as_bytes()));
        if is("https") || is("wss") {
            "https"
        } else if is("http") || is("ws") {
            "http"
        } else {
            self.scheme()
        }
    }

    /// What rules are asked about.
    pub(crate) fn candidate(&self) -> Candidate<'_> {
        Candidate {
            host: &self.host.name,
            path: self.routing_path(),
            method: self.parts.method.as_str(),
            headers: &self.parts.headers,
            upgrade: self.upgrade.as_ref().map(|upgrade| &upgrade.protocol),
            query: self.target.query().unwrap_or_default().as_bytes(),
            client: self.client.ip(),
        }
    }

    /// The path that rules match.
    pub(crate) fn routing_path(&self) -> &[u8] {
        self.routing.as_deref().unwrap_or_else(|| self.target.path().as_bytes())
    }

    /// Path and query in one text.
    pub(crate) fn path_and_query(&self) -> String {
        self.target.to_string()
    }
}

/// What is due when an answer is complete or given up: progress is noted, what a middleware holds is let go, and the
/// access log gets its line.
#[derive(Debug)]
pub(crate) struct Finish {
    meter: Arc<Meter>,
    worker: Arc<Worker>,
    record: Option<Box<Record>>,
    measure: Option<Box<Measure>>,
    trace: Option<Box<Trace>>,
    held: Vec<BoxedGuard>,
}

impl Finish {
    /// For a request on `client`'s connection.
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            meter: Arc::clone(&client.meter),
            worker: Arc::clone(&client.worker),
            record: None,
            measure: None,
            trace: None,
            held: Vec::new(),
        }
    }

    /// Sets what the access log will say.
    pub(crate) fn log(&mut self, record: Option<Box<Record>>) {
        self.record = record;
    }

    /// Sets what is counted.
    pub(crate) fn count(&mut self, measure: Option<Box<Measure>>) {
        self.measure = measure;
    }

    /// Sets what is traced.
    pub(crate) fn trace(&mut self, trace: Option<Box<Trace>>) {
        self.trace = trace;
    }

    /// Keeps something until the end.
    pub(crate) fn hold(&mut self, held: BoxedGuard) {
        self.held.push(held);
    }

    /// Counts bytes of the answer's body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.downstream_size += bytes as u64;
        }
        if let Some(measure) = &mut self.measure {
            measure.sent(bytes);
        }
    }

    /// Sees the answer's trailers.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(measure) = &mut self.measure {
            measure.trailers(trailers);
        }
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        self.meter.end();
        if let Some(measure) = self.measure.take() {
            measure.end();
        }
        if let Some(trace) = self.trace.take() {
            trace.end();
        }
        if let (Some(mut record), Some(log)) = (self.record.take(), &*self.worker.shared.access_log.load()) {
            record.duration = record.started.elapsed();
            if record.origin_status == Some(StatusCode::SWITCHING_PROTOCOLS) {
                // All the while bytes came from the server, or could.
                record.origin_duration = record.duration;
            }
            log.write(record);
        }
    }
}
