//! `retry`: another try when the network failed, or when the answer has one of certain codes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body as _;

use crate::config::dynamic::Retry as Config;
use crate::http::body::{Body, RequestBody};
use crate::http::buffer;
use crate::http::exchange::Exchange;
use crate::http::forward;

use super::status::Statuses;
use super::{After, Next};

/// Most bytes of a request that are kept for another try, where the configuration does not say.
pub(crate) const MOST_BODY: u64 = 2 << 20;

/// How often, and when.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    attempts: u32,
    interval: Duration,
    timeout: Duration,
    statuses: Statuses,
    most_body: u64,
    network: bool,
    any_method: bool,
}

impl Retry {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let attempts = u32::try_from(config.attempts).ok().filter(|attempts| *attempts > 0);
        let attempts =
            attempts.ok_or_else(|| format!("incorrect (or empty) value for attempt ({})", config.attempts))?;
        if config.status.is_empty() && config.disable_retry_on_network_error {
            return Err("retry middleware requires at least HTTP status codes or retry on TCP".to_owned());
        }
        Ok(Self {
            attempts,
            interval: config.initial_interval.to_std(),
            timeout: config.timeout.to_std(),
            statuses: Statuses::new(&config.status).map_err(|error| format!("creating HTTP code ranges: {error}"))?,
            most_body: config.max_request_body_bytes.and_then(|size| u64::try_from(size).ok()).unwrap_or(MOST_BODY),
            network: !config.disable_retry_on_network_error,
            any_method: config.retry_non_idempotent_method,
        })
    }

    /// Tries.
    pub(crate) async fn run(&self, exchange: &mut Exchange, next: Next<'_>, after: &mut After) -> Response<Body> {
        if self.network {
            after.retry = Some(forward::Retry { attempts: self.attempts, initial_interval: self.interval });
        }
        let repeatable = self.any_method || exchange.parts.method.is_idempotent();
        let small = exchange.body.size_hint().exact().is_some_and(|size| size <= self.most_body);
        if self.statuses.is_empty() || !repeatable || !small || exchange.upgrade.is_some() {
            return next.run(exchange, after).await;
        }
        let most = usize::try_from(self.most_body).unwrap_or(usize::MAX);
        let Ok(body) = buffer::whole(&mut exchange.body, most).await else {
            return crate::http::error_response::status_text(StatusCode::BAD_REQUEST);
        };
        self.repeat(exchange, next, after, body).await
    }

    async fn repeat(&self, exchange: &mut Exchange, next: Next<'_>, after: &mut After, body: Bytes) -> Response<Body> {
        let began = Instant::now();
        let mut attempt = 1;
        loop {
            let head = exchange.head();
            exchange.body = RequestBody::held(body.clone());
            let response = next.run(exchange, after).await;
            let pause = self.interval.saturating_mul(1 << (attempt - 1).min(10_u32));
            let late = !self.timeout.is_zero() && began.elapsed() + pause >= self.timeout;
            if attempt >= self.attempts || late || !self.statuses.contains(response.status()) {
                return response;
            }
            drop(response);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if let Some(record) = &mut exchange.record {
                record.retries += 1;
            }
            exchange.again(head, Bytes::new());
            attempt += 1;
        }
    }
}
