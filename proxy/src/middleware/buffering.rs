//! `buffering`: whole requests and whole answers, within limits; and another try where an expression says so.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response, StatusCode};

use crate::config::dynamic::Buffering as Config;
use crate::http::body::{Body, RequestBody};
use crate::http::error_response::{Reason, status_text, text};
use crate::http::exchange::Exchange;
use crate::http::spool::{Spooled, Unspooled};
use crate::upstream::failure::chain;
use crate::worker::Worker;

use super::expression::{Expression, Kind, Signature, Value};
use super::{After, Next};

/// Tries at most, whatever the expression says.
const MOST_ATTEMPTS: u32 = 10;

/// Bytes of a body that are held in memory, where the configuration does not say.
const DEFAULT_MEMORY: u64 = 1 << 20;

/// Of the bodies in one direction.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bytes held in memory; the rest goes to a file.
    memory: usize,
    /// Bytes in all.
    most: u64,
}

impl Limits {
    fn new(name: &str, memory: i64, most: i64) -> Result<Self, String> {
        let size =
            |option: String, size: i64| u64::try_from(size).map_err(|_| format!("{option} should be >= 0, not {size}"));
        let memory = match size(format!("mem{name}BodyBytes"), memory)? {
            0 => DEFAULT_MEMORY,
            memory => memory,
        };
        let most = match size(format!("max{name}BodyBytes"), most)? {
            // No limit but that of the disk.
            0 => u64::MAX,
            most => most,
        };
        Ok(Self { memory: usize::try_from(memory.min(most)).unwrap_or(usize::MAX), most })
    }
}

/// The limits.
#[derive(Debug)]
pub(crate) struct Buffering {
    request: Limits,
    response: Limits,
    again: Option<Expression>,
}

impl Buffering {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let known = |name: &str| {
            let gives = match name {
                "IsNetworkError" => Kind::Flag,
                "Attempts" | "ResponseCode" => Kind::Whole,
                "RequestMethod" => Kind::Text,
                _ => return None,
            };
            Some(Signature { takes: &[], gives })
        };
        let again = match config.retry_expression.as_str() {
            "" => None,
            text => Some(Expression::parse(text, &known)?),
        };
        Ok(Self {
            request: Limits::new("Request", config.mem_request_body_bytes, config.max_request_body_bytes)?,
            response: Limits::new("Response", config.mem_response_body_bytes, config.max_response_body_bytes)?,
            again,
        })
    }

    pub(crate) async fn run(&self, exchange: &mut Exchange, next: Next<'_>, after: &mut After) -> Response<Body> {
        if exchange.upgrade.is_some() {
            return next.run(exchange, after).await;
        }
        let had_body = !exchange.body.is_empty();
        let Limits { memory, most } = self.request;
        let body = match Spooled::read(&mut exchange.body, memory, most).await {
            Ok(body) => body,
            Err(Unspooled::TooLarge(_)) => return text(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Err(Unspooled::Broken(_)) => return status_text(StatusCode::BAD_REQUEST),
            Err(error @ Unspooled::Disk(_)) => {
                tracing::error!(error = chain(&error), "a request cannot be buffered");
                return exchange.client.worker.refusal(Reason::Disk);
            }
        };
        if had_body {
            exchange.parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let mut attempt = 1;
        loop {
            let head = exchange.head();
            exchange.body = RequestBody::spooled(body.reader());
            let response = next.run(exchange, after).await;
            // As in Traefik, only requests with a body are tried again.
            let again = had_body
                && attempt < MOST_ATTEMPTS
                && self.again.as_ref().is_some_and(|again| {
                    again.holds(&|call| match call.name.as_str() {
                        "IsNetworkError" => Value::Flag(matches!(
                            response.status(),
                            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
                        )),
                        "Attempts" => Value::Number(f64::from(attempt)),
                        "ResponseCode" => Value::Number(f64::from(response.status().as_u16())),
                        _ => Value::Text(exchange.parts.method.as_str().to_owned()),
                    })
                });
            // One that cannot be buffered is not asked for again.
            match self.whole(response, &exchange.client.worker).await {
                Err(refusal) => return refusal,
                Ok(whole) if !again => return whole,
                Ok(_) => {}
            }
            exchange.again(head, Bytes::new());
            attempt += 1;
        }
    }

    async fn whole(&self, response: Response<Body>, worker: &Worker) -> Result<Response<Body>, Response<Body>> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let (mut parts, mut body) = response.into_parts();
        let Limits { memory, most } = self.response;
        match Spooled::read(&mut body, memory, most).await {
            Ok(spooled) => {
                if spooled.is_empty() {
                    return Ok(Response::from_parts(parts, Body::empty()));
                }
                if spooled.has_trailers() {
                    parts.headers.remove(CONTENT_LENGTH);
                } else {
                    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(spooled.len()));
                }
                Ok(Response::from_parts(parts, Body::changed(spooled.into_reader())))
            }
            Err(error @ Unspooled::Disk(_)) => {
                tracing::error!(error = chain(&error), "an answer cannot be buffered");
                Err(worker.refusal(Reason::Disk))
            }
            Err(error) => {
                tracing::warn!(%error, "an answer cannot be buffered");
                Err(status_text(StatusCode::INTERNAL_SERVER_ERROR))
            }
        }
    }
}
