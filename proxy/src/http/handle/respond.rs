//! From a canonical request to its answer: route, middlewares, service.

use std::sync::Arc;

use http::header::ORIGIN;
use http::{HeaderValue, Response, StatusCode};

use crate::acme::challenges::Answer;
use crate::http::body::Body;
use crate::http::error_response::{self, MIDDLEWARE, REASON_HEADER, Reason};
use crate::http::exchange::{Exchange, Finish};
use crate::http::wait;
use crate::middleware::{After, Next};
use crate::snapshot::{Route, View};

use super::{log_line, observed};

/// Routes a request and gets its answer.
pub(super) async fn respond(exchange: &mut Exchange, finish: &mut Finish) -> Response<Body> {
    let worker = Arc::clone(&exchange.client.worker);
    let view = worker.view.load_full();
    if let Some(answer) = challenge(exchange) {
        exchange.record = None;
        return match answer {
            Answer::Token(text) => error_response::plain(text),
            Answer::Unknown => worker.refusal(Reason::NoRouter),
        };
    }
    let Some((position, route)) = view.snapshot.find(exchange) else {
        view.unrouted.count(StatusCode::NOT_FOUND);
        observed::unrouted(exchange);
        log_line::unrouted(exchange, &view);
        return worker.refusal(Reason::NoRouter);
    };
    observed::routed(exchange, route);
    if let Err(reason) = check(exchange, &view, route) {
        return worker.refusal(reason);
    }
    let mut response = run(exchange, &view, route, finish).await;
    if let Some(traffic) = view.traffic.get(position) {
        traffic.count(response.status());
    }
    let refused = !exchange.served && (response.status().is_client_error() || response.status().is_server_error());
    if worker.shared.mark_errors && refused && !response.headers().contains_key(REASON_HEADER) {
        response.headers_mut().insert(REASON_HEADER, HeaderValue::from_static(MIDDLEWARE));
    }
    response
}

/// What keeps a request from its route, whatever the route's middlewares say.
fn check(exchange: &Exchange, view: &View, route: &Route) -> Result<(), Reason> {
    if let Some(session) = &exchange.client.tls
        && *view.snapshot.policy.terms_of(Some(&exchange.host.name)).identity != *session.terms
    {
        return Err(Reason::Misdirected);
    }
    if exchange.client.entry.denied_encodings.found_in(exchange.target.path()) {
        return Err(Reason::DeniedPath);
    }
    if route.unasked && may_be_a_foreign_page(exchange) {
        return Err(Reason::ForeignPage);
    }
    Ok(())
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
        answer = Box::pin(wait::for_server(exchange, view, route, no_answer, after)).await;
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
            log_line::unanswered(exchange, route, &no_answer);
            exchange.client.worker.refusal(reason)
        }
    }
}
