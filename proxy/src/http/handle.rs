//! One request: made canonical, admitted, routed, passed through its middlewares, answered.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::{ALT_SVC, CONNECTION, CONTENT_LENGTH, EXPECT, ORIGIN};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};

use crate::acme::challenges::Answer;
use crate::entry_point::EntryPoint;
use crate::inspect::near;
use crate::middleware::{After, Next};
use crate::observe::access_log::Record;
use crate::observe::metrics::measure::Measure;
use crate::observe::trace::Trace;
use crate::snapshot::{Route, View};

use super::body::{Body, RequestBody};
use super::error_response::{self, MIDDLEWARE, REASON_HEADER, Reason};
use super::exchange::{Client, Exchange, Finish, Target, Upgrade};
use super::expectation::Expectation;
use super::headers;
use super::host::{self, BadHost};
use super::http1::Fragment;
use super::outbox::Outbox;
use super::target::{canonical_path, canonical_query};
use super::tunnel::ClientTunnel;

/// Longest request method; the longest in use has half of it.
const LONGEST_METHOD: usize = 40;

/// A request that was looked at as far as needs no waiting. The request itself lies in a place of its own: this moves from one
/// place to another before it is waited for, and must be small.
pub(crate) struct Handling {
    client: Arc<Client>,
    admitted: Result<Box<Exchange>, Box<Response<Body>>>,
    finish: Finish,
    record: Option<Box<Record>>,
    expected: Option<Arc<Expectation>>,
    /// Over HTTP/1, the requests on this connection up to this one.
    count: Option<u32>,
    advertises: bool,
}

impl Handling {
    /// A request of `client`. `connection` is for protocols to switch to; what is to be said before the answer is put into `outbox`.
    pub(crate) fn new(
        client: &Arc<Client>,
        parts: http::request::Parts,
        mut body: RequestBody,
        connection: Option<ClientTunnel>,
        outbox: Option<Arc<Outbox>>,
    ) -> Self {
        let count = client.meter.begin();
        let finish = Finish::new(client);
        let http1 = parts.version <= Version::HTTP_11;
        let advertises = client.tls.is_some() && parts.version != Version::HTTP_3;
        let expected = (http1 && parts.headers.contains_key(EXPECT)).then(|| Arc::new(Expectation::default()));
        if let Some(expected) = &expected {
            body.expect(Arc::clone(expected));
        }
        let asks_about_all = is_about_all(&parts);
        let mut record = record(client, &parts);
        let mut admitted = admit(client, parts, body, connection);
        if admitted.is_err() && (!client.entry.observed.logs || asks_about_all) {
            record = None;
        }
        if let Ok(exchange) = &mut admitted {
            exchange.outbox = outbox;
            exchange.record = record.take();
            if let Some(record) = &mut exchange.record {
                record.request_size = exchange.body.counted();
                if let Target::Made { .. } = exchange.target {
                    record.path = exchange.target.to_string();
                }
            }
            exchange.measure = measure(client, exchange);
            exchange.trace = client.worker.shared.tracer.load_full().map(|tracer| Trace::begin(tracer, exchange));
        }
        let (client, count) = (Arc::clone(client), http1.then_some(count));
        Self { client, admitted, finish, record, expected, count, advertises }
    }

    /// The answer.
    pub(crate) async fn answer(mut self) -> Response<Body> {
        let mut response = match self.admitted {
            Ok(mut exchange) => {
                let mut leaving = Leaving { exchange: &mut exchange, finish: &mut self.finish, answered: false };
                let response = respond(leaving.exchange, leaving.finish).await;
                leaving.answered = true;
                drop(leaving);
                self.record = exchange.record;
                if let Some(headers) = self.record.as_mut().and_then(|record| record.headers.as_mut()) {
                    headers.request.get_or_insert(exchange.parts.headers);
                }
                if let Some(mut measure) = exchange.measure {
                    measure.answered(response.status(), response.headers());
                    self.finish.count(Some(measure));
                }
                if let Some(mut trace) = exchange.trace {
                    trace.answered(response.status(), response.headers());
                    self.finish.trace(Some(trace));
                }
                response
            }
            Err(response) => *response,
        };
        if let Some(record) = &mut self.record {
            record.status = response.status();
            if let Some(headers) = &mut record.headers {
                headers.response.clone_from(response.headers());
            }
        }
        // A client that was not told to go on may send its body or leave it: what comes next cannot be told apart.
        let unread = self.expected.is_some_and(|expected| !expected.is_complete());
        match self.count {
            Some(count) if unread || closes(&self.client, count) => {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Some(_) => {}
            None => drop(response.headers_mut().remove(CONNECTION)),
        }
        if self.advertises {
            advertise(&self.client.entry, &mut response);
        }
        self.finish.log(self.record);
        response.body_mut().finish = Some(self.finish);
        response
    }
}

/// A request that somebody is waiting for. One whose client goes away meanwhile is logged and counted as answered by nginx'
/// 499, as by Traefik.
struct Leaving<'a> {
    exchange: &'a mut Exchange,
    finish: &'a mut Finish,
    answered: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        const TEXT: &str = "Client Closed Request";
        if self.answered {
            return;
        }
        let Ok(status) = StatusCode::from_u16(499) else { return };
        if let Some(mut record) = self.exchange.record.take() {
            record.status = status;
            record.origin_status = record.server_url.as_ref().map(|_| status);
            self.finish.log(Some(record));
        }
        if let Some(mut measure) = self.exchange.measure.take() {
            measure.answered(status, &HeaderMap::new());
            self.finish.count(Some(measure));
        }
        if let Some(mut trace) = self.exchange.trace.take() {
            trace.answered(status, &HeaderMap::new());
            self.finish.trace(Some(trace));
        }
        self.finish.sent(TEXT.len());
    }
}

/// Says where the same is to be had over HTTP/3 (RFC 7838 section 3), before what the server says about itself.
fn advertise(entry: &EntryPoint, response: &mut Response<Body>) {
    let Some(value) = entry.http3.as_ref().and_then(|http3| http3.alt_svc.clone()) else { return };
    let headers = response.headers_mut();
    let others: Vec<_> = headers.get_all(ALT_SVC).iter().cloned().collect();
    headers.insert(ALT_SVC, value);
    for other in others {
        headers.append(ALT_SVC, other);
    }
}

/// Whether a connection has had its share of requests or time, or is about to end anyway.
pub(super) fn closes(client: &Client, requests: u32) -> bool {
    let entry = &client.entry;
    client.meter.is_leaving()
        || (entry.keep_alive_requests > 0 && requests >= entry.keep_alive_requests)
        || (!entry.keep_alive_time.is_zero() && client.meter.started().elapsed() >= entry.keep_alive_time)
}

/// What is counted of a request, if anything is.
fn measure(client: &Arc<Client>, exchange: &mut Exchange) -> Option<Box<Measure>> {
    let registry = client.worker.shared.metrics.registry()?;
    let websocket = headers::is_websocket(exchange.upgrade.as_ref().map(|upgrade| &upgrade.protocol));
    let received = exchange.body.counted();
    Some(Box::new(Measure::begin(registry, client, &exchange.parts, websocket, received)))
}

fn record(client: &Client, parts: &http::request::Parts) -> Option<Box<Record>> {
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
        host: parts.headers.get(http::header::HOST).cloned().unwrap_or_else(|| {
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

/// A request in canonical form, or the answer that refuses it.
fn admit(
    client: &Arc<Client>,
    mut parts: http::request::Parts,
    body: RequestBody,
    connection: Option<ClientTunnel>,
) -> Result<Box<Exchange>, Box<Response<Body>>> {
    let mark = client.worker.shared.mark_errors;
    let refuse = |reason: Reason| Box::new(reason.response(mark));
    if parts.method.as_str().len() > LONGEST_METHOD {
        return Err(refuse(Reason::BadRequest));
    }
    if parts.extensions.remove::<Fragment>().is_some() {
        // It would be seen by nobody but the rules.
        return Err(refuse(Reason::DeniedPath));
    }
    if parts.method == Method::CONNECT {
        return Err(refuse(Reason::NotImplemented));
    }
    // The framing is decided already; anything but a plain `chunked` is a disguise for something else.
    if headers::is_chunked(&parts.headers).is_err() {
        return Err(refuse(Reason::BadRequest));
    }
    if parts.headers.get(EXPECT).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(refuse(Reason::Expectation));
    }
    let host = host::of(&parts).map_err(|bad| {
        refuse(match bad {
            BadHost::Missing => Reason::MissingHost,
            BadHost::Malformed => Reason::MalformedHost,
            BadHost::Repeated => Reason::BadRequest,
        })
    })?;
    if !is_form_allowed(&parts) {
        return Err(refuse(Reason::BadRequest));
    }
    if is_about_all(&parts) {
        return Err(Box::new(error_response::text(StatusCode::OK, "")));
    }
    headers::admit(&mut parts.headers, client.trusted, &client.entry)
        .map_err(|_| Box::new(error_response::text(StatusCode::BAD_REQUEST, "Bad Request\n")))?;
    let (target, routing) = target(&parts, client).map_err(refuse)?;
    let upgrade = headers::strip_request(&mut parts.headers, !body.is_empty(), &client.entry.forwarded.connection);
    // Where no body is expected, saying that there is none is saying too much (RFC 9110 section 8.6).
    if body.is_empty() && matches!(parts.method, Method::GET | Method::HEAD) {
        parts.headers.remove(CONTENT_LENGTH);
    }
    let upgrade = upgrade.zip(connection).map(|(protocol, connection)| Upgrade { protocol, connection });
    let websocket = headers::is_websocket(upgrade.as_ref().map(|upgrade| &upgrade.protocol));
    headers::describe_client(&mut parts.headers, client, &host, websocket);
    Ok(Box::new(Exchange {
        client: Arc::clone(client),
        parts,
        body,
        host,
        upstream_host: None,
        target,
        routing,
        upgrade,
        forwarded_for: false,
        outbox: None,
        record: None,
        measure: None,
        trace: None,
        served: false,
    }))
}

/// Whether a request is about the gateway as a whole (`OPTIONS *`, RFC 9110 section 9.3.7): as by Traefik, it is none that the
/// access log knows.
fn is_about_all(parts: &http::request::Parts) -> bool {
    parts.method == Method::OPTIONS && parts.uri.path() == "*"
}

/// Whether a target has a form that its method may have: the asterisk is `OPTIONS`'s, an authority alone `CONNECT`'s (RFC 9112 section 3.2).
fn is_form_allowed(parts: &http::request::Parts) -> bool {
    let asterisk = parts.uri.path() == "*";
    let authority =
        parts.version <= Version::HTTP_11 && parts.uri.authority().is_some() && parts.uri.scheme().is_none();
    (!asterisk || parts.method == Method::OPTIONS) && !authority
}

/// The canonical target, and the path that rules match when it differs.
fn target(parts: &http::request::Parts, client: &Client) -> Result<(Target, Option<Vec<u8>>), Reason> {
    let entry = &client.entry;
    let canonical = canonical_path(parts.uri.path(), entry.sanitize_path).map_err(|_| Reason::BadRequest)?;
    let routing = canonical.routing;
    let query = parts.uri.query();
    let changed_query = query.filter(|query| query.contains(';'));
    if let (std::borrow::Cow::Borrowed(_), None, Some(sent)) =
        (&canonical.path, changed_query, parts.uri.path_and_query())
    {
        // `http://host` without path leaves nothing to borrow.
        let sent = if sent.as_str().starts_with('/') { sent.clone() } else { PathAndQuery::from_static("/") };
        return Ok((Target::Sent(sent), routing));
    }
    let sent_query = changed_query.filter(|_| !entry.encode_query_semicolons).map(str::to_owned);
    let query = query.map(|query| canonical_query(query, entry.encode_query_semicolons).into_owned());
    Ok((Target::Made { path: canonical.path.into_owned(), query, sent_query }, routing))
}

async fn respond(exchange: &mut Exchange, finish: &mut Finish) -> Response<Body> {
    let worker = Arc::clone(&exchange.client.worker);
    let view = worker.view.load_full();
    let mark = worker.shared.mark_errors;
    if let Some(answer) = challenge(exchange) {
        exchange.record = None;
        return match answer {
            Answer::Token(text) => error_response::plain(text),
            Answer::Unknown => Reason::NoRouter.response(mark),
        };
    }
    let Some((position, route)) = view.snapshot.find(exchange) else {
        view.unrouted.count(StatusCode::NOT_FOUND);
        observe_unrouted(exchange);
        log_unrouted(exchange, &view);
        return Reason::NoRouter.response(mark);
    };
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
    if let Some(session) = &exchange.client.tls
        && *view.snapshot.policy.terms_of(Some(&exchange.host.name)).identity != *session.terms
    {
        return Reason::Misdirected.response(mark);
    }
    if exchange.client.entry.denied_encodings.found_in(exchange.target.path()) {
        return Reason::DeniedPath.response(mark);
    }
    if route.unasked && may_be_a_foreign_page(exchange) {
        return Reason::ForeignPage.response(mark);
    }
    let mut response = run(exchange, &view, route, finish).await;
    if let Some(traffic) = view.traffic.get(position) {
        traffic.count(response.status());
    }
    let refused = !exchange.served && (response.status().is_client_error() || response.status().is_server_error());
    if mark && refused && !response.headers().contains_key(REASON_HEADER) {
        response.headers_mut().insert(REASON_HEADER, HeaderValue::from_static(MIDDLEWARE));
    }
    response
}

/// Whether a page of somebody else's may be what asks, through a browser of this machine: its site's name leads here for a
/// while (DNS rebinding), or it says itself that it is from elsewhere (RFC 6454 section 7). Names that are nobody's in the
/// public DNS are taken for this machine's.
fn may_be_a_foreign_page(exchange: &Exchange) -> bool {
    let elsewhere = |origin: &HeaderValue| {
        let origin = origin.as_bytes();
        let at = origin.windows(3).position(|part| part == b"://").map(|at| at + 3);
        at.and_then(|at| origin.get(at..)).is_none_or(|host| !host.eq_ignore_ascii_case(exchange.host.value.as_bytes()))
    };
    exchange.client.peer.ip().to_canonical().is_loopback()
        && (!exchange.host.is_local() || exchange.parts.headers.get(ORIGIN).is_some_and(elsewhere))
}

/// Of a request that no router takes is told what the entry point says.
fn observe_unrouted(exchange: &mut Exchange) {
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

/// A line about a request that no router takes, with the router that comes nearest.
fn log_unrouted(exchange: &Exchange, view: &View) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let Some(left_out) = exchange.client.worker.unrouted_lines.take() else { return };
    let client = &exchange.client;
    let nearest = near::misses(&view.snapshot.table, &client.entry.name, client.tls.is_some(), &exchange.candidate());
    let nearest = nearest.into_iter().next().unwrap_or_default();
    tracing::info!(
        reason = Reason::NoRouter.as_str(),
        entry_point = client.entry.name,
        method = %exchange.parts.method,
        host = exchange.host.value.to_str().unwrap_or_default(),
        path = exchange.target.path(),
        client = %client.ip(),
        nearest = nearest.router,
        why = nearest.reason,
        left_out,
        "no router matches"
    );
}

/// What a request of a certificate authority gets; no router stands in its way.
fn challenge(exchange: &Exchange) -> Option<Answer> {
    let client = &exchange.client;
    client.worker.shared.challenges.answer(&client.entry.name, &exchange.host.name, exchange.target.path())
}

/// Through the middlewares to the service and back.
async fn run(exchange: &mut Exchange, view: &Arc<View>, route: &Route, finish: &mut Finish) -> Response<Body> {
    let mut after = After::default();
    let response = Next::new(route, view).pass(exchange, &mut after).await;
    for held in after.held.drain(..) {
        finish.hold(held);
    }
    response
}

/// Asks the service. Where no server takes the request, it waits a moment for one: a container that is being started or
/// replaced costs a short wait and no error.
pub(crate) async fn serve(
    exchange: &mut Exchange,
    view: &Arc<View>,
    route: &Route,
    after: &mut After,
) -> Response<Body> {
    let mut answer = route.service.answer(exchange, view, after).await;
    if let Err(no_answer) = answer {
        // Rare, and large: it has a place of its own in memory.
        answer = Box::pin(super::wait::for_server(exchange, view, route, no_answer, after)).await;
    }
    match answer {
        Ok(mut response) => {
            exchange.served = true;
            if exchange.client.worker.shared.mark_errors {
                // It says that the gateway answers by itself, which only the gateway knows.
                response.headers_mut().remove(REASON_HEADER);
            }
            response
        }
        Err(no_answer) => {
            let reason = no_answer.reason();
            if let Some(record) = exchange.record.as_mut().filter(|record| record.server_url.is_some()) {
                record.origin_status = Some(reason.status());
                record.origin_duration = record.started.elapsed();
            }
            if let Some(left_out) = exchange.client.worker.unanswered_lines.take() {
                tracing::warn!(
                    reason = reason.as_str(),
                    status = reason.status().as_u16(),
                    router = &*route.name,
                    service = &*route.service_name,
                    method = %exchange.parts.method,
                    host = exchange.host.value.to_str().unwrap_or_default(),
                    path = exchange.target.path(),
                    error = no_answer.explain(),
                    left_out,
                    "no answer from the service"
                );
            }
            reason.response(exchange.client.worker.shared.mark_errors)
        }
    }
}
