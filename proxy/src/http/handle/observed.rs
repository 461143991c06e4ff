//! What is told of a request: in the access log, in the metrics, in a trace.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::HOST;
use http::{HeaderValue, StatusCode};

use crate::http::exchange::{Client, Exchange};
use crate::http::headers;
use crate::observe::access_log::Record;
use crate::observe::metrics::measure::Measure;
use crate::snapshot::Route;

/// What is counted of a request, if anything is.
pub(super) fn measure(client: &Arc<Client>, exchange: &mut Exchange) -> Option<Box<Measure>> {
    let registry = client.worker.shared.metrics.registry()?;
    let websocket = headers::is_websocket(exchange.upgrade.as_ref().map(|upgrade| &upgrade.protocol));
    let received = exchange.body.counted();
    Some(Box::new(Measure::begin(registry, client, &exchange.parts, websocket, received)))
}

/// What the access log will say, where there is one.
pub(super) fn record(client: &Client, parts: &http::request::Parts) -> Option<Box<Record>> {
    let log = client.worker.shared.access_log.load();
    let log = log.as_ref()?;
    Some(Box::new(Record {
        started: Instant::now(),
        started_at: SystemTime::now(),
        duration: Duration::ZERO,
        entry_point: Arc::from(client.entry.name.as_str()),
        client: client.peer,
        forwarded_for: client.trusted.then(|| headers::forwarded_for(&parts.headers)).flatten(),
        username: None,
        method: parts.method.clone(),
        version: parts.version,
        scheme: if client.tls.is_some() { "https" } else { "http" },
        host: parts.headers.get(HOST).cloned().unwrap_or_else(|| {
            parts
                .uri
                .authority()
                .and_then(|a| HeaderValue::from_str(a.as_str()).ok())
                .unwrap_or_else(|| HeaderValue::from_static(""))
        }),
        path: parts.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned()),
        headers: log.headers(),
        tls: client.tls.clone(),
        request_size: None,
        router: None,
        service: None,
        server_url: None,
        origin_status: None,
        origin_duration: Duration::ZERO,
        origin_size: None,
        status: StatusCode::OK,
        downstream_size: 0,
        retries: 0,
        internals: log.has_internals(),
        count: 0,
    }))
}

/// Notes who takes a request, of which is told what its router says.
pub(super) fn routed(exchange: &mut Exchange, route: &Route) {
    match &mut exchange.record {
        Some(record) if route.logged && record.is_wanted(&route.name, &route.service_name) => {
            record.router = Some(Arc::clone(&route.name));
        }
        record => *record = None,
    }
    if let Some(measure) = &mut exchange.measure
        && !measure.routed(&route.name, &route.service_name, route.measured)
    {
        exchange.measure = None;
    }
    if exchange.trace.as_ref().is_some_and(|trace| !route.traced || !trace.is_wanted(&route.name, &route.service_name))
    {
        exchange.trace = None;
    }
}

/// Of a request that no router takes is told what the entry point says.
pub(super) fn unrouted(exchange: &mut Exchange) {
    let observed = exchange.client.entry.observed;
    if !observed.logs {
        exchange.record = None;
    }
    if !observed.metrics {
        exchange.measure = None;
    }
    if !observed.traces {
        exchange.trace = None;
    }
}
