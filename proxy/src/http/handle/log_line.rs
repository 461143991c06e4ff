//! Lines of the gateway's own log about requests that get no answer from a service; only so many in a time.

use crate::http::error_response::Reason;
use crate::http::exchange::Exchange;
use crate::http::forward::NoAnswer;
use crate::inspect::near;
use crate::snapshot::{Route, View};

/// A line about a request that no router takes, with the router that comes nearest.
pub(super) fn unrouted(exchange: &Exchange, view: &View) {
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

/// About a request that no server of its service answers.
pub(super) fn unanswered(exchange: &Exchange, route: &Route, no_answer: &NoAnswer) {
    let Some(left_out) = exchange.client.worker.unanswered_lines.take() else { return };
    let reason = no_answer.reason();
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
