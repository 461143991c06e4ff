//! `retry`: another try when the network failed, or when the answer has one of certain codes.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::config::dynamic::Retry as Config;
use crate::http::body::{Body, RequestBody};
use crate::http::buffer::{self, Beginning};
use crate::http::exchange::Exchange;
use crate::http::tries::{Allowed, Tries};

use super::status::Statuses;
use super::{After, Next};

/// Most bytes of a request that are kept for another try, where the configuration does not say.
pub(crate) const MOST_BODY: u64 = 2 << 20;

/// How often, and when.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    allowed: Allowed,
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
            allowed: Allowed {
                tries: attempts,
                interval: config.initial_interval.to_std(),
                time: config.timeout.to_std(),
            },
            statuses: Statuses::new(&config.status).map_err(|error| format!("creating HTTP code ranges: {error}"))?,
            most_body: config.max_request_body_bytes.and_then(|size| u64::try_from(size).ok()).unwrap_or(MOST_BODY),
            network: !config.disable_retry_on_network_error,
            any_method: config.retry_non_idempotent_method,
        })
    }

    /// Tries.
    pub(crate) async fn run(&self, exchange: &mut Exchange, next: Next<'_>, after: &mut After) -> Response<Body> {
        let tries = Tries::new(self.allowed);
        let repeatable = self.any_method || exchange.parts.method.is_idempotent();
        if !self.statuses.is_empty() && repeatable && exchange.upgrade.is_none() {
            let most = usize::try_from(self.most_body).unwrap_or(usize::MAX);
            match buffer::beginning(&mut exchange.body, most).await {
                Ok(Beginning::Whole(body)) => return self.repeat(exchange, next, after, tries, body).await,
                Ok(Beginning::Part(read)) => exchange.body.put_back(read),
                Ok(Beginning::Unread) => {}
                Err(_) => return crate::http::error_response::status_text(StatusCode::BAD_REQUEST),
            }
        }
        after.tries = self.network.then_some(tries);
        next.run(exchange, after).await
    }

    async fn repeat(
        &self,
        exchange: &mut Exchange,
        next: Next<'_>,
        after: &mut After,
        mut tries: Tries,
        body: Bytes,
    ) -> Response<Body> {
        loop {
            let head = exchange.head();
            exchange.body = RequestBody::held(body.clone());
            after.tries = self.network.then_some(tries);
            let response = next.run(exchange, after).await;
            if let Some(made) = after.tries.take() {
                tries.count(made);
            }
            let again = tries.next().filter(|_| self.statuses.contains(response.status()));
            let Some(pause) = again else { return response };
            drop(response);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if let Some(record) = &mut exchange.record {
                record.retries += 1;
            }
            exchange.again(head, Bytes::new());
            tries.begin();
        }
    }
}
