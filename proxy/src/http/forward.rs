//! From a routed request to an answer: choose a server, get a connection, send, and try elsewhere as long as nothing
//! was sent.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Response, StatusCode, Version};

use crate::middleware::{After, content_type};
use crate::response_guard::BoxedGuard;
use crate::snapshot::{LoadBalancer, View};
use crate::upstream::balance::Tried;
use crate::upstream::call::Call;
use crate::upstream::dial::Versions;
use crate::upstream::failure::{Failure, chain};
use crate::upstream::http1::{Interim, Unanswered};
use crate::upstream::pool::{Answer, Pool, Reuse, UnderWay};
use crate::upstream::server::Server;
use crate::upstream::sticky::put_first;

use super::body::Body;
use super::error_response::Reason;
use super::exchange::{Exchange, Upgrade};
use super::headers;
use super::tries::Tries;
use super::unzip;

/// A request that as many servers have not taken is brought to no other: else whoever floods a service that is dead would have
/// the gateway knock once for each request at each of its servers.
const MOST_SERVERS: u32 = 16;

/// Why there is no answer from a server.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The load balancer has no server, or none that is healthy.
    NoServer,
    /// The last attempt failed.
    Failed(Failure),
}

impl NoAnswer {
    /// Whether the request is untouched and a server may come that takes it.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::NoServer => true,
            Self::Failed(failure) => failure.unreached(),
        }
    }

    /// What the client is told.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::NoServer => Reason::NoServer,
            Self::Failed(failure) => Reason::from(failure),
        }
    }

    /// What the log is told.
    pub(crate) fn explain(&self) -> String {
        match self {
            Self::NoServer => "the service has no server, or none that is healthy".to_owned(),
            Self::Failed(failure) => chain(failure),
        }
    }
}

/// Sends the request of `exchange` to a server of `balancer` and returns its answer. Where none could be reached the
/// request stays in `exchange`.
pub(crate) async fn forward(
    exchange: &mut Exchange,
    view: &View,
    balancer: &LoadBalancer,
    after: &mut After,
) -> Result<Response<Body>, NoAnswer> {
    let mut outgoing = Outgoing::take(exchange);
    let answer = send(exchange, &mut outgoing, view, balancer, after).await;
    if answer.as_ref().is_err_and(NoAnswer::may_pass) {
        outgoing.put_back(exchange);
    }
    answer
}

async fn send(
    exchange: &mut Exchange,
    outgoing: &mut Outgoing,
    view: &View,
    balancer: &LoadBalancer,
    After { tries, held }: &mut After,
) -> Result<Response<Body>, NoAnswer> {
    let pinned = balancer.sticky.as_ref().and_then(|sticky| sticky.sent(&outgoing.call.headers)).map(str::to_owned);
    let mut wanted = pinned.as_deref().and_then(|value| balancer.balance.by_cookie(value));
    let mut tried = Tried::default();
    loop {
        let index = wanted.take().or_else(|| balancer.balance.pick(&tried, exchange.client.ip()));
        let choice = index.and_then(|index| Choice::new(index, view, balancer)).ok_or(NoAnswer::NoServer)?;
        let load = balancer.balance.begin(choice.index);
        let began = balancer.balance.is_timed().then(Instant::now);
        tell_asked(exchange, outgoing, balancer, choice.server);
        let result = outgoing.attempt(exchange, choice.pool, balancer).await;
        if let Some(trace) = &mut exchange.trace {
            trace.told(result.as_ref().ok().map(Answer::status));
        }
        note(balancer, &choice, &result, began);
        match result {
            Ok(answer) => {
                held.extend(load);
                choice.server.trust();
                let mut response = finish(exchange, answer, &outgoing.call.method, held).map_err(NoAnswer::Failed)?;
                if pinned.as_deref() != Some(choice.server.cookie.as_str()) {
                    pin(&mut response, balancer, choice.server);
                }
                if outgoing.unzip {
                    response = unzip::response(response);
                }
                // As in Traefik, where passing one on undoes that answers without a type stay without.
                return Ok(if outgoing.informed { content_type::response(response).await } else { response });
            }
            Err(failure) if failure.unreached() => {
                choice.server.suspect();
                tried.add(choice.index);
                try_again(exchange, balancer, tries, &mut tried, failure, choice.server).await?;
            }
            Err(failure) => return Err(NoAnswer::Failed(failure)),
        }
    }
}

/// A server that a request is sent to.
struct Choice<'a> {
    /// Its place among those of its balancer.
    index: usize,
    server: &'a Server,
    pool: &'a Arc<Pool>,
}

impl<'a> Choice<'a> {
    fn new(index: usize, view: &'a View, balancer: &'a LoadBalancer) -> Option<Self> {
        let server = balancer.balance.servers.get(index)?;
        let pool = view.pools.get(*balancer.slots.get(index)?)?;
        Some(Self { index, server, pool })
    }
}

/// Tells log, metrics and trace which server is asked.
fn tell_asked(exchange: &mut Exchange, outgoing: &mut Outgoing, balancer: &LoadBalancer, server: &Server) {
    if let Some(measure) = &mut exchange.measure {
        measure.asks(&balancer.name);
    }
    if let Some(record) = &mut exchange.record {
        record.service = Some(Arc::clone(&balancer.name));
        record.server_url = Some(server.url.clone());
    }
    if let Some(trace) = &mut exchange.trace {
        let target = exchange.target.for_server(&server.base_path);
        let target = target.as_ref().map_or("/", |target| target.as_str());
        trace.asks("ReverseProxy", server, &outgoing.call.method, target, &mut outgoing.call.headers);
    }
}

/// Goes on to another server after one could not be reached, or, where tries are left, to all of them once more.
///
/// # Errors
/// There is neither.
async fn try_again(
    exchange: &mut Exchange,
    balancer: &LoadBalancer,
    tries: &mut Option<Tries>,
    tried: &mut Tried,
    failure: Failure,
    server: &Server,
) -> Result<(), NoAnswer> {
    let elsewhere = tried.count() < MOST_SERVERS && balancer.balance.has_other(tried);
    let again = tries.as_ref().and_then(Tries::next);
    if !elsewhere && again.is_none() {
        return Err(NoAnswer::Failed(failure));
    }
    tracing::debug!(server = %server.url, error = %chain(&failure), "trying another server");
    if !elsewhere {
        tried.clear();
        if let Some(pause) = again.filter(|pause| !pause.is_zero()) {
            tokio::time::sleep(pause).await;
        }
    }
    // Where nobody asked for tries, Traefik makes none: what they are is of no concern to those who count.
    if let Some(tries) = tries {
        tries.begin();
        if let Some(measure) = &mut exchange.measure {
            measure.tries_again(Reason::from(&failure).status());
        }
        if let Some(record) = &mut exchange.record {
            record.retries += 1;
        }
    }
    Ok(())
}

/// Tells the balance how an attempt went; what clients break says nothing about the server.
fn note(balancer: &LoadBalancer, choice: &Choice<'_>, result: &Result<Answer, Failure>, began: Option<Instant>) {
    let fine = match result {
        Ok(Answer::Response(response)) => !response.status().is_server_error() && response.status().as_u16() < 600,
        Ok(Answer::Switched(..)) => true,
        Err(Failure::ClientGone | Failure::ClientIdle | Failure::Disk(_) | Failure::Left { .. }) => return,
        Err(_) => false,
    };
    let took = began.filter(|_| result.is_ok()).map(|began| began.elapsed());
    if balancer.balance.note(choice.index, took, fine) {
        tracing::warn!(
            service = &*balancer.name,
            server = %choice.server.url,
            "server fails requests: it gets none for a while"
        );
    }
}

/// A request that may have to be sent more than once.
struct Outgoing {
    call: Call,
    /// Those that it can be sent over.
    versions: Versions,
    /// An informational answer was passed on.
    informed: bool,
    /// The server may compress its answer although the client did not ask for it.
    unzip: bool,
}

impl Outgoing {
    fn take(exchange: &mut Exchange) -> Self {
        let method = exchange.parts.method.clone();
        if let Some(noted) = exchange.record.as_mut().and_then(|record| record.headers.as_mut()) {
            noted.request = Some(exchange.parts.headers.clone());
        }
        let mut headers = std::mem::take(&mut exchange.parts.headers);
        if !std::mem::replace(&mut exchange.forwarded_for, true) {
            headers::append_forwarded_for(&mut headers, &exchange.client);
        }
        if !exchange.client.entry.forwarded.connection.is_empty() {
            headers::strip_kept(&mut headers);
        }
        if let Some(upgrade) = &exchange.upgrade {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, upgrade.protocol.clone());
        }
        if headers.get(USER_AGENT).is_some_and(HeaderValue::is_empty) {
            headers.remove(USER_AGENT);
        }
        // Where a body is expected, the server is told that there is none (RFC 9110 section 8.6). Rules see what was sent.
        if exchange.body.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from_static("0"));
        }
        let unzip = unzip::ask(&method, &mut headers);
        let (target, host) = (PathAndQuery::from_static("/"), exchange.host.value.clone());
        let spelling = exchange.parts.extensions.get().cloned();
        let call = Call { method, target, host, spelling, headers, body: std::mem::take(&mut exchange.body) };
        let versions = if exchange.upgrade.is_some() { Versions::Http1 } else { Versions::All };
        Self { call, versions, informed: false, unzip }
    }

    /// Gives an unsent request back.
    fn put_back(mut self, exchange: &mut Exchange) {
        if self.unzip {
            unzip::take_back(&mut self.call.headers);
        }
        exchange.parts.headers = self.call.headers;
        exchange.body = self.call.body;
    }

    /// One server, at most two connections: a kept one may turn out to have been closed by the server just now.
    async fn attempt(
        &mut self,
        exchange: &Exchange,
        pool: &Arc<Pool>,
        balancer: &LoadBalancer,
    ) -> Result<Answer, Failure> {
        self.address(exchange, pool, balancer);
        let mut reuse = Reuse::Allowed;
        loop {
            // From here on the server is not to be taken away: connecting takes time too.
            let under_way = UnderWay::new(pool);
            let lease = pool.lease(reuse, self.versions).await?;
            let reused = lease.is_reused();
            // Over HTTP/2 a server says itself what it has not touched, on a new connection too.
            let again = reused || (lease.is_http2() && reuse == Reuse::Allowed);
            // HTTP/2 lets clients cut their cookies up (RFC 9113 section 8.2.3); two lines of HTTP/1 are two lines.
            if !lease.is_http2() && exchange.parts.version >= Version::HTTP_2 {
                headers::join_cookies(&mut self.call.headers);
            }
            // Only a request without body to a method that may be repeated can be sent again once it was sent, and only
            // when the connection is one that may just be closing.
            let replay = reused && self.call.body.is_empty() && self.call.method.is_idempotent();
            let expects = !lease.is_http2() && self.call.headers.contains_key(EXPECT);
            let expectation = expects.then(|| self.call.body.wait_until_wanted()).flatten();
            let outbox = exchange.outbox.as_ref();
            let informed = &mut self.informed;
            let mut inform = |interim: Interim| match (&expectation, outbox) {
                // The client is asked for a body when that is read.
                (Some(expectation), _) if interim.status == StatusCode::CONTINUE => expectation.want(),
                (_, Some(outbox)) => {
                    outbox.inform(interim);
                    *informed = true;
                }
                (_, None) => {}
            };
            match lease.send(under_way, &mut self.call, &mut inform).await {
                Ok(answer) => return Ok(answer),
                Err(Unanswered { untouched: true, .. }) if again => {}
                Err(Unanswered { failure: Failure::HungUp(_), .. }) if replay => {}
                Err(Unanswered { failure, .. }) => return Err(failure),
            }
            reuse = Reuse::Forbidden;
        }
    }

    /// Says to a server what it is asked for, and in whose name.
    fn address(&mut self, exchange: &Exchange, pool: &Pool, balancer: &LoadBalancer) {
        let server = &pool.server;
        let host = match &exchange.upstream_host {
            Some(host) => host,
            None if balancer.pass_host_header && !exchange.host.value.is_empty() => &exchange.host.value,
            None => &server.host_header,
        };
        self.call.host = host.clone();
        self.call.target =
            exchange.target.for_server(&server.base_path).unwrap_or_else(|| PathAndQuery::from_static("/"));
    }
}

/// Counts the bytes that a server sends for log and metrics, where there are any.
fn counter(exchange: &mut Exchange, status: StatusCode) -> Option<Arc<AtomicU64>> {
    if exchange.record.is_none() && exchange.measure.is_none() {
        return None;
    }
    let bytes = Arc::new(AtomicU64::new(0));
    if let Some(record) = &mut exchange.record {
        record.origin_size = Some(Arc::clone(&bytes));
    }
    if let Some(measure) = &mut exchange.measure {
        measure.served(status, &bytes);
    }
    Some(bytes)
}

/// From what a server answers to what the client gets.
fn finish(
    exchange: &mut Exchange,
    answer: Answer,
    method: &Method,
    held: &mut Vec<BoxedGuard>,
) -> Result<Response<Body>, Failure> {
    if let Some(record) = &mut exchange.record {
        record.origin_duration = Instant::now().saturating_duration_since(record.started);
    }
    let mut response = match answer {
        Answer::Switched(head, stream, early, under_way) => {
            let upgrade: Option<Upgrade> = exchange.upgrade.take();
            let held = (std::mem::take(held), under_way);
            super::upgrade::switch(&exchange.client, upgrade, head, stream, early, held)?
        }
        Answer::Response(response) => {
            let (mut parts, body) = response.into_parts();
            if parts.version < Version::HTTP_2 && !parts.headers.contains_key(TRANSFER_ENCODING) {
                parts.headers.remove(TRAILER);
            }
            headers::strip_response(&mut parts.headers, headers::HopByHop::Named);
            let counter = counter(exchange, parts.status);
            let body = if method == Method::HEAD || http_body::Body::is_end_stream(&body) {
                Body::empty()
            } else {
                Body::upstream(body, counter)
            };
            Response::from_parts(parts, body)
        }
    };
    if let Some(record) = &mut exchange.record {
        record.origin_status = Some(response.status());
    }
    *response.version_mut() = Version::HTTP_11;
    Ok(response)
}

/// Has a client come back to the server that has answered, where its service is sticky.
fn pin(response: &mut Response<Body>, balancer: &LoadBalancer, server: &Server) {
    if let Some(cookie) = balancer.sticky.as_ref().and_then(|sticky| sticky.set(&server.cookie)) {
        put_first(response.headers_mut(), vec![cookie]);
    }
}
