//! A service, and another that steps in where the first is down or answers with certain codes.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::http::body::{Body, RequestBody};
use crate::http::error_response::{Reason, status_text, text};
use crate::http::exchange::Exchange;
use crate::http::forward::NoAnswer;
use crate::http::spool::{Spooled, Unspooled};
use crate::middleware::{After, Statuses};
use crate::upstream::failure::chain;

use super::{Service, View};

/// Bytes of a request's body that are kept in memory for the other service; the rest goes to a file.
const MEMORY: usize = 1 << 20;

/// A service and its substitute.
#[derive(Debug)]
pub(crate) struct Failover {
    pub(super) main: Arc<Service>,
    pub(super) fallback: Arc<Service>,
    /// Whether it is known that the main service is down.
    pub(super) main_tells: bool,
    /// Whether that is known of the substitute, and services that consist of this one know whether one is up.
    pub(super) tells: bool,
    /// Answers of the main service in whose place the substitute is asked, and the most bytes of a request's body that are
    /// kept for that.
    pub(super) errors: Option<(Statuses, u64)>,
}

/// Who is asked.
#[derive(Debug)]
pub(super) enum Choice<'a> {
    One(&'a Service),
    /// The main service, and the other if its answer is an error.
    Both,
    Nobody,
}

impl Failover {
    /// Who is asked as things stand.
    pub(super) fn choose(&self) -> Choice<'_> {
        match (self.is_main_up(), &self.errors) {
            (true, None) => Choice::One(&self.main),
            (true, Some(_)) => Choice::Both,
            (false, _) if self.is_fallback_up() => Choice::One(&self.fallback),
            (false, _) => Choice::Nobody,
        }
    }

    fn is_main_up(&self) -> bool {
        !self.main_tells || self.main.is_up()
    }

    fn is_fallback_up(&self) -> bool {
        !self.tells || self.fallback.is_up()
    }

    /// Whether one of the two is up.
    pub(super) fn is_up(&self) -> bool {
        self.is_main_up() || self.is_fallback_up()
    }

    /// Whether that is known.
    pub(super) fn tells(&self) -> bool {
        self.tells
    }

    /// Asks the main service, then the other where the answer is an error.
    pub(super) async fn answer(
        &self,
        exchange: &mut Exchange,
        view: &Arc<View>,
        after: &mut After,
    ) -> Result<Response<Body>, NoAnswer> {
        let Some((statuses, most)) = &self.errors else { return self.main.answer_nested(exchange, view, after).await };
        let body = match Spooled::read(&mut exchange.body, MEMORY, *most).await {
            Ok(body) => body,
            Err(Unspooled::TooLarge(_)) => return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large\n")),
            Err(Unspooled::Broken(_)) => return Ok(status_text(StatusCode::BAD_REQUEST)),
            Err(error @ Unspooled::Disk(_)) => {
                tracing::error!(error = chain(&error), "a request cannot be kept for another service");
                return Ok(exchange.client.worker.refusal(Reason::Disk));
            }
        };
        let head = exchange.head();
        exchange.body = RequestBody::spooled(body.reader());
        // What the main service says before its answer may be about an answer that nobody gets.
        let outbox = exchange.outbox.take();
        // Where the other steps in for one that is not reached, nobody waits for that one to come back.
        let tries = after.tries.take_if(|_| statuses.contains(StatusCode::BAD_GATEWAY));
        let response = self.main.respond(exchange, view, after).await;
        after.tries = tries.or(after.tries);
        exchange.outbox = outbox;
        // There is no way back from another protocol.
        if response.status() == StatusCode::SWITCHING_PROTOCOLS || !statuses.contains(response.status()) {
            return Ok(response);
        }
        drop(response);
        exchange.again(head, Bytes::new());
        exchange.body = RequestBody::spooled(body.reader());
        self.fallback.answer_nested(exchange, view, after).await
    }
}

/// The answer where both are down.
pub(super) fn nobody() -> Response<Body> {
    plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable\n")
}

fn plain(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = text(status, body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
