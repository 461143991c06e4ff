//! What is measured of one request, and where it is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request};

use crate::http::exchange::Client;
use crate::http::headers::tokens;
use crate::observe::is_internal;

use super::Registry;
use super::series::{Grown, Kind, Scope};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// gRPC's "unknown", for answers that do not say how they ended.
const UNKNOWN: u16 = 2;
/// Header values are the clients' to choose: beyond this many combinations they are counted under one name.
const MOST_LABELLED: usize = 1000;

/// A request under way.
#[derive(Debug)]
pub(crate) struct Measure {
    registry: Arc<Registry>,
    client: Arc<Client>,
    began: Instant,
    method: &'static str,
    protocol: &'static str,
    labels: Vec<String>,
    received: Option<Arc<AtomicU64>>,
    sent: u64,
    status: StatusCode,
    grpc_status: Option<u16>,
    router: Option<(Arc<str>, Arc<str>)>,
    service: Option<Asked>,
    retries: u64,
}

/// What a service was asked for: measured between gateway and server, whatever middlewares make of the answer.
#[derive(Debug)]
struct Asked {
    service: Arc<str>,
    began: Instant,
    /// What it answered, and how many bytes have come so far.
    answer: Option<(StatusCode, Arc<AtomicU64>)>,
}

impl Measure {
    /// A request that begins now; `received` counts the bytes of its body.
    pub(crate) fn begin(
        registry: Arc<Registry>,
        client: &Arc<Client>,
        parts: &request::Parts,
        websocket: bool,
        received: Option<Arc<AtomicU64>>,
    ) -> Self {
        let labels = registry.options.header_labels.iter().map(|(_, name)| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        });
        Self {
            labels: labels.collect(),
            client: Arc::clone(client),
            began: Instant::now(),
            method: method(&parts.method),
            protocol: protocol(&parts.headers, websocket),
            received,
            sent: 0,
            status: StatusCode::OK,
            grpc_status: None,
            router: None,
            service: None,
            retries: 0,
            registry,
        }
    }

    /// The router that takes it, and that router's service. Returns whether it is counted at all: what the gateway does for itself
    /// is not, unless the options say so.
    pub(crate) fn routed(&mut self, router: &Arc<str>, service: &Arc<str>, wanted: bool) -> bool {
        self.router = Some((Arc::clone(router), Arc::clone(service)));
        wanted && (self.registry.options.internals || !is_internal(router, service))
    }

    /// A server of `service` is asked.
    pub(crate) fn asks(&mut self, service: &Arc<str>) {
        let asked = Asked { service: Arc::clone(service), began: Instant::now(), answer: None };
        // One whose answer is replaced by another's, as by the middleware `errors`.
        if let Some(replaced) = self.service.replace(asked).filter(|replaced| replaced.answer.is_some()) {
            self.count_asked(&replaced);
        }
    }

    /// The server has answered; `bytes` counts those of its body.
    pub(crate) fn served(&mut self, status: StatusCode, bytes: &Arc<AtomicU64>) {
        if let Some(asked) = &mut self.service {
            asked.answer = Some((status, Arc::clone(bytes)));
        }
    }

    /// The server did not answer, and another try is made; `status` and the size of its text are what the client would have got.
    pub(crate) fn tries_again(&mut self, status: StatusCode) {
        self.retries += 1;
        if let Some(Asked { service, began, .. }) = self.service.take()
            && self.registry.options.services
        {
            let sent = status.canonical_reason().map_or(0, |text| text.len() as u64);
            let scope = self.registry.scope(&self.registry.services, &service, None);
            self.count(&scope, status.as_u16(), began, 0, sent);
        }
    }

    /// The answer's head.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = status;
        self.grpc_status = grpc_status(headers);
    }

    /// Bytes of the answer's body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// The answer's trailers.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        self.grpc_status = grpc_status(trailers).or(self.grpc_status);
    }

    /// Counts it: its answer is complete or given up.
    pub(crate) fn end(self) {
        let code = self.code(self.status);
        let received = self.received.as_ref().map_or(0, |received| received.load(Relaxed));
        let registry = &self.registry;
        let scopes = |wanted: bool, scopes: &Grown<String, Scope>, name: &str, service: Option<&str>| {
            wanted.then(|| registry.scope(scopes, name, service))
        };
        let entry = scopes(registry.options.entry_points, &registry.entry_points, &self.client.entry.name, None);
        if let Some(scope) = entry {
            self.count(&scope, code, self.began, received, self.sent);
        }
        if let Some((router, service)) = &self.router
            && let Some(scope) = scopes(registry.options.routers, &registry.routers, router, Some(service))
        {
            self.count(&scope, code, self.began, received, self.sent);
        }
        if let Some(asked) = &self.service {
            self.count_asked(asked);
            if self.retries > 0
                && let Some(scope) = scopes(registry.options.services, &registry.services, &asked.service, None)
            {
                scope.retries.fetch_add(self.retries, Relaxed);
            }
        }
    }

    fn count_asked(&self, asked: &Asked) {
        if !self.registry.options.services {
            return;
        }
        let (status, sent) = match &asked.answer {
            Some((status, bytes)) => (*status, bytes.load(Relaxed)),
            None => (self.status, self.sent),
        };
        let received = self.received.as_ref().map_or(0, |received| received.load(Relaxed));
        let scope = self.registry.scope(&self.registry.services, &asked.service, None);
        self.count(&scope, self.code(status), asked.began, received, sent);
    }

    /// gRPC says in a field of its own how a call ended.
    fn code(&self, status: StatusCode) -> u16 {
        let grpc = matches!(self.protocol, "grpc" | "grpc-web");
        if grpc { self.grpc_status.unwrap_or(UNKNOWN) } else { status.as_u16() }
    }

    fn count(&self, scope: &Scope, code: u16, began: Instant, received: u64, sent: u64) {
        let kind = Kind { code, method: self.method, protocol: self.protocol };
        let options = &self.registry.options;
        scope.kind(kind).add(self.client.worker.number, began.elapsed(), received, sent, &options.buckets);
        if !self.labels.is_empty() {
            let labels = if scope.labelled.len() < MOST_LABELLED {
                self.labels.clone()
            } else {
                vec!["(other)".to_owned(); self.labels.len()]
            };
            let key = (kind, labels);
            scope.labelled.get_or_insert(&key, || key.clone(), AtomicU64::default).fetch_add(1, Relaxed);
        }
        if let Some(session) = &self.client.tls {
            let (_, requests) = &*scope.tls.get_or_insert(
                session.cipher.as_str(),
                || session.cipher.clone(),
                || (session.version, AtomicU64::new(0)),
            );
            requests.fetch_add(1, Relaxed);
        }
    }
}

/// Methods that are no standard ones are the clients' to choose: they count under one name.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("EXTENSION_METHOD")
}

fn protocol(headers: &HeaderMap, websocket: bool) -> &'static str {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if websocket {
        "websocket"
    } else if headers.get_all(ACCEPT).iter().any(|line| tokens(line).any(|token| token == "text/event-stream")) {
        "sse"
    } else if kind.starts_with(b"application/grpc-web") {
        "grpc-web"
    } else if kind.starts_with(b"application/grpc") {
        "grpc"
    } else {
        "http"
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok().filter(|code| *code <= 16)
}
