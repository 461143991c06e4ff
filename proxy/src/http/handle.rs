//! One request, from its head to the end of its answer: `admit` makes it canonical, `respond` routes it and gets the answer,
//! `observed` says what is told of it, `log_line` what the gateway's own log says.

mod admit;
mod log_line;
mod observed;
mod respond;

use std::sync::Arc;

use http::header::{ALT_SVC, CONNECTION, EXPECT};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version};

use crate::entry_point::EntryPoint;
use crate::observe::access_log::Record;
use crate::observe::trace::Trace;

use super::body::{Body, RequestBody};
use super::exchange::{Client, Exchange, Finish, Target};
use super::expectation::Expectation;
use super::outbox::Outbox;
use super::tunnel::ClientTunnel;

pub(crate) use respond::serve;

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
        let asks_about_all = admit::is_about_all(&parts);
        let mut record = observed::record(client, &parts);
        let mut admitted = admit::admit(client, parts, body, connection);
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
            exchange.measure = observed::measure(client, exchange);
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
                let response = respond::respond(leaving.exchange, leaving.finish).await;
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
